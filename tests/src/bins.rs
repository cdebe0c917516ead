//! The binaries under test. Cargo builds none for another package's tests, so they are asked for here.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A program of this repository, built from the sources at hand.
#[derive(Clone, Copy, Debug)]
pub enum Program {
    /// `brink-issuer`
    Issuer,
    /// `brink-edge`
    Edge,
    /// `brink-edge-mock`
    Mock,
    /// `brink-fleet`
    Fleet,
    /// A host process that holds a gate.
    GateHost,
    /// A host process that records usage.
    MeterHost,
    /// A host process that does nothing but ask.
    HotPath,
}

impl Program {
    /// Where it is: what `scripts/test` built just before, or else what cargo builds now. Cargo takes its own lock, so
    /// test processes that ask at once wait for one build.
    pub fn path(self) -> &'static Path {
        static PATHS: [OnceLock<PathBuf>; 7] = [const { OnceLock::new() }; 7];
        PATHS[self as usize].get_or_init(|| prebuilt(self.name()).unwrap_or_else(|| build(self.name())))
    }

    const fn name(self) -> &'static str {
        match self {
            Program::Issuer => "brink-issuer",
            Program::Edge => "brink-edge",
            Program::Mock => "brink-edge-mock",
            Program::Fleet => "brink-fleet",
            Program::GateHost => "gate-host",
            Program::MeterHost => "meter-host",
            Program::HotPath => "hot-path",
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "scripts/test says where it built the binaries")]
fn prebuilt(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(std::env::var_os("BRINK_TEST_BIN_DIR")?).join(name);
    assert!(path.exists(), "BRINK_TEST_BIN_DIR is set, but there is no {}: unset it", path.display());
    Some(path)
}

/// Builds one program, and nothing that the build of whoever asks has built already: of a single package, or without the
/// example's own dependencies, cargo would unify other features and build everything again.
#[allow(
    clippy::disallowed_methods,
    reason = "what cargo has said of its caller is not for the cargo that is run"
)]
fn build(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the repository");
    // The same profile as the program that asks: the quickstart is run with --release, tests are not.
    let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--locked", "--workspace", "--example", "quickstart", "--bin", name]);
    cargo.args(["--message-format=json", "--profile", profile]).current_dir(root);
    // What cargo says to whoever it runs: a dependency whose build looks at that would be built once more.
    for (variable, _) in std::env::vars_os().filter(|(variable, _)| is_of_cargo(variable)) {
        cargo.env_remove(variable);
    }
    let output = cargo.output().expect("cargo runs");
    assert!(output.status.success(), "cargo build --bin {name}: {}", String::from_utf8_lossy(&output.stderr));
    executable(&String::from_utf8(output.stdout).expect("cargo prints UTF-8"), name)
}

/// Whether cargo sets it for the programs that it runs, of which package they are.
fn is_of_cargo(variable: &OsStr) -> bool {
    let name = variable.to_string_lossy();
    name.starts_with("CARGO_PKG_") || ["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH"].contains(&&*name)
}

fn executable(messages: &str, name: &str) -> PathBuf {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["reason"] == "compiler-artifact" && message["target"]["name"] == name)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .unwrap_or_else(|| panic!("cargo built no binary {name}"))
}

/// The interpreter that `scripts/test` gave what tests/requirements.txt names.
#[allow(clippy::disallowed_methods, reason = "scripts/test says where it installed them")]
pub fn python() -> PathBuf {
    let python = std::env::var_os("BRINK_TEST_PYTHON");
    PathBuf::from(
        python.expect("BRINK_TEST_PYTHON names a python with tests/requirements.txt: scripts/test sets it"),
    )
}

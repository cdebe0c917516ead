//! The binaries under test. Cargo builds none for another package's tests, so they are asked for here.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Paths of the programs, built from the sources at hand.
#[derive(Clone, Debug)]
pub struct Bins {
    /// `brink-issuer`
    pub issuer: PathBuf,
    /// `brink-edge`
    pub edge: PathBuf,
    /// `brink-fleet`
    pub fleet: PathBuf,
    /// A host process that holds a gate.
    pub gate_host: PathBuf,
    /// A host process that records usage.
    pub meter_host: PathBuf,
    /// A host process that does nothing but ask.
    pub hot_path: PathBuf,
}

impl Bins {
    /// The binaries that `scripts/test` built just before, or else those that cargo builds now. Cargo takes its own
    /// lock, so test processes that ask at once wait for one build.
    pub fn built() -> &'static Bins {
        static BINS: OnceLock<Bins> = OnceLock::new();
        BINS.get_or_init(|| prebuilt().unwrap_or_else(build))
    }
}

#[allow(clippy::disallowed_methods, reason = "scripts/test says where it built the binaries")]
fn prebuilt() -> Option<Bins> {
    let folder = PathBuf::from(std::env::var_os("BRINK_TEST_BIN_DIR")?);
    let bins = Bins {
        issuer: folder.join("brink-issuer"),
        edge: folder.join("brink-edge"),
        fleet: folder.join("brink-fleet"),
        gate_host: folder.join("gate-host"),
        meter_host: folder.join("meter-host"),
        hot_path: folder.join("hot-path"),
    };
    let Bins { issuer, edge, fleet, gate_host, meter_host, hot_path } = &bins;
    for path in [issuer, edge, fleet, gate_host, meter_host, hot_path] {
        assert!(path.exists(), "BRINK_TEST_BIN_DIR is set, but there is no {}: unset it", path.display());
    }
    Some(bins)
}

/// Builds the binaries of the whole workspace: of single packages cargo would unify other features and rebuild.
fn build() -> Bins {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the repository");
    // The same profile as the program that asks: the quickstart is run with --release, tests are not.
    let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
    let output = Command::new(env!("CARGO"))
        .args(["build", "--locked", "--bins", "--workspace", "--message-format=json", "--profile", profile])
        .current_dir(root)
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "cargo build --bins: {}", String::from_utf8_lossy(&output.stderr));
    let messages = String::from_utf8(output.stdout).expect("cargo prints UTF-8");
    Bins {
        issuer: executable(&messages, "brink-issuer"),
        edge: executable(&messages, "brink-edge"),
        fleet: executable(&messages, "brink-fleet"),
        gate_host: executable(&messages, "gate-host"),
        meter_host: executable(&messages, "meter-host"),
        hot_path: executable(&messages, "hot-path"),
    }
}

fn executable(messages: &str, name: &str) -> PathBuf {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["reason"] == "compiler-artifact" && message["target"]["name"] == name)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .unwrap_or_else(|| panic!("cargo built no binary {name}"))
}

/// The interpreter that `scripts/test` gave PyJWT and DuckDB.
#[allow(clippy::disallowed_methods, reason = "scripts/test says where it installed them")]
pub fn python() -> PathBuf {
    let python = std::env::var_os("BRINK_TEST_PYTHON");
    PathBuf::from(
        python.expect("BRINK_TEST_PYTHON names a python with PyJWT and DuckDB: scripts/test sets it"),
    )
}

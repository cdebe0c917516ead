//! The old client as a program, built once, and what it says of a call.

use crate::tidy::root;
use brink_tests::Ran;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const SOURCES: [&str; 4] = ["old_client.cpp", "client.hpp", "transport.hpp", "fifteen.hpp"];

/// Where the program is. Test processes that ask at once wait for one build, and it is built again when its source changed.
pub(super) fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let (program, built_from) = (dir.join("old-client"), dir.join("old-client.source"));
        let lock = fs::File::create(dir.join("old-client.lock")).unwrap();
        rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
        let folder = root().join("tests/legacy");
        let source: String =
            SOURCES.iter().map(|name| fs::read_to_string(folder.join(name)).unwrap()).collect();
        let is_fresh = program.exists() && fs::read_to_string(&built_from).is_ok_and(|text| text == source);
        if !is_fresh {
            build(&folder.join("old_client.cpp"), &program);
            fs::write(built_from, source).unwrap();
        }
        program
    })
}

/// Beside its place and then into it, so that no test runs a program that is being written.
fn build(source: &Path, program: &Path) {
    let new = program.with_extension("new");
    let mut compiler = Command::new("g++");
    compiler.args(["-std=c++17", "-O1", "-Wall", "-Wextra", "-Werror", "-pedantic", "-Wshadow", "-o"]);
    let output = compiler.arg(&new).arg(source).arg("-lcurl").output();
    let output = output.unwrap_or_else(|error| panic!("g++: {error}: install it, or run scripts/test"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "tests/legacy does not build: it needs libcurl4-openssl-dev and nlohmann-json3-dev\n{said}"
    );
    fs::rename(new, program).unwrap();
}

/// The old client with its settings: where it calls, and its key.
#[derive(Clone, Debug)]
pub(crate) struct OldClient {
    settings: Vec<String>,
}

impl OldClient {
    /// A client of a server, with the base that its environment names: `http://host:port/api/v1`.
    pub(crate) fn at(base: &str, key: &str) -> OldClient {
        OldClient { settings: ["--base", base, "--key", key].map(str::to_owned).into() }
    }

    /// The same with one setting more: `timeout-ms`, `retries` or `ca`.
    pub(crate) fn with(mut self, setting: &str, value: &str) -> OldClient {
        self.settings.extend([format!("--{setting}"), value.to_owned()]);
        self
    }

    /// May this camera work?
    pub(crate) fn validate(&self, tenant: &str, camera: &str, device: &str) -> Call {
        self.call(&["validate", "--tenant", tenant, "--camera", camera, "--device", device])
    }

    /// May this tenant use a feature?
    pub(crate) fn entitlement(&self, tenant: &str, category: &str, name: &str) -> Call {
        self.call(&["entitlement", "--tenant", tenant, "--category", category, "--name", name])
    }

    /// So many events of all types in turn, a second apart, the first at this second since 1970. The same twice is the same
    /// bytes.
    pub(crate) fn usage(&self, tenant: &str, events: usize, at: i64) -> Call {
        let (events, at) = (events.to_string(), at.to_string());
        self.call(&["usage", "--tenant", tenant, "--generate", &events, "--at", &at])
    }

    /// Events of a file, as the client keeps them.
    pub(crate) fn usage_of(&self, file: &Path) -> Call {
        self.call(&["usage", "--events", file.to_str().unwrap()])
    }

    /// A batch that somebody else wrote, of so many events.
    pub(crate) fn usage_as(&self, body: &Path, sent: usize) -> Call {
        self.call(&["usage", "--body", body.to_str().unwrap(), "--sent", &sent.to_string()])
    }

    /// Says that the device is there.
    pub(crate) fn heartbeat(&self, tenant: &str, device: &str, cameras: &[&str]) -> Call {
        let mut arguments = vec!["heartbeat", "--tenant", tenant, "--device", device];
        cameras.iter().for_each(|camera| arguments.extend(["--camera", camera]));
        self.call(&arguments)
    }

    /// Is the server there?
    pub(crate) fn health(&self) -> Call {
        self.call(&["health"])
    }

    /// Any body to any path below the base; what is held is the answer's text under `body`.
    pub(crate) fn post(&self, path: &str, body: &Path) -> Call {
        self.call(&["post", "--path", path, "--body", body.to_str().unwrap()])
    }

    /// The checks of the old integration script that concern HTTP, in their order.
    pub(crate) fn fifteen(&self, tenant: &str, options: &[&str]) -> Vec<Check> {
        let ran = self.run(&[&["fifteen", "--tenant", tenant], options].concat());
        let lines = ran.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let (checks, sums): (Vec<_>, Vec<_>) = lines.partition(|line| line["check"].is_string());
        let checks: Vec<_> = checks.into_iter().map(Check).collect();
        let passed = checks.iter().filter(|check| check.passed()).count();
        assert_eq!(sums.len(), 1, "{ran}");
        assert_eq!(sums[0]["passed"], passed, "{ran}");
        assert_eq!(ran.code, Some(if passed == checks.len() { 0 } else { 3 }), "{ran}");
        checks
    }

    fn call(&self, arguments: &[&str]) -> Call {
        let ran = self.run(arguments);
        let said = ran.json();
        let code = if said["answered"] == true { 0 } else { 3 };
        Call(ran.coded(code).json())
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let arguments: Vec<&str> =
            self.settings.iter().map(String::as_str).chain(arguments.iter().copied()).collect();
        let ran = Ran::run(program(), &arguments);
        assert!(ran.stderr.is_empty(), "{ran}");
        ran
    }
}

/// What became of a call.
#[derive(Clone, Debug)]
pub(crate) struct Call(Value);

impl Call {
    /// Whether the client took an answer; otherwise its structs hold their defaults.
    pub(crate) fn answered(&self) -> bool {
        self.0["answered"] == true
    }

    /// How often it asked.
    pub(crate) fn attempts(&self) -> u64 {
        self.0["attempts"].as_u64().unwrap()
    }

    /// The HTTP statuses of every attempt in turn, those of redirects among them.
    pub(crate) fn statuses(&self) -> &Value {
        &self.0["statuses"]
    }

    /// A member of the struct that the client holds now.
    pub(crate) fn held(&self, name: &str) -> &Value {
        self.0["held"].get(name).unwrap_or_else(|| panic!("no {name} in {}", self.0))
    }

    /// Why each attempt was refused: `status`, `json`, `field`, `timeout`, `connect`, `redirects` or `transport`, and for
    /// `field` which one.
    pub(crate) fn refusals(&self) -> Vec<(&str, &str)> {
        let refusals = self.0["refusals"].as_array().unwrap().iter();
        refusals.map(|each| (each["kind"].as_str().unwrap(), each["field"].as_str().unwrap())).collect()
    }

    /// What the client took without complaint and misunderstood.
    pub(crate) fn remarks(&self) -> Vec<&str> {
        self.0["remarks"].as_array().unwrap().iter().map(|remark| remark.as_str().unwrap()).collect()
    }

    /// Whether it was sent elsewhere and went there.
    pub(crate) fn redirected(&self) -> bool {
        self.0["redirected"] == true
    }

    /// Whether it was told to go on before it sent its body.
    pub(crate) fn continued(&self) -> bool {
        self.0["continued"] == true
    }

    /// Milliseconds from the first attempt to the end of the last, waits among them.
    pub(crate) fn total_ms(&self) -> u64 {
        self.0["total_ms"].as_u64().unwrap()
    }
}

/// One check of the old script.
#[derive(Clone, Debug)]
pub(crate) struct Check(Value);

impl Check {
    /// Its name.
    pub(crate) fn name(&self) -> &str {
        self.0["check"].as_str().unwrap()
    }

    /// Whether it passed.
    pub(crate) fn passed(&self) -> bool {
        self.0["passed"] == true
    }
}

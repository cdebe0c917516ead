//! The move of an old installation to PostgreSQL, by the real program and against a real server.

mod bad_files;
mod dumped;
mod full_disk;
mod killed;
mod server;
mod whole;
mod written;

use brink_databases::{Database, ask};
use brink_installation::{Manifest, Plan};
use brink_tests::Program;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// Every table of telemetry.
const TABLES: [&str; 7] = [
    "frames",
    "telemetry_events",
    "analytics_summary",
    "time_series_buckets",
    "class_distribution",
    "dwell_times",
    "event_type_counts",
];

/// An old installation.
struct Old {
    folder: TempDir,
    manifest: Manifest,
}

impl Old {
    fn generate(plan: &Plan) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let manifest = plan.generate(folder.path()).unwrap();
        Self { folder, manifest }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// `brink-edge transfer VERB` of it into a database.
    fn command(&self, verb: &str, url: &str) -> Command {
        let mut command = Command::new(Program::Edge.path());
        command.args(["--json", "transfer", verb, "--to", url]);
        command.arg("--config-db").arg(self.folder.path().join("tapi.db"));
        command.arg("--telemetry-dir").arg(self.data());
        command.arg("--work-dir").arg(self.folder.path().join("work"));
        command.stdin(Stdio::null());
        command
    }

    fn run(&self, verb: &str, url: &str) -> Ended {
        Ended::of(&mut self.command(verb, url))
    }

    fn start(&self, verb: &str, url: &str) -> Child {
        self.command(verb, url).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Everything in its folder but the work directory, by name and content.
    fn content(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        for directory in [self.folder.path().to_owned(), self.data()] {
            for entry in std::fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                // The index of a log is of nobody's moment but the reader's.
                if path.is_file() && !path.to_string_lossy().ends_with("-shm") {
                    let content = std::fs::read(&path).unwrap();
                    found.push((path, content));
                }
            }
        }
        found.sort();
        found
    }
}

/// What a verb printed.
struct Ended {
    code: i32,
    document: Value,
    said: String,
}

impl Ended {
    fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let document = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        Self { code: output.status.code().unwrap_or(-1), document, said }
    }

    fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{}\n{:#}", self.said, self.document);
        self
    }

    /// The codes of the files that did not go through, by name.
    fn failed(&self) -> Vec<(String, String)> {
        let failed = self.document["failed"].as_array().unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        failed.iter().map(|failed| (text(&failed["name"]), text(&failed["code"]))).collect()
    }

    /// The sum of a count over all tables of telemetry of all files.
    fn sum(&self, count: &str) -> u64 {
        self.sum_of(count, |table| TABLES.contains(&table))
    }

    /// The same over the tables of the configuration.
    fn configured(&self, count: &str) -> u64 {
        self.sum_of(count, |table| !TABLES.contains(&table))
    }

    fn sum_of(&self, count: &str, is_one: impl Fn(&str) -> bool) -> u64 {
        let files = self.document["files"].as_array().unwrap().iter();
        let tables = files.flat_map(|file| file["tables"].as_object().unwrap());
        tables.filter(|(name, _)| is_one(name)).map(|(_, table)| table[count].as_u64().unwrap()).sum()
    }
}

/// A database with the tables.
fn migrated() -> Database {
    let database = Database::empty();
    migrate(&database.url());
    database
}

fn migrate(url: &str) {
    let mut command = Command::new(Program::Edge.path());
    Ended::of(command.args(["--json", "migrate", "--to", url])).ok();
}

/// One number.
fn number(url: &str, sql: &str) -> i64 {
    ask(url, sql)[0][0].as_deref().unwrap_or("0").parse().unwrap()
}

/// The copies that are left.
fn left_over(work: &Path) -> usize {
    std::fs::read_dir(work).map_or(0, Iterator::count)
}

//! PostgreSQL: a backup is what `pg_dump` writes in its own format. Read back it is the very text that `pg_restore` would
//! run, of which the rows tell whose it is and how much.

use super::partial::Partial;
use super::script::Script;
use super::{Backup, BackupError, check_issuer, restored_note};
use crate::config::DataDir;
use crate::storage::postgres::{DatabaseUrl, PostgresStorage};
use crate::storage::{Actor, AuditBooks, Probes, StorageError};
use brink_license::UnixSeconds;
use std::io::{BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};

/// What writes a backup, and what reads one.
const DUMP: &str = "pg_dump";
const RESTORE: &str = "pg_restore";
/// Longest words of a program that are said again.
const WORDS_CHARS_MAX: usize = 500;

/// Writes the database as it is at one moment into a file that only its owner may read, while others go on with it.
pub(super) fn back_up(url: &DatabaseUrl, out: &Path) -> Result<Backup, BackupError> {
    if out.symlink_metadata().is_ok() {
        return Err(BackupError::Exists(out.to_owned()));
    }
    // What is wrong with the address, the password or the schema is said in our own words.
    drop(PostgresStorage::connect(url)?);
    let partial = Partial::beside(out)?;
    let mut command = with_database(DUMP, url);
    command.args(["--format=custom", "--no-owner", "--no-privileges", "--no-password"]);
    command.arg("--file").arg(partial.path());
    run(DUMP, command)?;
    // What was written is what counts: it is read back before it gets its name.
    let script = examined(partial.path(), out)?;
    let (bytes, sha256) = partial.digest()?;
    partial.keep(out, BackupError::Exists)?;
    Ok(Backup { issuer: script.issuer.name.clone(), holdings: script.holdings, bytes, sha256 })
}

/// Puts a backup into an empty database, all of it or nothing, if it is one of the issuer whose keys are in the directory, and
/// brings its schema up to date. The restored database says so in its own audit.
pub(super) fn restore(
    data: &DataDir,
    (url, backup): (&DatabaseUrl, &Path),
    (now, actor): (UnixSeconds, &Actor),
) -> Result<Backup, BackupError> {
    if !data.trust().exists() {
        return Err(BackupError::NoTrust(data.trust()));
    }
    if !PostgresStorage::is_empty(url)? {
        return Err(BackupError::NotEmptyServer(url.to_string()));
    }
    let (bytes, sha256) = super::partial::digest_of(backup)?;
    let script = examined(backup, backup)?;
    check_issuer(data, (&script.issuer, &script.manifests), backup)?;
    let known = PostgresStorage::newest_schema()?;
    if script.holdings.schema > known {
        let found = script.holdings.schema;
        return Err(BackupError::Storage(StorageError::SchemaNewer { found, known }));
    }
    let mut command = with_database(RESTORE, url);
    command.args([
        "--exit-on-error",
        "--single-transaction",
        "--no-owner",
        "--no-privileges",
        "--no-password",
    ]);
    command.arg("--dbname").arg(url.database()).arg(backup);
    run(RESTORE, command)?;
    PostgresStorage::migrate(url)?;
    let restored = PostgresStorage::connect(url)?;
    let holdings = restored.holdings()?;
    restored.add_note(&restored_note((&script.issuer.name, &sha256), &holdings, (now, actor)))?;
    Ok(Backup { issuer: script.issuer.name.clone(), holdings, bytes, sha256 })
}

/// A program that speaks to the database. What it may know is in its environment, which nobody but its owner can read.
fn with_database(program: &'static str, url: &DatabaseUrl) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command.envs(url.for_libpq("brink-issuer backup"));
    command
}

fn run(tool: &'static str, mut command: Command) -> Result<(), BackupError> {
    let output = command.output().map_err(|error| BackupError::ToolAbsent { tool, error })?;
    if output.status.success() {
        return Ok(());
    }
    Err(BackupError::Tool { tool, problem: words(&output.stderr) })
}

/// What a program said, in one line.
fn words(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let line = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(", ");
    line.chars().take(WORDS_CHARS_MAX).collect()
}

/// Reads all of a backup, to its last row. `named` is what people know it by.
fn examined(path: &Path, named: &Path) -> Result<Script, BackupError> {
    let damaged = |problem: String| BackupError::Damaged { path: named.to_owned(), problem };
    if let Err(error) = std::fs::File::open(path) {
        return Err(BackupError::Io { path: named.to_owned(), error });
    }
    let mut child = Command::new(RESTORE)
        .args(["--no-owner", "--no-privileges", "--file=-"])
        .arg(path)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| BackupError::ToolAbsent { tool: RESTORE, error })?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    // Read beside, or a program that says much would wait for somebody to listen.
    let said = std::thread::spawn(move || {
        let mut said = Vec::new();
        if let Some(stderr) = stderr {
            let _ = stderr.take(64 * 1024).read_to_end(&mut said);
        }
        said
    });
    let read = stdout.map(|stdout| Script::read(BufReader::new(stdout)));
    let status = child.wait().map_err(|error| BackupError::Io { path: named.to_owned(), error })?;
    let said = said.join().unwrap_or_default();
    if !status.success() {
        return Err(damaged(words(&said)));
    }
    match read {
        Some(Ok(script)) => Ok(script),
        Some(Err(problem)) => Err(damaged(problem)),
        None => Err(damaged("it could not be read".to_owned())),
    }
}

//! A process killed, or refused by its kernel, at a numbered system call: by strace, so that the program is the one that
//! is shipped.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Ran;

/// System calls that change a disk, or make sure of it.
const CHANGING: [&str; 22] = [
    "openat",
    "mkdir",
    "mkdirat",
    "write",
    "pwrite64",
    "pwritev",
    "fsync",
    "fdatasync",
    "sync_file_range",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "rmdir",
    "ftruncate",
    "fallocate",
    "link",
    "linkat",
    "fchmod",
    "fchown",
    "chmod",
];
/// Those that make sure of it.
pub(super) const SYNCING: &str = "fsync,fdatasync,sync_file_range";

/// A place in a process: its `when`th call of this kind, on this file if another thread than the first does it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Point {
    pub(super) syscall: String,
    pub(super) when: u32,
    /// Below the round's directory; strace counts for each thread, so only the file tells another thread's calls apart.
    pub(super) file: Option<PathBuf>,
    /// What the call was about.
    pub(super) about: String,
}

impl std::fmt::Display for Point {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} {} ({})", self.syscall, self.when, self.about)
    }
}

/// Whether strace is here and may watch.
pub(super) fn available() -> Result<(), String> {
    let tried = Command::new("strace").args(["-f", "-qq", "-e", "trace=none", "true"]).output();
    match tried {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            Err(format!("strace may not watch here: {}", String::from_utf8_lossy(&output.stderr).trim()))
        }
        Err(_) => Err("strace is absent (apt-get install strace)".to_owned()),
    }
}

pub(super) fn strace(options: &[&str], command: &Command) -> Command {
    let mut watched = Command::new("strace");
    watched.args(["-f", "-qq"]).args(options).arg(command.get_program()).args(command.get_args());
    watched
}

/// The option that watches everything that changes something.
pub(super) fn trace() -> String {
    format!("trace={}", CHANGING.join(","))
}

/// Every place at which this command changes something below one of `roots`, each file and kind of call with its number.
pub(super) fn points(command: &Command, directory: &Path, log: &Path) -> Vec<Point> {
    let lines = log_of(command, log);
    let points = parse(&lines, directory);
    assert!(!points.is_empty(), "strace saw nothing of {command:?}\n{lines}");
    points
}

pub(super) fn parse(lines: &str, directory: &Path) -> Vec<Point> {
    let mut first = None;
    let mut counts: BTreeMap<(&str, &str, Option<String>), u32> = BTreeMap::new();
    let mut points = BTreeSet::new();
    for line in lines.lines() {
        let Some((thread, call)) = line.split_once(' ') else { continue };
        let call = call.trim_start();
        let Some((syscall, arguments)) = call.split_once('(').filter(|_| !call.starts_with('<')) else {
            continue;
        };
        let is_first = *first.get_or_insert(thread) == thread;
        let path = path_of(arguments).unwrap_or_default();
        let file = (!is_first).then(|| path.to_owned());
        let when = counts.entry((thread, syscall, file)).or_default();
        *when += 1;
        let reads = syscall == "openat" && !arguments.contains("O_CREAT");
        // The index of a log is made anew whatever is left of it.
        if reads || path.ends_with("-shm") || !concerns(path, directory) {
            continue;
        }
        let below =
            Path::new(path).strip_prefix(directory).map_or_else(|_| PathBuf::from(".."), Path::to_owned);
        points.insert(Point {
            syscall: syscall.to_owned(),
            when: *when,
            file: (!is_first).then(|| below.clone()),
            about: below.display().to_string(),
        });
    }
    points.into_iter().collect()
}

/// Whether a path is in the directory, or beside it under its name, or is the place where they both are.
fn concerns(path: &str, directory: &Path) -> bool {
    let name = directory.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    path.contains(name) || directory.parent() == Some(Path::new(path))
}

/// The file of a call: behind the first descriptor, or the first quoted path.
fn path_of(arguments: &str) -> Option<&str> {
    let quoted = arguments.split_once('"').and_then(|(_, rest)| rest.split_once('"'));
    let descriptor = arguments.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    let begins_with_number = arguments.starts_with(|first: char| first.is_ascii_digit());
    if begins_with_number { descriptor.map(|(path, _)| path) } else { quoted.map(|(path, _)| path) }
}

fn injecting(point: &Point, what: &str, directory: &Path) -> Vec<String> {
    let mut options = vec!["-o".to_owned(), "/dev/null".to_owned()];
    options.extend(["-e".to_owned(), format!("trace={}", point.syscall)]);
    options.extend(["-e".to_owned(), format!("inject={}:{what}", point.syscall)]);
    if let Some(file) = &point.file {
        options.extend(["-P".to_owned(), super::bench::text(&directory.join(file)).to_owned()]);
    }
    options
}

/// The options that kill at this place.
pub(super) fn killing(point: &Point, directory: &Path) -> Vec<String> {
    injecting(point, &format!("signal=SIGKILL:when={}", point.when), directory)
}

fn injected(options: &[String], command: &Command) -> Ran {
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    Ran::to_end(&mut strace(&options, command))
}

/// Runs it up to this place: the call is not made any more.
pub(super) fn killed_at(point: &Point, command: &Command, directory: &Path) -> Ran {
    injected(&killing(point, directory), command)
}

/// Runs it with this call refused; from there on with every one of its kind, if `ever after`.
pub(super) fn refused_at(
    point: &Point,
    error: &str,
    ever_after: bool,
    command: &Command,
    directory: &Path,
) -> Ran {
    let on = if ever_after { "+" } else { "" };
    injected(&injecting(point, &format!("error={error}:when={}{on}", point.when), directory), command)
}

/// The names that a watched command moved something to without syncing their directory afterwards: the power may take
/// them back. A file that SQLite or sled moves by itself is theirs.
pub(super) fn names_not_synced(lines: &str) -> Vec<String> {
    let calls = || lines.lines().filter_map(|line| line.split_once(' ').map(|(_, call)| call.trim_start()));
    let renamed = calls().enumerate().filter(|(_, call)| call.starts_with("rename"));
    let unsynced = renamed.filter_map(|(at, call)| {
        let name = call.rsplit('"').nth(1)?;
        let directory = Path::new(name).parent()?.to_str()?;
        let synced = format!("<{directory}>)");
        let is_synced = calls().skip(at).any(|later| later.starts_with("fsync(") && later.contains(&synced));
        (!is_synced && !name.contains("/vault/")).then(|| name.to_owned())
    });
    unsynced.collect()
}

/// What strace says of a command that is left alone.
pub(super) fn log_of(command: &Command, log: &Path) -> String {
    let ran =
        Ran::to_end(&mut strace(&["-y", "-s", "1", "-o", super::bench::text(log), "-e", &trace()], command));
    assert_eq!(ran.signal, None, "watched only\n{ran}");
    std::fs::read_to_string(log).expect("strace writes a log")
}

/// Runs it on a kernel that says it has synced and has not.
pub(super) fn without_syncing(command: &Command) -> Ran {
    let rule = format!("inject={SYNCING}:retval=0");
    let trace = format!("trace={SYNCING}");
    Ran::to_end(&mut strace(&["-o", "/dev/null", "-e", &trace, "-e", &rule], command))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_counts_once_its_directory_is_synced() {
        let moved = "10 rename(\"/d/.a.new\", \"/d/a\") = 0\n";
        let synced = "10 fsync(3</d>) = 0\n";
        assert_eq!(names_not_synced(&[synced, moved].concat()), ["/d/a"]);
        assert!(names_not_synced(&[moved, synced].concat()).is_empty());
    }

    #[test]
    fn calls_are_numbered_as_strace_counts_them() {
        let log = "\
10 openat(AT_FDCWD</x>, \"/d/trust.json\", O_RDONLY) = 3</d/trust.json>
10 openat(AT_FDCWD</x>, \"/d/a\", O_RDWR|O_CREAT, 0600) = 3</d/a>
10 pwrite64(4</d/a-shm>, \"\"..., 1, 2) = 1
10 pwrite64(3</d/a>, \"\"..., 1, 2) = 1
11 pwrite64(5</d/vault/db>, \"\"..., 1, 2 <unfinished ...>
11 <... pwrite64 resumed>) = 1
10 write(1</elsewhere>, \"\"..., 3) = 3
10 fsync(3</d>) = 0
10 write(4</.d.out.new>, \"\"..., 3) = 3
";
        let said: Vec<String> =
            parse(log, Path::new("/d")).iter().map(|point| format!("{point} {:?}", point.file)).collect();
        let wanted = [
            "fsync 1 () None",
            "openat 2 (a) None",
            "pwrite64 1 (vault/db) Some(\"vault/db\")",
            "pwrite64 2 (a) None",
            "write 2 (..) None",
        ];
        assert_eq!(said, wanted);
    }
}

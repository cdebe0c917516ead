//! A process that stays: the issuer's server, the device's agent.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};

use rustix::process::{Pid, Signal, kill_process};

use crate::wait::{PATIENCE, until, within};

/// A running process, killed when dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    lines: Receiver<String>,
    log: PathBuf,
}

impl Running {
    /// Starts the command with its standard error in `log`.
    pub fn start(command: &mut Command, log: PathBuf) -> Running {
        let stderr =
            std::fs::File::options().create(true).append(true).open(&log).expect("the log can be opened");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stdout = child.stdout.take().expect("standard output is piped");
        let (sender, lines) = channel();
        // Reads to the end even when nobody listens any more, or the process would block on a full pipe.
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Running { child, lines, log }
    }

    /// Waits for the line that begins with `prefix` and gives what follows.
    pub fn announced(&mut self, prefix: &str) -> String {
        self.says(prefix).unwrap_or_else(|| panic!("never said {prefix:?}\n{}", self.log()))
    }

    /// The same of a process that may end before it says so.
    pub fn says(&mut self, prefix: &str) -> Option<String> {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).ok()?;
            if let Some(rest) = line.strip_prefix(prefix) {
                return Some(rest.trim().to_owned());
            }
        }
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().expect("the child can be waited for").is_none()
    }

    /// Asks it to end, as a service manager would, and waits until it has.
    pub fn stop(mut self) -> ExitStatus {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(id, Signal::TERM).expect("the child can be signalled");
        within(PATIENCE, || self.child.try_wait().expect("the child can be waited for"))
            .unwrap_or_else(|| panic!("did not end on SIGTERM\n{}", self.log()))
    }

    /// Stops it where it is, with SIGSTOP, and waits until every thread of it stands still.
    pub fn freeze(&self) {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(id, Signal::STOP).expect("the child can be signalled");
        until("the child stands still", || threads_stand_still(self.child.id()));
    }

    /// Kills it with SIGKILL, so that it can tidy nothing up.
    pub fn kill(mut self) {
        self.child.kill().expect("the child can be killed");
        self.child.wait().expect("the child can be waited for");
    }

    /// Waits until it has ended by itself.
    pub fn until_gone(mut self) {
        let gone = within(PATIENCE, || self.child.try_wait().expect("the child can be waited for"));
        assert!(gone.is_some(), "did not end\n{}", self.log());
    }

    /// Waits until `ready`, and fails at once if the process ends before that.
    pub fn until(&mut self, what: &str, mut ready: impl FnMut() -> bool) {
        until(what, || {
            assert!(self.is_alive(), "ended while a test waited: {what}\n{}", self.log());
            ready()
        });
    }
}

/// Whether every thread is stopped, or has ended, by proc_pid_stat(5).
fn threads_stand_still(id: u32) -> bool {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{id}/task")) else { return true };
    threads.filter_map(Result::ok).all(|thread| {
        let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        // The name before it stands in brackets and may hold anything.
        let state = stat.rsplit(')').next().unwrap_or_default().trim_start().chars().next();
        matches!(state, Some('T' | 'Z' | 'X') | None)
    })
}

impl Drop for Running {
    fn drop(&mut self) {
        // Already ended is fine here.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<_> = log.lines().rev().take(40).collect();
            for line in tail.iter().rev() {
                report(line);
            }
        }
    }
}

#[allow(clippy::print_stderr, reason = "a failing test shows the end of its processes' logs")]
fn report(line: &str) {
    eprintln!("  | {line}");
}

//! One command, run to its end.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::wait::{PATIENCE, within};

/// What a finished command said.
#[derive(Debug)]
pub struct Ran {
    /// The command line, for messages.
    pub line: String,
    /// The exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Everything on standard output.
    pub stdout: String,
    /// Everything on standard error.
    pub stderr: String,
}

impl Ran {
    /// Runs `program`; a command that does not end is killed and fails the test.
    pub fn run<S: AsRef<std::ffi::OsStr>>(program: &Path, arguments: &[S]) -> Ran {
        let mut command = Command::new(program);
        command.args(arguments);
        Ran::to_end(&mut command)
    }

    /// Runs a command that was put together elsewhere.
    pub fn to_end(command: &mut Command) -> Ran {
        Ran::begin(command).end()
    }

    /// Starts a command that goes on beside the test. Output goes through files, so that no pipe can fill up.
    pub fn begin(command: &mut Command) -> Begun {
        let line = format!("{command:?}");
        let stdout = tempfile::tempfile().expect("a temporary file");
        let stderr = tempfile::tempfile().expect("a temporary file");
        command.stdin(Stdio::null());
        command.stdout(stdout.try_clone().expect("a second handle"));
        command.stderr(stderr.try_clone().expect("a second handle"));
        let child = command.spawn().unwrap_or_else(|error| panic!("{line}: {error}"));
        Begun { line, child, stdout, stderr }
    }

    /// Asserts success.
    #[track_caller]
    pub fn ok(self) -> Ran {
        self.coded(0)
    }

    /// Asserts the exit code.
    #[track_caller]
    pub fn coded(self, code: i32) -> Ran {
        assert_eq!(self.code, Some(code), "\n{self}");
        self
    }

    /// Standard output as the one JSON document that `--json` promises.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("no JSON document: {error}\n{self}"))
    }

    /// Asserts that standard error names `text`.
    #[track_caller]
    pub fn says(self, text: &str) -> Ran {
        assert!(self.stderr.contains(text), "does not say {text:?}\n{self}");
        self
    }
}

/// A command that was begun; killed when dropped.
#[derive(Debug)]
pub struct Begun {
    line: String,
    child: Child,
    stdout: File,
    stderr: File,
}

impl Begun {
    /// Waits until it has ended; a command that does not is killed and fails the test.
    pub fn end(mut self) -> Ran {
        let child = &mut self.child;
        let status = within(PATIENCE, || child.try_wait().expect("the child can be waited for"));
        if status.is_none() {
            self.child.kill().expect("the child can be killed");
            self.child.wait().expect("the child can be waited for");
        }
        let code = status.as_ref().and_then(std::process::ExitStatus::code);
        let signal = status.as_ref().and_then(std::os::unix::process::ExitStatusExt::signal);
        let (stdout, stderr) = (read_back(&mut self.stdout), read_back(&mut self.stderr));
        let ran = Ran { line: self.line.clone(), code, signal, stdout, stderr };
        assert!(status.is_some(), "did not end within {PATIENCE:?}\n{ran}");
        ran
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        // Already ended is fine here.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Ran { line, code, signal, stdout, stderr } = self;
        write!(
            out,
            "command: {line}\ncode: {code:?}, signal: {signal:?}\nstdout:\n{stdout}\nstderr:\n{stderr}"
        )
    }
}

fn read_back(file: &mut File) -> String {
    let mut bytes = Vec::new();
    file.rewind().expect("a temporary file can be rewound");
    file.read_to_end(&mut bytes).expect("a temporary file can be read");
    String::from_utf8_lossy(&bytes).into_owned()
}

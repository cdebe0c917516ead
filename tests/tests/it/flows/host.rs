//! A host process beside the agent, with a gate of its own.

use super::{NEAR_MISS, Scene};
use brink_tests::Program;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A host process that asks without pause; it ends when its standard input is closed.
pub(super) struct Host {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Host {
    pub(super) fn start(scene: &Scene) -> Host {
        Host::asking(scene, ("cam-1", NEAR_MISS), "granted")
    }

    /// One that asks this, and is told so at first.
    pub(super) fn asking(scene: &Scene, (camera, feature): (&str, &str), told: &str) -> Host {
        let mut child = Command::new(Program::GateHost.path())
            .arg(scene.device.bundle())
            .arg(scene.issuer.trust())
            .args([camera, feature])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        let mut host = Host { stdout: BufReader::new(child.stdout.take().unwrap()), child, stdin };
        assert_eq!(host.line(), format!("ready {told}"));
        host
    }

    /// The next thing that it says.
    pub(super) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    /// Ends it and gives what it counted: checks, denied, number of the receipt in force, what it refused.
    pub(super) fn end(mut self) -> (u64, u64, u64, String) {
        drop(self.stdin.take());
        let line = self.line();
        assert!(self.child.wait().unwrap().success());
        let words: Vec<&str> = line.splitn(8, ' ').collect();
        let number = |at: usize| words[at].parse().unwrap_or_else(|_| panic!("{line}"));
        (number(1), number(3), number(5), words[7].to_owned())
    }
}

//! `brink-edge` on one data directory.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Bins, Ran, Running};

/// A device's data directory.
#[derive(Debug)]
pub struct Device {
    data: PathBuf,
}

impl Device {
    /// Provisions a device with a trust anchor.
    pub fn init(data: PathBuf, trust: &Path) -> Device {
        let device = Device { data };
        let trust = trust.to_str().expect("a test's paths are UTF-8");
        device.run(&["init", "--trust", trust]).ok();
        device
    }

    /// A directory that exists already, for example a copy.
    pub fn at(data: PathBuf) -> Device {
        Device { data }
    }

    /// The data directory.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The published bundle.
    pub fn bundle(&self) -> PathBuf {
        self.data.join("licence.bundle")
    }

    /// Runs one verb on this data directory.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        Ran::to_end(&mut self.command(arguments))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&Bins::built().edge);
        command.args(arguments).arg("--data").arg(&self.data);
        command
    }

    /// Activates over the network.
    pub fn activate(&self, url: &str, code: &str) -> Ran {
        self.run(&["activate", "--issuer", url, "--code", code])
    }

    /// Exchanges over the network, with the issuer it was activated at.
    pub fn exchange(&self) -> Ran {
        self.run(&["exchange"])
    }

    /// Asks for a decision.
    pub fn check(&self, camera: &str, feature: &str) -> Ran {
        self.run(&["check", "--camera", camera, "--feature", feature, "--json"])
    }

    /// Asks for a decision and gives its verdict and reason.
    pub fn verdict(&self, camera: &str, feature: &str) -> (String, String) {
        let said = self.check(camera, feature).json();
        let text = |key: &str| said[key].as_str().unwrap_or_else(|| panic!("no {key} in {said}")).to_owned();
        (text("verdict"), text("reason"))
    }

    /// The device's own report on itself.
    pub fn status(&self) -> serde_json::Value {
        self.run(&["status", "--json"]).ok().json()
    }

    /// Starts the agent and waits until it answers on its socket.
    pub fn agent(&self) -> Running {
        let mut command = self.command(&["run"]);
        let mut running = Running::start(&mut command, self.data.with_extension("log"));
        let socket = self.data.join("agent.sock");
        running.until("the agent answers on agent.sock", || UnixStream::connect(&socket).is_ok());
        running
    }
}

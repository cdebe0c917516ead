//! `brink-edge` on one data directory.

use std::os::unix::fs::{PermissionsExt, lchown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Program, Ran, Running};

/// A device's data directory, and as whom it is used.
#[derive(Debug)]
pub struct Device {
    data: PathBuf,
    program: PathBuf,
    user: Option<User>,
}

/// Somebody else than the tests' own user, by numbers: the machine need not know them.
#[derive(Clone, Copy, Debug)]
pub struct User {
    /// User id.
    pub uid: u32,
    /// The only group.
    pub gid: u32,
}

impl Device {
    /// Provisions a device with a trust anchor.
    pub fn init(data: PathBuf, trust: &Path) -> Device {
        let device = Device::at(data);
        let trust = trust.to_str().expect("a test's paths are UTF-8");
        device.run(&["init", "--trust", trust]).ok();
        device
    }

    /// A directory that exists already, for example a copy.
    pub fn at(data: PathBuf) -> Device {
        Device { data, program: Program::Edge.path().to_owned(), user: None }
    }

    /// The same device as another user uses it. Only root can be somebody else. `folder`, which that user has to be able
    /// to reach, takes a copy of the program, since who knows where the first one lies.
    pub fn seen_by(&self, user: User, folder: &Path) -> Device {
        let program = folder.join("brink-edge");
        if !program.exists() {
            std::fs::copy(&self.program, &program).expect("the program can be copied");
            std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).expect("a mode can be set");
        }
        Device { data: self.data.clone(), program, user: Some(user) }
    }

    /// Gives the whole directory to a user.
    pub fn give_to(&self, user: User) {
        let mut places = vec![self.data.clone()];
        while let Some(place) = places.pop() {
            lchown(&place, Some(user.uid), Some(user.gid)).expect("root may give things away");
            if place.symlink_metadata().expect("it is there").is_dir() {
                let listing = std::fs::read_dir(&place).expect("root may list it");
                places.extend(listing.map(|entry| entry.expect("an entry").path()));
            }
        }
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

    /// The command of one verb, to be run by somebody else.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        if let Some(User { uid, gid }) = self.user {
            // Takes every other group away too.
            command.uid(uid).gid(gid);
        }
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
        self.agent_with(&[])
    }

    /// The same with further arguments.
    pub fn agent_with(&self, arguments: &[&str]) -> Running {
        let mut command = self.command(&[&["run"], arguments].concat());
        let mut running = Running::start(&mut command, self.data.with_extension("log"));
        running.announced("agent ready on ");
        running
    }
}

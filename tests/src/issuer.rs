//! `brink-issuer` on one data directory.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Program, Ran, Running};

/// An issuer's data directory.
#[derive(Debug)]
pub struct Issuer {
    data: PathBuf,
}

/// A directory with all that is in it, and its modes.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).expect("a directory can be made");
    let mode = from.metadata().expect("it is there").permissions();
    std::fs::set_permissions(to, mode).expect("a mode can be set");
    for entry in std::fs::read_dir(from).expect("it can be listed") {
        let entry = entry.expect("an entry");
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            std::fs::copy(&from, &to).expect("a file can be copied");
        }
    }
}

/// What an operator hands to a device: an activation code, and the device id it is for.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The activation code.
    pub code: String,
    /// The id of the device that spends it.
    pub device: String,
}

impl Issuer {
    /// Makes a development issuer: plaintext keys, one root.
    pub fn init(data: PathBuf, name: &str) -> Issuer {
        let issuer = Issuer { data };
        issuer.run(&["init", "--issuer", name, "--dev"]).ok();
        issuer
    }

    /// The same on a PostgreSQL database.
    pub fn init_on(data: PathBuf, name: &str, url: &str) -> Issuer {
        let issuer = Issuer { data };
        issuer.run(&["init", "--issuer", name, "--dev", "--database-url", url]).ok();
        issuer
    }

    /// Another directory with the same keys and the same database, as another machine would have it.
    pub fn replica(&self, data: PathBuf) -> Issuer {
        copy(&self.data, &data);
        Issuer { data }
    }

    /// A directory that exists already, for example a copy.
    pub fn at(data: PathBuf) -> Issuer {
        Issuer { data }
    }

    /// The data directory.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The trust anchor that devices are provisioned with.
    pub fn trust(&self) -> PathBuf {
        self.data.join("trust.json")
    }

    /// Runs one verb on this data directory.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        Ran::to_end(&mut self.command(arguments))
    }

    /// The command of one verb, to be run by somebody else.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(Program::Issuer.path());
        command.args(arguments).arg("--data").arg(&self.data);
        command
    }

    /// Creates a tenant and its subscription; `terms` are further arguments such as `--pack analytics`.
    pub fn subscribe(&self, tenant: &str, cameras: u32, terms: &[&str]) {
        self.run(&["tenant", "create", "--id", tenant, "--name", tenant]).ok();
        self.set_subscription(tenant, cameras, terms);
    }

    /// Sets the subscription of a tenant that exists.
    pub fn set_subscription(&self, tenant: &str, cameras: u32, terms: &[&str]) {
        let cameras = cameras.to_string();
        let mut arguments = vec!["subscription", "set", "--tenant", tenant, "--cameras", &cameras];
        arguments.extend(terms);
        self.run(&arguments).ok();
    }

    /// Makes an activation code.
    pub fn offer(&self, tenant: &str) -> Offer {
        let said = self.run(&["device", "code", "--tenant", tenant, "--json"]).ok().json();
        let text = |key: &str| said[key].as_str().unwrap_or_else(|| panic!("no {key} in {said}")).to_owned();
        Offer { code: text("code"), device: text("device") }
    }

    /// Assigns cameras by name, with exactly these packs.
    pub fn assign(&self, device: &str, cameras: &[&str], packs: &[&str]) {
        let mut arguments = vec!["camera", "assign", "--device", device];
        for camera in cameras {
            arguments.extend(["--camera", camera]);
        }
        for pack in packs {
            arguments.extend(["--pack", pack]);
        }
        self.run(&arguments).ok();
    }

    /// Answers a request file with a response file.
    pub fn exchange_file(&self, request: &Path, response: &Path) -> Ran {
        let mut command = self.command(&["exchange"]);
        command.arg("--in").arg(request).arg("--out").arg(response);
        Ran::to_end(&mut command)
    }

    /// Serves on a free port of the loopback; gives the process and its URL.
    pub fn serve(&self) -> (Running, String) {
        self.serve_with(&[])
    }

    /// The same with further arguments.
    pub fn serve_with(&self, arguments: &[&str]) -> (Running, String) {
        self.serve_at("127.0.0.1:0", arguments)
    }

    /// The same on an address, for example one that it had before.
    pub fn serve_at(&self, listen: &str, arguments: &[&str]) -> (Running, String) {
        let mut command = self.command(&[&["serve", "--listen", listen], arguments].concat());
        let mut running = Running::start(&mut command, self.data.with_extension("log"));
        let url = running.announced("listening on ");
        (running, url)
    }
}

//! `brink-fleet` against replicas of one issuer that are killed and return.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Begun, Issuer, Program, Ran, Running};

/// Issuers of one database, each served at an address that stays its own.
#[derive(Debug)]
pub struct Replicas {
    issuers: Vec<Issuer>,
    serving: Vec<Option<Running>>,
    urls: Vec<String>,
}

impl Replicas {
    /// Serves each of these; the same directory may stand there twice.
    pub fn serve(issuers: Vec<Issuer>) -> Replicas {
        let (serving, urls) =
            issuers.iter().map(|issuer| issuer.serve()).map(|(running, url)| (Some(running), url)).unzip();
        Replicas { issuers, serving, urls }
    }

    /// Where they are served.
    pub fn urls(&self) -> &[String] {
        &self.urls
    }

    /// One of them.
    pub fn issuer(&self, number: usize) -> &Issuer {
        &self.issuers[number]
    }

    /// Kills one with SIGKILL.
    pub fn kill(&mut self, number: usize) {
        self.serving[number].take().expect("it is served").kill();
    }

    /// Serves it again at the same address.
    pub fn returns(&mut self, number: usize) {
        let listen = self.urls[number].trim_start_matches("http://");
        let (running, url) = self.issuers[number].serve_at(listen, &[]);
        assert_eq!(url, self.urls[number]);
        self.serving[number] = Some(running);
    }
}

/// A fleet, as `brink-fleet` is told of it.
#[derive(Debug)]
pub struct Fleet {
    codes: PathBuf,
    ledger: PathBuf,
}

impl Fleet {
    /// A code for each tenant, good for so many devices each.
    pub fn provisioned(issuer: &Issuer, folder: &Path, tenants: &[&str], devices: u32) -> Fleet {
        let (codes, ledger) = (folder.join("codes.json"), folder.join("ledger.json"));
        let uses = devices.to_string();
        let code = |tenant: &&str| {
            issuer.run(&["device", "code", "--tenant", tenant, "--uses", &uses, "--json"]).ok().stdout
        };
        std::fs::write(&codes, tenants.iter().map(code).collect::<String>())
            .expect("the codes can be written");
        Fleet { codes, ledger }
    }

    /// Where it writes what it recorded.
    pub fn ledger(&self) -> &Path {
        &self.ledger
    }

    /// Starts it against all replicas, with further arguments; its sums are held against those of the last one.
    pub fn begin(&self, replicas: &Replicas, arguments: &[&str]) -> Begun {
        let issuer = replicas.issuers.last().expect("a replica");
        let mut command = Command::new(Program::Fleet.path());
        command.args(["run", "--json"]).arg("--trust").arg(issuer.trust()).arg("--codes").arg(&self.codes);
        for url in replicas.urls() {
            command.args(["--url", url]);
        }
        command.arg("--ledger").arg(&self.ledger).arg("--verify").arg(issuer.data());
        command.arg("--issuer").arg(Program::Issuer.path()).args(arguments);
        Ran::begin(&mut command)
    }

    /// Holds the ledger against an issuer's sums.
    pub fn compare(&self, issuer: &Issuer) -> Ran {
        let mut command = Command::new(Program::Fleet.path());
        command.args(["compare", "--ledger"]).arg(&self.ledger).arg("--data").arg(issuer.data());
        command.arg("--issuer").arg(Program::Issuer.path());
        Ran::to_end(&mut command)
    }
}

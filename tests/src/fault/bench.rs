//! Device directories in every state, and the issuer's answers as files: made once, copied for each round.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use brink_license::keyset::TrustAnchor;
use serde_json::Value;

use super::job::{Job, jobs};
use super::seen::{CAMERA, SPARE, through_a_gate, told};
use crate::{Device, Issuer, World};

const TENANT: &str = "tenant-123";
/// Any boot but the one that runs.
const ANOTHER_BOOT: &str = "0a1b2c3d-0000-4000-8000-00000000ff01";

/// Everything that rounds start from.
#[derive(Debug)]
pub struct Bench {
    world: World,
    /// The issuer of the answers, as it was before it gave the last one.
    pub(super) issuer: Issuer,
    /// What the devices trust.
    pub(super) anchor: TrustAnchor,
    /// The code of the first activation, unspent at the issuer `offering`.
    pub(super) code: String,
    /// Every verb with what it starts from.
    pub(super) jobs: Vec<Job>,
    /// Why a verb of the list is absent.
    absent: Vec<String>,
    copies: Cell<u32>,
}

pub(super) fn text(path: &Path) -> &str {
    path.to_str().expect("a test's paths are UTF-8")
}

impl Bench {
    /// Makes the directories: an issuer, a device on its way, one that waits for a renewal under a rotated keyset or for
    /// a suspension, one that has the renewal, one from another boot, and those that something was carried to by hand.
    #[allow(clippy::new_without_default, reason = "it starts processes, which a default should not")]
    pub fn new() -> Bench {
        let world = World::in_memory();
        let issuer = world.issuer();
        let trust = fs::read(issuer.trust()).expect("trust.json");
        let anchor = TrustAnchor::from_json(&trust).expect("a sound anchor");
        issuer.subscribe(TENANT, 10, &["--pack", "advanced_analytics"]);
        let offer = issuer.offer(TENANT);
        fs::create_dir(world.path("nothing")).expect("a directory");
        let mut bench = Bench {
            world,
            issuer,
            anchor,
            code: offer.code.clone(),
            jobs: Vec::new(),
            absent: Vec::new(),
            copies: Cell::new(0),
        };

        bench.device("fresh");
        let waiting = bench.following("fresh", "waiting");
        let request = bench.path("activation.req");
        waiting.run(&["activate", "--code", &offer.code, "--export", text(&request)]).ok();
        bench.issuer.assign(&offer.device, &[CAMERA], &["advanced_analytics"]);
        bench.other_issuer("offering");
        bench.issuer.exchange_file(&request, &bench.path("activation.resp")).ok();
        let active = bench.following("waiting", "active");
        active.run(&["activate", "--import", text(&bench.path("activation.resp"))]).ok();

        bench.make_by_hand(&offer.device);

        let asked = bench.following("active", "asked");
        let request = bench.path("exchange.req");
        asked.run(&["exchange", "--export", text(&request)]).ok();
        // Two issuers that differ in one thing answer the same request.
        let suspending = bench.other_issuer("suspending");
        suspending.run(&["license", "suspend", "--device", &offer.device, "--reason", "a test"]).ok();
        suspending.exchange_file(&request, &bench.path("suspension.resp")).ok();
        bench.issuer.run(&["keys", "revoke", "--kid", &bench.signing_key()]).ok();
        bench.issuer.assign(&offer.device, &["cam-2"], &[]);
        let renewing = bench.other_issuer("renewing");
        renewing.exchange_file(&request, &bench.path("renewal.resp")).ok();
        for (name, answer) in [("renewed", "renewal.resp"), ("suspended", "suspension.resp")] {
            let device = bench.following("asked", name);
            device.run(&["exchange", "--import", text(&bench.path(answer))]).ok();
        }
        if let Err(reason) = bench.make_elsewhere() {
            bench.absent.push(reason);
        }
        bench.jobs = jobs(&bench);
        bench
    }

    /// Which verbs could not be prepared here, and why.
    pub fn absent(&self) -> &[String] {
        &self.absent
    }

    /// A path in this bench.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.world.path(name)
    }

    /// Whether a directory of that name was made.
    pub(super) fn has(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    fn device(&self, name: &str) -> Device {
        Device::init(self.path(name), &self.issuer.trust())
    }

    /// A copy of a directory, to take the next step in.
    fn following(&self, from: &str, name: &str) -> Device {
        copy_tree(&self.path(from), &self.path(name));
        Device::at(self.path(name))
    }

    fn other_issuer(&self, name: &str) -> Issuer {
        copy_tree(self.issuer.data(), &self.path(name));
        Issuer::at(self.path(name))
    }

    fn signing_key(&self) -> String {
        let shown = self.issuer.run(&["keys", "list", "--json"]).ok().json();
        let keys = shown["keys"].as_array().expect("keys");
        let signs = |key: &&Value| key["use"] == "license" && key["signs"] == true;
        keys.iter().find(signs).and_then(|key| key["kid"].as_str()).expect("a signing key").to_owned()
    }

    /// What is carried to the active device, each document by an issuer of its own, and what becomes of it there.
    fn make_by_hand(&self, device: &str) {
        let carried = |issuer: &str, verb: &[&str], file: &str| {
            let issuer = self.other_issuer(issuer);
            if file == "list" {
                issuer.run(&["license", "revoke", "--device", device, "--reason", "a test"]).ok();
            }
            issuer.run(&[verb, &["--out", text(&self.path(file))]].concat()).ok();
        };
        carried("revoking", &["license", "revocations", "--tenant", TENANT], "list");
        carried("extending", &["license", "extend", "--device", device, "--days", "3"], "extension");
        for (name, file) in [("listed", "list"), ("extended", "extension")] {
            self.following("active", name).run(&["accept", text(&self.path(file))]).ok();
        }
        let challenge = self.path("challenge");
        let challenged = self.following("active", "challenged");
        challenged.run(&["clock", "challenge", "--out", text(&challenge)]).ok();
        carried("resetting", &["device", "clock-reset", "--challenge", text(&challenge)], "reset");
        self.following("active", "seated").run(&["seat", "assign", SPARE]).ok();
    }

    /// The renewed device as another boot of the machine left it: that boot's id is mounted over this one's, for one
    /// process.
    fn make_elsewhere(&self) -> Result<(), String> {
        let boot = self.path("boot-id");
        fs::write(&boot, format!("{ANOTHER_BOOT}\n")).expect("a file");
        let device = self.following("renewed", "elsewhere");
        let mut other = Command::new("unshare");
        let script = "mount --bind \"$1\" /proc/sys/kernel/random/boot_id && shift && exec \"$@\"";
        other.args(["--mount", "sh", "-c", script, "sh"]).arg(&boot);
        let status = device.command(&["status", "--json"]);
        other.arg(status.get_program()).args(status.get_args());
        let found = other.output().map_err(|error| error.to_string());
        let said =
            found.map_or_else(|why| why, |output| String::from_utf8_lossy(&output.stderr).trim().to_owned());
        let bundle = fs::read(device.bundle()).expect("a bundle");
        if bundle == fs::read(self.path("renewed").join("licence.bundle")).expect("a bundle") {
            fs::remove_dir_all(device.data()).expect("it is ours");
            return Err(format!("The first verb of a boot was not run: it takes root and unshare ({said})"));
        }
        Ok(())
    }

    /// A fresh copy of a directory for one round.
    pub(super) fn copy(&self, template: &Path) -> PathBuf {
        let copy = self.path(&format!("round-{}", self.copies.replace(self.copies.get() + 1)));
        copy_tree(template, &copy);
        copy
    }

    /// Takes a round's directory away, and what lies beside it under its name: requests, logs, and what killed programs
    /// had not finished.
    pub(super) fn remove(&self, copy: &Path) {
        fs::remove_dir_all(copy).expect("a round's directory is ours");
        let name = format!("{}.", copy.file_name().and_then(|name| name.to_str()).expect("a name of ours"));
        for entry in fs::read_dir(self.world.dir()).expect("a directory of ours") {
            let entry = entry.expect("an entry");
            if entry.file_name().to_string_lossy().trim_start_matches('.').starts_with(&name) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// What is in force in a directory, by `status` and through a gate.
    pub(super) fn in_force(&self, template: &Path) -> (super::seen::Seen, super::seen::Seen) {
        let copy = self.copy(template);
        let seen = told(&Device::at(copy.clone())).expect("a sound directory has a status").seen;
        let gate = through_a_gate(&copy, &self.anchor);
        self.remove(&copy);
        (seen, gate)
    }
}

/// Copies files and directories with their modes.
pub(super) fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory can be made");
    for entry in fs::read_dir(from).expect("a directory of ours") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        let kind = entry.file_type().expect("a kind");
        if kind.is_dir() {
            copy_tree(&entry.path(), &target);
        } else if kind.is_file() {
            fs::copy(entry.path(), &target).expect("a file can be copied");
        }
    }
    let mode = fs::metadata(from).expect("a directory").permissions();
    fs::set_permissions(to, mode).expect("a mode can be set");
}

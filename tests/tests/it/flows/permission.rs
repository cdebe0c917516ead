//! Other users at the agent's socket: hosts are let in, and are not let do what is for the device's owner.
//!
//! Only root can be somebody else. Without root nothing here is run, and `scripts/test` says so.

use super::{COUNTING, Scene};
use brink_tests::{Device, Program, Ran, Running, User};
use rustix::process::{Gid, Uid};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

/// The group of the hosts, by a number that no machine has given to anybody.
pub(super) const HOSTS: u32 = 64_200;
const AGENT: User = User { uid: 64_101, gid: HOSTS };
const HOST: User = User { uid: 64_102, gid: HOSTS };
const STRANGER: User = User { uid: 64_103, gid: 64_103 };

#[allow(clippy::print_stderr, reason = "whoever reads the tests' output shall see what was not tested")]
pub(super) fn not_run(why: &str) {
    eprintln!("!!! NOT RUN: {why}");
}

/// One device as everybody sees it.
pub(super) struct People {
    /// The agent's own user.
    pub(super) agent: Device,
    /// A member of the hosts' group.
    pub(super) host: Device,
    /// Neither.
    pub(super) stranger: Device,
    /// Where everybody may write.
    common: PathBuf,
}

impl People {
    /// `None`, said loudly, where nobody can become another user.
    pub(super) fn around(scene: &Scene, device: &Device) -> Option<People> {
        if !rustix::process::geteuid().is_root() {
            not_run("only root can be another user");
            return None;
        }
        let common = scene.world.path("common");
        fs::create_dir(&common).unwrap();
        for (place, mode) in [(scene.world.dir(), 0o755), (common.as_path(), 0o1777)] {
            fs::set_permissions(place, fs::Permissions::from_mode(mode)).unwrap();
        }
        device.give_to(AGENT);
        let seen_by = |user| device.seen_by(user, &common);
        Some(People { agent: seen_by(AGENT), host: seen_by(HOST), stranger: seen_by(STRANGER), common })
    }

    /// A path that everybody can read and write.
    pub(super) fn path(&self, name: &str) -> String {
        self.common.join(name).to_str().unwrap().to_owned()
    }

    /// Does something in a thread that is a host.
    pub(super) fn as_host<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let as_host = move || {
            let (uid, gid) = (Uid::from_raw(HOST.uid), Gid::from_raw(HOST.gid));
            rustix::thread::set_thread_res_gid(gid, gid, gid).unwrap();
            rustix::thread::set_thread_res_uid(uid, uid, uid).unwrap();
            work()
        };
        std::thread::spawn(as_host).join().unwrap()
    }

    /// A file that everybody can read.
    fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        path
    }
}

#[track_caller]
fn not_for_hosts(ran: Ran) {
    let owner = format!("as root, or as user {}", AGENT.uid);
    ran.coded(1).says("NOT_FOR_HOSTS").says(&owner);
}

#[test]
fn a_host_neither_reads_a_waiting_code_nor_retires_the_device_nor_says_where_it_calls() {
    let scene = Scene::offered(10);
    let Some(people) = People::around(&scene, &scene.device) else { return };
    let running = people.agent.agent();
    let (request, leak, url) = (people.path("request"), people.path("leak"), scene.url.as_str());
    let code = scene.offer.code.as_str();
    people.agent.run(&["activate", "--code", code, "--issuer", url, "--export", &request]).ok();
    let key = fs::read(scene.device.data().join("device.key")).unwrap();
    let trust = people.file("trust.json", &fs::read(scene.issuer.trust()).unwrap());
    let other = people.file("other", b"-----BEGIN CERTIFICATE-----");
    for words in [
        &["exchange", "--export", &leak][..],
        &["exchange", "--import", &other],
        &["exchange", "--issuer", "https://127.0.0.1:1"],
        &["exchange", "--ca-file", &other],
        &["activate", "--code", code, "--issuer", url],
        &["activate", "--code", code, "--export", &leak],
        &["activate", "--code", code, "--issuer", url, "--again"],
        &["activate", "--code", code, "--export", &leak, "--again"],
        &["activate", "--import", &other],
        &["init", "--trust", &trust],
    ] {
        not_for_hosts(people.host.run(words));
        let said = people.host.run(&[words, &["--json"]].concat()).coded(1).json();
        assert_eq!(said["error"]["code"], "NOT_FOR_HOSTS", "{words:?}");
        assert!(!fs::exists(&leak).unwrap(), "{words:?}");
    }
    assert!(!scene.device.data().join("retired-1").exists());
    assert_eq!(fs::read(scene.device.data().join("device.key")).unwrap(), key);
    assert_eq!(people.host.status()["exchange"]["pending"], "activate", "the request still waits");
    assert!(running.stop().success());
}

#[test]
fn a_host_checks_looks_seats_a_camera_and_has_a_plain_exchange_made() {
    let scene = Scene::activated(10);
    scene.assign_two();
    let Some(people) = People::around(&scene, &scene.device) else { return };
    let running = people.agent.agent();
    people.host.exchange().ok();
    people.host.run(&["seat", "assign", "new-1"]).ok();
    assert_eq!(people.host.verdict("new-1", COUNTING).1, "granted");
    assert_eq!(people.host.run(&["seat", "list", "--json"]).ok().json()["free"], 7);
    not_for_hosts(people.host.run(&["seat", "release", "new-1"]));
    let requests = || people.host.status()["exchange"]["ctr"].as_u64().unwrap();
    let before = requests();
    people.host.exchange().ok();
    assert_eq!(requests(), before, "a seat is no way to another exchange within the half minute");
    assert_eq!(people.host.verdict("cam-2", COUNTING).1, "granted");
    assert_eq!(people.host.status()["store"]["agent"], "running");
    people.agent.run(&["exchange", "--export", &people.path("by-agent")]).ok();
    scene.device.run(&["exchange", "--export", &people.path("by-root")]).ok();
    people.stranger.exchange().coded(1).says("AGENT_FORBIDDEN");
    let seen = people.stranger.status();
    assert_eq!(seen["store"]["agent"], "running, but this user may not ask it", "{seen}");
    assert!(running.stop().success());
    // Without an agent the files themselves are the owner's.
    for device in [&people.host, &people.stranger] {
        let said = device.exchange().coded(1);
        assert!(said.stderr.contains("[STORE_IO]"), "{said}");
        assert_eq!(device.verdict("cam-2", COUNTING).1, "granted", "what is published is for everybody");
    }
    fs::remove_dir_all(scene.device.data().join("vault")).unwrap();
    assert_eq!(people.host.status()["store"]["vault"], "gone: the next exchange builds it again");
    assert_eq!(people.agent.status()["store"]["vault"], "rebuilt: it was gone");
}

#[test]
fn a_socket_at_any_depth_knows_its_callers() {
    let scene = Scene::offered(10);
    let deep = scene.world.path(&"d".repeat(120));
    let device = Device::init(deep, &scene.issuer.trust());
    let Some(people) = People::around(&scene, &device) else { return };
    let running = people.agent.agent();
    not_for_hosts(people.host.run(&["exchange", "--export", &people.path("leak")]));
    assert_eq!(people.host.status()["store"]["agent"], "running");
    assert!(running.stop().success());
}

/// An agent in a container and root outside of it: the caller's process has no id where the agent looks.
#[test]
fn root_is_root_for_an_agent_in_another_pid_namespace() {
    let apart = || {
        let mut apart = Command::new("unshare");
        apart.args(["--pid", "--fork", "--kill-child"]);
        apart
    };
    if !apart().arg("true").status().is_ok_and(|status| status.success()) {
        not_run("unshare(1) makes no pid namespace here");
        return;
    }
    let scene = Scene::offered(10);
    let mut agent = apart();
    agent.arg(Program::Edge.path()).args(["run", "--data"]).arg(scene.device.data());
    let mut running = Running::start(&mut agent, scene.world.path("agent.log"));
    running.announced("agent ready on ");
    scene.device.activate(&scene.url, &scene.offer.code).ok();
    let request = scene.world.path("request");
    scene.device.run(&["exchange", "--export", request.to_str().unwrap()]).ok();
    assert_eq!(scene.device.status()["store"]["agent"], "running");
    running.kill();
}

/// An agent in a user namespace without a map: everybody has one number there, the agent too.
#[test]
fn an_agent_that_cannot_tell_users_apart_takes_none_for_its_owner() {
    let scene = Scene::offered(10);
    let Some(people) = People::around(&scene, &scene.device) else { return };
    let apart = || {
        let mut apart = Command::new("unshare");
        apart.arg("--user").uid(AGENT.uid).gid(AGENT.gid);
        apart
    };
    if !apart().arg("true").status().is_ok_and(|status| status.success()) {
        not_run("unshare(1) makes no user namespace here");
        return;
    }
    let mut agent = apart();
    agent.arg(people.common.join("brink-edge")).args(["run", "--data"]).arg(scene.device.data());
    let mut running = Running::start(&mut agent, scene.world.path("agent.log"));
    running.announced("agent ready on ");
    let leak = people.path("leak");
    let code = ["activate", "--code", &scene.offer.code, "--export", &leak];
    people.host.run(&code).coded(1).says("NOT_FOR_HOSTS");
    assert!(!fs::exists(&leak).unwrap());
    assert_eq!(people.host.status()["store"]["agent"], "running");
    assert!(running.stop().success());
}

#[test]
fn what_root_prepares_in_anothers_directory_is_theirs_to_lock() {
    let scene = Scene::offered(10);
    let device = Device::at(scene.world.path("prepared"));
    fs::create_dir(device.data()).unwrap();
    let Some(people) = People::around(&scene, &device) else { return };
    device.run(&["init", "--trust", scene.issuer.trust().to_str().unwrap()]).ok();
    let running = people.agent.agent();
    assert_eq!(people.agent.status()["store"]["agent"], "running");
    assert!(running.stop().success());
}

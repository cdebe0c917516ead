//! `brink-edge doctor` on real directories: each thing is broken on purpose, and is named with its mend.

use super::permission::not_run;
use super::{NEAR_MISS, Scene, tls};
use brink_tests::{Device, Issuer, Ran, User, World};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is said of one check: level, what was found, what mends it.
type Said = (String, String, String);

fn examined(device: &Device, arguments: &[&str]) -> (Ran, Value) {
    let ran = device.run(&[&["doctor", "--json"], arguments].concat());
    let document = ran.json();
    let code = if document["level"] == "fail" { 1 } else { 0 };
    (ran.coded(code), document)
}

fn said_in(document: &Value, name: &str) -> Vec<Said> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let checks = document["checks"].as_array().unwrap().iter();
    let named = checks.filter(|check| check["name"] == name);
    named.map(|check| (text(&check["level"]), text(&check["found"]), text(&check["mend"]))).collect()
}

#[track_caller]
pub(super) fn said(device: &Device, name: &str) -> Said {
    let (ran, document) = examined(device, &[]);
    let mut found = said_in(&document, name);
    assert_eq!(found.len(), 1, "{name}\n{ran}");
    found.remove(0)
}

#[track_caller]
fn assert_said(device: &Device, name: &str, (level, found, mend): (&str, &str, &str)) {
    let said = said(device, name);
    let fits = said.0 == level && said.1.contains(found) && said.2.contains(mend);
    assert!(fits, "{name}: {said:?}, not {level} {found:?} {mend:?}");
}

/// Every file below `dir` with its mode, length, content and time of change.
fn everything(dir: &Path) -> Vec<(PathBuf, u32, Vec<u8>, std::time::SystemTime)> {
    let mut seen = Vec::new();
    for entry in fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
        let metadata = entry.symlink_metadata().unwrap();
        if metadata.is_dir() {
            seen.extend(everything(&entry));
        }
        let content = if metadata.is_file() { fs::read(&entry).unwrap() } else { Vec::new() };
        seen.push((entry, metadata.permissions().mode(), content, metadata.modified().unwrap()));
    }
    seen.sort_by(|one, other| one.0.cmp(&other.0));
    seen
}

#[test]
fn a_healthy_device_has_nothing_to_mend_but_a_missing_agent_and_nothing_is_changed() {
    let mut scene = Scene::activated(10);
    let before = everything(scene.device.data());
    let (_, document) = examined(&scene.device, &[]);
    assert_eq!(document["level"], "warn", "{document:#}");
    let bad = document["checks"].as_array().unwrap().iter().filter(|check| check["level"] != "ok");
    assert_eq!(bad.map(|check| check["name"].clone()).collect::<Vec<_>>(), ["agent"], "{document:#}");
    assert_said(&scene.device, "agent", ("warn", "none answers", "brink-edge run --data"));
    assert_eq!(everything(scene.device.data()), before);

    let agent = scene.device.agent();
    let (_, document) = examined(&scene.device, &[]);
    assert_eq!(document["level"], "ok", "{document:#}");
    assert!(said_in(&document, "vault")[0].1.contains("sound"), "{document:#}");
    let text = scene.device.run(&["doctor"]).ok().stdout;
    assert!(text.lines().all(|line| line.starts_with("ok ")) && text.contains("disk_space"), "{text}");
    scene.stop_issuer();
    assert_said(&scene.device, "issuer", ("warn", "cannot be reached", "--export REQ"));
    let (_, document) = examined(&scene.device, &["--offline"]);
    assert_eq!(document["level"], "ok", "{document:#}");
    assert!(agent.stop().success());
}

#[test]
fn a_device_that_is_not_there_or_not_activated_is_told_what_comes_next() {
    let world = World::new();
    let issuer = world.issuer();
    let nowhere = Device::at(world.path("nowhere"));
    assert_said(&nowhere, "files", ("fail", "is absent", "brink-edge init"));
    assert_said(&nowhere, "trust", ("fail", "trust.json is absent", "brink-edge init --data"));
    assert_said(&nowhere, "licence", ("warn", "not looked at", "trust"));
    assert!(!nowhere.data().exists());
    let fresh = world.device("edge", &issuer);
    assert_said(&fresh, "licence", ("fail", "unlicensed", "activate"));
    assert_said(&fresh, "state", ("ok", "not activated", ""));
    assert_said(&fresh, "issuer", ("ok", "by file", ""));
    fs::write(fresh.data().join("trust.json"), b"{}").unwrap();
    assert_said(&fresh, "trust", ("fail", "trust.json", "brink-edge init --data"));
}

#[test]
fn loose_modes_links_and_other_owners_are_named() {
    let scene = Scene::activated(10);
    let device = &scene.device;
    let at = |name: &str| device.data().join(name);
    let set = |name: &str, mode| fs::set_permissions(at(name), fs::Permissions::from_mode(mode)).unwrap();
    for (name, loose, right) in
        [("device.key", 0o644, 0o600), ("state.db", 0o640, 0o600), ("licence.bundle", 0o600, 0o644)]
    {
        set(name, loose);
        let mend = format!("chmod {right:04o} {}", at(name).display());
        assert_said(device, "files", ("fail", &format!("{name} has mode {loose:04o}"), &mend));
        set(name, right);
    }
    set("device.key", 0o644);
    assert_said(device, "device_key", ("fail", "chmod 600", "chmod 0600"));
    set("device.key", 0o600);
    fs::set_permissions(device.data(), fs::Permissions::from_mode(0o777)).unwrap();
    assert_said(device, "files", ("fail", "has mode 0777", "chmod 0755"));
    fs::set_permissions(device.data(), fs::Permissions::from_mode(0o755)).unwrap();

    let elsewhere = scene.world.path("elsewhere.bundle");
    fs::rename(device.bundle(), &elsewhere).unwrap();
    symlink(&elsewhere, device.bundle()).unwrap();
    assert_said(device, "files", ("fail", "licence.bundle is a symbolic link", "put in its place"));
    fs::remove_file(device.bundle()).unwrap();
    fs::rename(&elsewhere, device.bundle()).unwrap();

    if !rustix::process::geteuid().is_root() {
        return not_run("only root can give a file away");
    }
    chown(at("trust.json"), Some(64_103), None).unwrap();
    assert_said(device, "files", ("fail", "belongs to user 64103", "chown 0 "));
}

#[test]
fn what_was_deleted_cut_or_overwritten_is_named() {
    let scene = Scene::activated(10);
    let device = &scene.device;
    let whole = scene.world.path("whole");
    copy(device.data(), &whole);
    let broken = |break_it: &dyn Fn(&Path)| {
        let data = scene.world.path("broken");
        let _ = fs::remove_dir_all(&data);
        copy(&whole, &data);
        break_it(&data);
        Device::at(data)
    };
    let cut = |path: PathBuf| {
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    };

    let lost = broken(&|data| fs::remove_file(data.join("device.key")).unwrap());
    assert_said(&lost, "device_key", ("fail", "is gone", "activate --again"));
    let lost = broken(&|data| fs::remove_file(data.join("state.db")).unwrap());
    assert_said(&lost, "state", ("fail", "is gone", "activate --again"));
    assert_said(&lost, "pending", ("warn", "not looked at", "mend state"));
    let damaged = broken(&|data| cut(data.join("device.key")));
    assert_said(&damaged, "device_key", ("fail", "device.key", "activate --again"));
    let damaged = broken(&|data| cut(data.join("state.db")));
    assert_said(&damaged, "state", ("fail", "damaged", "activate --again"));
    let newer = broken(&|data| {
        let path = data.join("state.db");
        let mut bytes = fs::read(&path).unwrap();
        // `user_version` (sqlite.org/fileformat2.html section 1.3).
        bytes[60..64].copy_from_slice(&99_u32.to_be_bytes());
        fs::write(&path, bytes).unwrap();
    });
    assert_said(&newer, "state", ("fail", "version 99", "update brink-edge"));
    let lost = broken(&|data| fs::remove_dir_all(data.join("vault")).unwrap());
    assert_said(&lost, "vault", ("warn", "gone", "brink-edge status --data"));
    assert!(!lost.data().join("vault").exists(), "nothing is mended");
    let lost = broken(&|data| fs::remove_file(data.join("licence.bundle")).unwrap());
    assert_said(&lost, "bundle", ("fail", "gone", "brink-edge status --data"));
    assert_said(&lost, "licence", ("fail", "store_tampered", "exchange"));
    let damaged = broken(&|data| cut(data.join("licence.bundle")));
    assert_said(&damaged, "bundle", ("fail", "BUNDLE_DAMAGED", "brink-edge status --data"));
    let foreign = broken(&|data| {
        let other = Issuer::init(scene.world.path("other"), "dev-other");
        fs::copy(other.trust(), data.join("trust.json")).unwrap();
    });
    assert_said(&foreign, "bundle", ("fail", "bundle", "brink-edge"));
    foreign.check("cam-1", NEAR_MISS).coded(3);
}

/// Copies a device directory, sockets and locks aside.
fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    fs::set_permissions(to, from.metadata().unwrap().permissions()).unwrap();
    for entry in fs::read_dir(from).unwrap().map(|entry| entry.unwrap()) {
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => copy(&entry.path(), &target),
            kind if kind.is_file() => drop(fs::copy(entry.path(), target).unwrap()),
            _ => {}
        }
    }
}

#[test]
fn a_copy_that_was_refused_is_told_what_and_whom_to_ask() {
    let scene = Scene::activated(10);
    let request = scene.world.path("one.req");
    let copied = scene.world.path("copied");
    copy(scene.device.data(), &copied);
    for _ in 0..2 {
        scene.device.exchange().ok();
    }
    let copy = Device::at(copied);
    copy.run(&["exchange", "--export", request.to_str().unwrap()]).ok();
    assert_said(&copy, "pending", ("ok", "an exchange waits", ""));
    copy.exchange().coded(1);
    assert_said(
        &copy,
        "refusals",
        ("warn", "STALE_COUNTER", "naming STALE_COUNTER; then brink-edge exchange --data"),
    );
}

#[test]
fn an_issuer_whose_certificate_is_not_believed_fails_and_names_tls() {
    let scene = Scene::activated(10);
    let front = tls::Front::new("127.0.0.1", &scene.url);
    let ca = tls::file("ca.pem");
    scene.device.run(&["exchange", "--issuer", &front.url(), "--ca-file", &ca]).ok();
    let (_, document) = examined(&scene.device, &["--ca-file", &ca]);
    assert_eq!(said_in(&document, "issuer")[0].0, "ok", "{document:#}");
    assert_said(&scene.device, "issuer", ("fail", "TLS", "--ca-file"));
}

#[test]
fn other_users_see_what_they_may_and_are_told_the_rest() {
    if !rustix::process::geteuid().is_root() {
        return not_run("only root can be another user");
    }
    let scene = Scene::activated(10);
    let common = scene.world.path("common");
    fs::create_dir(&common).unwrap();
    for place in [scene.world.dir(), common.as_path()] {
        fs::set_permissions(place, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let owner = User { uid: 64_101, gid: 64_101 };
    scene.device.give_to(owner);
    let stranger = scene.device.seen_by(User { uid: 64_103, gid: 64_103 }, &common);
    let as_owner = "as root or as user 64101";
    for hidden in ["device_key", "state", "pending", "refusals", "issuer"] {
        assert_said(&stranger, hidden, ("warn", "may not", as_owner));
    }
    for seen in ["bundle", "licence", "keyset", "trust", "disk_space"] {
        assert_eq!(
            said(&stranger, seen).0,
            if seen == "disk_space" { said(&scene.device, seen).0 } else { "ok".into() }
        );
    }
    let owners = scene.device.seen_by(owner, &common);
    assert_said(&owners, "device_key", ("ok", "thumbprint", ""));
    // Root may look at everything but a key that is another's.
    assert_said(&scene.device, "state", ("ok", "sound", ""));
    assert_said(&scene.device, "device_key", ("warn", "may not", as_owner));
}

/// A small file system, gone at the end.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None`, said loudly, where nothing can be mounted.
    fn mounted(at: PathBuf, what: &[&str]) -> Option<Self> {
        fs::create_dir(&at).unwrap();
        let disk = Self(at);
        if disk.mount(what) {
            return Some(disk);
        }
        not_run("no file system can be mounted here");
        None
    }

    fn mount(&self, arguments: &[&str]) -> bool {
        let ended = Command::new("mount").args(arguments).arg(&self.0).output();
        ended.is_ok_and(|ended| ended.status.success())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).output();
    }
}

#[test]
fn a_disk_with_blocks_that_sqlite_cannot_live_on_fails() {
    let world = World::new();
    let image = world.path("image");
    fs::File::create(&image).unwrap().set_len(16 << 20).unwrap();
    let made = Command::new("mkfs.ext4").args(["-q", "-b", "1024"]).arg(&image).output();
    if !made.is_ok_and(|made| made.status.success()) {
        return not_run("no ext4 file system can be made here");
    }
    let Some(disk) = SmallDisk::mounted(world.path("disk"), &["-o", "loop", image.to_str().unwrap()]) else {
        return;
    };
    let device = Device::init(disk.0.join("edge"), &world.issuer().trust());
    assert_said(&device, "block_size", ("fail", "blocks of 1024 bytes", "mkfs.ext4 -b 4096"));
}

#[test]
fn a_full_disk_and_a_read_only_one_fail_and_the_rest_is_still_said() {
    let world = World::new();
    let issuer = world.issuer();
    let tmpfs = ["-t", "tmpfs", "-o", "size=12m,mode=0755", "tmpfs"];
    let Some(disk) = SmallDisk::mounted(world.path("disk"), &tmpfs) else { return };
    let device = Device::init(disk.0.join("edge"), &issuer.trust());
    assert_said(&device, "disk_space", ("warn", "MiB free", "df -h"));
    fs::write(disk.0.join("filler"), vec![1; 6 << 20]).unwrap();
    assert_said(&device, "disk_space", ("fail", "MiB free", "df -h"));
    assert_said(&device, "read_only", ("ok", "", ""));
    assert!(disk.mount(&["-o", "remount,ro"]));
    assert_said(&device, "read_only", ("fail", "read-only", "remount,rw"));
    assert_said(&device, "trust", ("ok", "dev-acme", ""));
}

//! What is put back to an earlier copy: hosts are told `store_tampered`, and what reaches the anchor ends that.

use super::doctor::said;
use super::{NEAR_MISS, Scene};
use brink_license::clock::Marks;
use brink_store::anchor::{FILES, Slots};
use std::fs;
use std::path::{Path, PathBuf};

impl Scene {
    /// A device with two cameras, and a copy of its directory from when it had none.
    fn with_a_copy() -> (Scene, PathBuf) {
        let scene = Scene::activated(10);
        let copy = scene.world.path("copy");
        copy_tree(scene.device.data(), &copy);
        scene.assign_two();
        scene.device.exchange().ok();
        assert!(scene.is_granted("cam-1", NEAR_MISS));
        (scene, copy)
    }

    fn put_back(&self, copy: &Path, names: &[&str]) {
        for name in names {
            let to = self.device.data().join(name);
            let _ = fs::remove_dir_all(&to).or_else(|_| fs::remove_file(&to));
            copy_tree(&copy.join(name), &to);
        }
    }

    fn store(&self, part: &str) -> String {
        self.device.status()["store"][part].as_str().unwrap().to_owned()
    }

    fn remembered(&self) -> brink_store::anchor::Anchor {
        Slots::read(self.device.data()).newest().unwrap().clone()
    }
}

fn copy_tree(from: &Path, to: &Path) {
    if from.is_file() {
        fs::copy(from, to).unwrap();
    } else if from.is_dir() {
        fs::create_dir(to).unwrap();
        for entry in fs::read_dir(from).unwrap().map(|entry| entry.unwrap()) {
            copy_tree(&entry.path(), &to.join(entry.file_name()));
        }
    }
}

#[test]
fn a_bundle_that_was_put_back_is_published_again_by_any_verb_and_by_the_agent() {
    let (scene, copy) = Scene::with_a_copy();
    scene.put_back(&copy, &["licence.bundle"]);
    assert_eq!(said(&scene.device, "anchor").0, "fail", "doctor mends nothing");
    assert!(said(&scene.device, "licence").1.contains("store_tampered"));
    assert!(scene.is_granted("cam-1", NEAR_MISS), "a verb mends it first");
    let agent = scene.device.agent();
    scene.put_back(&copy, &["licence.bundle"]);
    brink_tests::until("the agent publishes what it holds", || scene.is_granted("cam-1", NEAR_MISS));
    assert!(agent.stop().success());
}

#[test]
fn vault_and_bundle_put_back_are_tampering_until_an_exchange() {
    let (scene, copy) = Scene::with_a_copy();
    scene.put_back(&copy, &["vault", "licence.bundle"]);
    let status = scene.device.status();
    assert_eq!((&status["state"], &status["reason"]), (&"store_tampered".into(), &"store_tampered".into()));
    assert!(status["mend"].as_str().unwrap().contains("exchange"), "{status}");
    assert_eq!(status["store"]["documents"], "lost: run an exchange");
    let (verdict, reason) = scene.device.verdict("cam-1", NEAR_MISS);
    assert_eq!((verdict.as_str(), reason.as_str()), ("deny", "store_tampered"));
    let found = said(&scene.device, "anchor");
    assert!(found.0 == "fail" && found.2.contains("brink-edge exchange --data"), "{found:?}");
    scene.device.exchange().ok();
    assert!(scene.is_granted("cam-1", NEAR_MISS));
    assert_eq!(said(&scene.device, "anchor").0, "ok");
}

#[test]
fn everything_but_the_anchor_put_back_is_tampering_and_a_copy_to_the_issuer() {
    let (scene, copy) = Scene::with_a_copy();
    scene.device.exchange().ok();
    scene.put_back(&copy, &["state.db", "vault", "licence.bundle"]);
    let status = scene.device.status();
    assert_eq!(status["state"], "store_tampered", "{status}");
    assert_eq!(scene.device.verdict("cam-1", NEAR_MISS).1, "store_tampered");
    // Its counter and its ratchet are those of a copy: only the admin knows that it is none.
    let refused = scene.device.exchange().coded(1);
    assert!(
        ["STALE_COUNTER", "CLONE_SUSPECTED"].iter().any(|code| refused.stderr.contains(code)),
        "{refused}"
    );
    assert_eq!(scene.device.verdict("cam-1", NEAR_MISS).1, "store_tampered");
    let offer = scene.issuer.offer(super::TENANT);
    scene.device.run(&["activate", "--again", "--issuer", &scene.url, "--code", &offer.code]).ok();
    assert_eq!(scene.device.status()["state"], "active");
}

#[test]
fn everything_put_back_is_active_here_until_the_issuer_hears_of_it() {
    let (scene, copy) = Scene::with_a_copy();
    // Or its very next request would be one that the issuer has answered already.
    scene.device.exchange().ok();
    scene.put_back(&copy, &["state.db", "vault", "licence.bundle", FILES[0], FILES[1]]);
    assert_eq!(scene.device.status()["state"], "active");
    let refused = scene.device.exchange().coded(1);
    assert!(
        ["STALE_COUNTER", "CLONE_SUSPECTED"].iter().any(|code| refused.stderr.contains(code)),
        "{refused}"
    );
}

#[test]
fn a_state_that_was_put_back_alone_stops_no_camera_and_is_named() {
    let (scene, copy) = Scene::with_a_copy();
    scene.put_back(&copy, &["state.db"]);
    let found = said(&scene.device, "anchor");
    assert!(found.0 == "warn" && found.1.contains("state.db is older"), "{found:?}");
    let agent = scene.device.agent();
    assert!(scene.store("state").contains("put back"), "{}", scene.store("state"));
    assert!(scene.is_granted("cam-1", NEAR_MISS));
    assert!(agent.stop().success());
    assert_eq!(said(&scene.device, "anchor").0, "ok");
}

#[test]
fn spoiled_slots_are_named_and_written_again_and_stop_nobody() {
    let (scene, _) = Scene::with_a_copy();
    assert_eq!(scene.store("anchor"), "not looked at");
    let spoil = |name: &str| fs::write(scene.device.data().join(name), b"nothing").unwrap();
    spoil(FILES[0]);
    let found = said(&scene.device, "anchor");
    assert!(found.0 == "warn" && found.1.contains("anchor.a") && found.2.contains("status"), "{found:?}");
    assert!(scene.store("anchor").starts_with("written again: anchor.a"));
    assert_eq!(said(&scene.device, "anchor").0, "ok");
    FILES.iter().for_each(|name| spoil(name));
    assert_eq!(said(&scene.device, "anchor").0, "warn");
    assert!(scene.is_granted("cam-1", NEAR_MISS));
    assert_eq!(said(&scene.device, "anchor").0, "ok");
    assert_eq!(scene.device.status()["state"], "active", "and it is no new install");
}

#[test]
fn key_and_state_gone_beside_an_anchor_are_no_new_install() {
    let (scene, _) = Scene::with_a_copy();
    for name in ["device.key", "state.db"] {
        fs::remove_file(scene.device.data().join(name)).unwrap();
    }
    let offer = scene.issuer.offer(super::TENANT);
    scene.device.activate(&scene.url, &offer.code).coded(1).says("activate --again");
    assert!(!scene.device.data().join("device.key").exists());
    scene.device.run(&["activate", "--again", "--issuer", &scene.url, "--code", &offer.code]).ok();
    assert!(scene.device.data().join("retired-1").join(FILES[0]).exists());
    assert_eq!(scene.device.status()["state"], "active");
}

#[test]
fn an_agent_copies_the_clocks_marks_when_it_starts_and_when_it_ends() {
    let (scene, _) = Scene::with_a_copy();
    let before = scene.remembered().generation;
    let agent = scene.device.agent();
    brink_tests::until("the agent copies the marks", || scene.remembered().generation > before);
    let started = scene.remembered();
    assert!(started.clock.is_some());
    assert!(agent.stop().success());
    let ended = scene.remembered();
    assert!(ended.generation > started.generation && ended.accepted == started.accepted);
    assert!(ended.clock.as_ref().map(Marks::lower_bound) >= started.clock.as_ref().map(Marks::lower_bound));
}

#[test]
fn doctor_names_what_is_wrong_with_the_journal() {
    let (scene, _) = Scene::with_a_copy();
    let journal = scene.device.data().join("journal/journal.db");
    assert_eq!(said(&scene.device, "journal").0, "ok");
    let mut permissions = journal.metadata().unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o600);
    fs::set_permissions(&journal, permissions.clone()).unwrap();
    let found = said(&scene.device, "files");
    assert!(found.0 == "fail" && found.2.contains("chmod 0660"), "{found:?}");
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o660);
    fs::set_permissions(&journal, permissions).unwrap();
    let good = fs::read(&journal).unwrap();
    for extension in ["db-wal", "db-shm"] {
        let _ = fs::remove_file(journal.with_extension(extension));
    }
    fs::write(&journal, &good[..good.len() / 2]).unwrap();
    assert_eq!(said(&scene.device, "journal").0, "fail");
    scene.device.exchange().ok();
    assert_eq!(said(&scene.device, "journal").0, "ok", "what the mend says");
    fs::remove_file(&journal).unwrap();
    assert_eq!(said(&scene.device, "journal").0, "warn");
    assert!(scene.is_granted("cam-1", NEAR_MISS));
}

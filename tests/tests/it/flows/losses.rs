//! What may be lost on a device, and what is then said: never "a new install", never an older state.

use super::{NEAR_MISS, Scene};
use std::fs;

fn lose_vault(scene: &Scene) {
    let vault = scene.device.data().join("vault");
    if vault.exists() {
        fs::remove_dir_all(vault).unwrap();
    }
}

#[test]
fn the_vault_may_be_lost_after_every_step() {
    let scene = Scene::offered(10);
    lose_vault(&scene);
    scene.device.activate(&scene.url, &scene.offer.code).ok();
    lose_vault(&scene);
    assert_eq!(scene.device.status()["state"], "active");
    scene.assign_two();
    scene.device.exchange().ok();
    lose_vault(&scene);
    assert!(scene.is_granted("cam-1", NEAR_MISS));
    let agent = scene.device.agent();
    assert_eq!(scene.device.status()["state"], "active");
    lose_vault(&scene);
    scene.device.exchange().ok();
    assert!(scene.is_granted("cam-1", NEAR_MISS), "the vault went while the agent had it open");
    assert!(agent.stop().success());
    lose_vault(&scene);
    scene.device.exchange().ok();
    let status = scene.device.status();
    assert_eq!((&status["state"], &status["licence"]["cameras"]), (&"active".into(), &2.into()), "{status}");
    assert!(scene.is_granted("cam-1", NEAR_MISS));
}

#[test]
fn a_lost_vault_is_named_and_built_again() {
    let scene = Scene::activated(10);
    let said = || scene.device.status()["store"]["vault"].as_str().unwrap().to_owned();
    assert_eq!(said(), "not looked at");
    lose_vault(&scene);
    assert_eq!(said(), "rebuilt: it was gone");
    assert!(scene.device.data().join("vault").exists());
    assert_eq!(said(), "not looked at");
    lose_vault(&scene);
    scene.device.check("cam-1", NEAR_MISS).coded(3);
    assert!(scene.device.data().join("vault").exists(), "any verb builds it again");
    let agent = scene.device.agent();
    assert_eq!(said(), "sound");
    lose_vault(&scene);
    assert!(said().starts_with("gone: "), "{}", said());
    scene.device.exchange().ok();
    assert!(said().starts_with("rebuilt: "), "{}", said());
    assert!(scene.device.data().join("vault").exists());
    assert!(agent.stop().success());
}

#[test]
fn a_lost_bundle_is_published_again_by_any_verb_and_by_the_agent() {
    let scene = Scene::activated(10);
    scene.assign_two();
    scene.device.exchange().ok();
    fs::remove_file(scene.device.bundle()).unwrap();
    assert!(scene.is_granted("cam-1", NEAR_MISS), "a verb mends it first");
    let agent = scene.device.agent();
    fs::remove_file(scene.device.bundle()).unwrap();
    brink_tests::until("the agent publishes what it holds", || scene.device.bundle().exists());
    assert!(scene.is_granted("cam-1", NEAR_MISS));
    assert!(agent.stop().success());
}

#[test]
fn vault_and_bundle_together_come_back_by_an_exchange() {
    let scene = Scene::activated(10);
    scene.assign_two();
    scene.device.exchange().ok();
    lose_vault(&scene);
    fs::remove_file(scene.device.bundle()).unwrap();
    scene.device.exchange().ok();
    assert!(scene.is_granted("cam-1", NEAR_MISS));
}

#[test]
fn a_lost_state_or_key_is_named_and_never_made_anew() {
    for (lost, kept) in [("state.db", "device.key"), ("device.key", "state.db")] {
        let scene = Scene::activated(10);
        scene.assign_two();
        scene.device.exchange().ok();
        fs::remove_file(scene.device.data().join(lost)).unwrap();
        let before = fs::read(scene.device.data().join(kept)).unwrap();
        let said = scene.device.exchange();
        assert_eq!(said.code, Some(1), "{said}");
        assert!(said.stderr.contains(lost), "names what is lost: {said}");
        let offer = scene.issuer.offer(super::TENANT);
        let again = scene.device.activate(&scene.url, &offer.code);
        assert_ne!(again.code, Some(0), "activation is no way around it: {again}");
        assert!(!scene.device.data().join(lost).exists(), "nothing was made anew");
        assert_eq!(fs::read(scene.device.data().join(kept)).unwrap(), before, "and nothing was changed");
        assert!(scene.is_granted("cam-1", NEAR_MISS), "the published licence stays in force");
    }
}

#[test]
fn a_provisioned_device_keeps_its_trust() {
    let scene = Scene::activated(10);
    let other = brink_tests::Issuer::init(scene.world.path("other"), "dev-other");
    let trust = other.trust();
    let said = scene.device.run(&["init", "--trust", trust.to_str().unwrap()]);
    assert_ne!(said.code, Some(0), "trust is replaceable only while there is no store: {said}");
    scene.device.exchange().ok();
}

#[test]
fn an_issuer_that_was_put_back_from_a_backup_takes_its_devices_up_where_they_are() {
    let mut scene = Scene::activated(10);
    scene.stop_issuer();
    // Every verb closes the database behind it, so the one file is all of it.
    let database = scene.issuer.data().join("issuer.db");
    let backup = fs::read(&database).unwrap();
    let by_file = |scene: &Scene| {
        let (request, response) = (scene.world.path("request"), scene.world.path("response"));
        scene.device.run(&["exchange", "--export", request.to_str().unwrap()]).ok();
        scene.issuer.exchange_file(&request, &response).ok();
        scene.device.run(&["exchange", "--import", response.to_str().unwrap()]).ok();
        fs::remove_file(response).unwrap();
        scene.device.status()["licence"]["seq"].as_u64().unwrap()
    };
    scene.assign_two();
    let before = by_file(&scene);
    assert!(scene.is_granted("cam-1", NEAR_MISS));

    fs::write(&database, backup).unwrap();
    let restored = by_file(&scene);
    assert!(restored > before, "{restored} is a number that was never given, after {before}");
    assert!(!scene.is_granted("cam-1", NEAR_MISS), "what was assigned since is lost with the database");
    scene.assign_two();
    assert!(by_file(&scene) > restored);
    assert!(scene.is_granted("cam-1", NEAR_MISS));
}

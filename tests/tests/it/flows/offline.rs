//! A licence that was minted in the cloud decides at the edge, offline.

use super::{COUNTING, NEAR_MISS, Scene};
use brink_license::Reason;
use brink_license::keyset::TrustAnchor;
use brink_store::Gate;

fn gate(scene: &Scene) -> Gate {
    let trust = std::fs::read(scene.issuer.trust()).unwrap();
    Gate::open(scene.device.bundle(), TrustAnchor::from_json(&trust).unwrap()).unwrap()
}

#[test]
fn cameras_are_decided_with_the_issuer_off() {
    let mut scene = Scene::activated(100);
    scene.assign_two();
    scene.device.exchange().ok();
    scene.stop_issuer();
    let expected = [
        ("cam-1", NEAR_MISS, "granted"),
        ("cam-2", NEAR_MISS, "feature_not_granted"),
        ("cam-2", COUNTING, "granted"),
        ("cam-3", COUNTING, "camera_not_licensed"),
        ("cam-1", "cv_models/boat_tanker", "feature_not_licensed"),
    ];
    for (camera, feature, reason) in expected {
        assert_eq!(scene.device.verdict(camera, feature).1, reason, "{camera} {feature}");
        let code = if reason == "granted" { 0 } else { 3 };
        scene.device.check(camera, feature).coded(code);
    }
    let status = scene.device.status();
    assert_eq!(status["state"], "active", "{status}");
}

#[test]
fn a_gate_answers_when_the_issuer_is_stopped_and_the_agent_was_killed() {
    let mut scene = Scene::activated(100);
    scene.assign_two();
    let agent = scene.device.agent();
    scene.device.exchange().ok();
    let early = gate(&scene);
    scene.stop_issuer();
    agent.kill();
    let late = gate(&scene);
    for gate in [&early, &late] {
        assert_eq!(gate.check("cam-1", NEAR_MISS).reason, Reason::Granted);
        assert_eq!(gate.check("cam-2", NEAR_MISS).reason, Reason::FeatureNotGranted);
    }
    assert!(scene.is_granted("cam-1", NEAR_MISS), "and so does a new process");
}

#[test]
fn the_same_way_by_files_alone() {
    let scene = Scene::offered(10);
    let (request, response) = (scene.world.path("request"), scene.world.path("response"));
    let path = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let (export, import) = (path(&request), path(&response));
    scene.device.run(&["activate", "--code", &scene.offer.code, "--export", &export]).ok();
    scene.issuer.exchange_file(&request, &response).ok();
    scene.device.run(&["activate", "--import", &import]).ok();
    scene.assign_two();
    scene.device.run(&["exchange", "--export", &export]).ok();
    scene.issuer.exchange_file(&request, &response).ok();
    for file in [&export, &import] {
        let said = scene.device.run(&["exchange", "--inspect", file]).ok();
        assert!(said.stdout.trim_start().starts_with('{'), "one JSON document: {said}");
    }
    scene.device.run(&["exchange", "--import", &import]).ok();
    assert!(scene.is_granted("cam-1", NEAR_MISS));
    let again = scene.device.run(&["exchange", "--import", &import]);
    assert_ne!(again.code, Some(0), "a response answers one request once\n{again}");
    assert!(scene.is_granted("cam-1", NEAR_MISS), "and a refused one changes nothing");
}

#[test]
fn two_thousand_cameras_travel_in_one_token() {
    let scene = Scene::activated(2000);
    let file = scene.world.path("cameras");
    let names: Vec<String> = (0..2000).map(|i| format!("{i:032x}")).collect();
    std::fs::write(&file, names.join("\n")).unwrap();
    let (device, file) = (scene.offer.device.as_str(), file.to_str().unwrap());
    scene.issuer.run(&["camera", "assign", "--device", device, "--from-file", file]).ok();
    scene.device.exchange().ok();
    for camera in [&names[0], &names[999], &names[1999]] {
        assert!(scene.is_granted(camera, COUNTING), "{camera}");
    }
    assert_eq!(scene.device.status()["licence"]["cameras"], 2000);
    let more = ["camera", "assign", "--device", device, "--camera", "one-too-many"];
    scene.issuer.run(&more).coded(3).says("2000");
}

#[test]
fn a_removed_camera_is_denied_after_the_next_exchange() {
    let scene = Scene::activated(10);
    scene.assign_two();
    scene.device.exchange().ok();
    assert!(scene.is_granted("cam-2", COUNTING));
    let gate = gate(&scene);
    scene
        .issuer
        .run(&["camera", "assign", "--device", &scene.offer.device, "--camera", "cam-2", "--remove"])
        .ok();
    scene.device.exchange().ok();
    brink_tests::until("the gate takes up the new licence", || {
        gate.check("cam-2", COUNTING).reason == Reason::CameraNotLicensed
    });
}

//! The clock of a device without a network is set right by two files.

use super::{Scene, TENANT};
use brink_tests::{Device, Ran};

/// A challenge of this device; gives the file.
fn challenge(scene: &Scene, device: &Device, name: &str) -> String {
    let file = scene.world.path(name).to_str().unwrap().to_owned();
    device.run(&["clock", "challenge", "--out", &file]).ok();
    file
}

/// The issuer's answer to it; gives the file.
fn answer(scene: &Scene, challenge: &str) -> (Ran, String) {
    let file = format!("{challenge}.answer");
    let order =
        ["device", "clock-reset", "--challenge", challenge, "--out", &file, "--reason", "battery", "--json"];
    (scene.issuer.run(&order), file)
}

#[test]
fn a_challenge_is_carried_there_and_its_answer_back_and_counts_once() {
    let scene = Scene::activated(10);
    scene.assign_two();
    scene.device.exchange().ok();
    let asked = challenge(&scene, &scene.device, "challenge");
    let (said, file) = answer(&scene, &asked);
    let said = said.ok().json();
    assert_eq!(
        (&said["device"], &said["answered_before"]),
        (&scene.offer.device.clone().into(), &false.into())
    );
    let first = std::fs::read(&file).unwrap();
    assert_eq!(answer(&scene, &asked).0.ok().json()["answered_before"], true);
    assert_eq!(std::fs::read(&file).unwrap(), first, "the same bytes");
    for (verb, file, shown) in [("exchange", &asked, "clock_reset"), ("token", &file, "brink-clockreset+jwt")]
    {
        let inspect = if verb == "token" { "inspect" } else { "--inspect" };
        let seen = scene.device.run(&[verb, inspect, file]).ok().stdout;
        assert!(seen.contains(shown), "{seen}");
    }
    let taken = scene.device.run(&["accept", &file, "--json"]).ok().json();
    assert_eq!(taken["clock_reset"]["server_time"], said["server_time"]);
    assert_eq!(taken["clock_reset"]["flags"], serde_json::json!([]));
    scene.device.run(&["accept", &file]).coded(1).says("WRONG_NONCE").says("clock challenge");
    assert_eq!(scene.device.status()["exchange"]["last_refusal"]["code"], "WRONG_NONCE");
    assert!(scene.is_granted("cam-1", super::NEAR_MISS));
}

#[test]
fn a_running_agent_makes_the_challenge_and_takes_the_answer() {
    let scene = Scene::activated(10);
    let agent = scene.device.agent();
    let earlier = challenge(&scene, &scene.device, "earlier");
    let asked = challenge(&scene, &scene.device, "challenge");
    let (said, file) = answer(&scene, &earlier);
    said.ok();
    scene.device.run(&["accept", &file]).coded(1).says("WRONG_NONCE");
    let (said, file) = answer(&scene, &asked);
    said.ok();
    let said = scene.device.run(&["accept", &file]).ok().stdout;
    assert!(said.starts_with("clock reset"), "{said}");
    drop(agent);
}

#[test]
fn answers_for_others_and_challenges_of_nobody_are_refused() {
    let scene = Scene::activated(10);
    let offer = scene.issuer.offer(TENANT);
    let other = scene.world.device("other", &scene.issuer);
    let never = scene.world.path("never").to_str().unwrap().to_owned();
    other.run(&["clock", "challenge", "--out", &never]).coded(1);
    other.activate(&scene.url, &offer.code).ok();
    let asked = challenge(&scene, &scene.device, "challenge");
    challenge(&scene, &other, "others");
    let (said, file) = answer(&scene, &asked);
    said.ok();
    other.run(&["accept", &file]).coded(1).says("WRONG_DEVICE");
    let request = scene.world.path("request").to_str().unwrap().to_owned();
    scene.device.run(&["exchange", "--export", &request]).ok();
    answer(&scene, &request).0.coded(3).says("WRONG_PROOF").says("`brink-issuer exchange` answers");
    let refused = scene.world.path("response");
    scene
        .issuer
        .exchange_file(asked.as_ref(), &refused)
        .coded(3)
        .says("WRONG_PROOF")
        .says("device clock-reset");
    scene.issuer.run(&["device", "retire", "--device", &scene.offer.device]).ok();
    answer(&scene, &asked).0.coded(3).says("RETIRED");
}

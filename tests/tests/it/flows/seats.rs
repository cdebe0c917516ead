//! Unnamed seats with the real programs: a camera is licensed on site, offline, at once, and the issuer hears of it.

use super::host::Host;
use super::{COUNTING, Scene};
use brink_tests::{Device, Ran};

impl Scene {
    fn seat(&self, words: &[&str]) -> Ran {
        self.device.run(&[&["seat"], words, &["--json"]].concat())
    }

    /// The cameras of the device as the issuer knows them, each with whether it is assigned by name.
    fn known(&self, device: &str) -> Vec<(String, bool)> {
        let listed = self.issuer.run(&["camera", "list", "--device", device, "--json"]).ok().json();
        let camera = |row: &serde_json::Value| (text(&row["camera"]), row["named"].as_bool().unwrap());
        listed["cameras"].as_array().unwrap().iter().map(camera).collect()
    }
}

fn text(value: &serde_json::Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

fn refused(ran: Ran, code: &str, mend: &str) {
    let error = ran.coded(3).json()["error"].clone();
    assert_eq!(error["code"], code, "{error}");
    assert!(text(&error["mend"]).contains(mend), "{error}");
}

#[test]
fn a_camera_is_seated_offline_a_host_sees_it_at_once_and_the_next_exchange_reports_it() {
    let mut scene = Scene::activated(3);
    scene.stop_issuer();
    let agent = scene.device.agent();
    let mut host = Host::asking(&scene, ("gate", COUNTING), "camera_not_licensed");
    assert!(text(&scene.device.check("gate", COUNTING).json()["mend"]).contains("seat assign"));
    let said = scene.seat(&["assign", "gate"]).ok().json();
    assert_eq!((&said["free"], &said["packs"]), (&2.into(), &serde_json::json!(["base"])), "{said}");
    assert_eq!(host.line(), "now granted allowed");
    assert!(scene.is_granted("gate", COUNTING));
    refused(scene.seat(&["assign", "gate"]), "CAMERA_SEATED", "licensed");
    refused(scene.seat(&["assign", "other", "--packs", "base,retail"]), "NO_SUCH_SEATS", "base");
    scene.seat(&["assign", "yard"]).ok();
    scene.seat(&["assign", "roof"]).ok();
    refused(scene.seat(&["assign", "door"]), "SEATS_TAKEN", "seat release");
    // One of three may be moved; an exchange renews that.
    scene.seat(&["release", "yard"]).ok();
    scene.seat(&["assign", "door"]).ok();
    refused(scene.seat(&["release", "door"]), "NO_SWAP_LEFT", "exchange");
    let listed = scene.seat(&["list"]).ok().json();
    assert_eq!(listed["pools"][0]["cameras"], serde_json::json!(["gate", "roof", "door"]));
    assert_eq!((&listed["swap"]["left"], &listed["swap"]["allowance"]), (&0.into(), &1.into()));
    agent.kill();
    assert!(scene.is_granted("door", COUNTING) && !scene.is_granted("yard", COUNTING));
    scene.carry();
    assert_eq!(scene.seat(&["list"]).ok().json()["swap"]["left"], 1, "the exchange by file renewed it");
    let on_seats = ["door", "gate", "roof"].map(|camera| (camera.to_owned(), false));
    assert_eq!(scene.known(&scene.offer.device), on_seats);
    let shown = scene.issuer.run(&["license", "show", "--device", &scene.offer.device, "--json"]).ok().json();
    assert_eq!(shown["seats"]["cameras"].as_array().unwrap().len(), 3, "{shown}");
    host.end();
}

#[test]
fn a_renewal_keeps_the_seats_and_a_camera_that_is_named_leaves_its_own() {
    let scene = Scene::activated(4);
    for camera in ["one", "two", "three"] {
        scene.seat(&["assign", camera]).ok();
    }
    scene.device.exchange().ok();
    scene.issuer.assign(&scene.offer.device, &["two"], &["advanced_analytics"]);
    scene.device.exchange().ok();
    for camera in ["one", "two", "three"] {
        assert!(scene.is_granted(camera, COUNTING), "{camera}");
    }
    assert!(scene.is_granted("two", super::NEAR_MISS), "by name now, with its packs");
    let listed = scene.seat(&["list"]).ok().json();
    assert_eq!(listed["pools"][0]["cameras"], serde_json::json!(["one", "three"]));
    assert_eq!((&listed["free"], &listed["swap"]["left"]), (&1.into(), &1.into()), "that cost nothing");
    scene.issuer.set_subscription(super::TENANT, 2, &["--pack", "advanced_analytics"]);
    scene.device.exchange().ok();
    assert!(scene.is_granted("one", COUNTING) && !scene.is_granted("three", COUNTING));
    let status = scene.device.status();
    assert_eq!(status["seats"]["dropped"], serde_json::json!(["three"]), "{status}");
    let people = scene.device.run(&["status"]).ok();
    assert!(people.stdout.contains("warning: a new licence left no unnamed seat for three"), "{people}");
    scene.device.exchange().ok();
    let known = [("two".to_owned(), true), ("one".to_owned(), false)];
    assert_eq!(scene.known(&scene.offer.device), known);
}

#[test]
fn a_device_that_starts_over_seats_nobody_and_the_issuer_still_shows_who_sat_on_the_old_one() {
    let scene = Scene::activated(4);
    scene.seat(&["assign", "gate"]).ok();
    scene.device.exchange().ok();
    let replaced =
        ["device", "replace", "--device", &scene.offer.device, "--accept-overlap", "--reason", "broken"];
    let said = scene.issuer.run(&[&replaced[..], &["--json"]].concat()).ok().json();
    let code = text(&said["code"]);
    scene.device.run(&["activate", "--issuer", &scene.url, "--code", &code, "--again"]).ok();
    assert!(!scene.is_granted("gate", COUNTING));
    assert_eq!(scene.seat(&["list"]).ok().json()["free"], 4);
    assert_eq!(scene.known(&scene.offer.device), [("gate".to_owned(), false)]);
    scene.seat(&["assign", "gate"]).ok();
    assert!(scene.is_granted("gate", COUNTING));
}

#[test]
fn the_document_is_shown_in_the_bundle_and_in_the_request_that_reports_it() {
    let scene = Scene::activated(4);
    scene.seat(&["assign", "gate"]).ok();
    let request = scene.world.path("request");
    let (request, trust) = (request.to_str().unwrap(), scene.issuer.trust());
    scene.device.run(&["exchange", "--export", request]).ok();
    let bundle = scene.device.bundle();
    for file in [bundle.to_str().unwrap(), request] {
        let words = ["token", "inspect", file, "--trust", trust.to_str().unwrap(), "--json"];
        let seen = Ran::run(brink_tests::Program::Edge.path(), &words).ok().json();
        let parts = seen["parts"].as_array().unwrap();
        let seats = parts.iter().find(|part| part["what"] == "brink-seats+jwt").expect("the document");
        assert_eq!(seats["verified"], true, "{seats}");
        assert_eq!(
            seats["content"]["claims"]["seated"][0]["cameras"],
            serde_json::json!(["gate"]),
            "{seats}"
        );
    }
}

#[test]
fn a_copy_of_the_bundle_on_another_machine_is_no_way_to_more_seats() {
    let scene = Scene::activated(1);
    scene.seat(&["assign", "gate"]).ok();
    let copy = scene.world.path("copy");
    std::fs::create_dir(&copy).unwrap();
    for name in ["trust.json", "licence.bundle"] {
        std::fs::copy(scene.device.data().join(name), copy.join(name)).unwrap();
    }
    let copy = Device::at(copy);
    copy.run(&["seat", "assign", "other"]).coded(1).says("NOT_ACTIVATED");
}

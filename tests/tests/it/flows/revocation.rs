//! A licence that is withdrawn, and given back.

use super::host::Host;
use super::{NEAR_MISS, Scene};
use brink_tests::{Device, Ran};

impl Scene {
    /// `license VERB` for the device.
    fn turn(&self, verb: &str) -> Ran {
        self.issuer.run(&["license", verb, "--device", &self.offer.device, "--reason", "a test", "--json"])
    }
}

#[test]
fn a_revocation_denies_under_every_profile_until_it_is_resumed_by_network_and_by_file() {
    let scene = Scene::activated(10);
    let observed = ["--pack", "advanced_analytics", "--enforce", "observe"];
    scene.issuer.set_subscription(super::TENANT, 10, &observed);
    scene.assign_two();
    scene.device.exchange().ok();
    let mut host = Host::start(&scene);

    let said = scene.turn("revoke").ok().json();
    assert_eq!((&said["was"], &said["status"]), (&"active".into(), &"revoked".into()));
    assert!(scene.is_granted("cam-1", NEAR_MISS), "nothing has arrived yet");
    scene.device.exchange().ok();
    assert_eq!(host.line(), "now revoked denied", "observe softens no revocation");
    assert_eq!(scene.device.status()["state"], "revoked");
    scene.device.check("cam-1", NEAR_MISS).coded(3);

    scene.turn("resume").ok();
    scene.device.exchange().ok();
    assert_eq!(host.line(), "now granted allowed");
    assert_eq!(scene.device.status()["licence"]["seq"], 3, "a new licence, not the old one");

    scene.turn("revoke").ok();
    scene.carry();
    assert_eq!(host.line(), "now revoked denied");
    scene.carry();
    scene.turn("resume").ok();
    assert_eq!(scene.device.verdict("cam-1", NEAR_MISS).1, "revoked", "until something else arrives");
    scene.carry();
    assert_eq!(host.line(), "now granted allowed");
}

#[test]
fn a_suspension_pauses_and_a_resumed_licence_goes_on() {
    let scene = Scene::activated(10);
    scene.assign_two();
    scene.device.exchange().ok();
    scene.turn("suspend").ok();
    scene.device.exchange().ok();
    assert_eq!(scene.device.verdict("cam-1", NEAR_MISS).1, "suspended");
    scene.turn("resume").ok();
    scene.device.exchange().ok();
    assert_eq!(scene.device.verdict("cam-1", NEAR_MISS).1, "granted");
}

#[test]
fn refusals_name_the_device_and_the_mend() {
    let scene = Scene::activated(10);
    scene.turn("resume").coded(3).says("is active already");
    scene.turn("revoke").ok();
    scene.turn("revoke").coded(3).says(&scene.offer.device).says("revoked already");
    scene.turn("suspend").coded(3).says("license resume --device");
    scene.issuer.run(&["license", "revoke", "--device", "nobody"]).coded(1).says("unknown device nobody");
    let waiting = scene.issuer.offer(super::TENANT);
    scene
        .issuer
        .run(&["license", "revoke", "--device", &waiting.device])
        .coded(3)
        .says("is not activated")
        .says("expires at");
    scene.issuer.run(&["license", "revoke", "--device", &waiting.device, "--reason", ""]).coded(2);
}

impl Scene {
    /// Writes the tenant's list; gives the file.
    fn list_revoked(&self, name: &str) -> String {
        let file = self.world.path(name).to_str().unwrap().to_owned();
        self.issuer.run(&["license", "revocations", "--tenant", super::TENANT, "--out", &file]).ok();
        file
    }
}

#[test]
fn a_list_carried_to_a_whole_site_stops_the_named_licence_alone() {
    let scene = Scene::activated(10);
    scene.assign_two();
    scene.device.exchange().ok();
    let offer = scene.issuer.offer(super::TENANT);
    let other = scene.world.device("other", &scene.issuer);
    scene.issuer.assign(&offer.device, &["cam-9"], &[]);
    other.activate(&scene.url, &offer.code).ok();
    // The first one gives unnamed seats back, and then the second has one.
    for device in [&scene.device, &scene.device, &other] {
        device.exchange().ok();
    }
    let file = scene.world.path("list");
    let refused = ["license", "revocations", "--tenant", super::TENANT, "--out", file.to_str().unwrap()];
    scene.issuer.run(&refused).coded(3).says("nothing to list");
    let mut host = Host::start(&scene);

    scene.turn("revoke").ok();
    let list = scene.list_revoked("list-1");
    let is_new =
        |device: &Device, list: &str| device.run(&["accept", list, "--json"]).ok().json()["new"] == true;
    for device in [&scene.device, &other] {
        assert!(is_new(device, &list));
        assert!(!is_new(device, &list), "the same again is no error");
    }
    assert_eq!(host.line(), "now revoked denied");
    assert_eq!(scene.device.status()["state"], "revoked");
    assert_eq!(other.verdict("cam-9", super::COUNTING).1, "granted");
    assert_eq!(std::fs::read(&list).unwrap(), std::fs::read(scene.list_revoked("list-again")).unwrap());

    // A licence that is minted later is a new word, list or no list.
    scene.turn("resume").ok();
    scene.device.exchange().ok();
    assert_eq!(host.line(), "now granted allowed");

    // The next list reaches by exchange whoever has not got it, and then an older file says nothing any more.
    scene.issuer.run(&["device", "retire", "--device", &offer.device, "--reason", "sold"]).ok();
    let next = scene.list_revoked("list-2");
    scene.device.exchange().ok();
    scene.device.run(&["accept", &list]).coded(1).says("ROLLBACK");
    assert!(!is_new(&scene.device, &next), "the exchange has brought it");
    assert!(is_new(&other, &next));
    assert_eq!(other.verdict("cam-9", super::COUNTING).1, "revoked", "it is out of service at once");
    assert_eq!(scene.device.verdict("cam-1", NEAR_MISS).1, "granted");
}

#[test]
fn what_is_no_list_for_this_device_is_refused_and_changes_nothing() {
    let scene = Scene::activated(10);
    scene.assign_two();
    scene.device.exchange().ok();
    scene.issuer.subscribe("tenant-9", 5, &[]);
    let offer = scene.issuer.offer("tenant-9");
    let foreign = scene.world.device("foreign", &scene.issuer);
    foreign.activate(&scene.url, &offer.code).ok();
    scene.issuer.run(&["license", "revoke", "--device", &offer.device, "--reason", "a test"]).ok();
    let list = scene.world.path("foreign-list");
    let list = list.to_str().unwrap();
    scene.issuer.run(&["license", "revocations", "--tenant", "tenant-9", "--out", list]).ok();
    scene.device.run(&["accept", list]).coded(1).says("WRONG_DEVICE");
    let token = std::fs::read_to_string(list).unwrap();
    let spoilt = scene.world.path("spoilt");
    for (text, code) in [
        ("".to_owned(), "MALFORMED"),
        (token.replace('.', ","), "MALFORMED"),
        (format!("{}A", token), "BAD_BASE64"),
        ("{}".to_owned(), "MALFORMED"),
    ] {
        std::fs::write(&spoilt, text).unwrap();
        let refused = scene.device.run(&["accept", spoilt.to_str().unwrap()]);
        refused.coded(1).says(code).says("exchange --import");
    }
    assert_eq!(scene.device.verdict("cam-1", NEAR_MISS).1, "granted");
    let never = scene.world.device("never", &scene.issuer);
    never.run(&["accept", list]).coded(1).says("NOT_ACTIVATED");
}

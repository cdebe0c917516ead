//! A licence that is withdrawn, and given back.

use super::host::Host;
use super::{NEAR_MISS, Scene};
use brink_tests::Ran;

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

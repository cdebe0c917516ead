//! A device starts over: a new key, a new name, and what was in force stays until the new answer has arrived.

use super::host::Host;
use super::{NEAR_MISS, Scene, TENANT};
use brink_license::exchange::ExchangeRequest;
use brink_tests::Offer;
use std::fs;
use std::path::PathBuf;

/// An activated device with two cameras, and a second code whose device has the third.
fn scene() -> (Scene, Offer) {
    let scene = Scene::activated(3);
    scene.assign_two();
    let second = scene.issuer.offer(TENANT);
    scene.issuer.assign(&second.device, &["cam-9"], &["advanced_analytics"]);
    // The second says that the first has arrived, which frees the seat without a name that the device had before.
    for _ in 0..2 {
        scene.device.exchange().ok();
    }
    (scene, second)
}

impl Scene {
    fn in_device(&self, name: &str) -> PathBuf {
        self.device.data().join(name)
    }

    fn key(&self) -> Vec<u8> {
        fs::read(self.in_device("device.key")).unwrap()
    }

    /// Where a file lies that people carry.
    fn carried(&self, name: &str) -> String {
        self.world.path(name).to_str().unwrap().to_owned()
    }

    fn named(&self) -> String {
        self.device.status()["licence"]["device"].as_str().unwrap().to_owned()
    }

    /// The old identity is in force, and its key is where nobody works with it.
    #[track_caller]
    fn assert_waiting(&self, old: &[u8]) {
        assert!(self.is_granted("cam-1", NEAR_MISS), "the old licence stays in force");
        assert_eq!(self.named(), self.offer.device);
        assert_eq!(fs::read(self.in_device("retired-1/device.key")).unwrap(), old);
        assert!(self.in_device("retired-1/state.db").exists() && !self.in_device("retired-2").exists());
        assert_ne!(self.key(), old, "a new key was made");
    }

    /// The new identity is in force and exchanges.
    #[track_caller]
    fn assert_started_over(&self, second: &Offer, url: &str) {
        assert!(self.is_granted("cam-9", NEAR_MISS) && !self.is_granted("cam-1", NEAR_MISS));
        assert_eq!(self.named(), second.device);
        self.device.run(&["exchange", "--issuer", url]).ok();
        assert_eq!(self.named(), second.device);
    }
}

/// The host goes on with the new device by itself, having denied nothing until then.
fn goes_along(mut host: Host, second: &Offer) {
    assert_eq!(host.line(), format!("device {} camera_not_licensed denied before 0", second.device));
    let (checks, _, receipt, refused) = host.end();
    assert!(checks > 0 && receipt > 0);
    assert_eq!(refused, "nothing");
}

#[test]
fn an_agents_device_starts_over_by_network_and_its_hosts_go_along() {
    let (mut scene, second) = scene();
    let agent = scene.device.agent();
    let host = Host::start(&scene);
    let old = scene.key();
    scene.stop_issuer();
    let again =
        |url: &str| scene.device.run(&["activate", "--again", "--issuer", url, "--code", &second.code]);
    again(&scene.url).coded(1).says("ISSUER_UNREACHABLE");
    scene.assert_waiting(&old);
    let made = scene.key();
    let (server, url) = scene.issuer.serve();
    again(&url).ok();
    assert_eq!(scene.key(), made, "asked for once more with the same code it is the same new device");
    assert!(!scene.in_device("retired-2").exists());
    goes_along(host, &second);
    scene.assert_started_over(&second, &url);
    assert!(agent.stop().success());
    scene.assert_started_over(&second, &url);
    assert!(server.stop().success());
}

#[test]
fn a_device_starts_over_by_file_and_its_hosts_go_along() {
    let (scene, second) = scene();
    let host = Host::start(&scene);
    let old = scene.key();
    let (request, response) = (scene.carried("again.req"), scene.carried("again.resp"));
    // What the old key asked for before is answered after it: nobody is left to take it.
    let (asked, late) = (scene.carried("old.req"), scene.carried("old.resp"));
    scene.device.run(&["exchange", "--export", &asked]).ok();
    let export = ["activate", "--again", "--code", &second.code, "--export", &request];
    scene.device.run(&export).ok();
    scene.assert_waiting(&old);
    let first = fs::read(&request).unwrap();
    scene.device.run(&export).ok();
    assert_eq!(fs::read(&request).unwrap(), first, "the same code, the same request");
    scene.assert_waiting(&old);

    scene.issuer.exchange_file(asked.as_ref(), late.as_ref()).ok();
    scene.device.run(&["exchange", "--import", &late]).coded(1).says("OTHER_PENDING");
    scene.device.run(&["activate", "--import", &late]).coded(1);
    scene.assert_waiting(&old);

    scene.issuer.exchange_file(request.as_ref(), response.as_ref()).ok();
    scene.device.run(&["activate", "--import", &response]).ok();
    goes_along(host, &second);
    scene.assert_started_over(&second, &scene.url);
    let requests = [&asked, &request].map(|path| ExchangeRequest::decode(&fs::read(path).unwrap()).unwrap());
    assert_ne!(requests[0].device_key, requests[1].device_key);
    scene.device.run(&["exchange", "--export", &asked]).ok();
    let next = ExchangeRequest::decode(&fs::read(&asked).unwrap()).unwrap();
    assert_eq!(next.device_key, requests[1].device_key, "every request from now on is the new key's");
}

#[test]
fn an_agent_that_ran_before_goes_on_with_the_new_key_alone() {
    let (scene, second) = scene();
    let agent = scene.device.agent();
    let (request, response) = (scene.carried("again.req"), scene.carried("again.resp"));
    scene.device.run(&["activate", "--again", "--code", &second.code, "--export", &request]).ok();
    let new = ExchangeRequest::decode(&fs::read(&request).unwrap()).unwrap().device_key;
    let resent = scene.carried("resent.req");
    scene.device.run(&["exchange", "--export", &resent]).ok();
    assert_eq!(fs::read(&resent).unwrap(), fs::read(&request).unwrap(), "all that there is to ask");
    scene.issuer.exchange_file(request.as_ref(), response.as_ref()).ok();
    scene.device.run(&["activate", "--import", &response]).ok();
    scene.device.run(&["exchange", "--export", &resent]).ok();
    let asked = ExchangeRequest::decode(&fs::read(&resent).unwrap()).unwrap();
    assert_eq!(asked.device_key, new);
    assert_eq!(scene.device.run(&["run"]).coded(1).says("AGENT_RUNS").code, Some(1));
    assert!(agent.stop().success());
    assert_eq!(scene.named(), second.device);
}

#[test]
fn starting_over_mends_what_can_no_longer_be_opened() {
    for lost in ["state.db", "device.key"] {
        let (scene, second) = scene();
        fs::remove_file(scene.in_device(lost)).unwrap();
        scene.device.exchange().coded(1).says("activate --again");
        let url = scene.url.as_str();
        scene.device.run(&["activate", "--again", "--issuer", url, "--code", &second.code]).ok();
        scene.assert_started_over(&second, &scene.url);
        assert!(scene.in_device("retired-1").exists());
    }
    for (damaged, code) in [("state.db", "STATE_DAMAGED"), ("device.key", "KEYFILE_DAMAGED")] {
        let (scene, second) = scene();
        fs::write(scene.in_device(damaged), b"nothing").unwrap();
        scene.device.exchange().coded(1).says(code);
        scene.device.run(&["activate", "--again", "--issuer", &scene.url, "--code", &second.code]).ok();
        scene.assert_started_over(&second, &scene.url);
        assert_eq!(fs::read(scene.in_device("retired-1").join(damaged)).unwrap(), b"nothing");
    }
}

#[test]
fn starting_over_is_no_way_around_another_trust() {
    let (scene, second) = scene();
    let other = brink_tests::Issuer::init(scene.world.path("other"), "dev-other");
    fs::copy(other.trust(), scene.in_device("trust.json")).unwrap();
    let again = ["activate", "--again", "--issuer", &scene.url, "--code", &second.code];
    scene.device.run(&again).coded(1).says("TRUST_PINNED");
    assert!(!scene.in_device("retired-1").exists());
}

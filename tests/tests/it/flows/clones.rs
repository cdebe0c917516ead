//! A device's directory is copied or put back, and both are asked: what an admin sees, and what each policy does.

use super::host::Host;
use super::{NEAR_MISS, Scene, TENANT};
use brink_tests::{Device, Offer, Ran};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

impl Scene {
    /// A device whose two cameras run, of a tenant with this policy.
    fn under(policy: &str) -> Scene {
        let scene = Scene::activated(3);
        scene.assign_two();
        let said = scene.issuer.run(&["tenant", "policy", "--tenant", TENANT, "--clones", policy, "--json"]);
        assert_eq!(said.ok().json()["clones"], policy);
        let shown = scene.issuer.run(&["tenant", "show", "--tenant", TENANT, "--json"]).ok().json();
        assert_eq!(shown["clones"], policy);
        for _ in 0..2 {
            scene.device.exchange().ok();
        }
        assert!(scene.is_granted("cam-1", NEAR_MISS));
        scene
    }

    /// The whole directory, as a backup or an image has it.
    fn copied(&self, name: &str) -> Device {
        let to = self.world.path(name);
        copy(self.device.data(), &to);
        Device::at(to)
    }

    fn evidence(&self) -> Vec<Value> {
        let said = self.issuer.run(&["device", "evidence", "--device", &self.offer.device, "--json"]);
        said.ok().json()["evidence"].as_array().unwrap().clone()
    }

    fn reactivate(&self, more: &[&str]) -> Ran {
        let verb = ["device", "reactivate", "--json", "--device", &self.offer.device];
        self.issuer.run(&[&verb, more].concat())
    }

    fn epoch(&self) -> u64 {
        self.device.status()["licence"]["epoch"].as_u64().unwrap()
    }
}

fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(status.success());
}

fn offer(said: &Value) -> Offer {
    let text = |name: &str| said[name].as_str().unwrap().to_owned();
    Offer { code: text("code"), device: text("device") }
}

#[test]
fn of_a_copied_directory_the_second_that_asks_is_found_and_an_admin_sees_both() {
    let scene = Scene::under("alert");
    let copied = scene.copied("copy");
    assert_eq!(scene.evidence(), Vec::<Value>::new());
    scene.device.exchange().ok();
    copied.exchange().coded(1).says("CLONE_SUSPECTED").says(&scene.offer.device);
    let seen = scene.evidence();
    let [line] = &seen[..] else { panic!("{seen:#?}") };
    let (detail, accepted) = (&line["detail"], &line["detail"]["accepted"]);
    assert_eq!(
        (&line["action"], &detail["code"]),
        (&"device.clone_suspected".into(), &"CLONE_SUSPECTED".into())
    );
    assert_eq!(detail["ctr"], accepted["ctr"], "they count alike");
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    assert!(boot.trim().replace('-', "") == detail["boot_id"].as_str().unwrap().replace('-', ""), "{detail}");
    assert_eq!(detail["boot_id"], accepted["boot_id"]);
    assert!(line["seen_at"].is_string() && accepted["answered_at"].is_string(), "{line}");
    let proof = |of: &Value| of["proof"].as_str().unwrap().to_owned();
    assert_ne!(proof(detail), proof(accepted));
    let told = scene.issuer.run(&["device", "evidence", "--device", &scene.offer.device]).ok();
    for word in ["refused:", "accepted:", &proof(detail), &proof(accepted)] {
        assert!(told.stdout.contains(word), "{told}");
    }
    // The one that has the ratchet goes on, the other never.
    scene.device.exchange().ok();
    copied.exchange().coded(1);
    assert!(scene.is_granted("cam-1", NEAR_MISS));
}

#[test]
fn a_directory_that_is_put_back_is_found_and_a_suspension_reaches_its_hosts() {
    let scene = Scene::under("suspend");
    let before = scene.copied("before");
    for _ in 0..3 {
        scene.device.exchange().ok();
    }
    before.exchange().coded(1).says("STALE_COUNTER");
    scene.device.exchange().ok();
    assert_eq!(scene.device.verdict("cam-1", NEAR_MISS).1, "suspended");
    let actors: Vec<_> = scene.evidence().iter().map(|line| line["actor"].clone()).collect();
    assert!(actors.contains(&"policy:clones=suspend".into()), "{actors:?}");
    scene.issuer.run(&["license", "resume", "--device", &scene.offer.device, "--reason", "found"]).ok();
    scene.device.exchange().ok();
    assert!(scene.is_granted("cam-1", NEAR_MISS));
}

#[test]
fn under_reactivate_every_copy_is_refused_and_the_real_one_goes_on_under_its_name_by_network() {
    let scene = Scene::under("reactivate");
    let copied = scene.copied("copy");
    let mut host = Host::start(&scene);
    scene.device.exchange().ok();
    copied.exchange().coded(1).says("CLONE_SUSPECTED");
    for device in [&scene.device, &copied] {
        let mend = format!("brink-issuer device reactivate --device {}", scene.offer.device);
        device.exchange().coded(1).says("REACTIVATION_REQUIRED").says(&mend).says("activate --again");
    }
    assert_eq!(scene.device.status()["exchange"]["last_refusal"]["code"], "REACTIVATION_REQUIRED");
    assert!(scene.is_granted("cam-1", NEAR_MISS), "what was given runs on until its deadlines");
    let listed = scene.issuer.run(&["device", "list", "--tenant", TENANT, "--json"]).ok().json();
    assert!(listed["devices"][0]["reactivation_due_since"].is_string(), "{listed}");

    scene.reactivate(&["--accept-overlap"]).coded(2).says("--reason");
    let said =
        scene.reactivate(&["--accept-overlap", "--by", "Ada", "--reason", "the copy is destroyed"]).ok();
    let code = offer(&said.json()).code;
    // As every page and refusal says it: the address is the one that the device called before.
    let again = ["activate", "--again", "--code", &code];
    let ran = scene.device.run(&again).ok();
    assert!(!ran.stdout.contains("device replace"), "it keeps its name and its cameras: {ran}");
    assert_eq!(
        (scene.epoch(), scene.device.status()["licence"]["device"].as_str().unwrap()),
        (2, &*scene.offer.device)
    );
    assert!(scene.is_granted("cam-1", NEAR_MISS) && scene.is_granted("cam-2", super::COUNTING));
    scene.device.exchange().ok();
    scene.device.exchange().ok();
    copied.exchange().coded(1).says("KEY_REPLACED");
    assert!(scene.evidence().iter().any(|line| line["action"] == "device.old_key"));
    // Only the new key's licence can say that a camera is gone, so its host has gone along, and never said no before.
    scene
        .issuer
        .run(&["camera", "assign", "--remove", "--device", &scene.offer.device, "--camera", "cam-1"])
        .ok();
    scene.device.exchange().ok();
    assert_eq!(host.line(), "now camera_not_licensed denied");
    assert_eq!(host.end().3, "nothing");
}

#[test]
fn a_device_is_activated_anew_by_file_and_gets_the_seats_when_the_old_lease_is_over() {
    let scene = Scene::under("reactivate");
    let copied = scene.copied("copy");
    let path = |name: &str| scene.world.path(name).to_str().unwrap().to_owned();
    let said = scene.reactivate(&[]).ok().json();
    assert!(said["held_until"].is_string() && said["overlap"] == false, "{said}");
    // Whatever was carried away before is answered as before until the code is used.
    scene.carry();
    let code = offer(&said).code;
    let (request, response) = (path("anew.req"), path("anew.resp"));
    scene.device.run(&["activate", "--again", "--code", &code, "--export", &request]).ok();
    scene.issuer.exchange_file(request.as_ref(), response.as_ref()).ok();
    let first = std::fs::read(&response).unwrap();
    scene.issuer.exchange_file(request.as_ref(), response.as_ref()).ok();
    assert_eq!(std::fs::read(&response).unwrap(), first, "the same bytes, the same answer");
    scene.device.run(&["activate", "--import", &response]).ok();
    assert_eq!(scene.epoch(), 2);
    assert_eq!(scene.device.verdict("cam-1", NEAR_MISS).1, "camera_not_licensed", "nobody answered for it");
    let shown = scene.issuer.run(&["license", "show", "--device", &scene.offer.device, "--json"]).ok().json();
    let holder = &shown["desired"]["withheld"]["held_by"][0];
    assert_eq!(
        (&holder["device"], &holder["held"]),
        (&scene.offer.device.as_str().into(), &3.into()),
        "{shown:#}"
    );
    scene.carry();
    let (asked, answered) = (path("copy.req"), path("copy.resp"));
    copied.run(&["exchange", "--export", &asked]).ok();
    scene.issuer.exchange_file(asked.as_ref(), answered.as_ref()).coded(3).says("KEY_REPLACED");
    assert!(!Path::new(&answered).exists());
}

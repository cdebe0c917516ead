//! A device that goes, and what takes its place, through the real programs.

use super::{NEAR_MISS, Scene, TENANT};
use brink_tests::{Device, Ran};
use serde_json::Value;
use std::fs;
use std::path::Path;

impl Scene {
    /// A device whose two cameras run, and which has reported that they do.
    fn working() -> Scene {
        let scene = Scene::activated(2);
        scene.assign_two();
        for _ in 0..2 {
            scene.device.exchange().ok();
        }
        assert!(scene.is_granted("cam-1", NEAR_MISS));
        scene
    }

    fn replace(&self, device: &str, more: &[&str]) -> Ran {
        self.issuer.run(&[&["device", "replace", "--json", "--device", device], more].concat())
    }

    fn listed(&self, device: &str) -> Value {
        let listed = self.issuer.run(&["device", "list", "--tenant", TENANT, "--json"]).ok().json();
        let devices = listed["devices"].as_array().unwrap();
        devices.iter().find(|listed| listed["device"] == device).unwrap().clone()
    }
}

/// What somebody keeps who copied the directory's older half before it went.
fn copy_of(retired: &Path, device: &Device, to: &Path) -> Device {
    fs::create_dir(to).unwrap();
    for name in ["device.key", "state.db"] {
        fs::copy(retired.join(name), to.join(name)).unwrap();
    }
    fs::copy(device.data().join("trust.json"), to.join("trust.json")).unwrap();
    Device::at(to.to_owned())
}

#[test]
fn a_lost_devices_cameras_go_to_new_hardware_after_its_lease_or_at_once_when_somebody_answers_for_it() {
    for accepts in [false, true] {
        let scene = Scene::working();
        let old = scene.offer.device.as_str();
        scene.replace(old, &["--accept-overlap"]).coded(2).says("--reason");
        let overlap = ["--accept-overlap", "--reason", "stolen"];
        let said = scene.replace(old, if accepts { &overlap } else { &[] }).ok().json();
        assert_eq!((&said["seats_held"], &said["overlap"]), (&2.into(), &accepts.into()), "{said}");
        assert!(said["held_until"].is_string(), "{said}");
        let (new, code) = (said["replaced_by"].as_str().unwrap(), said["code"].as_str().unwrap());

        let hardware = scene.world.device("new", &scene.issuer);
        hardware.activate(&scene.url, code).ok();
        let reason = hardware.verdict("cam-1", NEAR_MISS).1;
        assert_eq!(reason, if accepts { "granted" } else { "camera_not_licensed" });
        let shown = scene.issuer.run(&["license", "show", "--device", new, "--json"]).ok().json();
        let holder = &shown["desired"]["withheld"]["held_by"][0]["device"];
        assert_eq!(holder, &if accepts { Value::Null } else { old.into() }, "{shown:#}");

        scene.device.exchange().coded(1).says("RETIRED").says(new).says("activate --again");
        let listed = scene.listed(old);
        assert_eq!((&listed["status"], &listed["replaced_by"]), (&"retired".into(), &new.into()), "{listed}");
        assert_eq!((&listed["overlap"], &listed["held_until"]), (&accepts.into(), &said["held_until"]));
        assert_eq!(scene.listed(new)["status"], "active");
        let (level, found, _) = super::doctor::said(&scene.device, "refusals");
        assert!(level == "warn" && found.starts_with("RETIRED"), "{found}");
    }
}

#[test]
fn a_device_that_started_over_gets_its_cameras_back_and_what_it_was_is_refused_wherever_it_is() {
    let scene = Scene::working();
    let old = scene.offer.device.as_str();
    let second = scene.issuer.offer(TENANT);
    let again = ["activate", "--again", "--issuer", &scene.url, "--code", &second.code];
    let ran = scene.device.run(&again).ok();
    let mend = format!("brink-issuer device replace --device {old} --by {}", second.device);
    assert!(ran.stdout.contains(&mend), "{ran}");
    assert!(!scene.is_granted("cam-1", NEAR_MISS));

    // What is kept of the old identity still exchanges until it is retired.
    let retired = scene.device.data().join("retired-1");
    let copy = copy_of(&retired, &scene.device, &scene.world.path("copy"));
    copy.exchange().ok();
    let later = copy_of(&retired, &scene.device, &scene.world.path("later"));
    let overlap = ["--by", &second.device, "--accept-overlap", "--reason", "started over"];
    let said = scene.replace(old, &overlap).ok().json();
    assert_eq!(
        (&said["replaced_by"], &said["code"]),
        (&second.device.as_str().into(), &Value::Null),
        "{said}"
    );
    for kept in [&copy, &later] {
        kept.exchange().coded(1).says("RETIRED");
    }
    scene.device.exchange().ok();
    assert!(scene.is_granted("cam-1", NEAR_MISS), "the cameras are back");
    assert_eq!(scene.listed(&second.device)["cameras"], 2);
}

#[test]
fn a_retired_device_says_until_when_its_seats_are_held_and_goes_on_until_then() {
    let scene = Scene::working();
    let device = scene.offer.device.as_str();
    let shown = scene.listed(device);
    let ran = scene.issuer.run(&["device", "retire", "--device", device, "--reason", "sold"]).ok();
    let held = format!("until {} it may still run on 2 seats", shown["ends_at"].as_str().unwrap());
    assert!(ran.stdout.contains(&held) && ran.stdout.contains("its 2 cameras are free"), "{ran}");
    scene.device.exchange().coded(1).says("RETIRED");
    assert!(scene.is_granted("cam-1", NEAR_MISS), "a lease that was given is kept");
    scene.issuer.run(&["device", "retire", "--device", device]).coded(3).says("retired already");
    scene.issuer.run(&["camera", "assign", "--device", device, "--camera", "cam-3"]).coded(3).says("retired");
    let next = scene.issuer.offer(TENANT);
    scene.issuer.assign(&next.device, &["cam-1"], &[]);
}

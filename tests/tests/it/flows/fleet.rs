//! Provisioning lines, and the list of devices with what somebody should look at.

use super::{Scene, TENANT};
use serde_json::Value;

fn listed(scene: &Scene, words: &[&str]) -> Value {
    let list = ["device", "list", "--tenant", TENANT, "--json"];
    scene.issuer.run(&[&list[..], words].concat()).ok().json()
}

fn found(scene: &Scene, words: &[&str]) -> Vec<String> {
    let listed = listed(scene, words);
    let devices = listed["devices"].as_array().unwrap().iter();
    devices.map(|device| device["device"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_line_of_devices_shares_a_code_and_the_list_says_who_came() {
    let scene = Scene::offered(10);
    let code = ["device", "code", "--tenant", TENANT, "--uses", "3", "--json"];
    // Far away, whatever the day is: bounds are named in the refusal.
    scene
        .issuer
        .run(&[&code[..], &["--until", "2001-01-01"]].concat())
        .coded(2)
        .says("is out of bounds: later than");
    scene
        .issuer
        .run(&[&code[..], &["--until", "9999-01-01T00:00:00Z"]].concat())
        .coded(2)
        .says("at the latest");
    scene.issuer.run(&[&code[..], &["--until", "soon"]].concat()).coded(2).says("2026-03-01T00:15:00+01:00");
    let both = ["--until", "9999-01-01", "--expires-hours", "3"];
    scene.issuer.run(&[&code[..], &both].concat()).coded(2).says("cannot be used with");

    let made = scene.issuer.run(&[&code[..], &["--expires-hours", "2"]].concat()).ok().json();
    let devices: Vec<_> = (0..2).map(|at| scene.world.device(&format!("line-{at}"), &scene.issuer)).collect();
    for device in &devices {
        device.activate(&scene.url, made["code"].as_str().unwrap()).ok();
    }
    devices[0].exchange().ok();
    let all = listed(&scene, &[]);
    assert_eq!((all["devices"].as_array().unwrap().len(), &all["next"]), (4, &Value::Null), "{all:#}");
    let came = made["devices"][0].as_str().unwrap();
    let device = all["devices"].as_array().unwrap().iter().find(|device| device["device"] == came).unwrap();
    assert_eq!(device["agent_version"], env!("CARGO_PKG_VERSION"));
    assert_eq!((&device["status"], &device["keyset_version"]), (&"active".into(), &1.into()), "{device:#}");
    assert_eq!((&device["lag"]["licences"], &device["lag"]["usage_records"]), (&0.into(), &0.into()));
    assert_eq!(device["alerts"], serde_json::json!([]));

    let pending = [scene.offer.device.clone(), made["devices"][2].as_str().unwrap().to_owned()];
    let (mut waiting, mut expected) = (found(&scene, &["--alert", "never_seen"]), pending.to_vec());
    waiting.sort();
    expected.sort();
    assert_eq!(waiting, expected);
    assert_eq!(found(&scene, &["--state", "active"]).len(), 2);
    assert_eq!(
        found(&scene, &["--state", "active", "--alert", "never_seen", "--alert", "expired"]),
        Vec::<String>::new()
    );

    let first = listed(&scene, &["--limit", "3"]);
    let rest = found(&scene, &["--limit", "3", "--after", first["next"].as_str().unwrap()]);
    assert_eq!((first["devices"].as_array().unwrap().len(), rest.len()), (3, 1));
    let list = ["device", "list", "--tenant", TENANT];
    let text = scene.issuer.run(&list).ok().stdout;
    assert!(text.contains("[never_seen]") && text.contains(", agent 0."), "{text}");
    for wrong in [&["--alert", "odd"][..], &["--limit", "0"], &["--after", "x"], &["--silent-hours", "0"]] {
        scene.issuer.run(&[&list[..], wrong].concat()).coded(2);
    }
}

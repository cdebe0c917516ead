//! A device that has a billing server tells it that it is there; the issuer knows since when, and when it was not.

use super::{Scene, TENANT};
use brink_tests::local_api::secret_file;
use brink_tests::until;
use serde_json::{Value, json};

/// What the issuer knows of the one device that sent heartbeats.
fn known(scene: &Scene) -> Value {
    let listed = scene.issuer.run(&["legacy", "devices", "--tenant", TENANT, "--json"]).ok().json();
    listed["devices"].as_array().unwrap().first().cloned().unwrap_or_default()
}

#[test]
fn a_device_with_a_billing_server_is_online_there_under_its_own_name() {
    let scene = Scene::activated(10);
    scene.assign_two();
    scene.device.exchange().ok();
    let made =
        scene.issuer.run(&["key", "create", "--tenant", TENANT, "--scope", "legacy", "--json"]).ok().json();
    let key = secret_file(scene.world.path("billing.key"), made["key"].as_str().unwrap(), 0o600);
    let url = format!("{}/api/v1", scene.url);
    let arguments = ["--billing-url", url.as_str(), "--billing-key-file", &key];
    let agent = scene.device.agent_with(&arguments);
    until("a heartbeat was heard", || known(&scene)["standing"] == "online");
    let device = known(&scene);
    assert_eq!((&device["name"], &device["contact"]["cameras"]), (&json!(scene.offer.device), &json!(2)));
    assert_eq!(device["contact"]["tier"], "basic");
    agent.stop();
    // Started again it begins with one at once, and the stretch goes on.
    let agent = scene.device.agent_with(&arguments);
    until("another one was heard", || known(&scene)["contact"]["beats"] == 2);
    let log = agent.log();
    assert!(!log.contains(made["key"].as_str().unwrap()), "{log}");
    agent.stop();
}

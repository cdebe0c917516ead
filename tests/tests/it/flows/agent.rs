//! The agent at work: verbs are carried out by it, hosts read beside it.

use super::host::Host;
use super::{COUNTING, NEAR_MISS, Scene};

/// How often the agent publishes while hosts ask.
const PUBLICATIONS: u64 = 1000;

#[test]
fn two_hosts_hold_gates_while_the_agent_publishes_a_thousand_times() {
    let scene = Scene::activated(10);
    scene.assign_two();
    let agent = scene.device.agent();
    scene.device.exchange().ok();
    let hosts = [Host::start(&scene), Host::start(&scene)];
    let first = scene.device.status()["receipt"]["seq"].as_u64().unwrap();
    for _ in 0..PUBLICATIONS {
        scene.device.exchange().ok();
    }
    let last = scene.device.status()["receipt"]["seq"].as_u64().unwrap();
    assert!(
        last >= first + PUBLICATIONS,
        "every exchange brings a receipt, and so a bundle: {first} to {last}"
    );
    // A gate opened now sees the last bundle; those that were held all the while never said no.
    assert!(scene.is_granted("cam-1", NEAR_MISS));
    for host in hosts {
        let (checks, denied, receipt, refused) = host.end();
        assert!(checks > 1000, "{checks} checks");
        assert_eq!((denied, refused.as_str()), (0, "nothing"));
        assert!(receipt > first, "the gate went along: {receipt}");
    }
    assert!(agent.stop().success());
}

#[test]
fn verbs_are_carried_out_by_the_agent_while_it_runs() {
    let scene = Scene::offered(10);
    let agent = scene.device.agent();
    let (request, response) = (scene.world.path("request"), scene.world.path("response"));
    let (export, import) = (request.to_str().unwrap(), response.to_str().unwrap());
    assert_eq!(scene.device.status()["state"], "unlicensed");
    scene.device.activate(&scene.url, &scene.offer.code).ok();
    scene.assign_two();
    scene.device.run(&["exchange", "--export", export]).ok();
    scene.issuer.exchange_file(&request, &response).ok();
    scene.device.run(&["exchange", "--import", import]).ok();
    assert!(scene.is_granted("cam-1", NEAR_MISS) && scene.is_granted("cam-2", COUNTING));
    let status = scene.device.status();
    assert_eq!(status["state"], "active");
    assert_eq!(status["store"]["agent"], "running", "{status}");
    assert!(agent.stop().success());
    assert_eq!(scene.device.status()["state"], "active", "status needs no agent");
}

#[test]
fn a_second_agent_is_refused_and_says_why() {
    let scene = Scene::activated(1);
    let agent = scene.device.agent();
    let second = scene.device.run(&["run"]);
    assert_ne!(second.code, Some(0), "{second}");
    assert!(second.stderr.contains("agent"), "{second}");
    assert!(agent.stop().success());
}

#[test]
fn an_agent_goes_on_where_a_killed_one_stopped() {
    let scene = Scene::activated(10);
    scene.assign_two();
    for _ in 0..5 {
        let agent = scene.device.agent();
        scene.device.exchange().ok();
        agent.kill();
        assert!(scene.is_granted("cam-1", NEAR_MISS));
    }
    let agent = scene.device.agent();
    scene.device.exchange().ok();
    assert!(agent.stop().success(), "a socket that a killed agent left behind is no obstacle");
}

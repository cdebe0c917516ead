//! MOCK_BILLING_SERVICE=true: the agent with a development issuer in the same process.

use brink_tests::local_api::{Asked, TOKEN, Wire, secret_file};
use brink_tests::{Device, Program, Ran, Running, World};
use std::process::Command;

/// `brink-edge run`, which becomes the program with an issuer in it.
fn start(world: &World, token: &str) -> (Running, String) {
    let data = world.path("device");
    let mut command = Command::new(Program::Edge.path());
    command.args(["run", "--api-listen", "127.0.0.1:0", "--api-token-file", token, "--data"]).arg(&data);
    command.env("MOCK_BILLING_SERVICE", "true");
    let mut agent = Running::start(&mut command, data.with_extension("log"));
    let said = agent.announced("agent ready on ");
    let url = said.split("API on http://").nth(1).unwrap_or_else(|| panic!("no API: {said}"));
    let address = url.split(['/', ',']).next().unwrap_or_default().to_owned();
    (agent, address)
}

fn asked(address: &str, path: &str) -> serde_json::Value {
    let answer = Wire::to(address).send(&Asked::new("GET", path).by_token());
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

#[test]
fn a_device_that_is_not_there_is_made_and_licensed_and_is_the_same_after_a_restart() {
    assert!(Program::Mock.path().exists(), "it stands beside the agent");
    let world = World::new();
    let token = secret_file(world.path("token"), TOKEN, 0o600);
    let (agent, address) = start(&world, &token);
    let status = asked(&address, "/api/v1/license/status");
    assert_eq!((&status["is_valid"], &status["cameras_allowed"]), (&true.into(), &10.into()), "{status}");
    // The console's questions go to the issuer in this process, by a key that it knows.
    let shown = asked(&address, "/api/v1/billing/license/tenant-123");
    assert_eq!((&shown["license_mode"], &shown["is_valid"]), (&"base".into(), &true.into()), "{shown}");
    let device = status["device_id"].clone();
    assert!(device.is_string(), "{status}");
    assert!(agent.stop().success());
    let (agent, address) = start(&world, &token);
    assert_eq!(asked(&address, "/api/v1/license/status")["device_id"], device, "nothing was made again");
    Device::at(world.path("device")).exchange().ok();
    agent.stop();
}

#[test]
fn a_device_of_somebody_else_is_left_alone() {
    let world = World::new();
    let issuer = world.issuer();
    let device = world.device("edge", &issuer);
    let mut command = Command::new(Program::Mock.path());
    command.args(["run", "--data"]).arg(device.data());
    let ran = Ran::to_end(&mut command);
    assert_ne!(ran.code, Some(0), "{ran}");
    assert!(ran.stderr.contains("a device directory of its own"), "{ran}");
    // The agent itself goes on with the issuer that it has, and says that the variable makes nothing up.
    let mut command = device.command(&["run"]);
    command.env("MOCK_BILLING_SERVICE", "true");
    let mut agent = Running::start(&mut command, world.path("edge.log"));
    agent.announced("agent ready on ");
    assert!(agent.log().contains("DEVELOPMENT_ONLY"), "{}", agent.log());
    assert!(!world.path("edge.mock-issuer").exists());
    agent.stop();
}

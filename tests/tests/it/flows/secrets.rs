//! What the two programs log, and say to people, while everything happens that handles a secret.

use super::{Scene, TENANT};
use brink_license::b64;
use brink_license::exchange::ExchangeResponse;
use brink_tests::{Device, Ran};
use std::fs;
use std::path::Path;

/// Everything that was said so far.
#[derive(Default)]
struct Said(String);

impl Said {
    /// What a person sees of a verb: what it says and logs. Codes are meant to be seen where they are made.
    fn of(&mut self, ran: Ran) -> Ran {
        self.0.push_str(&ran.stderr);
        ran
    }

    #[track_caller]
    fn lacks(&self, what: &str, secret: &str) {
        assert!(secret.len() >= 3, "{what} is too short to be looked for");
        assert!(!self.0.contains(secret), "{what} was said: {secret}");
    }
}

/// The ratchet of an answer that was carried, as it might be written.
fn ratchet(answer: &Path) -> [String; 3] {
    let bytes = ExchangeResponse::decode(&fs::read(answer).unwrap()).unwrap().next_ratchet;
    let hex = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let debug = format!("{bytes:?}");
    [hex, b64::encode(&bytes), debug[1..debug.len() - 1].to_owned()]
}

/// The base64 of a key file.
fn key_text(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    text.lines().rfind(|line| !line.starts_with('-') && line.len() > 20).unwrap().to_owned()
}

#[test]
fn no_code_token_ratchet_or_key_is_logged_or_said_in_a_refusal() {
    let mut scene = Scene::offered(3);
    scene.stop_issuer();
    let (server, url) = scene.issuer.serve_with(&["--log", "trace"]);
    let agent = scene.device.agent_with(&["--log", "trace"]);
    let mut said = Said::default();
    let wrong = "00000-00000-00000-00000-00000-0";
    said.of(scene.device.activate(&url, wrong)).coded(1).says("CODE_UNKNOWN");
    said.of(scene.device.activate(&url, &scene.offer.code)).ok();
    scene.assign_two();
    for _ in 0..2 {
        said.of(scene.device.exchange()).ok();
    }
    scene.carry();
    let mut ratchets = vec![ratchet(&scene.world.path("carried.resp"))];
    said.of(scene.device.exchange()).ok();
    let thief = scene.world.device("thief", &scene.issuer);
    said.of(thief.activate(&url, &scene.offer.code)).coded(1).says("CODE_SPENT");
    let policy = ["tenant", "policy", "--tenant", TENANT, "--clones", "reactivate"];
    said.of(scene.issuer.run(&policy)).ok();
    // A copy that asks, by file and with a log of its own.
    let copied = scene.world.path("copy");
    let copies = std::process::Command::new("cp").arg("-a").arg(scene.device.data()).arg(&copied).status();
    assert!(copies.unwrap().success());
    let copied = Device::at(copied);
    let path = |name: &str| scene.world.path(name).to_str().unwrap().to_owned();
    let (asked, answered) = (path("copy.req"), path("copy.resp"));
    said.of(copied.run(&["exchange", "--export", &asked, "--log", "trace"])).ok();
    said.of(scene.device.exchange()).ok();
    let by_file = ["exchange", "--in", &asked, "--out", &answered, "--log", "trace"];
    said.of(scene.issuer.run(&by_file)).coded(3).says("CLONE_SUSPECTED");
    said.of(scene.device.exchange()).coded(1).says("REACTIVATION_REQUIRED");
    let again = scene.issuer.run(&["device", "reactivate", "--device", &scene.offer.device, "--json"]);
    let code = again.ok().json()["code"].as_str().unwrap().to_owned();
    let old_key = key_text(&scene.device.data().join("device.key"));
    said.of(scene.device.run(&["activate", "--again", "--issuer", &url, "--code", &code])).ok();
    said.of(scene.device.exchange()).ok();
    scene.carry();
    ratchets.push(ratchet(&scene.world.path("carried.resp")));
    said.of(copied.run(&["exchange", "--issuer", &url, "--log", "trace"])).coded(1).says("KEY_REPLACED");

    said.0.push_str(&agent.log());
    said.0.push_str(&server.log());
    assert!(said.0.contains("/v1/activate") && said.0.contains("TRACE"), "there is a log at all");
    for code in [wrong, &scene.offer.code, &code] {
        said.lacks("a code", code);
        said.lacks("a code", &code.replace('-', ""));
    }
    said.lacks("a token, a proof or a receipt", "eyJ");
    for ratchet in ratchets.iter().flatten() {
        said.lacks("a ratchet", ratchet);
    }
    said.lacks("the old device key", &old_key);
    said.lacks("the device key", &key_text(&scene.device.data().join("device.key")));
    for entry in fs::read_dir(scene.issuer.data().join("keys")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "key") {
            said.lacks("a signing key", &key_text(&path));
        }
    }
    assert!(agent.stop().success() && server.stop().success());
}

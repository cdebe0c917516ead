//! Bad input by people and programs: each refusal names the thing and the mend, exits non-zero, and loses nothing.

use super::{COUNTING, NEAR_MISS, Scene, TENANT};
use brink_tests::{Ran, World};
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// A refusal that names all of `words` on standard error and does not panic.
#[track_caller]
fn refused(ran: Ran, code: i32, words: &[&str]) {
    assert_eq!(ran.code, Some(code), "{ran}");
    assert!(!ran.stderr.contains("panicked"), "{ran}");
    for word in words {
        assert!(ran.stderr.contains(word), "does not name {word:?}: {ran}");
    }
}

#[test]
fn the_issuer_names_what_it_does_not_know_and_what_is_missing() {
    let scene = Scene::offered(10);
    let run = |arguments: &[&str]| scene.issuer.run(arguments);
    let device = scene.offer.device.as_str();
    refused(run(&["device", "code", "--tenant", "nobody"]), 1, &["nobody", "tenant create"]);
    refused(run(&["subscription", "set", "--tenant", "nobody", "--cameras", "5"]), 1, &["nobody"]);
    let set =
        |pack: &str| run(&["subscription", "set", "--tenant", TENANT, "--cameras", "10", "--pack", pack]);
    refused(set("no_such_pack"), 2, &["no_such_pack"]);
    refused(set("retail"), 2, &["retail", "retail="]);
    refused(set("data"), 2, &["data", "data="]);
    refused(set("retail=-1"), 2, &["retail"]);
    let assign = |words: &[&str]| run(&[&["camera", "assign", "--device"], words].concat());
    refused(assign(&["ghost", "--camera", "c"]), 1, &["ghost"]);
    refused(assign(&[device, "--camera", "c", "--pack", "retail"]), 3, &["retail"]);
    refused(assign(&[device, "--camera", "c", "--pack", "intelligence"]), 2, &["intelligence", "tenant"]);
    refused(assign(&[device, "--camera", "c", "--pack", "no_such_pack"]), 2, &["no_such_pack"]);
    let eleven: Vec<String> = (0..11).map(|i| format!("cam-{i}")).collect();
    let eleven: Vec<&str> = eleven.iter().flat_map(|name| ["--camera", name]).collect();
    refused(assign(&[&[device], &eleven[..]].concat()), 3, &["11", "10"]);
    refused(run(&["license", "show", "--device", "ghost"]), 1, &["ghost"]);
    scene.device.activate(&scene.url, &scene.offer.code).ok();
}

#[test]
fn a_code_is_spent_once_and_a_wrong_one_is_named() {
    let scene = Scene::offered(10);
    let thief = scene.world.device("thief", &scene.issuer);
    refused(scene.device.activate(&scene.url, "00000-00000-00000-00000-00000-0"), 1, &["code"]);
    assert_eq!(scene.device.status()["exchange"]["last_refusal"]["code"], "CODE_UNKNOWN");
    scene.device.activate(&scene.url, &scene.offer.code).ok();
    assert!(scene.device.status()["exchange"]["last_refusal"].is_null(), "what was wrong is over");
    refused(thief.activate(&scene.url, &scene.offer.code), 1, &["code"]);
    assert_eq!(thief.status()["state"], "unlicensed");
    let next = scene.issuer.offer(TENANT);
    thief.activate(&scene.url, &next.code).ok();
    let again = scene.issuer.offer(TENANT);
    refused(scene.device.activate(&scene.url, &again.code), 1, &["activated"]);
}

#[test]
fn wrong_usage_is_told_from_failure() {
    let scene = Scene::activated(10);
    let check = |words: &[&str]| scene.device.run(&[&["check"], words].concat());
    refused(check(&["--camera", "cam-1"]), 2, &["--feature"]);
    refused(check(&["--camera", "cam-1", "--feature", "near_miss"]), 2, &["category/name"]);
    refused(check(&["--camera", "", "--feature", COUNTING]), 2, &["id"]);
    let at = |moment: &str| check(&["--camera", "cam-1", "--feature", COUNTING, "--at", moment]);
    refused(at("2020-01-01T00:00:00Z"), 2, &["2020-01-01T00:00:00Z"]);
    refused(at("tomorrow"), 2, &["tomorrow"]);
    let world = World::new();
    let init = |words: &[&str]| {
        let data = world.path("fresh");
        let mut command = std::process::Command::new(brink_tests::Program::Issuer.path());
        let ran = Ran::to_end(command.arg("init").args(words).arg("--data").arg(&data));
        assert!(!data.exists() || ran.code == Some(0), "a refused init leaves nothing: {ran}");
        ran
    };
    for name in ["acme", "dev", "Dev-acme", "devacme"] {
        refused(init(&["--issuer", name, "--dev"]), 2, &[name]);
    }
    refused(init(&["--issuer", "acme"]), 2, &["passphrase"]);
    refused(init(&["--issuer", "dev-acme"]), 2, &["passphrase"]);
}

#[test]
fn a_later_moment_may_be_asked_about() {
    let scene = Scene::activated(10);
    scene.assign_two();
    scene.device.exchange().ok();
    let at = |moment: &str, code: i32| {
        let words = ["check", "--camera", "cam-1", "--feature", NEAR_MISS, "--at", moment, "--json"];
        scene.device.run(&words).coded(code).json()
    };
    let now = at("2999-01-01T00:00:00Z", 3);
    assert_eq!((&now["state"], &now["verdict"]), (&"expired".into(), &"deny".into()), "{now}");
}

#[test]
fn an_issuer_in_production_wants_its_passphrase_and_keys_that_only_it_can_read() {
    let world = World::new();
    let (data, secret) = (world.path("prod"), world.path("secret"));
    fs::write(&secret, "correct horse battery staple\n").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let run = |words: &[&str]| {
        let mut command = std::process::Command::new(brink_tests::Program::Issuer.path());
        Ran::to_end(command.args(words).arg("--data").arg(&data))
    };
    let with = secret.to_str().unwrap();
    run(&["init", "--issuer", "acme", "--passphrase-file", with]).ok();
    for root in ["root-1.key", "root-2.key", "root-3.key", "license-1.key", "receipt-1.key", "audit-1.key"] {
        let key = fs::read_to_string(data.join("keys").join(root)).unwrap();
        assert!(key.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"), "{root}");
    }
    refused(run(&["init", "--issuer", "acme", "--passphrase-file", with]), 1, &["prod"]);
    let wrong = world.path("wrong");
    fs::write(&wrong, "wrong").unwrap();
    fs::set_permissions(&wrong, fs::Permissions::from_mode(0o600)).unwrap();
    let serve = ["serve", "--listen", "127.0.0.1:0", "--passphrase-file"];
    refused(run(&[&serve[..], &[wrong.to_str().unwrap()]].concat()), 1, &["passphrase"]);
    refused(run(&serve[..3]), 2, &["passphrase"]);
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
    refused(run(&[&serve[..], &[with]].concat()), 1, &["secret", "chmod"]);
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let key = data.join("keys/license-1.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    refused(run(&[&serve[..], &[with]].concat()), 1, &["license-1.key", "chmod"]);
}

#[test]
fn a_refused_response_leaves_the_accepted_licence_in_force() {
    let scene = Scene::activated(10);
    scene.assign_two();
    scene.device.exchange().ok();
    let (request, response) = (scene.world.path("request"), scene.world.path("response"));
    let (export, import) = (request.to_str().unwrap(), response.to_str().unwrap());
    scene.device.run(&["exchange", "--export", export]).ok();
    scene.issuer.exchange_file(&request, &response).ok();
    let good = fs::read(&response).unwrap();
    for at in (0..good.len()).step_by(97) {
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(&response, &bad).unwrap();
        let ran = scene.device.run(&["exchange", "--import", import]);
        assert!(ran.code == Some(1) && !ran.stderr.contains("panicked"), "byte {at}: {ran}");
        assert!(scene.is_granted("cam-1", NEAR_MISS), "byte {at}");
    }
    // One whose receipt was whole has answered the request, whatever the rest was worth: then it is asked anew.
    fs::write(&response, &good).unwrap();
    if scene.device.run(&["exchange", "--import", import]).code != Some(0) {
        scene.carry();
    }
    assert!(scene.is_granted("cam-1", NEAR_MISS));
}

/// `brink-edge token inspect FILE` with these further words.
fn inspect(file: &std::path::Path, words: &[&str]) -> Ran {
    let mut command = std::process::Command::new(brink_tests::Program::Edge.path());
    Ran::to_end(command.args(["token", "inspect"]).arg(file).args(words))
}

#[test]
fn a_file_says_plainly_whether_it_verified() {
    let scene = Scene::activated(10);
    let bundle = brink_store::Bundle::decode(&fs::read(scene.device.bundle()).unwrap()).unwrap();
    let token = scene.world.path("token");
    fs::write(&token, &bundle.licence).unwrap();
    let trusts = [scene.issuer.trust(), scene.device.data().join("trust.json")];
    let other = brink_tests::Issuer::init(scene.world.path("other"), "dev-other").trust();
    for file in [&token, &scene.device.bundle()] {
        for trust in &trusts {
            let said = inspect(file, &["--trust", trust.to_str().unwrap()]).ok();
            assert!(said.stdout.contains("VERIFIED") && !said.stdout.contains("NOT VERIFIED"), "{said}");
        }
        let without = inspect(file, &[]).coded(3);
        assert!(without.stdout.contains("NOT VERIFIED"), "{without}");
        let foreign = inspect(file, &["--trust", other.to_str().unwrap()]).coded(3);
        assert!(foreign.stdout.contains("NOT VERIFIED"), "{foreign}");
    }
    let forged = bundle.licence.replacen('.', ".e30", 1);
    fs::write(&token, forged).unwrap();
    let said = inspect(&token, &["--trust", trusts[0].to_str().unwrap()]).coded(3);
    assert!(said.stdout.contains("NOT VERIFIED"), "{said}");
}

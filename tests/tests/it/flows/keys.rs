//! Keys that change while devices are away, and root keys on machines of their own.

use super::host::Host;
use super::{NEAR_MISS, Scene, TENANT};
use brink_tests::{Device, Issuer, Ran, World};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

fn text(path: &Path) -> &str {
    path.to_str().expect("a test's paths are UTF-8")
}

/// The key that signs, of this use.
fn signing(issuer: &Issuer, key_use: &str) -> String {
    let shown = issuer.run(&["keys", "list", "--json"]).ok().json();
    let keys = shown["keys"].as_array().unwrap();
    let signs = |key: &&Value| key["use"] == key_use && key["signs"] == true;
    keys.iter().find(signs).unwrap()["kid"].as_str().unwrap().to_owned()
}

/// The key that signed what the device holds.
fn signed_by(issuer: &Issuer, device: &str) -> String {
    let shown = issuer.run(&["license", "show", "--device", device, "--json"]).ok().json();
    shown["minted"]["kid"].as_str().unwrap().to_owned()
}

impl Scene {
    /// Another device of the tenant that only ever exchanges by file.
    fn by_file(&self) -> (Device, String) {
        let (offer, device) = (self.issuer.offer(TENANT), self.world.device("by-file", &self.issuer));
        let (request, response) = (self.world.path("first.req"), self.world.path("first.resp"));
        device.run(&["activate", "--code", &offer.code, "--export", text(&request)]).ok();
        self.issuer.exchange_file(&request, &response).ok();
        device.run(&["activate", "--import", text(&response)]).ok();
        (device, offer.device)
    }
}

#[test]
fn devices_that_were_away_through_rotations_go_on_under_the_newest_keys_by_network_and_by_file() {
    let mut scene = Scene::activated(10);
    scene.assign_two();
    scene.device.exchange().ok();
    let (other, other_name) = scene.by_file();
    let first = signing(&scene.issuer, "license");
    let mut host = Host::start(&scene);
    // Both are offline throughout; the server runs throughout.
    for uses in [&["--use", "license"][..], &["--use", "receipt"], &["--use", "license", "--use", "receipt"]]
    {
        scene.issuer.run(&[&["keys", "rotate"], uses].concat()).ok();
    }
    let newest = signing(&scene.issuer, "license");
    assert_ne!(newest, first);
    assert!(scene.is_granted("cam-1", NEAR_MISS), "what the old key signed is good");
    // Something to see the new licence by.
    scene.issuer.assign(&scene.offer.device, &["cam-1"], &[]);
    scene.device.exchange().ok();
    assert_eq!(host.line(), "now feature_not_licensed denied", "the host took up the new key's licence");
    assert_eq!(signed_by(&scene.issuer, &scene.offer.device), newest);

    scene.issuer.assign(&other_name, &["cam-9"], &[]);
    // Shares the seats, and then confirms that it does.
    scene.device.exchange().ok();
    scene.device.exchange().ok();
    scene.carry_for(&other);
    assert_eq!(other.verdict("cam-9", super::COUNTING).1, "granted");
    assert_eq!(signed_by(&scene.issuer, &other_name), newest);
    for device in [&scene.device, &other] {
        assert_eq!(device.status()["keyset"]["version"], 4);
    }
    scene.stop_issuer();
}

#[test]
fn a_revoked_key_takes_its_licence_out_of_force_and_a_new_one_brings_it_back() {
    let scene = Scene::activated(10);
    scene.assign_two();
    scene.device.exchange().ok();
    let mut host = Host::start(&scene);
    let device = scene.offer.device.as_str();
    let stolen = signing(&scene.issuer, "license");
    // Held back, so that the manifest arrives without a licence in its train.
    scene.issuer.run(&["license", "suspend", "--device", device]).ok();
    scene.issuer.run(&["keys", "revoke", "--kid", &stolen]).ok();
    scene.device.exchange().ok();
    assert_eq!(host.line(), "now key_compromise denied");
    assert_eq!(scene.device.verdict("cam-1", NEAR_MISS).1, "key_compromise");
    scene.issuer.run(&["license", "resume", "--device", device]).ok();
    scene.device.exchange().ok();
    assert_eq!(host.line(), "now granted allowed");
    assert_ne!(signed_by(&scene.issuer, device), stolen);
    // And once more in one step, by file, two rotations behind.
    let stolen = signing(&scene.issuer, "license");
    scene.issuer.run(&["keys", "rotate", "--use", "receipt"]).ok();
    scene.issuer.run(&["keys", "revoke", "--kid", &stolen]).ok();
    scene.issuer.assign(device, &["cam-1"], &[]);
    scene.carry();
    assert_eq!(host.line(), "now feature_not_licensed denied", "no moment without a licence");
    assert_ne!(signed_by(&scene.issuer, device), stolen);
    scene.issuer.run(&["keys", "revoke", "--kid", &stolen]).coded(3).says("revoked already");
}

/// A production issuer whose root keys are on three machines.
struct Ceremony {
    world: World,
    issuer: PathBuf,
    passphrase: PathBuf,
}

impl Ceremony {
    fn new() -> Ceremony {
        let world = World::new();
        let (issuer, passphrase) = (world.path("issuer"), world.path("passphrase"));
        std::fs::write(&passphrase, "correct horse").unwrap();
        std::fs::set_permissions(&passphrase, PermissionsExt::from_mode(0o600)).unwrap();
        let ceremony = Ceremony { world, issuer, passphrase };
        ceremony.at_issuer(&["init", "--issuer", "acme"]).ok();
        for number in 1..=3 {
            for end in ["key", "pub"] {
                let name = format!("root-{number}.{end}");
                let machine = ceremony.world.path(&format!("machine-{number}"));
                std::fs::create_dir_all(&machine).unwrap();
                std::fs::rename(ceremony.issuer.join("keys").join(&name), machine.join(&name)).unwrap();
            }
        }
        ceremony
    }

    /// With the passphrase.
    fn at_issuer(&self, arguments: &[&str]) -> Ran {
        let data = ["--data", text(&self.issuer), "--passphrase-file", text(&self.passphrase)];
        Ran::run(brink_tests::Program::Issuer.path(), &[arguments, &data].concat())
    }

    fn without_passphrase(&self, arguments: &[&str]) -> Ran {
        let data = ["--data", text(&self.issuer)];
        Ran::run(brink_tests::Program::Issuer.path(), &[arguments, &data].concat())
    }

    /// On a machine that has one root key and no issuer.
    fn sign(&self, number: u32, manifest: &str, out: &str) -> Ran {
        let root = self.world.path(&format!("machine-{number}/root-{number}.key"));
        let (manifest, out) = (self.world.path(manifest), self.world.path(out));
        let arguments =
            ["keys", "ceremony", "sign", "--manifest", text(&manifest), "--root-key", text(&root)];
        let rest = ["--out", text(&out), "--passphrase-file", text(&self.passphrase), "--json"];
        Ran::run(brink_tests::Program::Issuer.path(), &[&arguments[..], &rest].concat())
    }

    fn assemble(&self, manifest: &str, signatures: &[&str], out: &str) -> Ran {
        let path = |name: &str| text(&self.world.path(name)).to_owned();
        let mut arguments = ["keys", "ceremony", "assemble", "--manifest"].map(str::to_owned).to_vec();
        arguments.extend([path(manifest), "--out".into(), path(out)]);
        for signature in signatures {
            arguments.extend(["--sig".into(), path(signature)]);
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.without_passphrase(&arguments)
    }

    fn publish(&self, manifest: &str) -> Ran {
        self.without_passphrase(&[
            "keys",
            "publish",
            "--json",
            "--manifest",
            text(&self.world.path(manifest)),
        ])
    }

    fn out(&self, name: &str) -> String {
        text(&self.world.path(name)).to_owned()
    }
}

#[test]
fn two_of_three_root_keys_sign_on_machines_of_their_own() {
    let scene = Ceremony::new();
    scene.at_issuer(&["keys", "rotate", "--use", "license"]).coded(2).says("--out M.unsigned");
    scene.at_issuer(&["keys", "sign-manifest"]).coded(2).says("sign elsewhere");
    scene.at_issuer(&["keys", "rotate", "--use", "license", "--out", &scene.out("m2")]).ok();
    let one = scene.sign(1, "m2", "m2.1").ok().json();
    let two = scene.sign(3, "m2", "m2.3").ok().json();
    assert_eq!((&one["sha256"], &one["manifest"]["version"]), (&two["sha256"], &2.into()));
    scene.sign(1, "m2", "m2.1").coded(1).says("m2.1");
    scene.assemble("m2", &["m2.1"], "m2.few").coded(3).says("signed by 1 of the 2 root keys of version 1");
    scene.assemble("m2", &["m2.1", "m2.1"], "m2.few").coded(3).says("signed by 1 of the 2");
    scene.publish("m2.1").coded(3).says("signed by 1 of the 2");
    scene.assemble("m2", &["m2.1", "m2.3"], "m2.signed").ok();
    let shown = scene.without_passphrase(&["keys", "list", "--json"]).ok().json();
    assert_eq!(shown["version"], 1, "nothing is in force before it is published");
    assert_eq!(scene.publish("m2.signed").ok().json()["version"], 2);
    scene.publish("m2.signed").coded(3).says("prepare the manifest anew");
    let shown = scene.without_passphrase(&["keys", "list", "--json"]).ok().json();
    assert_eq!((&shown["version"], &shown["root"]["keys"][0]["here"]), (&2.into(), &false.into()));
    // Signatures over another manifest do not count for this one.
    scene.without_passphrase(&["keys", "ceremony", "prepare", "--out", &scene.out("m3")]).ok();
    scene.assemble("m3", &["m2.1", "m2.3"], "m3.signed").coded(3).says("not over one manifest");
}

#[test]
fn new_root_keys_are_signed_in_by_the_old_ones_and_by_themselves() {
    let scene = Ceremony::new();
    let old_trust = scene.world.path("old-trust.json");
    std::fs::copy(scene.issuer.join("trust.json"), &old_trust).unwrap();
    let before = Device::init(scene.world.path("before"), &old_trust);
    for number in 4..=6 {
        let machine = scene.world.path(&format!("machine-{number}"));
        std::fs::create_dir_all(&machine).unwrap();
        let key = machine.join(format!("root-{number}.key"));
        let new = ["keys", "ceremony", "new-root", "--out", text(&key)];
        let lock = ["--passphrase-file", text(&scene.passphrase)];
        Ran::run(brink_tests::Program::Issuer.path(), &[&new[..], &lock].concat()).ok();
    }
    let root = |number: u32| scene.out(&format!("machine-{number}/root-{number}.pub"));
    let roots = [root(4), root(5), root(6)];
    let mut prepare = vec!["keys", "ceremony", "prepare"];
    for root in &roots {
        prepare.extend(["--root", root]);
    }
    let out = scene.out("alone");
    let alone = [&prepare[..], &["--threshold", "1", "--out", &out]].concat();
    scene.without_passphrase(&alone).coded(2).says("at least two of three");
    let out = scene.out("m2");
    prepare.extend(["--threshold", "2", "--out", &out]);
    scene.without_passphrase(&prepare).ok();
    for number in [1, 2, 4, 6] {
        scene.sign(number, "m2", &format!("m2.{number}")).ok();
    }
    scene.assemble("m2", &["m2.1", "m2.2", "m2.4"], "few").coded(3).says("root keys of version 2");
    scene.assemble("m2", &["m2.1", "m2.4", "m2.6"], "few").coded(3).says("root keys of version 1");
    scene.assemble("m2", &["m2.1", "m2.2", "m2.4", "m2.6"], "m2.signed").ok();
    scene.publish("m2.signed").ok();
    // A device from before, and one that is provisioned from now on.
    let new_trust = scene.issuer.join("trust.json");
    assert_ne!(std::fs::read(&new_trust).unwrap(), std::fs::read(&old_trust).unwrap());
    let after = Device::init(scene.world.path("after"), &new_trust);
    scene.without_passphrase(&["tenant", "create", "--id", TENANT, "--name", "Acme"]).ok();
    let subscription = ["subscription", "set", "--tenant", TENANT, "--cameras", "4"];
    scene.without_passphrase(&subscription).ok();
    for (device, name) in [(&before, "before"), (&after, "after")] {
        let made = scene.without_passphrase(&["device", "code", "--tenant", TENANT, "--json"]).ok().json();
        let (request, response) = (scene.out(&format!("{name}.req")), scene.out(&format!("{name}.resp")));
        let code = made["code"].as_str().unwrap();
        device.run(&["activate", "--code", code, "--export", &request]).ok();
        scene.at_issuer(&["exchange", "--in", &request, "--out", &response]).ok();
        device.run(&["activate", "--import", &response]).ok();
        assert_eq!(device.status()["keyset"]["version"], 2, "{name}");
    }
    let third = scene.out("m3");
    scene.at_issuer(&["keys", "rotate", "--use", "receipt", "--out", &third]).ok();
    for number in [1, 2, 5, 6] {
        scene.sign(number, "m3", &format!("m3.{number}")).ok();
    }
    scene.assemble("m3", &["m3.1", "m3.2"], "few").coded(3).says("signed by 0 of the 2");
    scene.assemble("m3", &["m3.5", "m3.6"], "m3.signed").ok();
    // As after a crash between the record and the files: whatever comes next writes them again.
    let pinned = std::fs::read(&new_trust).unwrap();
    std::fs::copy(&old_trust, &new_trust).unwrap();
    scene.publish("m3.signed").ok();
    assert_eq!(std::fs::read(&new_trust).unwrap(), pinned);
}

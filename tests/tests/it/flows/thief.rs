//! Somebody has copied the issuer's signing keys, answers a device with them, and pushes its licence number far ahead.

use super::{NEAR_MISS, Scene};
use brink_license::exchange::{ExchangeRequest, ExchangeResponse};
use brink_license::jws::{assemble, signing_input};
use brink_license::{PublicKey, Typ, b64};
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::path::Path;

/// Nearly the largest step that a device takes: whatever the issuer had given by itself would be lower for years.
const AHEAD: u64 = 1_000_000;

/// A key as it lies in a development issuer: the seed is the last 32 bytes of its PKCS#8 document.
struct Stolen(SigningKey);

impl Stolen {
    fn from(file: &Path) -> Stolen {
        let pem = std::fs::read_to_string(file).unwrap();
        let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let der = b64::decode(body.replace('+', "-").replace('/', "_").as_bytes()).unwrap();
        Stolen(SigningKey::from_bytes(der[der.len() - 32..].try_into().unwrap()))
    }

    fn kid(&self) -> String {
        PublicKey::from_bytes(self.0.verifying_key().as_bytes()).unwrap().kid().to_string()
    }

    fn sign(&self, typ: Typ, claims: &Value) -> String {
        let public = PublicKey::from_bytes(self.0.verifying_key().as_bytes()).unwrap();
        let input = signing_input(typ, &public.kid(), claims.to_string().as_bytes());
        assemble(&input, &self.0.sign(input.as_bytes()).to_bytes())
    }
}

fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&b64::decode(payload.as_bytes()).unwrap()).unwrap()
}

impl Scene {
    fn stolen(&self, key_use: &str) -> Stolen {
        Stolen::from(&self.issuer.data().join(format!("keys/{key_use}-1.key")))
    }

    /// The device takes an answer that the thief has made; it cannot know better yet.
    fn rob(&self) {
        let (license, receipt) = (self.stolen("license"), self.stolen("receipt"));
        let (request, response) = (self.world.path("robbed.req"), self.world.path("robbed.resp"));
        let path = |path: &Path| path.to_str().unwrap().to_owned();
        self.device.run(&["exchange", "--export", &path(&request)]).ok();
        let asked = claims(&ExchangeRequest::decode(&std::fs::read(&request).unwrap()).unwrap().proof);
        let shown = ["license", "show", "--device", &self.offer.device, "--token", "--json"];
        let shown = self.issuer.run(&shown).ok().json();
        let mut licence = claims(shown["minted"]["token"].as_str().unwrap());
        (licence["seq"], licence["jti"]) = (json!(AHEAD), json!("forged"));
        let next_ratchet = [9; 32];
        let now = &licence["iat"];
        let said = json!({
            "ver": 1, "iss": licence["iss"], "aud": licence["aud"], "jti": "forged-receipt", "tenant": licence["tenant"],
            "dev": licence["dev"], "epoch": licence["epoch"], "nonce": asked["nonce"], "ctr": asked["ctr"], "seq": 1000,
            "iat": now, "server_time": now, "ratchet_sha256": b64::encode(&Sha256::digest(next_ratchet)), "ks": 1,
            "lic": { "seq": AHEAD, "jti": "forged", "state": "active" }, "next_after": 300,
        });
        let forged = ExchangeResponse {
            receipt: receipt.sign(Typ::Receipt, &said),
            next_ratchet,
            manifests: Vec::new(),
            licence: Some(license.sign(Typ::License, &licence)),
            sections: Vec::new(),
        };
        std::fs::write(&response, forged.encode().unwrap()).unwrap();
        self.device.run(&["exchange", "--import", &path(&response)]).ok();
        assert_eq!(self.device.status()["licence"]["seq"], AHEAD);
    }
}

#[test]
fn a_licence_number_that_a_stolen_key_pushed_ahead_is_overcome_by_revoking_the_key() {
    let scene = Scene::activated(10);
    scene.assign_two();
    scene.device.exchange().ok();
    scene.rob();
    scene.issuer.run(&["keys", "revoke", "--kid", &scene.stolen("license").kid()]).ok();
    // The receipt key still vouches for the answer that the thief gave, so the device is known by it.
    scene.device.exchange().ok();
    scene.device.exchange().ok();
    assert!(scene.is_granted("cam-1", NEAR_MISS));
    let status = scene.device.status();
    assert_eq!(status["keyset"]["version"], 2, "{status}");
    let shown = scene.issuer.run(&["license", "show", "--device", &scene.offer.device, "--json"]).ok().json();
    assert_eq!(status["licence"]["seq"], shown["minted"]["seq"], "the device holds what the issuer minted");
    assert_ne!(shown["minted"]["kid"].as_str().unwrap(), scene.stolen("license").kid());
}

#[test]
fn a_device_that_both_stolen_keys_have_answered_is_activated_anew_and_takes_the_low_numbers() {
    let scene = Scene::activated(10);
    scene.assign_two();
    scene.device.exchange().ok();
    scene.rob();
    let (license, receipt) = (scene.stolen("license").kid(), scene.stolen("receipt").kid());
    scene.issuer.run(&["keys", "revoke", "--kid", &license, "--kid", &receipt]).ok();
    scene.device.exchange().coded(1).says("CLONE_SUSPECTED");
    let second = scene.issuer.offer(super::TENANT);
    let again = ["activate", "--again", "--issuer", &scene.url, "--code", &second.code];
    scene.device.run(&again).ok();
    let status = scene.device.status();
    assert_eq!((&status["licence"]["seq"], &status["keyset"]["version"]), (&1.into(), &2.into()), "{status}");
    assert_eq!(status["licence"]["device"], second.device.as_str());
}

//! A licence that lasts a little longer at a site that no exchange reaches: as a file, or as lines that are typed in.

use super::{NEAR_MISS, Scene, TENANT};
use brink_tests::Ran;
use serde_json::Value;

impl Scene {
    fn extend(&self, days: &str, form: &[&str]) -> Ran {
        let head = ["license", "extend", "--device", &self.offer.device, "--days", days];
        self.issuer.run(&[&head[..], &["--reason", "no road before Monday", "--json"], form].concat())
    }

    /// The five lines that are read out.
    fn read_out(&self, days: &str) -> Vec<String> {
        let said = self.extend(days, &["--text"]).ok().json();
        let lines = said["text"].as_array().unwrap_or_else(|| panic!("no lines in {said}"));
        lines.iter().map(|line| line.as_str().unwrap().to_owned()).collect()
    }

    fn extended_until(&self) -> Value {
        self.device.status()["deadlines"]["extended_until"].clone()
    }

    fn first_listed(&self) -> Value {
        self.issuer.run(&["device", "list", "--tenant", TENANT, "--json"]).ok().json()["devices"][0].clone()
    }
}

/// A device with a licence that has four days, or one of two without a word, and nobody who answers any more.
fn dark(terms: &[&str]) -> Scene {
    let mut scene = Scene::activated(10);
    scene.issuer.set_subscription(TENANT, 10, &[&["--pack", "advanced_analytics"], terms].concat());
    scene.assign_two();
    scene.device.exchange().ok();
    scene.stop_issuer();
    scene
}

const BY_EXP: [&str; 6] = ["--days", "4", "--grace", "0", "--offline-max", "30"];
const BY_SILENCE: [&str; 6] = ["--days", "30", "--grace", "0", "--offline-max", "2"];

#[test]
fn by_file_the_deadline_moves_for_one_that_ends_by_exp_and_one_that_ends_by_silence() {
    for terms in [BY_EXP, BY_SILENCE] {
        let scene = dark(&terms);
        let before = scene.device.status()["deadlines"].clone();
        assert_eq!(before["extended_until"], Value::Null);
        let file = scene.world.path("extension");
        let file = file.to_str().unwrap();
        let until = scene.extend("14", &["--out", file]).ok().json()["until"].clone();
        assert_eq!(scene.first_listed()["extended_until"], until);
        assert_eq!(scene.device.run(&["accept", file, "--json"]).ok().json()["new"], true);
        assert_eq!(scene.device.run(&["accept", file, "--json"]).ok().json()["new"], false);
        let after = scene.device.status()["deadlines"].clone();
        assert_eq!(after["extended_until"], until);
        assert_eq!(
            after["next_transition_at"].as_str().max(until.as_str()),
            after["next_transition_at"].as_str()
        );
        assert!(
            after["next_transition_at"].as_str() > before["next_transition_at"].as_str(),
            "{before} {after}"
        );
        assert!(scene.is_granted("cam-1", NEAR_MISS));
        let seen = scene.device.run(&["token", "inspect", file]).ok().stdout;
        assert!(seen.contains("brink-extension+jwt"), "{seen}");
    }
}

#[test]
fn by_text_the_same_and_a_mistyped_line_is_named() {
    let scene = dark(&BY_EXP);
    let lines = scene.read_out("3");
    let agent = scene.device.agent();
    let mut wrong = lines.clone();
    let (first, rest) = wrong[3].split_at(1);
    wrong[3] = format!("{}{rest}", if first == "7" { "8" } else { "7" });
    for text in [wrong.join("\n"), wrong.join(" ")] {
        scene.device.run(&["accept", "--text", &text]).coded(1).says("MISTYPED").says("line 4");
    }
    scene.device.run(&["accept", "--text", &lines[..4].join("\n")]).coded(1).says("4 lines were typed");
    assert_eq!(scene.extended_until(), Value::Null, "nothing of that counts");
    let sloppy = lines.join("-").to_lowercase().replace('0', "o").replace('1', "i");
    assert_eq!(scene.device.run(&["accept", "--text", &sloppy, "--json"]).ok().json()["new"], true);
    assert_eq!(scene.extended_until(), scene.first_listed()["extended_until"]);
    drop(agent);
    // On another device it is another document.
    let offer = scene.issuer.offer(TENANT);
    let other = scene.world.device("other", &scene.issuer);
    let (server, url) = scene.issuer.serve();
    other.activate(&url, &offer.code).ok();
    other.run(&["accept", "--text", &lines.join("\n")]).coded(1).says("BAD_SIGNATURE").says(&offer.device);
    drop(server);
}

#[test]
fn the_newest_counts_and_it_comes_with_an_exchange_too() {
    let scene = Scene::activated(10);
    scene.assign_two();
    scene.device.exchange().ok();
    let (first, second) = (scene.read_out("2").join("\n"), scene.read_out("1").join("\n"));
    scene.device.run(&["accept", "--text", &second]).ok();
    scene.device.run(&["accept", "--text", &first]).coded(1).says("ROLLBACK");
    let until = scene.extend("5", &["--text"]).ok().json()["until"].clone();
    scene.device.exchange().ok();
    assert_eq!(scene.extended_until(), until);
    let carried = scene.extend("6", &["--text"]).ok().json()["until"].clone();
    scene.carry();
    assert_eq!(scene.extended_until(), carried);
    let revoke = ["license", "revoke", "--device", &scene.offer.device, "--reason", "stolen"];
    scene.issuer.run(&revoke).ok();
    scene.device.exchange().ok();
    assert_eq!(scene.device.verdict("cam-1", NEAR_MISS).1, "revoked", "an extension outruns no revocation");
    scene.extend("1", &["--text"]).coded(3).says("license resume");
}

#[test]
fn what_is_too_long_too_often_or_of_no_licence_is_refused_with_a_mend() {
    let scene = Scene::activated(10);
    let file = scene.world.path("extension");
    let out = ["--out", file.to_str().unwrap()];
    for days in ["0", "15", "-1"] {
        scene.extend(days, &out).coded(2);
    }
    scene.extend("1", &[]).coded(2);
    scene.extend("1", &["--text", out[0], out[1]]).coded(2);
    for _ in 0..2 {
        scene.extend("14", &out).ok();
    }
    scene.extend("3", &out).coded(3).says("has had 28 days");
    let waiting = scene.issuer.offer(TENANT);
    let pending = ["license", "extend", "--device", &waiting.device, "--days", "1", "--text"];
    scene.issuer.run(&pending).coded(3).says("activate it first");
    scene.issuer.run(&["device", "retire", "--device", &scene.offer.device]).ok();
    scene.extend("1", &out).coded(3).says("device replace");
}

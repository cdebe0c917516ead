//! Usage as hosts and people record it: offline, by many processes, with and without an agent.

use super::permission::People;
use super::{Scene, TENANT};
use brink_tests::{Device, Ran};
use serde_json::Value;
use std::fs;
use std::process::{Child, Stdio};

fn record(device: &Device, meter: &str, quantity: &str) -> Ran {
    device.run(&["usage", "record", "--meter", meter, "--quantity", quantity, "--json"])
}

fn summary(device: &Device) -> Value {
    device.run(&["usage", "summary", "--json"]).ok().json()
}

/// Total and number of uses of a meter in the activation in use.
fn sums(device: &Device, meter: &str) -> (String, u64) {
    let said = summary(device);
    let meters =
        said["activations"].as_array().unwrap().last().unwrap()["meters"].as_array().unwrap().clone();
    let found = meters.iter().find(|found| found["meter"] == meter);
    found.map_or(("0".to_owned(), 0), |found| {
        (found["total"].as_str().unwrap().to_owned(), found["count"].as_u64().unwrap())
    })
}

#[test]
fn usage_is_recorded_offline_and_proved_with_and_without_an_agent() {
    let mut scene = Scene::offered(2);
    let device = &scene.device;
    record(device, "api_call", "1").coded(1).says("NOT_ACTIVATED");
    device.activate(&scene.url, &scene.offer.code).ok();
    scene.stop_issuer();
    let device = &scene.device;
    let first = record(device, "api_call", "0.25").ok().json();
    assert_eq!((first["seq"].as_u64(), first["total"].as_str()), (Some(1), Some("0.25")));
    let agent = device.agent();
    device.run(&["usage", "record", "--meter", "api_call", "--quantity", "2", "--resource", "Cam 7"]).ok();
    assert!(agent.stop().success());
    assert_eq!(sums(device, "api_call"), ("2.25".to_owned(), 2));
    let said = device.run(&["usage", "verify", "--json"]).ok().json();
    assert_eq!((said["intact"].as_bool(), said["records"].as_u64()), (Some(true), Some(2)));
    for (meter, quantity, code) in [
        ("api_call", "-1", "BAD_QUANTITY"),
        ("api_call", "NaN", "BAD_QUANTITY"),
        ("api_call", "0.0000000000001", "BAD_QUANTITY"),
        ("api_call", "1e3", "BAD_QUANTITY"),
        ("API call", "1", "BAD_ID"),
    ] {
        record(device, meter, quantity).coded(2).says(code);
    }
    assert_eq!(sums(device, "api_call"), ("2.25".to_owned(), 2), "nothing of what was refused");
}

#[test]
fn what_is_edited_by_hand_is_named_with_three() {
    let scene = Scene::activated(2);
    let device = &scene.device;
    (0..3).for_each(|_| drop(record(device, "sms", "1").ok()));
    let path = device.data().join("journal/journal.db");
    let mut bytes = fs::read(&path).unwrap();
    assert!(!path.with_extension("db-wal").exists(), "the last to close writes everything into one file");
    // The meter's name as a record has it: a use, three letters.
    let name = b"\0\x03sms";
    let at = bytes.windows(name.len()).position(|found| found == name).unwrap();
    bytes[at + 2] = b't';
    fs::write(&path, &bytes).unwrap();
    let ran = device.run(&["usage", "verify", "--json"]);
    let said = ran.coded(3).json();
    assert_eq!((said["intact"].as_bool(), said["fault"]["seq"].is_u64()), (Some(false), true), "{said}");
    assert_eq!(said["fault"]["kind"], "edited", "{said}");
}

#[test]
fn a_damaged_journal_is_mended_and_says_so() {
    let scene = Scene::activated(2);
    let device = &scene.device;
    (0..3).for_each(|_| drop(record(device, "sms", "1").ok()));
    let path = device.data().join("journal/journal.db");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    record(device, "sms", "1").ok();
    assert_eq!(summary(device)["flags"][0], "journal_damaged");
    let said = device.run(&["usage", "verify", "--json"]).ok().json();
    assert_eq!(said["recoveries"].as_u64(), Some(1), "{said}");
}

#[test]
fn an_activation_anew_begins_a_chain_of_its_own() {
    let scene = Scene::activated(2);
    let device = &scene.device;
    record(device, "sms", "3").ok();
    let offer = scene.issuer.offer(TENANT);
    device.run(&["activate", "--again", "--issuer", &scene.url, "--code", &offer.code]).ok();
    record(device, "sms", "1").ok();
    let said = summary(device);
    let totals: Vec<_> = said["activations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|chain| (chain["device"].as_str().unwrap(), chain["meters"][0]["total"].as_str().unwrap()))
        .collect();
    assert_eq!(totals.len(), 2, "{said}");
    assert_eq!((totals[0].1, totals[1].1), ("3", "1"), "{said}");
    assert_eq!(totals[1].0, offer.device);
    device.run(&["usage", "verify"]).ok();
}

#[test]
fn processes_that_are_killed_lose_nothing_that_was_acknowledged() {
    let scene = Scene::activated(2);
    let device = &scene.device;
    let start = || -> Child {
        let mut command = device.command(&["usage", "record", "--meter", "sms", "--quantity", "1"]);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let (mut acknowledged, rounds) = (0, 40);
    for round in 0..rounds {
        let (mut killed, mut lives) = (start(), start());
        // A little later in each round, from before its first line to after its last.
        for _ in 0..round * 40 {
            std::thread::yield_now();
        }
        killed.kill().unwrap();
        acknowledged += u64::from(killed.wait().unwrap().success());
        assert!(lives.wait().unwrap().success(), "the other one is not disturbed");
        acknowledged += 1;
    }
    let (total, count) = sums(device, "sms");
    assert!((acknowledged..=2 * rounds).contains(&count), "{count} of {acknowledged} acknowledged");
    assert_eq!(total, count.to_string());
    let said = device.run(&["usage", "verify", "--json"]).ok().json();
    assert_eq!((said["records"].as_u64(), said["recoveries"].as_u64()), (Some(count), Some(0)));
}

#[test]
fn a_host_of_the_group_records_and_a_stranger_does_not() {
    let scene = Scene::activated(2);
    let Some(people) = People::around(&scene, &scene.device) else { return };
    record(&people.agent, "sms", "1").ok();
    record(&people.host, "sms", "1").ok();
    let agent = people.agent.agent();
    record(&people.host, "sms", "1").ok();
    people.host.run(&["usage", "verify"]).ok();
    record(&people.stranger, "sms", "1").coded(1).says("JOURNAL_UNUSABLE").says("group brink");
    assert!(agent.stop().success());
    assert_eq!(sums(&people.agent, "sms"), ("3".to_owned(), 3));
}

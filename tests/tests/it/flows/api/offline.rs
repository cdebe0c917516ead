//! A hundred cameras, an issuer that is gone, and programs that ask the agent all the time.

use super::super::Scene;
use super::cameras;
use brink_tests::local_api::{Answer, Asked, LocalApi, Wire};
use brink_tests::until;
use std::time::Duration;

const CAMERAS: usize = 100;
const ROUNDS: usize = 20;
/// Share of the checks that have to be answered from the verified licence.
const HITS_PERCENT_MIN: usize = 95;

/// A hundred cameras by name, an agent that serves, and an issuer that is gone.
fn alone() -> (Scene, LocalApi) {
    let mut scene = Scene::activated(CAMERAS as u32);
    let names = cameras(CAMERAS);
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    scene.issuer.assign(&scene.offer.device, &names, &["advanced_analytics"]);
    scene.device.exchange().ok();
    let api = LocalApi::start(&scene.device, &[]);
    scene.stop_issuer();
    (scene, api)
}

fn validation(camera: &str) -> Asked {
    Asked::new("POST", &format!("/api/v1/license/validate/{camera}")).by_token()
}

/// Whether a check was answered from the verified licence, and rightly.
fn is_hit(answer: &Answer) -> bool {
    let said = answer.json();
    answer.status == 200 && said["source"] == "licence" && said["is_valid"] == true
}

#[allow(clippy::print_stderr, reason = "what was measured is shown and not asserted")]
fn report(what: &str, hits: usize, mut took: Vec<Duration>) {
    took.sort_unstable();
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize].as_secs_f64() * 1000.0;
    eprintln!(
        "{what}: {hits} of {} from the licence; median {:.2} ms, p99 {:.2} ms, max {:.2} ms",
        took.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

#[test]
fn with_the_issuer_gone_a_hundred_cameras_are_answered_from_the_licence() {
    let (scene, api) = alone();
    let mut wire = api.wire();
    let (mut hits, mut took) = (0, Vec::new());
    for camera in cameras(CAMERAS).iter().cycle().take(CAMERAS * ROUNDS) {
        let answer = wire.send(&validation(camera));
        hits += usize::from(is_hit(&answer));
        took.push(answer.took);
    }
    report("one program", hits, took);
    assert!(hits * 100 >= CAMERAS * ROUNDS * HITS_PERCENT_MIN, "{hits} hits");
    let page = api.send(&Asked::new("GET", "/api/v1/metrics").by_token()).body;
    let counted = format!("brink_api_checks_total{{result=\"allowed\",source=\"licence\"}} {hits}\n");
    assert!(page.contains(&counted), "{page}");
    assert!(page.contains("brink_api_checks_total{result=\"denied\",source=\"none\"} 0\n"), "{page}");
    // One of them, held against the document.
    assert!(is_hit(&api.send(&validation("cam-001"))));
    drop(scene);
    api.stop();
}

/// Many at once, while the agent waits for an issuer that is not there and others record what they use.
#[test]
fn programs_at_once_are_answered_while_the_agent_tries_to_exchange() {
    let (scene, api) = alone();
    let (names, address) = (cameras(CAMERAS), api.address.as_str());
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let beating = scope.spawn(|| {
            let mut wire = Wire::to(address);
            (0..5).for_each(|_| drop(wire.send(&Asked::new("POST", "/api/v1/license/heartbeat").by_token())));
        });
        let recording = scope.spawn(|| {
            let mut wire = Wire::to(address);
            let body = r#"{"event_type":"api_call","quantity":1}"#;
            let asked = Asked::new("POST", "/api/v1/usage").by_token().json(body);
            (0..200).filter(|_| wire.send(&asked).status == 200).count()
        });
        let asking: Vec<_> = (0..4)
            .map(|part| {
                let names = &names;
                scope.spawn(move || {
                    let mut wire = Wire::to(address);
                    let mine = names.iter().skip(part).step_by(4).cycle().take(CAMERAS * ROUNDS / 4);
                    mine.map(|camera| wire.send(&validation(camera))).collect::<Vec<_>>()
                })
            })
            .collect();
        let answers = asking.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        beating.join().unwrap();
        assert_eq!(recording.join().unwrap(), 200);
        answers
    });
    let hits = answers.iter().filter(|answer| is_hit(answer)).count();
    report(
        "four programs, and two that exchange and record",
        hits,
        answers.iter().map(|answer| answer.took).collect(),
    );
    assert!(hits * 100 >= CAMERAS * ROUNDS * HITS_PERCENT_MIN, "{hits} hits");
    assert_eq!(api.get("/api/v1/usage/summary")["api_calls"], 200);
    drop(scene);
    api.stop();
}

/// Whoever writes the journal may hold it for seconds. What a check reads of it is the clock's marks, which can wait.
#[test]
fn a_journal_that_somebody_holds_keeps_no_check_waiting() {
    let (scene, api) = alone();
    let journal = rusqlite::Connection::open(scene.device.data().join("journal/journal.db")).unwrap();
    journal.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut wire = api.wire();
    let answers: Vec<_> = cameras(CAMERAS).iter().map(|camera| wire.send(&validation(camera))).collect();
    let hits = answers.iter().filter(|answer| is_hit(answer)).count();
    let stale = answers.iter().filter(|answer| answer.json()["fresh"] == false).count();
    report("with the journal held", hits, answers.iter().map(|answer| answer.took).collect());
    assert_eq!(hits, CAMERAS);
    assert!(stale > 0, "the first look wants to keep the marks, and is not waited for");
    journal.execute_batch("ROLLBACK").unwrap();
    until("a look is a look again", || api.validate("cam-001")["fresh"] == true);
    api.stop();
}

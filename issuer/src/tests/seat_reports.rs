//! What devices report of their unnamed seats: kept and shown while it keeps the rule, evidence where it breaks it, and
//! never a reason to leave a device without its answer.

use super::exchange::audit;
use crate::reaction::QUIET_SECONDS;
use crate::retirement::{RetirementOrder, Successor};
use crate::storage::{SeatConflict, SeatsKnown};
use crate::testkit::{Bench, Edge};
use brink_license::seating::Renewed;
use brink_license::token::SeatsClaims;
use brink_license::{CameraId, Typ};
use brink_signing::sign_document;

fn camera(name: &str) -> CameraId {
    name.parse().unwrap()
}

impl Edge {
    fn receipt_seq(&self) -> u64 {
        self.receipt.as_ref().map_or(0, |receipt| receipt.claims().seq)
    }

    fn says(&mut self, claims: &SeatsClaims) {
        self.seats = Some(sign_document(&*self.key, Typ::Seats, &claims.to_json_bytes().unwrap()).unwrap());
    }

    fn empty(&self) -> SeatsClaims {
        SeatsClaims::empty(self.claims(), self.receipt_seq())
    }

    /// Assigns these cameras after `last` and reports it; answers what it goes on from after the answer.
    fn seated(&mut self, bench: &Bench, last: &SeatsClaims, names: &[&str]) -> SeatsClaims {
        let assign =
            |claims: SeatsClaims, name: &&str| claims.assign(self.claims(), &camera(name), None).unwrap();
        let claims = names.iter().fold(last.clone(), assign);
        self.report(bench, claims)
    }

    fn report(&mut self, bench: &Bench, claims: SeatsClaims) -> SeatsClaims {
        self.says(&claims);
        self.exchange(&bench.issuer).unwrap();
        let renewed = claims.renewed(self.claims(), self.receipt_seq(), Some(&claims));
        renewed.map_or(claims, |Renewed { claims, .. }| claims)
    }
}

fn known(bench: &Bench, edge: &Edge) -> SeatsKnown {
    bench.admin.storage.seats(&edge.id()).unwrap()
}

fn seated(bench: &Bench, edge: &Edge) -> Vec<String> {
    known(bench, edge).cameras.iter().map(|row| row.camera.to_string()).collect()
}

#[test]
fn a_report_is_kept_shown_and_replaced() {
    let bench = Bench::with(10, &[]);
    let mut edge = bench.activated();
    let first = edge.empty();
    let claims = edge.seated(&bench, &first, &["one", "two"]);
    assert_eq!(seated(&bench, &edge), ["one", "two"]);
    let moved = claims.release(edge.claims(), &camera("one")).unwrap();
    let moved = moved.assign(edge.claims(), &camera("three"), None).unwrap();
    let claims = edge.report(&bench, moved);
    assert_eq!(seated(&bench, &edge), ["three", "two"]);
    assert!(claims.released.is_empty(), "heard of, so forgotten");
    let again = claims.release(edge.claims(), &camera("two")).unwrap();
    edge.report(&bench, again);
    assert_eq!(seated(&bench, &edge), ["three"]);
    let listed = bench.admin.devices(&crate::testkit::TENANT.parse().unwrap()).unwrap();
    assert_eq!(listed[0].seated, 1);
    assert_eq!(audit(&bench, "seats.refused"), Vec::<String>::new());
}

#[test]
fn an_unchanged_report_writes_nothing() {
    let bench = Bench::with(10, &[]);
    let mut edge = bench.activated();
    let first = edge.empty();
    edge.seated(&bench, &first, &["one"]);
    let at = known(&bench, &edge).report.unwrap().reported_at;
    bench.pass(60);
    edge.exchange(&bench.issuer).unwrap();
    assert_eq!(known(&bench, &edge).report.unwrap().reported_at, at);
}

#[test]
fn a_report_that_breaks_a_rule_is_evidence_once_a_day_and_answered() {
    let bench = Bench::with(3, &[]);
    let mut edge = bench.activated();
    let first = edge.empty();
    let sound = edge.seated(&bench, &first, &["one", "two"]);
    let next = |claims: &SeatsClaims| SeatsClaims { counter: claims.counter + 1, ..claims.clone() };
    let mut crowded = next(&sound);
    crowded.seated[0].cameras.extend(["three", "four"].map(camera));
    let mut vanished = next(&sound);
    vanished.seated[0].cameras.pop();
    // As if an exchange had made it forget what was never said.
    let reshuffled = SeatsClaims { since: edge.receipt_seq(), ..vanished.clone() };
    assert!(reshuffled.since > sound.since);
    let unknown = SeatsClaims { jti: "tok-nobody".parse().unwrap(), ..next(&sound) };
    let ahead = SeatsClaims { since: 99, ..next(&sound) };
    let older = SeatsClaims { counter: 0, ..sound.clone() };
    for (claims, code) in [
        (crowded, "SEAT_RULE"),
        (vanished, "SEAT_RULE"),
        (reshuffled, "SEAT_RULE"),
        (ahead, "SEAT_RULE"),
        (older, "ROLLBACK"),
        (unknown, "WRONG_DEVICE"),
    ] {
        edge.says(&claims);
        let before = audit(&bench, "seats.refused").len();
        for _ in 0..3 {
            edge.exchange(&bench.issuer).expect("a report is no reason to leave a device without its answer");
        }
        let lines = audit(&bench, "seats.refused");
        assert_eq!(lines.len(), before + 1, "{code}");
        assert!(lines.iter().any(|line| line.contains(code) && line.contains("\"token\":\"ey")), "{lines:?}");
        assert_eq!(seated(&bench, &edge), ["one", "two"], "what was said before stays");
        bench.pass(QUIET_SECONDS);
    }
    edge.seats = Some("not a document".to_owned());
    edge.exchange(&bench.issuer).unwrap();
    edge.report(&bench, sound);
    assert_eq!(seated(&bench, &edge), ["one", "two"]);
}

#[test]
fn a_device_that_never_heard_an_answer_is_not_taken_for_a_liar() {
    let bench = Bench::with(20, &[]);
    let mut edge = bench.activated();
    let first = edge.empty();
    let claims = edge.seated(&bench, &first, &["one", "two"]);
    let moved = claims.release(edge.claims(), &camera("one")).unwrap();
    edge.says(&moved);
    let request = edge.request(brink_license::exchange::RequestKind::Exchange);
    bench.issuer.answer(&request, None).unwrap();
    // The answer is lost: the device goes on counting from where it was.
    let moved = moved.release(edge.claims(), &camera("two")).unwrap();
    edge.report(&bench, moved);
    assert_eq!(audit(&bench, "seats.refused"), Vec::<String>::new());
    assert_eq!(seated(&bench, &edge), Vec::<String>::new());
}

#[test]
fn a_camera_that_two_devices_have_is_shown_and_audited_once_a_day() {
    let bench = Bench::with(20, &[]);
    let (mut one, mut other) = (bench.activated(), bench.activated());
    // The second device gets its share once the first has given it back.
    one.exchange(&bench.issuer).unwrap();
    one.exchange(&bench.issuer).unwrap();
    other.exchange(&bench.issuer).unwrap();
    let (first, second) = (one.empty(), other.empty());
    let claims = one.seated(&bench, &first, &["gate", "yard"]);
    assert_eq!(known(&bench, &one).conflicts, []);
    other.seated(&bench, &second, &["gate"]);
    let elsewhere = |edge: &Edge, named| SeatConflict { camera: camera("gate"), device: edge.id(), named };
    assert_eq!(known(&bench, &other).conflicts, [elsewhere(&one, false)]);
    assert_eq!(known(&bench, &one).conflicts, [elsewhere(&other, false)], "both show it");
    assert_eq!(seated(&bench, &other), ["gate"], "nothing is taken from either");
    bench.assign(&other.id(), &["yard".to_owned()], &[]);
    for _ in 0..3 {
        one.says(&claims);
        one.exchange(&bench.issuer).unwrap();
    }
    let lines = audit(&bench, "seats.conflict");
    assert_eq!(lines.len(), 2, "one for each device: {lines:?}");
    assert!(lines[1].contains("yard") && lines[1].contains("\"named\":true"), "{lines:?}");
}

#[test]
fn the_seats_of_a_device_that_was_replaced_are_still_shown_and_in_nobodys_way() {
    let bench = Bench::with(10, &[]);
    let mut old = bench.activated();
    let first = old.empty();
    old.seated(&bench, &first, &["gate"]);
    let successor = Successor::New { expires_hours: 168 };
    let reason = Some("broken".to_owned());
    let order = RetirementOrder { device: old.id(), successor, accept_overlap: true, reason };
    let (_, made) = bench.admin.retire(&order).unwrap();
    let mut new = bench.device();
    new.activate(&bench.issuer, made.unwrap().code.reveal()).unwrap();
    assert_eq!(known(&bench, &new).report, None, "a new key starts with nobody");
    let first = new.empty();
    new.seated(&bench, &first, &["gate"]);
    assert_eq!(seated(&bench, &old), ["gate"]);
    assert_eq!(known(&bench, &new).conflicts, []);
}

//! A device holds its own key, so it can sign whatever it likes. What it makes the issuer write stays little.

use super::exchange::audit;
use crate::minting::{MINTS_MAX, MINTS_SECONDS};
use crate::reaction::QUIET_SECONDS;
use crate::storage::AnswerKind;
use crate::testkit::{Bench, names};
use brink_license::exchange::{ACTIVATE_PATH, RequestBody, RequestKind};

const MANY: usize = 100;

#[test]
fn a_replayed_request_is_evidence_once_and_for_all() {
    let bench = Bench::with(10, &[]);
    let mut edge = bench.activated();
    let old = edge.request(RequestKind::Exchange);
    let answer = bench.issuer.answer(&old, None).unwrap();
    edge.accept(&answer);
    edge.exchange(&bench.issuer).unwrap();
    let replay = || bench.issuer.answer(&old, Some(AnswerKind::Exchange)).unwrap_err().code();
    assert_eq!(replay(), "STALE_COUNTER");
    assert_eq!(audit(&bench, "device.clone_suspected").len(), 1);
    let rows = bench.rows();
    for _ in 0..MANY {
        assert_eq!(replay(), "STALE_COUNTER");
        bench.pass(QUIET_SECONDS / 3);
    }
    assert_eq!(bench.rows(), rows);
}

#[test]
fn requests_of_a_copy_are_evidence_once_a_day_however_many_there_are() {
    let bench = Bench::with(10, &[]);
    let mut edge = bench.activated();
    let mut copy = edge.clone();
    copy.ratchet = Some([1; 32]);
    let rows = bench.rows();
    for _ in 0..MANY {
        assert_eq!(copy.exchange(&bench.issuer).unwrap_err().code(), "CLONE_SUSPECTED");
        // An honest exchange between two of them does not make the second one news.
        edge.ctr = copy.ctr - 1;
        edge.exchange(&bench.issuer).unwrap();
        copy.ctr = edge.ctr;
    }
    // One line of the audit, one reaction, and the answer that is kept.
    assert_eq!(bench.rows(), rows + 3);
    bench.pass(QUIET_SECONDS);
    assert_eq!(copy.exchange(&bench.issuer).unwrap_err().code(), "CLONE_SUSPECTED");
    let evidence = audit(&bench, "device.clone_suspected");
    assert_eq!(evidence.len(), 2, "another day is worth another line");
    assert!(evidence.iter().all(|line| line.contains("\"proof\":\"ey")), "{evidence:?}");
}

#[test]
fn a_claimed_licence_number_is_answered_once_a_day() {
    let bench = Bench::with(10, &[]);
    let mut edge = bench.activated();
    edge.licence_seq = 41;
    assert!(edge.exchange(&bench.issuer).unwrap());
    assert_eq!(edge.claims().seq, 42, "a number above both");
    assert_eq!(audit(&bench, "licence.ahead").len(), 1);
    let rows = bench.rows();
    for claimed in 0..MANY as u64 {
        let mut liar = edge.clone();
        liar.licence_seq = 1000 + claimed;
        let request = liar.request(RequestKind::Exchange);
        let answer = bench.issuer.answer(&request, None).unwrap();
        let response = brink_license::exchange::ExchangeResponse::decode(&answer).unwrap();
        assert_eq!(response.licence, None, "nothing that it would take, and nothing new");
        (edge.ctr, edge.ratchet) = (liar.ctr, Some(response.next_ratchet));
    }
    assert_eq!(bench.rows(), rows);
    assert_eq!(bench.view(&edge.id()).device.licence_seq, 42);
    edge.exchange(&bench.issuer).unwrap();
}

#[test]
fn a_code_that_is_shown_again_and_again_is_one_activation() {
    let bench = Bench::with(10, &[]);
    let made = bench.code(1);
    let mut edge = bench.device();
    edge.activate(&bench.issuer, made.code.reveal()).unwrap();
    let rows = bench.rows();
    for _ in 0..MANY {
        let mut again = bench.device();
        (again.key, again.ctr) = (edge.key.clone(), edge.ctr);
        again.activate(&bench.issuer, made.code.reveal()).unwrap();
        edge = again;
    }
    assert_eq!(bench.rows(), rows);
    assert_eq!(audit(&bench, "device.activate").len(), 1);
}

#[test]
fn a_device_gets_so_many_licences_an_hour_and_the_rest_later() {
    let many = MINTS_MAX as usize + 20;
    let bench = Bench::with(200, &[]);
    let mut edge = bench.activated();
    for camera in 0..many {
        bench.assign(&edge.id(), &names("cam", camera..camera + 1), &[]);
        edge.exchange(&bench.issuer).unwrap();
    }
    assert_eq!(audit(&bench, "licence.mint").len(), MINTS_MAX as usize);
    assert!(edge.seats().0 < many);
    bench.pass(MINTS_SECONDS);
    assert!(edge.exchange(&bench.issuer).unwrap());
    assert_eq!(edge.seats().0, many);
}

#[test]
fn an_activation_inflates_to_little_and_an_exchange_of_a_stranger_not_at_all() {
    let bench = Bench::with(10, &[]);
    let mut edge = bench.activated();
    let body = |kind, bytes| {
        let sections = vec![brink_license::exchange::Section { kind: 9, bytes: vec![0; bytes] }];
        RequestBody { kind, report: Default::default(), last_receipt: None, sections }.encode().unwrap()
    };
    let code = bench.code(1);
    let activate = |bytes| body(RequestKind::Activate { code: code.code.reveal().to_owned() }, bytes);
    let refused = bench.device().signed(ACTIVATE_PATH, activate(64 * 1024), |_| {});
    assert_eq!(bench.issuer.answer(&refused, None).unwrap_err().code(), "TOO_LARGE");
    bench.issuer.answer(&bench.device().signed(ACTIVATE_PATH, activate(60 * 1024), |_| {}), None).unwrap();
    edge.ctr += 1;
    let large = body(RequestKind::Exchange, 15 * 1024 * 1024);
    let htu = brink_license::exchange::EXCHANGE_PATH;
    let mut stranger = bench.device();
    (stranger.device, stranger.epoch) = (edge.device.clone(), edge.epoch);
    // Damaged as it is, nobody looks into it before the key is known.
    let refused = stranger.signed(htu, b"\x01damaged".to_vec(), |_| {});
    assert_eq!(bench.issuer.answer(&refused, None).unwrap_err().code(), "WRONG_DEVICE");
    stranger.device = Some("dev-unknown".parse().unwrap());
    let refused = stranger.signed(htu, b"\x01damaged".to_vec(), |_| {});
    assert_eq!(bench.issuer.answer(&refused, None).unwrap_err().code(), "UNKNOWN_DEVICE");
    bench.issuer.answer(&edge.signed(htu, large, |_| {}), None).unwrap();
}

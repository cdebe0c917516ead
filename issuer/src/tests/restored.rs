//! The database is put back from a backup, and the devices have gone on since.

use super::exchange::audit;
use crate::testkit::{Bench, Edge, names};
use brink_license::exchange::{EXCHANGE_PATH, RequestBody, RequestKind};
use brink_license::token::LicenceStanding;

/// Receipt and licence numbers given last, by this database.
fn given_last(bench: &Bench) -> (u64, u64) {
    let sql = "SELECT receipt_seq, licence_seq FROM devices ORDER BY receipt_seq DESC LIMIT 1";
    let row = bench.ask(sql, &[]).remove(0);
    (row[0].parse().unwrap(), row[1].parse().unwrap())
}

/// A device that has gone on for three licences since the backup, the answer to the last of which it never got.
fn gone_on(bench: &mut Bench) -> (Edge, (u64, u64)) {
    let mut edge = bench.activated();
    edge.exchange(&bench.issuer).unwrap();
    let backup = bench.backup();
    for camera in 0..3 {
        bench.assign(&edge.id(), &names("cam", camera..camera + 1), &[]);
        assert!(edge.exchange(&bench.issuer).unwrap());
    }
    bench.assign(&edge.id(), &names("cam", 3..4), &[]);
    bench.issuer.answer(&edge.request(RequestKind::Exchange), None).unwrap();
    let given = given_last(bench);
    bench.put_back(&backup);
    assert!(given_last(bench) < given);
    (edge, given)
}

#[test]
fn a_device_goes_on_and_no_number_is_given_twice() {
    let mut bench = Bench::with(100, &[]);
    let (mut edge, (receipt_seq, licence_seq)) = gone_on(&mut bench);
    assert!(edge.exchange(&bench.issuer).unwrap(), "its licence is not on record, so it gets another one");
    let receipt = edge.receipt.as_ref().unwrap().claims();
    assert!(receipt.seq > receipt_seq && edge.claims().seq > licence_seq, "{receipt:?}");
    assert_eq!(edge.seats(), (0, 100), "what was assigned since the backup is lost with it");
    let notes = audit(&bench, "database.restored");
    assert_eq!(notes.len(), 1);
    assert!(notes[0].contains("\"answers_unknown\":1"), "{}", notes[0]);
    bench.assign(&edge.id(), &names("cam", 0..1), &[]);
    assert!(edge.exchange(&bench.issuer).unwrap());
    assert!(!edge.exchange(&bench.issuer).unwrap());
    assert_eq!(
        (audit(&bench, "database.restored").len(), audit(&bench, "device.clone_suspected").len()),
        (1, 0)
    );
    assert_eq!(audit(&bench, "licence.ahead").len(), 0);
}

#[test]
fn numbers_stay_set_aside_when_nothing_had_to_be_minted() {
    let mut bench = Bench::with(100, &[]);
    let mut edge = bench.activated();
    let backup = bench.backup();
    edge.exchange(&bench.issuer).unwrap();
    bench.assign(&edge.id(), &names("cam", 0..1), &[]);
    bench.issuer.answer(&edge.request(RequestKind::Exchange), None).unwrap();
    let (_, lost) = given_last(&bench);
    bench.put_back(&backup);
    assert!(!edge.exchange(&bench.issuer).unwrap(), "the licence that it holds is on record");
    bench.assign(&edge.id(), &names("other", 0..1), &[]);
    assert!(edge.exchange(&bench.issuer).unwrap());
    assert!(edge.claims().seq > lost, "{} is above the number that never arrived", edge.claims().seq);
}

#[test]
fn a_lost_answer_after_the_restoration_is_no_clone_either() {
    let mut bench = Bench::with(100, &[]);
    let (mut edge, _) = gone_on(&mut bench);
    let mut copy = edge.clone();
    for _ in 0..5 {
        bench.issuer.answer(&edge.request(RequestKind::Exchange), None).unwrap();
    }
    let rows = bench.rows();
    for _ in 0..20 {
        bench.issuer.answer(&edge.request(RequestKind::Exchange), None).unwrap();
    }
    assert_eq!(bench.rows(), rows, "and however often it says so, it is written once");
    edge.exchange(&bench.issuer).unwrap();
    edge.exchange(&bench.issuer).unwrap();
    assert_eq!(audit(&bench, "database.restored").len(), 1);
    copy.ctr = edge.ctr;
    assert_eq!(copy.exchange(&bench.issuer).unwrap_err().code(), "CLONE_SUSPECTED", "that door is shut now");
}

#[test]
fn of_several_copies_one_goes_on_and_the_others_are_evidence() {
    for first in 0..3 {
        let mut bench = Bench::with(100, &[]);
        let mut edge = bench.activated();
        edge.exchange(&bench.issuer).unwrap();
        let backup = bench.backup();
        let mut copies = Vec::new();
        for copy in 1..=3 {
            bench.pass(3600);
            // Every request has a nonce of its own.
            edge.nonce = [copy; 32];
            edge.exchange(&bench.issuer).unwrap();
            copies.push(edge.clone());
        }
        bench.pass(3600);
        bench.put_back(&backup);
        let mut winner = copies.remove(first);
        winner.nonce = [9; 32];
        winner.exchange(&bench.issuer).unwrap();
        for copy in &mut copies {
            bench.pass(60);
            // However far it has counted on.
            copy.ctr = copy.ctr.max(winner.ctr);
            assert_eq!(copy.exchange(&bench.issuer).unwrap_err().code(), "CLONE_SUSPECTED", "{first}");
        }
        winner.exchange(&bench.issuer).unwrap();
        let noted = (audit(&bench, "database.restored").len(), audit(&bench, "device.clone_suspected").len());
        assert_eq!(noted, (1, 1), "{first}: one evidence a day is enough");
    }
}

#[test]
fn an_answer_of_before_to_a_request_that_came_again_afterwards_is_believed() {
    let mut bench = Bench::with(100, &[]);
    let mut edge = bench.activated();
    edge.exchange(&bench.issuer).unwrap();
    let backup = bench.backup();
    edge.nonce = [8; 32];
    // The copy is what the device would be had the answer been lost: it sends the very same request once more.
    let (mut again, mut before) = (edge.clone(), edge);
    before.exchange(&bench.issuer).unwrap();
    bench.put_back(&backup);
    again.exchange(&bench.issuer).unwrap();
    before.nonce = [9; 32];
    before.exchange(&bench.issuer).unwrap();
    before.exchange(&bench.issuer).unwrap();
    assert_eq!(audit(&bench, "device.clone_suspected").len(), 0);
}

#[test]
fn a_second_restoration_is_believed_like_the_first() {
    let mut bench = Bench::with(100, &[]);
    let mut edge = bench.activated();
    edge.exchange(&bench.issuer).unwrap();
    let backup = bench.backup();
    for time in 1..=3 {
        bench.pass(3600);
        edge.exchange(&bench.issuer).unwrap();
        bench.pass(3600);
        let again = backup.with_file_name(format!("{time}.backup"));
        std::fs::copy(&backup, &again).unwrap();
        bench.put_back(&again);
        edge.exchange(&bench.issuer).unwrap_or_else(|refusal| panic!("{time}: {refusal}"));
    }
    assert_eq!(audit(&bench, "device.clone_suspected").len(), 0);
}

/// An exchange that carries this receipt, without any ratchet.
fn carrying(edge: &Edge, receipt: Option<&str>, ctr: u64) -> Vec<u8> {
    let last_receipt = receipt.map(str::to_owned);
    let kind = RequestKind::Exchange;
    let body = RequestBody { kind, report: Default::default(), last_receipt, sections: Vec::new() };
    let edge = Edge { ratchet: None, ..edge.clone() };
    edge.signed(EXCHANGE_PATH, body.encode().unwrap(), |claims| claims.ctr = ctr)
}

fn token(edge: &Edge) -> &str {
    edge.receipt.as_ref().unwrap().token()
}

fn code(bench: &Bench, request: &[u8]) -> Result<(), &'static str> {
    bench.issuer.answer(request, None).map(|_| ()).map_err(|refusal| refusal.code())
}

#[test]
fn only_a_receipt_of_our_own_for_this_device_opens_the_door() {
    let mut bench = Bench::with(100, &[]);
    let foreign = Bench::with(100, &[]);
    let (edge, _) = gone_on(&mut bench);
    let (mut other, mut abroad) = (bench.activated(), foreign.activated());
    for _ in 0..20 {
        other.exchange(&bench.issuer).unwrap();
        abroad.exchange(&foreign.issuer).unwrap();
    }
    let forged = {
        let mut claims = edge.receipt.as_ref().unwrap().claims().clone();
        claims.seq += 100;
        let claims = claims.to_json_bytes().unwrap();
        brink_signing::sign_document(&*edge.key, brink_license::Typ::Receipt, &claims).unwrap()
    };
    // Another character of the payload, which the signature covers.
    let (head, tail) = token(&edge).split_at(token(&edge).len() - 100);
    let twisted = format!("{head}{}{}", if tail.starts_with('A') { 'B' } else { 'A' }, &tail[1..]);
    let next = edge.ctr + 1;
    for receipt in
        [None, Some(token(&other)), Some(token(&abroad)), Some(&*forged), Some(&*twisted), Some("")]
    {
        assert_eq!(code(&bench, &carrying(&edge, receipt, next)), Err("CLONE_SUSPECTED"), "{receipt:?}");
    }
    // The receipt is right, the key is not.
    let mut thief = bench.device();
    (thief.device, thief.epoch) = (edge.device.clone(), edge.epoch);
    assert_eq!(code(&bench, &carrying(&thief, Some(token(&edge)), next)), Err("WRONG_DEVICE"));
    // A request from before the receipt that it carries.
    let answered = edge.receipt.as_ref().unwrap().claims().ctr;
    let early = carrying(&edge, Some(token(&edge)), answered);
    assert_eq!(code(&bench, &early), Err("CLONE_SUSPECTED"));
    // And the device itself, last of all.
    assert_eq!(code(&bench, &carrying(&edge, Some(token(&edge)), next)), Ok(()));
}

#[test]
fn a_receipt_that_is_on_record_says_nothing_of_a_loss() {
    let bench = Bench::with(100, &[]);
    let mut edge = bench.activated();
    let first = token(&edge).to_owned();
    edge.exchange(&bench.issuer).unwrap();
    for receipt in [&*first, token(&edge)] {
        assert_eq!(code(&bench, &carrying(&edge, Some(receipt), edge.ctr + 1)), Err("CLONE_SUSPECTED"));
    }
}

#[test]
fn a_suspended_device_stays_suspended_over_a_restoration() {
    let mut bench = Bench::with(100, &[]);
    let (mut edge, (_, licence_seq)) = gone_on(&mut bench);
    bench.sql("UPDATE devices SET status = 'suspended' WHERE id = ?1", &[&edge.id().as_str()]);
    assert!(!edge.exchange(&bench.issuer).unwrap());
    let said = edge.receipt.as_ref().unwrap().claims().lic.clone();
    assert_eq!(said.state, LicenceStanding::Suspended);
    assert!(said.seq > edge.licence_seq, "it speaks of the licence that the device holds");
    assert!(!edge.exchange(&bench.issuer).unwrap());
    bench.sql("UPDATE devices SET status = 'active' WHERE id = ?1", &[&edge.id().as_str()]);
    assert!(edge.exchange(&bench.issuer).unwrap());
    assert!(edge.claims().seq > licence_seq);
}

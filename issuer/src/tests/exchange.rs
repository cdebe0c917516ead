use crate::storage::{AnswerKind, AuditQuery};
use crate::testkit::{Bench, DAY, names};
use brink_license::exchange::{EXCHANGE_PATH, RequestBody, RequestKind};

fn body() -> Vec<u8> {
    let kind = RequestKind::Exchange;
    RequestBody { kind, report: Default::default(), last_receipt: None, sections: Vec::new() }
        .encode()
        .unwrap()
}

#[test]
fn a_change_arrives_with_the_next_exchange_and_nothing_is_minted_without_one() {
    let bench = Bench::with(100, &["retail=49.00"]);
    let mut edge = bench.activated();
    assert!(!edge.exchange(&bench.issuer).unwrap());
    bench.assign(&edge.id(), &names("cam", 0..60), &["retail"]);
    assert!(edge.exchange(&bench.issuer).unwrap());
    assert_eq!((edge.seats(), edge.claims().seq), ((60, 40), 2));
    bench.pass(2 * DAY);
    assert!(!edge.exchange(&bench.issuer).unwrap());
    bench.pass(DAY);
    assert!(edge.exchange(&bench.issuer).unwrap(), "a tenth of thirty days has gone");
}

#[test]
fn an_identical_retry_gets_the_identical_answer() {
    let mut bench = Bench::with(10, &[]);
    let mut edge = bench.activated();
    let request = edge.request(RequestKind::Exchange);
    let first = bench.issuer.answer(&request, Some(AnswerKind::Exchange)).unwrap();
    bench.restart();
    bench.pass(600);
    assert_eq!(bench.issuer.answer(&request, Some(AnswerKind::Exchange)).unwrap(), first);
    edge.accept(&first);
    edge.exchange(&bench.issuer).unwrap();
}

#[test]
fn concurrent_identical_requests_all_get_the_one_answer() {
    let bench = Bench::with(10, &[]);
    let mut edge = bench.activated();
    let request = edge.request(RequestKind::Exchange);
    let answers: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..8).map(|_| scope.spawn(|| bench.issuer.answer(&request, None).unwrap())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    edge.accept(&answers[0]);
}

#[test]
fn a_lost_answer_is_no_clone() {
    let bench = Bench::with(10, &[]);
    let mut edge = bench.activated();
    let request = edge.request(RequestKind::Exchange);
    bench.issuer.answer(&request, None).unwrap();
    // The answer never arrives, and the request was lost as well: the next one comes with the ratchet before.
    edge.exchange(&bench.issuer).unwrap();
    edge.exchange(&bench.issuer).unwrap();
}

#[test]
fn two_copies_of_a_disk_are_found_out_and_the_proof_is_kept() {
    let bench = Bench::with(10, &[]);
    let mut edge = bench.activated();
    let mut copy = edge.clone();
    edge.exchange(&bench.issuer).unwrap();
    let refusal = copy.exchange(&bench.issuer);
    // Same counter and same body: without a nonce to tell them apart this is a retry. One more step parts them.
    assert!(refusal.is_ok() || refusal.unwrap_err().code() == "CLONE_SUSPECTED");
    edge.exchange(&bench.issuer).unwrap();
    edge.exchange(&bench.issuer).unwrap();
    copy.ctr = edge.ctr;
    assert_eq!(copy.exchange(&bench.issuer).unwrap_err().code(), "CLONE_SUSPECTED");
    let evidence = audit(&bench, "device.clone_suspected");
    assert_eq!(evidence.len(), 1);
    assert!(evidence[0].contains("\"proof\":\"ey"), "{}", evidence[0]);
    edge.exchange(&bench.issuer).unwrap();
}

#[test]
fn a_different_request_with_the_counter_of_the_last_is_a_clone() {
    let bench = Bench::with(10, &[]);
    let mut edge = bench.activated();
    edge.exchange(&bench.issuer).unwrap();
    let other = edge.signed(EXCHANGE_PATH, body(), |_| {});
    assert_eq!(bench.issuer.answer(&other, None).unwrap_err().code(), "CLONE_SUSPECTED");
}

#[test]
fn proofs_that_do_not_fit_are_refused() {
    let bench = Bench::with(10, &[]);
    let (mut edge, other) = (bench.activated(), bench.activated());
    edge.exchange(&bench.issuer).unwrap();
    edge.exchange(&bench.issuer).unwrap();
    edge.ctr += 1;
    let id = other.id();
    let refused = |twist: &dyn Fn(&mut brink_license::token::RequestClaims)| {
        let request = edge.signed(EXCHANGE_PATH, body(), twist);
        bench.issuer.answer(&request, Some(AnswerKind::Exchange)).unwrap_err().code()
    };
    assert_eq!(refused(&|claims| claims.bh = [0; 32]), "WRONG_PROOF");
    assert_eq!(refused(&|claims| claims.htm = "GET".into()), "WRONG_PROOF");
    assert_eq!(refused(&|claims| claims.htu = "/v1/activate".into()), "WRONG_PROOF");
    assert_eq!(refused(&|claims| claims.iss = "dev-other".parse().unwrap()), "WRONG_ISSUER");
    assert_eq!(refused(&|claims| claims.dev = id.clone()), "WRONG_DEVICE");
    assert_eq!(refused(&|claims| claims.dev = "dev-unknown".parse().unwrap()), "UNKNOWN_DEVICE");
    assert_eq!(refused(&|claims| claims.epoch = 2), "WRONG_DEVICE");
    assert_eq!(refused(&|claims| claims.ctr = 1), "STALE_COUNTER");
    for bytes in [&b""[..], b"BRINKREQ", &[0xff; 64]] {
        assert!(bench.issuer.answer(bytes, None).is_err());
    }
    assert_eq!(edge.clone().exchange(&bench.issuer).map(|_| ()).map_err(|e| e.code()), Ok(()));
}

#[test]
fn without_or_with_a_wrong_ratchet_a_request_is_a_clones() {
    let bench = Bench::with(10, &[]);
    let edge = bench.activated();
    for ratchet in [None, Some([0; 32])] {
        let mut copy = edge.clone();
        copy.ratchet = ratchet;
        assert_eq!(copy.exchange(&bench.issuer).unwrap_err().code(), "CLONE_SUSPECTED");
    }
    edge.clone().exchange(&bench.issuer).unwrap();
}

#[test]
fn an_answer_that_was_not_recorded_never_left() {
    // The plan has signed, and then the transaction fails: number, ratchet and answer must all be as before.
    let bench = Bench::with(10, &[]);
    let mut edge = bench.activated();
    let before = bench.view(&edge.id());
    bench.assign(&edge.id(), &names("cam", 0..1), &[]);
    let full = bench.full("audit");
    let request = edge.request(RequestKind::Exchange);
    let refusal = bench.issuer.answer(&request, None).unwrap_err();
    assert!(refusal.is_failure(), "{refusal}");
    let after = bench.view(&edge.id());
    assert_eq!(after.latest, before.latest);
    assert_eq!(after.device.exchange.ctr, before.device.exchange.ctr);
    assert_eq!(after.answered, before.answered);
    drop(full);
    let answer = bench.issuer.answer(&request, None).unwrap();
    assert!(edge.accept(&answer));
    assert_eq!(edge.claims().seq, 2, "the number that was rolled back is given now");
}

pub(super) fn audit(bench: &Bench, action: &str) -> Vec<String> {
    let query = AuditQuery { action: Some(action.to_owned()), limit: u32::MAX, ..AuditQuery::default() };
    let lines = bench.admin.storage.audit_lines(&query).unwrap();
    lines.into_iter().rev().map(|line| line.detail).collect()
}

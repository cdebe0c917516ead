use crate::Refusal;
use crate::clock_reset::ClockAnswered;
use crate::retirement::{RetirementOrder, Successor};
use crate::storage::{Actor, AnswerKind};
use crate::testkit::{Bench, Edge};
use brink_license::UnixSeconds;
use brink_license::exchange::{CLOCK_RESET_PATH, ClientReport, RequestBody, RequestKind};
use brink_license::keyset::KeyUse;
use brink_license::token::{
    Authority, Challenged, ClockResetClaims, ClockResetExpected, RequestClaims, verify,
};

fn challenge(edge: &Edge, twist: impl FnOnce(&mut RequestClaims)) -> Vec<u8> {
    let (wall, now) = (UnixSeconds::new(0), UnixSeconds::new(4_000_000_000));
    let report = ClientReport { clock_flags: vec!["clock_back".into()], ..ClientReport::default() };
    let kind = RequestKind::ClockReset { wall, now };
    let body = RequestBody { kind, report, last_receipt: None, sections: Vec::new() };
    edge.signed(CLOCK_RESET_PATH, body.encode().unwrap(), twist)
}

fn answered(bench: &Bench, challenge: &[u8]) -> Result<ClockAnswered, Refusal> {
    bench.issuer.reset_clock(challenge, Some("battery"), &Actor("night".into()))
}

fn code(bench: &Bench, challenge: &[u8]) -> &'static str {
    answered(bench, challenge).unwrap_err().code()
}

#[test]
fn a_challenge_is_answered_with_the_issuers_time_once_and_again_with_the_same_bytes() {
    let bench = Bench::with(10, &[]);
    let edge = bench.activated();
    let asked = challenge(&edge, |claims| claims.nonce = [5; 32]);
    let first = answered(&bench, &asked).unwrap();
    assert!(!first.again);
    assert_eq!(first.challenge.device_time, UnixSeconds::new(4_000_000_000));
    let expected = ClockResetExpected {
        issuer: edge.anchor.issuer().clone(),
        challenged: Some(Challenged {
            tenant: edge.claims().tenant.clone(),
            dev: edge.id(),
            epoch: edge.epoch,
            jkt: edge.claims().cnf.jkt,
            nonce: Some([5; 32]),
        }),
    };
    let authority = Authority::Issuer(edge.keyset.as_ref().unwrap(), KeyUse::Receipt);
    let verified = verify::<ClockResetClaims>(first.reset.token.as_bytes(), authority, &expected).unwrap();
    let now = crate::clock::Clock::now(&*bench.clock);
    assert_eq!((verified.claims().server_time, verified.claims().iat), (now, now));
    let rows = bench.rows();
    bench.pass(3600);
    let second = answered(&bench, &asked).unwrap();
    assert!(second.again && second.reset == first.reset);
    assert_eq!(bench.rows(), rows, "it is recorded once");
    let (actor, detail) = bench.audited("device.clock_reset");
    assert_eq!((actor.as_str(), &detail["reason"]), ("night", &"battery".into()));
    assert_eq!(detail["device_time"], 4_000_000_000_u64);
    assert!(!answered(&bench, &challenge(&edge, |claims| claims.nonce = [6; 32])).unwrap().again);
    for edit in ["UPDATE clock_resets SET iat = 0", "DELETE FROM clock_resets"] {
        assert!(bench.try_sql(edit, &[]).unwrap_err().contains("insert-only"));
    }
}

#[test]
fn what_is_no_challenge_of_the_device_is_refused() {
    let bench = Bench::with(10, &[]);
    let mut edge = bench.activated();
    let stranger = bench.activated();
    let rows = bench.rows();
    assert_eq!(code(&bench, b"BRINKREQ"), "MALFORMED");
    assert_eq!(code(&bench, &edge.request(RequestKind::Exchange)), "WRONG_PROOF");
    let of_stranger = challenge(&edge, |claims| claims.dev = stranger.id());
    assert_eq!(code(&bench, &of_stranger), "WRONG_DEVICE");
    assert_eq!(code(&bench, &challenge(&edge, |claims| claims.epoch += 1)), "WRONG_DEVICE");
    let unknown = challenge(&edge, |claims| claims.dev = "dev-none".parse().unwrap());
    assert_eq!(code(&bench, &unknown), "UNKNOWN_DEVICE");
    let mut changed = challenge(&edge, |_| {});
    let last = changed.len() - 1;
    changed[last] ^= 1;
    assert_eq!(code(&bench, &changed), "WRONG_PROOF");
    let report = RequestBody {
        kind: RequestKind::Exchange,
        report: ClientReport::default(),
        last_receipt: None,
        sections: Vec::new(),
    };
    let other_body = edge.signed(CLOCK_RESET_PATH, report.encode().unwrap(), |_| {});
    assert_eq!(code(&bench, &other_body), "WRONG_KIND");
    let asked = challenge(&edge, |_| {});
    let refused = bench.issuer.reset_clock(&asked, Some(""), &Actor("night".into())).unwrap_err();
    assert_eq!(refused.code(), "OUT_OF_BOUNDS");
    for door in [None, Some(AnswerKind::Exchange), Some(AnswerKind::Activate)] {
        let refused = bench.issuer.answer(&asked, door).unwrap_err();
        assert_eq!(refused.code(), "WRONG_PROOF", "a challenge is no exchange");
    }
    assert_eq!(bench.rows(), rows);
    answered(&bench, &asked).unwrap();
    let order = RetirementOrder {
        device: edge.id(),
        successor: Successor::None,
        accept_overlap: false,
        reason: None,
    };
    bench.admin.retire(&order).unwrap();
    assert_eq!(code(&bench, &asked), "RETIRED", "also what was answered before");
}

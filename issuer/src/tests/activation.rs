use crate::failures::FAILURES_MAX;
use crate::storage::AnswerKind;
use crate::testkit::{Bench, DAY, TENANT, names};
use brink_license::exchange::{ACTIVATE_PATH, EXCHANGE_PATH, ExchangeRequest, RequestBody, RequestKind};
use std::collections::HashSet;

#[test]
fn a_code_makes_a_key_a_device_with_a_licence_before_any_assignment() {
    let bench = Bench::with(100, &[]);
    let made = bench.code(1);
    let mut edge = bench.device();
    edge.activate(&bench.issuer, made.code.reveal()).unwrap();
    assert_eq!(edge.id(), made.devices[0]);
    assert_eq!(edge.seats(), (0, 100));
    assert_eq!((edge.claims().seq, edge.claims().epoch, edge.claims().tenant.as_str()), (1, 1, TENANT));
}

#[test]
fn cameras_may_be_assigned_before_activation() {
    let bench = Bench::with(10, &["advanced_analytics"]);
    let made = bench.code(1);
    bench.assign(&made.devices[0], &names("cam", 0..3), &["advanced_analytics"]);
    let mut edge = bench.device();
    edge.activate(&bench.issuer, &made.code.reveal().to_lowercase()).unwrap();
    assert_eq!(edge.seats(), (3, 7));
}

#[test]
fn the_same_bytes_get_the_same_answer_even_after_a_restart() {
    let mut bench = Bench::with(10, &[]);
    let made = bench.code(1);
    let mut edge = bench.device();
    let request = edge.request(RequestKind::Activate { code: made.code.reveal().to_owned() });
    let first = bench.issuer.answer(&request, Some(AnswerKind::Activate)).unwrap();
    bench.restart();
    bench.pass(3600);
    assert_eq!(bench.issuer.answer(&request, Some(AnswerKind::Activate)).unwrap(), first);
    assert_eq!(bench.issuer.answer(&request, None).unwrap(), first, "and by file");
    edge.accept(&first);
    edge.exchange(&bench.issuer).unwrap();
    assert_eq!(bench.issuer.answer(&request, None).unwrap(), first, "and after an exchange");
}

#[test]
fn the_same_key_showing_the_code_again_gets_the_same_device_until_it_has_exchanged() {
    let bench = Bench::with(10, &[]);
    let made = bench.code(1);
    let mut edge = bench.device();
    edge.activate(&bench.issuer, made.code.reveal()).unwrap();
    let lost = edge.clone();
    let mut again = lost.clone();
    (again.device, again.epoch, again.licence_seq, again.keyset) = (None, 0, 0, None);
    again.activate(&bench.issuer, made.code.reveal()).unwrap();
    assert_eq!(again.id(), edge.id());
    assert_eq!(again.claims().seq, 1, "nothing new to say, so nothing new was minted");
    let mut late = lost;
    late.ctr = again.ctr;
    late.exchange(&bench.issuer).unwrap();
    let refusal = again.activate(&bench.issuer, made.code.reveal()).unwrap_err();
    assert_eq!(refusal.code(), "CODE_SPENT");
}

#[test]
fn a_spent_expired_or_unknown_code_is_refused_by_name() {
    let bench = Bench::with(10, &[]);
    let made = bench.code(1);
    bench.device().activate(&bench.issuer, made.code.reveal()).unwrap();
    assert_eq!(bench.device().activate(&bench.issuer, made.code.reveal()).unwrap_err().code(), "CODE_SPENT");
    let late = bench.code(1);
    bench.pass(7 * DAY);
    let refusal = bench.device().activate(&bench.issuer, late.code.reveal()).unwrap_err();
    assert_eq!(refusal.code(), "CODE_EXPIRED");
    assert!(refusal.to_string().contains("device code"), "{refusal}");
    for wrong in ["AAAAA-AAAAA-AAAAA-AAAAA-AAAAA-A", "hello", "", "' OR 1=1--"] {
        assert_eq!(bench.device().activate(&bench.issuer, wrong).unwrap_err().code(), "CODE_UNKNOWN");
    }
}

#[test]
fn wrong_codes_are_slowed_down_and_right_ones_are_not() {
    let bench = Bench::with(10, &[]);
    let made = bench.code(1);
    let mut edge = bench.device();
    for _ in 0..FAILURES_MAX {
        assert_eq!(edge.activate(&bench.issuer, "wrong").unwrap_err().code(), "CODE_UNKNOWN");
    }
    assert_eq!(edge.activate(&bench.issuer, "wrong").unwrap_err().code(), "TOO_MANY_ATTEMPTS");
    edge.activate(&bench.issuer, made.code.reveal()).unwrap();
}

#[test]
fn a_code_for_many_activates_each_of_its_devices_once_however_many_try() {
    let bench = Bench::with(100, &[]);
    let made = bench.code(8);
    let edges: Vec<_> = (0..12).map(|_| bench.device()).collect();
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let run = |mut edge: crate::testkit::Edge| {
            let (issuer, code) = (&bench.issuer, made.code.reveal());
            scope.spawn(move || edge.activate(issuer, code).map(|()| edge))
        };
        let threads: Vec<_> = edges.into_iter().map(run).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let given: HashSet<_> = outcomes.iter().flatten().map(|edge| edge.id()).collect();
    assert_eq!(given, made.devices.iter().cloned().collect());
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_err()).count(), 4);
    let seats: u32 = outcomes.iter().flatten().map(|edge| edge.seats().1).sum();
    assert_eq!(seats, 100, "8 devices share evenly");
}

#[test]
fn a_key_that_is_a_device_already_is_refused_with_another_code() {
    let bench = Bench::with(10, &[]);
    let mut edge = bench.activated();
    let other = bench.code(1);
    (edge.device, edge.epoch) = (None, 0);
    assert_eq!(edge.activate(&bench.issuer, other.code.reveal()).unwrap_err().code(), "KEY_IN_USE");
}

#[test]
fn device_keys_are_checked_and_never_panic() {
    let bench = Bench::with(10, &[]);
    let made = bench.code(1);
    let mut edge = bench.device();
    let request = edge.request(RequestKind::Activate { code: made.code.reveal().to_owned() });
    let request = ExchangeRequest::decode(&request).unwrap();
    let mut small_order = [0; 32];
    small_order[0] = 1;
    for device_key in [[0; 32], small_order, [0xff; 32]] {
        let twisted = ExchangeRequest { device_key, ..request.clone() }.encode().unwrap();
        assert_eq!(bench.issuer.answer(&twisted, None).unwrap_err().code(), "BAD_KEY");
    }
    let another = *brink_signing::Signer::public_key(&*bench.device().key).as_bytes();
    let twisted = ExchangeRequest { device_key: another, ..request }.encode().unwrap();
    assert_eq!(bench.issuer.answer(&twisted, None).unwrap_err().code(), "UNKNOWN_KID");
}

fn body_of(request: &[u8]) -> Vec<u8> {
    ExchangeRequest::decode(request).unwrap().body
}

#[test]
fn a_body_of_the_other_kind_is_refused() {
    let bench = Bench::with(10, &[]);
    let edge = bench.activated();
    let body = RequestBody {
        kind: RequestKind::Exchange,
        report: Default::default(),
        last_receipt: None,
        sections: Vec::new(),
    };
    let request = edge.signed(ACTIVATE_PATH, body.encode().unwrap(), |_| {});
    assert_eq!(bench.issuer.answer(&request, None).unwrap_err().code(), "WRONG_KIND");
    assert_eq!(bench.issuer.answer(&request, Some(AnswerKind::Exchange)).unwrap_err().code(), "WRONG_PROOF");
    let kind = RequestKind::Activate { code: "AAAAA".into() };
    let body = RequestBody { kind, ..RequestBody::decode(&body_of(&request)).unwrap() };
    let request = edge.signed(EXCHANGE_PATH, body.encode().unwrap(), |claims| claims.ctr += 1);
    assert_eq!(bench.issuer.answer(&request, None).unwrap_err().code(), "WRONG_KIND");
}

#[test]
fn without_a_subscription_nothing_is_spent() {
    let bench = Bench::new();
    let order = crate::testkit::order(None, &[]);
    bench.admin.set_subscription(&TENANT.parse().unwrap(), &order).unwrap();
    let made = bench.code(1);
    bench.pass(6 * DAY);
    let mut edge = bench.device();
    edge.activate(&bench.issuer, made.code.reveal()).unwrap();
    assert_eq!(edge.seats(), (0, 2), "a trial has two cameras");
    let long = bench.admin.create_code(&crate::admin::CodeOrder {
        tenant: TENANT.parse().unwrap(),
        tier: crate::storage::Tier::Basic,
        uses: 1,
        expires: crate::code::CodeEnd::Hours(24 * 90),
    });
    let long = long.unwrap();
    bench.pass(86 * DAY);
    let refusal = bench.device().activate(&bench.issuer, long.code.reveal()).unwrap_err();
    assert_eq!(refusal.code(), "UNLICENSABLE", "{refusal}");
    assert_eq!(bench.view(&long.devices[0]).device.epoch, 0, "the code is not spent");
}

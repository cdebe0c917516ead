//! Two copies of one device, or a restored disk, under each policy of the tenant.

use super::exchange::audit;
use crate::admin::AdminError;
use crate::reaction::REQUESTS_KEPT;
use crate::standing::{StandingError, StandingOrder, Turn};
use crate::storage::{ClonePolicy, DeviceStatus};
use crate::testkit::{Bench, DAY, Edge, TENANT, names};
use brink_license::exchange::{EXCHANGE_PATH, RequestBody, RequestKind};
use brink_license::token::LicenceStanding;

const POLICIES: [ClonePolicy; 3] = [ClonePolicy::Alert, ClonePolicy::Reactivate, ClonePolicy::Suspend];

fn scene(policy: ClonePolicy) -> (Bench, Edge) {
    let bench = Bench::with(10, &[]);
    bench.admin.set_policy(&TENANT.parse().unwrap(), policy).unwrap();
    let mut edge = bench.activated();
    bench.assign(&edge.id(), &names("cam", 0..2), &[]);
    for _ in 0..2 {
        edge.exchange(&bench.issuer).unwrap();
    }
    (bench, edge)
}

fn code(outcome: Result<bool, crate::Refusal>) -> &'static str {
    outcome.map_or_else(|refusal| refusal.code(), |_| "answered")
}

fn evidence(bench: &Bench) -> Vec<serde_json::Value> {
    let lines = audit(bench, "device.clone_suspected");
    lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What the policy wants after a copy was seen: how the copy that has the ratchet fares, and what the audit says.
fn assert_consequence(bench: &Bench, policy: ClonePolicy, real: &mut Edge, reason: &str) {
    assert_eq!(evidence(bench).len(), 1, "{policy:?}");
    let device = bench.view(&real.id()).device;
    match policy {
        ClonePolicy::Alert => {
            assert_eq!(
                (code(real.exchange(&bench.issuer)), device.status),
                ("answered", DeviceStatus::Active)
            );
            assert_eq!(real.receipt.as_ref().unwrap().claims().lic.state, LicenceStanding::Active);
        }
        ClonePolicy::Suspend => {
            assert_eq!(device.status, DeviceStatus::Suspended);
            assert!(!real.exchange(&bench.issuer).unwrap());
            assert_eq!(real.receipt.as_ref().unwrap().claims().lic.state, LicenceStanding::Suspended);
            let told = audit(bench, "license.suspend");
            assert!(told.len() == 1 && told[0].contains(reason), "{told:?}");
            assert_eq!(actor(bench, "license.suspend"), "policy:clones=suspend");
            let resume = StandingOrder { turn: Turn::Resume, reason: None };
            bench.admin.turn_licence(&real.id(), &resume).unwrap();
            real.exchange(&bench.issuer).unwrap();
            assert_eq!(real.receipt.as_ref().unwrap().claims().lic.state, LicenceStanding::Active);
        }
        ClonePolicy::Reactivate => {
            assert_eq!(device.status, DeviceStatus::Active);
            for _ in 0..2 {
                let refused = real.exchange(&bench.issuer).unwrap_err();
                assert_eq!(refused.code(), "REACTIVATION_REQUIRED");
                let said = refused.to_string();
                let mend = format!("brink-issuer device reactivate --device {}", real.id());
                assert!(said.contains(&mend) && said.contains("brink-edge activate --again"), "{said}");
            }
            let told = audit(bench, "device.reactivation_due");
            assert!(told.len() == 1 && told[0].contains(reason), "{told:?}");
            assert_eq!(actor(bench, "device.reactivation_due"), "policy:clones=reactivate");
            let resume = StandingOrder { turn: Turn::Resume, reason: None };
            let refused = bench.admin.turn_licence(&real.id(), &resume).unwrap_err();
            assert!(matches!(refused, AdminError::Standing(StandingError::ReactivationDue(_))), "{refused}");
            let made = bench.reactivation(&real.id(), Some("the copy is found")).unwrap();
            let mut anew = bench.anew(&made);
            assert_eq!((anew.id(), anew.claims().epoch, anew.seats()), (real.id(), 2, (2, 8)));
            anew.exchange(&bench.issuer).unwrap();
            assert_eq!(code(real.exchange(&bench.issuer)), "KEY_REPLACED");
        }
    }
}

fn actor(bench: &Bench, action: &str) -> String {
    bench.audited(action).0
}

#[test]
fn of_two_copies_that_ask_in_turn_the_second_is_flagged_at_its_first_question() {
    for policy in POLICIES {
        let (bench, mut edge) = scene(policy);
        // On one machine, in one boot: their bodies and counters are the same, and only the nonces differ.
        let mut copy = Edge { nonce: [9; 32], ..edge.clone() };
        edge.exchange(&bench.issuer).unwrap();
        assert_eq!(code(copy.exchange(&bench.issuer)), "CLONE_SUSPECTED", "{policy:?}");
        assert_consequence(&bench, policy, &mut edge, "CLONE_SUSPECTED");
    }
}

#[test]
fn a_counter_with_another_body_is_a_copys_and_both_boots_and_proofs_are_kept() {
    for policy in POLICIES {
        let (bench, mut edge) = scene(policy);
        let mut copy = edge.copied(2);
        bench.pass(60);
        edge.exchange(&bench.issuer).unwrap();
        bench.pass(60);
        assert_eq!(code(copy.exchange(&bench.issuer)), "CLONE_SUSPECTED", "{policy:?}");
        let told = &evidence(&bench)[0];
        assert_eq!((&told["boot_id"], &told["accepted"]["boot_id"]), (&"boot-2".into(), &"boot-1".into()));
        assert_eq!((&told["ctr"], &told["accepted"]["ctr"]), (&4.into(), &4.into()));
        assert_eq!(told["policy"], policy.as_str());
        let at = told["accepted"]["at"].as_i64().unwrap();
        assert_eq!(crate::clock::Clock::now(&*bench.clock).as_i64() - at, 60);
        for proof in [&told["proof"], &told["accepted"]["proof"]] {
            assert!(proof.as_str().unwrap().starts_with("ey"), "{told}");
        }
        assert_ne!(told["proof"], told["accepted"]["proof"]);
        assert_consequence(&bench, policy, &mut edge, "CLONE_SUSPECTED");
    }
}

#[test]
fn a_copy_with_an_older_ratchet_is_found_however_far_it_counts() {
    for policy in POLICIES {
        let (bench, mut edge) = scene(policy);
        let mut copy = edge.copied(2);
        for _ in 0..3 {
            edge.exchange(&bench.issuer).unwrap();
        }
        copy.ctr = edge.ctr + 5;
        assert_eq!(code(copy.exchange(&bench.issuer)), "CLONE_SUSPECTED", "{policy:?}");
        assert_consequence(&bench, policy, &mut edge, "CLONE_SUSPECTED");
    }
}

#[test]
fn a_restored_disk_is_found_at_its_first_question() {
    for policy in POLICIES {
        let (bench, mut edge) = scene(policy);
        let mut restored = edge.copied(3);
        for _ in 0..5 {
            edge.exchange(&bench.issuer).unwrap();
        }
        assert_eq!(code(restored.exchange(&bench.issuer)), "STALE_COUNTER", "{policy:?}");
        assert_consequence(&bench, policy, &mut edge, "STALE_COUNTER");
    }
}

#[test]
fn a_lost_response_is_answered_again_and_is_no_copys_under_any_policy() {
    for policy in POLICIES {
        let (bench, mut edge) = scene(policy);
        let request = edge.request(RequestKind::Exchange);
        let answer = bench.issuer.answer(&request, None).unwrap();
        bench.pass(DAY);
        assert_eq!(bench.issuer.answer(&request, None).unwrap(), answer);
        // The answer never arrives at all: the next request has the ratchet before, and another boot.
        edge.boot_id = "boot-after".into();
        edge.exchange(&bench.issuer).unwrap();
        edge.exchange(&bench.issuer).unwrap();
        assert_eq!(evidence(&bench), Vec::<serde_json::Value>::new());
        let device = bench.view(&edge.id()).device;
        assert_eq!((device.status, device.reactivate_from), (DeviceStatus::Active, None));
    }
}

/// A disk that loses what it said it had synced takes a request with it that was answered. The device makes it anew, with
/// the same counter and body, and only the nonce tells the two apart. The old answer would be of no use to it.
#[test]
fn a_request_that_was_answered_and_then_lost_is_refused_when_it_is_made_anew_and_the_next_one_is_answered() {
    for policy in POLICIES {
        let (bench, mut edge) = scene(policy);
        let mut before = edge.clone();
        bench.issuer.answer(&edge.request(RequestKind::Exchange), None).unwrap();
        before.nonce = [9; 32];
        let anew = bench.issuer.answer(&before.request(RequestKind::Exchange), None);
        assert_eq!(anew.unwrap_err().code(), "CLONE_SUSPECTED", "and not the answer that its nonce refuses");
        // That no ends the request, and the next one has a number of its own and the ratchet of a lost answer.
        assert_consequence(&bench, policy, &mut before, "CLONE_SUSPECTED");
    }
}

#[test]
fn a_request_that_is_carried_here_once_more_is_evidence_and_no_ground_to_act() {
    for policy in POLICIES {
        let (bench, mut edge) = scene(policy);
        let old = edge.request(RequestKind::Exchange);
        edge.accept(&bench.issuer.answer(&old, None).unwrap());
        edge.exchange(&bench.issuer).unwrap();
        assert_eq!(bench.issuer.answer(&old, None).unwrap_err().code(), "STALE_COUNTER");
        assert_eq!(evidence(&bench)[0]["replay"], true);
        edge.exchange(&bench.issuer).unwrap();
        assert_eq!(edge.receipt.as_ref().unwrap().claims().lic.state, LicenceStanding::Active, "{policy:?}");
    }
}

#[test]
fn no_more_requests_are_remembered_than_that() {
    let (bench, mut edge) = scene(ClonePolicy::Alert);
    let remembered = || {
        let row = bench.ask("SELECT count(*), min(ctr) FROM requests", &[]).remove(0);
        (row[0].parse::<u32>().unwrap(), row[1].parse::<i64>().unwrap())
    };
    for _ in 0..REQUESTS_KEPT {
        edge.exchange(&bench.issuer).unwrap();
    }
    assert_eq!(
        remembered(),
        (REQUESTS_KEPT, (edge.ctr - u64::from(REQUESTS_KEPT) + 1).cast_signed()),
        "the newest"
    );
}

#[test]
fn a_copy_that_comes_back_is_acted_on_each_time_and_written_down_once_a_day() {
    let (bench, mut edge) = scene(ClonePolicy::Suspend);
    let copy = edge.copied(2);
    for time in 1..=3 {
        edge.exchange(&bench.issuer).unwrap();
        edge.exchange(&bench.issuer).unwrap();
        let mut copy = copy.clone();
        copy.ctr = edge.ctr + 1;
        assert_eq!(code(copy.exchange(&bench.issuer)), "CLONE_SUSPECTED");
        assert_eq!(bench.view(&edge.id()).device.status, DeviceStatus::Suspended);
        // However often it asks while that stands.
        let rows = bench.rows();
        copy.ctr += 1;
        assert_eq!(code(copy.exchange(&bench.issuer)), "CLONE_SUSPECTED");
        assert_eq!(bench.rows(), rows);
        assert_eq!((evidence(&bench).len(), audit(&bench, "license.suspend").len()), (1, time));
        let resume = StandingOrder { turn: Turn::Resume, reason: None };
        bench.admin.turn_licence(&edge.id(), &resume).unwrap();
    }
}

#[test]
fn an_old_request_that_is_carried_here_again_hides_no_copy() {
    let (bench, mut edge) = scene(ClonePolicy::Alert);
    let (old, mut copy) = (edge.request(RequestKind::Exchange), edge.copied(2));
    edge.accept(&bench.issuer.answer(&old, None).unwrap());
    for _ in 0..3 {
        edge.exchange(&bench.issuer).unwrap();
    }
    assert_eq!(bench.issuer.answer(&old, None).unwrap_err().code(), "STALE_COUNTER");
    assert_eq!(code(copy.exchange(&bench.issuer)), "STALE_COUNTER");
    let replays: Vec<_> = evidence(&bench).iter().map(|found| found["replay"].clone()).collect();
    assert_eq!(replays, [true, false]);
}

#[test]
fn where_activation_is_due_no_answer_of_before_is_given_again() {
    let (bench, mut edge) = scene(ClonePolicy::Reactivate);
    let mut copy = edge.copied(2);
    let request = edge.request(RequestKind::Exchange);
    edge.accept(&bench.issuer.answer(&request, None).unwrap());
    assert_eq!(code(copy.exchange(&bench.issuer)), "CLONE_SUSPECTED");
    let rows = bench.rows();
    assert_eq!(bench.issuer.answer(&request, None).unwrap_err().code(), "REACTIVATION_REQUIRED");
    assert_eq!(code(copy.exchange(&bench.issuer)), "REACTIVATION_REQUIRED");
    let body = RequestBody {
        kind: RequestKind::Exchange,
        report: Default::default(),
        last_receipt: edge.receipt.as_ref().map(|receipt| receipt.token().to_owned()),
        sections: Vec::new(),
    };
    let by_receipt = edge.signed(EXCHANGE_PATH, body.encode().unwrap(), |claims| claims.ctr += 9);
    assert_eq!(bench.issuer.answer(&by_receipt, None).unwrap_err().code(), "REACTIVATION_REQUIRED");
    assert_eq!(bench.rows(), rows);
    // Nobody else gets its cameras or its share meanwhile, and an alert afterwards lifts nothing.
    bench.admin.set_policy(&TENANT.parse().unwrap(), ClonePolicy::Alert).unwrap();
    assert_eq!(code(edge.exchange(&bench.issuer)), "REACTIVATION_REQUIRED");
    assert_eq!(bench.activated().seats(), (0, 0));
    assert_eq!(bench.view(&edge.id()).cameras.len(), 2);
}

#[test]
fn a_policy_is_alert_at_first_and_every_change_is_audited() {
    let bench = Bench::with(10, &[]);
    let tenant = TENANT.parse().unwrap();
    assert_eq!(bench.admin.storage.tenant_row(&tenant).unwrap().clones, ClonePolicy::Alert);
    assert_eq!(bench.admin.set_policy(&tenant, ClonePolicy::Suspend).unwrap(), ClonePolicy::Alert);
    assert_eq!(bench.admin.set_policy(&tenant, ClonePolicy::Suspend).unwrap(), ClonePolicy::Suspend);
    assert_eq!(bench.admin.storage.tenants().unwrap()[0].clones, ClonePolicy::Suspend);
    assert_eq!(audit(&bench, "tenant.policy"), [r#"{"clones":"suspend","was":"alert"}"#]);
    assert!(bench.admin.set_policy(&"tenant-0".parse().unwrap(), ClonePolicy::Alert).is_err());
}

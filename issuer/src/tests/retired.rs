use crate::Refusal;
use crate::admin::{AdminError, MadeCode};
use crate::retirement::{Retired, RetirementOrder, Successor};
use crate::standing::{StandingError, StandingOrder, Turn};
use crate::storage::{AnswerKind, DeviceStatus};
use crate::testkit::{Bench, DAY, Edge, TENANT, names, order};
use brink_license::DeviceId;
use brink_license::exchange::RequestKind;
use proptest::prelude::*;

impl Bench {
    fn gone(
        &self,
        device: &DeviceId,
        successor: Successor,
        reason: Option<&str>,
    ) -> Result<(Retired, Option<MadeCode>), AdminError> {
        self.admin.retire(&RetirementOrder {
            device: device.clone(),
            successor,
            accept_overlap: reason.is_some(),
            reason: reason.map(str::to_owned),
        })
    }

    fn replaced(&self, device: &DeviceId, reason: Option<&str>) -> (Retired, MadeCode) {
        let (retired, made) = self.gone(device, Successor::New { expires_hours: 168 }, reason).unwrap();
        (retired, made.unwrap())
    }

    pub(super) fn audited(&self, action: &str) -> (String, serde_json::Value) {
        let row = self.ask("SELECT actor, detail FROM audit WHERE action = ?1", &[&action]).remove(0);
        (row[0].clone(), serde_json::from_str(&row[1]).unwrap())
    }
}

fn code_of(refusal: &Refusal) -> &'static str {
    refusal.code()
}

/// A device with two of two cameras, whose licence has arrived.
fn settled() -> (Bench, Edge) {
    let bench = Bench::with(2, &[]);
    let mut edge = bench.activated();
    bench.assign(&edge.id(), &names("cam", 0..2), &[]);
    for _ in 0..2 {
        edge.exchange(&bench.issuer).unwrap();
    }
    assert_eq!(edge.seats(), (2, 0));
    (bench, edge)
}

fn activated(bench: &Bench, made: &MadeCode) -> Edge {
    let mut edge = bench.device();
    edge.activate(&bench.issuer, made.code.reveal()).unwrap();
    edge
}

#[test]
fn a_retired_device_and_every_copy_of_it_are_refused_even_what_was_answered_before() {
    let (bench, mut edge) = settled();
    let mut copy = edge.clone();
    let request = edge.request(RequestKind::Exchange);
    let answer = bench.issuer.answer(&request, Some(AnswerKind::Exchange)).unwrap();
    assert_eq!(bench.issuer.answer(&request, Some(AnswerKind::Exchange)).unwrap(), answer);
    edge.accept(&answer);
    let (retired, _) = bench.gone(&edge.id(), Successor::None, None).unwrap();
    assert_eq!((retired.seats_held, retired.overlap), (2, false));
    for refusal in [
        bench.issuer.answer(&request, Some(AnswerKind::Exchange)).unwrap_err(),
        edge.exchange(&bench.issuer).unwrap_err(),
        copy.exchange(&bench.issuer).unwrap_err(),
    ] {
        assert_eq!(code_of(&refusal), "RETIRED");
        let said = refusal.to_string();
        assert!(said.contains(edge.id().as_str()) && said.contains("activate --again"), "{said}");
    }
    assert_eq!(bench.view(&edge.id()).device.status, DeviceStatus::Retired);
    let again = bench.gone(&edge.id(), Successor::None, None).unwrap_err();
    assert!(again.to_string().contains("retired already"), "{again}");
    let assigned = bench.try_assign(&edge.id(), &names("cam", 0..1), &[], false).unwrap_err();
    assert!(assigned.to_string().contains("takes no cameras"), "{assigned}");
}

#[test]
fn a_code_activates_no_retired_device_and_its_own_key_is_told_so() {
    let bench = Bench::with(2, &[]);
    let spent = bench.code(1);
    let mut edge = bench.device();
    edge.activate(&bench.issuer, spent.code.reveal()).unwrap();
    bench.gone(&edge.id(), Successor::None, None).unwrap();
    let mut again = bench.device();
    (again.key, again.ctr) = (edge.key.clone(), edge.ctr);
    assert_eq!(code_of(&again.activate(&bench.issuer, spent.code.reveal()).unwrap_err()), "RETIRED");
    let waiting = bench.code(1);
    bench.gone(&waiting.devices[0], Successor::None, None).unwrap();
    let refused = bench.device().activate(&bench.issuer, waiting.code.reveal()).unwrap_err();
    assert_eq!(code_of(&refused), "CODE_SPENT");
}

#[test]
fn seats_of_a_retired_device_come_back_when_its_lease_is_over_and_cameras_at_once() {
    let (bench, edge) = settled();
    let mut next = bench.activated();
    let (retired, _) = bench.gone(&edge.id(), Successor::None, None).unwrap();
    assert_eq!(retired.held_until.as_deref(), Some("2026-04-07T00:00:00Z"));
    bench.assign(&next.id(), &names("cam", 0..2), &[]);
    bench.pass(37 * DAY - 1);
    next.exchange(&bench.issuer).unwrap();
    assert_eq!(next.seats(), (0, 0));
    bench.pass(1);
    next.exchange(&bench.issuer).unwrap();
    assert_eq!(next.seats(), (2, 0));
}

#[test]
fn a_device_that_confirmed_that_it_holds_nothing_frees_everything_at_once() {
    let (bench, mut edge) = settled();
    let mut next = bench.activated();
    bench.try_assign(&edge.id(), &names("cam", 0..2), &[], true).unwrap();
    bench.assign(&next.id(), &names("cam", 0..2), &[]);
    for _ in 0..2 {
        edge.exchange(&bench.issuer).unwrap();
    }
    let (retired, _) = bench.gone(&edge.id(), Successor::None, None).unwrap();
    assert_eq!((retired.seats_held, retired.held_until), (0, None));
    next.exchange(&bench.issuer).unwrap();
    assert_eq!(next.seats(), (2, 0));
}

#[test]
fn a_successor_has_the_cameras_at_once_and_their_seats_when_the_old_lease_is_over() {
    let (bench, edge) = settled();
    let (retired, made) = bench.replaced(&edge.id(), None);
    assert_eq!(retired.replaced_by.as_ref(), made.devices.first());
    assert_eq!(retired.cameras.len(), 2);
    let mut next = activated(&bench, &made);
    assert_eq!(next.id(), made.devices[0]);
    assert_eq!((next.seats(), bench.view(&next.id()).cameras.len()), ((0, 0), 2));
    bench.pass(37 * DAY);
    next.exchange(&bench.issuer).unwrap();
    assert_eq!(next.seats(), (2, 0));
    bench.pass(25 * DAY);
    next.exchange(&bench.issuer).unwrap();
    assert_eq!(next.claims().quotas[0].limit, 50_000, "and, with the next month, all of the quotas");
}

#[test]
fn an_accepted_overlap_moves_seats_at_once_and_is_audited_with_who_and_why() {
    let (bench, edge) = settled();
    let bare = RetirementOrder {
        device: edge.id(),
        successor: Successor::New { expires_hours: 1 },
        accept_overlap: true,
        reason: None,
    };
    let refused = bench.admin.retire(&bare).unwrap_err();
    assert!(refused.to_string().contains("--reason"), "{refused}");
    let (retired, made) = bench.replaced(&edge.id(), Some("stolen on 2 March"));
    assert!(retired.overlap && retired.seats_held == 2);
    let next = activated(&bench, &made);
    assert_eq!((next.seats(), next.claims().quotas[0].limit), ((2, 0), 50_000));
    let (actor, detail) = bench.audited("device.replace");
    assert_eq!(actor, "test");
    assert_eq!(detail["reason"], "stolen on 2 March");
    assert_eq!((&detail["overlap"], &detail["seats_held"]), (&true.into(), &2.into()));
    assert_eq!(detail["held_until"], "2026-04-07T00:00:00Z");
    // Lost again within the same lease: that would be three times what is paid for.
    let again =
        bench.gone(&next.id(), Successor::New { expires_hours: 1 }, Some("stolen again")).unwrap_err();
    assert!(again.to_string().contains("4 would overlap, but 2 are subscribed"), "{again}");
    bench.pass(37 * DAY);
    let mut next = next;
    next.exchange(&bench.issuer).unwrap();
    bench.replaced(&next.id(), Some("stolen again"));
}

#[test]
fn a_device_that_is_there_already_takes_the_place_and_no_other_tenants_does() {
    let (bench, edge) = settled();
    let mut again = bench.activated();
    assert!(matches!(
        bench.gone(&edge.id(), Successor::Existing(edge.id()), None),
        Err(AdminError::Retirement(crate::retirement::RetirementError::Itself(_)))
    ));
    let (retired, made) =
        bench.gone(&edge.id(), Successor::Existing(again.id()), Some("started over")).unwrap();
    assert!(made.is_none() && retired.replaced_by == Some(again.id()));
    again.exchange(&bench.issuer).unwrap();
    assert_eq!(again.seats(), (2, 0));

    let other = bench.another_tenant("tenant-9");
    bench.admin.set_subscription(&other, &order(Some(1), &[])).unwrap();
    let tier = crate::storage::Tier::Basic;
    let foreign =
        crate::admin::CodeOrder { tenant: other, tier, uses: 1, expires: crate::code::CodeEnd::Hours(1) };
    let foreign = bench.admin.create_code(&foreign).unwrap();
    let refused = bench.gone(&again.id(), Successor::Existing(foreign.devices[0].clone()), None).unwrap_err();
    assert!(refused.to_string().contains("tenant-9"), "{refused}");
}

#[test]
fn new_hardware_gets_cameras_with_their_packs_in_their_order_unnamed_seats_and_quota() {
    let bench = Bench::with(10, &["retail=49.00", "advanced_analytics"]);
    let mut edge = bench.activated();
    bench.assign(&edge.id(), &names("late", 0..1), &["retail", "advanced_analytics"]);
    bench.pass(60);
    bench.assign(&edge.id(), &names("early", 0..1), &["retail"]);
    for _ in 0..3 {
        edge.exchange(&bench.issuer).unwrap();
    }
    let before = bench.view(&edge.id()).cameras;
    let (_, made) = bench.replaced(&edge.id(), Some("broken"));
    assert_eq!(
        bench.view(&made.devices[0]).cameras,
        before,
        "who came first keeps a seat when seats are short"
    );
    let next = activated(&bench, &made);
    let (old, new) = (edge.claims(), next.claims());
    assert_eq!((next.seats(), &new.grants, &new.packs), ((2, 8), &old.grants, &old.packs));
    assert_eq!((&new.quotas, &new.device), (&old.quotas, &old.device));
    assert_eq!(bench.view(&edge.id()).cameras, []);
}

#[test]
fn a_trial_ends_when_it_would_have_on_new_hardware_too_and_on_a_new_key() {
    let bench = Bench::new();
    let row = bench.admin.set_subscription(&TENANT.parse().unwrap(), &order(None, &[])).unwrap();
    let ends = row.terms.trial.unwrap().ends_at;
    let mut edge = bench.activated();
    bench.assign(&edge.id(), &names("cam", 0..2), &[]);
    bench.pass(70 * DAY);
    edge.exchange(&bench.issuer).unwrap();
    assert_eq!(edge.claims().exp, ends, "within its last month");
    bench.pass(5 * DAY);
    let (_, made) = bench.replaced(&edge.id(), Some("broken"));
    let next = activated(&bench, &made);
    assert_eq!((next.seats(), next.claims().exp, next.claims().mode), ((2, 0), ends, edge.claims().mode));
    let moved = bench.view(&next.id()).cameras;
    assert!(moved.iter().all(|row| row.assigned_at < edge.claims().iat), "{moved:?}");
    bench.pass(5 * DAY);
    let made = bench.reactivation(&next.id(), None).unwrap();
    assert_eq!(bench.anew(&made).claims().exp, ends);
}

#[test]
fn a_list_says_where_every_device_stands() {
    let (bench, edge) = settled();
    bench.pass(1);
    let (_, made) = bench.replaced(&edge.id(), None);
    let listed = bench.admin.devices(&TENANT.parse().unwrap()).unwrap();
    let [old, new] = &listed[..] else { panic!("{listed:?}") };
    assert_eq!((&old.device, old.status), (&edge.id(), DeviceStatus::Retired));
    assert_eq!((old.replaced_by.as_ref(), old.seats_held), (made.devices.first(), 2));
    assert_eq!((old.licence_seq, old.reported_seq), (Some(2), 2));
    assert!(old.last_seen_at.is_some() && old.ends_at > old.exp);
    assert_eq!((new.status, new.cameras, new.last_seen_at), (DeviceStatus::Pending, 2, None));
    assert!(bench.admin.devices(&"tenant-0".parse().unwrap()).is_err());
}

#[derive(Clone, Debug)]
enum Step {
    Activate,
    Assign(usize, usize),
    Exchange(usize),
    Retire(usize),
    Replace(usize, bool),
    Reactivate(usize, bool),
    Pass(i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Activate),
        4 => (0_usize..6, 0_usize..8).prop_map(|(device, camera)| Step::Assign(device, camera)),
        6 => (0_usize..6).prop_map(Step::Exchange),
        1 => (0_usize..6).prop_map(Step::Retire),
        3 => (0_usize..6, any::<bool>()).prop_map(|(device, overlap)| Step::Replace(device, overlap)),
        3 => (0_usize..6, any::<bool>()).prop_map(|(device, overlap)| Step::Reactivate(device, overlap)),
        2 => (0_i64..20).prop_map(|days| Step::Pass(days * DAY)),
    ]
}

const SUBSCRIBED: u32 = 8;

fn take(bench: &Bench, edges: &mut Vec<Edge>, step: &Step) {
    match step {
        Step::Activate if edges.len() < 6 => edges.push(bench.activated()),
        Step::Activate => {}
        Step::Assign(device, camera) => {
            if let Some(edge) = edges.get(*device) {
                let _ = bench.try_assign(&edge.id(), &names("cam", *camera..camera + 1), &[], false);
            }
        }
        Step::Exchange(device) => {
            if let Some(edge) = edges.get_mut(*device) {
                let _ = edge.exchange(&bench.issuer);
            }
        }
        Step::Retire(device) => {
            if let Some(edge) = edges.get(*device) {
                let _ = bench.gone(&edge.id(), Successor::None, None);
            }
        }
        Step::Replace(device, overlap) => {
            let Some(edge) = edges.get(*device) else { return };
            let reason = overlap.then_some("lost");
            if let Ok((_, Some(made))) = bench.gone(&edge.id(), Successor::New { expires_hours: 1 }, reason) {
                edges.push(activated(bench, &made));
            }
        }
        Step::Reactivate(device, overlap) => {
            let Some(edge) = edges.get(*device) else { return };
            // The copy with the old key goes on with what it has, and asks for more when its turn comes.
            if let Ok(made) = bench.reactivation(&edge.id(), overlap.then_some("copied")) {
                let mut anew = bench.device();
                if anew.activate(&bench.issuer, made.code.reveal()).is_ok() {
                    edges.push(anew);
                }
            }
        }
        Step::Pass(seconds) => bench.pass(*seconds),
    }
}

/// Seats of licences in force over all devices, and those of them that somebody let run twice.
fn in_force(bench: &Bench, edges: &[Edge]) -> (u64, u64) {
    let now = crate::clock::Clock::now(&*bench.clock);
    let live = edges.iter().filter(|edge| edge.claims().ends_at() > now);
    let sum = live.map(|edge| edge.seats().0 as u64 + u64::from(edge.seats().1)).sum();
    let listed = bench.admin.devices(&TENANT.parse().unwrap()).unwrap();
    let retired: u64 = listed.iter().filter(|listed| listed.overlap).map(|listed| listed.seats_held).sum();
    let past = listed.iter().flat_map(|listed| &listed.past).filter(|past| past.overlap);
    (sum, retired + past.map(|past| past.seats).sum::<u64>())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn licences_never_sum_above_the_subscription_but_by_what_was_accepted(
        steps in prop::collection::vec(step(), 1..50)
    ) {
        let (bench, mut edges) = (Bench::with(SUBSCRIBED, &[]), Vec::new());
        for step in &steps {
            take(&bench, &mut edges, step);
            let (sum, overlap) = in_force(&bench, &edges);
            prop_assert!(sum <= u64::from(SUBSCRIBED) + overlap, "{sum}, {overlap} overlap, after {step:?}");
            prop_assert!(overlap <= u64::from(SUBSCRIBED), "{overlap} after {step:?}");
        }
    }
}

#[test]
fn no_word_is_kept_for_a_retired_device_because_none_would_reach_it() {
    let (bench, edge) = settled();
    bench.gone(&edge.id(), Successor::None, None).unwrap();
    for turn in [Turn::Suspend, Turn::Revoke, Turn::Resume] {
        let refused =
            bench.admin.turn_licence(&edge.id(), &StandingOrder { turn, reason: None }).unwrap_err();
        assert!(
            matches!(&refused, AdminError::Standing(StandingError::Retired(id)) if *id == edge.id()),
            "{refused}"
        );
    }
}

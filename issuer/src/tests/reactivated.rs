//! A device is activated anew: another key, the next epoch, and all that it has stays with it.

use super::exchange::audit;
use crate::admin::{AdminError, MadeCode};
use crate::reactivation::{Reactivation, ReactivationError, ReactivationOrder};
use crate::standing::{StandingOrder, Turn};
use crate::storage::AnswerKind;
use crate::testkit::{Bench, DAY, Edge, TENANT, names};
use brink_license::DeviceId;
use brink_license::exchange::RequestKind;

impl Bench {
    pub(super) fn reactivate(
        &self,
        device: &DeviceId,
        reason: Option<&str>,
    ) -> Result<(Reactivation, MadeCode), AdminError> {
        self.admin.reactivate(&ReactivationOrder {
            device: device.clone(),
            expires_hours: 168,
            accept_overlap: reason.is_some(),
            by: None,
            reason: reason.map(str::to_owned),
        })
    }

    pub(super) fn reactivation(
        &self,
        device: &DeviceId,
        reason: Option<&str>,
    ) -> Result<MadeCode, AdminError> {
        self.reactivate(device, reason).map(|(_, made)| made)
    }

    /// The device on a new key.
    pub(super) fn anew(&self, made: &MadeCode) -> Edge {
        let mut edge = self.device();
        edge.activate(&self.issuer, made.code.reveal()).unwrap();
        edge
    }
}

/// A device with two cameras of ten, one with a pack, whose licence has arrived.
fn settled() -> (Bench, Edge) {
    let bench = Bench::with(10, &["retail=49.00"]);
    let mut edge = bench.activated();
    bench.assign(&edge.id(), &names("cam", 0..1), &["retail"]);
    bench.assign(&edge.id(), &names("cam", 1..2), &[]);
    for _ in 0..3 {
        edge.exchange(&bench.issuer).unwrap();
    }
    assert_eq!((edge.seats(), edge.claims().seq), ((2, 8), 2));
    (bench, edge)
}

#[test]
fn the_device_keeps_its_name_and_all_that_it_has_under_the_next_epoch_and_another_key() {
    let (bench, edge) = settled();
    let (said, made) = bench.reactivate(&edge.id(), Some("the disk was copied")).unwrap();
    assert_eq!((said.epoch, said.seats_held, said.overlap), (1, 10, true));
    let mut anew = bench.anew(&made);
    assert_eq!(anew.id(), edge.id());
    let (old, new) = (edge.claims(), anew.claims());
    assert_eq!((new.epoch, new.seq), (2, 1), "numbers begin again with the epoch");
    assert_ne!(new.cnf.jkt, old.cnf.jkt);
    assert_eq!((&new.sub, &new.grants, &new.packs), (&old.sub, &old.grants, &old.packs));
    assert_eq!(new.quotas, old.quotas);
    let seq = |edge: &Edge| edge.receipt.as_ref().unwrap().claims().seq;
    assert!(seq(&anew) > seq(&edge), "receipts count on");
    // Counters begin again too, and pass the number that the old key had reached without a word of copies.
    for _ in 0..8 {
        anew.exchange(&bench.issuer).unwrap();
    }
    bench.assign(&anew.id(), &names("cam", 2..3), &[]);
    assert!(anew.exchange(&bench.issuer).unwrap());
    assert_eq!(anew.claims().seq, 2);
    assert_eq!(audit(&bench, "device.clone_suspected").len(), 0);
    let told = audit(&bench, "device.activate_anew");
    assert!(told.len() == 1 && told[0].contains("\"epoch\":2") && told[0].contains("\"overlap\":true"));
}

#[test]
fn the_old_key_is_refused_from_then_on_and_its_asking_is_evidence() {
    let (bench, mut edge) = settled();
    let request = edge.request(RequestKind::Exchange);
    let answer = bench.issuer.answer(&request, None).unwrap();
    let made = bench.reactivation(&edge.id(), None).unwrap();
    assert_eq!(
        bench.issuer.answer(&request, None).unwrap(),
        answer,
        "until the code is used nothing changes"
    );
    edge.accept(&answer);
    edge.exchange(&bench.issuer).unwrap();
    let mut anew = bench.anew(&made);
    for refusal in [bench.issuer.answer(&request, None).map(|_| ()), edge.exchange(&bench.issuer).map(|_| ())]
    {
        let refusal = refusal.unwrap_err();
        assert_eq!(refusal.code(), "KEY_REPLACED");
        assert!(refusal.to_string().contains("activate --again"), "{refusal}");
    }
    let told = audit(&bench, "device.old_key");
    assert!(told.len() == 1 && told[0].contains("\"proof\":\"ey"), "{told:?}");
    // A stranger's key is none of an earlier epoch.
    let mut stranger = bench.device();
    (stranger.device, stranger.epoch) = (anew.device.clone(), 1);
    assert_eq!(stranger.exchange(&bench.issuer).unwrap_err().code(), "WRONG_DEVICE");
    anew.exchange(&bench.issuer).unwrap();
}

#[test]
fn neither_its_old_code_nor_another_one_brings_the_old_key_back() {
    let bench = Bench::with(10, &[]);
    let spent = bench.code(1);
    let mut edge = bench.device();
    edge.activate(&bench.issuer, spent.code.reveal()).unwrap();
    // It has never exchanged, so that its code would still be answered anew.
    let made = bench.reactivation(&edge.id(), None).unwrap();
    let mut anew = bench.anew(&made);
    let mut thief = bench.device();
    (thief.key, thief.ctr) = (edge.key.clone(), edge.ctr);
    let refused = |thief: &mut Edge, code: &MadeCode| {
        thief.activate(&bench.issuer, code.code.reveal()).unwrap_err().code()
    };
    assert_eq!(refused(&mut thief, &spent), "KEY_REPLACED");
    assert_eq!(refused(&mut thief, &bench.code(1)), "KEY_IN_USE");
    assert_eq!(refused(&mut thief, &bench.reactivation(&edge.id(), None).unwrap()), "KEY_IN_USE");
    assert_eq!(refused(&mut bench.device(), &made), "CODE_SPENT");
    anew.exchange(&bench.issuer).unwrap();
}

#[test]
fn what_the_old_key_asked_last_is_nothing_that_the_new_one_has_asked() {
    let bench = Bench::with(10, &[]);
    let mut edge = bench.activated();
    edge.exchange(&bench.issuer).unwrap();
    let made = bench.reactivation(&edge.id(), Some("copied")).unwrap();
    let mut anew = bench.anew(&made);
    // Both have the same counter now, and would say other things with it.
    assert_eq!(anew.ctr + 1, edge.ctr);
    anew.boot_id = "boot-after".into();
    anew.exchange(&bench.issuer).unwrap();
    assert_eq!(audit(&bench, "device.clone_suspected").len(), 0);
}

#[test]
fn a_lost_answer_is_given_again_and_after_an_exchange_the_code_is_spent() {
    let (mut bench, edge) = settled();
    let made = bench.reactivation(&edge.id(), Some("copied")).unwrap();
    let mut anew = bench.device();
    let request = anew.request(RequestKind::Activate { code: made.code.reveal().to_owned() });
    let answer = bench.issuer.answer(&request, Some(AnswerKind::Activate)).unwrap();
    bench.restart();
    let rows = bench.rows();
    assert_eq!(bench.issuer.answer(&request, None).unwrap(), answer, "the same bytes, by file too");
    // The request is lost as well, and the same key shows the code once more.
    anew.activate(&bench.issuer, made.code.reveal()).unwrap();
    assert_eq!((anew.claims().epoch, anew.claims().seq), (2, 1));
    assert_eq!(bench.rows(), rows);
    anew.exchange(&bench.issuer).unwrap();
    let mut late = bench.device();
    (late.key, late.ctr) = (anew.key.clone(), anew.ctr);
    assert_eq!(late.activate(&bench.issuer, made.code.reveal()).unwrap_err().code(), "CODE_SPENT");
}

#[test]
fn a_code_counts_in_the_epoch_that_it_was_made_in_until_it_expires() {
    let (bench, edge) = settled();
    let codes: Vec<_> = (0..3).map(|_| bench.reactivation(&edge.id(), None).unwrap()).collect();
    bench.anew(&codes[1]);
    for code in [&codes[0], &codes[2]] {
        assert_eq!(
            bench.device().activate(&bench.issuer, code.code.reveal()).unwrap_err().code(),
            "CODE_SPENT"
        );
    }
    let late = bench.reactivation(&edge.id(), None).unwrap();
    bench.pass(7 * DAY);
    assert_eq!(
        bench.device().activate(&bench.issuer, late.code.reveal()).unwrap_err().code(),
        "CODE_EXPIRED"
    );
    assert_eq!(bench.view(&edge.id()).device.epoch, 2);
}

#[test]
fn without_a_word_the_seats_of_the_old_key_are_kept_until_its_lease_is_over() {
    let (bench, edge) = settled();
    let (said, made) = bench.reactivate(&edge.id(), None).unwrap();
    assert_eq!((said.held_until.as_deref(), said.overlap), (Some("2026-04-07T00:00:00Z"), false));
    let mut anew = bench.anew(&made);
    assert_eq!((anew.seats(), bench.view(&anew.id()).cameras.len()), ((0, 0), 2), "its cameras are its own");
    let mut other = bench.activated();
    assert_eq!(other.seats(), (0, 0), "nor does anybody else get them");
    bench.pass(37 * DAY - 1);
    anew.exchange(&bench.issuer).unwrap();
    assert_eq!(anew.seats(), (0, 0));
    bench.pass(1);
    for _ in 0..2 {
        anew.exchange(&bench.issuer).unwrap();
        other.exchange(&bench.issuer).unwrap();
    }
    assert_eq!((anew.seats().0, anew.claims().grants.len()), (2, 3), "cameras with their packs, and a share");
    assert_eq!(anew.claims().quotas[0].limit, 0, "of the month's quotas the old key may have used all");
    bench.pass(25 * DAY);
    anew.exchange(&bench.issuer).unwrap();
    assert!(anew.claims().quotas[0].limit > 0, "the next month is its");
}

#[test]
fn an_overlap_wants_a_reason_is_audited_and_never_goes_beyond_the_subscription() {
    let (bench, edge) = settled();
    let bare = ReactivationOrder {
        device: edge.id(),
        expires_hours: 1,
        accept_overlap: true,
        by: None,
        reason: None,
    };
    let refused = bench.admin.reactivate(&bare).unwrap_err();
    assert!(matches!(refused, AdminError::Reactivation(ReactivationError::ReasonMissing)), "{refused}");
    let order =
        ReactivationOrder { by: Some("Ada".into()), reason: Some("image restored".into()), ..bare.clone() };
    let (_, made) = bench.admin.reactivate(&order).unwrap();
    let told = audit(&bench, "device.reactivate");
    assert!(told[0].contains("\"by\":\"Ada\"") && told[0].contains("image restored"), "{told:?}");
    // A second overlap is accepted while there is room, and has none any more when its code is used.
    let anew = bench.anew(&made);
    let refused = bench.reactivate(&edge.id(), Some("again")).unwrap_err().to_string();
    assert!(refused.contains("20 would overlap, but 10 are subscribed"), "{refused}");
    let list = bench.admin.devices(&TENANT.parse().unwrap()).unwrap();
    assert_eq!((list[0].past[0].seats, list[0].past[0].overlap, list[0].past[0].epoch), (10, true, 1));
    assert_eq!(anew.seats(), (2, 8));
    bench.pass(37 * DAY);
    bench.reactivate(&edge.id(), Some("again")).unwrap();
}

#[test]
fn what_was_accepted_is_looked_at_once_more_when_the_code_is_used() {
    let bench = Bench::with(10, &[]);
    let (first, mut second) = (bench.activated(), bench.activated());
    bench.assign(&second.id(), &names("cam", 0..4), &[]);
    let mut first = first;
    for _ in 0..4 {
        first.exchange(&bench.issuer).unwrap();
        second.exchange(&bench.issuer).unwrap();
    }
    let sum = |edge: &Edge| edge.seats().0 as u64 + u64::from(edge.seats().1);
    let held = (sum(&first), sum(&second));
    assert_eq!(held.0 + held.1, 10);
    let codes = [&first, &second].map(|edge| bench.reactivation(&edge.id(), Some("both")).unwrap());
    // Until it is used, the device may come to hold more, here all but what the other has.
    bench.subscribe(held.1.try_into().unwrap(), &[]);
    let (one, two) = (bench.anew(&codes[0]), bench.anew(&codes[1]));
    let listed = bench.admin.devices(&TENANT.parse().unwrap()).unwrap();
    let overlap: u64 = listed
        .iter()
        .flat_map(|listed| &listed.past)
        .filter(|past| past.overlap)
        .map(|past| past.seats)
        .sum();
    assert!(overlap <= held.1, "{overlap} of {held:?}");
    assert!(sum(&one) + sum(&two) <= held.1);
}

#[test]
fn no_code_lifts_a_suspension_or_a_revocation_and_only_what_is_active_once_is_activated_anew() {
    let (bench, edge) = settled();
    let made = bench.reactivation(&edge.id(), Some("copied")).unwrap();
    for (turn, code) in [(Turn::Suspend, "SUSPENDED"), (Turn::Revoke, "REVOKED")] {
        bench.admin.turn_licence(&edge.id(), &StandingOrder { turn, reason: None }).unwrap();
        let refused = bench.device().activate(&bench.issuer, made.code.reveal()).unwrap_err();
        assert_eq!(refused.code(), code);
    }
    let resume = StandingOrder { turn: Turn::Resume, reason: None };
    bench.admin.turn_licence(&edge.id(), &resume).unwrap();
    assert_eq!(bench.anew(&made).claims().epoch, 2);
    let waiting = bench.code(1);
    let refused = bench.reactivation(&waiting.devices[0], None).unwrap_err();
    assert!(matches!(refused, AdminError::Reactivation(ReactivationError::NotActivated { .. })), "{refused}");
}

#[test]
fn a_device_cannot_raise_its_own_epoch() {
    let (bench, mut edge) = settled();
    edge.epoch = 2;
    assert_eq!(edge.exchange(&bench.issuer).unwrap_err().code(), "WRONG_DEVICE");
    let made = bench.reactivation(&edge.id(), None).unwrap();
    let mut anew = bench.device();
    anew.epoch = 40;
    let request = anew.request(RequestKind::Activate { code: made.code.reveal().to_owned() });
    anew.epoch = 2;
    let answer = bench.issuer.answer(&request, None).unwrap();
    assert!(anew.accept(&answer));
    assert_eq!((anew.claims().epoch, bench.view(&edge.id()).device.epoch), (2, 2));
}

#[test]
fn a_device_that_was_activated_anew_is_replaced_with_all_that_any_of_its_keys_holds() {
    let (bench, edge) = settled();
    let made = bench.reactivation(&edge.id(), None).unwrap();
    let anew = bench.anew(&made);
    assert_eq!(anew.seats(), (0, 0));
    let order = crate::retirement::RetirementOrder {
        device: edge.id(),
        successor: crate::retirement::Successor::New { expires_hours: 1 },
        accept_overlap: true,
        reason: Some("both are gone".into()),
    };
    let (retired, code) = bench.admin.retire(&order).unwrap();
    assert_eq!((retired.seats_held, retired.overlap), (10, true));
    assert_eq!(bench.anew(&code.unwrap()).seats(), (2, 8));
    let mut copy = edge;
    assert_eq!(copy.exchange(&bench.issuer).unwrap_err().code(), "RETIRED");
}

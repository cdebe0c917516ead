//! Where extensions, lists, new epochs and restored databases meet.

use crate::extension::ExtensionError;
use crate::standing::{StandingOrder, Turn};
use crate::storage::Actor;
use crate::testkit::{Bench, DAY, TENANT, names};

#[test]
fn an_extension_of_the_epoch_before_does_not_spoil_the_first_answer_of_the_next() {
    let bench = Bench::with(10, &[]);
    let edge = bench.activated();
    bench.extend(&edge.id(), 5).unwrap();
    let made = bench.reactivation(&edge.id(), None).unwrap();
    let mut anew = bench.anew(&made);
    assert_eq!(anew.claims().epoch, 2);
    anew.exchange(&bench.issuer).unwrap();
    bench.extend(&edge.id(), 5).unwrap();
    anew.exchange(&bench.issuer).unwrap();
}

#[test]
fn an_extension_takes_back_no_seats_that_the_old_key_of_another_device_may_use() {
    let bench = Bench::with(10, &[]);
    // Both at once, so that each has half of the quotas, and these are not what keeps the extension back.
    let made = bench.code(2);
    let (mut lost, mut next) = (bench.device(), bench.device());
    lost.activate(&bench.issuer, made.code.reveal()).unwrap();
    next.activate(&bench.issuer, made.code.reveal()).unwrap();
    assert_eq!(lost.seats(), (0, 5));
    bench.pass(37 * DAY);
    bench.assign(&next.id(), &names("cam", 0..10), &[]);
    next.exchange(&bench.issuer).unwrap();
    assert_eq!(next.seats(), (10, 0));
    let made = bench.reactivation(&next.id(), None).unwrap();
    assert_eq!(bench.anew(&made).seats(), (0, 0), "they are with the old key");
    let gone = ExtensionError::SeatsGone { device: lost.id(), seats: 5, elsewhere: 10, subscribed: 10 };
    assert_eq!(bench.extend(&lost.id(), 14).unwrap_err(), gone);
    bench.pass(38 * DAY);
    bench.extend(&lost.id(), 14).expect("the lease of the old key is over");
}

#[test]
fn a_database_that_was_restored_gives_no_number_of_a_list_that_devices_have_had() {
    let mut bench = Bench::with(30, &[]);
    let edges = [bench.activated(), bench.activated(), bench.activated(), bench.activated()];
    let backup = bench.backup();
    let list = |bench: &Bench, revoked: usize| {
        let order = StandingOrder { turn: Turn::Revoke, reason: None };
        bench.admin.turn_licence(&edges[revoked].id(), &order).unwrap();
        bench.issuer.list_revoked(&TENANT.parse().unwrap(), &Actor("night".into())).unwrap().list.version
    };
    let mut newest = 0;
    for revoked in 0..3 {
        newest = list(&bench, revoked);
    }
    bench.put_back(&backup);
    bench.pass(60);
    assert!(list(&bench, 3) > newest, "or the devices that have the lost one would not take it");
}

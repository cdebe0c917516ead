use crate::admin::AdminError;
use crate::standing::{REASON_CHARS_MAX, StandingError, StandingOrder, Turn};
use crate::storage::DeviceStatus;
use crate::testkit::{Bench, Edge};
use brink_license::token::LicenceStanding;

fn turn(bench: &Bench, edge: &Edge, turn: Turn) -> Result<DeviceStatus, AdminError> {
    let order = StandingOrder { turn, reason: Some("not paid".into()) };
    bench.admin.turn_licence(&edge.id(), &order)
}

fn standing(edge: &Edge) -> (LicenceStanding, u64) {
    let said = &edge.receipt.as_ref().unwrap().claims().lic;
    (said.state, said.seq)
}

#[test]
fn a_revocation_reaches_the_device_in_its_next_receipt_and_a_resumed_one_gets_a_new_licence() {
    let bench = Bench::with(10, &[]);
    let mut edge = bench.activated();
    assert_eq!(turn(&bench, &edge, Turn::Revoke).unwrap(), DeviceStatus::Active);
    bench.subscribe(20, &[]);
    assert!(!edge.exchange(&bench.issuer).unwrap(), "nothing is minted for it");
    assert_eq!(standing(&edge), (LicenceStanding::Revoked, 1));
    assert_eq!(turn(&bench, &edge, Turn::Resume).unwrap(), DeviceStatus::Revoked);
    assert!(edge.exchange(&bench.issuer).unwrap());
    assert_eq!(standing(&edge), (LicenceStanding::Active, 2));
    assert!(!edge.exchange(&bench.issuer).unwrap());
    assert_eq!(standing(&edge), (LicenceStanding::Active, 2));
}

#[test]
fn what_was_withdrawn_stays_so_until_something_takes_its_place() {
    let bench = Bench::with(10, &[]);
    let mut edge = bench.activated();
    turn(&bench, &edge, Turn::Revoke).unwrap();
    turn(&bench, &edge, Turn::Resume).unwrap();
    bench.sql("INSERT INTO subscription_packs SELECT tenant, version, 'gone', NULL FROM subscriptions", &[]);
    assert!(!edge.exchange(&bench.issuer).unwrap(), "nothing can be minted now");
    assert_eq!(standing(&edge), (LicenceStanding::Revoked, 1));
    bench.subscribe(10, &[]);
    assert!(edge.exchange(&bench.issuer).unwrap(), "the same terms under a new number");
    assert_eq!(standing(&edge), (LicenceStanding::Active, 2));
}

#[test]
fn orders_that_contradict_what_is_stored_change_nothing() {
    let bench = Bench::with(10, &[]);
    let made = bench.code(1);
    let pending =
        bench.admin.turn_licence(&made.devices[0], &StandingOrder { turn: Turn::Revoke, reason: None });
    assert!(matches!(pending, Err(AdminError::Standing(StandingError::NotActivated { .. }))), "{pending:?}");
    let edge = bench.activated();
    let refused = |kind: Turn| match turn(&bench, &edge, kind) {
        Err(AdminError::Standing(error)) => error,
        other => panic!("{other:?}"),
    };
    let already = |status| StandingError::Already { device: edge.id(), status };
    let rows = bench.rows();
    assert_eq!(refused(Turn::Resume), already(DeviceStatus::Active));
    turn(&bench, &edge, Turn::Suspend).unwrap();
    assert_eq!(refused(Turn::Suspend), already(DeviceStatus::Suspended));
    turn(&bench, &edge, Turn::Revoke).unwrap();
    assert_eq!(refused(Turn::Revoke), already(DeviceStatus::Revoked));
    assert_eq!(refused(Turn::Suspend), StandingError::Revoked(edge.id()));
    assert_eq!(bench.rows(), rows + 2, "one line in the audit for each that was done");
    for reason in [String::new(), "a\nb".into(), "x".repeat(REASON_CHARS_MAX + 1)] {
        let order = StandingOrder { turn: Turn::Resume, reason: Some(reason) };
        let refused = bench.admin.turn_licence(&edge.id(), &order);
        assert!(matches!(refused, Err(AdminError::Standing(StandingError::Reason))), "{refused:?}");
    }
}

#[test]
fn its_activation_code_does_not_lift_a_revocation() {
    let bench = Bench::with(10, &[]);
    let made = bench.code(1);
    let mut edge = bench.device();
    edge.activate(&bench.issuer, made.code.reveal()).unwrap();
    turn(&bench, &edge, Turn::Revoke).unwrap();
    let mut again = bench.device();
    (again.key, again.ctr) = (edge.key.clone(), edge.ctr);
    assert_eq!(again.activate(&bench.issuer, made.code.reveal()).unwrap_err().code(), "REVOKED");
}

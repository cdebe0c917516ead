use crate::storage::DeviceStatus;
use crate::testkit::{Bench, Edge, names};
use brink_license::exchange::RequestKind;
use brink_license::token::LicenceStanding;

fn suspend(bench: &Bench, edge: &Edge) {
    bench.sql("UPDATE devices SET status = 'suspended' WHERE id = ?1", &[&edge.id().as_str()]);
}

#[test]
fn a_suspended_device_is_told_so_and_gets_no_licence() {
    let bench = Bench::with(10, &[]);
    let mut edge = bench.activated();
    let old = edge.clone();
    bench.assign(&edge.id(), &names("cam", 0..1), &[]);
    assert!(edge.exchange(&bench.issuer).unwrap());
    suspend(&bench, &edge);
    // One that never got the last licence does not get it now.
    let mut behind = edge.clone();
    (behind.licence, behind.licence_seq) = (old.licence, old.licence_seq);
    assert!(!behind.exchange(&bench.issuer).unwrap());
    let said = behind.receipt.as_ref().unwrap().claims().lic.clone();
    assert_eq!((said.state, said.seq), (LicenceStanding::Suspended, 2));
    bench.sql("UPDATE devices SET status = 'active' WHERE id = ?1", &[&edge.id().as_str()]);
    assert!(behind.exchange(&bench.issuer).unwrap());
    assert_eq!(behind.receipt.as_ref().unwrap().claims().lic.state, LicenceStanding::Active);
}

#[test]
fn its_activation_code_does_not_lift_a_suspension() {
    let bench = Bench::with(10, &[]);
    let made = bench.code(1);
    let mut edge = bench.device();
    edge.activate(&bench.issuer, made.code.reveal()).unwrap();
    suspend(&bench, &edge);
    let mut again = bench.device();
    (again.key, again.ctr) = (edge.key.clone(), edge.ctr);
    let refusal = again.activate(&bench.issuer, made.code.reveal()).unwrap_err();
    assert_eq!(refusal.code(), "SUSPENDED");
    assert!(refusal.to_string().contains(edge.id().as_str()), "{refusal}");
    assert_eq!(bench.view(&edge.id()).device.status, DeviceStatus::Suspended);
    assert!(!edge.exchange(&bench.issuer).unwrap());
    assert_eq!(edge.receipt.as_ref().unwrap().claims().lic.state, LicenceStanding::Suspended);
}

#[test]
fn a_request_that_was_answered_before_a_suspension_keeps_its_answer_and_the_ratchet_with_it() {
    let bench = Bench::with(10, &[]);
    let mut edge = bench.activated();
    bench.assign(&edge.id(), &names("cam", 0..1), &[]);
    let request = edge.request(RequestKind::Exchange);
    let answer = bench.issuer.answer(&request, None).unwrap();
    suspend(&bench, &edge);
    let rows = bench.rows();
    assert_eq!(bench.issuer.answer(&request, None).unwrap(), answer, "the same request, the same bytes");
    assert_eq!(bench.rows(), rows);
    assert!(edge.accept(&answer), "with the licence that was given then");
    assert!(
        !edge.exchange(&bench.issuer).unwrap(),
        "the ratchet in it is the right one, and nothing new comes"
    );
    assert_eq!(edge.receipt.as_ref().unwrap().claims().lic.state, LicenceStanding::Suspended);
}

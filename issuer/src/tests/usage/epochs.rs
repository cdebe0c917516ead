//! Several activations of one device: each chain has a cursor of its own.

use super::{agrees, number, recorded, sums, texts};
use crate::testkit::{Bench, Edge};
use brink_license::token::BatchVerdict;
use brink_signing::Signer;

/// The device activated anew, with its journal.
fn anew(bench: &Bench, edge: &mut Edge) -> Edge {
    let made = bench.reactivation(&edge.id(), None).unwrap();
    let mut next = bench.anew(&made);
    let mut journal = edge.journal.take().unwrap();
    journal.begin(&next.id(), next.epoch, next.key.kid());
    next.journal = Some(journal);
    next
}

#[test]
fn what_an_earlier_activation_has_left_is_sent_by_the_next_one_and_closed() {
    let bench = Bench::with(10, &[]);
    let mut edge = bench.metering();
    edge.journal().record("tea", "cam", 1000);
    edge.exchange(&bench.issuer).unwrap();
    edge.journal().record("tea", "cam", 1000);
    let mut edge = anew(&bench, &mut edge);
    edge.journal().record("tea", "cam", 1000);
    let before = recorded(&edge);
    edge.exchange(&bench.issuer).unwrap();
    assert_eq!(
        edge.told().cursors.iter().map(|cursor| (cursor.epoch, cursor.seq)).collect::<Vec<_>>(),
        [(1, 3), (2, 0)]
    );
    edge.exchange(&bench.issuer).unwrap();
    assert_eq!(edge.told().cursors.len(), 1);
    assert_eq!(sums(&bench), before);
    let closed =
        texts(&bench, "SELECT epoch || ' ' || CAST(closed AS INTEGER) FROM usage_cursors ORDER BY epoch");
    assert_eq!(closed, ["1 1", "2 0"]);
    agrees(&bench, &edge);
}

#[test]
fn a_fork_of_an_earlier_activation_keeps_no_later_one_from_its_licence() {
    let bench = Bench::with(10, &[]);
    let mut edge = bench.metering();
    edge.journal().record("tea", "cam", 1000);
    let mut copy = edge.clone();
    edge.exchange(&bench.issuer).unwrap();
    copy.journal().last_mut().kept.clear();
    copy.journal().last_mut().head.hash = [1; 32];
    copy.journal().record("tea", "cam", 5000);
    copy.journal().last_mut().settled = 1;
    (copy.ctr, copy.ratchet, copy.receipt) = (edge.ctr, edge.ratchet, edge.receipt.clone());
    copy.exchange(&bench.issuer).unwrap();
    assert_eq!(copy.told().batch, BatchVerdict::Fork);
    let mut next = anew(&bench, &mut copy);
    next.journal().record("tea", "cam", 1000);
    next.exchange(&bench.issuer).unwrap();
    assert_eq!(next.told().batch, BatchVerdict::Fork, "that chain is never whole again");
    bench.pass_with(&mut next, 4 * crate::testkit::DAY);
    assert!(!next.exchange(&bench.issuer).unwrap(), "what the new one has is kept back");
    next.journal().given_up.push(1);
    assert!(next.exchange(&bench.issuer).unwrap());
    assert_eq!(
        (next.told().batch, number(&bench, "SELECT count(*) FROM usage_forks")),
        (BatchVerdict::Taken, 1)
    );
    bench.pass_with(&mut next, 4 * crate::testkit::DAY);
    next.journal().given_up.clear();
    assert!(next.exchange(&bench.issuer).unwrap(), "and nothing of the new one is");
    assert_eq!(next.told().batch, BatchVerdict::Fork);
}

#[test]
fn usage_belongs_to_the_customer_of_its_activation() {
    let bench = Bench::with(10, &[]);
    let mut edge = bench.metering();
    edge.journal().record("tea", "cam", 1000);
    edge.exchange(&bench.issuer).unwrap();
    edge.journal().record("tea", "cam", 1000);
    let mut edge = anew(&bench, &mut edge);
    // However it came to be another customer's: the books go by the activation, and not by whose the device is now.
    let other = bench.another_tenant("tenant-456");
    bench.admin.set_subscription(&other, &crate::testkit::order(Some(9), &[])).unwrap();
    bench.sql("UPDATE devices SET tenant = 'tenant-456'", &[]);
    bench.meddle();
    edge.journal().record("tea", "cam", 1000);
    let request = |edge: &mut Edge| edge.request(brink_license::exchange::RequestKind::Exchange);
    for _ in 0..2 {
        let request = request(&mut edge);
        let answer = bench.issuer.answer(&request, None).unwrap();
        edge.accept_of("tenant-456", &answer);
    }
    let booked = texts(&bench, "SELECT tenant || ' ' || records FROM usage_rollups ORDER BY tenant");
    assert_eq!(booked, ["tenant-123 2", "tenant-456 1"]);
    agrees(&bench, &edge);
}

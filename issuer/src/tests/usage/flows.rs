//! Batches that arrive as they should.

use super::{agrees, number, recorded, sums, texts};
use crate::testkit::{Bench, DAY};
use brink_license::exchange::RequestKind;
use brink_license::token::BatchVerdict;

#[test]
fn what_was_used_is_on_record_once_and_the_receipt_says_so() {
    let bench = Bench::with(10, &[]);
    let mut edge = bench.metering();
    for use_ in 0..25_u64 {
        edge.journal().record("api_call", &format!("cam-{}", use_ % 3), 1500 + use_);
        edge.journal().record("tea", "", 1);
        bench.pass_with(&mut edge, 600);
    }
    edge.exchange(&bench.issuer).unwrap();
    let (told, head) = (edge.told(), edge.journal().last().head);
    assert_eq!((told.batch, told.quarantined), (BatchVerdict::Taken, 0));
    assert_eq!((told.cursors[0].seq, told.cursors[0].hash), (50, head.hash));
    assert_eq!(sums(&bench), recorded(&edge));
    edge.exchange(&bench.issuer).unwrap();
    assert_eq!((edge.told().batch, edge.told().cursors[0].seq), (BatchVerdict::None, 50));
    assert_eq!(number(&bench, "SELECT count(*) FROM usage_evidence WHERE receipt LIKE 'ey%'"), 1);
    agrees(&bench, &edge);
}

#[test]
fn the_same_request_is_not_booked_twice_and_a_lost_answer_books_nothing_twice_either() {
    let bench = Bench::with(10, &[]);
    let mut edge = bench.metering();
    edge.journal().record("api_call", "cam", 1000);
    let request = edge.request(RequestKind::Exchange);
    let first = bench.issuer.answer(&request, None).unwrap();
    assert_eq!(bench.issuer.answer(&request, None).unwrap(), first);
    // The answer is lost, and another request brings the same record and one more.
    edge.journal().record("api_call", "cam", 500);
    edge.exchange(&bench.issuer).unwrap();
    assert_eq!((edge.told().batch, edge.told().cursors[0].seq), (BatchVerdict::Taken, 2));
    assert_eq!(sums(&bench), recorded(&edge));
    agrees(&bench, &edge);
}

#[test]
fn a_backlog_is_drained_in_batches_with_sums_among_them() {
    let bench = Bench::with(10, &[]);
    let mut edge = bench.metering();
    for use_ in 0..300_u64 {
        edge.journal().record("api_call", &format!("cam-{}", use_ % 7), use_);
        bench.pass_with(&mut edge, 61);
    }
    let before = recorded(&edge);
    edge.journal().fold(120);
    edge.journal().batch_max = 50;
    assert_eq!(recorded(&edge), before);
    for _ in 0..5 {
        edge.exchange(&bench.issuer).unwrap();
    }
    assert_eq!(edge.told().cursors[0].seq, 300);
    assert_eq!(sums(&bench), before);
    agrees(&bench, &edge);
}

#[test]
fn a_damaged_journal_goes_on_and_what_it_lost_is_named() {
    let bench = Bench::with(10, &[]);
    let mut edge = bench.metering();
    for _ in 0..10 {
        edge.journal().record("api_call", "cam", 1000);
    }
    edge.exchange(&bench.issuer).unwrap();
    for _ in 0..5 {
        edge.journal().record("api_call", "cam", 1000);
    }
    edge.journal().damage(8);
    edge.journal().record("api_call", "cam", 1000);
    edge.journal().record("tea", "", 1000);
    edge.exchange(&bench.issuer).unwrap();
    let told = edge.told();
    assert_eq!((told.batch, told.quarantined, told.cursors[0].seq), (BatchVerdict::Taken, 0, 1017));
    // The issuer still has three of those that the journal lost.
    let losses = texts(&bench, "SELECT from_seq || '-' || to_seq || ' ' || reason FROM usage_losses");
    assert_eq!(losses, ["11-1014 recovered"]);
    assert_eq!(super::super::exchange::audit(&bench, "usage.lost").len(), 1);
    assert_eq!(number(&bench, "SELECT count(*) FROM usage_forks"), 0);
    let api_call = &sums(&bench)[&("api_call".into(), "cam".into())];
    assert_eq!(*api_call, 11 * 1_000_000_000_000);
    agrees(&bench, &edge);
    edge.journal().record("tea", "", 1000);
    edge.exchange(&bench.issuer).unwrap();
    assert_eq!((edge.told().batch, edge.told().quarantined), (BatchVerdict::Taken, 0));
}

#[test]
fn what_is_recorded_again_behind_a_recovery_is_booked_when_it_was_used() {
    let bench = Bench::with(10, &[]);
    let mut edge = bench.metering();
    bench.pass_with(&mut edge, DAY);
    edge.journal().record("api_call", "cam", 1000);
    bench.pass_with(&mut edge, DAY);
    let then = edge.journal().clock;
    bench.pass_with(&mut edge, 5 * DAY);
    edge.journal().damage(0);
    // As the journal that is mended says what was behind the damage.
    let now = std::mem::replace(&mut edge.journal().clock, then);
    edge.journal().record("api_call", "cam", 1000);
    edge.journal().clock = now;
    edge.journal().record("api_call", "cam", 1000);
    edge.exchange(&bench.issuer).unwrap();
    let seconds = now.wall_ms / 1000;
    let days =
        format!("SELECT (({seconds} - quarter * 900) / 86400) || '' FROM usage_rollups ORDER BY quarter");
    let days = texts(&bench, &days);
    assert_eq!(days, ["6", "5", "0"]);
    agrees(&bench, &edge);
}

#[test]
fn an_issuer_that_was_put_back_gets_again_what_the_device_still_has_and_names_the_rest() {
    for pruned in [0, 12, 17, 20] {
        let mut bench = Bench::with(10, &[]);
        let mut edge = bench.metering();
        let use_some = |edge: &mut crate::testkit::Edge, bench: &Bench| {
            for _ in 0..10 {
                edge.journal().record("api_call", "cam", 1000);
            }
            edge.exchange(&bench.issuer).unwrap();
        };
        use_some(&mut edge, &bench);
        let backup = bench.backup();
        use_some(&mut edge, &bench);
        edge.journal().prune(pruned);
        bench.put_back(&backup);
        for _ in 0..3 {
            bench.pass_with(&mut edge, 300);
            edge.journal().record("api_call", "cam", 1000);
            edge.exchange(&bench.issuer).unwrap();
        }
        assert_eq!(edge.told().cursors[0].seq, 23, "{pruned}");
        let lost = pruned.saturating_sub(10);
        let total: u128 = sums(&bench).values().sum();
        assert_eq!(total, u128::from(23 - lost) * 1_000_000_000_000, "{pruned}");
        let losses = texts(&bench, "SELECT from_seq || '-' || to_seq || ' ' || reason FROM usage_losses");
        let named = (lost > 0).then(|| format!("11-{pruned} restored"));
        assert_eq!(losses, named.into_iter().collect::<Vec<_>>());
        assert_eq!(super::super::exchange::audit(&bench, "usage.restored").len(), 1);
        assert_eq!(number(&bench, "SELECT count(*) FROM usage_forks"), 0);
        agrees(&bench, &edge);
    }
}

#[test]
fn an_issuer_that_was_put_back_twice_has_forgotten_what_it_was_shown_and_goes_on_all_the_same() {
    let mut bench = Bench::with(10, &[]);
    let mut edge = bench.metering();
    let first = bench.backup();
    for _ in 0..3 {
        edge.journal().record("api_call", "cam", 1000);
    }
    edge.journal().batch_max = 2;
    edge.exchange(&bench.issuer).unwrap();
    edge.journal().prune(1);
    bench.pass_with(&mut edge, 1);
    bench.put_back(&first);
    // It is shown that two were on record, and tells the device to begin anew.
    let second = bench.backup();
    edge.exchange(&bench.issuer).unwrap();
    assert_eq!((edge.told().batch, edge.told().cursors[0].seq), (BatchVerdict::Gap, 0));
    bench.pass_with(&mut edge, 1);
    bench.put_back(&second);
    edge.exchange(&bench.issuer).unwrap();
    assert_eq!((edge.told().batch, edge.told().cursors[0].seq), (BatchVerdict::Taken, 3));
    let losses = texts(&bench, "SELECT from_seq || '-' || to_seq || ' ' || reason FROM usage_losses");
    assert_eq!(losses, ["1-1 restored"]);
}

#[test]
fn without_a_restoration_nothing_is_passed_over_because_the_device_says_it_is_gone() {
    let bench = Bench::with(10, &[]);
    let mut edge = bench.metering();
    for _ in 0..3 {
        edge.journal().record("api_call", "cam", 1000);
    }
    edge.journal().last_mut().kept.remove(0);
    edge.journal().last_mut().settled = 1;
    for _ in 0..3 {
        edge.exchange(&bench.issuer).unwrap();
        assert_eq!((edge.told().batch, edge.told().cursors[0].seq), (BatchVerdict::Gap, 0));
    }
    assert_eq!(number(&bench, "SELECT count(*) FROM usage_losses"), 0);
}

#[test]
fn a_gap_that_a_restoration_made_keeps_no_licence_from_being_renewed() {
    let mut bench = Bench::with(10, &[]);
    let mut edge = bench.metering();
    let backup = bench.backup();
    edge.journal().record("api_call", "cam", 1000);
    edge.exchange(&bench.issuer).unwrap();
    bench.pass_with(&mut edge, 4 * DAY);
    bench.put_back(&backup);
    edge.journal().record("api_call", "cam", 1000);
    assert!(edge.exchange(&bench.issuer).unwrap());
    assert_eq!(edge.told().batch, BatchVerdict::Gap);
    bench.pass_with(&mut edge, 4 * DAY);
    assert!(edge.exchange(&bench.issuer).unwrap());
    assert_eq!((edge.told().batch, edge.told().cursors[0].seq), (BatchVerdict::Taken, 2));
}

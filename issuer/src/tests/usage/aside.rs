//! What is set aside, and when things were: a bad event never holds up its neighbours, and no clock loses any.

use super::{agrees, number, sums, texts};
use crate::testkit::{Bench, DAY, Edge, START, boot};
use brink_license::token::BatchVerdict;
use brink_license::usage::{Entry, Fold, QUARTER_MS, Quantity, Usage};
use brink_license::{ResourceId, Slug};

const UNIT: u128 = 1_000_000_000_000;
const YEARS_MS: i64 = 10 * 365 * DAY * 1000;

/// A use with a total of its own.
fn used(meter: &str, quantity: Quantity, total: Quantity) -> Entry {
    let (meter, resource) = (Slug::parse(meter).unwrap(), ResourceId::parse("cam").ok());
    Entry::Usage(Usage { meter, resource, quantity, count: 1, total })
}

/// The reasons of what is set aside, with their numbers.
fn aside(bench: &Bench) -> Vec<String> {
    texts(bench, "SELECT seq || ' ' || reason FROM usage_quarantine ORDER BY seq")
}

/// One exchange, whose batch is taken whole; answers how many of its records are set aside.
fn taken(bench: &Bench, edge: &mut Edge) -> u64 {
    edge.exchange(&bench.issuer).unwrap();
    let (told, head) = (edge.told(), edge.journal().last().head);
    assert_eq!((told.batch, told.cursors.last().unwrap().seq), (BatchVerdict::Taken, head.seq));
    agrees(bench, edge);
    told.quarantined
}

fn quarters(bench: &Bench) -> Vec<i64> {
    let sql = "SELECT CAST(quarter AS TEXT) FROM usage_rollups ORDER BY quarter";
    texts(bench, sql).iter().map(|text| text.parse::<i64>().unwrap()).collect()
}

#[test]
fn a_record_of_a_later_version_among_others_is_set_aside_and_its_neighbours_are_booked() {
    let bench = Bench::with(10, &[]);
    let mut edge = bench.metering();
    for place in 0..3 {
        edge.journal().record("tea", "cam", 1000);
        // The version that comes after this one, in the place of a use.
        edge.journal().record("tea", "cam", 1000);
        edge.journal().last_mut().rewrite_last(|bytes| bytes[0] = 2);
        if place > 0 {
            edge.journal().record("tea", "cam", 1000);
        }
        assert_eq!(taken(&bench, &mut edge), 1, "{place}");
    }
    assert_eq!(aside(&bench), ["2 UNREADABLE", "4 UNREADABLE", "7 UNREADABLE"]);
    assert_eq!(sums(&bench)[&("tea".into(), "cam".into())], 5 * UNIT);
    assert_eq!(number(&bench, "SELECT count(*) FROM usage_quarantine WHERE replayed_at IS NULL"), 3);
}

#[test]
fn a_batch_that_begins_or_ends_with_what_cannot_be_read_keeps_its_numbers() {
    let bench = Bench::with(10, &[]);
    let mut edge = bench.metering();
    for readable in [false, true, false, false] {
        edge.journal().record("tea", "cam", 1000);
        if !readable {
            edge.journal().last_mut().rewrite_last(|bytes| bytes[0] = 2);
        }
    }
    assert_eq!(taken(&bench, &mut edge), 3);
    edge.journal().record("tea", "cam", 1000);
    edge.journal().last_mut().rewrite_last(|bytes| bytes[0] = 2);
    assert_eq!(taken(&bench, &mut edge), 1);
    assert_eq!(number(&bench, "SELECT count(DISTINCT seq) FROM usage_records"), 5);
}

#[test]
fn totals_that_do_not_continue_are_set_aside_once() {
    let bench = Bench::with(10, &[]);
    let mut edge = bench.metering();
    let one = Quantity::whole(1);
    edge.journal().append(used("tea", one, one));
    // One is not three, and three and one are four.
    edge.journal().append(used("tea", one, Quantity::whole(3)));
    edge.journal().append(used("tea", one, Quantity::whole(4)));
    // All that there can be is not one more than that.
    edge.journal().append(used("tea", Quantity::MAX, Quantity::MAX));
    edge.journal().append(used("tea", Quantity::ZERO, Quantity::MAX));
    edge.journal().append(used("tea", one, Quantity::MAX));
    edge.journal().append(used("coffee", one, one));
    assert_eq!(taken(&bench, &mut edge), 3);
    assert_eq!(aside(&bench), ["2 TOTAL", "4 TOTAL", "6 TOTAL"]);
    assert_eq!(sums(&bench)[&("tea".into(), "cam".into())], 2 * UNIT);
    assert_eq!(sums(&bench)[&("coffee".into(), "cam".into())], UNIT);
}

#[test]
fn after_a_loss_the_next_total_of_each_meter_is_believed_and_the_one_behind_it_is_not() {
    let bench = Bench::with(10, &[]);
    let mut edge = bench.metering();
    edge.journal().record("tea", "cam", 1000);
    edge.journal().damage(0);
    let one = Quantity::whole(1);
    edge.journal().append(used("tea", one, Quantity::whole(50)));
    edge.journal().append(used("coffee", one, Quantity::ZERO));
    edge.journal().append(used("milk", one, Quantity::whole(9)));
    edge.journal().append(used("milk", one, Quantity::whole(9)));
    assert_eq!(taken(&bench, &mut edge), 2);
    assert_eq!(aside(&bench), ["1003 TOTAL", "1005 TOTAL"]);
}

#[test]
fn sums_that_are_not_those_of_their_records_are_set_aside() {
    let twists: [fn(&mut Fold); 6] = [
        |fold| fold.sums[0].quantity = Quantity::whole(99),
        |fold| fold.meters[0].after.total = Quantity::whole(99),
        |fold| fold.sums[0].records += 1,
        |fold| fold.sums.swap(0, 1),
        |fold| fold.sums[0].meter = 9,
        |fold| drop(fold.sums.pop()),
    ];
    for (name, twist) in twists.into_iter().enumerate() {
        let bench = Bench::with(10, &[]);
        let mut edge = bench.metering();
        for use_ in 0..40 {
            edge.journal().record("tea", &format!("cam-{}", use_ % 4), 1000);
        }
        edge.journal().fold(20);
        let chain = edge.journal().last_mut();
        let Entry::Fold(fold) = &mut chain.kept[0].record.entry else { panic!("sums") };
        twist(fold);
        chain.kept[0].bytes = chain.kept[0].record.to_bytes();
        assert_eq!(taken(&bench, &mut edge), u64::from(name != 1) + u64::from(name == 1) * 2, "{name}");
        assert_eq!(aside(&bench)[0], "20 TOTAL");
    }
}

#[test]
fn other_names_of_a_meter_are_one_and_unknown_ones_are_counted() {
    let bench = Bench::with(10, &[]);
    let mut edge = bench.metering();
    for meter in ["sms", "sms_sent", "llm_tokens", "invented_later"] {
        edge.journal().record(meter, "cam", 1000);
    }
    assert_eq!(taken(&bench, &mut edge), 0);
    let booked: Vec<_> = sums(&bench).into_iter().map(|((meter, _), sum)| (meter, sum / UNIT)).collect();
    let named = [("invented_later", 1), ("llm_token", 1), ("sms", 2)];
    assert_eq!(booked, named.map(|(meter, sum)| (meter.to_owned(), sum)));
}

#[test]
fn more_than_one_use_can_be_is_set_aside() {
    let bench = Bench::with_catalog(10, |text| {
        text.replacen("sms = \"messages\"", "sms = { unit = \"messages\", cap = \"10\" }", 1)
    });
    let mut edge = bench.metering();
    edge.journal().record("sms", "cam", 10_000);
    edge.journal().record("sms_sent", "cam", 10_001);
    edge.journal().record("sms", "cam", 5_000);
    for _ in 0..40 {
        edge.journal().record("sms", "cam", 10_000);
    }
    assert_eq!(taken(&bench, &mut edge), 1);
    assert_eq!(aside(&bench), ["2 CAP"]);
    assert_eq!(sums(&bench)[&("sms".into(), "cam".into())], 415 * UNIT);
}

#[test]
fn what_is_older_than_any_invoice_is_set_aside_and_what_is_late_is_booked_where_it_was() {
    let bench = Bench::with(10, &[]);
    let mut edge = bench.metering();
    edge.journal().record("tea", "cam", 1000);
    bench.pass_with(&mut edge, 2 * DAY);
    edge.journal().record("tea", "cam", 1000);
    bench.pass_with(&mut edge, 399 * DAY);
    edge.journal().record("tea", "cam", 1000);
    assert_eq!(taken(&bench, &mut edge), 1);
    assert_eq!(aside(&bench), ["1 LATE"]);
    let began = START * 1000 / QUARTER_MS;
    assert_eq!(quarters(&bench), [began + 2 * 96, began + 401 * 96]);
}

#[test]
fn a_record_far_in_the_future_is_booked_now_and_drags_nothing_along() {
    let bench = Bench::with(10, &[]);
    let mut edge = bench.metering();
    edge.journal().record("tea", "cam", 1000);
    bench.pass_with(&mut edge, 3600);
    let right = edge.journal().clock;
    edge.journal().clock.boot = boot(2);
    edge.journal().clock.est_ms += YEARS_MS;
    edge.journal().clock.wall_ms += YEARS_MS;
    edge.journal().record("tea", "cam", 1000);
    edge.journal().clock = right;
    edge.journal().pass(-1_800_000);
    edge.journal().record("tea", "cam", 1000);
    edge.journal().clock = right;
    bench.pass_with(&mut edge, 3600);
    assert_eq!(taken(&bench, &mut edge), 0);
    let began = START * 1000 / QUARTER_MS;
    assert_eq!(quarters(&bench), [began, began + 2, began + 8], "the last came before the future one");
}

#[test]
fn clocks_ten_years_off_lose_nothing_and_book_nothing_outside_of_the_activation() {
    for off in [-YEARS_MS, YEARS_MS] {
        for guarded in [false, true] {
            let bench = Bench::with(10, &[]);
            bench.pass(50 * DAY);
            let mut edge = bench.metering();
            let clock = &mut edge.journal().clock;
            clock.wall_ms += off;
            if !guarded {
                clock.est_ms += off;
            }
            for _ in 0..4 {
                edge.journal().record("tea", "cam", 1000);
                bench.pass_with(&mut edge, 3600);
            }
            assert_eq!(taken(&bench, &mut edge), 0);
            assert_eq!(sums(&bench)[&("tea".into(), "cam".into())], 4 * UNIT);
            let began = (START + 50 * DAY) * 1000 / QUARTER_MS;
            // Behind, and with nothing that guards it, a clock says nothing but that it was after the activation.
            let expected = match (off < 0, guarded) {
                (true, false) => vec![began],
                (true, true) | (false, _) => (0..4).map(|hour| began + 4 * hour).collect(),
            };
            assert_eq!(quarters(&bench), expected, "{off} {guarded}");
        }
    }
}

#[test]
fn sums_far_in_the_future_or_the_past_are_booked_between_the_last_record_and_now() {
    for off in [-YEARS_MS, YEARS_MS] {
        let bench = Bench::with(10, &[]);
        let mut edge = bench.metering();
        edge.journal().record("tea", "cam", 1000);
        edge.exchange(&bench.issuer).unwrap();
        bench.pass_with(&mut edge, 3600);
        edge.journal().clock.est_ms += off;
        for _ in 0..40 {
            edge.journal().record("tea", "cam", 1000);
        }
        edge.journal().fold(40);
        edge.journal().clock.est_ms -= off;
        assert_eq!(taken(&bench, &mut edge), 0);
        let began = START * 1000 / QUARTER_MS;
        assert_eq!(quarters(&bench), if off < 0 { vec![began] } else { vec![began, began + 4] });
        assert_eq!(sums(&bench)[&("tea".into(), "cam".into())], 41 * UNIT);
    }
}

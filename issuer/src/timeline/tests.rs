use super::*;
use crate::catalog::Catalog;
use crate::storage::{Actor, Agreed, TimelineView};
use crate::subscription::{SubscriptionError, SubscriptionOrder};
use crate::testkit::{DAY, START, order};
use brink_license::Slug;
use proptest::prelude::*;
use std::collections::BTreeMap;

const PACKS: [&str; 3] = ["advanced_analytics", "intelligence", "retail"];
const ITEMS: [&str; 2] = ["analyst_seat", "cloud_export"];
const PRICES: [&str; 3] = ["base_camera", "advanced_analytics", "api_call_overage"];

/// A subscription as it is recorded, at a time that does not pass by itself.
struct Book {
    view: TimelineView,
    catalog: Catalog,
    now: UnixSeconds,
}

impl Book {
    fn new(zone: chrono_tz::Tz) -> Self {
        let tenant = crate::testkit::customer(zone, "EUR");
        let view = TimelineView { tenant, versions: Vec::new(), cameras_named: 0 };
        Self { view, catalog: Catalog::embedded().unwrap(), now: UnixSeconds::new(START) }
    }

    /// With this many cameras since a while.
    fn begun(cameras: u32) -> Self {
        let mut book = Self::new(chrono_tz::Tz::UTC);
        book.set(day(-380), &order(Some(cameras), &["advanced_analytics"])).unwrap();
        book
    }

    fn keep(&mut self, planned: Result<Planned, TimelineError>) -> Result<Recorded, TimelineError> {
        let planned = planned?;
        let newest = self.view.versions.last().map_or(0, |row| row.version);
        for (row, number) in planned.new.rows.iter().zip(newest + 1..) {
            assert_eq!(row.version, number);
        }
        self.view.versions.extend(planned.new.rows);
        Ok(planned.recorded)
    }

    fn set(&mut self, at: At, order: &SubscriptionOrder) -> Result<Recorded, TimelineError> {
        let by = Actor("test".into());
        let planned = set(&self.view, order, &entry(at), (&self.catalog, self.now, &by));
        self.keep(planned)
    }

    fn change(&mut self, at: At, order: &ChangeOrder) -> Result<Recorded, TimelineError> {
        let by = Actor("test".into());
        let planned = change(&self.view, order, &entry(at), (&self.catalog, self.now, &by));
        self.keep(planned)
    }

    fn cancel(&mut self, version: u32) -> Result<Recorded, TimelineError> {
        let by = Actor("test".into());
        let planned = cancel(&self.view, version, None, (&self.catalog, self.now, &by));
        self.keep(planned)
    }

    fn cameras(&self, at: i64) -> Option<u32> {
        Timeline::new(&self.view.versions).in_force(UnixSeconds::new(at)).map(|row| row.terms.cameras)
    }
}

fn entry(at: At) -> Entry {
    Entry { at, reason: Some("as agreed".into()) }
}

fn day(days: i64) -> At {
    At::Then(Written::Instant(day_at(days)))
}

fn day_at(days: i64) -> UnixSeconds {
    UnixSeconds::new(START + days * DAY)
}

fn by(cameras: i32) -> ChangeOrder {
    ChangeOrder { cameras: Some(QuantityDelta::By(cameras)), ..ChangeOrder::default() }
}

fn to(cameras: u32) -> ChangeOrder {
    ChangeOrder { cameras: Some(QuantityDelta::To(cameras)), ..ChangeOrder::default() }
}

fn pack(name: &str, price: Option<&str>) -> ChangeOrder {
    let price = price.map(|price| price.parse().unwrap());
    ChangeOrder { packs: vec![(name.into(), price)], ..ChangeOrder::default() }
}

fn without(name: &str) -> ChangeOrder {
    ChangeOrder { remove_packs: vec![name.into()], ..ChangeOrder::default() }
}

fn item(name: &str, delta: QuantityDelta) -> ChangeOrder {
    ChangeOrder { items: vec![(name.into(), delta)], ..ChangeOrder::default() }
}

fn price(name: &str, agreed: Option<Agreed>) -> ChangeOrder {
    ChangeOrder { prices: vec![(name.into(), agreed)], ..ChangeOrder::default() }
}

fn agreed(amount: u32, at_once: bool) -> Agreed {
    Agreed { amount: amount.to_string().parse().unwrap(), per: None, at_once }
}

/// What people do, in words of the test's own.
#[derive(Clone, Debug)]
enum Op {
    Set(u32),
    By(i32),
    To(u32),
    Pack(usize, u32),
    Without(usize),
    Days(u32),
    Item(usize, QuantityDelta),
    Price(usize, u32, bool),
    CatalogPrice(usize),
    /// Of what was done before, this one.
    Cancel(usize),
}

fn ops(with_sets: bool) -> impl Strategy<Value = Op> {
    let changes = prop_oneof![
        4 => (-6_i32..=6).prop_map(Op::By),
        2 => (0_u32..40).prop_map(Op::To),
        2 => (0_usize..3, 1_u32..90).prop_map(|(pack, price)| Op::Pack(pack, price)),
        2 => (0_usize..3).prop_map(Op::Without),
        1 => (1_u32..=400).prop_map(Op::Days),
        3 => (0_usize..2, -2_i32..=3).prop_map(|(item, by)| Op::Item(item, QuantityDelta::By(by))),
        2 => (0_usize..2, 0_u32..5).prop_map(|(item, to)| Op::Item(item, QuantityDelta::To(to))),
        2 => (0_usize..3, 1_u32..90, any::<bool>()).prop_map(|(name, price, once)| Op::Price(name, price, once)),
        2 => (0_usize..3).prop_map(Op::CatalogPrice),
    ];
    let others = prop_oneof![(0_u32..40).prop_map(Op::Set), (0_usize..12).prop_map(Op::Cancel)];
    prop_oneof![4 => changes, u32::from(with_sets) => others]
}

/// What of the terms the model follows.
#[derive(Clone, Debug, Default, PartialEq)]
struct Modelled {
    cameras: u32,
    days: u32,
    packs: BTreeMap<String, Option<String>>,
    items: BTreeMap<String, u32>,
    prices: BTreeMap<String, (String, bool)>,
}

/// The terms at an instant: what was done up to it, in the order of the instants.
fn modelled(done: &[(i64, u32, Op)], at: i64) -> Option<Modelled> {
    let mut done: Vec<_> = done.iter().filter(|(effective, ..)| *effective <= at).collect();
    done.sort_by_key(|(effective, version, _)| (*effective, *version));
    let mut terms: Option<Modelled> = None;
    for (_, _, op) in done {
        if let Op::Set(cameras) = op {
            let packs = BTreeMap::from([(PACKS[0].to_owned(), None)]);
            terms = Some(Modelled { cameras: *cameras, days: 30, packs, ..Modelled::default() });
            continue;
        }
        let Modelled { cameras, days, packs, items, prices } = terms.as_mut()?;
        match op {
            Op::By(by) => *cameras = cameras.checked_add_signed(*by).unwrap(),
            Op::To(to) => *cameras = *to,
            Op::Pack(pack, price) => drop(packs.insert(PACKS[*pack].to_owned(), Some(price.to_string()))),
            Op::Without(pack) => assert!(packs.remove(PACKS[*pack]).is_some()),
            Op::Days(asked) => *days = *asked,
            Op::Item(item, delta) => {
                let count = items.entry(ITEMS[*item].to_owned()).or_default();
                *count = match delta {
                    QuantityDelta::To(to) => *to,
                    QuantityDelta::By(by) => count.checked_add_signed(*by).unwrap(),
                };
                items.retain(|_, count| *count > 0);
            }
            Op::Price(name, price, at_once) => {
                prices.insert(PRICES[*name].to_owned(), (price.to_string(), *at_once));
            }
            Op::CatalogPrice(name) => assert!(prices.remove(PRICES[*name]).is_some()),
            Op::Set(_) | Op::Cancel(_) => {}
        }
        assert!(!items.contains_key(ITEMS[0]) || packs.contains_key(PACKS[1]), "seats without their pack");
        assert!(
            packs.iter().all(|(pack, price)| price.is_none() || !prices.contains_key(pack)),
            "two prices"
        );
    }
    terms
}

fn seen(terms: &Terms) -> Modelled {
    let packs = terms.packs.iter().map(|(pack, price)| (pack.to_string(), price.clone().map(String::from)));
    let price = |agreed: &Agreed| (agreed.amount.to_string(), agreed.at_once);
    Modelled {
        cameras: terms.cameras,
        days: terms.days,
        packs: packs.collect(),
        items: terms.items.iter().map(|(item, count)| (item.to_string(), *count)).collect(),
        prices: terms.prices.iter().map(|(name, agreed)| (name.to_string(), price(agreed))).collect(),
    }
}

/// Does one thing; keeps it in mind where it was recorded.
fn act(book: &mut Book, done: &mut Vec<(i64, u32, Op)>, (days, op): &(i64, Op)) -> bool {
    let (at, effective) = (day(*days), START + days * DAY);
    let recorded = match op {
        Op::Set(cameras) => book.set(at, &order(Some(*cameras), &[PACKS[0]])),
        Op::By(cameras) => book.change(at, &by(*cameras)),
        Op::To(cameras) => book.change(at, &to(*cameras)),
        Op::Pack(name, price) => book.change(at, &pack(PACKS[*name], Some(&price.to_string()))),
        Op::Without(name) => book.change(at, &without(PACKS[*name])),
        Op::Days(days) => book.change(at, &ChangeOrder { days: Some(*days), ..ChangeOrder::default() }),
        Op::Item(name, delta) => book.change(at, &item(ITEMS[*name], *delta)),
        Op::Price(name, amount, once) => book.change(at, &price(PRICES[*name], Some(agreed(*amount, *once)))),
        Op::CatalogPrice(name) => book.change(at, &price(PRICES[*name], None)),
        Op::Cancel(which) => {
            let Some(version) = done.get(*which).map(|(_, version, _)| *version) else { return false };
            book.cancel(version)
        }
    };
    let Ok(recorded) = recorded else { return false };
    match op {
        Op::Cancel(which) => drop(done.remove(*which)),
        Op::Set(_) => {
            done.retain(|(there, ..)| *there < effective);
            done.push((effective, recorded.version.version, op.clone()));
        }
        Op::By(_)
        | Op::To(_)
        | Op::Pack(..)
        | Op::Without(_)
        | Op::Days(_)
        | Op::Item(..)
        | Op::Price(..)
        | Op::CatalogPrice(_) => {
            done.push((effective, recorded.version.version, op.clone()));
        }
    }
    true
}

fn check(book: &Book, done: &[(i64, u32, Op)]) -> Result<(), TestCaseError> {
    let timeline = Timeline::new(&book.view.versions);
    let instants = book.view.versions.iter().map(|row| row.effective_at.as_i64());
    for at in instants.flat_map(|at| [at - 1, at, at + 1]) {
        let in_force = timeline.in_force(UnixSeconds::new(at)).map(|row| seen(&row.terms));
        prop_assert_eq!(&in_force, &modelled(done, at), "at {}", at);
        let mut segments = timeline.segments().into_iter().filter(|segment| {
            segment.from.as_i64() <= at && segment.until.is_none_or(|until| at < until.as_i64())
        });
        prop_assert_eq!(segments.next().map(|segment| seen(segment.terms)), in_force);
        prop_assert!(segments.next().is_none(), "segments overlap");
    }
    // What is kept is what all events come to, from the first one on.
    let whole = terms_of(None, &timeline.events(), book.catalog.trial.cameras).unwrap();
    for (at, row) in timeline.standing() {
        prop_assert_eq!(at_instant(&whole, at), Some(&row.terms), "at {:?}", at);
    }
    for pair in timeline.segments().windows(2) {
        prop_assert!(pair[0].until == Some(pair[1].from) && pair[0].terms != pair[1].terms);
    }
    Ok(())
}

proptest! {
    #[test]
    fn versions_say_what_everything_that_was_recorded_comes_to(
        asked in prop::collection::vec((-370_i64..390, ops(true)), 1..16),
    ) {
        let mut book = Book::begun(20);
        let mut done = vec![(START - 380 * DAY, 1, Op::Set(20))];
        for one in &asked {
            let before = book.view.versions.len();
            let is_done = act(&mut book, &mut done, one);
            prop_assert_eq!(is_done, book.view.versions.len() > before);
            check(&book, &done)?;
        }
    }

    #[test]
    fn the_order_in_which_changes_are_recorded_does_not_matter(
        asked in prop::collection::btree_map(-370_i64..390, ops(false), 2..9),
        keys in prop::collection::vec(any::<u32>(), 9),
    ) {
        let in_order: Vec<_> = asked.into_iter().collect();
        let mut straight = (Book::begun(200), vec![(START - 380 * DAY, 1, Op::Set(200))]);
        let accepted: Vec<_> =
            in_order.into_iter().filter(|one| act(&mut straight.0, &mut straight.1, one)).collect();
        let mut shuffled: Vec<_> = keys.iter().zip(accepted.clone()).collect();
        shuffled.sort_by_key(|(key, _)| **key);
        let mut mixed = (Book::begun(200), vec![(START - 380 * DAY, 1, Op::Set(200))]);
        // What goes in one order may be refused in another where it is recorded too early for what it rests on.
        let mut waiting: Vec<_> = shuffled.into_iter().map(|(_, one)| one).collect();
        while !waiting.is_empty() {
            let count = waiting.len();
            waiting.retain(|one| !act(&mut mixed.0, &mut mixed.1, one));
            if waiting.len() == count {
                // A change of what another one will have brought about changes nothing without it, in whatever order.
                return Err(TestCaseError::reject("none of the rest goes without the others"));
            }
        }
        for at in accepted.iter().map(|(days, _)| START + days * DAY) {
            for at in [at - 1, at] {
                let terms = |book: &Book| {
                    Timeline::new(&book.view.versions).in_force(UnixSeconds::new(at)).map(|row| seen(&row.terms))
                };
                prop_assert_eq!(terms(&straight.0), terms(&mixed.0));
            }
        }
    }
}

#[test]
fn what_is_recorded_later_and_takes_effect_earlier_goes_on_behind() {
    let mut book = Book::begun(10);
    let later = book.change(day(20), &by(5)).unwrap();
    assert_eq!((later.version.terms.cameras, later.again.len()), (15, 0));
    let earlier = book.change(day(10), &by(-3)).unwrap();
    assert_eq!((earlier.version.terms.cameras, earlier.again.len()), (7, 1));
    assert_eq!(earlier.again[0].made, Made::Again { of: earlier.version.version });
    assert_eq!([9, 10, 20].map(|days| book.cameras(START + days * DAY)), [Some(10), Some(7), Some(12)]);
    // What says how many there are says so whatever was before.
    book.change(day(30), &to(40)).unwrap();
    book.change(day(25), &by(1)).unwrap();
    assert_eq!([25, 30].map(|days| book.cameras(START + days * DAY)), [Some(13), Some(40)]);
    // And everything that is set stays as it was set.
    book.set(day(35), &order(Some(50), &[])).unwrap();
    book.change(day(0), &by(1)).unwrap();
    assert_eq!([0, 30, 35].map(|days| book.cameras(START + days * DAY)), [Some(11), Some(40), Some(50)]);
}

#[test]
fn setting_everything_replaces_what_lies_behind_and_what_was_taken_back_counts_no_more() {
    let mut book = Book::begun(10);
    let (first, second) = (book.change(day(10), &by(5)).unwrap(), book.change(day(20), &by(5)).unwrap());
    let back = book.cancel(first.version.version).unwrap();
    assert_eq!((back.version.made, back.version.terms.cameras), (Made::Cancel { of: 2 }, 10));
    assert_eq!([10, 20].map(|days| book.cameras(START + days * DAY)), [Some(10), Some(15)]);
    let set = book.set(day(5), &order(Some(30), &[])).unwrap();
    assert_eq!(set.again.iter().map(|row| row.terms.cameras).collect::<Vec<_>>(), [30, 30]);
    assert_eq!([4, 5, 10, 20].map(|days| book.cameras(START + days * DAY)), [10, 30, 30, 30].map(Some));
    for version in [1, 2, second.version.version, back.version.version, 99] {
        assert_eq!(book.cancel(version), Err(TimelineError::NotScheduled(version)));
    }
    book.cancel(set.version.version).unwrap();
    assert_eq!(book.cameras(START + 20 * DAY), Some(10), "what it replaced does not come back");
}

#[test]
fn a_subscription_that_is_to_begin_can_be_replaced_but_not_taken_back() {
    let mut book = Book::new(chrono_tz::Tz::UTC);
    assert!(matches!(book.change(day(1), &by(1)), Err(TimelineError::NoneInForce(NoneInForce::Never(_)))));
    let first = book.set(day(10), &order(Some(5), &[])).unwrap().version.version;
    assert_eq!((book.cameras(START), book.cameras(START + 10 * DAY)), (None, Some(5)));
    assert!(matches!(book.change(day(9), &by(1)), Err(TimelineError::NotBegun { begins: Some(_) })));
    book.change(day(11), &by(1)).unwrap();
    assert_eq!(book.cancel(first), Err(TimelineError::First(first)));
    book.set(day(2), &order(Some(7), &[])).unwrap();
    assert_eq!([1, 2, 11].map(|days| book.cameras(START + days * DAY)), [None, Some(7), Some(7)]);
}

#[test]
fn every_refusal_has_its_code_and_its_mend() {
    let at = |book: &mut Book, at: At, order: &ChangeOrder| book.change(at, order).unwrap_err();
    let mut book = Book::begun(10);
    book.change(day(20), &by(-8)).unwrap();
    let local = |text: &str| text.parse::<At>().unwrap();
    let spans = ChangeOrder { days: Some(401), ..ChangeOrder::default() };
    let both = ChangeOrder { remove_packs: vec!["retail".into()], ..pack("retail", Some("49")) };
    let twice = ChangeOrder {
        prices: vec![("base_camera".into(), Some(agreed(1, false))), ("Base Camera".into(), None)],
        ..ChangeOrder::default()
    };
    let refusals = [
        (at(&mut book, day(0), &ChangeOrder::default()), "NOTHING_TO_CHANGE", false),
        (at(&mut book, day(0), &to(10)), "UNCHANGED", true),
        (at(&mut book, day(0), &without("retail")), "NOT_SUBSCRIBED", true),
        (at(&mut book, day(0), &without("nonsense!")), "UNKNOWN_PACK", false),
        (at(&mut book, day(0), &by(-11)), "BELOW_ZERO", true),
        (at(&mut book, day(0), &by(-3)), "CONFLICTS_LATER", true),
        (at(&mut book, day(0), &to(1_000_001)), "OUT_OF_BOUNDS", false),
        (at(&mut book, day(0), &spans), "OUT_OF_BOUNDS", false),
        (at(&mut book, day(0), &both), "PACK_TWICE", false),
        (at(&mut book, day(0), &pack("retail", None)), "PRICE_MISSING", false),
        (at(&mut book, day(0), &item("cloud_export", QuantityDelta::By(-1))), "BELOW_ZERO", true),
        (at(&mut book, day(0), &item("cloud_export", QuantityDelta::By(i32::MAX))), "OUT_OF_BOUNDS", false),
        (at(&mut book, day(0), &item("cloud_export", QuantityDelta::To(0))), "UNCHANGED", true),
        (at(&mut book, day(0), &item("tea", QuantityDelta::To(0))), "UNKNOWN_PRICE", false),
        (at(&mut book, day(0), &item("analyst_seat", QuantityDelta::To(1))), "SEATS_WITHOUT_PACK", false),
        (at(&mut book, day(0), &price("base_camera", None)), "NOT_AGREED", true),
        (at(&mut book, day(0), &price("tea", None)), "UNKNOWN_PRICE", false),
        (at(&mut book, day(0), &price("retail", Some(agreed(1, false)))), "PRICE_OF_PACK", false),
        (at(&mut book, day(0), &twice), "PRICE_TWICE", false),
        (at(&mut book, day(-401), &by(1)), "OUT_OF_BOUNDS", false),
        (at(&mut book, day(401), &by(1)), "OUT_OF_BOUNDS", false),
        (at(&mut book, day(-381), &by(1)), "NOT_BEGUN", true),
        (book.set(day(-381), &order(Some(1), &[])).unwrap_err(), "NOT_BEGUN", true),
        (book.cancel(1).unwrap_err(), "NOT_SCHEDULED", true),
    ];
    for (refusal, code, is_of_state) in refusals {
        assert_eq!((refusal.code(), refusal.is_of_state()), (code, is_of_state), "{refusal}");
        assert!(!refusal.mend().is_empty() && !refusal.to_string().is_empty());
    }
    let mut berlin = Book::new(chrono_tz::Europe::Berlin);
    let gap = berlin.set(local("2026-03-29T02:30"), &order(Some(1), &[])).unwrap_err();
    assert_eq!(gap.code(), "TIME_GAP");
    let behind = at(&mut book, day(0), &by(-3));
    assert!(behind.to_string().contains("version 2") && behind.mend().contains("--cancel-scheduled 2"));
    let (by_test, now) = (Actor("test".into()), UnixSeconds::new(START));
    let past = |reason: Option<&str>| {
        let entry = Entry { at: day(-1), reason: reason.map(str::to_owned) };
        change(&book.view, &by(1), &entry, (&book.catalog, now, &by_test)).map(drop)
    };
    assert_eq!(past(None).unwrap_err().code(), "REASON_MISSING");
    assert_eq!(past(Some(" ")).unwrap_err().code(), "REASON");
    assert_eq!(past(Some("as agreed")), Ok(()));
}

#[test]
fn at_most_so_many_versions_are_said_again_at_once() {
    let mut book = Book::begun(1_000);
    for at in 0..400 {
        book.change(At::Then(Written::Instant(UnixSeconds::new(START + DAY + at))), &by(1)).unwrap();
    }
    let anew = order(Some(5), &[]);
    let mut other = Book { view: book.view.clone(), catalog: book.catalog.clone(), now: book.now };
    assert_eq!(other.change(day(0), &by(1)).unwrap().again.len(), 400, "as many as are said at once");
    let mut other = Book { view: book.view.clone(), catalog: book.catalog.clone(), now: book.now };
    assert_eq!(other.set(day(0), &anew).unwrap().again.len(), 400);
    book.change(At::Then(Written::Instant(UnixSeconds::new(START + DAY + 400))), &by(1)).unwrap();
    assert_eq!(book.change(day(0), &by(1)).unwrap_err(), TimelineError::TooMany(401));
    assert_eq!(book.set(day(0), &anew).unwrap_err(), TimelineError::TooMany(401));
    assert_eq!(
        book.change(At::Then(Written::Instant(UnixSeconds::new(START + DAY))), &by(1)).unwrap().again.len(),
        400
    );
}

#[test]
fn there_is_one_trial_and_one_that_never_began_was_none() {
    let trial = || order(None, &[]);
    let mut book = Book::new(chrono_tz::Tz::UTC);
    book.set(day(30), &trial()).unwrap();
    let now = book.set(day(0), &trial()).unwrap().version.terms.trial.unwrap();
    assert_eq!(now.started_at.as_i64(), START, "the other one had not begun");
    let more = book.change(day(1), &by(1)).unwrap_err();
    assert_eq!(more.code(), "TRIAL_CAMERAS");
    book.set(day(10), &order(Some(5), &[])).unwrap();
    let again = book.set(day(20), &trial()).unwrap().version.terms.trial;
    assert_eq!(again, Some(now), "it keeps its start");
    let over = book.set(day(100), &trial()).unwrap_err();
    assert_eq!(over.code(), "TRIAL_OVER");
}

#[test]
fn a_trial_that_is_moved_into_the_past_ends_earlier_and_never_later() {
    let trial = || order(None, &[]);
    let mut book = Book::new(chrono_tz::Tz::UTC);
    book.set(day(-380), &order(Some(5), &[])).unwrap();
    let ends = |recorded: Recorded| recorded.version.terms.trial.unwrap().ends_at.since(day_at(0)) / DAY;
    assert_eq!(ends(book.set(day(-10), &trial()).unwrap()), 79, "2026-02-19 and three months");
    assert_eq!(ends(book.set(day(-40), &trial()).unwrap()), 50, "2026-01-20 and three months");
    assert_eq!(ends(book.set(day(-5), &trial()).unwrap()), 50, "it keeps the earliest start");
    // Where something else took its place later on, it was had all the same.
    book.set(day(-300), &order(Some(5), &[])).unwrap();
    assert_eq!(ends(book.set(day(0), &trial()).unwrap()), 50);
    book.set(day(-300), &trial()).unwrap();
    assert_eq!(book.set(day(0), &trial()).unwrap_err().code(), "TRIAL_OVER");
}

#[test]
fn a_scheduled_trial_that_is_taken_back_was_none_and_one_that_has_begun_was() {
    let trial = || order(None, &[]);
    let mut book = Book::begun(5);
    let to_come = book.set(day(30), &trial()).unwrap().version.version;
    let fewer = book.change(day(40), &to(1)).unwrap().version.version;
    book.cancel(to_come).unwrap();
    book.cancel(fewer).unwrap();
    book.now = day_at(50);
    let first = book.set(At::Now, &trial()).unwrap().version.terms.trial.unwrap();
    assert_eq!(first.started_at, day_at(50));
    book.now = day_at(60);
    let paid = book.set(day(70), &order(Some(5), &[])).unwrap().version.version;
    book.cancel(paid).unwrap();
    assert_eq!(book.set(At::Now, &trial()).unwrap().version.terms.trial, Some(first));
}

#[derive(Clone, Debug)]
enum Deed {
    Pass(i64),
    Trial(i64),
    Paid(i64),
    Fewer(i64),
    TakeBack(usize),
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        3 => (1..60_i64).prop_map(Deed::Pass),
        3 => (-120..120_i64).prop_map(Deed::Trial),
        2 => (-120..120_i64).prop_map(Deed::Paid),
        1 => (-120..120_i64).prop_map(Deed::Fewer),
        2 => (0..40_usize).prop_map(Deed::TakeBack),
    ]
}

proptest! {
    #[test]
    fn whatever_is_set_changed_and_taken_back_nobody_has_a_trial_for_more_than_its_months(
        deeds in prop::collection::vec(deed(), 1..40)
    ) {
        let mut book = Book::begun(5);
        let (mut passed, mut had) = (0, Vec::new());
        for deed in deeds {
            // Whatever is refused changes nothing.
            match deed {
                Deed::Pass(days) => {
                    for _ in 0..days {
                        passed += 1;
                        book.now = day_at(passed);
                        let in_force = Timeline::new(&book.view.versions).in_force(book.now);
                        let trial = in_force.and_then(|row| row.terms.trial);
                        had.extend(trial.filter(|trial| book.now < trial.ends_at).map(|_| book.now));
                    }
                }
                Deed::Trial(at) => drop(book.set(day(passed + at), &order(None, &[]))),
                Deed::Paid(at) => drop(book.set(day(passed + at), &order(Some(5), &[]))),
                Deed::Fewer(at) => drop(book.change(day(passed + at), &to(1))),
                Deed::TakeBack(nth) => {
                    let version = book.view.versions.get(nth).map_or(0, |row| row.version);
                    drop(book.cancel(version));
                }
            }
        }
        for segment in Timeline::new(&book.view.versions).segments() {
            prop_assert!(segment.terms.trial.is_none_or(|trial| trial.started_at <= segment.from));
        }
        if let (Some(first), Some(last)) = (had.first(), had.last()) {
            prop_assert!(*last < crate::calendar::months_later(*first, 3, chrono_tz::Tz::UTC));
        }
    }
}

#[test]
fn what_a_later_catalogue_would_not_sell_stays_as_it_was_bought() {
    let mut book = Book::new(chrono_tz::Tz::UTC);
    book.set(day(-20), &order(None, &[])).unwrap();
    book.change(day(-15), &to(1)).unwrap();
    book.change(day(-10), &to(2)).unwrap();
    let to_come = book.change(day(10), &pack("retail", Some("49"))).unwrap();
    book.catalog.trial.cameras = 1;
    let shorter = ChangeOrder { days: Some(20), ..ChangeOrder::default() };
    let changed = book.change(day(0), &shorter).unwrap();
    assert_eq!((changed.version.terms.cameras, changed.version.terms.days), (2, 20));
    assert_eq!(changed.again.iter().map(|row| row.terms.days).collect::<Vec<_>>(), [20]);
    let back = book.cancel(to_come.version.version).unwrap().version;
    assert_eq!((back.terms.cameras, back.terms.days, back.terms.packs.len()), (2, 20, 0));
    // What is asked for now is bought by the rules of now, and so is what lies behind it.
    assert_eq!(book.change(day(1), &to(2)).unwrap_err().code(), "TRIAL_CAMERAS");
    assert_eq!(book.change(day(-12), &shorter).unwrap_err().code(), "CONFLICTS_LATER");
}

#[test]
fn what_a_later_catalogue_lacks_can_be_taken_back_and_the_pack_stays_while_its_seats_are_there() {
    let mut book = Book::begun(10);
    book.change(day(-5), &item("cloud_export", QuantityDelta::To(3))).unwrap();
    book.change(day(-5), &price("cloud_export", Some(agreed(99, false)))).unwrap();
    let text = crate::catalog::DEFAULT.replacen("\ncloud_export       =", "\ncloud_import =", 1);
    book.catalog = Catalog::parse(&text).unwrap();
    let more = book.change(day(0), &item("cloud_export", QuantityDelta::By(1))).unwrap_err();
    assert_eq!(more.code(), "UNKNOWN_PRICE");
    let less = book.change(day(0), &item("cloud_export", QuantityDelta::By(-1))).unwrap();
    assert_eq!(less.version.terms.items.values().collect::<Vec<_>>(), [&2]);
    let none = book.change(day(1), &item("cloud_export", QuantityDelta::To(0))).unwrap();
    assert!(none.version.terms.items.is_empty() && !none.version.terms.prices.is_empty());
    let back = book.change(day(2), &price("cloud_export", None)).unwrap();
    assert!(back.version.terms.prices.is_empty());
    book.change(day(3), &pack("intelligence", None)).unwrap();
    book.change(day(4), &item("analyst_seat", QuantityDelta::By(2))).unwrap();
    assert_eq!(book.change(day(5), &without("intelligence")).unwrap_err().code(), "SEATS_WITHOUT_PACK");
    assert_eq!(book.change(day(3), &without("intelligence")).unwrap_err().code(), "CONFLICTS_LATER");
    let both =
        ChangeOrder { items: vec![("analyst_seat".into(), QuantityDelta::To(0))], ..without("intelligence") };
    book.change(day(5), &both).unwrap();
}

#[test]
fn what_is_in_force_now_does_not_fall_below_what_is_assigned_and_what_is_to_come_is_told() {
    let mut book = Book::begun(10);
    book.view.cameras_named = 8;
    for at in [day(0), day(-5)] {
        let refused = book.change(at, &by(-3)).unwrap_err();
        let below = SubscriptionError::BelowAssigned { named: 8, cameras: 7 };
        assert_eq!(refused, TimelineError::Terms(below));
    }
    let to_come = book.change(day(10), &by(-3)).unwrap();
    assert_eq!(to_come.below_assigned, Some((UnixSeconds::new(START + 10 * DAY), 7)));
    assert_eq!(book.change(day(10), &by(1)).unwrap().below_assigned, None);
    // Once it has come, more are a mend even where they are not enough yet.
    book.view.cameras_named = 20;
    let more = book.change(day(0), &by(1)).unwrap();
    assert_eq!((more.version.terms.cameras, more.below_assigned), (11, Some((UnixSeconds::new(START), 11))));
}

#[test]
fn deltas_are_kept_as_text() {
    let delta = Delta {
        cameras: Some(QuantityDelta::By(-3)),
        packs: BTreeMap::from([("retail".parse::<Slug>().unwrap(), Some("49.00".parse().unwrap()))]),
        remove_packs: ["intelligence".parse().unwrap()].into(),
        items: BTreeMap::from([("cloud_export".parse().unwrap(), QuantityDelta::To(0))]),
        prices: BTreeMap::from([
            ("base_camera".parse().unwrap(), None),
            ("device_basic".parse().unwrap(), Some(Agreed { per: 10.try_into().ok(), ..agreed(45, true) })),
        ]),
        enforce: Some(brink_license::token::Enforce::Warn),
        days: Some(3),
        ..Delta::default()
    };
    let text = r#"{"cameras":{"by":-3},"days":3,"enforce":"warn","items":{"cloud_export":{"to":0}},"packs":{"retail":"49.00"},"prices":{"base_camera":null,"device_basic":{"amount":"45","at_once":true,"per":10}},"remove_packs":["intelligence"]}"#;
    assert_eq!(delta.text(), text);
    assert_eq!(Delta::from_text(text).unwrap(), delta);
    assert_eq!(Delta::from_text("{}").unwrap(), Delta::default());
    for bad in [
        "",
        "{\"x\":1}",
        r#"{"enforce":"off"}"#,
        r#"{"packs":{"retail":"-1"}}"#,
        r#"{"prices":{"retail":{"amount":"1","per":0}}}"#,
    ] {
        assert!(Delta::from_text(bad).is_err(), "{bad}");
    }
    for (text, read) in [
        ("12", Some(QuantityDelta::To(12))),
        ("+3", Some(QuantityDelta::By(3))),
        ("-3", Some(QuantityDelta::By(-3))),
    ] {
        assert_eq!(text.parse().ok(), read);
    }
    for bad in ["", "+", "-", "x", "1.5", "+-3", "99999999999", " 3"] {
        assert!(bad.parse::<QuantityDelta>().is_err(), "{bad:?}");
    }
}

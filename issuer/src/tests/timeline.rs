//! Subscriptions over time, from what is recorded to what is minted, on whichever database.

use crate::admin::{AdminError, CodeOrder};
use crate::clock::Clock;
use crate::code::CodeEnd;
use crate::codes;
use crate::desired::{Mint, desired};
use crate::editing::Keeping;
use crate::storage::{Agreed, Made, StorageError, SubscriptionRow, Tier};
use crate::testkit::{Bench, DAY, Edge, START, TENANT, names, order};
use crate::timeline::{At, ChangeOrder, Entry, QuantityDelta, Recorded, Timeline, Written};
use brink_license::{IssuerName, TenantId, UnixSeconds};

fn at(days: i64) -> Entry {
    let reason = (days < 0).then(|| "as agreed".to_owned());
    Entry { at: At::Then(Written::Instant(UnixSeconds::new(START + days * DAY))), reason }
}

fn cameras(by: i32) -> ChangeOrder {
    ChangeOrder { cameras: Some(QuantityDelta::By(by)), ..ChangeOrder::default() }
}

impl Bench {
    fn change(&self, entry: &Entry, order: &ChangeOrder) -> Result<Recorded, AdminError> {
        self.admin.change_subscription(&TENANT.parse().unwrap(), order, entry, &Keeping::all())
    }

    fn versions(&self) -> Vec<SubscriptionRow> {
        self.admin.storage.timeline(&TENANT.parse().unwrap()).unwrap().versions
    }

    /// Asserts that this database finds what the model finds, at every instant at which something changes.
    fn is_as_modelled(&self) {
        let (tenant, versions) = (TENANT.parse().unwrap(), self.versions());
        let timeline = Timeline::new(&versions);
        for at in versions.iter().flat_map(|row| [-1, 0, 1].map(|by| row.effective_at.saturating_add(by))) {
            let view = self.admin.storage.tenant(&tenant, at).unwrap();
            assert_eq!(view.current.as_ref().ok(), timeline.in_force(at), "at {at:?}");
            assert_eq!(view.newest, versions.last().map(|row| row.version));
        }
        let listed = self.admin.storage.subscriptions_page(&tenant, None, u32::MAX).unwrap();
        assert_eq!(listed.len(), versions.len());
        for (listed, row) in listed.iter().rev().zip(&versions) {
            assert_eq!((&listed.row, listed.superseded_by), (row, timeline.superseded_by(row)));
        }
    }
}

#[test]
fn what_is_scheduled_comes_into_the_first_licence_from_its_instant_on() {
    let bench = Bench::with(10, &[]);
    let mut edge = bench.activated();
    let order = ChangeOrder { packs: vec![("Advanced Analytics".into(), None)], ..cameras(5) };
    bench.change(&at(10), &order).unwrap();
    edge.exchange(&bench.issuer).unwrap();
    assert_eq!(edge.seats(), (0, 10));
    let refused = bench.try_assign(&edge.id(), &names("cam", 0..1), &["advanced_analytics"], false);
    assert!(matches!(refused, Err(AdminError::Assignment(_))), "{refused:?}");
    bench.pass(10 * DAY - 1);
    edge.exchange(&bench.issuer).unwrap();
    assert_eq!(edge.seats(), (0, 10), "a second before");
    let seq = edge.licence_seq;
    bench.pass(1);
    edge.exchange(&bench.issuer).unwrap();
    assert_eq!((edge.seats(), edge.licence_seq), ((0, 15), seq + 1));
    assert!(bench.try_assign(&edge.id(), &names("cam", 0..11), &[], false).is_ok());
    bench.assign(&edge.id(), &names("cam", 0..1), &["advanced_analytics"]);
    edge.exchange(&bench.issuer).unwrap();
    let packs: Vec<_> = edge.claims().grants.iter().flat_map(|grant| &grant.packs).collect();
    assert!(packs.iter().any(|pack| pack.as_str() == "advanced_analytics"), "{packs:?}");
    bench.is_as_modelled();
}

#[test]
fn what_is_still_to_begin_is_told_with_its_instant_and_nobody_is_told_to_replace_it() {
    let bench = Bench::with(10, &[]);
    let edge = bench.activated();
    let code = |tenant: &TenantId| {
        let expires = CodeEnd::Hours(24);
        let order = CodeOrder { tenant: tenant.clone(), tier: Tier::Basic, uses: 1, expires };
        bench.admin.create_code(&order).unwrap_err()
    };
    bench.pass(-DAY);
    let assigned = bench.try_assign(&edge.id(), &names("cam", 0..1), &[], false).unwrap_err();
    let begins = "begins at 2026-03-01T00:00:00Z";
    for error in [code(&TENANT.parse().unwrap()), assigned] {
        let (said, mend) = (error.to_string(), error.mend().unwrap());
        assert_eq!(codes::of_admin(&error), "NOT_BEGUN", "{said}");
        assert!(said.contains(begins) && mend.contains("wait"), "{said}; {mend}");
        assert!(!mend.contains("subscription set"), "{mend}");
    }
    let issuer: IssuerName = "dev-test".parse().unwrap();
    let mint =
        Mint { issuer: &issuer, catalog: &bench.admin.catalog, keyset_version: 1, now: bench.clock.now() };
    let said = desired(&mint, &bench.view(&edge.id())).unwrap_err().to_string();
    assert!(said.contains(begins) && said.contains("wait") && !said.contains("subscription set"), "{said}");
    let never = code(&bench.another_tenant("other"));
    assert_eq!(codes::of_admin(&never), "NO_SUBSCRIPTION");
    assert!(never.mend().unwrap().contains("`subscription set --tenant other --cameras N`"), "{never}");
}

#[test]
fn a_change_that_is_taken_back_in_time_comes_into_no_licence() {
    let bench = Bench::with(10, &[]);
    let mut edge = bench.activated();
    let (less, more) =
        (bench.change(&at(5), &cameras(-4)).unwrap(), bench.change(&at(8), &cameras(2)).unwrap());
    bench.pass(4 * DAY);
    let tenant = TENANT.parse().unwrap();
    let version = less.version.version;
    let back = bench.admin.cancel_change(&tenant, version, Some("they stay"), &Keeping::all()).unwrap();
    assert_eq!(back.version.made, Made::Cancel { of: version });
    assert_eq!(back.again.iter().map(|row| row.terms.cameras).collect::<Vec<_>>(), [12]);
    bench.pass(2 * DAY);
    edge.exchange(&bench.issuer).unwrap();
    assert_eq!(edge.seats(), (0, 10));
    bench.pass(2 * DAY);
    edge.exchange(&bench.issuer).unwrap();
    assert_eq!(edge.seats(), (0, 12));
    let late = bench.admin.cancel_change(&tenant, more.version.version, None, &Keeping::all()).unwrap_err();
    assert!(late.to_string().contains("is no change that is still to come"), "{late}");
    bench.is_as_modelled();
}

#[test]
fn what_takes_effect_in_the_past_changes_no_licence_of_then() {
    let bench = Bench::with(10, &[]);
    let mut edge = bench.activated();
    bench.pass(20 * DAY);
    edge.exchange(&bench.issuer).unwrap();
    let (licence, seats) = (edge.licence_seq, edge.seats());
    let refused = bench.change(&Entry { reason: None, ..at(3) }, &cameras(5)).unwrap_err();
    assert!(refused.to_string().contains("wants a reason"), "{refused}");
    bench.change(&Entry { reason: Some("found at month's end".into()), ..at(3) }, &cameras(5)).unwrap();
    let storage = &bench.admin.storage;
    let minted = storage.minted(&edge.id(), &edge.claims().jti).unwrap().unwrap();
    assert_eq!((minted.seq, minted.any_seats), (licence, u64::from(seats.1)));
    let tenant = TENANT.parse().unwrap();
    let then = |days| {
        let view = storage.tenant(&tenant, UnixSeconds::new(START + days * DAY)).unwrap();
        view.current.unwrap().terms.cameras
    };
    assert_eq!([0, 2, 3, 20].map(then), [10, 10, 15, 15]);
    edge.exchange(&bench.issuer).unwrap();
    assert_eq!((edge.seats(), edge.licence_seq), ((0, 15), licence + 1), "the next one has it");
    bench.is_as_modelled();
}

#[test]
fn fewer_cameras_than_are_assigned_by_name_leave_the_last_ones_without_a_seat() {
    let bench = Bench::with(10, &[]);
    let mut edge = bench.activated();
    bench.assign(&edge.id(), &names("a", 0..6), &[]);
    bench.pass(1);
    bench.assign(&edge.id(), &names("b", 0..4), &[]);
    let recorded = bench.change(&at(10), &cameras(-3)).unwrap();
    assert_eq!(recorded.below_assigned, Some((UnixSeconds::new(START + 10 * DAY), 7)));
    edge.exchange(&bench.issuer).unwrap();
    assert_eq!(edge.seats(), (10, 0));
    bench.pass(10 * DAY);
    edge.exchange(&bench.issuer).unwrap();
    assert_eq!(edge.seats(), (7, 0));
    let seated = |camera: &str| {
        edge.claims().grants.iter().any(|grant| match &grant.seats {
            brink_license::token::Seats::Cameras(cameras) => {
                cameras.iter().any(|one| AsRef::<str>::as_ref(one) == camera)
            }
            brink_license::token::Seats::Any(_) => false,
        })
    };
    assert!((0..6).all(|number| seated(&format!("a-{number:04}"))), "those that came first keep theirs");
    // Nobody may be added, and more of what is too little is a mend.
    assert!(bench.try_assign(&edge.id(), &names("c", 0..1), &[], false).is_err());
    assert!(bench.change(&Entry::default(), &cameras(-1)).is_err());
    bench.change(&Entry::default(), &cameras(1)).unwrap();
    edge.exchange(&bench.issuer).unwrap();
    assert_eq!(edge.seats(), (8, 0));
}

#[test]
fn of_several_devices_each_gets_its_part_of_fewer_cameras_than_are_assigned() {
    let bench = Bench::with(10, &[]);
    let (mut one, mut two) = (bench.activated(), bench.activated());
    bench.assign(&one.id(), &names("a", 0..5), &[]);
    bench.assign(&two.id(), &names("b", 0..5), &[]);
    bench.change(&at(10), &cameras(-4)).unwrap();
    let devices = [one.id(), two.id()];
    let mut settled = |bench: &Bench| {
        for _ in 0..3 {
            one.exchange(&bench.issuer).unwrap();
            two.exchange(&bench.issuer).unwrap();
        }
        (one.seats().0, two.seats().0)
    };
    assert_eq!(settled(&bench), (5, 5));
    bench.pass(10 * DAY);
    assert_eq!(settled(&bench), (3, 3), "6 are subscribed, and as many are assigned to the other");
    bench.try_assign(&devices[1], &names("b", 1..5), &[], true).unwrap();
    assert_eq!(settled(&bench), (5, 1), "whoever takes some off gives the rest back");
}

#[test]
fn what_rounding_leaves_of_fewer_cameras_goes_to_one_of_them() {
    let bench = Bench::with(15, &[]);
    let mut edges = [bench.activated(), bench.activated(), bench.activated()];
    for (edge, prefix) in edges.iter().zip(["a", "b", "c"]) {
        bench.assign(&edge.id(), &names(prefix, 0..5), &[]);
    }
    bench.change(&at(10), &cameras(-5)).unwrap();
    bench.pass(10 * DAY);
    for _ in 0..4 {
        for edge in &mut edges {
            edge.exchange(&bench.issuer).unwrap();
        }
    }
    let mut seats = edges.each_ref().map(Edge::seats);
    seats.sort_unstable();
    assert_eq!(seats, [(3, 0), (3, 0), (4, 0)]);
}

#[test]
fn whatever_is_recorded_in_whatever_order_the_database_finds_what_the_model_finds() {
    let bench = Bench::with(100, &["advanced_analytics"]);
    let edge = bench.activated();
    let tenant = TENANT.parse().unwrap();
    // A fixed walk over instants and kinds: every kind comes before and behind every other.
    for step in 0_i64..48 {
        let when = at((step * 37) % 61 + 1);
        match step % 6 {
            0 => drop(bench.change(&when, &cameras(i32::try_from(step % 7).unwrap() + 1))),
            1 => drop(bench.change(&when, &cameras(-2))),
            2 => {
                let to = Some(QuantityDelta::To(u32::try_from(step).unwrap() + 50));
                drop(bench.change(&when, &ChangeOrder { cameras: to, ..ChangeOrder::default() }));
            }
            3 => {
                let packs = vec![("retail".to_owned(), Some(format!("{step}.50").parse().unwrap()))];
                drop(bench.change(&when, &ChangeOrder { packs, ..ChangeOrder::default() }));
            }
            4 => {
                let last = bench.versions().len();
                drop(bench.admin.cancel_change(&tenant, u32::try_from(last).unwrap(), None, &Keeping::all()));
            }
            _ if step % 4 == 1 => {
                let order = order(Some(90), &["retail=49.00", "intelligence"]);
                let set = bench.admin.replace_subscription(&tenant, &order, &when, &Keeping::all());
                assert!(set.is_ok(), "{set:?}");
            }
            _ => {
                let order = ChangeOrder { remove_packs: vec!["retail".into()], ..ChangeOrder::default() };
                drop(bench.change(&when, &order));
            }
        }
        let items = vec![("cloud_export".to_owned(), QuantityDelta::To(u32::try_from(step % 4).unwrap()))];
        let per = std::num::NonZeroU64::new(u64::try_from(step % 3).unwrap());
        let amount = format!("{step}").parse().unwrap();
        let agreed = (step % 2 == 0).then_some(Agreed { amount, per, at_once: step % 4 == 0 });
        let prices = vec![("base_camera".to_owned(), agreed)];
        if let Ok(made) = bench.change(&when, &ChangeOrder { items, prices, ..ChangeOrder::default() }) {
            let kept = bench.versions();
            let said = usize::try_from(made.version.version).unwrap() - 1;
            assert_eq!((&kept[said], &kept[said + 1..]), (&made.version, &made.again[..]));
        }
        bench.is_as_modelled();
    }
    let versions = bench.versions();
    assert!(versions.iter().any(|row| row.terms.items.len() == 1 && row.terms.prices.len() == 1));
    assert!(versions.len() > 60, "{} versions", versions.len());
    for _ in 0..62 {
        bench.pass(DAY);
        let (now, view) = (bench.clock.now(), bench.view(&edge.id()));
        assert_eq!(view.subscription.as_ref().ok(), Timeline::new(&versions).in_force(now));
    }
}

#[test]
fn items_and_prices_that_this_program_would_not_have_written_are_damage() {
    let bench = Bench::with(10, &["intelligence"]);
    let tenant: TenantId = TENANT.parse().unwrap();
    bench.unguard(&["subscriptions"]);
    let good =
        r#"{"items":{"analyst_seat":2},"prices":{"base_camera":{"amount":"55.00","at_once":true,"per":10}}}"#;
    bench.sql("UPDATE subscriptions SET sold = ?1", &[&good]);
    let kept = bench.versions().remove(0).terms;
    assert_eq!(kept.items.values().sum::<u32>(), 2);
    let price = &kept.prices[&"base_camera".parse().unwrap()];
    assert_eq!((price.amount.as_str(), price.per.unwrap().get(), price.at_once), ("55.00", 10, true));
    for bad in [
        "",
        "[]",
        "null",
        "{} ",
        r#"{"items":{}}"#,
        r#"{"items":{"analyst_seat":0}}"#,
        r#"{"items":{"analyst_seat":1000001}}"#,
        r#"{"items":{"analyst_seat":-1}}"#,
        r#"{"items":{"analyst_seat":1,"analyst_seat":2}}"#,
        r#"{"items":{"Analyst Seat":1}}"#,
        r#"{"item":{"analyst_seat":1}}"#,
        r#"{"prices":{"base_camera":{"amount":"-1"}}}"#,
        r#"{"prices":{"base_camera":{"amount":"1","per":0}}}"#,
        r#"{"prices":{"base_camera":{"amount":"1","at_once":false}}}"#,
        r#"{"prices":{"base_camera":{"amount":"1","from":"now"}}}"#,
        r#"{"prices":{"base_camera":null}}"#,
    ] {
        bench.sql("UPDATE subscriptions SET sold = ?1", &[&bad]);
        let found = bench.admin.storage.timeline(&tenant).unwrap_err();
        let StorageError::Damaged { what } = &found else { panic!("{bad}: {found}") };
        assert!(what.contains("subscriptions.sold"), "{bad}: {what}");
        assert!(bench.admin.storage.tenant(&tenant, bench.clock.now()).is_err(), "{bad}");
    }
}

#[test]
fn seats_beyond_the_included_ones_come_into_the_quota_of_the_next_licence() {
    let bench = Bench::with(10, &["intelligence"]);
    let mut edge = bench.activated();
    edge.exchange(&bench.issuer).unwrap();
    let tokens = |edge: &Edge| {
        let quotas = &edge.claims().quotas;
        quotas.iter().find(|quota| quota.meter.as_str() == "llm_token").unwrap().limit
    };
    assert_eq!(tokens(&edge), 250_000 * 6);
    let items = vec![("analyst_seat".to_owned(), QuantityDelta::By(2))];
    bench.change(&at(1), &ChangeOrder { items, ..ChangeOrder::default() }).unwrap();
    bench.pass(DAY);
    edge.exchange(&bench.issuer).unwrap();
    assert_eq!(tokens(&edge), 250_000 * 8);
}

#[test]
fn nothing_is_kept_of_what_was_only_asked_and_the_audit_names_what_was_superseded() {
    let bench = Bench::with(10, &[]);
    let tenant = TENANT.parse().unwrap();
    bench.change(&at(5), &cameras(1)).unwrap();
    let before = bench.versions();
    let keeping = Keeping { is_kept: false, ..Keeping::all() };
    let asked = bench.admin.replace_subscription(&tenant, &order(Some(20), &[]), &at(2), &keeping).unwrap();
    assert_eq!((asked.version.version, asked.again.len()), (3, 1));
    assert_eq!(bench.versions(), before);
    bench.admin.replace_subscription(&tenant, &order(Some(20), &[]), &at(2), &Keeping::all()).unwrap();
    let query = crate::storage::AuditQuery {
        whose: crate::storage::Whose::Tenant(tenant),
        limit: 50,
        ..crate::storage::AuditQuery::default()
    };
    let lines = bench.admin.storage.audit_lines(&query).unwrap();
    let line =
        lines.iter().find(|line| line.action == "subscription.set" && line.detail.contains("\"version\":3"));
    let detail: serde_json::Value = serde_json::from_str(&line.unwrap().detail).unwrap();
    assert_eq!(detail["supersedes"], serde_json::json!([2]), "{detail}");
    assert_eq!(detail["effective_at"], START + 2 * DAY);
}

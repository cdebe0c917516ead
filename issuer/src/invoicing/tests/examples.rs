//! Every worked example of the rules, from the database.

use super::*;
use crate::invoicing::document::Days;
use crate::storage::AnswerKind;
use brink_license::exchange::RequestKind;

/// What the lines of the price come to in a period, whatever else is on the documents.
fn only(documents: &[Document], from: &str, price: &str) -> Vec<String> {
    let of_price = of(documents, from).into_iter().filter(|line| &*line.price == price);
    of_price.map(|line| crate::billing::money::show(line.net_minor, "USD".parse().unwrap())).collect()
}

#[test]
fn g01_a_whole_month_and_the_next_in_advance() {
    let firm = Firm::since("2026-01-01", "UTC");
    firm.subscribe(10, &[]);
    firm.at("2026-02-01");
    let documents = firm.close();
    assert_eq!(nets(&documents, "2026-01-01"), [net("base_camera", "600.00")]);
    assert_eq!(nets(&documents, "2026-02-01"), [net("base_camera", "600.00")], "in advance");
    assert_eq!((documents.len(), documents[0].totals.total_minor), (1, 120_000));
}

#[test]
fn g02_g03_g21_a_part_of_a_month_by_its_local_days() {
    for (from, end, zone, cameras, expected) in [
        ("2026-01-17", "2026-02-01", "UTC", 3, "87.10"),
        ("2026-02-17", "2026-03-01", "UTC", 3, "77.14"),
        ("2026-03-16", "2026-04-01", "America/New_York", 1, "30.97"),
    ] {
        let firm = Firm::since(from, zone);
        firm.subscribe(cameras, &[]);
        firm.at(end);
        let month = format!("{}-01", &from[..7]);
        assert_eq!(nets(&firm.close(), &month), [net("base_camera", expected)], "{from}");
    }
}

#[test]
fn g04_more_cameras_within_the_month_and_a_pack_on_all() {
    let firm = Firm::since("2026-04-01", "UTC");
    firm.subscribe(10, &["advanced_analytics"]);
    let device = &firm.devices(1)[0];
    firm.assign(device, 0..10, &["advanced_analytics"]);
    firm.at("2026-04-16");
    firm.cameras(5);
    firm.assign(device, 10..15, &["advanced_analytics"]);
    firm.at("2026-05-01");
    let documents = firm.close();
    let lines = of(&documents, "2026-04-01");
    assert!(lines.iter().all(|line| line.unit_days == Some(375)), "{lines:?}");
    assert_eq!(
        nets(&documents, "2026-04-01"),
        [net("advanced_analytics", "250.00"), net("base_camera", "750.00")]
    );
    assert_eq!(
        nets(&documents, "2026-05-01"),
        [net("advanced_analytics", "300.00"), net("base_camera", "900.00")]
    );
}

#[test]
fn g06_g07_a_trial_is_a_grant_of_two_cameras_until_it_ends() {
    let firm = Firm::since("2025-11-30T09:00:00Z", "UTC");
    firm.trial();
    firm.at("2026-01-15");
    firm.subscribe(5, &[]);
    firm.at("2026-02-01");
    let january = firm.close();
    assert_eq!(nets(&january, "2025-12-01"), [], "a trial is not sold");
    // 3 cameras of 17 days; February in advance as the example says.
    assert_eq!(nets(&january, "2026-01-01"), [net("base_camera", "98.71")]);
    assert_eq!(nets(&january, "2026-02-01"), [net("base_camera", "184.29")]);
    firm.at("2026-03-01");
    assert_eq!(nets(&firm.close(), "2026-02-01"), [], "nothing changed");

    let firm = Firm::since("2026-01-15", "UTC");
    firm.trial();
    firm.at("2026-02-01");
    firm.subscribe(2, &[]);
    firm.at("2026-05-01");
    let all = firm.close();
    assert_eq!(nets(&all, "2026-03-01"), []);
    assert_eq!(nets(&all, "2026-04-01"), [net("base_camera", "64.00")]);
    assert_eq!(invoices(&all).len(), 2, "March closes with April in advance, April with May");
}

#[test]
fn g08_a_pack_of_the_tenant_and_seats_beyond_its_own() {
    let firm = Firm::since("2026-06-01", "UTC");
    firm.subscribe(0, &[]);
    firm.at("2026-06-11");
    firm.change(&ChangeOrder { packs: vec![("intelligence".into(), None)], ..ChangeOrder::default() });
    firm.at("2026-06-21");
    firm.items("analyst_seat", 2);
    firm.at("2026-07-01");
    let documents = firm.close();
    let expected = [net("analyst_seat", "80.00"), net("intelligence", "266.67")];
    assert_eq!(nets(&documents, "2026-06-01"), expected);
}

#[test]
fn g09_released_and_assigned_again_on_one_day_is_one_peak() {
    let firm = Firm::since("2026-07-01", "UTC");
    firm.subscribe(0, &["intelligence"]);
    firm.items("analyst_seat", 2);
    firm.at("2026-07-10T10:00:00Z");
    firm.items("analyst_seat", -1);
    firm.at("2026-07-10T11:00:00Z");
    firm.items("analyst_seat", 1);
    firm.at("2026-08-01");
    assert_eq!(only(&firm.close(), "2026-07-01", "analyst_seat"), ["240.00"]);
}

fn with_quota(included: u64, overage: &str) -> String {
    let text =
        DEFAULT.replacen("api_call = { included = 50000", &format!("api_call = {{ included = {included}"), 1);
    text.replacen(
        "per = 1000, unit = \"call\"",
        &format!("per = 1000, overage = \"{overage}\", unit = \"call\""),
        1,
    )
}

#[test]
fn g10_overage_exact_and_by_packages() {
    for (overage, expected) in [("exact", "11.73"), ("package", "11.75")] {
        let firm = Firm::by("2026-03-01", "UTC", &with_quota(1_000_000, overage));
        firm.subscribe(0, &[]);
        firm.at("2026-03-20");
        firm.uses(&firm.devices(1)[0], "api_call", "1234567");
        firm.at("2026-04-01");
        assert_eq!(nets(&firm.close(), "2026-03-01"), [net("api_call_overage", expected)]);
    }
}

#[test]
fn what_is_taken_away_behind_a_change_of_the_price_is_taken_off_of_what_was_used_before_it() {
    let firm = Firm::since("2026-03-01", "UTC");
    firm.subscribe(0, &[]);
    let device = &firm.devices(1)[0];
    firm.at("2026-03-10");
    firm.uses(device, "api_call", "150000");
    firm.at("2026-03-16");
    let agreed = crate::storage::Agreed { amount: "0.06".parse().unwrap(), per: None, at_once: true };
    let prices = vec![("api_call_overage".into(), Some(agreed))];
    firm.change(&ChangeOrder { prices, ..ChangeOrder::default() });
    firm.at("2026-03-21");
    firm.uses(device, "api_call", "-60000");
    firm.at("2026-04-01");
    // 90,000 of which 50,000 are included: 40,000 at 0.05.
    assert_eq!(nets(&firm.close(), "2026-03-01"), [net("api_call_overage", "2.00")]);
}

#[test]
fn g12_usage_is_pooled_over_all_devices_and_then_rounded() {
    let firm = Firm::by("2026-03-01", "UTC", &with_quota(0, "exact"));
    firm.subscribe(0, &[]);
    firm.at("2026-03-20");
    let devices = firm.devices(1000);
    for device in &devices {
        firm.uses(device, "api_call", "90");
    }
    firm.at("2026-04-01");
    let documents = firm.close();
    assert_eq!(nets(&documents, "2026-03-01"), [net("api_call_overage", "4.50")]);
    let explained = firm.invoicing.explain(&documents[0].id).unwrap();
    let said = explained.lines(None).join("\n");
    assert!(devices.iter().all(|device| said.contains(device.as_str())), "{said}");
    assert!(said.contains("90000 x 0.05 per 1000 = 4.50"), "{said}");
}

#[test]
fn g15_billed_in_advance_and_trued_up_with_the_next_invoice() {
    let firm = Firm::since("2026-07-31", "UTC");
    firm.subscribe(10, &[]);
    firm.at("2026-08-01");
    assert_eq!(nets(&firm.close(), "2026-08-01"), [net("base_camera", "600.00")]);
    firm.at("2026-08-20");
    firm.cameras(4);
    firm.at("2026-09-01");
    let documents = firm.close();
    assert_eq!(nets(&documents, "2026-08-01"), [net("base_camera", "92.90")]);
    assert_eq!(nets(&documents, "2026-09-01"), [net("base_camera", "840.00")]);
    assert_eq!((documents.len(), documents[0].totals.net_minor), (1, 93_290));
    assert_eq!(documents[0].lines[0].revision, 1);
}

#[test]
fn g17_what_comes_late_is_the_difference_and_nothing_is_no_line() {
    let firm = Firm::by("2026-03-01", "UTC", &with_quota(1_000_000, "exact"));
    firm.subscribe(0, &[]);
    let device = &firm.devices(1)[0];
    firm.at("2026-03-20");
    firm.uses(device, "api_call", "1100000");
    let used = firm.bench.clock.now();
    firm.at("2026-04-01");
    assert_eq!(nets(&firm.close(), "2026-03-01"), [net("api_call_overage", "5.00")]);
    firm.used_at(device, "api_call", "60013", used);
    firm.at("2026-05-01");
    assert_eq!(nets(&firm.close(), "2026-03-01"), [net("api_call_overage", "3.00")]);
    firm.used_at(device, "api_call", "10", used);
    firm.at("2026-06-01");
    assert_eq!(nets(&firm.close(), "2026-03-01"), []);
}

#[test]
fn what_comes_within_400_days_is_billed_whatever_day_its_period_began_on() {
    let firm = Firm::by("2026-02-01", "UTC", &with_quota(0, "exact"));
    firm.subscribe(0, &[]);
    let device = &firm.devices(1)[0];
    firm.at("2027-03-31");
    firm.close();
    // That is the 25th of February, and February began more than 400 days before March does.
    firm.used_at(device, "api_call", "1000000", firm.bench.clock.now().saturating_add(-399 * 86_400));
    firm.at("2027-04-01");
    assert_eq!(nets(&firm.close(), "2026-02-01"), [net("api_call_overage", "50.00")]);
}

#[test]
fn g19_periods_follow_an_anchor() {
    let firm = Firm::since("2026-01-31", "UTC");
    firm.subscribe(1, &[]);
    firm.profile(r#","anchor":"2026-01-31""#).unwrap();
    firm.at("2026-04-30");
    let closed = firm.invoicing.close(&firm.tenant, None).unwrap();
    let periods: Vec<Days> = closed.iter().map(|closed| closed.period).collect();
    let days = |from: &str, to: &str| Days { from: day(from), to: day(to) };
    let expected = [
        days("2026-01-31", "2026-02-28"),
        days("2026-02-28", "2026-03-31"),
        days("2026-03-31", "2026-04-30"),
    ];
    assert_eq!(periods, expected);
    let lengths = periods.iter().map(|period| (period.to - period.from).num_days());
    assert_eq!(lengths.collect::<Vec<_>>(), [28, 31, 30]);
}

#[test]
fn a_partial_first_period_includes_its_part_rounded_up() {
    // 15 of 31 days of 50,000: 24,193.5..., and so 24,194.
    let firm = Firm::since("2026-01-17", "UTC");
    firm.subscribe(0, &[]);
    firm.at("2026-01-20");
    firm.uses(&firm.devices(1)[0], "api_call", "124194");
    firm.at("2026-02-01");
    assert_eq!(nets(&firm.close(), "2026-01-01"), [net("api_call_overage", "5.00")]);
}

#[test]
fn agreed_prices_apply_from_the_next_period_or_at_once() {
    let agreed = |amount: &str, at_once| {
        Some(crate::storage::Agreed { amount: amount.parse().unwrap(), per: None, at_once })
    };
    let firm = Firm::since("2026-03-01", "UTC");
    firm.subscribe(8, &[]);
    firm.at("2026-03-10T09:00:00Z");
    firm.change(&ChangeOrder {
        prices: vec![("base_camera".into(), agreed("66", false))],
        ..ChangeOrder::default()
    });
    firm.at("2026-04-01");
    let march = firm.close();
    assert_eq!(nets(&march, "2026-03-01"), [net("base_camera", "480.00")]);
    assert_eq!(nets(&march, "2026-04-01"), [net("base_camera", "528.00")]);
    firm.at("2026-04-16T09:00:00Z");
    firm.change(&ChangeOrder {
        prices: vec![("base_camera".into(), agreed("72", true))],
        ..ChangeOrder::default()
    });
    firm.at("2026-05-01");
    let april = firm.close();
    // 8 x 66 x 15/30 = 264 of which 528 are billed; 8 x 72 x 15/30 = 288.
    assert_eq!(
        nets(&april, "2026-04-01"),
        [net("base_camera@2026-04-16", "288.00"), net("base_camera", "-264.00")]
    );
    assert_eq!(nets(&april, "2026-05-01"), [net("base_camera", "576.00")]);
}

#[test]
fn what_comes_later_has_the_price_that_was_agreed_before_it_came() {
    let agreed = |name: &str, amount: &str| {
        let agreed = crate::storage::Agreed { amount: amount.parse().unwrap(), per: None, at_once: false };
        (name.to_owned(), Some(agreed))
    };
    let firm = Firm::since("2026-03-01", "UTC");
    firm.subscribe(0, &["intelligence=350"]);
    firm.at("2026-03-05");
    firm.change(&ChangeOrder { remove_packs: vec!["intelligence".into()], ..ChangeOrder::default() });
    firm.at("2026-03-10");
    let prices = vec![agreed("analyst_seat", "100"), agreed("base_camera", "50")];
    let cameras = Some(QuantityDelta::To(5));
    firm.change(&ChangeOrder { prices, cameras, ..ChangeOrder::default() });
    firm.at("2026-03-12");
    let packs = vec![("intelligence".into(), None)];
    let items = vec![("analyst_seat".into(), QuantityDelta::To(2))];
    firm.change(&ChangeOrder { packs, items, ..ChangeOrder::default() });
    firm.at("2026-04-01");
    let expected = [
        // 2 x 100 x 20/31, 5 x 50 x 22/31, 400 x 20/31, 350 x 4/31.
        net("analyst_seat@2026-03-12", "129.03"),
        net("base_camera@2026-03-10", "177.42"),
        net("intelligence", "45.16"),
        net("intelligence@2026-03-12", "258.06"),
    ];
    let mut found = nets(&firm.close(), "2026-03-01");
    found.sort();
    assert_eq!(found, expected);
}

#[test]
fn what_a_later_catalogue_sells_first_is_billed_from_its_day_on() {
    let mut firm = Firm::since("2026-04-01", "UTC");
    firm.subscribe(1, &[]);
    firm.at("2026-04-01T09:00:00Z");
    let more = DEFAULT.replacen("version = 1\n", "version = 2\nsupersedes = 1\nfrom = \"2026-04-01\"\n", 1);
    let more = more.replacen(
        "[prices] ",
        "[prices] # and\nonboarding = { amount = \"900\", per = 1, unit = \"tenant\", every = \"once\" }\n# ",
        1,
    );
    let later = Catalog::parse(&more).unwrap();
    firm.invoicing.catalogs = Versions::new(vec![firm.catalog.clone(), later.clone()]).unwrap();
    firm.bench.admin.catalog = later;
    let mut order = order(Some(1), &[]);
    order.items = vec![("onboarding".into(), 1)];
    firm.bench.admin.set_subscription(&firm.tenant, &order).unwrap();
    firm.at("2026-05-01");
    let documents = firm.close();
    assert_eq!(nets(&documents, "2026-04-01"), [net("base_camera", "60.00"), net("onboarding", "900.00")]);
}

#[test]
fn devices_are_charged_from_activation_until_they_are_retired_and_items_once_or_by_the_year() {
    let bench = Bench::with(2, &[]);
    // The customer of the bench has euros; every price that is used is agreed.
    let agreed = |name: &str, amount: &str| {
        (
            name.to_owned(),
            Some(crate::storage::Agreed { amount: amount.parse().unwrap(), per: None, at_once: true }),
        )
    };
    let tenant: TenantId = crate::testkit::TENANT.parse().unwrap();
    let order = ChangeOrder {
        prices: vec![
            agreed("base_camera", "10"),
            agreed("device_basic", "31"),
            agreed("vms_connector_setup", "500"),
            agreed("vms_connector", "75"),
            agreed("api_call_overage", "1"),
        ],
        items: vec![
            ("vms_connector_setup".into(), QuantityDelta::To(1)),
            ("vms_connector".into(), QuantityDelta::To(1)),
        ],
        ..ChangeOrder::default()
    };
    bench.admin.change_subscription(&tenant, &order, &Entry::default(), &Keeping::all()).unwrap();
    let catalog = Catalog::embedded().unwrap();
    let invoicing = Invoicing {
        storage: bench.admin.storage.clone(),
        accepts_catalogs: false,
        catalogs: Versions::new(vec![catalog.clone()]).unwrap(),
        meters: catalog.meters,
        clock: bench.clock.clone(),
        actor: Actor("test".into()),
    };
    // 2026-03-11 00:30 in Berlin.
    bench.pass(10 * 86_400 - 1800);
    let edge = bench.activated();
    bench.pass(30 * 86_400);
    let april = invoicing.close(&tenant, None).unwrap();
    let documents: Vec<Document> = april.into_iter().flat_map(|closed| closed.documents).collect();
    let found: Vec<_> = nets(&documents, "2026-03-01");
    // The subscription began at 01:00 of the first in Berlin, so that the whole of March is billed.
    let expected = [
        net("base_camera", "20.00"),
        net("device_basic", "21.00"),
        net("vms_connector", "75.00"),
        net("vms_connector_setup", "500.00"),
    ];
    assert_eq!(found, expected);
    let device =
        of(&documents, "2026-03-01").into_iter().find(|line| &*line.price == "device_basic").unwrap();
    assert!(serde_json::to_string(&device.detail).unwrap().contains(edge.id().as_str()), "by its name");
    bench
        .admin
        .retire(&crate::retirement::RetirementOrder {
            device: edge.id(),
            reason: Some("gone".into()),
            accept_overlap: false,
            successor: crate::retirement::Successor::None,
        })
        .unwrap();
    bench.pass(60 * 86_400);
    let later: Vec<Document> =
        invoicing.close(&tenant, None).unwrap().into_iter().flat_map(|closed| closed.documents).collect();
    assert_eq!(only(&later, "2026-05-01", "device_basic"), Vec::<String>::new());
    assert!(of(&later, "2026-04-01").iter().any(|line| &*line.price == "device_basic" && line.net_minor < 0));
}

#[test]
fn r15_a_device_that_goes_to_another_customer_is_paid_for_once_a_day() {
    // It goes on the 11th at 15:00 in New York: 12:00 of that day in Los Angeles, 04:00 of the next in Tokyo.
    for (zone, billed_from) in [
        ("America/New_York", "2026-03-12T04:00:00Z"),
        ("America/Los_Angeles", "2026-03-12T07:00:00Z"),
        ("Asia/Tokyo", "2026-03-11T15:00:00Z"),
    ] {
        moves_on_the_11th(zone, billed_from);
    }
}

/// A customer like the firm, in a zone of its own; a device is a dollar a day to both in March.
fn another(firm: &Firm, zone: &str) -> TenantId {
    let other = TenantOrder {
        id: "other".parse().unwrap(),
        name: "Other".into(),
        timezone: zone.into(),
        currency: "USD".into(),
    };
    let other = firm.bench.admin.create_tenant(other).unwrap().id;
    for tenant in [&firm.tenant, &other] {
        firm.bench.admin.set_subscription(tenant, &order(Some(5), &["advanced_analytics"])).unwrap();
        let agreed = crate::storage::Agreed { amount: "31".parse().unwrap(), per: None, at_once: true };
        let prices = vec![("device_basic".to_owned(), Some(agreed))];
        let order = ChangeOrder { prices, ..ChangeOrder::default() };
        firm.bench.admin.change_subscription(tenant, &order, &Entry::default(), &Keeping::all()).unwrap();
    }
    other
}

fn moves_on_the_11th(zone: &str, billed_from: &str) {
    let firm = Firm::since("2026-03-01", "America/New_York");
    let other = another(&firm, zone);
    let activated = |tenant: &TenantId, code: &str| {
        let mut edge = firm.bench.device();
        let request = edge.request(RequestKind::Activate { code: code.to_owned() });
        let answer = firm.bench.issuer.answer(&request, Some(AnswerKind::Activate)).unwrap();
        edge.accept_of(tenant.as_str(), &answer);
        edge.id()
    };
    let code =
        CodeOrder { tenant: firm.tenant.clone(), tier: Tier::Basic, uses: 1, expires: CodeEnd::Hours(168) };
    let made = firm.bench.admin.create_code(&code).unwrap();
    let old = activated(&firm.tenant, made.code.reveal());
    firm.assign(&old, 0..3, &["advanced_analytics"]);
    firm.at("2026-03-11T19:00:00Z");
    let order = |tenant: &TenantId| crate::retirement::RetirementOrder {
        device: old.clone(),
        reason: Some("sold".into()),
        accept_overlap: false,
        successor: crate::retirement::Successor::Elsewhere { tenant: tenant.clone(), expires_hours: 24 },
    };
    let same = firm.bench.admin.retire(&order(&firm.tenant)).unwrap_err();
    assert_eq!(crate::codes::of_admin(&same), "SAME_TENANT");
    assert!(same.to_string().contains("device replace"), "{same}");
    assert!(firm.bench.admin.retire(&order(&"nobody".parse().unwrap())).is_err());
    let (retired, made) = firm.bench.admin.retire(&order(&other)).unwrap();
    let (moved, made) = (retired.transfer.unwrap(), made.unwrap());
    assert_eq!((&moved.tenant, &*moved.billed_from), (&other, billed_from));
    assert_eq!(
        (retired.replaced_by, retired.cameras.len()),
        (None, 3),
        "nobody of the old customer's has them"
    );
    let new = activated(&other, made.code.reveal());
    assert_eq!(moved.device, new);
    firm.assign(&new, 0..3, &["advanced_analytics"]);
    let again = firm.bench.admin.retire(&order(&other)).unwrap_err();
    assert!(again.to_string().contains("retired already"), "{again}");
    firm.at("2026-04-02T12:00:00Z");
    let closed = |tenant: &TenantId| -> Vec<Document> {
        let closed = firm.invoicing.close(tenant, None).unwrap();
        closed.into_iter().flat_map(|closed| closed.documents).collect()
    };
    let days = |documents: &[Document], price: &str| -> i64 {
        of(documents, "2026-03-01")
            .into_iter()
            .filter(|line| &*line.price == price)
            .filter_map(|line| line.unit_days)
            .sum()
    };
    let (theirs, ours) = (closed(&firm.tenant), closed(&other));
    // Of March's 31 days eleven are of whom it was.
    assert_eq!((days(&theirs, "device_basic"), days(&ours, "device_basic")), (11, 20));
    assert_eq!((days(&theirs, "advanced_analytics"), days(&ours, "advanced_analytics")), (33, 60));
}

#[test]
fn g30_what_is_sent_again_and_again_is_accounted_once() {
    let bench = Bench::with(0, &[]);
    let agreed = |name: &str, amount: &str| {
        let agreed = crate::storage::Agreed { amount: amount.parse().unwrap(), per: None, at_once: true };
        (name.to_owned(), Some(agreed))
    };
    let tenant: TenantId = crate::testkit::TENANT.parse().unwrap();
    let prices = vec![agreed("device_basic", "0"), agreed("api_call_overage", "1")];
    let order = ChangeOrder { prices, ..ChangeOrder::default() };
    bench.admin.change_subscription(&tenant, &order, &Entry::default(), &Keeping::all()).unwrap();
    let mut edge = bench.metering();
    let begun = edge.journal().last().head.seq;
    for _ in 0..1500 {
        edge.journal().record("api_call", "cam-1", 1000);
    }
    edge.journal().batch_max = 1000;
    for settled in [0, 0, 0, 500] {
        edge.journal().last_mut().settled = begun + settled;
        edge.exchange(&bench.issuer).unwrap();
    }
    assert_eq!(edge.told().cursors[0].seq, begun + 1500, "the next is 1501");
    let catalog = Catalog::parse(&with_quota(0, "exact")).unwrap();
    let invoicing = Invoicing {
        storage: bench.admin.storage.clone(),
        accepts_catalogs: false,
        meters: catalog.meters.clone(),
        catalogs: Versions::new(vec![catalog]).unwrap(),
        clock: bench.clock.clone(),
        actor: Actor("test".into()),
    };
    bench.pass(40 * 86_400);
    let closed = invoicing.close(&tenant, None).unwrap();
    let documents: Vec<Document> = closed.into_iter().flat_map(|closed| closed.documents).collect();
    assert_eq!(nets(&documents, "2026-03-01"), [net("api_call_overage", "1.50")]);
    assert_eq!(of(&documents, "2026-03-01")[0].quantity, "1500");
}

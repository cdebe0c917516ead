use crate::desired::{Mint, desired};
use crate::shown::shown;
use crate::storage::SeatsKnown;
use crate::testkit::{Bench, DAY, START, TENANT, names, order};
use brink_license::token::{Mode, Over, Seats};
use brink_license::{Typ, UnixSeconds};

#[test]
fn the_token_says_what_was_subscribed_and_assigned() {
    let bench = Bench::with(10, &["Advanced Analytics", "retail=49.00", "intelligence"]);
    let made = bench.code(1);
    let device = &made.devices[0];
    bench.assign(device, &names("a", 0..3), &["Advanced Analytics", "retail"]);
    bench.assign(device, &names("b", 0..2), &[]);
    let mut edge = bench.device();
    edge.activate(&bench.issuer, made.code.reveal()).unwrap();
    let claims = edge.claims();
    assert_eq!(claims.mode, Mode::Base);
    let grants: Vec<_> = claims
        .grants
        .iter()
        .map(|grant| {
            let packs: Vec<_> = grant.packs.iter().map(|pack| pack.as_str()).collect();
            match &grant.seats {
                Seats::Cameras(cameras) => (cameras.len(), packs.join("+")),
                Seats::Any(count) => (*count as usize, format!("any {}", packs.join("+"))),
            }
        })
        .collect();
    let expected = [(2, "base"), (3, "base+advanced_analytics+retail"), (5, "any base")];
    assert_eq!(grants, expected.map(|(count, packs)| (count, packs.to_owned())));
    assert_eq!(claims.device.packs.iter().map(|pack| pack.as_str()).collect::<Vec<_>>(), ["intelligence"]);
    let named: Vec<_> = claims.packs.keys().map(|pack| pack.as_str()).collect();
    assert_eq!(named, ["advanced_analytics", "base", "intelligence", "retail"]);
    assert_eq!(claims.exp.since(claims.iat), 30 * DAY);
    assert_eq!((claims.grace, claims.offline_max, claims.refresh), (7 * 86_400, 30 * 86_400, 300));
    let quotas: Vec<_> = claims.quotas.iter().map(|q| (q.meter.as_str(), q.limit, q.over)).collect();
    // 250,000 of base and five included seats of 250,000 each.
    assert_eq!(quotas, [("api_call", 50_000, Over::Allow), ("llm_token", 1_500_000, Over::Allow)]);
    // Berlin goes to summer time on 2026-03-29 at 01:00 UTC, within the licence's life.
    let zone: Vec<_> = claims.zone.iter().map(|z| (z.from.as_i64(), z.offset_seconds)).collect();
    assert_eq!(zone, [(START, 3600), (1_774_746_000, 7200)]);
}

#[test]
fn the_header_is_exactly_alg_kid_and_typ_and_the_number_is_the_digest_of_nothing() {
    let bench = Bench::with(10, &[]);
    let edge = bench.activated();
    let token = edge.licence.as_ref().unwrap().token();
    let header = brink_license::b64::decode(token.split('.').next().unwrap().as_bytes()).unwrap();
    let header: serde_json::Value = serde_json::from_slice(&header).unwrap();
    let kid = edge.licence.as_ref().unwrap().kid().to_string();
    let expected = serde_json::json!({ "alg": "EdDSA", "kid": kid, "typ": Typ::License.as_str() });
    assert_eq!(header, expected);
}

#[test]
fn two_thousand_cameras_fit_in_one_token() {
    let bench = Bench::with(2_000, &["advanced_analytics"]);
    let made = bench.code(1);
    let long: Vec<String> = (0..2_000).map(|n| format!("{n:032x}")).collect();
    bench.assign(&made.devices[0], &long[..1_000], &["advanced_analytics"]);
    bench.assign(&made.devices[0], &long[1_000..], &[]);
    let mut edge = bench.device();
    edge.activate(&bench.issuer, made.code.reveal()).unwrap();
    assert_eq!(edge.seats(), (2_000, 0));
    assert!(edge.licence.as_ref().unwrap().token().len() < 128 * 1024);
}

#[test]
fn more_than_a_token_can_hold_is_refused_naming_device_and_count() {
    let bench = Bench::with(20_000, &[]);
    let made = bench.code(1);
    bench.assign(&made.devices[0], &names("cam", 0..17_000), &[]);
    let refusal = bench.device().activate(&bench.issuer, made.code.reveal()).unwrap_err();
    let message = refusal.to_string();
    assert_eq!(refusal.code(), "UNLICENSABLE");
    assert!(message.contains(made.devices[0].as_str()) && message.contains("17000 cameras"), "{message}");
    let edge_names: Vec<String> = (0..3_000).map(|n| format!("{n:0250}")).collect();
    let other = Bench::with(20_000, &[]);
    let made = other.code(1);
    other.assign(&made.devices[0], &edge_names, &[]);
    let message = other.device().activate(&other.issuer, made.code.reveal()).unwrap_err().to_string();
    assert!(message.contains("3000 cameras") && message.contains("bytes"), "{message}");
}

#[test]
fn a_trial_grants_trial_never_base_and_ends_when_it_ends() {
    let bench = Bench::new();
    let tenant = TENANT.parse().unwrap();
    let row = bench.admin.set_subscription(&tenant, &order(None, &[])).unwrap();
    let ends_at = row.terms.trial.unwrap().ends_at;
    // Midnight of 2026-06-01 in Berlin.
    assert_eq!(ends_at, UnixSeconds::new(1_780_264_800));
    let made = bench.code(1);
    bench.assign(&made.devices[0], &names("cam", 0..1), &["trial"]);
    let mut edge = bench.device();
    edge.activate(&bench.issuer, made.code.reveal()).unwrap();
    assert_eq!((edge.claims().mode, edge.seats()), (Mode::Trial, (1, 1)));
    assert_eq!(edge.claims().packs.keys().map(|p| p.as_str()).collect::<Vec<_>>(), ["trial"]);
    assert_eq!(edge.claims().quotas[0].over, Over::Deny);
    bench.pass(80 * DAY);
    assert!(edge.exchange(&bench.issuer).unwrap());
    assert_eq!(edge.claims().exp, ends_at, "no token outlives the trial");
    for _ in 0..3 {
        bench.pass(3 * DAY);
        assert!(!edge.exchange(&bench.issuer).unwrap(), "nothing is gained by renewing");
    }
    bench.pass(20 * DAY);
    assert!(!edge.exchange(&bench.issuer).unwrap(), "after the end a receipt still comes, and no licence");
    bench.subscribe(5, &[]);
    assert!(edge.exchange(&bench.issuer).unwrap());
    assert_eq!((edge.claims().mode, edge.seats()), (Mode::Base, (1, 4)));
}

#[test]
fn a_pack_that_was_dropped_is_no_longer_granted_and_shown_as_withheld() {
    let bench = Bench::with(10, &["advanced_analytics"]);
    let mut edge = bench.activated();
    bench.assign(&edge.id(), &names("cam", 0..2), &["advanced_analytics"]);
    edge.exchange(&bench.issuer).unwrap();
    assert!(edge.claims().packs.keys().any(|pack| pack.as_str() == "advanced_analytics"));
    bench.subscribe(10, &[]);
    edge.exchange(&bench.issuer).unwrap();
    assert_eq!(edge.claims().packs.keys().map(|p| p.as_str()).collect::<Vec<_>>(), ["base"]);
    let answering = bench.issuer.answering().unwrap();
    let view = bench.view(&edge.id());
    let wanted = desired(&answering.mint_terms(), &view).unwrap();
    assert_eq!(wanted.packs_withheld[0].as_str(), "advanced_analytics");
}

#[test]
fn show_tells_minted_from_desired_and_names_the_holders_of_withheld_seats() {
    let bench = Bench::with(10, &[]);
    let mut first = bench.activated();
    assert_eq!(first.seats(), (0, 10));
    let second = bench.code(1);
    bench.assign(&second.devices[0], &names("cam", 0..4), &[]);
    let show = || {
        let answering = bench.issuer.answering().unwrap();
        let Mint { issuer, catalog, keyset_version, now } = answering.mint_terms();
        let holders = bench.admin.storage.holders(&second.devices[0], now, 16).unwrap();
        let mint = Mint { issuer, catalog, keyset_version, now };
        shown(&mint, &bench.view(&second.devices[0]), (holders, SeatsKnown::default()), false).unwrap()
    };
    let before = show();
    let withheld = before.desired.as_ref().unwrap().withheld.as_ref().unwrap();
    assert_eq!((withheld.cameras.len(), withheld.held_by[0].held), (4, 10));
    assert_eq!(withheld.held_by[0].device, first.id());
    assert!(before.minted.is_none() && before.differs);
    first.exchange(&bench.issuer).unwrap();
    assert_eq!(first.seats(), (0, 3), "six unnamed seats are shared by two");
    assert!(show().desired.unwrap().withheld.is_some(), "not given back before it is confirmed");
    first.exchange(&bench.issuer).unwrap();
    let after = show();
    assert!(after.desired.as_ref().unwrap().withheld.is_none());
    let json = serde_json::to_value(&after).unwrap();
    assert_eq!(json["desired"]["named"], 4);
}

#[test]
fn shown_deadlines_are_both_seconds_and_rfc_3339_and_the_token_only_on_demand() {
    let bench = Bench::with(10, &[]);
    let edge = bench.activated();
    let answering = bench.issuer.answering().unwrap();
    let show = |token| {
        let shown = shown(
            &answering.mint_terms(),
            &bench.view(&edge.id()),
            (Vec::new(), SeatsKnown::default()),
            token,
        )
        .unwrap();
        serde_json::to_value(&shown).unwrap()
    };
    let json = show(false);
    assert_eq!(json["minted"]["exp"], START + 30 * DAY);
    assert_eq!(json["minted"]["expires_at"], "2026-03-31T00:00:00Z");
    assert_eq!(json["minted"]["ends_at"], "2026-04-07T00:00:00Z");
    assert_eq!((&json["minted"]["token"], &json["differs"]), (&serde_json::Value::Null, &false.into()));
    assert_eq!(show(true)["minted"]["token"], edge.licence.as_ref().unwrap().token());
}

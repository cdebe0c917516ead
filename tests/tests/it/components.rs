//! The rules of component factories, held against the catalogue that the issuer sells by: a trial, a paid licence, one with
//! an industry pack more, one that is over, and none.

use crate::gate_handles::{in_force, open};
use brink_issuer::catalog::Catalog;
use brink_license::token::{DeviceGrant, Enforce, Grant, LicenceClaims, Mode, Seats};
use brink_license::{
    CameraId, Code, Component, ComponentDecision, Feature, Flags, IdList, Reason, Slug, UnixSeconds, Verdict,
};
use brink_store::gate::find;
use brink_store::{Gate, component_allowed};
use brink_tests::forge::{self, DAY};
use proptest::prelude::*;
use std::collections::BTreeSet;

const CAMERA: &str = "cam-000";

/// A licence whose two cameras have these packs of the default catalogue.
fn sold(mode: Mode, packs: &[&str]) -> LicenceClaims {
    let catalog = Catalog::embedded().unwrap();
    let packs: Vec<_> = packs.iter().map(|name| catalog.pack(name).unwrap()).collect();
    let features = |features: &[Feature]| -> IdList<Feature> { features.iter().collect() };
    let mut claims = LicenceClaims { mode, device: DeviceGrant::default(), ..in_force(2, 1) };
    claims.packs = packs.iter().map(|pack| (pack.slug.clone(), features(&pack.features))).collect();
    let slugs: Vec<Slug> = packs.iter().map(|pack| pack.slug.clone()).collect();
    claims.grants.iter_mut().for_each(|grant| grant.packs = slugs.clone());
    claims
}

/// What a licence says of a component: nothing missing, or the feature.
fn missing(gate: &Gate, (kind, subtype, classes): (&str, &str, &[&str])) -> Option<String> {
    let component = Component { kind, subtype, classes };
    let decided = gate.check_component(CAMERA, &component).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(decided.allowed(), decided.missing.is_none(), "{kind} {subtype}: {decided:?}");
    assert_eq!(component_allowed(Some(gate), CAMERA, &component), Ok(decided.clone()));
    decided.missing.map(|feature| feature.to_string())
}

/// From which pack on a component may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Sold {
    Trial,
    Base,
    ActiveTransport,
    /// Packs that none of these licences has.
    Other,
}

type Row = (&'static str, &'static str, &'static [&'static str], &'static str, Sold);

/// Every component, the classes that it is asked with, the feature that it lacks below its pack, and that pack.
const ROWS: [Row; 38] = [
    ("source", "rtsp", &[], "", Sold::Trial),
    ("source", "file", &[], "", Sold::Trial),
    ("processor", "detection", &["person"], "analytics/detection", Sold::Trial),
    ("processor", "object_detection", &["person", "car", "bus"], "analytics/detection", Sold::Trial),
    ("processor", "object_detection", &["person", "bike"], "cv_models/bike", Sold::ActiveTransport),
    ("processor", "object_detection", &["bicycle"], "cv_models/bike", Sold::ActiveTransport),
    ("processor", "object_detection", &["stroller"], "cv_models/pram", Sold::ActiveTransport),
    ("processor", "object_detection", &["police"], "cv_models/police", Sold::Other),
    ("processor", "object_detection", &["person", "giraffe"], "cv_models/giraffe", Sold::Other),
    ("processor", "tracking", &[], "analytics/tracking", Sold::Trial),
    ("processor", "counting", &[], "analytics/counting", Sold::Trial),
    ("processor", "counting", &["wheelchair"], "cv_models/wheelchair", Sold::ActiveTransport),
    ("processor", "dwell", &[], "analytics/dwell", Sold::Trial),
    ("processor", "heatmap", &[], "analytics/heatmap", Sold::Trial),
    ("processor", "direction", &[], "analytics/direction", Sold::Trial),
    ("processor", "speed", &[], "analytics/speed", Sold::Trial),
    ("processor", "privacy_mask", &[], "analytics/privacy_mask", Sold::Trial),
    ("processor", "line_zone", &[], "analytics/line_zone", Sold::Base),
    ("processor", "line_zone_manager", &["car"], "analytics/line_zone", Sold::Base),
    ("processor", "polygon_zone", &[], "analytics/polygon_zone", Sold::Base),
    ("processor", "polygon_zone_manager", &[], "analytics/polygon_zone", Sold::Base),
    ("processor", "near_miss", &[], "analytics/near_miss", Sold::Other),
    ("processor", "interaction_time", &[], "analytics/interaction_time", Sold::Other),
    ("processor", "queue_counter", &[], "analytics/queue_counter", Sold::Other),
    ("processor", "object_size", &[], "analytics/object_size", Sold::Other),
    ("processor", "age_gender_detection", &[], "analytics/age_gender_detection", Sold::ActiveTransport),
    ("sink", "file", &[], "outputs/file_sink", Sold::Trial),
    ("sink", "file_sink", &[], "outputs/file_sink", Sold::Trial),
    ("sink", "database", &[], "outputs/database_sink", Sold::Base),
    ("sink", "database_sink", &[], "outputs/database_sink", Sold::Base),
    ("sink", "edge_io", &[], "outputs/edge_io", Sold::Trial),
    ("sink", "dashboard", &[], "outputs/dashboard", Sold::Trial),
    ("sink", "email", &[], "outputs/email", Sold::Trial),
    ("sink", "webhook", &[], "outputs/webhook", Sold::Trial),
    ("sink", "api", &[], "outputs/api", Sold::Trial),
    ("sink", "sms", &[], "outputs/sms", Sold::Other),
    ("sink", "cloud_export", &[], "outputs/cloud_export", Sold::Other),
    ("sink", "vms_connectors", &[], "outputs/vms_connectors", Sold::Other),
];

fn component(row: &Row) -> Component<'static> {
    Component { kind: row.0, subtype: row.1, classes: row.2 }
}

#[test]
fn every_rule_is_kept_by_a_trial_a_paid_licence_and_one_with_a_pack_more() {
    let licences = [
        (Sold::Trial, sold(Mode::Trial, &["trial"])),
        (Sold::Base, sold(Mode::Base, &["base"])),
        // By its display name, as the issuer may be asked; the licence names the slug.
        (Sold::ActiveTransport, sold(Mode::Base, &["base", "Active Transport"])),
    ];
    for (licence, claims) in licences {
        let (_dir, _path, gate) = open(&claims);
        for row in &ROWS {
            let lacks = (licence < row.4).then(|| row.3.to_owned());
            assert_eq!(missing(&gate, (row.0, row.1, row.2)), lacks, "{licence:?}: {row:?}");
        }
    }
}

#[test]
fn the_rules_are_of_the_catalogue_and_none_of_its_analytics_or_outputs_is_without_one() {
    let catalog = Catalog::embedded().unwrap();
    let packs =
        ["base", "trial", "advanced_analytics", "integration", "active_transport", "emergency_vehicles"];
    let sold: BTreeSet<String> = packs
        .iter()
        .flat_map(|pack| &catalog.pack(pack).unwrap().features)
        .map(ToString::to_string)
        .collect();
    let ruled: BTreeSet<&str> = ROWS.iter().map(|row| row.3).filter(|feature| !feature.is_empty()).collect();
    let unsold: Vec<_> = ruled.iter().filter(|feature| !sold.contains(**feature)).collect();
    assert_eq!(unsold, [&"cv_models/giraffe"], "no pack has what these components need");
    let parts =
        sold.iter().filter(|feature| feature.starts_with("analytics/") || feature.starts_with("outputs/"));
    let bare: Vec<_> = parts.filter(|feature| !ruled.contains(feature.as_str())).collect();
    assert!(bare.is_empty(), "no component needs {bare:?}: add rules to core/license/src/component/rules.rs");
}

#[test]
fn without_a_licence_nothing_is_made_not_even_a_source() {
    let dir = tempfile::tempdir().unwrap();
    let gate = Gate::open(dir.path().join("absent.bundle"), forge::anchor()).unwrap();
    for row in &ROWS {
        let decided = gate.check_component(CAMERA, &component(row)).unwrap();
        assert_eq!((decided.allowed(), decided.decision.reason), (false, Reason::Unlicensed), "{row:?}");
        assert_eq!(decided.missing, None);
    }
}

/// The answer of a licence at a moment of the test's choice.
fn at(gate: &Gate, camera: &str, row: &Row, now: UnixSeconds) -> ComponentDecision {
    let status = gate.status().unwrap();
    let needs = component(row).needs().unwrap();
    status.table().decide_component(status.standing(), camera, &needs, now)
}

#[test]
fn a_licence_that_is_over_or_has_not_begun_makes_nothing_and_grace_is_flagged() {
    let claims = sold(Mode::Base, &["base"]);
    let (_dir, _path, gate) = open(&claims);
    let ends = gate.status().unwrap().standing().window.closes_at();
    for row in ROWS.iter().filter(|row| row.4 <= Sold::Base) {
        let over = at(&gate, CAMERA, row, ends);
        assert_eq!(
            (over.allowed(), over.decision.reason, over.missing),
            (false, Reason::Expired, None),
            "{row:?}"
        );
        let before = at(&gate, CAMERA, row, claims.nbf.saturating_add(-1000 * DAY));
        assert_eq!((before.allowed(), before.decision.reason), (false, Reason::NotYetValid), "{row:?}");
        let grace = at(&gate, CAMERA, row, ends.saturating_add(-1));
        assert!(grace.allowed() && grace.decision.flags.contains(Flags::GRACE), "{row:?}");
        assert_eq!(grace.decision.until, Some(ends), "{row:?}");
    }
}

#[test]
fn a_grant_that_is_over_and_a_camera_without_one_make_nothing_either() {
    let mut claims = sold(Mode::Base, &["base"]);
    let until = claims.iat.saturating_add(DAY);
    claims.grants[1].until = Some(until);
    let (_dir, _path, gate) = open(&claims);
    for row in ROWS.iter().filter(|row| row.4 <= Sold::Base) {
        let last = at(&gate, "cam-001", row, until.saturating_add(-1));
        assert_eq!((last.allowed(), last.decision.until), (true, Some(until)), "{row:?}");
        let over = at(&gate, "cam-001", row, until);
        assert_eq!((over.allowed(), over.decision.reason, over.missing), (false, Reason::GrantEnded, None));
        for camera in ["cam-999", "", "CAM-000", "cam-000 "] {
            let unknown = at(&gate, camera, row, until);
            assert_eq!((unknown.allowed(), unknown.decision.reason), (false, Reason::CameraNotLicensed));
        }
    }
}

#[test]
fn who_has_no_gate_or_a_closed_one_is_denied_under_every_profile() {
    for enforce in [Enforce::Observe, Enforce::Warn, Enforce::Degrade, Enforce::Deny] {
        let claims = LicenceClaims { enforce, ..sold(Mode::Base, &["base", "active_transport"]) };
        let (_dir, _path, gate) = open(&claims);
        let open = find(gate.id()).unwrap();
        for row in ROWS.iter().filter(|row| row.4 != Sold::Other) {
            let needs = component(row).needs().unwrap();
            assert!(open.check_component(CAMERA, &needs).allowed(), "{row:?}");
            let refused = ComponentDecision::refused(Reason::NeedsReopen);
            assert_eq!(component_allowed(None, CAMERA, &component(row)), Ok(refused.clone()));
        }
        drop(gate);
        for row in &ROWS {
            let closed = open.check_component(CAMERA, &component(row).needs().unwrap());
            assert_eq!(closed, ComponentDecision::refused(Reason::NeedsReopen), "{row:?}");
            assert!(!closed.allowed());
        }
    }
}

#[test]
fn a_profile_softens_what_the_licence_lacks_and_not_what_no_rule_names() {
    let near_miss = ("processor", "near_miss", &[][..]);
    for (enforce, allowed, flags) in [
        (Enforce::Observe, true, Flags::NONE),
        (Enforce::Warn, true, Flags::WARNED),
        (Enforce::Degrade, false, Flags::KEEP_RUNNING),
        (Enforce::Deny, false, Flags::NONE),
    ] {
        let (_dir, _path, gate) = open(&LicenceClaims { enforce, ..sold(Mode::Base, &["base"]) });
        let (kind, subtype, classes) = near_miss;
        let decided = gate.check_component(CAMERA, &Component { kind, subtype, classes }).unwrap();
        assert_eq!((decided.allowed(), decided.decision.verdict), (allowed, Verdict::Deny), "{enforce:?}");
        assert!(decided.decision.flags.contains(flags));
        assert_eq!(decided.missing.as_ref().map(Feature::as_str), Some("analytics/near_miss"));
        for (kind, subtype) in
            [("processor", "near miss"), ("Sink", "file"), ("processor", "Active Transport")]
        {
            let refused = gate.check_component(CAMERA, &Component { kind, subtype, classes });
            assert_eq!(refused.unwrap_err().code(), Code::UnknownComponent, "{kind} {subtype}");
        }
        let bare = Component { kind: "processor", subtype: "detection", classes: &[] };
        assert_eq!(gate.check_component(CAMERA, &bare).unwrap_err().code(), Code::ClassesMissing);
    }
}

/// Cameras of one licence, each with features of its own, and what they are.
fn various(sets: &[BTreeSet<String>]) -> LicenceClaims {
    let mut claims = LicenceClaims { device: DeviceGrant::default(), ..in_force(0, 1) };
    claims.packs.clear();
    claims.grants.clear();
    for (number, features) in sets.iter().enumerate() {
        let pack = Slug::parse(&format!("pack-{number}")).unwrap();
        let features: IdList<Feature> = features.iter().map(|name| Feature::parse(name).unwrap()).collect();
        claims.packs.insert(pack.clone(), features);
        let cameras = [CameraId::parse(&format!("cam-{number:03}")).unwrap()];
        claims.grants.push(Grant {
            seats: Seats::Cameras(cameras.iter().collect()),
            packs: vec![pack],
            until: None,
        });
    }
    claims
}

/// Every feature that a row asks for, and some that none does.
fn names() -> Vec<String> {
    let rows =
        ROWS.iter().flat_map(|row| component(row).needs().unwrap().features().cloned().collect::<Vec<_>>());
    let names: BTreeSet<String> = rows.map(|feature| feature.to_string()).collect();
    names.into_iter().chain(["llm/analyst_seat_full".into(), "analytics/detect".into()]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_component_is_allowed_where_each_of_its_features_is_and_nothing_unknown_ever_is(
        sets in prop::collection::vec(prop::sample::subsequence(names(), 1..names().len()), 1..8),
        unknown in prop::collection::vec((".{0,16}", "[a-z_ ]{0,20}", ".{0,16}"), 16),
    ) {
        let sets: Vec<BTreeSet<String>> = sets.into_iter().map(|set| set.into_iter().collect()).collect();
        let (_dir, _path, gate) = open(&various(&sets));
        for (number, set) in sets.iter().enumerate() {
            let camera = format!("cam-{number:03}");
            for row in &ROWS {
                let needs = component(row).needs().unwrap();
                let first = needs.features().find(|feature| !set.contains(feature.as_str()));
                let decided = gate.check_component(&camera, &component(row)).unwrap();
                prop_assert_eq!(decided.allowed(), first.is_none(), "{} {:?}", camera, row);
                prop_assert_eq!(decided.missing.as_ref(), first);
            }
            for (kind, subtype, class) in &unknown {
                let asked = [(&**kind, &**subtype), ("processor", subtype), (kind, "counting"), ("sink", kind)];
                for (kind, subtype) in asked.into_iter().filter(|(kind, subtype)| !is_known(kind, subtype)) {
                    let refused = gate.check_component(&camera, &Component { kind, subtype, classes: &["person"] });
                    prop_assert_eq!(refused.map_err(|error| error.code()), Err(Code::UnknownComponent));
                }
                let odd = Component { kind: "processor", subtype: "counting", classes: &[class] };
                let told = gate.check_component(&camera, &odd);
                let has = set.contains(&format!("cv_models/{class}"));
                prop_assert!(told.map_or(true, |told| !told.allowed() || has), "{:?}", class);
            }
        }
    }
}

fn is_known(kind: &str, subtype: &str) -> bool {
    ROWS.iter().any(|row| (row.0, row.1) == (kind, subtype))
}

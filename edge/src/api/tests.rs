//! The answers at any moment of a licence's life. Time is an argument, so that nothing here depends on today.

use super::desk::Desk;
use super::door::Door;
use super::options::Options;
use super::refusal::Refusal;
use super::route::{Input, Route, Work};
use super::server::{Around, desk};
use super::table::table;
use super::{ROOT, document};
use crate::exchange::Device;
use crate::exchange::test_issuer::{DAY, Parts, TestIssuer, at};
use crate::local::Peer;
use crate::look::Look;
use crate::view::View;
use brink_license::clock::{BootId, Reading};
use brink_license::token::{Enforce, LicenceClaims, LicenceStanding, Mode, Over, Period, Quota};
use brink_license::{CameraId, Feature, Slug};
use brink_store::{GateStatus, Layout};
use schema::check_answer;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use tempfile::TempDir;

#[allow(dead_code, unreachable_pub, reason = "shared with the tests that cross crates, where it is public")]
#[path = "../../../tests/src/schema.rs"]
mod schema;

const BOOT: &str = "0a1b2c3d-0000-4000-8000-00000000ff01";

fn reading(seconds: i64) -> Reading {
    Reading { wall: at(seconds), boot: BootId::parse(BOOT).unwrap(), boottime: 100 + seconds.max(0) }
}

/// A device directory, and what answers for it.
struct Scene {
    dir: TempDir,
    issuer: TestIssuer,
}

impl Scene {
    fn new() -> Self {
        let scene = Self { dir: tempfile::tempdir().unwrap(), issuer: TestIssuer::new(1) };
        let trust = scene.issuer.anchor().to_json().unwrap();
        scene.layout().init(trust.as_bytes()).unwrap();
        scene
    }

    fn layout(&self) -> Layout {
        Layout::new(self.dir.path().join("edge"))
    }

    /// A device under a licence that was changed like this.
    fn licensed(change: impl FnOnce(&mut LicenceClaims)) -> Self {
        let mut scene = Self::new();
        let mut device = Device::open_or_create(&scene.layout()).unwrap();
        let request = device.begin_activation("code-1", &reading(60)).unwrap();
        scene.issuer.seq = 1;
        let (asked, _, key) = scene.issuer.read(&request.bytes, request.path);
        let mut parts = scene.issuer.parts(&asked, key.kid());
        change(parts.licence.as_mut().unwrap());
        device.complete(&scene.issuer.signed(&parts), &reading(60)).unwrap();
        scene
    }

    /// The issuer's next word, after a change of what it says.
    fn exchange(&mut self, change: impl FnOnce(&mut Parts)) {
        let mut device = Device::open(&self.layout()).unwrap();
        let request = device.begin_exchange(Vec::new(), &reading(60)).unwrap();
        let (asked, _, key) = self.issuer.read(&request.bytes, request.path);
        let mut parts = self.issuer.parts(&asked, key.kid());
        change(&mut parts);
        device.complete(&self.issuer.signed(&parts), &reading(60)).unwrap();
    }

    /// What is seen then. It keeps no marks, so that the next look may be an earlier one.
    fn view(&self, seconds: i64) -> View {
        let mut look = Look::observing(&self.layout()).unwrap();
        let snapshot = look.at(&reading(seconds));
        View::new(GateStatus::of(&snapshot, look.refused()), true)
    }

    fn desk(&self) -> Desk {
        let layout = self.layout();
        let agent = channel().0;
        let around = Around { layout: &layout, agent, tally: Default::default(), ca_pem: None, group: None };
        desk(&Options::default(), &around, Door { token: None, origin: None }).unwrap()
    }

    /// Asks what the licence answers, so many seconds after it was issued. Each answer is one that the document has.
    fn ask(&self, seconds: i64, method: &str, path: &str) -> (u16, Value) {
        let (bare, query) =
            path.split_once('?').map_or((path, None), |(bare, query)| (bare, Some(query.to_owned())));
        let routes = table();
        let (route, named) = routes.iter().find_map(|route| named(route, method, bare)).expect("a route");
        let Work::Look { answer, .. } = &route.work else { panic!("{path} waits for something") };
        let input = Input { peer: Peer::Host, named, query, body: Default::default() };
        // Of another device: its gate looks at the clocks of today.
        let desk = Scene::new().desk();
        let (status, body) = match answer(&desk, &self.view(seconds), input) {
            Ok(answer) => (answer.status.as_u16(), serde_json::from_slice(&answer.body).unwrap()),
            Err(Refusal { status, said, .. }) => (status.as_u16(), serde_json::to_value(said).unwrap()),
        };
        check_answer(&document(), (method, bare), status, Some(&body)).unwrap();
        (status, body)
    }

    fn get(&self, seconds: i64, path: &str) -> Value {
        let (status, body) = self.ask(seconds, "GET", path);
        assert_eq!(status, 200, "{body}");
        body
    }

    fn validate(&self, seconds: i64, camera: &str) -> Value {
        let (status, body) = self.ask(seconds, "POST", &format!("/api/v1/license/validate/{camera}"));
        assert_eq!(status, 200, "{body}");
        body
    }
}

/// What the path names, if it is this route's.
fn named<'r>(route: &'r Route, method: &str, path: &str) -> Option<(&'r Route, Vec<String>)> {
    let (wanted, found): (Vec<_>, Vec<_>) = (route.path.split('/').collect(), path.split('/').collect());
    let fits = |(wanted, found): (&&str, &&str)| wanted == found || wanted.starts_with('{');
    if route.method != method || wanted.len() != found.len() || !wanted.iter().zip(&found).all(fits) {
        return None;
    }
    let names = wanted.iter().zip(found).filter(|(wanted, _)| wanted.starts_with('{'));
    Some((route, names.map(|(_, found)| found.to_owned()).collect()))
}

fn camera(name: &str) -> CameraId {
    CameraId::parse(name).unwrap()
}

fn slug(text: &str) -> Slug {
    Slug::parse(text).unwrap()
}

/// Base for all, `advanced_analytics` for one of three cameras until the tenth day.
fn grown(claims: &mut LicenceClaims) {
    let features = ["analytics/near_miss", "analytics/queue_counter"];
    let features = features.iter().map(|name| Feature::parse(name).unwrap()).collect();
    claims.packs.insert(slug("advanced_analytics"), features);
    let mut grant = claims.grants[0].clone();
    grant.seats = brink_license::token::Seats::Cameras(std::iter::once(camera("cam-gr")).collect());
    grant.packs.push(slug("advanced_analytics"));
    grant.until = Some(at(10 * DAY));
    claims.grants.push(grant);
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}"))
}

#[test]
fn a_device_that_was_not_activated_says_so_everywhere_and_fails_nowhere() {
    let scene = Scene::new();
    let licence = scene.get(60, "/api/v1/license");
    assert_eq!((&licence["valid"], &licence["unlicensed"]), (&false.into(), &true.into()));
    assert_eq!((text(&licence, "tier"), &licence["expiration"]), ("none", &0.into()));
    assert_eq!((text(&licence, "key"), text(&licence, "source")), ("", "none"));
    assert!(text(&licence, "mend").contains("brink-edge activate"), "{licence}");
    let status = scene.get(60, "/api/v1/license/status");
    assert_eq!((text(&status, "license_mode"), &status["cameras_allowed"]), ("unlicensed", &0.into()));
    assert_eq!((&status["cameras"], &status["tenant_id"]), (&serde_json::json!([]), &Value::Null));
    let cameras = scene.get(60, "/api/v1/license/cameras?tenant_id=default");
    assert_eq!((&cameras["camera_count"], &cameras["trial_limit"]), (&0.into(), &2.into()));
    let camera = scene.validate(60, "cam-0000");
    assert_eq!((&camera["is_valid"], text(&camera, "source")), (&false.into(), "none"));
    assert_eq!((text(&camera, "reason"), text(&camera, "license_mode")), ("unlicensed", "unlicensed"));
    for path in ["/api/v1/license/tenant", "/api/v1/tenants/tenant-123"] {
        let (status, refused) = scene.ask(60, "GET", path);
        assert_eq!((status, text(&refused, "code")), (409, "NOT_ACTIVATED"), "{path}");
    }
}

#[test]
fn a_licence_in_force_is_shown_with_its_dates_and_without_its_id() {
    let scene = Scene::licensed(|claims| {
        grown(claims);
        claims.sub = "lic-0123456789abcdef".parse().unwrap();
    });
    let licence = scene.get(60, "/api/v1/license");
    assert_eq!((&licence["valid"], text(&licence, "owner")), (&true.into(), "tenant-123"));
    assert_eq!(text(&licence, "key"), "****************cdef");
    assert_eq!(licence["expiration"], at(30 * DAY).as_i64() * 1000);
    assert_eq!((text(&licence, "tier"), &licence["tier_id"]), ("basic", &1.into()));
    let listed = scene.get(60, "/api/v1/license/cameras?tenant_id=tenant-123");
    assert_eq!((&listed["camera_count"], &listed["trial_cameras"]), (&4.into(), &0.into()));
    let first = &listed["cameras"][0];
    assert_eq!((text(first, "camera_id"), text(first, "mode")), ("cam-0000", "BASE_LICENSE"));
    assert_eq!(text(first, "start_date"), "2027-01-15T08:00:00Z");
    assert_eq!(text(first, "end_date"), "2027-02-14T08:00:00Z");
    let last = &listed["cameras"][3];
    assert_eq!(text(last, "end_date"), "2027-01-25T08:00:00Z", "its own grant ends before");
    assert_eq!(last["enabled_growth_packs"], serde_json::json!(["advanced_analytics"]));
    let tenant = scene.get(60, "/api/v1/tenants/tenant-123");
    assert_eq!((text(&tenant, "tenant_id"), text(&tenant, "type")), ("tenant-123", "standard"));
}

#[test]
fn another_tenant_is_unknown_here() {
    let scene = Scene::licensed(|_| {});
    for path in
        ["/api/v1/license", "/api/v1/license/cameras", "/api/v1/license/status", "/api/v1/license/tenant"]
    {
        for (asked, status) in
            [("tenant-123", 200), ("default", 200), ("", 200), ("tenant-12", 404), ("acme", 404)]
        {
            let (found, body) = scene.ask(60, "GET", &format!("{path}?tenant_id={asked}"));
            assert_eq!(found, status, "{path} {asked} {body}");
            assert!(status == 200 || text(&body, "code") == "UNKNOWN_TENANT", "{body}");
        }
        assert_eq!(scene.ask(60, "GET", &format!("{path}?tenant=acme")).1["code"], "BAD_QUERY");
    }
    assert_eq!(scene.ask(60, "GET", "/api/v1/tenants/acme").0, 404);
}

#[test]
fn a_camera_is_valid_until_its_grant_or_its_licence_ends() {
    let scene = Scene::licensed(grown);
    for (seconds, camera, valid, mode, reason, until) in [
        (60, "cam-0000", true, "base", "granted", Some("2027-02-14T08:00:01Z")),
        (60, "cam-gr", true, "base", "granted", Some("2027-01-25T08:00:00Z")),
        (60, "cam-9999", false, "unlicensed", "camera_not_licensed", None),
        (10 * DAY, "cam-gr", false, "unlicensed", "grant_ended", None),
        (10 * DAY, "cam-0000", true, "base", "granted", Some("2027-02-14T08:00:01Z")),
    ] {
        let said = scene.validate(seconds, camera);
        assert_eq!(said["is_valid"], valid, "{said}");
        assert_eq!(said["allowed"], valid, "{said}");
        assert_eq!((text(&said, "license_mode"), text(&said, "reason")), (mode, reason), "{said}");
        if seconds == 60 {
            assert!(until.is_none() || said["valid_until"].is_string(), "{said}");
            assert!(said["valid_until"].as_str() <= until.map(|_| "2027-02-21T08:00:01Z"), "{said}");
        }
        assert_eq!(text(&said, "error_message").is_empty(), valid, "{said}");
        assert_eq!((&said["fresh"], text(&said, "source")), (&true.into(), "licence"));
        assert_eq!(said["cameras_allowed"], 4);
    }
    assert_eq!(scene.validate(60, "cam-gr")["valid_until"], "2027-01-25T08:00:00Z");
    assert_eq!(
        scene.validate(60, "cam-gr")["enabled_growth_packs"],
        serde_json::json!(["advanced_analytics"])
    );
    let (status, refused) = scene.ask(60, "POST", "/api/v1/license/validate/a\u{7}b");
    assert_eq!((status, text(&refused, "code")), (422, "BAD_ID"));
}

#[test]
fn grace_goes_on_flagged_and_what_is_over_or_withdrawn_is_unlicensed() {
    let mut scene = Scene::licensed(grown);
    let said = scene.validate(31 * DAY, "cam-0000");
    assert_eq!((&said["is_valid"], text(&said, "state")), (&true.into(), "grace"));
    assert!(said["flags"].as_array().unwrap().contains(&"grace".into()), "{said}");
    let over = scene.validate(40 * DAY, "cam-0000");
    assert_eq!((&over["is_valid"], text(&over, "state")), (&false.into(), "expired"));
    assert_eq!((text(&over, "license_mode"), &over["cameras_allowed"]), ("unlicensed", &0.into()));
    assert_eq!((&over["valid_until"], text(&over, "source")), (&Value::Null, "licence"));
    let status = scene.get(40 * DAY, "/api/v1/license/status");
    assert_eq!((&status["is_valid"], &status["active_cameras"]), (&false.into(), &0.into()));
    assert_eq!(status["cameras"].as_array().unwrap().len(), 4, "they are shown all the same");
    assert_eq!(text(&status["cameras"][0], "mode"), "unlicensed");
    assert_eq!(text(&scene.get(40 * DAY, "/api/v1/license/cameras")["cameras"][0], "mode"), "UNLICENSED");
    assert_eq!(text(&scene.get(40 * DAY, "/api/v1/license"), "tier"), "none");
    scene.issuer.standing = LicenceStanding::Revoked;
    scene.exchange(|_| {});
    let revoked = scene.validate(60, "cam-0000");
    assert_eq!((&revoked["is_valid"], text(&revoked, "reason")), (&false.into(), "revoked"));
    assert_eq!(revoked["allowed"], false);
}

#[test]
fn a_lenient_profile_allows_what_it_does_not_call_valid() {
    for (enforce, allowed, flag) in
        [(Enforce::Observe, true, None), (Enforce::Warn, true, Some("warned")), (Enforce::Deny, false, None)]
    {
        let scene = Scene::licensed(|claims| claims.enforce = enforce);
        let said = scene.validate(60, "cam-9999");
        assert_eq!((&said["is_valid"], &said["allowed"]), (&false.into(), &allowed.into()), "{enforce:?}");
        let flags = said["flags"].as_array().unwrap();
        assert!(flag.is_none_or(|flag| flags.contains(&flag.into())), "{said}");
    }
}

#[test]
fn a_trial_counts_its_days_and_is_called_one() {
    let scene = Scene::licensed(|claims| {
        claims.mode = Mode::Trial;
        let seats = ["cam-1", "cam-2"].iter().map(|name| camera(name)).collect();
        claims.grants[0].seats = brink_license::token::Seats::Cameras(seats);
        claims
            .packs
            .insert(slug("trial"), std::iter::once(Feature::parse("analytics/detection").unwrap()).collect());
        claims.grants[0].packs = vec![slug("trial")];
    });
    let status = scene.get(60, "/api/v1/license/status");
    assert_eq!((text(&status, "license_mode"), &status["days_remaining"]), ("trial", &29.into()));
    assert_eq!(
        (&status["trial_max_cameras"], &status["enabled_growth_packs"]),
        (&2.into(), &serde_json::json!([]))
    );
    let listed = scene.get(60, "/api/v1/license/cameras");
    assert_eq!((&listed["trial_limit"], &listed["trial_cameras"]), (&2.into(), &2.into()));
    assert_eq!(
        (&listed["is_trial_limit_exceeded"], text(&listed["cameras"][0], "mode")),
        (&false.into(), "FREE_TRIAL")
    );
    assert_eq!(text(&scene.get(60, "/api/v1/license"), "tier"), "standard");
    assert_eq!(text(&scene.get(60, "/api/v1/license/tenant"), "type"), "trial");
    assert_eq!(scene.get(31 * DAY, "/api/v1/license/status")["days_remaining"], 0, "in grace");
    assert_eq!(scene.get(40 * DAY, "/api/v1/license/status")["days_remaining"], Value::Null);
}

#[test]
fn a_licence_is_not_deleted_and_the_refusal_says_what_helps() {
    let scene = Scene::licensed(|_| {});
    let (status, refused) = scene.ask(60, "DELETE", "/api/v1/license");
    assert_eq!((status, text(&refused, "code")), (409, "LICENSE_NOT_DELETABLE"));
    assert!(text(&refused, "mend").contains("retire"), "{refused}");
}

#[test]
fn checks_are_counted_by_result_and_by_where_they_were_answered_from() {
    let scene = Scene::licensed(|_| {});
    let none = Scene::new();
    let desk = none.desk();
    let routes = table();
    let route = routes.iter().find(|route| route.id == "validateCamera").unwrap();
    let Work::Look { answer, fresh } = &route.work else { panic!("it waits for nothing") };
    assert!(fresh, "the file is looked at");
    for (view, camera) in [(scene.view(60), "cam-0000"), (scene.view(60), "x"), (none.view(60), "cam-0000")] {
        let input =
            Input { peer: Peer::Host, named: vec![camera.to_owned()], query: None, body: Default::default() };
        answer(&desk, &view, input).unwrap();
    }
    let checks: Vec<u64> = desk.tally.lines().iter().take(3).map(|(_, _, number)| *number).collect();
    assert_eq!(checks, [1, 1, 1]);
}

fn docs(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name)
}

#[test]
fn the_committed_document_is_fresh() {
    let fresh = format!("{}\n", serde_json::to_string_pretty(&document()).unwrap());
    if std::fs::read_to_string(docs("local-api.json")).is_ok_and(|committed| committed == fresh) {
        return;
    }
    let folder = tempfile::Builder::new().prefix("brink-docs").disable_cleanup(true).tempdir().unwrap();
    let file = folder.path().join("local-api.json");
    std::fs::write(&file, fresh).unwrap();
    panic!("docs/local-api.json is not what the routes say; copy {} over it", file.display());
}

#[test]
fn every_route_is_documented_once_and_the_guide_names_each() {
    let document = document();
    let guide = std::fs::read_to_string(docs("LOCAL_API.md")).unwrap();
    let mut ids = BTreeSet::new();
    for route in table() {
        assert!(route.path.starts_with(ROOT) || route.path == "/health", "{}", route.path);
        assert!(ids.insert(route.id) && !route.summary.is_empty(), "{}", route.path);
        let operation = &document["paths"][route.path][route.method.as_str().to_lowercase()];
        assert_eq!(operation["operationId"], route.id, "{}", route.path);
        let line = format!("| {} | `{}` |", route.method, route.path);
        assert!(guide.contains(&line), "docs/LOCAL_API.md lacks {line}");
    }
    assert_eq!(document["openapi"], "3.1.0");
}

#[test]
fn quotas_of_the_licence_name_meters_of_their_own() {
    let scene = Scene::licensed(|claims| {
        let quota = |meter| Quota { meter: slug(meter), limit: 5, period: Period::Lease, over: Over::Deny };
        claims.quotas = vec![quota("sms"), quota("frames")];
    });
    let view = scene.view(60);
    let meters = view.claims().unwrap().quotas.iter().map(|quota| &quota.meter);
    assert_eq!(crate::meters::meant("frames", meters).unwrap().as_str(), "frames");
}

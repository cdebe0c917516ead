//! Cameras: the list of the old product, all of them as they stand, and the check of one.

use super::OfTenant;
use crate::api::desk::Desk;
use crate::api::refusal::Refusal;
use crate::api::route::{Call, Handled};
use crate::view::{View, growth, mode_word, shown};
use crate::words::rfc3339;
use axum::http::StatusCode;
use brink_license::CameraId;
use brink_license::token::{LicenceClaims, Mode};
use brink_store::gate::Granted;
use serde::Serialize;
use utoipa::ToSchema;

/// Cameras that a trial has, where there is none to ask.
const TRIAL_CAMERAS: u64 = 2;

/// The cameras as the old console lists them.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct CameraList {
    /// How many the licence has, named or on unnamed seats.
    camera_count: usize,
    /// How many a trial may have.
    trial_limit: u64,
    /// How many run on a trial.
    trial_cameras: usize,
    /// Never: an issuer signs no more than its trial has.
    is_trial_limit_exceeded: bool,
    /// Each of them, by name.
    cameras: Vec<ListedCamera>,
}

/// A camera of that list.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct ListedCamera {
    /// Its name.
    camera_id: String,
    /// The tenant.
    tenant_id: String,
    /// `FREE_TRIAL`, `BASE_LICENSE` or `UNLICENSED`.
    mode: &'static str,
    /// Whether it runs on a trial.
    is_trial: bool,
    /// When its licence began, RFC 3339.
    start_date: String,
    /// When its licence or its grant ends, before grace, RFC 3339.
    end_date: String,
    /// Growth packs by slug.
    enabled_growth_packs: Vec<String>,
}

pub(in crate::api) fn list(_: &Desk, view: &View, call: Call<OfTenant, ()>) -> Handled<CameraList> {
    call.query.check(view)?;
    let grants = view.grants();
    let cameras: Vec<_> = match view.claims() {
        Some(claims) => (0..grants.len())
            .filter_map(|place| grants.camera(place))
            .map(|of| listed(view, claims, &of))
            .collect(),
        None => Vec::new(),
    };
    let is_trial = view.mode() == Mode::Trial;
    let trial_limit = if is_trial { view.cameras_allowed() } else { TRIAL_CAMERAS };
    let trial_cameras = cameras.iter().filter(|camera| camera.is_trial).count();
    let is_trial_limit_exceeded = trial_cameras as u64 > trial_limit;
    let camera_count = cameras.len();
    Ok(CameraList { camera_count, trial_limit, trial_cameras, is_trial_limit_exceeded, cameras }.into())
}

fn listed(view: &View, claims: &LicenceClaims, granted: &Granted<'_>) -> ListedCamera {
    let mode = view.mode_of(granted);
    ListedCamera {
        camera_id: granted.camera.to_owned(),
        tenant_id: claims.tenant.to_string(),
        mode: match mode {
            Mode::Trial => "FREE_TRIAL",
            Mode::Base => "BASE_LICENSE",
            Mode::Unlicensed => "UNLICENSED",
        },
        is_trial: mode == Mode::Trial,
        start_date: shown(claims.nbf),
        end_date: shown(granted.until.map_or(claims.exp, |until| until.min(claims.exp))),
        enabled_growth_packs: growth(granted.packs.iter()),
    }
}

/// All cameras as they stand now, with the members that the old console's licence status has.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Status {
    /// The tenant; null before the activation.
    tenant_id: Option<String>,
    /// The device.
    device_id: Option<String>,
    /// `trial`, `base` or `unlicensed`; what is not in force is unlicensed.
    license_mode: &'static str,
    /// Whether the licence lets anything go on.
    is_valid: bool,
    /// The state in Brink's own words.
    state: &'static str,
    /// Why.
    reason: &'static str,
    /// What helps.
    mend: Option<&'static str>,
    /// What else there is to know, such as `clock_back`.
    flags: Vec<&'static str>,
    /// Cameras that may run.
    active_cameras: usize,
    /// Seats of this device, named or not; 0 while nothing is in force.
    cameras_allowed: u64,
    /// Cameras that a trial has.
    trial_max_cameras: u64,
    /// Whole days of a trial; null where it is none.
    days_remaining: Option<i64>,
    /// From when on it is not valid any more, if nothing new comes: grace included, RFC 3339.
    valid_until: Option<String>,
    /// When the licence ends, before grace, RFC 3339.
    expires_at: Option<String>,
    /// Growth packs of the licence by slug.
    enabled_growth_packs: Vec<String>,
    /// Each camera, by name.
    cameras: Vec<CameraStatus>,
    /// The guarded time of this answer, RFC 3339.
    checked_at: Option<String>,
    /// `licence`: verified in this process; `none`: there is nothing to answer from.
    source: &'static str,
}

/// One camera as it stands.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct CameraStatus {
    /// Its name.
    camera_id: String,
    /// The tenant.
    tenant_id: String,
    /// Whether it is licensed.
    is_valid: bool,
    /// `trial`, `base` or `unlicensed`.
    mode: &'static str,
    /// Why.
    reason: &'static str,
    /// When its licence began, RFC 3339.
    start_date: String,
    /// When its licence or its grant ends, before grace, RFC 3339.
    end_date: String,
    /// From when on it is not valid any more, RFC 3339.
    valid_until: Option<String>,
    /// Growth packs by slug.
    enabled_growth_packs: Vec<String>,
}

pub(in crate::api) fn status(_: &Desk, view: &View, call: Call<OfTenant, ()>) -> Handled<Status> {
    call.query.check(view)?;
    let (grants, claims) = (view.grants(), view.claims());
    let cameras: Vec<_> = claims.map_or_else(Vec::new, |claims| {
        let all = (0..grants.len()).filter_map(|place| grants.camera(place));
        all.map(|granted| standing_of(view, claims, &granted)).collect()
    });
    let is_trial = view.mode() == Mode::Trial;
    let standing = view.standing();
    let status = Status {
        tenant_id: claims.map(|claims| claims.tenant.to_string()),
        device_id: claims.map(|claims| claims.dev.to_string()),
        license_mode: mode_word(view.mode()),
        is_valid: view.is_valid(),
        state: view.state().as_str(),
        reason: standing.reason.as_str(),
        mend: view.mend(),
        flags: view.flags(),
        active_cameras: cameras.iter().filter(|camera| camera.is_valid).count(),
        cameras_allowed: view.cameras_allowed(),
        trial_max_cameras: if is_trial { view.cameras_allowed() } else { TRIAL_CAMERAS },
        days_remaining: view.trial_days_left(),
        valid_until: view.valid_until(),
        expires_at: claims.and_then(|claims| rfc3339(claims.exp)),
        enabled_growth_packs: view.packs(),
        cameras,
        checked_at: rfc3339(standing.now),
        source: view.source(),
    };
    Ok(status.into())
}

fn standing_of(view: &View, claims: &LicenceClaims, granted: &Granted<'_>) -> CameraStatus {
    let decision = view.decide(Some(granted.until));
    let is_valid = decision.verdict == brink_license::Verdict::Allow;
    CameraStatus {
        camera_id: granted.camera.to_owned(),
        tenant_id: claims.tenant.to_string(),
        is_valid,
        mode: mode_word(view.mode_of(granted)),
        reason: decision.reason.as_str(),
        start_date: shown(claims.nbf),
        end_date: shown(granted.until.map_or(claims.exp, |until| until.min(claims.exp))),
        valid_until: decision.until.filter(|_| is_valid).and_then(rfc3339),
        enabled_growth_packs: growth(granted.packs.iter()),
    }
}

/// Whether one camera is licensed. Denied is an answer like any other.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Validation {
    /// The camera that was asked for.
    camera_id: String,
    /// The tenant; null before the activation.
    tenant_id: Option<String>,
    /// Whether the licence has it.
    is_valid: bool,
    /// What the host is to do: follows `is_valid` unless the licence's profile is lenient.
    allowed: bool,
    /// `trial`, `base` or `unlicensed`.
    license_mode: &'static str,
    /// Growth packs by slug; none where it is not valid.
    enabled_growth_packs: Vec<String>,
    /// From when on it is not valid any more, if nothing new comes, RFC 3339; null where it is not valid now.
    valid_until: Option<String>,
    /// Seats of this device, named or not; 0 while nothing is in force.
    cameras_allowed: u64,
    /// Empty, or why not and what helps.
    error_message: String,
    /// The licence's state in Brink's own words.
    state: &'static str,
    /// Why, such as `granted` or `camera_not_licensed`.
    reason: &'static str,
    /// What else there is to know, such as `grace` or `warned`.
    flags: Vec<&'static str>,
    /// `licence`: a licence verified in this process says so; `none`: there is none to ask.
    source: &'static str,
    /// Whether the file was looked at for this answer; else it is at most a quarter of a second old.
    fresh: bool,
    /// The guarded time of this answer, RFC 3339.
    checked_at: Option<String>,
}

pub(in crate::api) fn validate(desk: &Desk, view: &View, call: Call<OfTenant, ()>) -> Handled<Validation> {
    call.query.check(view)?;
    let camera = CameraId::parse(call.name());
    let unprocessable = StatusCode::UNPROCESSABLE_ENTITY;
    let camera = camera.map_err(|error| Refusal::new(unprocessable, "BAD_ID", error.to_string(), ""))?;
    let validation = Validation::of(view, camera.as_str());
    desk.tally.checked(validation.is_valid, view.bundle().is_some());
    Ok(validation.into())
}

impl Validation {
    fn of(view: &View, camera: &str) -> Self {
        let standing = view.camera(camera);
        let decision = standing.decision;
        let is_valid = decision.verdict == brink_license::Verdict::Allow;
        let mode = if is_valid { view.mode() } else { Mode::Unlicensed };
        let reason = decision.reason;
        let error_message = if is_valid {
            String::new()
        } else {
            format!("camera {camera} is not licensed ({}): {}", reason.as_str(), reason.mend())
        };
        Self {
            camera_id: camera.to_owned(),
            tenant_id: view.claims().map(|claims| claims.tenant.to_string()),
            is_valid,
            allowed: decision.allowed,
            license_mode: mode_word(mode),
            enabled_growth_packs: if is_valid { standing.packs } else { Vec::new() },
            valid_until: decision.until.filter(|_| is_valid).and_then(rfc3339),
            cameras_allowed: view.cameras_allowed(),
            error_message,
            state: view.state().as_str(),
            reason: reason.as_str(),
            flags: decision.flags.names().collect(),
            source: view.source(),
            fresh: view.is_fresh(),
            checked_at: rfc3339(view.standing().now),
        }
    }
}

//! One look at the licence, and what it says in the words of the old product. Pure: the answers of the API and the
//! rows and documents of the mirrors are made of it.

mod features;

pub(crate) use features::{Feature, UNLIMITED, features, whole};

use crate::words::rfc3339;
use brink_license::clock::{Standing, State};
use brink_license::token::{Enforce, LicenceClaims, Mode};
use brink_license::{Decision, Flags, Reason, Slug, UnixSeconds, Verdict};
use brink_store::gate::{Granted, Grants};
use brink_store::{GateStatus, VerifiedBundle};

/// Packs that every camera has, and no growth.
const GROUND: [&str; 2] = ["base", "trial"];
/// What no calendar reaches is shown as its last second.
const LAST_SECOND: &str = "9999-12-31T23:59:59Z";
const DAY_SECONDS: i64 = 86_400;

/// What is in force, as of one moment.
#[derive(Clone, Debug)]
pub(crate) struct View {
    status: GateStatus,
    is_fresh: bool,
}

/// How one camera stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CameraStanding {
    pub(crate) decision: Decision,
    /// Its growth packs; none of a camera that the licence does not name.
    pub(crate) packs: Vec<String>,
}

impl View {
    /// `is_fresh` says that the file was looked at for it.
    pub(crate) const fn new(status: GateStatus, is_fresh: bool) -> Self {
        Self { status, is_fresh }
    }

    pub(crate) const fn is_fresh(&self) -> bool {
        self.is_fresh
    }

    pub(crate) const fn standing(&self) -> &Standing {
        self.status.standing()
    }

    pub(crate) fn bundle(&self) -> Option<&VerifiedBundle> {
        self.status.bundle()
    }

    pub(crate) fn claims(&self) -> Option<&LicenceClaims> {
        self.bundle().map(|bundle| bundle.licence().claims())
    }

    pub(crate) fn grants(&self) -> Grants {
        self.status.grants()
    }

    pub(crate) const fn state(&self) -> State {
        self.standing().state
    }

    /// Whether there is a licence that lets anything go on.
    pub(crate) fn is_valid(&self) -> bool {
        self.state().permits() && self.claims().is_some_and(|claims| claims.mode != Mode::Unlicensed)
    }

    /// Where the answer comes from.
    pub(crate) fn source(&self) -> &'static str {
        if self.bundle().is_some() { "licence" } else { "none" }
    }

    /// The mode in force. A licence that is not in force is none: whoever reads `base` does not look any further.
    pub(crate) fn mode(&self) -> Mode {
        self.claims().filter(|_| self.is_valid()).map_or(Mode::Unlicensed, |claims| claims.mode)
    }

    /// Seats of this device while the licence is in force, named or not.
    pub(crate) fn cameras_allowed(&self) -> u64 {
        self.claims().filter(|_| self.is_valid()).map_or(0, LicenceClaims::seats)
    }

    /// The growth packs of the licence while it is in force.
    pub(crate) fn packs(&self) -> Vec<String> {
        self.claims().filter(|_| self.is_valid()).map_or_else(Vec::new, |claims| growth(claims.packs.keys()))
    }

    /// From when on it is not valid any more, if nothing new comes.
    pub(crate) fn valid_until(&self) -> Option<String> {
        if self.is_valid() { rfc3339(self.standing().window.closes_at()) } else { None }
    }

    /// Whole days of a trial that is in force.
    pub(crate) fn trial_days_left(&self) -> Option<i64> {
        let claims = self.claims().filter(|_| self.mode() == Mode::Trial)?;
        Some(claims.exp.since(self.standing().now).max(0).div_euclid(DAY_SECONDS))
    }

    /// What helps, where something does.
    pub(crate) fn mend(&self) -> Option<&'static str> {
        let reason = self.standing().reason;
        (reason != Reason::Granted).then(|| reason.mend())
    }

    pub(crate) fn flags(&self) -> Vec<&'static str> {
        let standing = self.standing();
        let grace = if standing.state == State::Grace { Flags::GRACE } else { Flags::NONE };
        standing.flags.with(grace).names().collect()
    }

    /// One camera, by exact look-up.
    pub(crate) fn camera(&self, name: &str) -> CameraStanding {
        let granted = self.status.granted(name);
        let packs = granted.as_ref().map_or_else(Vec::new, |(_, packs)| growth(packs.iter()));
        CameraStanding { decision: self.decide(granted.map(|(until, _)| until)), packs }
    }

    /// The mode of one camera: none where its grant is over, or nothing is in force.
    pub(crate) fn mode_of(&self, granted: &Granted<'_>) -> Mode {
        let is_allowed = self.decide(Some(granted.until)).verdict == Verdict::Allow;
        if is_allowed { self.mode() } else { Mode::Unlicensed }
    }

    /// Whether a camera with this grant may run at all: what a check of any of its features says before it comes to the
    /// feature. `None` is a camera without a grant.
    pub(crate) fn decide(&self, grant: Option<Option<UnixSeconds>>) -> Decision {
        let standing = self.standing();
        let enforce = self.claims().map_or(Enforce::Deny, |claims| claims.enforce);
        let denied = |reason| Decision::denied(enforce, standing.state, reason, standing.flags);
        if !standing.state.permits() {
            return denied(standing.reason);
        }
        match grant {
            None => denied(Reason::CameraNotLicensed),
            Some(Some(until)) if standing.now >= until => denied(Reason::GrantEnded),
            Some(until) => {
                let closes = standing.window.closes_at();
                let grace = if standing.state == State::Grace { Flags::GRACE } else { Flags::NONE };
                let until = until.map_or(closes, |until| until.min(closes));
                Decision::granted(standing.state, until, standing.flags.with(grace))
            }
        }
    }
}

/// The packs that are growth packs, by slug.
pub(crate) fn growth<'p>(packs: impl Iterator<Item = &'p Slug>) -> Vec<String> {
    packs.map(Slug::as_str).filter(|pack| !GROUND.contains(pack)).map(str::to_owned).collect()
}

/// A moment that is always a text.
pub(crate) fn shown(moment: UnixSeconds) -> String {
    rfc3339(moment).unwrap_or_else(|| LAST_SECOND.to_owned())
}

/// The mode on the wire: nothing but these three.
pub(crate) const fn mode_word(mode: Mode) -> &'static str {
    match mode {
        Mode::Trial => "trial",
        Mode::Base => "base",
        Mode::Unlicensed => "unlicensed",
    }
}

//! One look at the licence, and what it says in the words of the old product. Pure: the answers of the API are made of it.

use crate::words::rfc3339;
use brink_license::clock::{Standing, State};
use brink_license::token::{Enforce, LicenceClaims, Mode};
use brink_license::{Decision, Flags, Reason, Slug, UnixSeconds};
use brink_store::gate::Grants;
use brink_store::{GateStatus, VerifiedBundle};

/// Packs that every camera has, and no growth.
const GROUND: [&str; 2] = ["base", "trial"];
/// What no calendar reaches is shown as its last second.
const LAST_SECOND: &str = "9999-12-31T23:59:59Z";
const DAY_SECONDS: i64 = 86_400;

/// What is in force, as of one moment.
#[derive(Clone, Debug)]
pub(super) struct View {
    status: GateStatus,
    is_fresh: bool,
}

/// How one camera stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CameraStanding {
    pub(super) decision: Decision,
    /// Its growth packs; none of a camera that the licence does not name.
    pub(super) packs: Vec<String>,
}

impl View {
    /// `is_fresh` says that the file was looked at for it.
    pub(super) const fn new(status: GateStatus, is_fresh: bool) -> Self {
        Self { status, is_fresh }
    }

    pub(super) const fn is_fresh(&self) -> bool {
        self.is_fresh
    }

    pub(super) const fn standing(&self) -> &Standing {
        self.status.standing()
    }

    pub(super) fn bundle(&self) -> Option<&VerifiedBundle> {
        self.status.bundle()
    }

    pub(super) fn claims(&self) -> Option<&LicenceClaims> {
        self.bundle().map(|bundle| bundle.licence().claims())
    }

    pub(super) fn grants(&self) -> Grants {
        self.status.grants()
    }

    pub(super) const fn state(&self) -> State {
        self.standing().state
    }

    /// Whether there is a licence that lets anything go on.
    pub(super) fn is_valid(&self) -> bool {
        self.state().permits() && self.claims().is_some_and(|claims| claims.mode != Mode::Unlicensed)
    }

    /// Where the answer comes from.
    pub(super) fn source(&self) -> &'static str {
        if self.bundle().is_some() { "licence" } else { "none" }
    }

    /// The mode in force. A licence that is not in force is none: whoever reads `base` does not look any further.
    pub(super) fn mode(&self) -> Mode {
        self.claims().filter(|_| self.is_valid()).map_or(Mode::Unlicensed, |claims| claims.mode)
    }

    /// Seats of this device while the licence is in force, named or not.
    pub(super) fn cameras_allowed(&self) -> u64 {
        self.claims().filter(|_| self.is_valid()).map_or(0, LicenceClaims::seats)
    }

    /// The growth packs of the licence while it is in force.
    pub(super) fn packs(&self) -> Vec<String> {
        self.claims().filter(|_| self.is_valid()).map_or_else(Vec::new, |claims| growth(claims.packs.keys()))
    }

    /// From when on it is not valid any more, if nothing new comes.
    pub(super) fn valid_until(&self) -> Option<String> {
        if self.is_valid() { rfc3339(self.standing().window.closes_at()) } else { None }
    }

    /// Whole days of a trial that is in force.
    pub(super) fn trial_days_left(&self) -> Option<i64> {
        let claims = self.claims().filter(|_| self.mode() == Mode::Trial)?;
        Some(claims.exp.since(self.standing().now).max(0).div_euclid(DAY_SECONDS))
    }

    /// What helps, where something does.
    pub(super) fn mend(&self) -> Option<&'static str> {
        let reason = self.standing().reason;
        (reason != Reason::Granted).then(|| reason.mend())
    }

    pub(super) fn flags(&self) -> Vec<&'static str> {
        let standing = self.standing();
        let grace = if standing.state == State::Grace { Flags::GRACE } else { Flags::NONE };
        standing.flags.with(grace).names().collect()
    }

    /// One camera, by exact look-up.
    pub(super) fn camera(&self, name: &str) -> CameraStanding {
        let granted = self.status.granted(name);
        let packs = granted.as_ref().map_or_else(Vec::new, |(_, packs)| growth(packs.iter()));
        CameraStanding { decision: self.decide(granted.map(|(until, _)| until)), packs }
    }

    /// Whether a camera with this grant may run at all: what a check of any of its features says before it comes to the
    /// feature. `None` is a camera without a grant.
    pub(super) fn decide(&self, grant: Option<Option<UnixSeconds>>) -> Decision {
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
pub(super) fn growth<'p>(packs: impl Iterator<Item = &'p Slug>) -> Vec<String> {
    packs.map(Slug::as_str).filter(|pack| !GROUND.contains(pack)).map(str::to_owned).collect()
}

/// A moment that is always a text.
pub(super) fn shown(moment: UnixSeconds) -> String {
    rfc3339(moment).unwrap_or_else(|| LAST_SECOND.to_owned())
}

/// The mode on the wire: nothing but these three.
pub(super) const fn mode_word(mode: Mode) -> &'static str {
    match mode {
        Mode::Trial => "trial",
        Mode::Base => "base",
        Mode::Unlicensed => "unlicensed",
    }
}

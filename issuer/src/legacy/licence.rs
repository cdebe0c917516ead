//! Whether a camera may run, as an old client asks it: with every camera that starts, and whenever its cache is old.

use super::account::ranks;
use super::{Client, LegacyError};
use crate::admin::AdminError;
use crate::assignment::{AssignmentError, AssignmentOrder};
use crate::catalog::{Catalog, Scope};
use crate::editing::Keeping;
use crate::storage::{LegacyPolicy, Seat, SubscriptionRow, SubscriptionView, Terms};
use crate::subscription::SubscriptionOrder;
use crate::timeline::{Entry, NoneInForce};
use brink_license::token::Enforce;
use brink_license::{CameraId, Slug, UnixSeconds};

const DAY: i64 = 86_400;
/// Terms of a trial that begins by itself: those of `subscription set` where nothing else is said.
const TRIAL_DAYS: u32 = 30;
const TRIAL_GRACE_DAYS: u32 = 7;
const TRIAL_OFFLINE_MAX_DAYS: u32 = 30;

/// What an old client runs as. It knows no other words, and takes any other for no camera at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// In its trial.
    Trial,
    /// Paid.
    Base,
    /// Not at all.
    Unlicensed,
}

impl Mode {
    /// The word on the wire.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Trial => "trial",
            Self::Base => "base",
            Self::Unlicensed => "unlicensed",
        }
    }
}

/// Whether the asking itself may change something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seating {
    /// A camera may take a seat, and a tenant its trial.
    Takes,
    /// Nobody asks for more than an answer.
    Looks,
}

/// Why not, with a stable code.
pub(crate) type Answered = (&'static str, String);

/// The answer to one camera.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// What it runs as.
    pub(crate) mode: Mode,
    /// Its packs beyond the implied one.
    pub(crate) packs: Vec<Slug>,
    /// Until when the answer may be believed.
    pub(crate) valid_until: UnixSeconds,
    /// Cameras that the tenant may run at once.
    pub(crate) cameras_allowed: u32,
    /// Why it may not run.
    pub(crate) refused: Option<Answered>,
}

impl Verdict {
    pub(crate) const fn is_valid(&self) -> bool {
        self.refused.is_none()
    }

    /// Nothing may run.
    pub(crate) fn no(now: UnixSeconds, code: &'static str, why: impl Into<String>) -> Self {
        let refused = Some((code, why.into()));
        Self { mode: Mode::Unlicensed, packs: Vec::new(), valid_until: now, cameras_allowed: 0, refused }
    }

    fn refused(self, now: UnixSeconds, code: &'static str, why: impl Into<String>) -> Self {
        Self {
            mode: Mode::Unlicensed,
            packs: Vec::new(),
            valid_until: now,
            refused: Some((code, why.into())),
            ..self
        }
    }
}

/// What a tenant may do at a moment.
pub(super) enum Standing {
    /// It may run cameras under these terms.
    In(Box<SubscriptionRow>),
    /// It may not.
    Out(Answered),
}

/// How a tenant stands, with what it has bought.
pub(super) fn standing(view: &SubscriptionView, policy: LegacyPolicy, now: UnixSeconds) -> Standing {
    if policy.suspended {
        return Standing::Out(("TENANT_SUSPENDED", "this tenant is suspended".into()));
    }
    let row = match &view.current {
        Ok(row) => row,
        Err(none) => return Standing::Out((none.code(), none.to_string())),
    };
    match row.terms.trial {
        Some(trial) if trial.ends_at <= now => {
            let at = crate::calendar::rfc3339(trial.ends_at);
            Standing::Out(("TRIAL_OVER", format!("the trial ended at {at}")))
        }
        None if row.terms.cameras == 0 => {
            Standing::Out(("NO_CAMERAS", "the subscription has no cameras any more".into()))
        }
        Some(_) | None => Standing::In(Box::new(row.clone())),
    }
}

/// The packs of a subscription that cameras can have.
pub(crate) fn packs_of_cameras(catalog: &Catalog, terms: &Terms) -> Vec<String> {
    let of_cameras = |pack: &&Slug| catalog.by_slug(pack).is_some_and(|pack| pack.scope == Scope::Camera);
    terms.packs.keys().filter(of_cameras).map(ToString::to_string).collect()
}

impl Client<'_> {
    /// Whether a camera may run; without one, whether the tenant may run any.
    pub(crate) fn licence(
        &self,
        camera: Option<&CameraId>,
        device: &str,
        seating: Seating,
    ) -> Result<Verdict, LegacyError> {
        let (now, storage) = (self.now(), &self.issuer.storage);
        let policy = storage.legacy_policy(self.tenant)?;
        let view = self.view(policy, (camera, seating))?;
        let row = match standing(&view, policy, now) {
            Standing::In(row) => row,
            Standing::Out((code, why)) => return Ok(Verdict::no(now, code, why)),
        };
        let verdict = self.whole(&row);
        let Some(camera) = camera else { return Ok(verdict) };
        let seat = match storage.seat_of(self.tenant, camera)? {
            Some(seat) => seat,
            None if !policy.auto_seat => {
                let why = format!("camera {camera} has no seat, and none is given by itself");
                return Ok(verdict.refused(now, "NOT_SEATED", why));
            }
            // As it would be if it were its device that asked.
            None if seating == Seating::Looks && view.cameras_named < u64::from(row.terms.cameras) => {
                return Ok(verdict);
            }
            None if seating == Seating::Looks => {
                let why = format!("every seat of {} is taken", row.terms.cameras);
                return Ok(verdict.refused(now, "NO_FREE_SEAT", why));
            }
            None => match self.seat(camera, device, &row)? {
                Ok(seat) => seat,
                Err((code, why)) => return Ok(verdict.refused(now, code, why)),
            },
        };
        if let Some((code, why)) = self.withheld(camera, &seat, (&view, &row))? {
            return Ok(verdict.refused(now, code, why));
        }
        Ok(Verdict { packs: self.packs_of(&row, &seat), ..verdict })
    }

    /// What was bought; a tenant that never bought anything may get its trial now.
    fn view(
        &self,
        policy: LegacyPolicy,
        (camera, seating): (Option<&CameraId>, Seating),
    ) -> Result<SubscriptionView, LegacyError> {
        let storage = &self.issuer.storage;
        let view = storage.tenant(self.tenant, self.now())?;
        let never = matches!(view.current, Err(NoneInForce::Never(_))) && view.newest.is_none();
        let begins = never && policy.auto_trial && !policy.suspended && camera.is_some();
        if !begins || seating == Seating::Looks {
            return Ok(view);
        }
        let order = SubscriptionOrder {
            cameras: None,
            packs: Vec::new(),
            items: Vec::new(),
            prices: Vec::new(),
            trial: true,
            enforce: Enforce::Deny,
            days: TRIAL_DAYS,
            grace_days: TRIAL_GRACE_DAYS,
            offline_max_days: TRIAL_OFFLINE_MAX_DAYS,
        };
        // Whoever asks at the same time begins no second one.
        let keeping = Keeping { expected: &|view| view.versions.is_empty(), is_kept: true };
        match self.admin().replace_subscription(self.tenant, &order, &Entry::default(), &keeping) {
            Ok(_) | Err(AdminError::Stale) => Ok(storage.tenant(self.tenant, self.now())?),
            Err(error) => Err(error.into()),
        }
    }

    /// The answer for a tenant that may run cameras: as long as a licence of its terms would last.
    fn whole(&self, row: &SubscriptionRow) -> Verdict {
        let ends = self.now().saturating_add(i64::from(row.terms.days) * DAY);
        let (mode, valid_until) = match row.terms.trial {
            Some(trial) => (Mode::Trial, ends.min(trial.ends_at)),
            None => (Mode::Base, ends),
        };
        let packs = row.terms.packs.keys().cloned().collect();
        Verdict { mode, packs, valid_until, cameras_allowed: row.terms.cameras, refused: None }
    }

    /// Gives a free seat, on the device that stands for the client, with every pack that cameras can have.
    fn seat(
        &self,
        camera: &CameraId,
        device: &str,
        row: &SubscriptionRow,
    ) -> Result<Result<Seat, Answered>, LegacyError> {
        let packs = packs_of_cameras(&self.issuer.catalog, &row.terms);
        let device = self.device(device)?;
        let order = AssignmentOrder { cameras: vec![camera.clone()], packs, remove: false };
        match self.admin().assign_cameras(&device, &order) {
            // Somebody else seated it at the same time.
            Ok(_) | Err(AdminError::Assignment(AssignmentError::OnOtherDevice { .. })) => {}
            Err(AdminError::Assignment(error @ AssignmentError::BeyondSubscription { .. })) => {
                return Ok(Err(("NO_FREE_SEAT", error.to_string())));
            }
            Err(AdminError::Assignment(error)) => return Ok(Err(("NOT_SEATED", error.to_string()))),
            Err(error) => return Err(error.into()),
        }
        let seat = self.issuer.storage.seat_of(self.tenant, camera)?;
        Ok(seat.ok_or_else(|| ("NOT_SEATED", format!("camera {camera} was taken off its seat"))))
    }

    /// Why a camera that has a seat may not run: its device may not, or more have one than were bought, and it came late.
    fn withheld(
        &self,
        camera: &CameraId,
        seat: &Seat,
        (view, row): (&SubscriptionView, &SubscriptionRow),
    ) -> Result<Option<Answered>, LegacyError> {
        if !seat.is_in_service() {
            let why =
                format!("camera {camera} sits on device {}, which is {}", seat.device, seat.status.as_str());
            return Ok(Some(("DEVICE_OUT", why)));
        }
        let allowed = u64::from(row.terms.cameras);
        if view.cameras_named <= allowed {
            return Ok(None);
        }
        let all = self.issuer.storage.seated(self.tenant)?;
        let mut ranked = all.iter().map(|(seated, _, _)| seated).zip(ranks(&all));
        let is_late = ranked.any(|(seated, rank)| seated == camera && rank >= allowed);
        let why = || {
            format!(
                "{} cameras have a seat and {allowed} are subscribed; camera {camera} came later",
                all.len()
            )
        };
        Ok(is_late.then(|| ("NO_FREE_SEAT", why())))
    }

    /// A camera's own packs, and those of the tenant as a whole.
    pub(super) fn packs_of(&self, row: &SubscriptionRow, seat: &Seat) -> Vec<Slug> {
        let of_tenant = row.terms.packs.keys().filter(|pack| self.scope(pack) == Some(Scope::Tenant));
        let own = seat.packs.iter().filter(|pack| row.terms.packs.contains_key(*pack));
        let mut packs: Vec<Slug> = of_tenant.chain(own).cloned().collect();
        packs.sort();
        packs
    }

    fn scope(&self, pack: &Slug) -> Option<Scope> {
        self.issuer.catalog.by_slug(pack).map(|pack| pack.scope)
    }
}

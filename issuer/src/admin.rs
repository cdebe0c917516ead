//! What an admin does: tenants, subscriptions, activation codes, cameras. Needs no keys.

use crate::assignment::{self, AssignmentError, AssignmentOrder};
use crate::calendar::{ZoneError, local_midnight, parse_zone, rfc3339};
use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::code::{self, CodeEnd};
use crate::currency::CurrencyError;
use crate::editing::Keeping;
use crate::minting::fresh_token_id;
use crate::reactivation::{self, Reactivation, ReactivationError, ReactivationOrder};
use crate::reports::period::Bound;
use crate::retirement::{self, Retired, RetirementError, RetirementOrder, Successor};
use crate::secret::{NoRandom, Redacted, random};
use crate::standing::{self, StandingError, StandingOrder};
use crate::storage::{
    Actor, AuditLine, AuditNote, ClonePolicy, DeviceListed, DeviceStatus, NewCode, NewPolicy, Storage,
    StorageError, SubscriptionRow, TenantRow, Tier,
};
use crate::subscription::SubscriptionOrder;
use crate::timeline::{Entry, TimelineError};
use brink_license::{DeviceId, TenantId, UnixSeconds};
use chrono_tz::Tz;
use std::sync::Arc;

/// Longest tenant name: what an invoice has room for.
const TENANT_NAME_CHARS_MAX: usize = 200;

/// Lines of evidence that are shown: a row a day and reason, so the newest month.
const EVIDENCE_LINES_MAX: u32 = 100;

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// A tenant without a usable name.
    #[error("a tenant's name has 1 to {TENANT_NAME_CHARS_MAX} characters, and no control characters")]
    TenantName,
    /// Not a zone.
    #[error(transparent)]
    Zone(#[from] ZoneError),
    /// Not a currency.
    #[error(transparent)]
    Currency(#[from] CurrencyError),
    /// The subscription.
    #[error(transparent)]
    Timeline(#[from] TimelineError),
    /// The assignment.
    #[error(transparent)]
    Assignment(#[from] AssignmentError),
    /// How a licence is to stand.
    #[error(transparent)]
    Standing(#[from] StandingError),
    /// A code for too many devices, or for too long.
    #[error("{option} {asked} is out of bounds: {min} to {max}")]
    CodeBounds {
        /// The option.
        option: &'static str,
        /// As asked.
        asked: u32,
        /// Lower bound.
        min: u32,
        /// Upper bound.
        max: u32,
    },
    /// A code that would end in the past, or too late.
    #[error("--until {asked} is out of bounds: later than {now}, and {latest} at the latest")]
    CodeUntil {
        /// As asked.
        asked: String,
        /// Now.
        now: String,
        /// The end of a code that is made now.
        latest: String,
    },
    /// The retirement.
    #[error(transparent)]
    Retirement(#[from] RetirementError),
    /// A device that was to be activated anew.
    #[error(transparent)]
    Reactivation(#[from] ReactivationError),
    /// A change of nothing.
    #[error("nothing to change was given; give a name or what to do about clones")]
    NothingToChange,
    /// Somebody else was faster.
    #[error("what is to be changed has changed since it was looked at; look at it again")]
    Stale,
    /// The database.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Random numbers.
    #[error(transparent)]
    Random(#[from] NoRandom),
}

impl AdminError {
    /// What helps, where the text does not end with it.
    #[must_use]
    pub fn mend(&self) -> Option<String> {
        Some(match self {
            Self::TenantName => "give --name another text".into(),
            Self::Zone(_) => ZoneError::MEND.into(),
            Self::Currency(_) => CurrencyError::MEND.into(),
            Self::Timeline(error) => error.mend(),
            Self::Assignment(error) => error.mend(),
            Self::CodeBounds { .. } => "choose a number within these bounds".into(),
            Self::CodeUntil { .. } => "choose a moment within these bounds".into(),
            Self::NothingToChange
            | Self::Stale
            | Self::Retirement(_)
            | Self::Reactivation(_)
            | Self::Standing(_)
            | Self::Storage(_)
            | Self::Random(_) => return None,
        })
    }
}

/// The admin's use cases over one database.
pub struct Admin {
    /// The database.
    pub storage: Arc<dyn Storage>,
    /// The catalogue in force.
    pub catalog: Catalog,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Who acts.
    pub actor: Actor,
}

/// A tenant to create.
#[derive(Clone, Debug)]
pub struct TenantOrder {
    /// The id.
    pub id: TenantId,
    /// For people.
    pub name: String,
    /// IANA zone.
    pub timezone: String,
    /// ISO 4217 code.
    pub currency: String,
}

/// A code to make.
#[derive(Clone, Debug)]
pub struct CodeOrder {
    /// Whose devices.
    pub tenant: TenantId,
    /// Their class.
    pub tier: Tier,
    /// How many.
    pub uses: u32,
    /// When the code ends.
    pub expires: CodeEnd,
}

/// A code that was made, to be shown once.
#[derive(Debug)]
pub struct MadeCode {
    /// The code.
    pub code: Redacted,
    /// The devices it activates, in the order they will be given.
    pub devices: Vec<DeviceId>,
    /// When it expires.
    pub expires_at: UnixSeconds,
}

impl Admin {
    /// Adds a tenant.
    pub fn create_tenant(&self, order: TenantOrder) -> Result<TenantRow, AdminError> {
        let tenant = TenantRow {
            name: checked_name(&order.name)?,
            id: order.id,
            zone: parse_zone(&order.timezone)?,
            currency: order.currency.parse()?,
            clones: ClonePolicy::default(),
            created_at: self.clock.now(),
        };
        self.storage.create_tenant(&tenant, &self.actor)?;
        Ok(tenant)
    }

    /// Sets the subscription from now on, replacing the one in force and what lies ahead.
    pub fn set_subscription(
        &self,
        tenant: &TenantId,
        order: &SubscriptionOrder,
    ) -> Result<SubscriptionRow, AdminError> {
        Ok(self.replace_subscription(tenant, order, &Entry::default(), &Keeping::all())?.version)
    }

    /// Makes an activation code and the devices that it will activate.
    pub fn create_code(&self, order: &CodeOrder) -> Result<MadeCode, AdminError> {
        check_bounds("--uses", order.uses, &code::USES)?;
        let now = self.clock.now();
        let view = self.storage.tenant(&order.tenant, now)?;
        let expires_at = code_end(order.expires, (now, view.tenant.zone))?;
        // It would activate devices that cannot be licensed.
        view.current.map_err(TimelineError::from)?;
        let (text, new) = fresh_code(order, (now, expires_at))?;
        self.storage.create_code(&new, &self.actor)?;
        Ok(made(text, new))
    }

    /// Takes a device out of service, and puts another in its place if the order says so. With a new one comes its code.
    pub fn retire(&self, order: &RetirementOrder) -> Result<(Retired, Option<MadeCode>), AdminError> {
        retirement::check_order(order)?;
        let now = self.clock.now();
        let (existing, new) = match &order.successor {
            Successor::None => (None, None),
            Successor::Existing(by) => (Some(by), None),
            Successor::New { expires_hours } => (None, Some((None, *expires_hours))),
            Successor::Elsewhere { tenant, expires_hours } => (None, Some((Some(tenant), *expires_hours))),
        };
        let fresh = match new {
            None => None,
            Some((elsewhere, expires_hours)) => {
                let old = self.storage.device(&order.device, now)?;
                let to = elsewhere.map(|tenant| self.storage.tenant(tenant, now)).transpose()?;
                let (owner, licensable) =
                    to.map_or((old.tenant, Ok(())), |to| (to.tenant, to.current.map(drop)));
                let expires = CodeEnd::Hours(expires_hours);
                let expires_at = code_end(expires, (now, owner.zone))?;
                // It would activate a device that cannot be licensed.
                licensable.map_err(TimelineError::from)?;
                let order = CodeOrder { tenant: owner.id, tier: old.device.tier, uses: 1, expires };
                Some((fresh_code(&order, (now, expires_at))?, owner.zone))
            }
        };
        let mut outcome = None;
        self.storage.retire(&order.device, existing, now, &mut |view| {
            let fresh = fresh.as_ref().map(|((_, code), zone)| (code, *zone));
            let (retired, record) = match retirement::retire(view, order, fresh, (now, &self.actor)) {
                Ok((retired, record)) => (Ok(retired), Some(record)),
                Err(refusal) => (Err(refusal), None),
            };
            outcome = Some(retired);
            record
        })?;
        Ok((ran(outcome)??, fresh.map(|((text, code), _)| made(text, code))))
    }

    /// Makes a code that activates a device anew.
    pub fn reactivate(&self, order: &ReactivationOrder) -> Result<(Reactivation, MadeCode), AdminError> {
        reactivation::check_order(order)?;
        check_bounds("--expires-hours", order.expires_hours, &code::HOURS)?;
        let (now, code) = (self.clock.now(), code::generate()?);
        let expires_at = now.saturating_add(i64::from(order.expires_hours) * 3600);
        let code_sha256 = code::digest(code.reveal()).ok_or(NoRandom)?;
        let mut outcome = None;
        self.storage.reactivate(&order.device, now, &mut |view| {
            let made = reactivation::reactivate(view, order, (code_sha256, expires_at), (now, &self.actor));
            let (done, new) = match made {
                Ok((done, new)) => (Ok(done), Some(new)),
                Err(refusal) => (Err(refusal), None),
            };
            outcome = Some(done);
            new
        })?;
        let done = ran(outcome)??;
        Ok((done, MadeCode { code, devices: vec![order.device.clone()], expires_at }))
    }

    /// What the audit says of copies of a device, newest first.
    pub fn evidence(&self, device: &DeviceId) -> Result<Vec<AuditLine>, AdminError> {
        Ok(self.storage.evidence(device, EVIDENCE_LINES_MAX)?)
    }

    /// Changes what happens when a device of a tenant seems to run twice; answers what did before.
    pub fn set_policy(&self, tenant: &TenantId, clones: ClonePolicy) -> Result<ClonePolicy, AdminError> {
        let now = self.clock.now();
        let mut was = None;
        self.storage.set_policy(tenant, &mut |row| {
            was = Some(row.clones);
            let note = AuditNote {
                tenant: Some(row.id.clone()),
                at: now,
                actor: self.actor.clone(),
                action: "tenant.policy",
                subject: row.id.to_string(),
                detail: serde_json::json!({ "was": row.clones, "clones": clones }),
            };
            (row.clones != clones).then_some(NewPolicy { clones, note })
        })?;
        Ok(ran(was)?)
    }

    /// Every device of a tenant.
    pub fn devices(&self, tenant: &TenantId) -> Result<Vec<DeviceListed>, AdminError> {
        Ok(self.storage.devices(tenant, self.clock.now())?)
    }

    /// Puts cameras on a device, or takes them off: all of the order or nothing.
    pub fn assign_cameras(&self, device: &DeviceId, order: &AssignmentOrder) -> Result<usize, AdminError> {
        assignment::check_order(order)?;
        let now = self.clock.now();
        let mut outcome = None;
        self.storage.change_cameras(device, &order.cameras, now, &mut |view| {
            let change = assignment::change(&self.catalog, view, order, (now, &self.actor));
            let (count, change) = match change {
                Ok(change) => (Ok(change.upsert.len() + change.remove.len()), Some(change)),
                Err(refusal) => (Err(refusal), None),
            };
            outcome = Some(count);
            change
        })?;
        Ok(ran(outcome)??)
    }

    /// Holds a device's licence back, withdraws it or gives it back; answers how it stood before.
    pub fn turn_licence(&self, device: &DeviceId, order: &StandingOrder) -> Result<DeviceStatus, AdminError> {
        let now = self.clock.now();
        let mut outcome = None;
        self.storage.change_standing(device, &mut |row| {
            let change = standing::change(row, order, (now, &self.actor));
            let (was, change) = match change {
                Ok(change) => (Ok(row.status), Some(change)),
                Err(refusal) => (Err(refusal), None),
            };
            outcome = Some(was);
            change
        })?;
        Ok(ran(outcome)??)
    }
}

/// A tenant's name as it is kept.
pub(crate) fn checked_name(name: &str) -> Result<String, AdminError> {
    let name = name.trim();
    let fits = (1..=TENANT_NAME_CHARS_MAX).contains(&name.chars().count());
    if fits && !name.chars().any(char::is_control) {
        Ok(name.to_owned())
    } else {
        Err(AdminError::TenantName)
    }
}

/// A code and the devices that it will activate, stored nowhere yet.
fn fresh_code(
    order: &CodeOrder,
    (now, expires_at): (UnixSeconds, UnixSeconds),
) -> Result<(Redacted, NewCode), NoRandom> {
    let text = code::generate()?;
    let devices = (0..order.uses).map(|_| Ok((fresh_device_id()?, fresh_token_id()?)));
    let new = NewCode {
        code_sha256: code::digest(text.reveal()).ok_or(NoRandom)?,
        tenant: order.tenant.clone(),
        tier: order.tier,
        expires_at,
        created_at: now,
        devices: devices.collect::<Result<_, NoRandom>>()?,
    };
    Ok((text, new))
}

/// The moment at which a code ends. A day counts with it, as people mean it who say until when.
fn code_end(end: CodeEnd, (now, zone): (UnixSeconds, Tz)) -> Result<UnixSeconds, AdminError> {
    let until = match end {
        CodeEnd::Hours(hours) => {
            check_bounds("--expires-hours", hours, &code::HOURS)?;
            return Ok(now.saturating_add(i64::from(hours) * 3600));
        }
        CodeEnd::Until(Bound::Instant(at)) => at,
        CodeEnd::Until(Bound::Day(day)) => local_midnight(day.succ_opt().unwrap_or(day), zone),
    };
    let latest = now.saturating_add(i64::from(*code::HOURS.end()) * 3600);
    if now < until && until <= latest {
        return Ok(until);
    }
    let [asked, now, latest] = [until, now, latest].map(rfc3339);
    Err(AdminError::CodeUntil { asked, now, latest })
}

fn made(code: Redacted, new: NewCode) -> MadeCode {
    let devices = new.devices.into_iter().map(|(device, _)| device).collect();
    MadeCode { code, devices, expires_at: new.expires_at }
}

/// The port runs a plan at least once, or fails.
pub(crate) fn ran<T>(outcome: Option<T>) -> Result<T, StorageError> {
    outcome
        .ok_or_else(|| StorageError::Damaged { what: "a transaction ended without running its plan".into() })
}

fn check_bounds(
    option: &'static str,
    asked: u32,
    bounds: &std::ops::RangeInclusive<u32>,
) -> Result<(), AdminError> {
    if bounds.contains(&asked) {
        return Ok(());
    }
    Err(AdminError::CodeBounds { option, asked, min: *bounds.start(), max: *bounds.end() })
}

/// `dev-` and 64 random bits: short enough to read out, and no count of devices to be guessed from it.
pub(crate) fn fresh_device_id() -> Result<DeviceId, NoRandom> {
    let text = crate::secret::hex(&*random::<8>()?);
    DeviceId::parse(&format!("dev-{text}")).map_err(|_| NoRandom)
}

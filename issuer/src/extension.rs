//! Extensions: a licence lasts a little longer, for a site that no exchange reaches in time. Short, few, recorded with
//! who and why, and within the subscription: what an extension keeps going holds its seats for as long.

use crate::answer::Answering;
use crate::calendar::rfc3339;
use crate::issuer::Issuer;
use crate::notices::IssueError;
use crate::seats::QUOTA_PARTS;
use crate::secret::digest;
use crate::standing::{REASON_CHARS_MAX, is_reason};
use crate::storage::{
    Actor, AuditNote, DeviceStatus, Extension, ExtensionView, LicenceRow, NewExtension, Storage,
};
use brink_license::keyset::KeyUse;
use brink_license::token::{
    AUDIENCE_EDGE, Authority, CLAIMS_VERSION, EXTENSION_NUMBER_MAX, EXTENSION_SECONDS_MAX, ExtensionClaims,
    ExtensionExpected, TypedExtension, Verified, verify,
};
use brink_license::{DeviceId, Typ, UnixSeconds};
use brink_signing::sign_document;
use std::ops::RangeInclusive;

const DAY: i64 = 86_400;
/// Days of one extension: what a device takes at most.
pub const EXTENSION_DAYS: RangeInclusive<u32> = 1..=14;
const _: () = assert!(14 * DAY == EXTENSION_SECONDS_MAX);
/// Days that all extensions of a device may have together within [`EXTENDED_WITHIN_DAYS`]: two long ones in a row are an
/// emergency, more are a licence that nobody paid for.
pub const EXTENDED_DAYS_MAX: i64 = 30;
/// A quarter of a year, in which any site is reached once.
pub const EXTENDED_WITHIN_DAYS: i64 = 90;

/// From here on days and seconds are counted: 2026-01-01T00:00:00Z. Never moved, since numbers only rise.
pub(crate) const NUMBERED_FROM: UnixSeconds = UnixSeconds::new(1_767_225_600);

/// What a person asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtensionOrder {
    /// Whose licence.
    pub device: DeviceId,
    /// From now on.
    pub days: u32,
    /// Why, for the audit.
    pub reason: Option<String>,
}

/// Why no extension was made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExtensionError {
    /// Too long, or nothing.
    #[error("--days takes {} to {}", EXTENSION_DAYS.start(), EXTENSION_DAYS.end())]
    Days,
    /// Not a sentence.
    #[error("--reason takes 1 to {REASON_CHARS_MAX} characters without control characters")]
    Reason,
    /// There is no licence that could go on.
    #[error("the licence of device {device} is {}, and an extension would not change that; {mend}", .status.as_str())]
    NotActive {
        /// The device.
        device: DeviceId,
        /// How it stands.
        status: DeviceStatus,
        /// What would.
        mend: &'static str,
    },
    /// Extended too often.
    #[error(
        "device {device} has had {given} days of extension within {EXTENDED_WITHIN_DAYS} days, and may have \
         {EXTENDED_DAYS_MAX}; carry a request and its answer: brink-edge exchange --export"
    )]
    TooMuch {
        /// The device.
        device: DeviceId,
        /// Days within the span, rounded up.
        given: i64,
    },
    /// What has ended has let its seats go.
    #[error(
        "device {device} would hold {seats} seats again, others hold {elsewhere} of {subscribed}; its licence ended and \
         its seats went to others: take cameras off those, or add some with \
         `subscription change --tenant T --cameras N`"
    )]
    SeatsGone {
        /// The device.
        device: DeviceId,
        /// Of its licences.
        seats: u64,
        /// Held by the tenant's other devices, and by keys of before.
        elsewhere: u64,
        /// As subscribed.
        subscribed: u64,
    },
    /// The same of the quotas.
    #[error(
        "the share of the quotas that the licence of device {0} had went to other devices when it ended; carry a request \
         and its answer: brink-edge exchange --export"
    )]
    QuotaGone(DeviceId),
    /// The issuer's clock stands before the licence.
    #[error("the newest licence was issued at {issued_at}, after now; set the issuer's clock right")]
    ClockBehind {
        /// When.
        issued_at: String,
    },
    /// More than two bytes count.
    #[error("device {0} has had as many extensions as can be numbered; activate it anew")]
    NumbersSpent(DeviceId),
}

impl ExtensionError {
    /// Whether the order contradicts what is stored, rather than being wrong in itself.
    #[must_use]
    pub const fn is_of_state(&self) -> bool {
        match self {
            Self::Days | Self::Reason => false,
            Self::NotActive { .. }
            | Self::TooMuch { .. }
            | Self::SeatsGone { .. }
            | Self::QuotaGone(_)
            | Self::ClockBehind { .. }
            | Self::NumbersSpent(_) => true,
        }
    }

    /// A stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Days | Self::Reason => "OUT_OF_BOUNDS",
            Self::NotActive { status, .. } => match status {
                DeviceStatus::Suspended => "SUSPENDED",
                DeviceStatus::Revoked => "REVOKED",
                DeviceStatus::Retired => "RETIRED",
                DeviceStatus::Pending | DeviceStatus::Active => "NOT_ACTIVATED",
            },
            Self::TooMuch { .. } => "EXTENDED_TOO_MUCH",
            Self::SeatsGone { .. } | Self::QuotaGone(_) => "BEYOND_SUBSCRIPTION",
            Self::ClockBehind { .. } => "CLOCK_BEHIND",
            Self::NumbersSpent(_) => "OUT_OF_BOUNDS",
        }
    }
}

/// An extension that was recorded.
#[derive(Clone, Debug)]
pub struct Extended {
    /// The document.
    pub extension: Verified<ExtensionClaims>,
    /// The same for somebody who types it in.
    pub typed: Option<TypedExtension>,
}

impl Issuer {
    /// Makes an extension of a device's licence.
    pub fn extend(&self, order: &ExtensionOrder, actor: &Actor) -> Result<Extended, IssueError> {
        self.extend_in(&*self.storage, order, actor)
    }

    /// The same by a storage that may stand inside of a transaction.
    pub(crate) fn extend_in(
        &self,
        storage: &dyn Storage,
        order: &ExtensionOrder,
        actor: &Actor,
    ) -> Result<Extended, IssueError> {
        check_order(order)?;
        let answering = self.answering()?;
        let mut outcome = None;
        storage.extend(&order.device, answering.now, &mut |view| {
            let (result, new) = match plan(&answering, view, (order, actor)) {
                Ok((extended, new)) => (Ok(extended), Some(new)),
                Err(error) => (Err(error), None),
            };
            outcome = Some(result);
            new
        })?;
        crate::admin::ran(outcome)?
    }
}

fn check_order(order: &ExtensionOrder) -> Result<(), ExtensionError> {
    if !EXTENSION_DAYS.contains(&order.days) {
        return Err(ExtensionError::Days);
    }
    if order.reason.as_deref().is_none_or(is_reason) { Ok(()) } else { Err(ExtensionError::Reason) }
}

fn plan(
    answering: &Answering<'_>,
    view: &ExtensionView,
    (order, actor): (&ExtensionOrder, &Actor),
) -> Result<(Extended, NewExtension), IssueError> {
    let now = answering.now;
    let latest = check_licence(view, now)?;
    check_budget(view, i64::from(order.days), now)?;
    check_share(view)?;
    let number = next_number(view, now)?;
    let until = now.saturating_add(i64::from(order.days) * DAY);
    let extension = sign(answering, view, (number, until))?;
    let kid = extension.kid();
    let note = AuditNote {
        tenant: Some(view.device.tenant.id.clone()),
        at: now,
        actor: actor.clone(),
        action: "license.extend",
        subject: order.device.to_string(),
        detail: serde_json::json!({
            "number": number, "days": order.days, "until": until, "kid": kid, "licence_seq": latest.seq,
            "seats": view.revived.seats, "reason": order.reason, "sha256": digest(extension.token()),
        }),
    };
    let token = extension.token().to_owned();
    let new = NewExtension { extension: Extension { number, kid, iat: now, until, token }, note };
    Ok((Extended { typed: TypedExtension::of(&extension), extension }, new))
}

/// Above the last one on record, and no lower than the day's: a database that was restored has lost the newest numbers, and
/// devices keep theirs. Extensions are fewer than days, and the days until the year 2205 fit into two bytes.
fn next_number(view: &ExtensionView, now: UnixSeconds) -> Result<u64, ExtensionError> {
    let next = view.earlier.last().map_or(0, |last| last.number).saturating_add(1);
    let day = u64::try_from(now.since(NUMBERED_FROM) / DAY).unwrap_or(0);
    match next.max(day) {
        spent if spent > EXTENSION_NUMBER_MAX => {
            Err(ExtensionError::NumbersSpent(view.device.device.id.clone()))
        }
        number => Ok(number),
    }
}

/// What the device holds may go on, and the extension would speak of it.
fn check_licence(view: &ExtensionView, now: UnixSeconds) -> Result<&LicenceRow, ExtensionError> {
    let device = &view.device.device;
    let not_active =
        |mend| ExtensionError::NotActive { device: device.id.clone(), status: device.status, mend };
    let latest = view.device.latest.as_ref().filter(|_| device.key.is_some());
    match device.status {
        DeviceStatus::Suspended => return Err(not_active("`license resume` gives it back")),
        DeviceStatus::Revoked => return Err(not_active("`license resume` gives it a new one")),
        DeviceStatus::Retired => return Err(not_active("`device replace` puts another in its place")),
        DeviceStatus::Pending => return Err(not_active("activate it first")),
        DeviceStatus::Active => {}
    }
    // What was withdrawn stays so until the device holds something newer, extended or not.
    let latest = latest.filter(|latest| !device.has_withdrawn(latest.seq));
    let latest = latest.ok_or_else(|| not_active("carry a request and its answer first"))?;
    if now < latest.iat {
        return Err(ExtensionError::ClockBehind { issued_at: rfc3339(latest.iat) });
    }
    Ok(latest)
}

fn check_budget(view: &ExtensionView, days: i64, now: UnixSeconds) -> Result<(), ExtensionError> {
    let since = now.saturating_add(-EXTENDED_WITHIN_DAYS * DAY);
    let recent = view.earlier.iter().filter(|earlier| since < earlier.iat);
    let given: i64 = recent.map(|earlier| earlier.until.since(earlier.iat)).sum();
    if given.saturating_add(days * DAY) <= EXTENDED_DAYS_MAX * DAY {
        return Ok(());
    }
    let device = view.device.device.id.clone();
    Err(ExtensionError::TooMuch { device, given: given.saturating_add(DAY - 1) / DAY })
}

/// A licence that has ended has let its seats go. What it would take back must not be with others by now.
fn check_share(view: &ExtensionView) -> Result<(), ExtensionError> {
    let device = &view.device.device.id;
    let subscribed = view.device.subscription.as_ref().map_or(0, |row| u64::from(row.terms.cameras));
    let (seats, elsewhere) = (view.revived.seats, view.held_elsewhere.seats);
    if seats > view.held.seats && elsewhere.saturating_add(seats) > subscribed {
        return Err(ExtensionError::SeatsGone { device: device.clone(), seats, elsewhere, subscribed });
    }
    let (quota, elsewhere) = (view.revived.quota_ppm, view.held_elsewhere.quota_ppm);
    if quota > view.held.quota_ppm && elsewhere.saturating_add(quota) > QUOTA_PARTS {
        return Err(ExtensionError::QuotaGone(device.clone()));
    }
    Ok(())
}

/// Signs it, and reads it back as a device will before it is recorded.
fn sign(
    answering: &Answering<'_>,
    view: &ExtensionView,
    (number, until): (u64, UnixSeconds),
) -> Result<Verified<ExtensionClaims>, IssueError> {
    let device = &view.device.device;
    let jkt = device.key.as_ref().map(brink_license::PublicKey::kid);
    let claims = ExtensionClaims {
        ver: CLAIMS_VERSION,
        iss: answering.issuer.name.clone(),
        aud: AUDIENCE_EDGE.to_owned(),
        tenant: device.tenant.clone(),
        dev: device.id.clone(),
        sub: device.licence_id.clone(),
        epoch: device.epoch,
        jkt: jkt.ok_or_else(|| IssueError::Claims("the device has no key".to_owned()))?,
        number,
        iat: answering.now,
        until,
    };
    let payload = claims.to_json_bytes().map_err(|e| IssueError::Claims(e.to_string()))?;
    let token = sign_document(&*answering.in_force.keys.license, Typ::Extension, &payload)?;
    let expected = ExtensionExpected { issuer: claims.iss, licence: None };
    let authority = Authority::Issuer(&answering.in_force.keyset, KeyUse::License);
    verify::<ExtensionClaims>(token.as_bytes(), authority, &expected)
        .map_err(|e| IssueError::Claims(e.to_string()))
}

//! What `license show` shows: what was minted last, what would be minted now, and what is withheld and why.

use crate::answer::has_withdrawn_newest;
use crate::calendar::rfc3339;
use crate::desired::{Desired, Mint, Unmintable, desired};
use crate::minting::{MintError, Occasion, occasion};
use crate::seat_reports;
use crate::storage::{DeviceView, Holder, LicenceRow, SeatConflict, SeatedCamera, SeatsKnown};
use brink_license::token::{Enforce, Grant, Mode, Quota};
use brink_license::{CameraId, DeviceId, Kid, Slug, TenantId, TokenId, UnixSeconds};
use serde::Serialize;

/// Other devices that are named as holders of seats: enough to see where they are.
pub const HOLDERS_SHOWN: u32 = 16;

/// The whole of it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ShownLicence {
    /// The device.
    #[schema(value_type = String)]
    pub device: DeviceId,
    /// Whose it is.
    #[schema(value_type = String)]
    pub tenant: TenantId,
    /// Where the device stands.
    pub status: crate::storage::DeviceStatus,
    /// Since when every copy of it is refused until it was activated anew, RFC 3339.
    pub reactivation_due_since: Option<String>,
    /// Its class.
    pub tier: crate::storage::Tier,
    /// The thumbprint of its key.
    #[schema(value_type = Option<String>)]
    pub jkt: Option<Kid>,
    /// Its epoch.
    pub epoch: u32,
    /// The licence number that it reported last.
    pub reported_seq: u64,
    /// When it was last heard of, RFC 3339.
    pub last_exchange_at: Option<String>,
    /// The token minted last.
    pub minted: Option<ShownToken>,
    /// The token that would be minted now.
    pub desired: Option<ShownDesired>,
    /// Why none would be.
    pub unmintable: Option<String>,
    /// What the device said last of its unnamed seats.
    pub seats: Option<ShownSeats>,
    /// When a report of its seats broke a rule last.
    pub seats_refused_at: Option<String>,
    /// Whether the two say different things.
    pub differs: bool,
    /// Why the next exchange will mint, if it will.
    #[schema(value_type = Option<String>)]
    pub will_mint: Option<Occasion>,
}

/// Who sits on a device's unnamed seats.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ShownSeats {
    /// When it said so.
    pub reported_at: String,
    /// The licence token that it spoke of.
    #[schema(value_type = String)]
    pub jti: TokenId,
    /// Who.
    #[schema(value_type = Vec<Object>)]
    pub cameras: Vec<SeatedCamera>,
    /// Who is on another device as well.
    #[schema(value_type = Vec<Object>)]
    pub conflicts: Vec<SeatConflict>,
}

/// A minted token and its deadlines, in seconds since 1970 and as RFC 3339.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ShownToken {
    /// Its number.
    pub seq: u64,
    /// Its id.
    #[schema(value_type = String)]
    pub jti: TokenId,
    /// The key that signed.
    #[schema(value_type = String)]
    pub kid: Kid,
    /// Issued.
    #[schema(value_type = i64)]
    pub iat: UnixSeconds,
    /// Issued.
    pub issued_at: String,
    /// Valid from.
    #[schema(value_type = i64)]
    pub nbf: UnixSeconds,
    /// Valid from.
    pub valid_from: String,
    /// Valid until, exclusive.
    #[schema(value_type = i64)]
    pub exp: UnixSeconds,
    /// Valid until, exclusive.
    pub expires_at: String,
    /// Flagged work after it.
    pub grace: u64,
    /// Where the grace ends.
    #[schema(value_type = i64)]
    pub ends: UnixSeconds,
    /// Where the grace ends.
    pub ends_at: String,
    /// Cameras by name.
    pub named: u64,
    /// Unnamed seats.
    pub any: u64,
    /// The token itself, when it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// What would be minted.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ShownDesired {
    /// The commercial mode.
    #[schema(value_type = String)]
    pub mode: Mode,
    /// What hosts do with "no".
    #[schema(value_type = String)]
    pub enforce: Enforce,
    /// Cameras by name.
    pub named: u64,
    /// Unnamed seats.
    pub any: u64,
    /// The grants, as the token has them.
    #[schema(value_type = Vec<Object>)]
    pub grants: Vec<Grant>,
    /// Packs of the whole device.
    #[schema(value_type = Vec<String>)]
    pub device_packs: Vec<Slug>,
    /// Prepaid usage.
    #[schema(value_type = Vec<Object>)]
    pub quotas: Vec<Quota>,
    /// Where the token would end.
    #[schema(value_type = i64)]
    pub exp: UnixSeconds,
    /// Where the token would end.
    pub expires_at: String,
    /// Cameras that are assigned and get no seat now.
    pub withheld: Option<Withheld>,
    /// Packs that cameras are assigned and the subscription no longer has.
    #[schema(value_type = Vec<String>)]
    pub packs_withheld: Vec<Slug>,
}

/// Cameras without a seat.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Withheld {
    /// Which.
    #[schema(value_type = Vec<String>)]
    pub cameras: Vec<CameraId>,
    /// Why, and what helps.
    pub reason: String,
    /// The devices that have the seats, largest first.
    #[schema(value_type = Vec<Object>)]
    pub held_by: Vec<Holder>,
}

/// Puts it together.
pub fn shown(
    mint: &Mint<'_>,
    view: &DeviceView,
    (holders, known): (Vec<Holder>, SeatsKnown),
    with_token: bool,
) -> Result<ShownLicence, MintError> {
    let (wanted, unmintable) = match desired(mint, view) {
        Ok(wanted) => (Some(wanted), None),
        Err(reason) => (None, Some(reason)),
    };
    let will_mint = match &wanted {
        Some(_) if !view.device.status.may_be_licensed() || view.device.reactivate_from.is_some() => None,
        Some(wanted) if view.device.key.is_some() => {
            let resumed = has_withdrawn_newest(view).then_some(Occasion::Resumed);
            occasion(&wanted.draft, view.latest.as_ref(), mint.now)?.or(resumed)
        }
        Some(_) | None => None,
    };
    let device = &view.device;
    let refused = view.reactions.iter().find(|reaction| reaction.reason == seat_reports::REFUSED);
    Ok(ShownLicence {
        device: device.id.clone(),
        tenant: view.tenant.id.clone(),
        status: device.status,
        reactivation_due_since: device.reactivate_from.map(rfc3339),
        tier: device.tier,
        jkt: device.key.as_ref().map(brink_license::PublicKey::kid),
        epoch: device.epoch,
        reported_seq: device.reported_seq,
        last_exchange_at: device.exchange.exchanged_at.map(rfc3339),
        minted: view.latest.as_ref().map(|row| shown_token(row, with_token)),
        seats: shown_seats(known),
        seats_refused_at: refused.map(|reaction| rfc3339(reaction.at)),
        differs: matches!(will_mint, Some(Occasion::First | Occasion::Changed)) || view.latest.is_none(),
        will_mint,
        desired: wanted.map(|wanted| shown_desired(wanted, mint.now, holders)),
        unmintable: unmintable.as_ref().map(Unmintable::to_string),
    })
}

fn shown_seats(known: SeatsKnown) -> Option<ShownSeats> {
    let SeatsKnown { report, cameras, conflicts } = known;
    let report = report?;
    Some(ShownSeats { reported_at: rfc3339(report.reported_at), jti: report.jti, cameras, conflicts })
}

fn shown_token(row: &LicenceRow, with_token: bool) -> ShownToken {
    ShownToken {
        seq: row.seq,
        jti: row.jti.clone(),
        kid: row.kid,
        iat: row.iat,
        issued_at: rfc3339(row.iat),
        nbf: row.nbf,
        valid_from: rfc3339(row.nbf),
        exp: row.exp,
        expires_at: rfc3339(row.exp),
        grace: row.grace_seconds,
        ends: row.ends_at(),
        ends_at: rfc3339(row.ends_at()),
        named: row.named_seats,
        any: row.any_seats,
        token: with_token.then(|| row.token.clone()),
    }
}

fn shown_desired(wanted: Desired, now: UnixSeconds, held_by: Vec<Holder>) -> ShownDesired {
    let exp = wanted.draft.exp(now);
    let withheld = (!wanted.withheld.is_empty()).then(|| Withheld {
        reason: format!(
            "{} cameras have no seat: other devices, or an earlier key of this one, still hold them, until they report a licence without them or their \
             licences end. Those of a device that is gone: `device replace`; of a copy: `device reactivate`",
            wanted.withheld.len()
        ),
        cameras: wanted.withheld,
        held_by,
    });
    let draft = wanted.draft;
    ShownDesired {
        mode: draft.mode,
        enforce: draft.enforce,
        named: wanted.seats.named,
        any: wanted.seats.any,
        grants: draft.grants,
        device_packs: draft.device_packs,
        quotas: draft.quotas,
        exp,
        expires_at: rfc3339(exp),
        withheld,
        packs_withheld: wanted.packs_withheld,
    }
}

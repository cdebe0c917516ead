//! Minting ahead of the next exchange: what that would mint is on record at once, and the device gets it with its next
//! answer. By the same rules, and never twice for one occasion.

use crate::admin::ran;
use crate::answer::{Answering, has_withdrawn_newest};
use crate::desired::desired;
use crate::issuer::Issuer;
use crate::minting::{MINTS_MAX, MINTS_SECONDS, MintError, Minter, Occasion, occasion};
use crate::refusal::Refusal;
use crate::secret::digest;
use crate::storage::{
    Actor, AuditNote, DeviceStatus, DeviceView, LicenceRow, Posting, Storage, StorageError, UsageAsked,
};
use brink_license::DeviceId;

/// Why nothing was minted.
#[derive(Debug, thiserror::Error)]
pub enum IssuanceError {
    /// It has no key, so that no licence could be bound to it.
    #[error(
        "device {0} is not activated, so no licence can be minted for it; its activation mints the first"
    )]
    NotActivated(DeviceId),
    /// It gets nothing.
    #[error("the licence of device {device} is {}, so nothing is minted for it; resume it first", .status.as_str())]
    NotActive {
        /// The device.
        device: DeviceId,
        /// How it stands.
        status: DeviceStatus,
    },
    /// Every copy is refused.
    #[error("every copy of device {0} is refused until one was activated anew; reactivate it first")]
    ReactivationDue(DeviceId),
    /// Too many in too short a time.
    #[error("device {0} has had {MINTS_MAX} licences within {MINTS_SECONDS} s; try again later")]
    TooMany(DeviceId),
    /// There is none.
    #[error(transparent)]
    Mint(#[from] MintError),
    /// The keys or the keyset.
    #[error(transparent)]
    NotReady(#[from] Refusal),
    /// The database.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl IssuanceError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotActivated(_) => "NOT_ACTIVATED",
            Self::NotActive { status, .. } => match status {
                DeviceStatus::Retired => "RETIRED",
                DeviceStatus::Revoked => "REVOKED",
                DeviceStatus::Suspended | DeviceStatus::Pending | DeviceStatus::Active => "SUSPENDED",
            },
            Self::ReactivationDue(_) => "REACTIVATION_REQUIRED",
            Self::TooMany(_) => "TOO_MANY",
            Self::Mint(_) => "UNLICENSABLE",
            Self::NotReady(refusal) => refusal.code(),
            Self::Storage(error) => error.code(),
        }
    }
}

/// The newest token of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuance {
    /// The token.
    pub licence: LicenceRow,
    /// Why it was minted; `None` where the one before still says everything.
    pub why: Option<Occasion>,
}

impl Issuer {
    /// Mints what the next exchange of a device would mint. `storage` may stand inside of a transaction.
    pub fn mint(
        &self,
        storage: &dyn Storage,
        device: &DeviceId,
        actor: &Actor,
    ) -> Result<Issuance, IssuanceError> {
        let answering = self.answering()?;
        let mut outcome = None;
        storage.settle(device, answering.now, &UsageAsked::default(), &mut |view| {
            let minted = mint(&answering, view);
            let posting =
                minted.as_ref().ok().and_then(|issuance| posting(&answering, view, issuance, actor));
            outcome = Some(minted);
            posting
        })?;
        ran(outcome)?
    }
}

fn mint(answering: &Answering<'_>, view: &DeviceView) -> Result<Issuance, IssuanceError> {
    let device = &view.device;
    if device.key.is_none() {
        return Err(IssuanceError::NotActivated(device.id.clone()));
    }
    if !device.status.may_be_licensed() {
        return Err(IssuanceError::NotActive { device: device.id.clone(), status: device.status });
    }
    if device.reactivate_from.is_some() {
        return Err(IssuanceError::ReactivationDue(device.id.clone()));
    }
    let desired = desired(&answering.mint_terms(), view).map_err(MintError::from)?;
    let resumed = has_withdrawn_newest(view).then_some(Occasion::Resumed);
    let why = occasion(&desired.draft, view.latest.as_ref(), answering.now)?.or(resumed);
    if let (None, Some(latest)) = (why, &view.latest) {
        return Ok(Issuance { licence: latest.clone(), why: None });
    }
    if view.mints_began.is_some_and(|began| (0..MINTS_SECONDS).contains(&answering.now.since(began))) {
        return Err(IssuanceError::TooMany(device.id.clone()));
    }
    let minter = Minter { keyset: &answering.in_force.keyset, signer: &answering.in_force.keys.license };
    let licence = minter.mint(&desired.draft, device.licence_seq.saturating_add(1), answering.now)?;
    Ok(Issuance { licence, why })
}

fn posting(
    answering: &Answering<'_>,
    view: &DeviceView,
    issuance: &Issuance,
    actor: &Actor,
) -> Option<Posting> {
    let (why, licence) = (issuance.why?, issuance.licence.clone());
    let detail = serde_json::json!({
        "seq": licence.seq, "jti": licence.jti, "kid": licence.kid, "why": why, "exp": licence.exp,
        "named": licence.named_seats, "any": licence.any_seats,
        "epoch": licence.epoch, "sha256": digest(&licence.token),
    });
    let note = AuditNote { actor: actor.clone(), ..answering.note(view, "licence.mint", detail) };
    Some(Posting { licence: Some(licence), notes: vec![note], ..Posting::default() })
}

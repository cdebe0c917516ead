//! Rows, as the rules see them.

use crate::currency::Currency;
use brink_license::{CameraId, DeviceId, IssuerName, Kid, PublicKey, Slug, TenantId, TokenId, UnixSeconds};
use chrono_tz::Tz;
use zeroize::Zeroizing;

/// Who did something, for the audit: `cli`, or later an admin key's id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor(pub String);

/// The issuer itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerRow {
    /// Its name, which every document carries.
    pub name: IssuerName,
    /// Whether its keys were made with `--dev`.
    pub development: bool,
    /// When it was created.
    pub created_at: UnixSeconds,
}

/// An admin key as it is stored.
#[derive(Clone, Debug)]
pub struct AdminKeyRow {
    /// The public part.
    pub id: String,
    /// SHA-256 of the secret part.
    pub secret_sha256: [u8; 32],
    /// What it may do, separated by spaces.
    pub scopes: String,
}

/// A customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantRow {
    /// The id.
    pub id: TenantId,
    /// For people.
    pub name: String,
    /// The zone of its days and months.
    pub zone: Tz,
    /// The currency of its contract.
    pub currency: Currency,
    /// What happens by itself when a device of its seems to run twice.
    pub clones: ClonePolicy,
    /// When it was created.
    pub created_at: UnixSeconds,
}

/// What happens by itself when a device seems to run twice. Evidence is kept and the copy refused whatever it says.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    clap::ValueEnum,
    serde::Serialize,
    serde::Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum ClonePolicy {
    /// Nothing more: the copy that has the ratchet goes on.
    #[default]
    Alert,
    /// Every copy is refused until the device was activated anew, with another key.
    Reactivate,
    /// The licence is suspended until somebody resumes it.
    Suspend,
}

impl ClonePolicy {
    /// The word in messages and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Reactivate => "reactivate",
            Self::Suspend => "suspend",
        }
    }
}

/// The life of a trial, half-open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrialWindow {
    /// When it began.
    pub started_at: UnixSeconds,
    /// When it ends, exclusive.
    pub ends_at: UnixSeconds,
}

/// The class of a device, which sets its price.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Runs by itself.
    Basic,
    /// Operated by the vendor.
    Managed,
}

/// Where a device stands.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum DeviceStatus {
    /// Its code has not been spent.
    Pending,
    /// Activated.
    Active,
    /// Held back.
    Suspended,
    /// Out of service for good.
    Retired,
    /// Its licence was withdrawn.
    Revoked,
}

impl DeviceStatus {
    /// The word in messages and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Retired => "retired",
            Self::Revoked => "revoked",
        }
    }

    /// Whether a licence may be minted and sent.
    #[must_use]
    pub const fn may_be_licensed(self) -> bool {
        match self {
            Self::Pending | Self::Active => true,
            Self::Suspended | Self::Retired | Self::Revoked => false,
        }
    }
}

/// The licences of an epoch that were withdrawn for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Withdrawn {
    /// The epoch.
    pub epoch: u64,
    /// Their highest number.
    pub seq: u64,
}

/// What the exchange protocol remembers of a device.
#[derive(Clone, Debug, Default)]
pub struct ExchangeState {
    /// The counter accepted last.
    pub ctr: u64,
    /// The receipt number given last.
    pub receipt_seq: u64,
    /// The ratchet given with the last answer.
    pub ratchet_current: Option<Zeroizing<[u8; 32]>>,
    /// The ratchet that authenticated the request before, for a device that lost the answer.
    pub ratchet_previous: Option<Zeroizing<[u8; 32]>>,
    /// When a request of an activated device was last accepted.
    pub exchanged_at: Option<UnixSeconds>,
    /// The receipt by which the last answer was given, if the ratchet was lost with a part of the database.
    pub restored_by: Option<u64>,
}

/// The last reaction of one kind to what only a device vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reaction {
    /// The kind: `CLONE_SUSPECTED`, `LICENCE_AHEAD`.
    pub reason: String,
    /// When.
    pub at: UnixSeconds,
    /// To which request: SHA-256 of its proof.
    pub proof_sha256: [u8; 32],
}

/// A device.
#[derive(Clone, Debug)]
pub struct DeviceRow {
    /// The id.
    pub id: DeviceId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Its class.
    pub tier: Tier,
    /// What took its place when it was retired.
    pub replaced_by: Option<DeviceId>,
    /// `sub` of all its licences.
    pub licence_id: TokenId,
    /// Where it stands.
    pub status: DeviceStatus,
    /// When its activation code expires.
    pub code_expires_at: UnixSeconds,
    /// Its key, from activation on.
    pub key: Option<PublicKey>,
    /// Rises with each activation; 0 before the first.
    pub epoch: u32,
    /// The licence number allotted or set aside last in this epoch.
    pub licence_seq: u64,
    /// The licence number that it said it holds.
    pub reported_seq: u64,
    /// The keyset version that it said it holds.
    pub reported_keyset: u64,
    /// Since when every copy of it is refused until it was activated anew.
    pub reactivate_from: Option<UnixSeconds>,
    /// What stays withdrawn, whatever the status.
    pub withdrawn: Option<Withdrawn>,
    /// Exchange state.
    pub exchange: ExchangeState,
}

impl DeviceRow {
    /// Whether the licence with this number was withdrawn before the device was resumed.
    #[must_use]
    pub fn has_withdrawn(&self, seq: u64) -> bool {
        self.withdrawn.is_some_and(|gone| gone.epoch == u64::from(self.epoch) && seq <= gone.seq)
    }
}

/// A camera on a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CameraRow {
    /// The camera.
    pub camera: CameraId,
    /// Its packs, sorted, without the implied one.
    pub packs: Vec<Slug>,
    /// When it came to the device: who came first keeps a seat when seats are short.
    pub assigned_at: UnixSeconds,
}

/// A minted token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LicenceRow {
    /// The epoch.
    pub epoch: u32,
    /// The number in the epoch.
    pub seq: u64,
    /// The token's id.
    pub jti: TokenId,
    /// The key that signed.
    pub kid: Kid,
    /// Issued.
    pub iat: UnixSeconds,
    /// Valid from.
    pub nbf: UnixSeconds,
    /// Valid until, exclusive.
    pub exp: UnixSeconds,
    /// Flagged work after `exp`.
    pub grace_seconds: u64,
    /// Cameras granted by name.
    pub named_seats: u64,
    /// Unnamed seats.
    pub any_seats: u64,
    /// Parts per million of the tenant's quotas.
    pub quota_ppm: u64,
    /// Digest of what it grants, without its number and dates.
    pub content_sha256: [u8; 32],
    /// The token itself.
    pub token: String,
}

impl LicenceRow {
    /// The first instant at which it allows nothing any more.
    #[must_use]
    pub fn ends_at(&self) -> UnixSeconds {
        self.exp.saturating_add(i64::try_from(self.grace_seconds).unwrap_or(i64::MAX))
    }

    /// Named and unnamed seats.
    #[must_use]
    pub const fn seats(&self) -> u64 {
        self.named_seats + self.any_seats
    }
}

/// An activation code as it is stored.
#[derive(Clone, Debug)]
pub struct CodeRow {
    /// Devices that it activates.
    pub uses: u32,
    /// Devices that it has activated.
    pub used: u32,
    /// When it expires.
    pub expires_at: UnixSeconds,
    /// The device that it activates anew, if it is for one that there is already.
    pub anew: Option<Anew>,
}

/// What a code for a device that there is already says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anew {
    /// The epoch that it ends. In a later one it is spent.
    pub epoch: u32,
    /// Whether somebody accepted that what that epoch may still run on overlaps with what the next one gets.
    pub overlap: bool,
}

/// An epoch that is over, and what its key may still run on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastEpoch {
    /// Its number.
    pub epoch: u32,
    /// The key of then.
    pub jkt: Kid,
    /// Seats of the licences that it may still run on, now.
    pub seats: u64,
    /// Their parts per million of the tenant's quotas.
    pub quota_ppm: u64,
    /// When the last of them ends for good.
    pub until: UnixSeconds,
    /// Whether they may run twice.
    pub overlap: bool,
}

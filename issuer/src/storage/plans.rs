//! What plans see, and what they record.

use super::clones::{Answered, Consequence, EpochEnd, Seen};
use super::notices::IssuedNotice;
use super::rows::{
    Actor, AdminKeyRow, CameraRow, CodeRow, DeviceRow, DeviceStatus, IssuerRow, LicenceRow, PastEpoch,
    Reaction, TenantRow, Tier,
};
use super::seats::{NewSeatReport, SeatReport};
use super::subscriptions::{InForce, SubscriptionView};
use super::usage::{NewUsage, UsageView};
use brink_license::{CameraId, DeviceId, PublicKey, TenantId, TokenId, UnixSeconds};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// The first rows of a new database.
#[derive(Clone, Debug)]
pub struct Founding {
    /// The issuer.
    pub issuer: IssuerRow,
    /// Keyset manifest version 1, signed.
    pub manifest: Vec<u8>,
    /// The first admin key.
    pub admin_key: AdminKeyRow,
}

/// What the other devices of the tenant have, and who shares the unnamed seats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Elsewhere {
    /// Cameras assigned by name to other devices.
    pub named: u64,
    /// Seats that other devices hold or are to hold: the larger of named and held, each; of named its part, where more cameras
    /// are named than are subscribed. And those that the keys of earlier epochs may still use, this device's too: whoever has
    /// such a key is somebody else now.
    pub reserved: u64,
    /// Parts per million of the tenant's quotas that these hold, or held since the month began: what a device gives back of a
    /// month it may have used up before.
    pub quota_ppm: u64,
    /// Seats that may run twice now, because somebody accepted it.
    pub overlapping: u64,
    /// Devices that share what is unnamed: active, or with a live code. Counts this one if it does.
    pub sharers: u64,
    /// The place of this device among them by id, from 0; `None` if it does not share.
    pub rank: Option<u64>,
}

/// Another device that holds seats.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Holder {
    /// The device.
    pub device: DeviceId,
    /// Seats of the licences it may still run on.
    pub held: u64,
    /// Cameras assigned to it by name.
    pub named: u64,
    /// When the last of these licences ends for good.
    pub until: UnixSeconds,
}

/// Everything that decides on a device's licence, read in one transaction.
#[derive(Clone, Debug)]
pub struct DeviceView {
    /// The tenant.
    pub tenant: TenantRow,
    /// The subscription in force.
    pub subscription: InForce,
    /// The device.
    pub device: DeviceRow,
    /// Its cameras, in the order they came.
    pub cameras: Vec<CameraRow>,
    /// The rest of the tenant.
    pub elsewhere: Elsewhere,
    /// The token minted last in this epoch.
    pub latest: Option<LicenceRow>,
    /// When the token was minted that is the oldest of the newest [`MINTS_MAX`](crate::minting::MINTS_MAX).
    pub mints_began: Option<UnixSeconds>,
    /// Seats of the licences that this device may still run on, with its key of now.
    pub seats_held: u64,
    /// Their parts per million of the tenant's quotas.
    pub quota_ppm_held: u64,
    /// The largest part that it could use since its customer's month began.
    pub quota_ppm_month: u64,
    /// When the last of them ends for good.
    pub held_until: UnixSeconds,
    /// Its earlier epochs, oldest first.
    pub past: Vec<PastEpoch>,
    /// What the stored answers answered, at most one of each kind.
    pub answered: Vec<Answered>,
    /// What it was reacted to, at most one of each kind.
    pub reactions: Vec<Reaction>,
    /// What it should have beside its licence.
    pub notices: Vec<IssuedNotice>,
    /// What it said last of its unnamed seats.
    pub seats: Option<SeatReport>,
    /// Its usage, as far as the request that is settled speaks of it.
    pub usage: UsageView,
}

/// Which request a stored answer answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnswerMark {
    /// Its kind.
    pub kind: AnswerKind,
    /// Its counter.
    pub ctr: u64,
    /// SHA-256 of its body.
    pub body_sha256: [u8; 32],
    /// Its nonce; `None` for an answer from before nonces were kept. Two copies count alike and say the same, and only
    /// their nonces tell them apart.
    pub nonce: Option<[u8; 32]>,
}

impl AnswerMark {
    /// Whether this very request was the one that was answered.
    #[must_use]
    pub fn is_of(&self, asked: &AnswerMark) -> bool {
        let same_nonce = self.nonce.is_none() || self.nonce == asked.nonce;
        (self.kind, self.ctr, self.body_sha256) == (asked.kind, asked.ctr, asked.body_sha256) && same_nonce
    }
}

/// A code to add, with the devices it will activate.
#[derive(Clone, Debug)]
pub struct NewCode {
    /// SHA-256 of the code.
    pub code_sha256: [u8; 32],
    /// Whose devices they will be.
    pub tenant: TenantId,
    /// Their class.
    pub tier: Tier,
    /// When the code expires.
    pub expires_at: UnixSeconds,
    /// Now.
    pub created_at: UnixSeconds,
    /// Names and licence ids, one per use, in the order they will be given.
    pub devices: Vec<(DeviceId, TokenId)>,
}

/// The cameras that an assignment asks about.
#[derive(Clone, Debug)]
pub struct AssignmentView {
    /// The tenant and its subscription.
    pub tenant: SubscriptionView,
    /// The device that is asked for.
    pub device: DeviceId,
    /// Whether it is out of service.
    pub retired: bool,
    /// Where those of the asked cameras sit that are assigned.
    pub held_by: BTreeMap<CameraId, DeviceId>,
}

/// A device that is to go, and what takes its place.
#[derive(Clone, Debug)]
pub struct RetirementView {
    /// The device.
    pub device: DeviceView,
    /// The device that is to take its place, if it is there already.
    pub successor: Option<DeviceView>,
}

/// A device that goes.
#[derive(Clone, Debug)]
pub struct Retirement {
    /// When.
    pub at: UnixSeconds,
    /// What gets its cameras; without one they are free.
    pub successor: Option<DeviceId>,
    /// The code that activates a new successor.
    pub code: Option<NewCode>,
    /// The device that it becomes at another customer.
    pub transfer: Option<Transfer>,
    /// Whether what it may still run on holds no seats any more.
    pub overlap: bool,
    /// What the audit says.
    pub note: AuditNote,
}

/// What a device becomes at another customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// The device there.
    pub device: DeviceId,
    /// From when on it is paid for there: a midnight.
    pub billed_from: UnixSeconds,
}

/// One line of a tenant's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceListed {
    /// The device.
    pub device: DeviceId,
    /// When it was made.
    pub created_at: UnixSeconds,
    /// Its class.
    pub tier: Tier,
    /// Where it stands.
    pub status: DeviceStatus,
    /// What took its place.
    pub replaced_by: Option<DeviceId>,
    /// Cameras assigned by name.
    pub cameras: u64,
    /// Cameras on its unnamed seats, as it said last.
    pub seated: u64,
    /// When it was last answered.
    pub last_seen_at: Option<UnixSeconds>,
    /// Its epoch.
    pub epoch: u32,
    /// The licence minted last.
    pub licence_seq: Option<u64>,
    /// The licence that it said it holds.
    pub reported_seq: u64,
    /// Where that minted last ends.
    pub exp: Option<UnixSeconds>,
    /// Where its grace ends, or its extension.
    pub ends_at: Option<UnixSeconds>,
    /// Until where an extension that still counts keeps it going.
    pub extended_until: Option<UnixSeconds>,
    /// Seats that it may still use.
    pub seats_held: u64,
    /// Until when.
    pub held_until: UnixSeconds,
    /// Whether these overlap with a successor's.
    pub overlap: bool,
    /// Since when every copy of it is refused until it was activated anew.
    pub reactivate_from: Option<UnixSeconds>,
    /// Earlier epochs that may still run on something.
    pub past: Vec<PastEpoch>,
}

/// A change to make: all of it or nothing.
#[derive(Clone, Debug)]
pub struct CameraChange {
    /// From when on.
    pub at: UnixSeconds,
    /// Cameras to add, or whose packs to replace.
    pub upsert: Vec<CameraRow>,
    /// Cameras to take off the device.
    pub remove: Vec<CameraId>,
    /// What the audit says.
    pub note: AuditNote,
}

/// What an activation sees.
#[derive(Clone, Debug)]
pub struct ActivationView {
    /// The code; `None` if there is no such code.
    pub code: Option<CodeRow>,
    /// Whether this key has spent this code before.
    pub redeemed: bool,
    /// Whether another device, or another code, has this key.
    pub key_taken: bool,
    /// The device that this key got from this code, or the next one that the code has to give.
    pub device: Option<DeviceView>,
}

/// What an activation records.
#[derive(Clone, Debug)]
pub struct Activation {
    /// The device's key.
    pub key: PublicKey,
    /// The epoch that begins.
    pub epoch: u32,
    /// The epoch that ends with that, for a device that is activated anew.
    pub ends: Option<EpochEnd>,
    /// The first licence and the answer.
    pub posting: Posting,
}

/// The two kinds of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerKind {
    /// Activation.
    Activate,
    /// Exchange.
    Exchange,
}

/// An answer to keep before it leaves.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Which request it answers.
    pub mark: AnswerMark,
    /// What is kept of it.
    pub seen: Seen,
    /// The number of its receipt.
    pub receipt_seq: u64,
    /// The ratchet it carries.
    pub ratchet_next: Zeroizing<[u8; 32]>,
    /// The ratchet that authenticated the request; `None` at activation.
    pub ratchet_used: Option<Zeroizing<[u8; 32]>>,
    /// The receipt that authenticated it instead, after a part of the database was lost.
    pub restored_by: Option<u64>,
    /// Its receipt, which the answer itself carries.
    pub receipt: String,
    /// The answer itself.
    pub bytes: Vec<u8>,
}

/// What a device said of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The licence number it holds.
    pub licence_seq: u64,
    /// The keyset version it holds.
    pub keyset_version: u64,
    /// The version of its agent, if that is one that can be shown.
    pub agent_version: Option<String>,
}

/// What settling with one device records. An empty posting records nothing but its notes.
#[derive(Clone, Debug, Default)]
pub struct Posting {
    /// What it said.
    pub report: Option<Report>,
    /// A licence number below which none is to be given any more.
    pub licence_floor: Option<u64>,
    /// A token to record; its number becomes the one allotted last.
    pub licence: Option<LicenceRow>,
    /// The answer.
    pub answer: Option<Answer>,
    /// What the audit says.
    pub notes: Vec<AuditNote>,
    /// What not to react to again for a while.
    pub reactions: Vec<Reaction>,
    /// What the tenant's policy does about a copy.
    pub consequence: Option<Consequence>,
    /// What it said of its unnamed seats, if that is new.
    pub seats: Option<NewSeatReport>,
    /// What it brought of usage.
    pub usage: Option<NewUsage>,
}

/// A manifest to add.
#[derive(Clone, Debug)]
pub struct NewManifest {
    /// Its version.
    pub version: u64,
    /// As it was signed.
    pub bytes: Vec<u8>,
    /// What the audit says.
    pub note: AuditNote,
}

/// How a device's licence is to stand.
#[derive(Clone, Debug)]
pub struct StandingChange {
    /// From now on.
    pub status: DeviceStatus,
    /// What the audit says.
    pub note: AuditNote,
}

/// One line of the audit, written in the transaction that it describes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditNote {
    /// In whose chain it stands; `None` for what concerns the issuer as a whole.
    pub tenant: Option<TenantId>,
    /// When.
    pub at: UnixSeconds,
    /// Who.
    pub actor: Actor,
    /// What: `licence.mint`, `device.clone_suspected`.
    pub action: &'static str,
    /// On what.
    pub subject: String,
    /// Particulars, without secrets.
    pub detail: serde_json::Value,
}

//! The port to what clients of the billing API of before Brink need: devices that the issuer keeps for them, the bodies that
//! they sent lately, their heartbeats, and what their tenants let them do by themselves.

use super::columns::{Columns, column, parsed, seconds, tier, uint, uint32};
use super::plans::{AuditNote, NewCode};
use super::rows::{DeviceStatus, Tier};
use super::usage::{NewUsage, UsageView};
use super::{Plan, StorageError};
use crate::access::KeyId;
use crate::amount::Amount;
use brink_license::{CameraId, DeviceId, Slug, TenantId, UnixSeconds};
use std::collections::BTreeMap;
use std::ops::Range;

/// The activation of the chains that the issuer keeps itself: devices of their own begin with 1.
pub const LEGACY_EPOCH: u32 = 0;
/// So many intervals without a heartbeat are the end of a stretch: one that is late, and one that is lost, are not.
pub const INTERVALS_MAX: i64 = 3;

/// What old clients of a tenant may do by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct LegacyPolicy {
    /// A camera that nobody has assigned takes a free seat.
    pub auto_seat: bool,
    /// A tenant that never bought anything gets its trial with the first camera that asks.
    pub auto_trial: bool,
    /// All of them are told no.
    pub suspended: bool,
}

impl Default for LegacyPolicy {
    fn default() -> Self {
        Self { auto_seat: true, auto_trial: false, suspended: false }
    }
}

/// What they may do from now on.
#[derive(Clone, Debug)]
pub struct NewLegacyPolicy {
    /// All of it.
    pub policy: LegacyPolicy,
    /// What the audit says.
    pub note: AuditNote,
}

/// What a client calls itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegacyName {
    /// The key that it shows.
    pub api_key: KeyId,
    /// Whose that is.
    pub tenant: TenantId,
    /// Its name; '' where it says none.
    pub name: String,
}

/// A device to make for a client, if there is none.
#[derive(Clone, Debug)]
pub struct NewLegacyDevice {
    /// It, with a code that has ended.
    pub code: NewCode,
    /// At most so many devices of one key; whoever comes later is the one without a name.
    pub max: u32,
    /// What the audit says, if it is made.
    pub note: AuditNote,
}

/// Where a camera sits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seat {
    /// On which device.
    pub device: DeviceId,
    /// How that stands.
    pub status: DeviceStatus,
    /// The camera's own packs.
    pub packs: Vec<Slug>,
}

impl Seat {
    /// Whether its device may run cameras.
    #[must_use]
    pub const fn is_in_service(&self) -> bool {
        match self.status {
            DeviceStatus::Pending | DeviceStatus::Active => true,
            DeviceStatus::Suspended | DeviceStatus::Revoked | DeviceStatus::Retired => false,
        }
    }
}

/// A body of usage that came.
#[derive(Clone, Debug)]
pub struct LegacyAsked {
    /// The key that was shown.
    pub api_key: KeyId,
    /// What stands for the body.
    pub body_sha256: [u8; 32],
    /// One that came after this moment is the same batch.
    pub since: UnixSeconds,
    /// What came before this one is forgotten.
    pub kept_since: UnixSeconds,
    /// The devices that it is of, each once and sorted.
    pub devices: Vec<DeviceId>,
}

/// What decides on it.
#[derive(Clone, Debug, Default)]
pub struct LegacyView {
    /// What was answered to the same body.
    pub answered: Option<String>,
    /// What is on record of each device's chain.
    pub usage: BTreeMap<DeviceId, UsageView>,
}

/// What is recorded of it.
#[derive(Clone, Debug)]
pub struct LegacyPosting {
    /// When it came.
    pub at: UnixSeconds,
    /// The answer, for whoever sends the same again.
    pub answer: String,
    /// Of each device.
    pub usage: Vec<(DeviceId, NewUsage)>,
}

/// A heartbeat.
#[derive(Clone, Debug)]
pub struct Heartbeat {
    /// Of whom.
    pub device: DeviceId,
    /// When it came.
    pub at: UnixSeconds,
    /// When the next one is due.
    pub interval_seconds: u32,
    /// The class that it says to be of.
    pub tier: Tier,
    /// Cameras that it says to run.
    pub cameras: u32,
}

/// A stretch of time in which a device was heard of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contact {
    /// The first heartbeat.
    pub from: UnixSeconds,
    /// The last.
    pub last: UnixSeconds,
    /// How many.
    pub beats: u64,
    /// The time between two.
    pub interval_seconds: u32,
    /// The class that it said last to be of.
    pub tier: Tier,
    /// The cameras that it said last to run.
    pub cameras: u32,
}

impl Contact {
    /// One that begins with a heartbeat.
    #[must_use]
    pub const fn begun(beat: &Heartbeat) -> Self {
        let Heartbeat { at, interval_seconds, tier, cameras, .. } = *beat;
        Self { from: at, last: at, beats: 1, interval_seconds, tier, cameras }
    }

    /// Until when it counts as online, exclusive.
    #[must_use]
    pub fn until(&self) -> UnixSeconds {
        self.last.saturating_add(INTERVALS_MAX * i64::from(self.interval_seconds))
    }

    /// This stretch with one more heartbeat; `None` where that begins another.
    #[must_use]
    pub fn with(&self, beat: &Heartbeat) -> Option<Self> {
        // A clock that went back begins nothing.
        (beat.at < self.until()).then(|| Self {
            last: self.last.max(beat.at),
            tier: beat.tier,
            beats: self.beats.saturating_add(1),
            interval_seconds: beat.interval_seconds,
            cameras: beat.cameras,
            ..*self
        })
    }
}

/// A device that stands for an old client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegacyDevice {
    /// The device.
    pub device: DeviceId,
    /// The key that it shows.
    pub api_key: KeyId,
    /// What it calls itself.
    pub name: String,
    /// When it was heard of first.
    pub made_at: UnixSeconds,
    /// Cameras that sit on it.
    pub cameras: u64,
    /// The newest stretch in which it was heard of.
    pub contact: Option<Contact>,
}

/// What is asked for old clients.
pub trait LegacyBooks: Send + Sync {
    /// What old clients of a tenant may do by themselves.
    fn legacy_policy(&self, tenant: &TenantId) -> Result<LegacyPolicy, StorageError>;

    /// Changes that.
    fn set_legacy_policy(
        &self,
        tenant: &TenantId,
        plan: Plan<'_, LegacyPolicy, NewLegacyPolicy>,
    ) -> Result<(), StorageError>;

    /// The devices in service that stand for these names of a key, and how many names of it there are in all.
    fn legacy_names(
        &self,
        key: &KeyId,
        names: &[&str],
    ) -> Result<(BTreeMap<String, DeviceId>, u64), StorageError>;

    /// What was answered to a body, if it came after this moment.
    fn legacy_answer(
        &self,
        key: &KeyId,
        body_sha256: &[u8; 32],
        since: UnixSeconds,
    ) -> Result<Option<String>, StorageError>;

    /// The same, made if there is none.
    fn make_legacy_device(&self, name: &LegacyName, new: &NewLegacyDevice) -> Result<DeviceId, StorageError>;

    /// Every device that stands for an old client of a tenant, by id.
    fn legacy_devices(&self, tenant: &TenantId) -> Result<Vec<LegacyDevice>, StorageError>;

    /// Where a camera sits.
    fn seat_of(&self, tenant: &TenantId, camera: &CameraId) -> Result<Option<Seat>, StorageError>;

    /// Every camera of a tenant that sits somewhere, by name.
    fn seated(&self, tenant: &TenantId) -> Result<Vec<(CameraId, Seat, UnixSeconds)>, StorageError>;

    /// Takes a body of usage, once.
    fn settle_legacy(
        &self,
        asked: &LegacyAsked,
        plan: Plan<'_, LegacyView, LegacyPosting>,
    ) -> Result<(), StorageError>;

    /// Notes a heartbeat.
    fn note_heartbeat(&self, beat: &Heartbeat) -> Result<(), StorageError>;

    /// The newest stretches in which a device was heard of, the newest first.
    fn contacts(&self, device: &DeviceId, limit: u32) -> Result<Vec<Contact>, StorageError>;

    /// What a tenant used of each meter in these quarters of an hour, corrections included.
    fn used_in(
        &self,
        tenant: &TenantId,
        quarters: Range<i64>,
    ) -> Result<BTreeMap<Slug, Amount>, StorageError>;
}

pub(super) fn contact(row: &impl Columns) -> Result<Contact, StorageError> {
    Ok(Contact {
        from: seconds(row, "from_at")?,
        last: seconds(row, "last_at")?,
        beats: uint(row, "beats")?,
        interval_seconds: uint32(row, "interval_seconds")?,
        tier: tier(row)?,
        cameras: uint32(row, "cameras")?,
    })
}

pub(super) fn legacy_device(
    row: &impl Columns,
    contact: Option<Contact>,
) -> Result<LegacyDevice, StorageError> {
    let api_key: &str = column(row, "api_key")?;
    let api_key = KeyId::parse(api_key)
        .ok_or_else(|| super::columns::damaged("legacy_devices.api_key", "no id of a key"))?;
    Ok(LegacyDevice {
        device: parsed(row, "device")?,
        api_key,
        name: column::<&str>(row, "name")?.to_owned(),
        made_at: seconds(row, "made_at")?,
        cameras: uint(row, "cameras_named")?,
        contact,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// However heartbeats come, a stretch covers them, and a gap of more than three intervals ends it.
        #[test]
        fn a_stretch_goes_on_exactly_while_heartbeats_come(gaps in prop::collection::vec(0_i64..4000, 1..50)) {
            let beat = |at| Heartbeat {
                device: "dev-1".parse().unwrap(), at: UnixSeconds::new(at), interval_seconds: 900, tier: Tier::Basic, cameras: 1,
            };
            let mut at = 1_800_000_000;
            let start = UnixSeconds::new(at);
            let mut contact =
                Contact { from: start, last: start, beats: 1, interval_seconds: 900, tier: Tier::Basic, cameras: 1 };
            let (mut stretches, mut beats) = (1, 1_u64);
            for gap in gaps {
                at += gap;
                match contact.with(&beat(at)) {
                    Some(longer) => {
                        prop_assert!(gap < 2700);
                        prop_assert_eq!((longer.last, longer.from), (UnixSeconds::new(at), contact.from));
                        contact = longer;
                        beats += 1;
                    }
                    None => {
                        prop_assert!(gap >= 2700);
                        prop_assert_eq!(contact.beats, beats);
                        let now = UnixSeconds::new(at);
                        contact = Contact { from: now, last: now, beats: 1, ..contact };
                        (stretches, beats) = (stretches + 1, 1);
                    }
                }
            }
            prop_assert!(stretches >= 1);
        }
    }
}

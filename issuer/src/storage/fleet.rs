//! The port to how devices fare: what they said of themselves, beside what is on record.

use super::StorageError;
use brink_license::{DeviceId, UnixSeconds};

/// What is known of a device beside its line in a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceFacts {
    /// When the code that activates it expires, or did.
    pub code_expires_at: UnixSeconds,
    /// The version of its agent, as it said last.
    pub agent_version: Option<String>,
    /// The keyset version that it said it holds.
    pub keyset_version: u64,
    /// When the licence that was minted last was signed.
    pub minted_at: Option<UnixSeconds>,
    /// Records that it said it has and that are not on record, of chains that are taken at all.
    pub usage_behind: u64,
    /// When it last spoke of usage.
    pub usage_told_at: Option<UnixSeconds>,
    /// Since when the chain of the activation that runs is not taken any more.
    pub usage_forked_at: Option<UnixSeconds>,
    /// How often the journal of that chain went on after damage, as it said.
    pub journal_recoveries: u32,
    /// When somebody last asked as a copy would.
    pub suspected_at: Option<UnixSeconds>,
}

/// The newest manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewestKeyset {
    /// Its version.
    pub version: u64,
    /// When it was published.
    pub published_at: UnixSeconds,
}

/// What is asked by who looks after devices.
pub trait FleetBooks: Send + Sync {
    /// How these devices fare, in their order.
    fn device_facts(&self, devices: &[DeviceId]) -> Result<Vec<DeviceFacts>, StorageError>;

    /// What devices should have by now.
    fn newest_keyset(&self) -> Result<NewestKeyset, StorageError>;
}

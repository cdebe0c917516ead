//! Heartbeats of old clients: from them it is known since when a device is online, and when it was not.

use super::{Client, LegacyError};
use crate::storage::{Heartbeat, Tier};

/// When the next one is due: every old client sends one each quarter of an hour, whatever it is told.
pub(crate) const INTERVAL_SECONDS: u32 = 900;

/// A heartbeat as it is sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Beat {
    /// What the device calls itself.
    pub(crate) device: String,
    /// Cameras that run there.
    pub(crate) cameras: usize,
    /// The class that it says to be of; a word that is no class is taken for the lower one.
    pub(crate) tier: String,
}

impl Client<'_> {
    /// Notes one.
    pub(crate) fn beat(&self, beat: &Beat) -> Result<(), LegacyError> {
        let tier = if beat.tier.eq_ignore_ascii_case("managed") { Tier::Managed } else { Tier::Basic };
        let device = self.device(&beat.device)?;
        let cameras = u32::try_from(beat.cameras).unwrap_or(u32::MAX);
        let beat = Heartbeat { device, at: self.now(), interval_seconds: INTERVAL_SECONDS, tier, cameras };
        Ok(self.issuer.storage.note_heartbeat(&beat)?)
    }
}

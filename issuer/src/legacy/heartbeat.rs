//! Heartbeats of old clients: from them it is known since when a device is online, and when it was not.

use super::{Client, LegacyError};
use crate::storage::{Heartbeat, Tier};

/// When the next one is due: every old client sends one each quarter of an hour, whatever it is told.
pub(crate) const INTERVAL_SECONDS: u32 = 900;
/// Bounds of what a device may say instead: a minute, a day.
const MIN_SECONDS: u32 = 60;
const MAX_SECONDS: u32 = 86_400;

/// A heartbeat as it is sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Beat {
    /// What the device calls itself.
    pub(crate) device: String,
    /// Cameras that run there.
    pub(crate) cameras: usize,
    /// Seconds until the next one, where it says so.
    pub(crate) interval_seconds: Option<u32>,
    /// The class that it says to be of; a word that is no class is taken for the lower one.
    pub(crate) tier: String,
}

impl Client<'_> {
    /// Notes one.
    pub(crate) fn beat(&self, beat: &Beat) -> Result<(), LegacyError> {
        let tier = if beat.tier.eq_ignore_ascii_case("managed") { Tier::Managed } else { Tier::Basic };
        let device = self.device(&beat.device)?;
        let cameras = u32::try_from(beat.cameras).unwrap_or(u32::MAX);
        let said = beat.interval_seconds.map(|seconds| seconds.clamp(MIN_SECONDS, MAX_SECONDS));
        let interval_seconds = said.unwrap_or(INTERVAL_SECONDS);
        let beat = Heartbeat { device, at: self.now(), interval_seconds, tier, cameras };
        Ok(self.issuer.storage.note_heartbeat(&beat)?)
    }
}

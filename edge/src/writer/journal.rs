//! What the holder of the lock does for the journal, and what it shows of the vault's.

use super::{Occupant, Writer};
use brink_license::clock::Reading;
use brink_store::LogEntry;
use brink_store::journal::Shrunk;

impl Writer {
    /// Mends the journal if that is needed, and makes room in it, every half minute. `None` in between.
    pub fn mind_journal(&mut self, reading: &Reading) -> Option<Shrunk> {
        match &mut self.occupant {
            Occupant::Device(device) => device.mind_journal(reading),
            Occupant::Nobody { .. } | Occupant::Closed => None,
        }
    }

    /// The decisions about documents by their number, oldest first; `None` without a device.
    pub fn log(&mut self) -> Option<Vec<(u64, LogEntry)>> {
        match &mut self.occupant {
            Occupant::Device(device) => Some(device.numbered_log()),
            Occupant::Nobody { .. } | Occupant::Closed => None,
        }
    }

    /// Sets how many bytes the journal may have; without a device there is none.
    pub fn limit_journal(&mut self, bytes_max: u64) {
        if let Occupant::Device(device) = &mut self.occupant
            && let Err(error) = device.limit_journal(bytes_max)
        {
            tracing::warn!(code = error.code(), %error, "the size of the journal is not set");
        }
    }
}

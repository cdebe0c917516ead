//! The clocks that all devices of a fleet share: one machine's.

use brink_license::UnixSeconds;
use brink_license::clock::{BootId, Reading};
use brink_license::usage::Moment;
use brink_store::machine;
use std::io;

/// Wall clock and boottime of one moment: from there on the boottime alone is read, so that no record is ever older than
/// the one before it.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    wall_ms: i64,
    boottime_ms: i64,
}

impl Clock {
    /// Reads the machine's clocks.
    pub fn start() -> io::Result<Self> {
        let wall = machine::read()?.wall;
        Ok(Self { wall_ms: wall.as_i64().saturating_mul(1000), boottime_ms: machine::boottime_millis() })
    }

    /// Milliseconds since boot.
    #[must_use]
    pub fn boottime_ms(self) -> i64 {
        machine::boottime_millis()
    }

    /// Every clock at a moment that is given by its milliseconds since boot, in the boot of one device.
    #[must_use]
    pub const fn moment(self, boot: BootId, boottime_ms: i64) -> Moment {
        let wall_ms = self.wall_ms.saturating_add(boottime_ms.saturating_sub(self.boottime_ms));
        Moment { boot, boottime_ms, wall_ms, est_ms: wall_ms }
    }

    /// What a device reads now.
    #[must_use]
    pub fn reading(self, boot: BootId) -> Reading {
        let now = self.moment(boot, self.boottime_ms());
        Reading { wall: UnixSeconds::new(now.wall_ms / 1000), boot, boottime: now.boottime_ms / 1000 }
    }
}

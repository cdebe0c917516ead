//! The machine's clocks: the one place in the stores that reads them.

use brink_license::UnixSeconds;
use brink_license::clock::{BootId, Reading};
use rustix::time::{ClockId, Timespec, clock_gettime};
use std::io;
use std::sync::OnceLock;

/// Where Linux tells which boot this is (proc(5)).
const BOOT_ID_PATH: &str = "/proc/sys/kernel/random/boot_id";

/// Reads wall clock, boot id and boottime together.
pub fn read() -> io::Result<Reading> {
    Ok(reading_of(boot_id()?))
}

/// Reads the clocks for a boot id that is already known: no file is opened, nothing can fail.
#[must_use]
pub fn reading_of(boot: BootId) -> Reading {
    let wall = clock_gettime(ClockId::Realtime).tv_sec;
    Reading { wall: UnixSeconds::new(wall), boot, boottime: boottime_seconds() }
}

/// Seconds of a clock that cannot be set and costs three nanoseconds: read from a page that the kernel shares, without
/// entering it, and exact to a few milliseconds (clock_gettime(2), CLOCK_MONOTONIC_COARSE). It stands still in suspend.
#[inline]
#[must_use]
pub fn coarse_seconds() -> i64 {
    clock_gettime(ClockId::MonotonicCoarse).tv_sec
}

/// Seconds since boot, suspend included.
#[must_use]
pub fn boottime_seconds() -> i64 {
    // CLOCK_BOOTTIME counts suspend and cannot be set (clock_gettime(2)).
    clock_gettime(ClockId::Boottime).tv_sec
}

/// The same as [`read`], with wall clock and boottime in milliseconds beside it, all of one moment.
pub(crate) fn read_millis() -> io::Result<(Reading, i64, i64)> {
    let boot = known_boot_id()?;
    let (wall, boottime) = (clock_gettime(ClockId::Realtime), clock_gettime(ClockId::Boottime));
    let reading = Reading { wall: UnixSeconds::new(wall.tv_sec), boot, boottime: boottime.tv_sec };
    Ok((reading, millis(wall), millis(boottime)))
}

/// Milliseconds since boot, suspend included.
pub fn boottime_millis() -> i64 {
    millis(clock_gettime(ClockId::Boottime))
}

const fn millis(time: Timespec) -> i64 {
    time.tv_sec.saturating_mul(1000).saturating_add(time.tv_nsec / 1_000_000)
}

/// The same as [`boot_id`], without a file from the second time on: no process outlives its boot.
fn known_boot_id() -> io::Result<BootId> {
    static KNOWN: OnceLock<BootId> = OnceLock::new();
    match KNOWN.get() {
        Some(known) => Ok(*known),
        None => boot_id().map(|found| *KNOWN.get_or_init(|| found)),
    }
}

/// Which boot this is.
pub fn boot_id() -> io::Result<BootId> {
    let text = std::fs::read_to_string(BOOT_ID_PATH)?;
    BootId::parse(&text).ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidData, format!("{BOOT_ID_PATH} does not hold a boot id"))
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn two_readings_are_of_one_boot_and_in_order() {
        let (first, second) = (super::read().unwrap(), super::read().unwrap());
        assert_eq!(first.boot, second.boot);
        assert!(first.boottime <= second.boottime);
    }
}

//! Moments, none of which is today.

/// When the installation stopped, 2026-06-01T00:00:00Z, in milliseconds.
pub(crate) const END_MS: i64 = 1_780_272_000_000;
/// How long it ran: three years.
pub(crate) const SPAN_MS: i64 = 3 * 365 * DAY_MS;
pub(crate) const DAY_MS: i64 = 86_400_000;
/// A moment in the year 60000, as a clock in microseconds that was read as milliseconds gives one.
pub(crate) const YEAR_60000_MS: i64 = 1_831_260_000_000_000;

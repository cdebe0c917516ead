//! Points in time as the documents carry them: whole seconds since 1970 (RFC 7519 NumericDate).

/// Seconds since the Unix epoch. The core is handed its `now`; nothing in it reads a clock.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct UnixSeconds(i64);

impl UnixSeconds {
    /// The last second of the year 9999, the largest NumericDate that a document may carry.
    pub const MAX_NUMERIC_DATE: UnixSeconds = UnixSeconds(253_402_300_799);

    /// Wraps a count of seconds.
    #[must_use]
    pub const fn new(seconds: i64) -> Self {
        Self(seconds)
    }

    /// The count of seconds.
    #[must_use]
    pub const fn as_i64(self) -> i64 {
        self.0
    }

    /// Later by `seconds`, at most the end of the number range.
    #[must_use]
    pub const fn saturating_add(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// Seconds from `earlier` to here, negative if it is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl std::fmt::Display for UnixSeconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

//! How each mirror is: what status, metrics and doctor show.

use super::{Lag, MirrorError, Turned};
use crate::words::rfc3339;
use brink_license::UnixSeconds;
use serde::Serialize;
use std::sync::{Arc, Mutex, PoisonError};

/// Which mirror.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Rows.
    Postgres,
    /// Documents.
    Redis,
}

impl Kind {
    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Postgres => "postgres",
            Kind::Redis => "redis",
        }
    }
}

/// How a mirror is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It has not come to the end of a turn yet.
    Starting,
    /// It copies.
    Up,
    /// The server is away, or hangs: the mirror goes on by itself.
    Down,
    /// Somebody has to do something first.
    Refused,
}

impl State {
    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            State::Starting => "starting",
            State::Up => "up",
            State::Down => "down",
            State::Refused => "refused",
        }
    }
}

/// One mirror as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// Which.
    pub mirror: Kind,
    /// Where, without a password.
    pub address: String,
    /// How.
    pub state: State,
    /// The code of what is wrong.
    pub code: Option<String>,
    /// The same in words.
    pub problem: Option<String>,
    /// What helps.
    pub mend: Option<String>,
    /// The end of the last turn that copied everything it wanted to, RFC 3339, by the guarded time.
    pub last_success: Option<String>,
    /// Records that are not copied; null where that is not known.
    pub lag_records: Option<u64>,
    /// When the oldest of them was recorded, in milliseconds of the guarded time.
    #[serde(skip)]
    pub oldest_ms: Option<i64>,
    /// Rows or documents that were written since the agent started.
    pub copied: u64,
    /// Turns that failed since then.
    pub failures: u64,
    /// Numbers that had left the device before they could be copied.
    pub gaps: u64,
}

impl Standing {
    fn new(mirror: Kind, address: String) -> Self {
        Self {
            mirror,
            address,
            state: State::Starting,
            code: None,
            problem: None,
            mend: None,
            last_success: None,
            lag_records: None,
            oldest_ms: None,
            copied: 0,
            failures: 0,
            gaps: 0,
        }
    }

    /// How long the oldest record that is not copied waits.
    #[must_use]
    pub fn lag_seconds(&self, now: UnixSeconds) -> i64 {
        self.oldest_ms.map_or(0, |at| now.since(UnixSeconds::new(at.div_euclid(1000))).max(0))
    }
}

/// Every mirror of an agent. Cloned, it is the same.
#[derive(Clone, Debug, Default)]
pub struct Standings(Arc<Mutex<Vec<Standing>>>);

impl Standings {
    /// As they are now.
    #[must_use]
    pub fn all(&self) -> Vec<Standing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn begin(&self, mirror: Kind, address: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Standing::new(mirror, address));
    }

    /// Notes how a turn ended; answers whether the state has changed by it.
    pub(super) fn note(
        &self,
        mirror: Kind,
        outcome: &Result<Turned, MirrorError>,
        (now, lag): (UnixSeconds, Option<Lag>),
    ) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(standing) = all.iter_mut().find(|standing| standing.mirror == mirror) else { return false };
        let was = standing.state;
        match outcome {
            Ok(turned) => {
                standing.state = State::Up;
                (standing.code, standing.problem, standing.mend) = (None, None, None);
                standing.last_success = rfc3339(now);
                standing.copied = standing.copied.saturating_add(turned.copied);
                standing.gaps = turned.gaps;
            }
            Err(error) => {
                standing.state = if error.is_refusal() { State::Refused } else { State::Down };
                standing.code = Some(error.code().to_owned());
                standing.problem = Some(error.to_string());
                standing.mend = Some(error.mend());
                standing.failures = standing.failures.saturating_add(1);
            }
        }
        standing.lag_records = lag.map(|Lag { records, .. }| records);
        standing.oldest_ms = lag.and_then(|Lag { oldest_ms, .. }| oldest_ms);
        was != standing.state
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_any_more_is_not_shown_as_it_was() {
        let (standings, now) = (Standings::default(), UnixSeconds::new(1_800_000_000));
        standings.begin(Kind::Redis, "redis://localhost:6379".to_owned());
        assert!(standings.note(Kind::Redis, &Ok(Turned::default()), (now, Some(Lag::default()))));
        assert_eq!(standings.all()[0].lag_records, Some(0));
        assert!(standings.note(Kind::Redis, &Err(MirrorError::Silent(5)), (now, None)));
        let down = standings.all().remove(0);
        assert_eq!((down.state, down.lag_records, down.oldest_ms), (State::Down, None, None));
        let lag = Lag { records: 3, oldest_ms: Some(1_799_999_990_000) };
        assert!(!standings.note(Kind::Redis, &Err(MirrorError::Silent(5)), (now, Some(lag))));
        let down = standings.all().remove(0);
        assert_eq!((down.lag_records, down.lag_seconds(now)), (Some(3), 10));
    }
}

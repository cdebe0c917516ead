//! What is counted of the API, for whoever watches. Counted by the API's thread, shown by the agent's page.

use axum::http::StatusCode;
use brink_license::UnixSeconds;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// What was asked since the agent started.
#[derive(Debug, Default)]
pub struct Tally {
    allowed: AtomicU64,
    denied: AtomicU64,
    /// Asked for where there is no licence to answer from.
    unanswered: AtomicU64,
    done: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
    recorded: AtomicU64,
    repeated: AtomicU64,
    rejected: AtomicU64,
    passed_on: AtomicU64,
    lost: AtomicU64,
    heartbeat: Mutex<Option<Heartbeat>>,
}

/// How the last heartbeat went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// When one was heard last, in guarded time.
    pub heard_at: Option<UnixSeconds>,
    /// Why the last one was not: the stable code.
    pub failure: Option<String>,
    /// When the next one goes.
    pub next_at: UnixSeconds,
}

/// What became of a use that was brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Brought {
    /// It is durable.
    Recorded,
    /// It was before.
    Repeated,
    /// It was not recorded.
    Rejected,
}

/// One number of the page: what it counts, its labels, how much.
pub(crate) type Line = (&'static str, &'static [(&'static str, &'static str)], u64);

fn one_more(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Tally {
    /// A check was answered; `from_licence` says whether there was a verified licence to answer it from.
    pub(super) fn checked(&self, allowed: bool, from_licence: bool) {
        one_more(match (from_licence, allowed) {
            (false, _) => &self.unanswered,
            (true, true) => &self.allowed,
            (true, false) => &self.denied,
        });
    }

    pub(super) fn answered(&self, status: StatusCode) {
        one_more(match status.as_u16() {
            500.. => &self.failed,
            400.. => &self.refused,
            _ => &self.done,
        });
    }

    pub(super) fn brought(&self, what: Brought) {
        one_more(match what {
            Brought::Recorded => &self.recorded,
            Brought::Repeated => &self.repeated,
            Brought::Rejected => &self.rejected,
        });
    }

    pub(super) fn passed_on(&self, arrived: bool) {
        one_more(if arrived { &self.passed_on } else { &self.lost });
    }

    /// A heartbeat was sent.
    pub(super) fn beat(&self, (now, next_at): (UnixSeconds, UnixSeconds), failure: Option<String>) {
        let mut last = self.heartbeat.lock().unwrap_or_else(PoisonError::into_inner);
        let before = last.as_ref().and_then(|last| last.heard_at);
        let heard_at = if failure.is_none() { Some(now) } else { before };
        *last = Some(Heartbeat { heard_at, failure, next_at });
    }

    /// How the last heartbeat went; `None` before the first, and where none are sent.
    pub(crate) fn heartbeat(&self) -> Option<Heartbeat> {
        self.heartbeat.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Uses that were recorded.
    pub(super) fn recorded(&self) -> u64 {
        self.recorded.load(Ordering::Relaxed)
    }

    /// Everything, in the order of the page.
    pub(crate) fn lines(&self) -> [Line; 11] {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let checks = "brink_api_checks_total";
        let (requests, events) = ("brink_api_requests_total", "brink_api_usage_events_total");
        let billing = "brink_api_billing_requests_total";
        [
            (checks, &[("result", "allowed"), ("source", "licence")], of(&self.allowed)),
            (checks, &[("result", "denied"), ("source", "licence")], of(&self.denied)),
            (checks, &[("result", "denied"), ("source", "none")], of(&self.unanswered)),
            (requests, &[("result", "done")], of(&self.done)),
            (requests, &[("result", "refused")], of(&self.refused)),
            (requests, &[("result", "failed")], of(&self.failed)),
            (events, &[("result", "recorded")], of(&self.recorded)),
            (events, &[("result", "repeated")], of(&self.repeated)),
            (events, &[("result", "rejected")], of(&self.rejected)),
            (billing, &[("result", "answered")], of(&self.passed_on)),
            (billing, &[("result", "failed")], of(&self.lost)),
        ]
    }
}

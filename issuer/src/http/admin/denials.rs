//! What was denied, for the audit: one line at most for each sender, kind and minute, with how many there were. An audit
//! that anybody can fill by knocking would hide what it is kept for.

use super::failure::Denial;
use super::limits::Site;
use crate::access::{Credential, KeyId};
use crate::storage::{Actor, AuditNote, Storage};
use brink_license::{TenantId, UnixSeconds};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Seconds of which one line tells.
const SPAN_SECONDS: i64 = 60;
/// Senders and kinds that are told apart at once. Beyond that they are counted together.
const SENDERS_MAX: usize = 1024;

/// Who was denied something.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Sender {
    /// The holder of a key.
    Key(KeyId, Option<TenantId>),
    /// Whoever has an address.
    Site(Site),
    /// One of too many.
    Others,
}

impl Sender {
    pub(super) fn of(credential: &Credential) -> Self {
        Self::Key(credential.key.id().clone(), credential.tenant.clone())
    }

    /// As the audit calls it, and in whose chain it stands.
    fn named(&self) -> (String, Option<TenantId>) {
        match self {
            Self::Key(id, tenant) => (format!("key:{id}"), tenant.clone()),
            Self::Site(site) => (format!("address:{site}"), None),
            Self::Others => ("address:others".to_owned(), None),
        }
    }
}

/// What was asked for, without anything that its sender chose: a path as the table of routes has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Attempt {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) code: &'static str,
}

/// What is counted.
#[derive(Debug, Default)]
pub(super) struct Denials(Mutex<HashMap<(Sender, Denial), Count>>);

#[derive(Debug)]
struct Count {
    since: UnixSeconds,
    /// Denied since the line that was written last.
    untold: u64,
}

impl Denials {
    /// Counts one; answers the line to write, if it is time for one.
    pub(super) fn count(
        &self,
        (sender, denial): (Sender, Denial),
        attempt: Attempt,
        now: UnixSeconds,
    ) -> Option<AuditNote> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= SENDERS_MAX {
            counts.retain(|_, count| count.is_running(now));
        }
        let is_known = counts.contains_key(&(sender.clone(), denial));
        let sender = if is_known || counts.len() < SENDERS_MAX { sender } else { Sender::Others };
        let before = match counts.get_mut(&(sender.clone(), denial)) {
            Some(count) if count.is_running(now) => {
                count.untold = count.untold.saturating_add(1);
                return None;
            }
            Some(count) => {
                let before = count.untold;
                *count = Count { since: now, untold: 0 };
                before
            }
            None => {
                counts.insert((sender.clone(), denial), Count { since: now, untold: 0 });
                0
            }
        };
        Some(note(&sender, (denial, before), attempt, now))
    }
}

impl Count {
    fn is_running(&self, now: UnixSeconds) -> bool {
        (0..SPAN_SECONDS).contains(&now.since(self.since))
    }
}

fn note(sender: &Sender, (denial, before): (Denial, u64), attempt: Attempt, at: UnixSeconds) -> AuditNote {
    let (actor, tenant) = sender.named();
    let action = match denial {
        Denial::Unauthenticated => "access.unauthenticated",
        Denial::Scope => "access.denied",
        Denial::Foreign => "access.foreign",
    };
    let Attempt { method, path, code } = attempt;
    let detail = serde_json::json!({ "method": method, "path": path, "code": code, "more_before": before });
    AuditNote { tenant, at, actor: Actor(actor.clone()), action, subject: actor, detail }
}

/// Writes it. Whoever was denied is denied, whether the audit takes it or not.
pub(super) fn write(storage: &dyn Storage, note: &AuditNote) {
    if let Err(error) = storage.add_note(note) {
        tracing::warn!(actor = note.actor.0, action = note.action, %error, "a denial is not in the audit");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ATTEMPT: Attempt = Attempt { method: "GET", path: "/tenants", code: "SCOPE" };

    fn site(last: u32) -> Sender {
        Sender::Site(Site::of(std::net::Ipv4Addr::from(0x0a00_0000 + last).into()))
    }

    #[test]
    fn a_minute_of_knocking_is_one_line_that_says_how_often() {
        let denials = Denials::default();
        let count = |denial, at: i64| denials.count((site(1), denial), ATTEMPT, UnixSeconds::new(at));
        let first = count(Denial::Scope, 1000).unwrap();
        assert_eq!((first.action, first.actor.0.as_str()), ("access.denied", "address:10.0.0.1"));
        assert_eq!(first.detail["more_before"], 0);
        assert!((0..500).all(|more| count(Denial::Scope, 1000 + more / 10).is_none()));
        assert!(count(Denial::Unauthenticated, 1030).is_some(), "another kind is another line");
        assert_eq!(count(Denial::Scope, 1060).unwrap().detail["more_before"], 500);
    }

    #[test]
    fn so_many_senders_that_memory_would_grow_are_counted_together() {
        let denials = Denials::default();
        let now = UnixSeconds::new(1000);
        let written = (0..20_000)
            .filter_map(|sender| denials.count((site(sender), Denial::Unauthenticated), ATTEMPT, now));
        let written: Vec<_> = written.map(|note| note.actor.0).collect();
        assert_eq!(written.len(), SENDERS_MAX + 1);
        assert_eq!(written.last().unwrap(), "address:others");
        assert!(denials.0.lock().unwrap().len() <= SENDERS_MAX + 1);
    }
}

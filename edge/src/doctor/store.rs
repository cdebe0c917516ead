//! The device's own store: key, exchange state, vault and bundle.

use super::facts::{Sight, StateSeen, VaultSeen};
use super::{Check, Facts, Finding};
use crate::words::{rfc3339, span};
use brink_store::{Held, PendingKind};

/// An agent sends a request again for as long as it is not answered. After a day somebody should ask why, or carry it.
const PENDING_SECONDS_MAX: i64 = 86_400;

pub(super) fn device_key(facts: &Facts) -> Finding {
    let check = Check::DeviceKey;
    match &facts.key {
        Sight::Seen(Some(key)) => match held(facts) {
            Some(held) if held.jkt != *key => Finding::fail(
                check,
                format!("it is {key}, and state.db was made with {}", held.jkt),
                "put back the device.key that state.db was made with",
            ),
            Some(_) | None => Finding::ok(check, format!("thumbprint {key}")),
        },
        Sight::Seen(None) => Finding::ok(check, "none yet: not activated"),
        Sight::Hidden => Finding::hidden(check, facts),
        Sight::Broken { problem, mend } => Finding::fail(check, problem.as_str(), mend.as_str()),
    }
}

pub(super) fn state(facts: &Facts) -> Finding {
    let check = Check::State;
    match &facts.state {
        Sight::Seen(StateSeen::Absent) => Finding::ok(check, "none yet: not activated"),
        Sight::Seen(StateSeen::Interrupted) => {
            let mend = format!("{}, as the directory's owner", facts.verb("status"));
            Finding::warn(check, "its last writer was interrupted, and the next one takes it up", mend)
        }
        Sight::Seen(StateSeen::Whole(held)) => match &held.identity {
            Some(identity) => Finding::ok(check, format!("sound, of device {}", identity.device)),
            None => Finding::ok(check, "sound, not activated yet"),
        },
        Sight::Hidden => Finding::hidden(check, facts),
        Sight::Broken { problem, mend } => Finding::fail(check, problem.as_str(), mend.as_str()),
    }
}

pub(super) fn pending(facts: &Facts) -> Finding {
    let check = Check::Pending;
    let Some(held) = held(facts) else { return unseen(check, facts) };
    let Some(pending) = &held.pending else { return Finding::ok(check, "no request waits for an answer") };
    let age = if pending.created.boot == facts.boot {
        facts.boottime.saturating_sub(pending.created.boottime)
    } else {
        facts.wall.since(pending.created.wall)
    };
    let (what, mend) = match pending.kind {
        PendingKind::Activate => {
            let mend = format!("{} --import RESP, or run the same activate again", facts.verb("activate"));
            ("an activation", mend)
        }
        PendingKind::Exchange => {
            let mend = format!("{0}, or {0} --export REQ, then --import RESP", facts.verb("exchange"));
            ("an exchange", mend)
        }
    };
    let found = format!("{what} waits for its answer since {}", span(age));
    if age > PENDING_SECONDS_MAX { Finding::warn(check, found, mend) } else { Finding::ok(check, found) }
}

/// Refusals since the last answer that was accepted, by the second: those before are history.
pub(super) fn refusals(facts: &Facts) -> Finding {
    let check = Check::Refusals;
    let Some(held) = held(facts) else { return unseen(check, facts) };
    let answered = facts.terms.as_ref().and_then(|terms| terms.receipt);
    match held.refusals.first() {
        Some(last) if answered.is_none_or(|answered| last.at >= answered) => {
            let at = rfc3339(last.at).unwrap_or_else(|| last.at.to_string());
            let mend =
                format!("ask the issuer's admin, naming {}; then {}", last.code, facts.verb("exchange"));
            Finding::warn(check, format!("{} at {at}: {}", last.code, last.what), mend)
        }
        Some(_) | None => Finding::ok(check, "nothing since the last answer"),
    }
}

pub(super) fn vault(facts: &Facts) -> Finding {
    let check = Check::Vault;
    if let Some(said) = facts.agent_text("/store/vault") {
        return match said {
            "sound" | "not looked at" | "absent" => Finding::ok(check, format!("{said}, says the agent")),
            said => Finding::warn(check, format!("{said}, says the agent"), facts.verb("exchange")),
        };
    }
    match &facts.vault {
        Sight::Seen(VaultSeen::Present) => Finding::ok(check, "there; whoever writes next opens it"),
        Sight::Seen(VaultSeen::NotYet) => Finding::ok(check, "none yet: not activated"),
        Sight::Seen(VaultSeen::Gone) => {
            let mend = format!("{}, as the directory's owner", facts.verb("status"));
            Finding::warn(check, "gone: it is built again from the bundle", mend)
        }
        Sight::Hidden => Finding::hidden(check, facts),
        Sight::Broken { problem, mend } => Finding::fail(check, problem.as_str(), mend.as_str()),
    }
}

pub(super) fn bundle(facts: &Facts) -> Finding {
    let check = Check::Bundle;
    let activated = held(facts).is_some_and(|held| held.identity.is_some());
    let mend = format!(
        "{}, as the directory's owner, publishes it again; else {}",
        facts.verb("status"),
        facts.verb("exchange")
    );
    match &facts.bundle {
        Sight::Seen(Some(error)) => Finding::fail(check, error.as_str(), mend),
        Sight::Seen(None) => Finding::ok(check, "every signature in it verifies"),
        Sight::Hidden if facts.trust.is_err() => {
            Finding::warn(check, "not looked at without trust.json", "mend trust first")
        }
        Sight::Hidden => Finding::fail(check, "this user cannot read it, and a host needs to", mend),
        Sight::Broken { .. } if activated => {
            Finding::fail(check, "gone: hosts that start now see no licence", mend)
        }
        Sight::Broken { .. } => Finding::ok(check, "none yet"),
    }
}

fn held(facts: &Facts) -> Option<&Held> {
    match &facts.state {
        Sight::Seen(StateSeen::Whole(held)) => Some(held),
        Sight::Seen(StateSeen::Absent | StateSeen::Interrupted) | Sight::Hidden | Sight::Broken { .. } => {
            None
        }
    }
}

/// What only the state knows, without it.
fn unseen(check: Check, facts: &Facts) -> Finding {
    match &facts.state {
        Sight::Seen(StateSeen::Absent) => Finding::ok(check, "none yet: not activated"),
        Sight::Hidden => Finding::hidden(check, facts),
        Sight::Seen(StateSeen::Interrupted | StateSeen::Whole(_)) | Sight::Broken { .. } => {
            Finding::warn(check, "not looked at without the state", "mend state first")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;
    use brink_license::UnixSeconds;
    use brink_license::clock::Reading;
    use brink_store::{Pending, Refused};

    fn with(check: fn(&Facts) -> Finding, change: impl FnOnce(&Facts, &mut Held)) -> Finding {
        let mut facts = Facts::healthy();
        let Sight::Seen(StateSeen::Whole(mut held)) = facts.state.clone() else {
            panic!("healthy has a state")
        };
        change(&facts, &mut held);
        facts.state = Sight::Seen(StateSeen::Whole(held));
        check(&facts)
    }

    fn waiting(kind: PendingKind, created: Reading) -> Option<Pending> {
        Some(Pending { kind, ctr: 1, nonce: [0; 32], bytes: Vec::new(), created })
    }

    #[test]
    fn a_request_that_waits_for_long_is_named_with_the_verb_that_ends_it() {
        let old = |age: i64, same_boot: bool, kind| {
            with(pending, move |facts, held| {
                let boot = if same_boot { facts.boot } else { crate::doctor::facts::another_boot() };
                let created = Reading {
                    wall: facts.wall.saturating_add(-age),
                    boot,
                    boottime: facts.boottime - if same_boot { age } else { 0 },
                };
                held.pending = waiting(kind, created);
            })
        };
        for same_boot in [true, false] {
            assert_eq!(old(PENDING_SECONDS_MAX, same_boot, PendingKind::Exchange).level, Level::Ok);
            let found = old(PENDING_SECONDS_MAX + 1, same_boot, PendingKind::Exchange);
            assert!(found.level == Level::Warn && found.mend.unwrap().contains("exchange --data"));
            let found = old(PENDING_SECONDS_MAX + 1, same_boot, PendingKind::Activate);
            assert!(found.mend.unwrap().contains("--import RESP"));
        }
    }

    #[test]
    fn only_a_refusal_after_the_last_answer_counts() {
        let at = |seconds: i64| {
            with(refusals, move |facts, held| {
                let answered = facts.terms.as_ref().unwrap().receipt.unwrap();
                let at = UnixSeconds::new(answered.as_i64() + seconds);
                held.refusals = vec![Refused { at, code: "CLONE_SUSPECTED".into(), what: "twice".into() }];
            })
        };
        assert_eq!(at(-1).level, Level::Ok);
        let found = at(0);
        assert!(found.level == Level::Warn && found.found.starts_with("CLONE_SUSPECTED"), "{found:?}");
    }

    #[test]
    fn another_key_than_the_states_fails() {
        let found = with(device_key, |_, held| held.jkt = brink_license::Kid::from_digest([9; 32]));
        assert!(found.level == Level::Fail && found.mend.unwrap().contains("put back"));
    }

    #[test]
    fn what_a_user_may_not_see_is_said_and_is_no_failure() {
        let facts =
            Facts { key: Sight::Hidden, state: Sight::Hidden, vault: Sight::Hidden, ..Facts::healthy() };
        for check in [device_key, state, pending, refusals, vault] {
            let found = check(&facts);
            assert!(
                found.level == Level::Warn && found.mend.as_ref().unwrap().contains("as root"),
                "{found:?}"
            );
        }
    }

    #[test]
    fn the_agents_word_on_the_vault_counts_more_than_a_look() {
        let said = |text: &str| {
            let agent_said = Some(serde_json::json!({ "store": { "vault": text } }));
            vault(&Facts { agent_said, ..Facts::healthy() })
        };
        assert_eq!(said("sound").level, Level::Ok);
        assert_eq!(said("unusable: no space").level, Level::Warn);
    }
}

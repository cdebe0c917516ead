//! What outlives everything else: the journal's marks of the clock, and the anchor.

use super::facts::{Sight, StateSeen};
use super::{Check, Facts, Finding};
use brink_license::clock::State;
use brink_store::journal::{BLOCK_BYTES_MIN, JournalFault};
use brink_store::{AcceptedMarks, Held};

pub(super) fn journal(facts: &Facts) -> Finding {
    let check = Check::Journal;
    let seen = match &facts.journal {
        Sight::Seen(seen) => seen,
        Sight::Hidden => return Finding::hidden(check, facts),
        Sight::Broken { problem, mend } => return Finding::fail(check, problem.as_str(), mend.as_str()),
    };
    match (&seen.fault, &seen.closed_to_hosts, seen.block_bytes) {
        (Some(fault @ JournalFault::Damaged(_)), _, _) => Finding::fail(
            check,
            format!("{fault}: it is set aside, and what is whole goes on in another"),
            reopen(facts),
        ),
        (_, _, Some(bytes)) if bytes < BLOCK_BYTES_MIN => Finding::warn(
            check,
            format!("not used on blocks of {bytes} bytes: each process keeps the clock for itself"),
            format!("move {}/journal to a file system with blocks of {BLOCK_BYTES_MIN} bytes", facts.dir),
        ),
        (Some(fault @ JournalFault::Unusable(_)), _, _) => Finding::warn(
            check,
            format!("{fault}: each process keeps the clock for itself"),
            "mend what files, disk_space and read_only say, then look again",
        ),
        (Some(fault @ JournalFault::NotYet { .. }), _, _) => {
            Finding::warn(check, format!("{fault}: nothing is recorded until then"), reopen(facts))
        }
        (None, Some(path), _) => Finding::fail(
            check,
            format!("hosts of the group may not write {path}"),
            format!("chmod 0660 {path}"),
        ),
        (None, None, _) if seen.is_there => Finding::ok(check, "sound"),
        (None, None, _) if is_activated(facts) => {
            Finding::warn(check, "gone: each process keeps the clock for itself", reopen(facts))
        }
        (None, None, _) => Finding::ok(check, "none yet: not activated"),
    }
}

pub(super) fn anchor(facts: &Facts) -> Finding {
    let check = Check::Anchor;
    let tampered = facts.terms.as_ref().is_some_and(|terms| terms.state == State::StoreTampered);
    if tampered {
        return Finding::fail(
            check,
            "it remembers more than anything at hand: documents were put back or lost",
            format!("{}; where the issuer refuses that, ask its admin", facts.verb("exchange")),
        );
    }
    let rewrite = format!(
        "{}, as the directory's owner; a running agent does it within the hour",
        facts.verb("status")
    );
    match (&facts.anchor.newest, &facts.anchor.problem) {
        (None, _) if !is_activated(facts) => Finding::ok(check, "none yet: not activated"),
        (None, Some(problem)) => {
            Finding::warn(check, format!("{problem}: it is made anew from the state"), rewrite)
        }
        (Some(_), Some(problem)) => {
            Finding::warn(check, format!("{problem}: the other slot has everything"), rewrite)
        }
        (Some(anchor), None) => match held(facts).map(|held| order(&held.marks, &anchor.accepted)) {
            Some(Order::Older) => Finding::warn(
                check,
                "state.db is older than the anchor: it was put back",
                format!("{}; where the issuer refuses that, ask its admin", facts.verb("exchange")),
            ),
            Some(Order::Newer) => {
                Finding::warn(check, "older than the state: the next writer moves it forward", reopen(facts))
            }
            Some(Order::Same) | None => Finding::ok(check, described(&anchor.accepted)),
        },
        (None, None) => Finding::ok(check, "none"),
    }
}

fn reopen(facts: &Facts) -> String {
    format!("restart the agent, or without one: {}", facts.verb("exchange"))
}

enum Order {
    Older,
    Same,
    Newer,
}

/// The state against the anchor, by what both have. Receipts are left out: one of a revoked key is not remembered.
fn order(state: &AcceptedMarks, anchor: &AcceptedMarks) -> Order {
    let numbers = |marks: &AcceptedMarks| {
        (marks.keyset.map(|mark| mark.number), marks.licence.map(|mark| (mark.epoch, mark.seq)))
    };
    let ((keyset, licence), (keyset_held, licence_held)) = (numbers(state), numbers(anchor));
    if keyset < keyset_held || licence < licence_held {
        return Order::Older;
    }
    if keyset > keyset_held || licence > licence_held { Order::Newer } else { Order::Same }
}

fn described(accepted: &AcceptedMarks) -> String {
    accepted.licence.map_or_else(
        || "both slots are sound".to_owned(),
        |mark| format!("both slots are sound, of licence seq {}", mark.seq),
    )
}

fn is_activated(facts: &Facts) -> bool {
    held(facts).is_some_and(|held| held.identity.is_some())
}

fn held(facts: &Facts) -> Option<&Held> {
    match &facts.state {
        Sight::Seen(StateSeen::Whole(held)) => Some(held),
        Sight::Seen(StateSeen::Absent | StateSeen::Interrupted) | Sight::Hidden | Sight::Broken { .. } => {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;
    use crate::doctor::facts::JournalSeen;
    use brink_store::NumberMark;

    fn with_journal(change: impl FnOnce(&mut JournalSeen)) -> Finding {
        let mut facts = Facts::healthy();
        let Sight::Seen(mut seen) = facts.journal.clone() else { panic!("healthy has a journal") };
        change(&mut seen);
        facts.journal = Sight::Seen(seen);
        journal(&facts)
    }

    #[test]
    fn each_trouble_of_the_journal_has_its_level_and_its_mend() {
        assert_eq!(with_journal(|_| {}).level, Level::Ok);
        let gone = with_journal(|seen| seen.is_there = false);
        assert!(gone.level == Level::Warn && gone.mend.unwrap().contains("exchange"));
        let damaged = with_journal(|seen| seen.fault = Some(JournalFault::Damaged("x".into())));
        assert!(damaged.level == Level::Fail && damaged.mend.unwrap().contains("restart the agent"));
        let not_yet = with_journal(|seen| seen.fault = Some(JournalFault::NotYet { version: 1, wanted: 2 }));
        assert!(not_yet.level == Level::Warn && not_yet.mend.unwrap().contains("restart the agent"));
        let unusable = with_journal(|seen| seen.fault = Some(JournalFault::Unusable("x".into())));
        assert_eq!(unusable.level, Level::Warn);
        let closed = with_journal(|seen| seen.closed_to_hosts = Some("E/journal.db-wal".into()));
        assert!(closed.level == Level::Fail && closed.mend.unwrap() == "chmod 0660 E/journal.db-wal");
        let blocks = with_journal(|seen| seen.block_bytes = Some(BLOCK_BYTES_MIN - 1));
        assert!(blocks.level == Level::Warn && blocks.found.contains("not used"));
    }

    #[test]
    fn the_anchor_is_held_against_the_state_and_what_hosts_are_told() {
        let marked = |state: u64, remembered: u64| {
            let mark = |number| Some(NumberMark { number, sha256: [0; 32] });
            let mut facts = Facts::healthy();
            let Sight::Seen(StateSeen::Whole(held)) = &mut facts.state else { panic!("healthy has a state") };
            held.marks.keyset = mark(state);
            facts.anchor.newest.as_mut().unwrap().accepted.keyset = mark(remembered);
            facts
        };
        assert_eq!(anchor(&marked(2, 2)).level, Level::Ok);
        let put_back = anchor(&marked(1, 2));
        assert!(put_back.level == Level::Warn && put_back.found.contains("it was put back"));
        assert!(anchor(&marked(3, 2)).mend.unwrap().contains("restart the agent"));
        let mut spoiled = marked(2, 2);
        spoiled.anchor.problem = Some("anchor.b: it is damaged".to_owned());
        let found = anchor(&spoiled);
        assert!(found.level == Level::Warn && found.mend.unwrap().contains("status"));
        let mut tampered = marked(2, 2);
        tampered.terms.as_mut().unwrap().state = State::StoreTampered;
        let found = anchor(&tampered);
        assert!(found.level == Level::Fail && found.mend.unwrap().contains("exchange"));
    }
}

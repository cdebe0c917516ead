//! The machine's clock, held against what the issuer has vouched for.

use super::{Check, Facts, Finding};
use crate::words::{rfc3339, span};
use brink_license::clock::{BUILD_TIME, SKEW_SECONDS, State};
use brink_license::{Flags, UnixSeconds};

const SET_IT: &str = "set it: timedatectl set-ntp true, or date -u -s MOMENT && hwclock --systohc";

pub(super) fn clock(facts: &Facts) -> Finding {
    let (check, wall) = (Check::Clock, facts.wall);
    let shown = rfc3339(wall).unwrap_or_else(|| wall.to_string());
    if wall < BUILD_TIME {
        return Finding::fail(check, format!("it stands at {shown}, before this program was made"), SET_IT);
    }
    let behind = facts.vouched().map_or(0, |vouched| vouched.since(wall));
    if behind > SKEW_SECONDS {
        let by = span(behind);
        return Finding::fail(
            check,
            format!("it stands at {shown}, {by} behind the issuer's last word"),
            SET_IT,
        );
    }
    let Some(terms) = facts.terms.as_ref() else {
        return Finding::ok(check, format!("{shown}, with nothing to compare it with"));
    };
    if terms.state == State::ClockTampered {
        let mend =
            format!("{SET_IT}; then {} --out FILE, for the issuer's admin", facts.verb("clock challenge"));
        return Finding::fail(check, "it was held back for more than a day of run time", mend);
    }
    for (flag, what) in [
        (Flags::CLOCK_UNSET, "it was never set since boot"),
        (Flags::CLOCK_BACK, "it stands before what is known"),
        (Flags::CLOCK_JUMP, "it jumped ahead"),
    ] {
        if terms.flags.contains(flag) || facts.agent_flags(flag) {
            return Finding::warn(check, format!("{what}: it stands at {shown}"), SET_IT);
        }
    }
    Finding::ok(check, format!("{shown}{}", since_contact(terms.receipt, wall)))
}

fn since_contact(receipt: Option<UnixSeconds>, wall: UnixSeconds) -> String {
    receipt.map_or_else(String::new, |receipt| {
        format!(", {} after the issuer's last word", span(wall.since(receipt)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    fn with(change: impl FnOnce(&mut Facts)) -> Finding {
        let mut facts = Facts::healthy();
        change(&mut facts);
        clock(&facts)
    }

    #[test]
    fn a_clock_behind_the_issuers_word_or_this_program_fails() {
        assert_eq!(with(|_| {}).level, Level::Ok);
        let behind = |by| {
            with(|facts| {
                let wall = facts.wall;
                facts.terms.as_mut().unwrap().receipt = Some(wall.saturating_add(by));
            })
        };
        assert_eq!(behind(SKEW_SECONDS).level, Level::Ok);
        let found = behind(SKEW_SECONDS + 86_400);
        assert!(found.level == Level::Fail && found.found.contains("1 d"), "{found:?}");
        assert!(found.mend.unwrap().contains("timedatectl"));
        let found = with(|facts| facts.wall = UnixSeconds::new(0));
        assert!(found.level == Level::Fail && found.found.contains("before this program"), "{found:?}");
    }

    #[test]
    fn flags_warn_whoever_saw_them_and_tampering_fails() {
        let found = with(|facts| facts.terms.as_mut().unwrap().flags = Flags::CLOCK_JUMP);
        assert!(found.level == Level::Warn && found.found.contains("jumped"), "{found:?}");
        let found = with(|facts| facts.agent_said = Some(serde_json::json!({ "flags": ["clock_back"] })));
        assert!(found.level == Level::Warn && found.found.contains("before what is known"), "{found:?}");
        let found = with(|facts| facts.terms.as_mut().unwrap().state = State::ClockTampered);
        assert!(found.level == Level::Fail && found.mend.unwrap().contains("brink-edge clock challenge"));
    }
}

//! Trust, keyset, licence and presence, as hosts see them in the bundle.

use super::facts::{Licence, Terms};
use super::{Check, Facts, Finding};
use crate::words::{rfc3339, span};
use brink_license::clock::State;
use brink_license::{Flags, UnixSeconds};

/// A keyset that is about to expire needs an exchange, which a dark site has to plan.
const KEYSET_SOON_SECONDS: i64 = 30 * DAY;
/// The same for the licence: long enough for somebody to carry a file.
const LICENCE_SOON_SECONDS: i64 = 7 * DAY;
const DAY: i64 = 86_400;

pub(super) fn trust(facts: &Facts) -> Finding {
    match &facts.trust {
        Ok(issuer) => Finding::ok(Check::Trust, format!("issuer {issuer}")),
        Err(problem) => {
            let mend =
                format!("brink-edge init --data {} --trust TRUST, with the issuer's trust.json", facts.dir);
            Finding::fail(Check::Trust, problem.as_str(), mend)
        }
    }
}

pub(super) fn keyset(facts: &Facts) -> Finding {
    let check = Check::Keyset;
    let terms = match terms(check, facts) {
        Ok(terms) => terms,
        Err(finding) => return finding,
    };
    let Some((version, expires_at)) = terms.keyset else {
        return Finding::warn(check, "none without a licence", "mend licence first");
    };
    let left = expires_at.since(terms.now);
    let until = rfc3339(expires_at).unwrap_or_else(|| "for ever".to_owned());
    if left <= 0 || terms.flags.contains(Flags::KEYSET_EXPIRED) {
        let found = format!("version {version} expired at {until}: nothing new is accepted under it");
        return Finding::fail(check, found, facts.verb("exchange"));
    }
    let found = format!("version {version}, until {until}");
    if left < KEYSET_SOON_SECONDS {
        return Finding::warn(check, format!("{found}: {} left", span(left)), facts.verb("exchange"));
    }
    Finding::ok(check, found)
}

pub(super) fn licence(facts: &Facts) -> Finding {
    let check = Check::Licence;
    let terms = match terms(check, facts) {
        Ok(terms) => terms,
        Err(finding) => return finding,
    };
    let Some(licence) = &terms.licence else {
        return Finding::fail(
            check,
            format!("{}: none is in force", terms.state.as_str()),
            terms.reason.mend(),
        );
    };
    let found = described(licence, terms);
    match terms.state {
        State::Active => match next_end(licence, terms.now) {
            Some(left) => {
                Finding::warn(check, format!("{found}; {} left", span(left)), facts.verb("exchange"))
            }
            None => Finding::ok(check, found),
        },
        State::Grace => Finding::warn(check, found, facts.verb("exchange")),
        State::StoreTampered
        | State::Revoked
        | State::Suspended
        | State::Unlicensed
        | State::ClockTampered
        | State::NotYetValid
        | State::Expired => Finding::fail(check, found, terms.reason.mend()),
    }
}

/// Seconds to the first deadline, if it is near.
fn next_end(licence: &Licence, now: UnixSeconds) -> Option<i64> {
    let end = licence.exp.min(licence.offline_until);
    let left = licence.extended_until.map_or(end, |until| end.max(until)).since(now);
    (left < LICENCE_SOON_SECONDS.min(licence.life_seconds / 4)).then_some(left)
}

fn described(licence: &Licence, terms: &Terms) -> String {
    let until = |moment| rfc3339(moment).unwrap_or_else(|| "for ever".to_owned());
    let extended = licence.extended_until.map(|moment| format!(", extended until {}", until(moment)));
    format!(
        "{}: seq {} valid until {}, grace until {}, offline until {}{}",
        terms.state.as_str(),
        licence.seq,
        until(licence.exp),
        until(licence.ends_at),
        until(licence.offline_until),
        extended.unwrap_or_default()
    )
}

pub(super) fn presence(facts: &Facts) -> Finding {
    let check = Check::Presence;
    match terms(check, facts) {
        Err(finding) => finding,
        Ok(terms) if terms.licence.is_none() => Finding::ok(check, "nothing to be at home with"),
        Ok(terms) if terms.flags.contains(Flags::UNATTESTED) => {
            let until = terms.unattested_at.and_then(rfc3339);
            let until =
                until.map_or_else(String::new, |until| format!("; without it cameras stop at {until}"));
            let mend = format!("{}, as root or as the directory's owner", facts.verb("status"));
            Finding::warn(check, format!("not confirmed in this boot{until}"), mend)
        }
        Ok(_) => Finding::ok(check, "confirmed in this boot"),
    }
}

fn terms(check: Check, facts: &Facts) -> Result<&Terms, Finding> {
    facts
        .terms
        .as_ref()
        .ok_or_else(|| Finding::warn(check, "not looked at without trust.json", "mend trust first"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;
    use brink_license::Reason;

    fn with(check: fn(&Facts) -> Finding, change: impl FnOnce(&mut Terms)) -> Finding {
        let mut facts = Facts::healthy();
        change(facts.terms.as_mut().unwrap());
        check(&facts)
    }

    #[test]
    fn a_keyset_warns_before_it_expires_and_fails_after() {
        let expiring = |left| with(keyset, |terms| terms.keyset = Some((3, terms.now.saturating_add(left))));
        assert_eq!(expiring(KEYSET_SOON_SECONDS).level, Level::Ok);
        let soon = expiring(KEYSET_SOON_SECONDS - 1);
        assert!(soon.level == Level::Warn && soon.mend.unwrap().starts_with("brink-edge exchange --data "));
        let over = expiring(0);
        assert!(over.level == Level::Fail && over.found.contains("version 3 expired"), "{over:?}");
    }

    #[test]
    fn a_licence_warns_near_its_first_deadline_and_in_grace_and_fails_beyond() {
        assert_eq!(with(licence, |_| {}).level, Level::Ok);
        for change in [
            (|terms: &mut Terms| terms.licence.as_mut().unwrap().exp = terms.now.saturating_add(DAY))
                as fn(&mut Terms),
            |terms| terms.licence.as_mut().unwrap().offline_until = terms.now.saturating_add(DAY),
            |terms| {
                let licence = terms.licence.as_mut().unwrap();
                licence.exp = terms.now.saturating_add(-DAY);
                licence.extended_until = Some(terms.now.saturating_add(DAY));
            },
        ] {
            let found = with(licence, change);
            assert!(found.level == Level::Warn && found.found.ends_with("1 d left"), "{found:?}");
        }
        assert_eq!(with(licence, |terms| terms.state = State::Grace).level, Level::Warn);
        for state in State::ALL.into_iter().filter(|state| !state.permits()) {
            let found = with(licence, |terms| {
                (terms.state, terms.reason) = (state, Reason::Suspended);
            });
            assert!(found.level == Level::Fail && found.found.starts_with(state.as_str()), "{found:?}");
            assert_eq!(found.mend.as_deref(), Some(Reason::Suspended.mend()));
        }
    }

    #[test]
    fn a_short_licence_does_not_warn_from_its_first_day() {
        let found = with(licence, |terms| {
            let licence = terms.licence.as_mut().unwrap();
            (licence.exp, licence.life_seconds) = (terms.now.saturating_add(DAY / 2), DAY);
        });
        assert_eq!(found.level, Level::Ok, "{found:?}");
    }

    #[test]
    fn presence_names_the_verb_and_the_moment() {
        let found = with(presence, |terms| {
            terms.flags = Flags::UNATTESTED;
            terms.unattested_at = Some(terms.now);
        });
        assert!(found.level == Level::Warn && found.found.contains("cameras stop at 20"), "{found:?}");
        assert!(found.mend.unwrap().starts_with("brink-edge status --data "));
    }

    #[test]
    fn without_trust_nothing_is_said_of_what_it_would_verify() {
        let facts = Facts { terms: None, trust: Err("it is absent".to_owned()), ..Facts::healthy() };
        assert_eq!(trust(&facts).level, Level::Fail);
        for check in [keyset, licence, presence] {
            assert_eq!(check(&facts).level, Level::Warn);
        }
    }
}

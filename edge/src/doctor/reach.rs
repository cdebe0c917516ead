//! Who can be asked: the agent, and the issuer; and whom the agent copies to.

use super::facts::IssuerSeen;
use super::{Check, Facts, Finding};
use crate::status::AgentSeen;
use crate::uplink::Probed;
use serde_json::Value;

pub(super) fn agent(facts: &Facts) -> Finding {
    let check = Check::Agent;
    match facts.agent {
        AgentSeen::Running => Finding::ok(check, "it answers"),
        AgentSeen::Absent => {
            let mend = format!("start it: {}", facts.verb("run"));
            Finding::warn(check, "none answers: nothing is renewed but by hand", mend)
        }
        AgentSeen::Forbidden => {
            Finding::warn(check, "it runs, and this user may not ask it", facts.as_owner())
        }
        AgentSeen::Silent => {
            Finding::fail(check, "it listens and does not answer", "restart it, and see its log")
        }
    }
}

/// A device works for months without its issuer, so silence is a warning. What answers wrongly does not mend itself.
pub(super) fn issuer(facts: &Facts) -> Finding {
    let check = Check::Issuer;
    let by_file = format!("carry a file: {} --export REQ, then --import RESP", facts.verb("exchange"));
    match &facts.issuer {
        IssuerSeen::Offline => Finding::ok(check, "not asked (--offline)"),
        IssuerSeen::ByFile => Finding::ok(check, "no address is known: exchanges go by file"),
        IssuerSeen::Unknown => Finding::warn(check, "this user may not see where it is", facts.as_owner()),
        IssuerSeen::Asked { url, came } => match came {
            Ok(Probed::Answers) => Finding::ok(check, format!("{url} answers")),
            Ok(Probed::Tls(problem)) => Finding::fail(
                check,
                format!("{url}: TLS: {problem}"),
                "see that the clock is right and the certificate names this address; give --ca-file for one of your own",
            ),
            Ok(Probed::Unreachable(problem)) => {
                let mend = format!("check network, address and proxy; or {by_file}");
                Finding::warn(check, format!("{url} cannot be reached: {problem}"), mend)
            }
            Ok(Probed::NotAnIssuer(problem)) => Finding::fail(
                check,
                format!("{url} does not answer like an issuer: {problem}"),
                format!("{} --issuer URL, with the right address", facts.verb("exchange")),
            ),
            Err(error) => Finding::fail(check, error.to_string(), error.mend()),
        },
    }
}

/// A device works without its copies, so that nothing of them fails here.
pub(super) fn mirrors(facts: &Facts) -> Finding {
    let check = Check::Mirrors;
    let said = facts.agent_said.as_ref().and_then(|said| said["mirrors"].as_array());
    let Some(mirrors) = said else {
        return Finding::ok(check, "no agent says whether there are any");
    };
    let text = |mirror: &Value, name: &str| mirror[name].as_str().unwrap_or_default().to_owned();
    let is_up = |mirror: &&Value| matches!(mirror["state"].as_str(), Some("up" | "starting"));
    match mirrors.iter().find(|mirror| !is_up(mirror)) {
        None if mirrors.is_empty() => Finding::ok(check, "there are none"),
        None => {
            let all: Vec<String> = mirrors.iter().map(|mirror| text(mirror, "mirror")).collect();
            Finding::ok(check, format!("{} copied", all.join(" and ")))
        }
        Some(mirror) => {
            let (kind, state, code) = (text(mirror, "mirror"), text(mirror, "state"), text(mirror, "code"));
            let found = format!("{kind} is {state}: {code}: {}", text(mirror, "problem"));
            Finding::warn(check, found, text(mirror, "mend"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    fn asked(came: Probed) -> Finding {
        let issuer = IssuerSeen::Asked { url: "https://issuer.example".into(), came: Ok(came) };
        issuer_of(issuer)
    }

    fn issuer_of(seen: IssuerSeen) -> Finding {
        issuer(&Facts { issuer: seen, ..Facts::healthy() })
    }

    #[test]
    fn silence_warns_and_wrong_answers_fail() {
        assert_eq!(asked(Probed::Answers).level, Level::Ok);
        let silent = asked(Probed::Unreachable("timeout".into()));
        assert!(silent.level == Level::Warn && silent.mend.unwrap().contains("--export REQ"));
        let tls = asked(Probed::Tls("UnknownIssuer".into()));
        assert!(tls.level == Level::Fail && tls.mend.unwrap().contains("--ca-file"));
        let other = asked(Probed::NotAnIssuer("status 404".into()));
        assert!(other.level == Level::Fail && other.mend.unwrap().contains("--issuer URL"));
        assert_eq!(issuer_of(IssuerSeen::Offline).level, Level::Ok);
        assert_eq!(issuer_of(IssuerSeen::ByFile).level, Level::Ok);
        assert_eq!(issuer_of(IssuerSeen::Unknown).level, Level::Warn);
    }

    #[test]
    fn a_mirror_that_does_not_copy_warns_with_its_mend() {
        let seen = |said: Value| super::mirrors(&Facts { agent_said: Some(said), ..Facts::healthy() });
        assert_eq!(seen(serde_json::json!({ "mirrors": [] })).level, Level::Ok);
        assert_eq!(
            seen(serde_json::json!({ "mirrors": [{ "mirror": "redis", "state": "up" }] })).level,
            Level::Ok
        );
        let down = seen(serde_json::json!({ "mirrors": [
            { "mirror": "redis", "state": "up" },
            { "mirror": "postgres", "state": "refused", "code": "DATABASE_NO_SCHEMA", "problem": "no tables", "mend": "migrate" },
        ] }));
        assert_eq!((down.level, down.mend.as_deref()), (Level::Warn, Some("migrate")));
        assert!(down.found.contains("postgres is refused: DATABASE_NO_SCHEMA"), "{}", down.found);
        assert_eq!(super::mirrors(&Facts { agent_said: None, ..Facts::healthy() }).level, Level::Ok);
    }

    #[test]
    fn an_agent_that_hangs_fails_and_one_that_is_not_there_warns() {
        let seen = |agent| super::agent(&Facts { agent, ..Facts::healthy() }).level;
        assert_eq!(
            [AgentSeen::Running, AgentSeen::Absent, AgentSeen::Forbidden, AgentSeen::Silent].map(seen),
            [Level::Ok, Level::Warn, Level::Warn, Level::Fail]
        );
    }
}

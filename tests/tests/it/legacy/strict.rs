//! An answer with one member of another type is lost to the client, and so it is to the program, which says by which member.

use super::responder::{Answer, Responder};
use super::{Call, OldClient};
use serde_json::json;

/// One question, and the members of a good answer to it.
struct Question {
    ask: fn(&OldClient) -> Call,
    good: &'static [(&'static str, &'static str)],
    /// What the client's struct holds where nothing was said.
    defaults: fn() -> serde_json::Value,
}

const LICENCE: Question = Question {
    ask: |client| client.validate("tenant-123", "cam-1", "dev-1"),
    good: &[
        ("is_valid", "true"),
        ("license_mode", r#""base""#),
        ("enabled_growth_packs", r#"["retail"]"#),
        ("valid_until", r#""1767225600""#),
        ("cameras_allowed", "-1"),
    ],
    defaults: || {
        json!({
            "is_valid": false, "license_mode": "unlicensed", "enabled_growth_packs": [], "valid_until": 0,
            "cameras_allowed": 0,
        })
    },
};
const ENTITLEMENT: Question = Question {
    ask: |client| client.entitlement("tenant-123", "outputs", "sms"),
    good: &[("is_enabled", "true"), ("quota_remaining", "100"), ("valid_until", r#""1767225600""#)],
    defaults: || json!({"is_enabled": false, "quota_remaining": 0, "valid_until": 0}),
};
const USAGE: Question = Question {
    ask: |client| client.usage("tenant-123", 1, 1_760_954_400),
    good: &[("accepted_count", "1"), ("rejected_count", "0"), ("errors", "[]")],
    defaults: || json!({"accepted_count": 0, "rejected_count": 0, "errors": []}),
};
const HEARTBEAT: Question = Question {
    ask: |client| client.heartbeat("tenant-123", "dev-1", &[]),
    good: &[("status", r#""ok""#), ("next_heartbeat_in_seconds", "900")],
    defaults: || json!({"status": "unknown", "next_heartbeat_in_seconds": 900}),
};
const HEALTH: Question = Question {
    ask: OldClient::health,
    good: &[("status", r#""healthy""#)],
    defaults: || json!({"status": ""}),
};
const QUESTIONS: [Question; 5] = [LICENCE, ENTITLEMENT, USAGE, HEARTBEAT, HEALTH];

/// What stands in the place of a member: of every type that it may not have.
const TRUTHS: [&str; 5] = ["null", r#""true""#, "1", "[]", "{}"];
const TEXTS: [&str; 5] = ["null", "5", "true", "[]", "{}"];
const NUMBERS: [&str; 7] = ["null", r#""5""#, "5.5", "5.0", "true", "[]", "{}"];
const LISTS: [&str; 8] = [r#""retail""#, "5", "true", "{}", "[1]", "[null]", r#"["a",{}]"#, r#"[["a"]]"#];
const MOMENTS: [&str; 9] = [
    "null",
    "1767225600",
    "1767225600.5",
    "true",
    "[]",
    "{}",
    r#""""#,
    r#""soon""#,
    r#""99999999999999999999""#,
];

fn bad_values(member: &str) -> &'static [&'static str] {
    match member {
        "is_valid" | "is_enabled" => &TRUTHS,
        "license_mode" | "status" => &TEXTS,
        "enabled_growth_packs" | "errors" => &LISTS,
        "valid_until" => &MOMENTS,
        _ => &NUMBERS,
    }
}

/// The good answer with another value for one member, or without it.
fn answer(question: &Question, changed: &str, value: Option<&str>) -> String {
    let members = question.good.iter().filter_map(|(name, good)| {
        let value = if *name == changed { value? } else { good };
        Some(format!("{name:?}:{value}"))
    });
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

/// One attempt, since every refusal is tried again alike.
fn once(server: &Responder) -> OldClient {
    OldClient::at(server.base(), "k").with("retries", "0")
}

fn holds_defaults(question: &Question, call: &Call) -> bool {
    let defaults = (question.defaults)();
    defaults.as_object().unwrap().iter().all(|(name, value)| call.held(name) == value)
}

#[test]
#[ignore = "needs g++, libcurl and nlohmann-json: scripts/test runs this"]
fn a_member_of_another_type_voids_the_answer_and_is_named() {
    let mut tried = 0;
    for question in &QUESTIONS {
        for (member, _) in question.good {
            let values = bad_values(member);
            let answers: Vec<_> = values
                .iter()
                .map(|value| Answer::json(200, &answer(question, member, Some(value))))
                .collect();
            let server = Responder::says(&answers);
            for value in values {
                let call = (question.ask)(&once(&server));
                assert!(!call.answered(), "{member}: {value}: {call:?}");
                assert_eq!(call.refusals(), [("field", *member)], "{value}");
                assert!(holds_defaults(question, &call), "{member}: {value}: {call:?}");
                assert_eq!(*call.statuses(), json!([[200]]));
                tried += 1;
            }
        }
    }
    assert!(tried > 80, "{tried}");
}

#[test]
#[ignore = "needs g++, libcurl and nlohmann-json: scripts/test runs this"]
fn absent_members_are_the_defaults_others_are_not_looked_at_and_lists_may_be_null() {
    for question in &QUESTIONS {
        let server =
            Responder::says(&[Answer::json(200, "{}"), Answer::json(200, r#"{"other":null,"ver":[1]}"#)]);
        for _ in 0..2 {
            let call = (question.ask)(&once(&server));
            assert!(call.answered() && holds_defaults(question, &call), "{call:?}");
        }
        for (member, _) in question.good {
            let server = Responder::always(&answer(question, member, None));
            assert!((question.ask)(&once(&server)).answered(), "{member}");
        }
    }
    let server = Responder::always(&answer(&LICENCE, "enabled_growth_packs", Some("null")));
    let call = (LICENCE.ask)(&once(&server));
    assert_eq!((call.answered(), call.held("enabled_growth_packs")), (true, &json!([])));
    let server = Responder::always(&answer(&USAGE, "errors", Some("null")));
    assert_eq!((USAGE.ask)(&once(&server)).held("errors"), &json!([]));
}

#[test]
#[ignore = "needs g++, libcurl and nlohmann-json: scripts/test runs this"]
fn what_is_no_object_of_json_is_lost_and_so_is_every_status_but_2xx() {
    let good = answer(&LICENCE, "", None);
    let cut = &good[..good.len() - 1];
    for (status, body, refusal) in [
        (200, "", ("json", "")),
        (204, "", ("json", "")),
        (200, cut, ("json", "")),
        (200, "<html></html>", ("json", "")),
        (200, "[]", ("field", "")),
        (200, "null", ("field", "")),
        (200, r#""ok""#, ("field", "")),
        (304, &good, ("status", "")),
        (400, &good, ("status", "")),
        (401, r#"{"error":"missing Authorization header"}"#, ("status", "")),
        (404, "404 page not found", ("status", "")),
        (429, &good, ("status", "")),
        (500, &good, ("status", "")),
    ] {
        let server = Responder::says(&[Answer::json(status, body)]);
        let call = (LICENCE.ask)(&once(&server));
        assert_eq!((call.answered(), call.refusals()), (false, vec![refusal]), "{status} {body:?}");
        assert!(holds_defaults(&LICENCE, &call));
    }
    for status in [200, 201, 202] {
        let server = Responder::says(&[Answer::json(status, &good)]);
        assert!((LICENCE.ask)(&once(&server)).answered(), "{status}");
    }
}

#[test]
#[ignore = "needs g++, libcurl and nlohmann-json: scripts/test runs this"]
fn what_the_client_takes_and_misunderstands_is_remarked() {
    let remarked = |member: &str, value: &str| {
        let server = Responder::always(&answer(&LICENCE, member, Some(value)));
        let call = (LICENCE.ask)(&once(&server));
        assert!(call.answered());
        let remarks: Vec<_> = call.remarks().iter().map(|remark| (*remark).to_owned()).collect();
        (call.held(member).clone(), remarks)
    };
    // The year, as seconds after 1970.
    let (held, remarks) = remarked("valid_until", r#""2026-10-20T21:22:36.990223337+11:00""#);
    assert_eq!(held, 2026);
    assert!(
        remarks[0].starts_with("valid_until: ") && remarks[0].ends_with(" is read as 2026"),
        "{remarks:?}"
    );
    let (held, remarks) = remarked("cameras_allowed", "4294967297");
    assert_eq!((held, &*remarks[0]), (json!(1), "cameras_allowed: does not fit 32 bits"));
    assert_eq!(remarked("valid_until", r#""1767225600""#), (json!(1_767_225_600), vec![]));
    assert_eq!(remarked("cameras_allowed", "2147483647"), (json!(2_147_483_647), vec![]));
}

#[test]
#[ignore = "needs g++, libcurl and nlohmann-json: scripts/test runs this"]
fn a_batch_of_which_nothing_is_accepted_has_failed_and_health_is_one_word() {
    for (accepted, success, all) in [("0", false, false), ("1", true, false), ("2", true, true)] {
        let server = Responder::always(&format!(r#"{{"accepted_count":{accepted},"rejected_count":0}}"#));
        let call = once(&server).usage("t", 2, 0);
        assert!(call.answered());
        assert_eq!(
            (call.held("success"), call.held("all_accepted")),
            (&json!(success), &json!(all)),
            "{accepted}"
        );
    }
    for (status, available) in [("healthy", true), ("Healthy", false), ("healthy ", false), ("ok", false)] {
        let server = Responder::always(&format!(r#"{{"status":{status:?}}}"#));
        assert_eq!(once(&server).health().held("available"), available, "{status:?}");
    }
    let server = Responder::says(&[Answer::json(404, "404 page not found")]);
    assert_eq!(once(&server).health().held("available"), false);
}

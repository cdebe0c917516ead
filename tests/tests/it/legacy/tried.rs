//! How often the client tries, how long it waits, and where it lets itself be sent.

use super::OldClient;
use super::responder::{Answer, Responder};
use serde_json::json;

const GOOD: &str =
    r#"{"is_valid":true,"license_mode":"base","valid_until":"1767225600","cameras_allowed":3}"#;
/// 100, 200 and 400 ms between four attempts.
const WAITS_MS: u64 = 700;
/// Far above the waits and far below what a server might ask for.
const PATIENCE_MS: u64 = 20_000;

fn validate(server: &Responder) -> super::Call {
    OldClient::at(server.base(), "k").validate("t", "cam-1", "dev-1")
}

#[test]
#[ignore = "needs g++, libcurl and nlohmann-json: scripts/test runs this"]
fn whatever_fails_is_tried_four_times_with_the_same_bytes() {
    let null = r#"{"is_valid":null}"#;
    let answers = [
        (Answer::json(500, GOOD), ("status", "")),
        (Answer::json(401, GOOD), ("status", "")),
        // It does not look at when it should come back.
        (Answer::with(429, "Retry-After: 60\r\n", GOOD), ("status", "")),
        (Answer::json(200, null), ("field", "is_valid")),
        (Answer::json(204, ""), ("json", "")),
        (Answer::Bytes(Vec::new()), ("transport", "")),
    ];
    for (answer, refusal) in answers {
        let server = Responder::says(&[answer]);
        let call = validate(&server);
        assert_eq!((call.answered(), call.attempts()), (false, 4), "{call:?}");
        assert_eq!(call.refusals(), [refusal; 4]);
        assert!((WAITS_MS..PATIENCE_MS).contains(&call.total_ms()), "{call:?}");
        let asked = server.asked();
        assert_eq!(asked.len(), 4);
        assert!(asked.iter().all(|each| (&each.line, &each.body) == (&asked[0].line, &asked[0].body)));
    }
}

#[test]
#[ignore = "needs g++, libcurl and nlohmann-json: scripts/test runs this"]
fn the_first_good_answer_is_taken() {
    let server = Responder::says(&[Answer::json(503, ""), Answer::json(200, "{"), Answer::json(200, GOOD)]);
    let call = validate(&server);
    assert_eq!((call.answered(), call.attempts()), (true, 3), "{call:?}");
    assert_eq!(call.refusals(), [("status", ""), ("json", "")]);
    assert_eq!(*call.statuses(), json!([[503], [200], [200]]));
    assert_eq!((call.held("cameras_allowed"), call.redirected()), (&json!(3), false));
    assert!((300..PATIENCE_MS).contains(&call.total_ms()), "{call:?}");
    assert_eq!(server.asked().len(), 3, "and nothing is asked afterwards");
}

#[test]
#[ignore = "needs g++, libcurl and nlohmann-json: scripts/test runs this"]
fn a_server_that_says_nothing_costs_its_budget_four_times_and_none_at_all_the_waits() {
    let server = Responder::says(&[Answer::Silence]);
    let client = OldClient::at(server.base(), "k").with("timeout-ms", "200");
    let call = client.validate("t", "cam-1", "dev-1");
    assert_eq!((call.answered(), call.attempts()), (false, 4), "{call:?}");
    assert_eq!(call.refusals(), [("timeout", ""); 4]);
    assert!((WAITS_MS + 4 * 200..PATIENCE_MS).contains(&call.total_ms()), "{call:?}");

    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let call = OldClient::at(&format!("http://{nobody}/api/v1"), "k").health();
    assert_eq!((call.refusals(), call.held("available")), (vec![("connect", ""); 4], &json!(false)));
    assert!(call.total_ms() >= WAITS_MS, "{call:?}");
}

#[test]
#[ignore = "needs g++, libcurl and nlohmann-json: scripts/test runs this"]
fn five_seconds_are_the_budget_of_one_attempt() {
    let server = Responder::says(&[Answer::Silence]);
    let call = OldClient::at(server.base(), "k").with("retries", "0").health();
    assert_eq!(call.refusals(), [("timeout", "")]);
    assert!((5000..PATIENCE_MS).contains(&call.total_ms()), "{call:?}");
}

#[test]
#[ignore = "needs g++, libcurl and nlohmann-json: scripts/test runs this"]
fn a_redirect_makes_a_question_of_what_was_told_and_three_are_followed() {
    let to = |status: u16| Answer::with(status, "Location: /elsewhere\r\n", "");
    for (status, method) in [(301, "GET"), (302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")] {
        let server = Responder::says(&[to(status), Answer::json(200, GOOD)]);
        let call = validate(&server);
        assert!(call.answered() && call.redirected(), "{call:?}");
        assert_eq!(*call.statuses(), json!([[status, 200]]));
        let asked = server.asked();
        assert_eq!(asked[1].line, format!("{method} /elsewhere"), "{status}");
        assert!(asked[1].headers.contains(&"Authorization: Bearer k".to_owned()), "{:?}", asked[1]);
        assert_eq!(asked[1].body.is_empty(), method == "GET");
    }
    let server = Responder::says(&[to(302), to(302), to(302), Answer::json(200, GOOD)]);
    assert!(validate(&server).answered());
    let server = Responder::says(&[to(302)]);
    let call = OldClient::at(server.base(), "k").with("retries", "0").validate("t", "cam-1", "dev-1");
    assert_eq!(call.refusals(), [("redirects", "")]);
    assert_eq!(*call.statuses(), json!([[302, 302, 302, 302]]));
}

/// The answers of a server that keeps to what the script looks for: one for each check, in their order.
fn kept() -> Vec<Answer> {
    let healthy = r#"{"status":"healthy","total_events":7}"#;
    let valid = r#"{"is_valid":true,"enabled_growth_packs":["advanced_analytics"]}"#;
    let denied = r#"{"is_valid":false,"license_mode":"trial"}"#;
    let bodies = [
        healthy,
        healthy,
        valid,
        valid,
        denied,
        denied,
        r#"{"is_enabled":true}"#,
        r#"{"accepted_count":1,"rejected_count":0,"errors":[]}"#,
        r#"{"status":"ok"}"#,
        r#"{"total_events":7,"by_type":{}}"#,
    ];
    bodies.iter().map(|body| Answer::json(200, body)).collect()
}

#[test]
#[ignore = "needs g++, libcurl and nlohmann-json: scripts/test runs this"]
fn the_old_scripts_checks_pass_where_they_are_kept_and_each_can_fail() {
    let failed = |answers: &[Answer]| {
        let server = Responder::says(answers);
        let checks =
            OldClient::at(server.base(), "k").fifteen("tenant-123", &["--pack", "advanced_analytics"]);
        let failed = checks.iter().filter(|check| !check.passed()).map(|check| check.name().to_owned());
        (checks.len(), failed.collect::<Vec<_>>(), server.asked())
    };
    let (checks, none, asked) = failed(&kept());
    assert_eq!((checks, none), (11, vec![]));
    let lines: Vec<_> = asked.iter().map(|asked| &*asked.line).collect();
    assert_eq!(
        lines,
        [
            "GET /health",
            "GET /api/v1/health",
            "POST /api/v1/licenses/validate",
            "POST /api/v1/licenses/validate",
            "POST /api/v1/licenses/validate",
            "POST /api/v1/licenses/validate",
            "POST /api/v1/entitlements/check",
            "POST /api/v1/usage/batch",
            "POST /api/v1/heartbeat",
            "GET /stats",
        ]
    );
    // A space after a colon, as a pretty printer writes it, is enough to fail a check.
    let names: [&[&str]; 10] = [
        &["health"],
        &[],
        &["first_camera"],
        &["second_camera"],
        &["third_camera"],
        &["third_camera_again"],
        &["entitlement"],
        &["usage"],
        &["heartbeat"],
        &["stats"],
    ];
    for (place, wanted) in names.into_iter().enumerate() {
        let mut answers = kept();
        let Answer::Bytes(bytes) = &answers[place] else { unreachable!() };
        let body = String::from_utf8(bytes.clone()).unwrap();
        let body = body.split_once("\r\n\r\n").unwrap().1.replace("\":", "\": ");
        answers[place] = Answer::json(200, &body);
        assert_eq!(failed(&answers).1, wanted, "answer {place} with spaces");
    }
    let mut answers = kept();
    answers[1] = Answer::json(404, "404 page not found");
    answers[2] = Answer::json(200, r#"{"is_valid":true,"enabled_growth_packs":["Advanced Analytics"]}"#);
    answers[5] = Answer::json(200, r#"{"is_valid":true}"#);
    assert_eq!(failed(&answers).1, ["client_health", "packs", "third_camera_again"]);
}

//! The examples of docs/HTTP_API.md, run in their order.

use super::Api;
use crate::testkit::Bench;
use serde_json::Value;

/// What stands for a value that differs each time.
const ANYTHING: &str = "…";

/// Asserts that what came is what the guide shows.
fn like(shown: &Value, got: &Value, place: &str) {
    match (shown, got) {
        (Value::String(text), _) if text == ANYTHING => assert!(!got.is_null(), "{place} is null"),
        (Value::Object(shown), Value::Object(got)) => {
            let names = |of: &serde_json::Map<String, Value>| {
                let mut names: Vec<_> = of.keys().cloned().collect();
                names.sort();
                names
            };
            assert_eq!(names(shown), names(got), "{place}");
            shown.iter().for_each(|(name, value)| like(value, &got[name], &format!("{place}.{name}")));
        }
        (Value::Array(shown), Value::Array(got)) => {
            assert_eq!(shown.len(), got.len(), "{place}");
            shown.iter().zip(got).enumerate().for_each(|(at, (shown, got))| {
                like(shown, got, &format!("{place}[{at}]"));
            });
        }
        (shown, got) => assert_eq!(shown, got, "{place}"),
    }
}

/// The blocks of one kind of fence with what stands behind its name.
fn blocks(guide: &str) -> Vec<(String, String)> {
    let mut parts = guide.split("```");
    parts.next();
    let (mut found, mut parts) = (Vec::new(), parts.peekable());
    while let Some(block) = parts.next() {
        let (name, text) = block.split_once('\n').unwrap();
        found.push((name.to_owned(), text.to_owned()));
        // What stands between this fence and the next.
        parts.next();
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_example_of_the_guide_answers_what_it_shows() {
    let api = Api::with(Bench::new(), |_| {}).await;
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/HTTP_API.md");
    let guide = std::fs::read_to_string(file).unwrap();
    let (mut asked, mut run) = (None, 0);
    for (name, text) in blocks(&guide) {
        if name == "http" {
            let (head, body) = text.split_once("\n\n").unwrap_or((text.trim_end(), ""));
            let mut lines = head.lines();
            let (method, path) = lines.next().unwrap().split_once(' ').unwrap();
            let headers: Vec<_> = lines.filter_map(|line| line.split_once(": ")).collect();
            let body = (!body.is_empty()).then_some(body);
            let path = path.trim_start_matches("/v1/admin");
            asked = Some((path.to_owned(), api.ask(method, path, &headers, body).await));
        } else if let Some(status) = name.strip_prefix("json ") {
            let (path, got) = asked.take().expect("an answer follows its question");
            assert_eq!(got.status.to_string(), status, "{path}: {got:?}");
            like(&serde_json::from_str(&text).unwrap(), &got.json(), &path);
            run += 1;
        }
    }
    assert!(asked.is_none() && run >= 11, "{run} examples");
}

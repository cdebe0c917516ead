//! What the old console asks of its billing server, passed on with the site's key, which no page needs to know.

use crate::api::ROOT;
use crate::api::desk::Desk;
use crate::api::refusal::Refusal;
use crate::api::route::{Answer, Input};
use axum::body::Bytes;
use axum::http::StatusCode;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What stands in a path as it is (RFC 3986, section 2.3).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A question; the path is the one that the table has.
pub(in crate::api) fn question(desk: &Desk, path: &'static str, input: Input) -> Result<Answer, Refusal> {
    pass_on(desk, &target(path, &input)?, None)
}

/// The one thing that the console sends.
pub(in crate::api) fn validation(desk: &Desk, path: &'static str, input: Input) -> Result<Answer, Refusal> {
    pass_on(desk, &target(path, &input)?, Some(&input.body))
}

fn pass_on(desk: &Desk, target: &str, body: Option<&Bytes>) -> Result<Answer, Refusal> {
    let Some(upstream) = &desk.billing else {
        let error = "this agent passes no questions on to a billing server";
        let mend = "start it with --billing-url and --billing-key-file";
        return Err(Refusal::new(StatusCode::NOT_FOUND, "NO_BILLING_SERVER", error, mend));
    };
    let answered = upstream.ask(target, body);
    desk.tally.passed_on(answered.is_ok());
    answered
}

/// Path and query on the billing server. What the path names is written anew, so that nobody climbs out of it.
fn target(path: &'static str, input: &Input) -> Result<String, Refusal> {
    let mut target = path.strip_prefix(ROOT).unwrap_or(path).to_owned();
    for name in &input.named {
        if matches!(name.as_str(), "" | "." | "..") || name.chars().any(char::is_control) {
            return Err(Refusal::malformed("BAD_ID", "the path names no tenant", ""));
        }
        if let (Some(from), Some(to)) = (target.find('{'), target.find('}')) {
            target.replace_range(from..=to, &utf8_percent_encode(name, SEGMENT).to_string());
        }
    }
    if let Some(query) = input.query.as_deref().filter(|query| !query.is_empty()) {
        target.push('?');
        target.push_str(query);
    }
    Ok(target)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::Peer;

    fn asked(name: &str, query: Option<&str>) -> Result<String, Refusal> {
        let input = Input {
            peer: Peer::Host,
            named: vec![name.to_owned()],
            query: query.map(str::to_owned),
            body: Default::default(),
        };
        target("/api/v1/billing/usage/{tenant}", &input)
    }

    #[test]
    fn a_name_stays_one_part_of_the_path_and_the_query_goes_along() {
        for (name, query, expected) in [
            ("tenant-123", None, "/billing/usage/tenant-123"),
            ("tenant-123", Some(""), "/billing/usage/tenant-123"),
            (
                "tenant-123",
                Some("start=2026-01-01&end=2026-02-01"),
                "/billing/usage/tenant-123?start=2026-01-01&end=2026-02-01",
            ),
            ("a/../b", None, "/billing/usage/a%2F..%2Fb"),
            ("ä ?#", None, "/billing/usage/%C3%A4%20%3F%23"),
            ("{x}", None, "/billing/usage/%7Bx%7D"),
        ] {
            assert_eq!(asked(name, query).unwrap(), expected);
        }
        for name in ["", ".", "..", "a\r\nb", "\0"] {
            assert_eq!(asked(name, None).unwrap_err().said.code, "BAD_ID", "{name:?}");
        }
    }
}

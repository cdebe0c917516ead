//! The billing server behind the agent: asked with a key that stays here, within five seconds, for JSON of a bounded size.

use super::options::{Billing, BillingKey};
use super::refusal::Refusal;
use super::route::Answer;
use crate::command::Secret;
use crate::error::EdgeError;
use crate::secret::{self, KEY_CHARS_MIN};
use crate::uplink::{IssuerUrl, client, media_type};
use axum::body::Bytes;
use axum::http::StatusCode;
use std::fmt;
use std::time::Duration;
use ureq::http::Response;
use ureq::http::header::AUTHORIZATION;
use ureq::{Agent, Body};

/// What the old console waits for, too.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Largest answer.
const ANSWER_BYTES_MAX: u64 = 8 * 1024 * 1024;
const JSON: &str = "application/json";

/// A billing server that the console's questions are passed on to.
pub(super) struct Upstream {
    url: IssuerUrl,
    key: Secret,
    agent: Agent,
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Upstream {
    pub(super) fn new(billing: &Billing, ca_pem: Option<&str>) -> Result<Self, EdgeError> {
        let key = match &billing.key {
            BillingKey::File(file) => secret::read(file, KEY_CHARS_MIN)?.0,
            BillingKey::Given(key) if key.reveal().len() < KEY_CHARS_MIN => {
                let what =
                    format!("BILLING_API_KEY has fewer than {KEY_CHARS_MIN} characters; give the whole key");
                return Err(EdgeError::Usage(what));
            }
            BillingKey::Given(key) => key.clone(),
        };
        let agent = client(&billing.url, ca_pem, (TIMEOUT, JSON))?;
        Ok(Self { url: billing.url.clone(), key, agent })
    }

    /// Asks for a path below its address; what is sent is JSON.
    pub(super) fn ask(&self, target: &str, body: Option<&Bytes>) -> Result<Answer, Refusal> {
        let url = self.url.join(target);
        let bearer = format!("Bearer {}", self.key.reveal());
        let sent = match body {
            None => self.agent.get(url).header(AUTHORIZATION, bearer).call(),
            Some(body) => {
                self.agent.post(url).header(AUTHORIZATION, bearer).content_type(JSON).send(&body[..])
            }
        };
        let response = sent.map_err(|error| {
            tracing::warn!(%error, "the billing server does not answer");
            let mend = "check network, address and proxy, and --billing-url";
            failed("BILLING_UNREACHABLE", "the billing server cannot be reached".to_owned(), mend)
        })?;
        self.answer(response)
    }

    fn answer(&self, mut response: Response<Body>) -> Result<Answer, Refusal> {
        let status = response.status().as_u16();
        let wrong = |what: String| {
            let error = format!("the billing server does not answer as one: {what}");
            failed("BILLING_NOT_UNDERSTOOD", error, "check --billing-url: it ends with /api/v1")
        };
        match status {
            200..=299 | 400 | 404 | 409 | 422 | 429 => {}
            403 => {
                let error = "the billing server says that this is not the tenant of the agent's key";
                let mend =
                    "set the console's tenant to this device's, or check the file of --billing-key-file";
                return Err(Refusal::new(StatusCode::NOT_FOUND, "UNKNOWN_TENANT", error, mend));
            }
            401 => {
                let error = format!("the billing server refuses the agent's key (status {status})");
                return Err(failed("BILLING_KEY_REFUSED", error, "check the file of --billing-key-file"));
            }
            500.. => {
                let error = format!("the billing server failed (status {status})");
                return Err(failed("BILLING_FAILED", error, "wait and ask again, or ask its admin"));
            }
            _ => return Err(wrong(format!("status {status}"))),
        }
        let found = media_type(&response);
        if found != JSON {
            return Err(wrong(format!("status {status} with another type than JSON")));
        }
        let read = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
        let body =
            read.map_err(|_| wrong(format!("more than {ANSWER_BYTES_MAX} bytes, or not all of them")))?;
        let key = self.key.reveal().as_bytes();
        if body.windows(key.len()).any(|part| part == key) {
            return Err(wrong("it repeats the key".to_owned()));
        }
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
        Ok(Answer { status, media_type: JSON, body: body.into() })
    }
}

fn failed(code: &'static str, error: String, mend: &str) -> Refusal {
    Refusal::new(StatusCode::BAD_GATEWAY, code, error, mend)
}

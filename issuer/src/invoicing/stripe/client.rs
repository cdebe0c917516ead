//! The rim: requests over HTTPS, tried again while that can help.

use super::error::{Refused, StripeError};
use crate::secret::Redacted;
use serde::Deserialize;
use serde_json::Value;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;
use ureq::http::{HeaderValue, Response, Uri, header};
use ureq::tls::{RootCerts, TlsConfig, TlsProvider};
use ureq::{Agent, Body};

/// Where Stripe is.
pub const STRIPE_URL: &str = "https://api.stripe.com";
/// The form of requests and answers, whatever the account's own version is.
pub const STRIPE_VERSION: &str = "2025-09-30.clover";
/// From resolving the name to the last byte of the answer. Stripe itself gives up a little before.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(80);
/// An address that does not answer is noticed earlier.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A list of 100 invoices with their first lines is far below.
const ANSWER_BYTES_MAX: u64 = 16 << 20;
/// Longest text of Stripe that is repeated.
const TEXT_CHARS_MAX: usize = 500;
/// Longest address and key taken.
const SETTING_BYTES_MAX: usize = 1024;
/// What a list is asked for at once: Stripe's largest.
const PAGE: usize = 100;
/// Pages that are looked through: of customers a hundred thousand, which takes some minutes.
const PAGES_MAX: usize = 1000;
const USER_AGENT: &str = concat!("brink-issuer/", env!("CARGO_PKG_VERSION"));

/// How often, and after how long, a request is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Tries in all: at least one.
    pub tries: u32,
    /// Before the second; doubles from there.
    pub first: Duration,
    /// Never longer, whatever Stripe asks for.
    pub longest: Duration,
}

impl Default for Patience {
    /// Half a minute in all: a limit of Stripe's is over in a second, and a person waits.
    fn default() -> Self {
        Self { tries: 6, first: Duration::from_millis(500), longest: Duration::from_secs(10) }
    }
}

impl Patience {
    fn before(&self, tries: u32, asked: Option<Duration>) -> Duration {
        let doubled = self.first.saturating_mul(1 << tries.saturating_sub(1).min(16));
        asked.map_or(doubled, |asked| asked.max(doubled)).min(self.longest)
    }
}

/// An account of Stripe. The key is in no text that comes from here.
#[derive(Debug)]
pub struct StripeClient {
    base: String,
    key: Redacted,
    authorization: HeaderValue,
    agent: Agent,
    patience: Patience,
}

/// What a POST came to.
#[derive(Debug)]
pub(super) struct Posted {
    pub(super) object: Value,
    /// Whether it is the answer to an earlier request under the same key.
    pub(super) replayed: bool,
}

/// One answer, before it is judged.
struct Answer {
    status: u16,
    replayed: bool,
    retry_after: Option<Duration>,
    should_retry: Option<bool>,
    request_id: Option<String>,
    body: Vec<u8>,
}

impl StripeClient {
    /// A client of the account that the key is of.
    pub fn new(base: &str, key: Redacted) -> Result<Self, StripeError> {
        let is_loopback = check_url(base)?;
        let authorization = authorization(&key)?;
        // Named, because with two providers in a tree rustls panics when it has to choose.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = TlsConfig::builder().provider(TlsProvider::Rustls).root_certs(RootCerts::WebPki);
        let tls = tls.unversioned_rustls_crypto_provider(provider).build();
        let mut config = Agent::config_builder()
            .https_only(!is_loopback)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(ANSWER_TIMEOUT))
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .user_agent(USER_AGENT)
            .tls_config(tls);
        if is_loopback {
            // What stays on this machine is nobody else's business, whatever HTTPS_PROXY says.
            config = config.proxy(None);
        }
        let agent = config.build().new_agent();
        let base = base.trim_end_matches('/').to_owned();
        Ok(Self { base, key, authorization, agent, patience: Patience::default() })
    }

    /// The same with another patience.
    #[must_use]
    pub const fn with_patience(mut self, patience: Patience) -> Self {
        self.patience = patience;
        self
    }

    pub(super) fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, StripeError> {
        let request = format!("GET {path}");
        let path = match encoded(&request, query)? {
            query if query.is_empty() => path.to_owned(),
            query => format!("{path}?{query}"),
        };
        let url = format!("{}{path}", self.base);
        let send = || {
            let asked = self.agent.get(&url).header(header::AUTHORIZATION, self.authorization.clone());
            asked.header("Stripe-Version", STRIPE_VERSION).call()
        };
        self.patiently(&request, send).map(|posted| posted.object)
    }

    pub(super) fn post(
        &self,
        path: &str,
        params: &[(String, String)],
        key: &str,
    ) -> Result<Posted, StripeError> {
        let request = format!("POST {path}");
        let body = encoded(&request, params)?;
        let url = format!("{}{path}", self.base);
        let send = || {
            let asked = self.agent.post(&url).header(header::AUTHORIZATION, self.authorization.clone());
            let asked = asked.header("Stripe-Version", STRIPE_VERSION).header("Idempotency-Key", key);
            asked.content_type("application/x-www-form-urlencoded").send(&body)
        };
        self.patiently(&request, send)
    }

    /// Everything of a list that is wanted, page after page.
    pub(super) fn list(
        &self,
        path: &str,
        query: &[(&str, &str)],
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<Vec<Value>, StripeError> {
        let limit = PAGE.to_string();
        let (mut found, mut last) = (Vec::new(), None::<String>);
        for _ in 0..PAGES_MAX {
            let mut query = query.to_vec();
            query.push(("limit", &limit));
            if let Some(last) = &last {
                query.push(("starting_after", last));
            }
            let page: Page = shaped(&format!("GET {path}"), self.get(path, &query)?)?;
            let next = page.data.last().and_then(|object| object["id"].as_str()).map(str::to_owned);
            found.extend(page.data.into_iter().filter(&wanted));
            if !page.has_more {
                return Ok(found);
            }
            if next.is_none() || next == last {
                return Err(StripeError::Answer {
                    request: format!("GET {path}"),
                    what: "a list that goes on without going on".into(),
                });
            }
            last = next;
        }
        Err(StripeError::TooMany { path: path.to_owned(), max: PAGE * PAGES_MAX })
    }

    fn patiently(
        &self,
        request: &str,
        send: impl Fn() -> Result<Response<Body>, ureq::Error>,
    ) -> Result<Posted, StripeError> {
        let mut tries = 1;
        loop {
            let answered = send().map_err(|error| error.to_string()).and_then(Answer::read);
            let (wait, error) = match answered {
                Ok(answer) if (200..300).contains(&answer.status) => return answer.object(request),
                Ok(answer) => {
                    let (may_help, wait) = (answer.may_help(), answer.retry_after);
                    let refused = self.refused(request, &answer);
                    if !may_help {
                        return Err(StripeError::Refused(refused));
                    }
                    (wait, StripeError::Busy(refused))
                }
                Err(reason) => (
                    None,
                    StripeError::Unreachable { request: request.to_owned(), reason: self.plain(&reason) },
                ),
            };
            if tries >= self.patience.tries {
                return Err(error);
            }
            tracing::debug!(request, code = error.code(), tries, "stripe is asked again");
            pause(self.patience.before(tries, wait));
            tries += 1;
        }
    }

    fn refused(&self, request: &str, answer: &Answer) -> Box<Refused> {
        let said = serde_json::from_slice::<Problem>(&answer.body).ok().map(|problem| problem.error);
        let said = said.unwrap_or_default();
        let text = |text: Option<String>| text.map(|text| self.plain(&text));
        Box::new(Refused {
            request: request.to_owned(),
            status: answer.status,
            kind: text(said.kind).unwrap_or_else(|| "none".into()),
            code: text(said.code),
            param: text(said.param),
            message: text(said.message).unwrap_or_else(|| "no explanation".into()),
            id: text(answer.request_id.clone()),
            replayed: answer.replayed,
        })
    }

    /// A text from outside without what could write over a terminal or a log, and without the key.
    fn plain(&self, text: &str) -> String {
        let text = text.replace(self.key.reveal(), "(redacted)");
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(TEXT_CHARS_MAX).collect()
    }
}

impl Answer {
    fn read(mut response: Response<Body>) -> Result<Self, String> {
        let text = |name: &str| {
            let value = response.headers().get(name).and_then(|value| value.to_str().ok());
            value.map(|value| value.trim().to_owned())
        };
        let is = |name: &str| text(name).and_then(|value| value.parse::<bool>().ok());
        let (replayed, should_retry) = (is("Idempotent-Replayed"), is("Stripe-Should-Retry"));
        let retry_after = text("Retry-After").and_then(|value| value.parse().ok()).map(Duration::from_secs);
        let (request_id, status) = (text("Request-Id"), response.status().as_u16());
        let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
        let body = body.map_err(|error| error.to_string())?;
        let replayed = replayed.unwrap_or(false);
        Ok(Self { status, replayed, retry_after, should_retry, request_id, body })
    }

    /// Whether the same request may go well a little later. What is replayed stays as it is.
    fn may_help(&self) -> bool {
        !self.replayed && self.should_retry.unwrap_or(matches!(self.status, 409 | 429) || self.status >= 500)
    }

    fn object(self, request: &str) -> Result<Posted, StripeError> {
        let object = serde_json::from_slice(&self.body)
            .map_err(|error| StripeError::Answer { request: request.to_owned(), what: error.to_string() })?;
        Ok(Posted { object, replayed: self.replayed })
    }
}

#[derive(Deserialize)]
struct Page {
    data: Vec<Value>,
    #[serde(default)]
    has_more: bool,
}

#[derive(Deserialize)]
struct Problem {
    error: Said,
}

#[derive(Default, Deserialize)]
struct Said {
    #[serde(rename = "type")]
    kind: Option<String>,
    code: Option<String>,
    param: Option<String>,
    message: Option<String>,
}

/// An object of Stripe as we read it. Members that are not read are passed over.
pub(super) fn shaped<T: serde::de::DeserializeOwned>(request: &str, object: Value) -> Result<T, StripeError> {
    serde_json::from_value(object).map_err(|error| StripeError::Answer {
        request: request.to_owned(),
        what: error.to_string().chars().take(TEXT_CHARS_MAX).collect(),
    })
}

fn encoded<K: AsRef<str> + serde::Serialize, V: AsRef<str> + serde::Serialize>(
    request: &str,
    pairs: &[(K, V)],
) -> Result<String, StripeError> {
    serde_urlencoded::to_string(pairs)
        .map_err(|error| StripeError::Answer { request: request.to_owned(), what: error.to_string() })
}

/// Nobody ever sends.
fn pause(time: Duration) {
    let (_sender, receiver) = mpsc::channel::<()>();
    let _ = receiver.recv_timeout(time);
}

/// HTTPS anywhere, plain HTTP to this machine alone; whether it is this machine.
fn check_url(text: &str) -> Result<bool, StripeError> {
    let bad = StripeError::Url;
    if text.len() > SETTING_BYTES_MAX {
        return Err(bad("is too long"));
    }
    let uri: Uri = text.parse().map_err(|_| bad("is not a URL"))?;
    let authority = uri.authority().ok_or_else(|| bad("names no host"))?;
    if authority.as_str().contains('@') {
        return Err(bad("carries credentials, and the key is given by itself"));
    }
    if uri.query().is_some() || text.contains('#') {
        return Err(bad("has a query or a fragment"));
    }
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    // RFC 6761 section 6.3 keeps `localhost` on the machine.
    let is_loopback = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    match uri.scheme_str() {
        Some("https") => Ok(is_loopback),
        Some("http") if is_loopback => Ok(true),
        Some("http") => Err(bad("is plain http, which is for this machine's loopback only")),
        Some(_) | None => Err(bad("starts with neither https:// nor http://")),
    }
}

fn authorization(key: &Redacted) -> Result<HeaderValue, StripeError> {
    let text = key.reveal();
    if !(text.starts_with("sk_") || text.starts_with("rk_")) {
        return Err(StripeError::Key("begins with neither sk_ nor rk_"));
    }
    if text.len() > SETTING_BYTES_MAX || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(StripeError::Key("is too long, or has characters that no key has"));
    }
    let bearer = zeroize::Zeroizing::new(format!("Bearer {text}"));
    let mut value = HeaderValue::from_str(&bearer).map_err(|_| StripeError::Key("cannot be sent"))?;
    // Whoever prints headers leaves it out.
    value.set_sensitive(true);
    Ok(value)
}

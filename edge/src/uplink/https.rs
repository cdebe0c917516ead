//! Requests over HTTPS, or over plain HTTP to this machine.

use super::{Delivery, IssuerUrl, Uplink, UplinkError};
use brink_license::exchange::{MEDIA_TYPE, RESPONSE_BYTES_MAX};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use ureq::http::{Response, header};
use ureq::tls::{PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};
use ureq::{Agent, Body};

/// From resolving the name to the last byte of the answer. A verb that needs the network takes no longer.
pub const NETWORK_TIMEOUT: Duration = Duration::from_secs(30);
/// An address that does not answer is noticed earlier.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest problem document that is read.
const PROBLEM_BYTES_MAX: u64 = 64 * 1024;
/// Longest text of a problem that is repeated.
const TEXT_CHARS_MAX: usize = 500;
/// A look whether anybody is there is no request worth waiting for.
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);
/// Where an issuer says that it is up.
const HEALTH_PATH: &str = "/healthz";
/// What it says there.
const HEALTHY: &str = "ok\n";
const USER_AGENT: &str = concat!("brink-edge/", env!("CARGO_PKG_VERSION"));
/// RFC 9457.
const PROBLEM_TYPE: &str = "application/problem+json";
const REDIRECTION: std::ops::RangeInclusive<u16> = 300..=399;

/// One issuer over the network. A redirect is never followed: a request goes where the operator said.
#[derive(Debug)]
pub struct HttpsUplink {
    url: IssuerUrl,
    agent: Agent,
    timeout: Duration,
}

/// Whoever asks this address within a time for answers of a type: by TLS unless it is on this machine, believing the
/// certificates of `ca_pem` and no others, or else Mozilla's, and following nobody elsewhere.
pub(crate) fn client(
    url: &IssuerUrl,
    ca_pem: Option<&str>,
    (timeout, accept): (Duration, &str),
) -> Result<Agent, UplinkError> {
    let mut config = Agent::config_builder()
        .https_only(!url.is_loopback())
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_global(Some(timeout))
        .timeout_connect(Some(CONNECT_TIMEOUT.min(timeout)))
        .max_idle_connections(0)
        .user_agent(USER_AGENT)
        .accept(accept)
        .tls_config(tls_config(ca_pem)?);
    if url.is_loopback() {
        // What stays on this machine is nobody else's business, whatever HTTPS_PROXY says.
        config = config.proxy(None);
    }
    Ok(config.build().new_agent())
}

impl HttpsUplink {
    /// An uplink that trusts the certificates of `ca_pem` and no others, or else Mozilla's.
    pub fn new(url: IssuerUrl, ca_pem: Option<&str>) -> Result<Self, UplinkError> {
        let agent = client(&url, ca_pem, (NETWORK_TIMEOUT, MEDIA_TYPE))?;
        Ok(Self { url, agent, timeout: NETWORK_TIMEOUT })
    }

    /// The same with less time for a request.
    #[must_use]
    pub fn within(self, timeout: Duration) -> Self {
        Self { timeout: timeout.min(NETWORK_TIMEOUT), ..self }
    }

    fn unreachable(&self, error: &ureq::Error) -> UplinkError {
        UplinkError::Unreachable { url: self.url.to_string(), reason: error.to_string() }
    }

    fn not_an_issuer(&self, what: String) -> UplinkError {
        UplinkError::NotAnIssuer { url: self.url.to_string(), what }
    }

    fn answer(&self, mut response: Response<Body>) -> Result<Delivery, UplinkError> {
        let found = media_type(&response);
        if found != MEDIA_TYPE {
            return Err(self.not_an_issuer(format!("an answer of type {found:?}")));
        }
        let body = response.body_mut().with_config().limit(RESPONSE_BYTES_MAX as u64).read_to_vec();
        match body {
            Ok(bytes) => Ok(Delivery::Answered(bytes)),
            Err(ureq::Error::BodyExceedsLimit(_)) => {
                Err(self.not_an_issuer(format!("an answer of more than {RESPONSE_BYTES_MAX} bytes")))
            }
            Err(error) => Err(self.unreachable(&error)),
        }
    }

    fn refusal(&self, status: u16, mut response: Response<Body>) -> UplinkError {
        if REDIRECTION.contains(&status) {
            return self.not_an_issuer(format!("it redirects elsewhere (status {status})"));
        }
        let retry_after = retry_after(&response);
        let problem = if media_type(&response) == PROBLEM_TYPE {
            let body = response.body_mut().with_config().limit(PROBLEM_BYTES_MAX).read_to_vec();
            body.ok().and_then(|bytes| serde_json::from_slice::<Problem>(&bytes).ok())
        } else {
            None
        };
        match problem {
            Some(problem) => problem.into_error(status, retry_after),
            // Something in between that says "not now" is waited for like the issuer itself.
            None if status == 429 || status >= 500 => UplinkError::Refused {
                status,
                code: format!("HTTP_{status}"),
                detail: format!("status {status} without an explanation"),
                mend: None,
                retry_after,
            },
            None => self.not_an_issuer(format!("status {status} without an explanation")),
        }
    }
}

/// Who answers at an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probed {
    /// An issuer.
    Answers,
    /// Somebody whose certificate is not believed, or who does not speak TLS.
    Tls(String),
    /// Nobody.
    Unreachable(String),
    /// Somebody else.
    NotAnIssuer(String),
}

impl HttpsUplink {
    /// Asks whether an issuer is there, without telling it who asks.
    #[must_use]
    pub fn probe(&self) -> Probed {
        let ask = self.agent.get(self.url.join(HEALTH_PATH)).config();
        let asked = ask.timeout_global(Some(PROBE_TIMEOUT)).build().call();
        match asked {
            Ok(mut response) if response.status().as_u16() == 200 => {
                let said = response.body_mut().with_config().limit(PROBLEM_BYTES_MAX).read_to_string();
                if said.is_ok_and(|said| said == HEALTHY) {
                    Probed::Answers
                } else {
                    Probed::NotAnIssuer(format!("{HEALTH_PATH} says something else"))
                }
            }
            Ok(response) => Probed::NotAnIssuer(format!("{HEALTH_PATH} has status {}", response.status())),
            Err(error) if is_of_tls(&error) => Probed::Tls(plain(&error.to_string())),
            Err(error) => Probed::Unreachable(plain(&error.to_string())),
        }
    }
}

/// What rustls finds wrong while bytes are read comes wrapped in an error of the stream.
fn is_of_tls(error: &ureq::Error) -> bool {
    if let ureq::Error::Io(error) = error {
        return error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>());
    }
    matches!(error, ureq::Error::Tls(_) | ureq::Error::Rustls(_))
}

impl Uplink for HttpsUplink {
    fn send(&self, path: &str, request: &[u8]) -> Result<Delivery, UplinkError> {
        let post = self.agent.post(self.url.join(path)).config().timeout_global(Some(self.timeout)).build();
        let sent = post.content_type(MEDIA_TYPE).send(request);
        let response = sent.map_err(|error| self.unreachable(&error))?;
        match response.status().as_u16() {
            200 => self.answer(response),
            status => Err(self.refusal(status, response)),
        }
    }
}

/// The members of a problem document that are shown. Others are passed over.
#[derive(Deserialize)]
struct Problem {
    code: Option<String>,
    title: Option<String>,
    detail: Option<String>,
    mend: Option<String>,
}

impl Problem {
    fn into_error(self, status: u16, retry_after: Option<Duration>) -> UplinkError {
        let detail = self.detail.or(self.title).unwrap_or_else(|| format!("status {status}"));
        UplinkError::Refused {
            status,
            code: self.code.as_deref().map_or_else(|| format!("HTTP_{status}"), plain_code),
            detail: plain(&detail),
            mend: self.mend.as_deref().map(plain),
            retry_after,
        }
    }
}

/// A server's text without what could write over a terminal or a log.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(TEXT_CHARS_MAX).collect()
}

fn plain_code(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(64).collect()
}

pub(crate) fn media_type(response: &Response<Body>) -> String {
    let value = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let bare = value.unwrap_or_default().split(';').next().unwrap_or_default();
    bare.trim().to_ascii_lowercase()
}

/// The seconds form of RFC 9110 section 10.2.3. The date form would need a clock that both sides agree on.
fn retry_after(response: &Response<Body>) -> Option<Duration> {
    let value = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?;
    value.trim().parse().ok().map(Duration::from_secs)
}

fn tls_config(ca_pem: Option<&str>) -> Result<TlsConfig, UplinkError> {
    let roots = match ca_pem {
        Some(pem) => certificates(pem)?,
        None => RootCerts::WebPki,
    };
    // Named, because with two providers in a tree rustls panics when it has to choose.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = TlsConfig::builder().provider(TlsProvider::Rustls).root_certs(roots);
    Ok(config.unversioned_rustls_crypto_provider(provider).build())
}

fn certificates(pem: &str) -> Result<RootCerts, UplinkError> {
    let mut found = Vec::new();
    for item in parse_pem(pem.as_bytes()) {
        match item {
            Ok(PemItem::Certificate(certificate)) => found.push(certificate),
            Ok(_) => {}
            Err(error) => return Err(UplinkError::BadCertificates(error.to_string())),
        }
    }
    if found.is_empty() {
        return Err(UplinkError::BadCertificates("no CERTIFICATE block".to_owned()));
    }
    Ok(RootCerts::Specific(Arc::new(found)))
}

#[cfg(test)]
mod tests;

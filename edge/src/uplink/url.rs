//! The issuer's address: HTTPS anywhere, plain HTTP only to this machine.

use super::UplinkError;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use ureq::http::Uri;

/// Longest address taken.
const URL_BYTES_MAX: usize = 1024;

/// An address that requests may be sent to, without a trailing slash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IssuerUrl {
    text: String,
    is_loopback: bool,
}

impl IssuerUrl {
    /// Checks an address as a person gives it.
    pub fn parse(text: &str) -> Result<Self, UplinkError> {
        let bad = |problem| UplinkError::BadUrl { url: shown(text), problem };
        if text.len() > URL_BYTES_MAX {
            return Err(bad("it is too long"));
        }
        if text.contains('#') {
            return Err(bad("it has a fragment"));
        }
        let uri: Uri = text.parse().map_err(|_| bad("it is not a URL"))?;
        let authority = uri.authority().ok_or_else(|| bad("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(bad("it carries credentials, which the issuer does not use"));
        }
        if uri.query().is_some() {
            return Err(bad("it has a query"));
        }
        let is_loopback = is_loopback(authority.host());
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if is_loopback => {}
            Some("http") => return Err(bad("plain http is for this machine's loopback only")),
            Some(_) | None => return Err(bad("it starts with neither https:// nor http://")),
        }
        Ok(Self { text: text.trim_end_matches('/').to_owned(), is_loopback })
    }

    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it stays on this machine, so that no proxy is asked.
    #[must_use]
    pub const fn is_loopback(&self) -> bool {
        self.is_loopback
    }

    /// The address of one path, which starts with a slash.
    #[must_use]
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.text)
    }
}

impl std::fmt::Display for IssuerUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::str::FromStr for IssuerUrl {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text).map_err(|e| format!("{e}; {}", e.mend()))
    }
}

impl TryFrom<String> for IssuerUrl {
    type Error = UplinkError;
    fn try_from(text: String) -> Result<Self, UplinkError> {
        Self::parse(&text)
    }
}

impl From<IssuerUrl> for String {
    fn from(url: IssuerUrl) -> String {
        url.text
    }
}

/// What may be repeated of a refused address: it may hold a password.
fn shown(text: &str) -> String {
    match text.rsplit_once('@') {
        Some((_, after)) => format!("…@{}", after.chars().take(64).collect::<String>()),
        None => text.chars().take(64).collect(),
    }
}

/// RFC 6761 section 6.3 keeps `localhost` on the machine.
fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_anywhere_and_http_on_this_machine() {
        for good in [
            "https://issuer.example",
            "https://issuer.example:8443/brink",
            "http://127.0.0.1:8081",
            "http://127.9.9.9",
            "http://[::1]:80",
            "http://localhost:1",
        ] {
            assert_eq!(IssuerUrl::parse(good).unwrap().as_str(), good);
        }
        let url = IssuerUrl::parse("https://issuer.example/a//").unwrap();
        assert_eq!(url.join("/v1/exchange"), "https://issuer.example/a/v1/exchange");
        assert!(!url.is_loopback() && IssuerUrl::parse("https://[::1]").unwrap().is_loopback());
    }

    #[test]
    fn what_would_leak_or_mislead_is_refused() {
        for bad in [
            "",
            "issuer.example",
            "issuer.example:443",
            "/v1",
            "ftp://issuer.example",
            "http://issuer.example",
            "http://10.0.0.1",
            "http://127.0.0.1.example",
            "http://localhost.example",
            "https://user:secret@issuer.example",
            "https://issuer.example/?a=b",
            "https://issuer.example/#a",
            "https://issuer.example\n",
            "https://",
        ] {
            let error = IssuerUrl::parse(bad).expect_err(bad);
            assert_eq!(error.code(), "BAD_URL");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        assert!(IssuerUrl::parse(&format!("https://{}", "a".repeat(2000))).is_err());
    }

    #[test]
    fn it_travels_as_text_and_is_checked_again() {
        let url = IssuerUrl::parse("https://issuer.example").unwrap();
        let json = serde_json::to_string(&url).unwrap();
        assert_eq!(json, r#""https://issuer.example""#);
        assert_eq!(serde_json::from_str::<IssuerUrl>(&json).unwrap(), url);
        assert!(serde_json::from_str::<IssuerUrl>(r#""http://issuer.example""#).is_err());
    }
}

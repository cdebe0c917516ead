//! The issuer's address: HTTPS anywhere, plain HTTP only to this machine.

use super::UplinkError;
use brink_environment::Address;
use serde::{Deserialize, Serialize};

/// An address that requests may be sent to, without a trailing slash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IssuerUrl(Address);

impl IssuerUrl {
    /// Checks an address as a person gives it.
    pub fn parse(text: &str) -> Result<Self, UplinkError> {
        let bad = |problem| UplinkError::BadUrl { url: Address::shown(text), problem };
        let address = Address::parse(text).map_err(bad)?;
        if address.is_exposed() {
            return Err(bad("plain http is for this machine's loopback only"));
        }
        Ok(Self(address))
    }

    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether it stays on this machine, so that no proxy is asked.
    #[must_use]
    pub const fn is_loopback(&self) -> bool {
        self.0.is_loopback()
    }

    /// The address of one path, which starts with a slash.
    #[must_use]
    pub fn join(&self, path: &str) -> String {
        format!("{self}{path}")
    }
}

impl std::fmt::Display for IssuerUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
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
        url.as_str().to_owned()
    }
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

//! Addresses of servers, as operators write them.

use http::Uri;
// Of `core`, which has the type and no socket.
use core::net::IpAddr;

/// Longest address taken.
const BYTES_MAX: usize = 1024;
/// How much of a refused address is repeated.
const SHOWN_CHARS_MAX: usize = 64;

/// An `http` or `https` address without credentials, query and fragment, and without a slash at its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    text: String,
    is_loopback: bool,
    is_plain: bool,
}

impl Address {
    /// Checks an address; says what is wrong with it otherwise.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.len() > BYTES_MAX {
            return Err("it is too long");
        }
        if text.contains('#') {
            return Err("it has a fragment");
        }
        let uri: Uri = text.parse().map_err(|_| "it is not a URL")?;
        let authority = uri.authority().ok_or("it names no host")?;
        if authority.as_str().contains('@') {
            return Err("it carries credentials, which have no place in an address");
        }
        if uri.query().is_some() {
            return Err("it has a query");
        }
        let is_plain = match uri.scheme_str() {
            Some("https") => false,
            Some("http") => true,
            Some(_) | None => return Err("it starts with neither https:// nor http://"),
        };
        let is_loopback = is_loopback(authority.host());
        Ok(Self { text: text.trim_end_matches('/').to_owned(), is_loopback, is_plain })
    }

    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it stays on this machine.
    #[must_use]
    pub const fn is_loopback(&self) -> bool {
        self.is_loopback
    }

    /// Whether what is sent there can be read and changed on the way: plain HTTP to another machine.
    #[must_use]
    pub const fn is_exposed(&self) -> bool {
        self.is_plain && !self.is_loopback
    }

    /// What may be repeated of a refused address: it may hold a password.
    #[must_use]
    pub fn shown(text: &str) -> String {
        let part = |text: &str| text.chars().take(SHOWN_CHARS_MAX).collect::<String>();
        match text.rsplit_once('@') {
            Some((_, after)) => format!("…@{}", part(after)),
            None => part(text),
        }
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
    fn plain_http_is_exposed_unless_it_stays_on_this_machine() {
        for (text, is_exposed) in [
            ("https://billing.example/api/v1", false),
            ("http://billing.example/api/v1", true),
            ("http://10.0.0.1:8081", true),
            ("http://127.0.0.1.example", true),
            ("http://localhost.example", true),
            ("http://localhost:8081/api/v1", false),
            ("http://127.9.9.9", false),
            ("http://[::1]:80", false),
        ] {
            assert_eq!(Address::parse(text).unwrap().is_exposed(), is_exposed, "{text}");
        }
        assert_eq!(
            Address::parse("https://a.example/api/v1//").unwrap().as_str(),
            "https://a.example/api/v1"
        );
    }

    #[test]
    fn what_would_leak_or_mislead_is_refused() {
        for bad in [
            "",
            "billing.example",
            "billing.example:443",
            "/api/v1",
            "ftp://billing.example",
            "https://user:hush@billing.example",
            "https://billing.example/?a=b",
            "https://billing.example/#a",
            "https://billing.example\n",
            "https://",
            &format!("https://{}", "a".repeat(2000)),
        ] {
            assert!(Address::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(Address::shown("https://user:hush@billing.example"), "…@billing.example");
    }
}

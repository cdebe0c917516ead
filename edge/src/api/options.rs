//! What the local API is started with: parsed once, from wherever it comes.

use crate::command::Secret;
use crate::environment::ManagementTier;
use crate::uplink::IssuerUrl;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Which listeners there are, and what they let through. The default is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// An address of this machine's loopback; port 0 for a free one.
    pub listen: Option<SocketAddr>,
    /// The file with the token that callers of the loopback show. Without it there is no such listener.
    pub token_file: Option<PathBuf>,
    /// A socket, whose permissions say who may ask.
    pub socket: Option<PathBuf>,
    /// The one origin whose pages may ask.
    pub cors_origin: Option<Origin>,
    /// Where the console's questions are passed on to.
    pub billing: Option<Billing>,
}

/// A billing server, and the key that it knows this site by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Billing {
    /// Up to and with its `/api/v1`.
    pub url: IssuerUrl,
    /// The key.
    pub key: BillingKey,
    /// When it is told that this device is there; `None` for never.
    pub heartbeats: Option<Heartbeats>,
}

/// Where a key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BillingKey {
    /// In this file.
    File(PathBuf),
    /// Here: it came with the environment.
    Given(Secret),
}

/// Heartbeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heartbeats {
    /// Between two.
    pub interval: Duration,
    /// What they say of the device.
    pub tier: ManagementTier,
}

impl Options {
    /// Whether anything is listened on, or sent.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        let beats = self.billing.as_ref().is_some_and(|billing| billing.heartbeats.is_some());
        self.listen.is_some() || self.socket.is_some() || beats
    }
}

/// Where a page comes from, as browsers say it (RFC 6454): `http://localhost:5173`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(Box<str>);

impl Origin {
    /// Checks an origin as a person gives it. It is compared as bytes, so it has to be what a browser sends.
    pub fn parse(text: &str) -> Result<Self, String> {
        let refuse =
            |why: &str| Err(format!("{text:?} is no origin: {why}; write it like http://localhost:5173"));
        let Some((scheme, authority)) = text.split_once("://") else { return refuse("it has no scheme") };
        if !matches!(scheme, "http" | "https") {
            return refuse("pages come by http:// or https://");
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            Some(_) | None => (authority, None),
        };
        let is_name = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_')
        };
        let is_v6 = host.starts_with('[') && host.ends_with(']');
        let is_host = if is_v6 {
            host[1..host.len() - 1].parse::<std::net::Ipv6Addr>().is_ok()
        } else {
            !host.is_empty() && host.bytes().all(is_name)
        };
        if !is_host {
            return refuse("it names one host in lower case, without a path, a star or a name of somebody");
        }
        let default = if scheme == "http" { "80" } else { "443" };
        match port {
            Some(port) if port == default => refuse("browsers leave the usual port out"),
            Some(port) if port.parse::<u16>().is_err() || port.starts_with(['0', '+']) => {
                refuse("its port is no number")
            }
            Some(_) | None => Ok(Self(text.into())),
        }
    }

    /// As it is sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for Origin {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_a_browser_sends_and_nothing_wider() {
        for good in
            ["http://localhost:5173", "https://console.example", "http://[::1]:3000", "http://10.0.0.7"]
        {
            assert_eq!(Origin::parse(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "*",
            "null",
            "localhost:5173",
            "http://",
            "http://*",
            "http://*.example",
            "http://localhost:5173/",
            "http://LOCALHOST",
            "http://a@b",
            "http://a b",
            "http://a:b",
            "http://a:99999",
            "http://a:080",
            "http://a:80",
            "https://a:443",
            "file://a",
            "http://[::1",
            "http://a?b",
        ] {
            assert!(Origin::parse(bad).is_err(), "{bad}");
        }
    }
}

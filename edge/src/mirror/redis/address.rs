//! Where a Redis is: `redis://[USER@]HOST[:PORT][/NUMBER]`, or `unix:///PATH`, on this machine.

use ::redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// An address on this machine. Shown without its password.
#[derive(Clone)]
pub struct RedisAddress {
    info: ConnectionInfo,
    shown: String,
}

impl RedisAddress {
    /// A host and a port, as the variables name them.
    pub fn of(host: &str, port: u16) -> Result<Self, String> {
        let is_v6 = host.contains(':') && !host.starts_with('[');
        let host = if is_v6 { format!("[{host}]") } else { host.to_owned() };
        format!("redis://{host}:{port}").parse()
    }

    /// The same with a password from elsewhere.
    #[must_use]
    pub fn with_password(self, password: &str) -> Self {
        let settings = self.info.redis_settings().clone().set_password(password);
        Self { info: self.info.set_redis_settings(settings), shown: self.shown }
    }

    /// Whether it has a password.
    #[must_use]
    pub fn has_password(&self) -> bool {
        self.info.redis_settings().password().is_some()
    }

    pub(super) const fn info(&self) -> &ConnectionInfo {
        &self.info
    }
}

impl FromStr for RedisAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let wanted = "give redis://HOST:PORT, or unix:///PATH of its socket";
        if !(text.starts_with("redis://") || text.starts_with("unix://") || text.starts_with("rediss://")) {
            return Err(format!("the Redis's address has another scheme: {wanted}"));
        }
        // The driver's words may hold what stands in the text.
        let info =
            text.into_connection_info().map_err(|_| format!("it is no address of a Redis: {wanted}"))?;
        // Two mirrors on one server are told apart by it.
        let number = Some(info.redis_settings().db()).filter(|number| *number != 0);
        let said = |before: &str| number.map_or_else(String::new, |number| format!("{before}{number}"));
        let shown = match info.addr() {
            ConnectionAddr::Tcp(host, port) if is_near(host) => {
                Some(format!("redis://{host}:{port}{}", said("/")))
            }
            ConnectionAddr::Unix(path) => Some(format!("unix://{}{}", path.display(), said("?db="))),
            ConnectionAddr::Tcp(..) | ConnectionAddr::TcpTls { .. } | _ => None,
        };
        let why = "the Redis is on another machine or behind TLS, and nothing proves there who answers: this version speaks to \
                   one on this machine";
        let shown = shown.ok_or_else(|| format!("{why}; {wanted}"))?;
        Ok(Self { info, shown })
    }
}

fn is_near(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl fmt::Display for RedisAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for RedisAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RedisAddress").field(&self.shown).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redis_is_on_this_machine_and_its_password_is_never_shown() {
        for (text, shown) in [
            ("redis://localhost", "redis://localhost:6379"),
            ("redis://127.0.0.1:6380/2", "redis://127.0.0.1:6380/2"),
            ("redis://127.0.0.1:6380/0", "redis://127.0.0.1:6380"),
            ("redis://:pw@127.0.0.1", "redis://127.0.0.1:6379"),
            ("unix:///run/redis.sock", "unix:///run/redis.sock"),
            ("unix:///run/redis.sock?db=3", "unix:///run/redis.sock?db=3"),
        ] {
            let address: RedisAddress = text.parse().unwrap();
            assert_eq!(address.to_string(), shown);
            assert!(!format!("{address:?}").contains("pw"));
        }
        for bad in [
            "",
            "localhost",
            "redis://",
            "redis://10.0.0.7",
            "redis://cache",
            "rediss://localhost",
            "http://localhost",
        ] {
            assert!(bad.parse::<RedisAddress>().is_err(), "{bad}");
        }
        assert_eq!(RedisAddress::of("::1", 7).unwrap().to_string(), "redis://::1:7");
        assert!(RedisAddress::of("cache", 6379).is_err());
    }
}

//! How often somebody may ask: token buckets in memory, by address and by credential. What is in them can be lost without
//! loss, and each replica has its own.

use super::failure::Failure;
use crate::config::Rate;
use brink_license::UnixSeconds;
use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

/// Buckets at once. Whoever comes when all are taken shares one with all others who do, so that many addresses together are
/// no way around the limits.
const BUCKETS_MAX: usize = 8192;
/// Bits of an IPv6 address that one site has for itself.
const SITE_BITS: u32 = 64;
/// Whole requests are counted in thousandths, so that rates below one a second are exact.
const WHOLE: u64 = 1000;

/// Who sent a request, as far as limits are concerned: an IPv4 address, or the site of an IPv6 one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Site(IpAddr);

impl Site {
    pub(super) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(address.into()),
            IpAddr::V6(address) => {
                let mask = u128::MAX << (128 - SITE_BITS);
                Self(Ipv6Addr::from_bits(address.to_bits() & mask).into())
            }
        }
    }
}

impl std::fmt::Display for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            IpAddr::V4(address) => write!(f, "{address}"),
            IpAddr::V6(address) => write!(f, "{address}/{SITE_BITS}"),
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: u64,
    at: UnixSeconds,
}

/// How much is left after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Left {
    /// Whole requests.
    pub(super) requests: u64,
    /// Seconds until there are as many as there can be.
    pub(super) full_in: u64,
}

/// Buckets of one kind.
#[derive(Debug)]
pub(super) struct Limits<Who> {
    rate: Rate,
    table: Mutex<Table<Who>>,
}

#[derive(Debug)]
struct Table<Who> {
    buckets: HashMap<Who, Bucket>,
    /// Of everybody who has none of their own.
    shared: Option<Bucket>,
    /// When it was tidied last: not twice a second, however many come.
    tidied_at: UnixSeconds,
}

impl<Who: Hash + Eq> Limits<Who> {
    pub(super) fn new(rate: Rate) -> Self {
        let table = Table { buckets: HashMap::new(), shared: None, tidied_at: UnixSeconds::new(i64::MIN) };
        Self { rate, table: Mutex::new(table) }
    }

    /// Takes one request; refuses it where there is none left.
    pub(super) fn take(&self, who: Who, now: UnixSeconds) -> Result<Left, Failure> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = table.bucket(who, self.rate, now);
        bucket.refill(self.rate, now);
        if bucket.left < WHOLE {
            return Err(Failure::too_many(seconds(WHOLE - bucket.left, self.rate)));
        }
        bucket.left -= WHOLE;
        let full_in = seconds(full(self.rate) - bucket.left, self.rate);
        Ok(Left { requests: bucket.left / WHOLE, full_in })
    }
}

impl<Who: Hash + Eq> Table<Who> {
    fn bucket(&mut self, who: Who, rate: Rate, now: UnixSeconds) -> &mut Bucket {
        let fresh = Bucket { left: full(rate), at: now };
        if self.buckets.len() >= BUCKETS_MAX && !self.buckets.contains_key(&who) && self.tidied_at != now {
            self.tidied_at = now;
            // A bucket that is full again says no more than none.
            self.buckets.retain(|_, bucket| {
                bucket.refill(rate, now);
                bucket.left < full(rate)
            });
        }
        if self.buckets.len() >= BUCKETS_MAX && !self.buckets.contains_key(&who) {
            return self.shared.get_or_insert(fresh);
        }
        self.buckets.entry(who).or_insert(fresh)
    }
}

impl Bucket {
    fn refill(&mut self, rate: Rate, now: UnixSeconds) {
        // A clock that was set back refills nothing, and counts from there.
        let elapsed = u64::try_from(now.since(self.at)).unwrap_or(0);
        let gained = elapsed.saturating_mul(per_second(rate));
        self.left = self.left.saturating_add(gained).min(full(rate));
        self.at = now;
    }
}

const fn full(rate: Rate) -> u64 {
    rate.burst as u64 * WHOLE
}

/// Thousandths of a request that come back in a second; never none, or whoever has used all would wait for ever.
fn per_second(rate: Rate) -> u64 {
    (u64::from(rate.per_minute) * WHOLE / 60).max(1)
}

fn seconds(lacking: u64, rate: Rate) -> u64 {
    lacking.div_ceil(per_second(rate))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { burst: 3, per_minute: 30 };

    fn at(seconds: i64) -> UnixSeconds {
        UnixSeconds::new(1_000_000 + seconds)
    }

    #[test]
    fn a_burst_passes_and_then_one_request_for_each_that_came_back() {
        let limits = Limits::new(RATE);
        for left in [2, 1, 0] {
            assert_eq!(limits.take("a", at(0)).unwrap().requests, left);
        }
        let refused = limits.take("a", at(0)).unwrap_err();
        assert_eq!((refused.status.as_u16(), refused.code), (429, "TOO_MANY_REQUESTS"));
        assert!(limits.take("b", at(0)).is_ok(), "others are not concerned");
        assert!(limits.take("a", at(1)).is_err());
        assert_eq!(limits.take("a", at(2)).unwrap(), Left { requests: 0, full_in: 6 });
        assert!(limits.take("a", at(-600)).is_err(), "a clock set back gives nothing");
        assert!(limits.take("a", at(-598)).is_ok(), "and takes nothing for good");
        assert_eq!(limits.take("a", at(9000)).unwrap().requests, 2, "no more than a burst ever comes back");
    }

    #[test]
    fn more_who_ask_than_there_are_buckets_share_one() {
        let limits = Limits::new(RATE);
        for who in 0..BUCKETS_MAX {
            limits.take(who, at(0)).unwrap();
        }
        let passed = (0..1000).filter(|who| limits.take(BUCKETS_MAX + who, at(0)).is_ok()).count();
        assert_eq!(passed, 3);
        assert!(limits.take(7, at(0)).is_ok(), "whoever has one keeps it");
        assert!(limits.take(BUCKETS_MAX + 5000, at(60)).is_ok(), "idle ones make room");
        assert!(limits.table.lock().unwrap().buckets.len() < 10);
    }

    #[test]
    fn one_site_is_one_sender() {
        let site = |text: &str| Site::of(text.parse().unwrap());
        assert_eq!(site("2001:db8:0:1::1"), site("2001:db8:0:1:ffff::2"));
        assert_ne!(site("2001:db8:0:1::1"), site("2001:db8:0:2::1"));
        assert_eq!(site("::ffff:10.0.0.1"), site("10.0.0.1"));
        assert_ne!(site("10.0.0.1"), site("10.0.0.2"));
        assert_eq!(site("2001:db8::1").to_string(), "2001:db8::/64");
    }
}

//! When the next exchange is due, and how long whoever failed waits: arithmetic over seconds and random numbers.

use brink_license::DeviceId;
use std::time::Duration;

/// Shortest pause after a failure.
const BACKOFF_MIN: Duration = Duration::from_secs(1);
/// Longest pause after failures: an issuer that returns is noticed within a quarter of an hour.
const BACKOFF_MAX: Duration = Duration::from_secs(15 * 60);
/// Longest pause that a server may ask for, so that no answer can silence a device for good.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 3600);
/// Shortest interval between exchanges that are not asked for, whatever a licence says.
const INTERVAL_MIN_SECONDS: u64 = 5;
/// Longest: the receipt's own bound.
const INTERVAL_MAX_SECONDS: u64 = brink_license::token::NEXT_AFTER_SECONDS_MAX;
/// An exchange that is overdue at start is spread over this span: a site that had no power starts all at once.
const OVERDUE_SPREAD_SECONDS: u64 = 60;
/// Intervals vary by this part to either side.
const JITTER_PERCENT: u64 = 20;

/// Usage that is this old and not settled does not wait for the next turn.
const LATE_SECONDS: i64 = 240;

/// Whether usage that waits for so many seconds has to be settled now. With the half minute in which that is noticed it is
/// settled within five minutes.
#[must_use]
pub const fn is_late(waits_seconds: i64) -> bool {
    waits_seconds >= LATE_SECONDS
}

/// The pause after `failures` failures in a row: full jitter, uniform between one second and a limit that doubles.
///
/// Full jitter spreads clients best of all strategies compared in "Exponential Backoff And Jitter" (AWS Architecture
/// Blog, 2015). A pause that the server asked for is a lower bound.
#[must_use]
pub fn backoff(failures: u32, random: u64, asked: Option<Duration>) -> Duration {
    let pause = jittered(failures.saturating_sub(1), random, BACKOFF_MAX);
    match asked {
        // Those that were told the same second shall not all come back in it.
        Some(asked) => asked.min(RETRY_AFTER_MAX) + pause.min(Duration::from_secs(30)),
        None => pause,
    }
}

/// Uniform between one second and a limit of `2^doublings` seconds, at most `most`.
pub(crate) fn jittered(doublings: u32, random: u64, most: Duration) -> Duration {
    let limit = BACKOFF_MIN.saturating_mul(1 << doublings.min(16)).min(most);
    let spread = u64::try_from((limit - BACKOFF_MIN).as_millis()).unwrap_or(u64::MAX);
    BACKOFF_MIN + Duration::from_millis(part_of(spread, random))
}

/// For jitter and names only: without randomness they are merely the same for all.
pub(crate) fn random() -> u64 {
    let mut bytes = [0; 8];
    match getrandom::fill(&mut bytes) {
        Ok(()) => u64::from_le_bytes(bytes),
        Err(_) => u64::MAX / 2,
    }
}

/// The pause after a successful exchange: what licence and receipt ask for, 20 % to either side. The receipt, being
/// the issuer's newest word, may ask for more than the licence and never for less.
#[must_use]
pub fn interval(refresh_seconds: u64, next_after_seconds: Option<u64>, random: u64) -> Duration {
    let base = refresh_seconds.max(next_after_seconds.unwrap_or(0));
    let base = base.clamp(INTERVAL_MIN_SECONDS, INTERVAL_MAX_SECONDS) * 1000;
    let jitter = base / 100 * JITTER_PERCENT;
    Duration::from_millis(base - jitter + part_of(2 * jitter, random))
}

/// The pause before the first exchange of a process: at the device's own phase of the interval, so that a fleet which
/// starts at once does not call at once, and always calls in the same order. Less what has passed since the last
/// receipt; an overdue one waits for its phase of a minute at most.
#[must_use]
pub fn first(refresh_seconds: u64, since_last: Option<u64>, phase: u64) -> Duration {
    let interval = refresh_seconds.clamp(INTERVAL_MIN_SECONDS, INTERVAL_MAX_SECONDS);
    let left = match since_last {
        Some(passed) => interval.saturating_sub(passed),
        None => 0,
    };
    let spread = if left == 0 { interval.min(OVERDUE_SPREAD_SECONDS) } else { left };
    Duration::from_millis(part_of(spread * 1000, phase))
}

/// A number that is the device's own: FNV-1a over its name, mixed so that names which differ in the last digit lie
/// far apart. Not a secret.
#[must_use]
pub fn phase(device: &DeviceId) -> u64 {
    let hash = device.as_str().bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    // The finaliser of SplitMix64.
    let mixed = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// `whole * random / 2^64`, uniform in `0..=whole` for any `whole` that a pause can have.
fn part_of(whole: u64, random: u64) -> u64 {
    let product = u128::from(whole.saturating_add(1)) * u128::from(random);
    u64::try_from(product >> 64).unwrap_or(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANDOM: [u64; 5] = [0, 1, u64::MAX / 2, u64::MAX - 1, u64::MAX];

    #[test]
    fn backoff_starts_at_a_second_doubles_and_stays_below_a_quarter_of_an_hour() {
        for random in RANDOM {
            for failures in [0, 1, 2, 5, 11, 40, u32::MAX] {
                let pause = backoff(failures, random, None);
                assert!((BACKOFF_MIN..=BACKOFF_MAX).contains(&pause), "{failures} {random} {pause:?}");
            }
        }
        let longest: Vec<_> = (1..=11).map(|n| backoff(n, u64::MAX, None).as_secs()).collect();
        assert_eq!(longest, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900]);
        assert_eq!(backoff(11, 0, None), BACKOFF_MIN, "full jitter: any pause may be short");
    }

    #[test]
    fn a_pause_that_was_asked_for_is_kept_and_bounded() {
        for random in RANDOM {
            let asked = Duration::from_secs(120);
            assert!((asked..asked * 2).contains(&backoff(1, random, Some(asked))));
            let endless = backoff(40, random, Some(Duration::MAX));
            assert!((RETRY_AFTER_MAX..RETRY_AFTER_MAX + Duration::from_secs(60)).contains(&endless));
        }
    }

    #[test]
    fn intervals_vary_by_a_fifth_and_the_receipt_may_only_ask_for_more() {
        let bounds = |refresh, next_after| {
            (interval(refresh, next_after, 0).as_secs(), interval(refresh, next_after, u64::MAX).as_secs())
        };
        assert_eq!(bounds(300, None), (240, 360));
        assert_eq!(bounds(300, Some(60)), (240, 360));
        assert_eq!(bounds(300, Some(600)), (480, 720));
        assert_eq!(bounds(0, None), (4, 6), "a licence cannot make a device hammer its issuer");
        assert_eq!(bounds(u64::MAX, Some(u64::MAX)), (69_120, 103_680));
    }

    #[test]
    fn the_first_exchange_waits_for_the_devices_phase() {
        assert_eq!(first(300, Some(0), u64::MAX).as_secs(), 300);
        assert_eq!(first(300, Some(0), u64::MAX / 2).as_secs(), 150);
        assert_eq!(first(300, Some(290), u64::MAX).as_secs(), 10);
        assert_eq!(first(300, Some(301), u64::MAX).as_secs(), 60, "overdue");
        assert_eq!(first(300, None, 0), Duration::ZERO, "never exchanged");
        assert_eq!(first(u64::MAX, Some(0), u64::MAX).as_secs(), INTERVAL_MAX_SECONDS);
    }

    #[test]
    fn usage_never_waits_for_more_than_five_minutes() {
        // The longest interval is longer than that, so it is this that brings an exchange forward.
        assert!(interval(300, None, u64::MAX).as_secs() > 300);
        let noticed_within = 30;
        let latest = (0..=300).find(|waits| is_late(*waits)).unwrap() + noticed_within;
        assert!(latest < 300, "{latest}");
        assert!(!is_late(0) && is_late(i64::MAX) && !is_late(i64::MIN));
    }

    #[test]
    fn neighbouring_names_have_phases_that_fill_the_interval() {
        let mut buckets = [0; 10];
        for n in 0..1000 {
            let device = DeviceId::parse(&format!("device-{n:04}")).unwrap();
            buckets[usize::try_from(part_of(9, phase(&device))).unwrap()] += 1;
        }
        assert!(buckets.iter().all(|&count| count > 60), "{buckets:?}");
        let device = DeviceId::parse("device-0001").unwrap();
        assert_eq!(phase(&device), phase(&device));
    }
}

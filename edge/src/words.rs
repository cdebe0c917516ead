//! How values are written for people and scripts: RFC 3339 for moments, plain words for spans.

use brink_license::UnixSeconds;
use chrono::{DateTime, SecondsFormat};

/// `2026-07-03T12:00:00Z`; `None` for a moment that no calendar reaches, such as the end of time.
#[must_use]
pub(crate) fn rfc3339(moment: UnixSeconds) -> Option<String> {
    // Beyond the largest NumericDate of a document it is no moment but a limit.
    if moment > UnixSeconds::MAX_NUMERIC_DATE {
        return None;
    }
    let moment = DateTime::from_timestamp(moment.as_i64(), 0)?;
    Some(moment.to_rfc3339_opts(SecondsFormat::Secs, true))
}

/// The same of milliseconds, to the second.
#[must_use]
pub(crate) fn rfc3339_of_ms(milliseconds: i64) -> Option<String> {
    rfc3339(UnixSeconds::new(milliseconds.div_euclid(1000)))
}

/// Reads RFC 3339 with any offset; fractions of a second are dropped.
pub(crate) fn parse_rfc3339(text: &str) -> Result<UnixSeconds, String> {
    let moment = DateTime::parse_from_rfc3339(text).map_err(|e| {
        format!("{text:?} is not a moment in RFC 3339 ({e}): write it like 2026-07-03T12:00:00Z")
    })?;
    Ok(UnixSeconds::new(moment.timestamp()))
}

/// A span in its two largest units: `3 d 4 h`.
#[must_use]
pub(crate) fn span(seconds: i64) -> String {
    const UNITS: [(i64, &str); 4] = [(86_400, "d"), (3600, "h"), (60, "min"), (1, "s")];
    let mut left = seconds.saturating_abs();
    let mut parts = Vec::new();
    for (size, name) in UNITS {
        if left >= size && parts.len() < 2 {
            parts.push(format!("{} {name}", left / size));
            left %= size;
        } else if !parts.is_empty() {
            break;
        }
    }
    if parts.is_empty() { "0 s".to_owned() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_in_utc_and_read_with_any_offset() {
        let moment = UnixSeconds::new(1_783_080_000);
        let text = rfc3339(moment).unwrap();
        assert_eq!(text, "2026-07-03T12:00:00Z");
        assert_eq!(parse_rfc3339(&text), Ok(moment));
        assert_eq!(parse_rfc3339("2026-07-03T14:00:00.9+02:00"), Ok(moment));
        for bad in ["", "now", "2026-07-03", "2026-07-03T12:00:00", "1783080000"] {
            assert!(parse_rfc3339(bad).unwrap_err().contains("RFC 3339"), "{bad}");
        }
        assert_eq!(rfc3339(UnixSeconds::new(i64::MAX)), None);
        assert_eq!(rfc3339(UnixSeconds::new(i64::MIN)), None);
    }

    #[test]
    fn spans_are_read_at_a_glance() {
        for (seconds, text) in
            [(0, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (3600, "1 h"), (90_061, "1 d 1 h"), (86_401, "1 d")]
        {
            assert_eq!(span(seconds), text);
        }
        assert!(span(i64::MIN).ends_with('h'), "no input panics");
    }
}

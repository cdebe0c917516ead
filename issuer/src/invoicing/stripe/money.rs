//! Amounts in the units that Stripe counts in, which are not everywhere those of ISO 4217. PURE.

use crate::currency::Currency;

/// How Stripe counts a currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counted {
    /// In our minor units, which must be a multiple of so many.
    Multiples(i64),
    /// In units that are so many times smaller than ours.
    Finer(i64),
    /// In units that are so many times larger than ours.
    Coarser(i64),
}

/// Three places, of which Stripe takes the last as zero only: "5.124 KWD" is said as 5120 or 5130.
const THREE: [&str; 5] = ["BHD", "JOD", "KWD", "OMR", "TND"];
/// Without places here, and with two at Stripe, which are always zero.
const TWO_ZEROES: [&str; 1] = ["ISK"];
/// With two places here and none at Stripe.
const WHOLE: [&str; 1] = ["MGA"];
/// With three places that Stripe does not offer; and UGX, which its table of currencies has both without places and with two
/// that are zero: a hundred times too much is worse than a refusal.
const REFUSED: [&str; 3] = ["IQD", "LYD", "UGX"];

/// `None` for a currency in which amounts are not certain to be understood.
pub(super) fn counted(currency: Currency) -> Option<Counted> {
    let is = |table: &[&str]| table.contains(&currency.code());
    if is(&REFUSED) {
        None
    } else if is(&THREE) {
        Some(Counted::Multiples(10))
    } else if is(&TWO_ZEROES) {
        Some(Counted::Finer(100))
    } else if is(&WHOLE) {
        Some(Counted::Coarser(100))
    } else {
        Some(Counted::Multiples(1))
    }
}

impl Counted {
    /// An amount in minor units as Stripe counts it; `None` where that cannot say it.
    pub(super) fn say(self, minor: i64) -> Option<i64> {
        match self {
            Self::Multiples(of) => (minor % of == 0).then_some(minor),
            Self::Finer(times) => minor.checked_mul(times),
            Self::Coarser(times) => (minor % times == 0).then(|| minor / times),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(code: &str, minor: i64) -> Option<i64> {
        counted(code.parse().unwrap())?.say(minor)
    }

    #[test]
    fn amounts_are_said_in_the_units_of_stripe_or_not_at_all() {
        for (code, minor, expected) in [
            ("USD", 1234, Some(1234)),
            ("USD", -1, Some(-1)),
            ("JPY", 500, Some(500)),
            ("KWD", 5120, Some(5120)),
            ("KWD", -5120, Some(-5120)),
            ("KWD", 5124, None),
            ("TND", 1, None),
            ("ISK", 5, Some(500)),
            ("ISK", i64::MAX, None),
            ("MGA", 500, Some(5)),
            ("MGA", 550, None),
            ("UGX", 5, None),
            ("IQD", 10, None),
            ("LYD", 10, None),
        ] {
            assert_eq!(said(code, minor), expected, "{minor} {code}");
        }
    }
}

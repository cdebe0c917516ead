//! Decimal quantities, exact: no float anywhere.

use crate::Code;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Most places after the point.
pub const PLACES_MAX: usize = 12;
const ONE: u128 = 10u128.pow(PLACES_MAX as u32);
/// Largest number of units: 38 digits, which a signed 128-bit integer and a `NUMERIC(38, 12)` both hold.
const UNITS_MAX: u128 = 10u128.pow(38) - 1;
/// Longest text that is looked at: 26 digits, a point, 12 places, and room for zeros in front.
const TEXT_BYTES_MAX: usize = 64;

/// How much was used: a decimal of at least zero with at most 12 places, kept as a whole number of 10^-12.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u128", into = "u128")]
pub struct Quantity(u128);

/// Why something is no quantity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// Below zero: what was counted wrongly is corrected at the issuer.
    #[error("a quantity is never negative: correct it at the issuer")]
    Negative,
    /// `NaN` or an infinity.
    #[error("a quantity is a number, neither NaN nor infinite")]
    NotFinite,
    /// Not written as a decimal.
    #[error("{0:?} is not a decimal: write it like 12 or 0.25, without sign, exponent or separators")]
    NotDecimal(String),
    /// More than 12 places.
    #[error("more than {PLACES_MAX} places after the point: round it first")]
    OverPrecise,
    /// More than 38 digits in all.
    #[error("a quantity or total above {}", Quantity::MAX)]
    Overflow,
}

impl QuantityError {
    /// The stable code: always [`Code::BadQuantity`].
    #[must_use]
    pub const fn code(&self) -> Code {
        Code::BadQuantity
    }
}

impl Quantity {
    /// Nothing.
    pub const ZERO: Quantity = Quantity(0);
    /// The largest.
    pub const MAX: Quantity = Quantity(UNITS_MAX);

    /// Reads a decimal as people and JSON strings write it.
    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        let not_decimal = || QuantityError::NotDecimal(text.chars().take(TEXT_BYTES_MAX).collect());
        let unsigned = text.trim_start_matches(['+', '-']).to_ascii_lowercase();
        if matches!(unsigned.as_str(), "nan" | "inf" | "infinity") {
            return Err(QuantityError::NotFinite);
        }
        let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let (whole, places) = match text.strip_prefix('-').unwrap_or(text).split_once('.') {
            Some((whole, places)) => (whole, Some(places)),
            None => (text.strip_prefix('-').unwrap_or(text), None),
        };
        if !is_digits(whole) || !places.is_none_or(is_digits) {
            return Err(not_decimal());
        }
        if text.starts_with('-') {
            return Err(QuantityError::Negative);
        }
        let places = places.unwrap_or_default();
        if places.len() > PLACES_MAX {
            return Err(QuantityError::OverPrecise);
        }
        let whole: u128 = whole.parse().map_err(|_| QuantityError::Overflow)?;
        let part: u128 = format!("{places:0<PLACES_MAX$}").parse().map_err(|_| not_decimal())?;
        let units = whole.checked_mul(ONE).and_then(|units| units.checked_add(part));
        Self::try_from(units.ok_or(QuantityError::Overflow)?)
    }

    /// A whole number.
    #[must_use]
    pub const fn whole(number: u64) -> Self {
        // 20 digits and 12 places are 32 of 38.
        Self(number as u128 * ONE)
    }

    /// From whole units and parts of 10^-12; `None` for as many parts as make a unit.
    #[must_use]
    pub const fn of_parts(whole: u64, parts: u64) -> Option<Self> {
        if parts as u128 >= ONE { None } else { Some(Self(whole as u128 * ONE + parts as u128)) }
    }

    /// Whole units and parts of 10^-12; `None` for more units than fit.
    #[must_use]
    pub fn to_parts(self) -> Option<(u64, u64)> {
        Some((u64::try_from(self.0 / ONE).ok()?, u64::try_from(self.0 % ONE).ok()?))
    }

    /// Both together.
    pub fn plus(self, other: Self) -> Result<Self, QuantityError> {
        Self::try_from(self.0.saturating_add(other.0))
    }

    /// It without `other`; `None` where that is more.
    #[must_use]
    pub fn minus(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// What is left of it without `other`; nothing where that is more.
    #[must_use]
    pub const fn less(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// One of so many equal parts, rounded down; all of it for no parts.
    #[must_use]
    pub const fn part(self, of: u32) -> Self {
        match self.0.checked_div(of as u128) {
            Some(part) => Self(part),
            None => self,
        }
    }
}

impl TryFrom<u128> for Quantity {
    type Error = QuantityError;
    fn try_from(units: u128) -> Result<Self, QuantityError> {
        if units > UNITS_MAX { Err(QuantityError::Overflow) } else { Ok(Self(units)) }
    }
}

impl From<Quantity> for u128 {
    fn from(quantity: Quantity) -> u128 {
        quantity.0
    }
}

impl std::str::FromStr for Quantity {
    type Err = QuantityError;
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        Self::parse(text)
    }
}

/// The shortest decimal that says the same.
impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / ONE, self.0 % ONE);
        if part == 0 {
            return write!(f, "{whole}");
        }
        let places = format!("{part:0PLACES_MAX$}");
        write!(f, "{whole}.{}", places.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn decimals_are_read_exactly_and_written_shortest() {
        for (text, shown) in [
            ("0", "0"),
            ("000", "0"),
            ("12", "12"),
            ("0.25", "0.25"),
            ("1.500", "1.5"),
            ("0.000000000001", "0.000000000001"),
            ("99999999999999999999999999.999999999999", "99999999999999999999999999.999999999999"),
        ] {
            assert_eq!(Quantity::parse(text).unwrap().to_string(), shown, "{text}");
        }
        assert_eq!(Quantity::parse("18446744073709551615"), Ok(Quantity::whole(u64::MAX)));
        let sum = Quantity::parse("0.1").unwrap().plus(Quantity::parse("0.2").unwrap());
        assert_eq!(sum, Quantity::parse("0.3"));
    }

    #[test]
    fn each_wrong_text_has_its_own_error() {
        use QuantityError::{Negative, NotDecimal, NotFinite, OverPrecise, Overflow};
        for (text, error) in [
            ("-1", Negative),
            ("-0", Negative),
            ("-0.5", Negative),
            ("NaN", NotFinite),
            ("inf", NotFinite),
            ("-Infinity", NotFinite),
            ("0.0000000000001", OverPrecise),
            ("1.0000000000000", OverPrecise),
            ("100000000000000000000000000", Overflow),
            (&"9".repeat(60), Overflow),
            (&"9".repeat(6000), Overflow),
        ] {
            assert_eq!(Quantity::parse(text), Err(error), "{text}");
        }
        for text in ["", ".", "1.", ".5", "1e3", "+1", "1,000", " 1", "1 ", "0x1", "--1", "1.2.3", "١", "1_0"]
        {
            assert_eq!(Quantity::parse(text), Err(NotDecimal(text.to_owned())), "{text}");
        }
        assert_eq!(Quantity::MAX.plus(Quantity(1)), Err(Overflow));
        assert_eq!(Quantity::MAX.plus(Quantity::MAX), Err(Overflow));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again_and_sums_are_exact(a in 0..UNITS_MAX / 2, b in 0..UNITS_MAX / 2) {
            let (a, b) = (Quantity::try_from(a).unwrap(), Quantity::try_from(b).unwrap());
            prop_assert_eq!(Quantity::parse(&a.to_string()), Ok(a));
            let sum = a.plus(b).unwrap();
            prop_assert_eq!(u128::from(sum), u128::from(a) + u128::from(b));
        }

        #[test]
        fn parts_are_read_again(whole in any::<u64>(), parts in 0..2 * ONE as u64) {
            let quantity = Quantity::of_parts(whole, parts);
            prop_assert_eq!(quantity.is_some(), u128::from(parts) < ONE);
            prop_assert_eq!(quantity.and_then(Quantity::to_parts), quantity.map(|_| (whole, parts)));
            prop_assert_eq!(Quantity::MAX.to_parts(), None);
        }

        #[test]
        fn no_text_panics(text in ".{0,80}") {
            let _ = Quantity::parse(&text);
        }
    }
}

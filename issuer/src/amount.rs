//! Signed sums of quantities, exact: what corrections add or take away, and what is left.

use brink_license::usage::{PLACES_MAX, Quantity, QuantityError};
use serde::{Serialize, Serializer};
use std::fmt;

/// Largest number of units on either side of zero: 38 digits, as a `DECIMAL(38, 12)` holds.
const UNITS_MAX: i128 = 10i128.pow(38) - 1;

/// A decimal with a sign and at most 12 places, kept as a whole number of 10^-12.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(i128);

/// A sum of more than 38 digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sum of more than 38 digits; ask for a shorter period")]
pub struct TooLarge;

impl Amount {
    /// Nothing.
    pub const ZERO: Amount = Amount(0);
    /// How many units one is.
    pub const ONE_UNITS: i128 = 10i128.pow(PLACES_MAX as u32);

    /// Reads a decimal with an optional sign, as people write it: `+12`, `-0.25`.
    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        let (is_negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        if digits.starts_with('-') {
            return Err(QuantityError::NotDecimal(text.chars().take(64).collect()));
        }
        let amount = Self::from(Quantity::parse(digits)?);
        Ok(if is_negative { Self(-amount.0) } else { amount })
    }

    /// Of this many units of 10^-12; `None` for more than 38 digits.
    #[must_use]
    pub const fn of_units(units: i128) -> Option<Self> {
        if units >= -UNITS_MAX && units <= UNITS_MAX { Some(Self(units)) } else { None }
    }

    /// In units of 10^-12.
    #[must_use]
    pub const fn units(self) -> i128 {
        self.0
    }

    /// Both together.
    pub fn plus(self, other: Self) -> Result<Self, TooLarge> {
        self.0.checked_add(other.0).and_then(Self::of_units).ok_or(TooLarge)
    }

    /// Both together, or the largest: for what is counted until it is full.
    #[must_use]
    pub fn saturating_plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0).clamp(-UNITS_MAX, UNITS_MAX))
    }

    /// Of this many units, or the largest.
    #[must_use]
    pub fn saturating_of(units: u128) -> Self {
        Self(i128::try_from(units).unwrap_or(UNITS_MAX).min(UNITS_MAX))
    }

    /// As a column holds it: 16 bytes with the highest first, two's complement. Of what is not negative these are the
    /// bytes of a quantity too.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// From a column.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Option<Self> {
        Self::of_units(i128::from_be_bytes(bytes))
    }
}

impl From<Quantity> for Amount {
    /// A quantity is below 10^38, which is below 2^127.
    fn from(quantity: Quantity) -> Self {
        Self::saturating_of(quantity.into())
    }
}

impl std::str::FromStr for Amount {
    type Err = QuantityError;
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        Self::parse(text)
    }
}

/// The shortest decimal that says the same.
impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const ONE: u128 = 10u128.pow(PLACES_MAX as u32);
        let units = self.0.unsigned_abs();
        let (whole, part) = (units / ONE, units % ONE);
        let places = format!("{part:0PLACES_MAX$}");
        let text = match places.trim_end_matches('0') {
            "" => whole.to_string(),
            places => format!("{whole}.{places}"),
        };
        f.pad_integral(self.0 >= 0, "", &text)
    }
}

/// A JSON string: a number would become a float in its reader.
impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_sign_is_read_once_and_shown_where_it_is_asked_for() {
        for (text, shown, signed) in
            [("12", "12", "+12"), ("+0.250", "0.25", "+0.25"), ("-3", "-3", "-3"), ("-0", "0", "+0")]
        {
            let amount = Amount::parse(text).unwrap();
            assert_eq!((amount.to_string(), format!("{amount:+}")), (shown.to_owned(), signed.to_owned()));
        }
        for bad in ["", "-", "+", "--1", "+-1", "-+1", "1e3", "1,5", "0.0000000000001"] {
            assert!(Amount::parse(bad).is_err(), "{bad:?}");
        }
        let most = Amount::parse(&Quantity::MAX.to_string()).unwrap();
        assert_eq!(most.plus(Amount::parse("0.000000000001").unwrap()), Err(TooLarge));
        assert_eq!(Amount::from_bytes([0x80; 16]), None);
    }

    proptest! {
        #[test]
        fn columns_texts_and_sums_are_exact(a in -(UNITS_MAX / 2)..UNITS_MAX / 2, b in -(UNITS_MAX / 2)..UNITS_MAX / 2) {
            let (a, b) = (Amount::of_units(a).unwrap(), Amount::of_units(b).unwrap());
            prop_assert_eq!(Amount::parse(&a.to_string()), Ok(a));
            prop_assert_eq!(Amount::from_bytes(a.to_bytes()), Some(a));
            prop_assert_eq!(a.plus(b).unwrap().units(), a.units() + b.units());
        }

        #[test]
        fn a_quantity_has_the_same_bytes(units in 0..UNITS_MAX) {
            let quantity = Quantity::try_from(units.unsigned_abs()).unwrap();
            prop_assert_eq!(Amount::from(quantity).to_bytes(), u128::from(quantity).to_be_bytes());
        }
    }
}

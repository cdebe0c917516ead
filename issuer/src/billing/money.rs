//! Amounts of a currency as they stand on lines: whole minor units in an `i64` (R1). Called by rating and by whoever shows
//! or reads amounts.

use super::exact::Exact;
use crate::amount::Amount;
use crate::currency::Currency;

/// Why a text is no amount of a currency.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not written as a decimal.
    #[error("{0:?} is not an amount")]
    NotDecimal(String),
    /// More places than the currency has.
    #[error("{text:?} has more places than the {digits} of {currency}")]
    Places {
        /// As it was written.
        text: String,
        /// Digits after the point.
        digits: u8,
        /// Of which currency.
        currency: Currency,
    },
    /// Beyond an `i64` of minor units.
    #[error("{0} is beyond the largest amount, 2^63-1 minor units")]
    TooLarge(String),
}

/// Reads an amount, which may be negative, in minor units.
pub fn parse(text: &str, currency: Currency) -> Result<i64, MoneyError> {
    let shown = || text.chars().take(64).collect::<String>();
    let amount = Amount::parse(text).map_err(|error| match error {
        brink_license::usage::QuantityError::Overflow => MoneyError::TooLarge(shown()),
        brink_license::usage::QuantityError::OverPrecise => {
            MoneyError::Places { text: shown(), digits: currency.minor_digits(), currency }
        }
        brink_license::usage::QuantityError::NotFinite
        | brink_license::usage::QuantityError::Negative
        | brink_license::usage::QuantityError::NotDecimal(_) => MoneyError::NotDecimal(shown()),
    })?;
    let minor = in_minor(&Exact::from(amount), currency);
    if minor.ceiled() != minor {
        return Err(MoneyError::Places { text: shown(), digits: currency.minor_digits(), currency });
    }
    minor.to_whole().ok_or_else(|| MoneyError::TooLarge(shown()))
}

/// The same in minor units, exact.
#[must_use]
pub fn in_minor(units: &Exact, currency: Currency) -> Exact {
    units.times(&Exact::ten_to(currency.minor_digits()))
}

/// A decimal with the currency's minor digits.
#[must_use]
pub fn show(minor: i64, currency: Currency) -> String {
    let digits = usize::from(currency.minor_digits());
    let sign = if minor < 0 { "-" } else { "" };
    let text = format!("{:0width$}", minor.unsigned_abs(), width = digits + 1);
    let (whole, places) = text.split_at(text.len() - digits);
    if digits == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{places}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(code: &str) -> Currency {
        code.parse().unwrap()
    }

    #[test]
    fn amounts_have_the_digits_of_their_currency() {
        for (text, code, minor, shown) in [
            ("600", "USD", 60_000, "600.00"),
            ("-0.05", "USD", -5, "-0.05"),
            ("7", "JPY", 7, "7"),
            ("0.001", "KWD", 1, "0.001"),
            ("92233720368547758.07", "USD", i64::MAX, "92233720368547758.07"),
        ] {
            assert_eq!(parse(text, of(code)), Ok(minor), "{text}");
            assert_eq!(show(minor, of(code)), shown);
        }
        assert!(matches!(parse("0.005", of("USD")), Err(MoneyError::Places { .. })));
        assert!(matches!(parse("1.5", of("JPY")), Err(MoneyError::Places { .. })));
        assert!(matches!(parse("92233720368547758.08", of("USD")), Err(MoneyError::TooLarge(_))));
        assert!(matches!(parse(&"9".repeat(60), of("USD")), Err(MoneyError::TooLarge(_))));
        for bad in ["", "1e3", "1,5", "NaN", "--1", "0x1"] {
            assert!(matches!(parse(bad, of("USD")), Err(MoneyError::NotDecimal(_))), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(minor: i64) {
            for code in ["USD", "JPY", "KWD"] {
                prop_assert_eq!(parse(&show(minor, of(code)), of(code)), Ok(minor));
            }
        }
    }
}

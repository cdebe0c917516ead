//! Agreed prices, kept as the exact decimal that was agreed.

use std::fmt;
use std::str::FromStr;

/// Digits before and after the point: beyond any price, and exact in an `i128` of either.
const DIGITS_MAX: usize = 12;

/// A price of at least zero in the tenant's currency, per unit and month. Text, because a contract is text: no binary
/// fraction ever stands between what was agreed and what is rated.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Price(Box<str>);

/// Why a text is not a price.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {}", told(.0), Self::MEND)]
pub struct PriceError(String);

impl PriceError {
    /// What helps; its text ends with it.
    pub const MEND: &str = "write a decimal such as 49.00, at most 12 digits on either side of the point";

    /// What is wrong, without what helps.
    #[must_use]
    pub fn problem(&self) -> String {
        told(&self.0)
    }
}

fn told(text: &str) -> String {
    format!("{text:?} is not a price")
}

impl Price {
    /// The decimal, as it was agreed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Digits after the point, as they were written.
    #[must_use]
    pub fn decimals(&self) -> usize {
        self.0.split_once('.').map_or(0, |(_, fraction)| fraction.len())
    }
}

impl FromStr for Price {
    type Err = PriceError;

    fn from_str(text: &str) -> Result<Self, PriceError> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits =
            |part: &str| (1..=DIGITS_MAX).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        if digits(whole) && digits(fraction) {
            return Ok(Self(text.into()));
        }
        Err(PriceError(text.chars().take(32).collect()))
    }
}

impl TryFrom<String> for Price {
    type Error = PriceError;

    fn try_from(text: String) -> Result<Self, PriceError> {
        text.parse()
    }
}

impl From<Price> for String {
    fn from(price: Price) -> Self {
        price.0.into()
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_decimals_are_prices_and_stay_as_written() {
        for good in ["0", "49", "49.00", "0.000000000001", "999999999999.999999999999"] {
            assert_eq!(good.parse::<Price>().unwrap().as_str(), good);
        }
        for (price, decimals) in [("0", 0), ("49", 0), ("49.00", 2), ("0.050", 3)] {
            assert_eq!(price.parse::<Price>().unwrap().decimals(), decimals, "{price}");
        }
        for bad in
            ["", ".", "1.", ".5", "-1", "+1", "1e3", "1,5", " 1", "1.0.0", "NaN", "0.0000000000001", "１"]
        {
            assert!(bad.parse::<Price>().is_err(), "{bad:?}");
        }
    }
}

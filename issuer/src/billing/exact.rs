//! Exact fractions of any size: what rating computes with, and the one rounding. Called by rating alone.

use crate::amount::Amount;
use crate::price::Price;
use brink_license::usage::{PLACES_MAX, Quantity};
use num_bigint::BigInt;
use num_integer::Integer;
use num_rational::BigRational;
use num_traits::{Signed, ToPrimitive, Zero};
use std::num::NonZeroU64;

/// A fraction in lowest terms. Its parts grow as they must, so nothing overflows and nothing is rounded on the way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Exact(BigRational);

impl Exact {
    /// Nothing.
    #[must_use]
    pub fn zero() -> Self {
        Self(BigRational::zero())
    }

    /// A whole number.
    #[must_use]
    pub fn whole(number: impl Into<i128>) -> Self {
        Self(BigRational::from_integer(BigInt::from(number.into())))
    }

    /// A power of ten, for the minor digits of a currency.
    #[must_use]
    pub fn ten_to(digits: u8) -> Self {
        Self(BigRational::from_integer(BigInt::from(10u8).pow(digits.into())))
    }

    /// The sum.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self(&self.0 + &other.0)
    }

    /// The difference.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        Self(&self.0 - &other.0)
    }

    /// The product.
    #[must_use]
    pub fn times(&self, other: &Self) -> Self {
        Self(&self.0 * &other.0)
    }

    /// The quotient.
    #[must_use]
    pub fn over(&self, divisor: NonZeroU64) -> Self {
        Self(&self.0 / BigInt::from(divisor.get()))
    }

    /// This part of the sum of all parts: `self * part / whole`; nothing where the whole is nothing.
    #[must_use]
    pub fn share(&self, part: &Self, whole: &Self) -> Self {
        if whole.0.is_zero() { Self::zero() } else { Self(&self.0 * &part.0 / &whole.0) }
    }

    /// The other sign.
    #[must_use]
    pub fn negated(&self) -> Self {
        Self(-&self.0)
    }

    /// Whether it is below zero.
    #[must_use]
    pub fn is_negative(&self) -> bool {
        self.0.is_negative()
    }

    /// Whether it is nothing.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.0.is_zero()
    }

    /// The nearest whole number, a half away from zero (R3). `None` beyond an `i64`.
    #[must_use]
    pub fn rounded(&self) -> Option<i64> {
        let (numerator, denominator) = (self.0.numer(), self.0.denom());
        let nearest: BigInt = (numerator.abs() * 2u8 + denominator) / (denominator * 2u8);
        if numerator.is_negative() { (-nearest).to_i64() } else { nearest.to_i64() }
    }

    /// The whole number at or below it. `None` beyond an `i64`.
    #[must_use]
    pub fn floored(&self) -> Option<i64> {
        self.0.numer().div_floor(self.0.denom()).to_i64()
    }

    /// The whole number at or above it.
    #[must_use]
    pub fn ceiled(&self) -> Self {
        Self(self.0.ceil())
    }

    /// This number itself where it is whole and fits.
    #[must_use]
    pub fn to_whole(&self) -> Option<i64> {
        if self.0.is_integer() { self.0.numer().to_i64() } else { None }
    }

    /// The shortest decimal that says the same, for what came from decimals; a fraction where there is none.
    #[must_use]
    pub fn shown(&self) -> String {
        let units = &self.0 * BigInt::from(10u8).pow(PLACES_MAX as u32);
        let whole = units.is_integer().then(|| units.numer().to_i128()).flatten();
        whole.and_then(Amount::of_units).map_or_else(|| self.0.to_string(), |amount| amount.to_string())
    }
}

fn of_units(units: BigInt) -> Exact {
    Exact(BigRational::new(units, BigInt::from(10u8).pow(PLACES_MAX as u32)))
}

impl From<Amount> for Exact {
    fn from(amount: Amount) -> Self {
        of_units(amount.units().into())
    }
}

impl From<Quantity> for Exact {
    fn from(quantity: Quantity) -> Self {
        of_units(u128::from(quantity).into())
    }
}

impl From<&Price> for Exact {
    /// A price has at most 12 digits on either side, so it is an amount; what could not be one would be free of charge.
    fn from(price: &Price) -> Self {
        Amount::parse(price.as_str()).map_or_else(|_| Self::zero(), Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn over(numerator: i64, denominator: u64) -> Exact {
        Exact::whole(numerator).over(NonZeroU64::new(denominator).unwrap())
    }

    #[test]
    fn a_half_is_rounded_away_from_zero_and_negatives_mirror() {
        for (numerator, denominator, rounded) in [
            (1, 2, 1),
            (-1, 2, -1),
            (3, 2, 2),
            (5, 2, 3),
            (-5, 2, -3),
            (49, 100, 0),
            (-49, 100, 0),
            (7, 1, 7),
        ] {
            assert_eq!(over(numerator, denominator).rounded(), Some(rounded), "{numerator}/{denominator}");
        }
        // R2: 3.22 for 17 of 28 days, multiplied first: 195.5 cents are 1.96.
        assert_eq!(Exact::whole(322 * 17).over(NonZeroU64::new(28).unwrap()).rounded(), Some(196));
        assert_eq!(Exact::whole(i64::MAX).rounded(), Some(i64::MAX));
        assert_eq!(Exact::whole(i64::MIN).rounded(), Some(i64::MIN));
        assert_eq!(Exact::whole(i128::from(i64::MAX) + 1).rounded(), None);
    }

    #[test]
    fn every_price_is_taken_exactly() {
        for text in ["0", "49.00", "0.000000000001", "999999999999.999999999999"] {
            let price: Price = text.parse().unwrap();
            assert_eq!(Exact::from(&price), Exact::from(Amount::parse(text).unwrap()), "{text}");
        }
        assert_eq!(over(1, 8).shown(), "0.125");
        assert_eq!(over(1, 3).shown(), "1/3");
        assert_eq!(over(-1, 3).floored(), Some(-1));
    }

    proptest! {
        #[test]
        fn rounding_is_never_more_than_a_half_away(numerator in -1_000_000_i64..1_000_000, denominator in 1_u64..1000) {
            let exact = over(numerator, denominator);
            let off = exact.minus(&Exact::whole(exact.rounded().unwrap()));
            prop_assert!(off <= over(1, 2) && off >= over(-1, 2), "{}", off.shown());
            prop_assert_eq!(exact.negated().rounded().unwrap(), -exact.rounded().unwrap());
        }
    }
}

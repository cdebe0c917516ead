//! What is taken off: one negative line a discount, shared out over the lines that it is on (R13). Called by rating.

use super::allocation::allocate_by;
use super::exact::Exact;
use super::line::{Detail, Kind, Line};
use super::tax::On;
use super::{RatingError, Scope};

/// How much a discount takes off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Off {
    /// Of every hundred, so much.
    Percent(Exact),
    /// So many minor units, and no more than there is.
    Minor(i64),
}

/// A discount. It takes from what the lines come to before any discount, so the order of discounts does not matter, but
/// where all together would take more than there is: what is left goes to them in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discount {
    /// Its name, which is its line's.
    pub name: Box<str>,
    /// How much.
    pub off: Off,
    /// Of what.
    pub on: On,
}

/// The lines of all discounts on these.
pub(super) fn lines(scope: Scope<'_>, charges: &[Line]) -> Result<Vec<Line>, RatingError> {
    let mut left: Vec<i64> = charges.iter().map(|line| line.net_minor).collect();
    let mut found = Vec::new();
    for discount in scope.terms.discounts {
        let on: Vec<usize> = (0..charges.len()).filter(|i| discount.on.covers(&charges[*i].price)).collect();
        let too_large = || RatingError::TooLarge(discount.name.clone());
        let base = on
            .iter()
            .try_fold(0_i64, |sum, i| sum.checked_add(charges[*i].net_minor))
            .ok_or_else(too_large)?;
        let exact = match &discount.off {
            Off::Percent(percent) => Exact::whole(base).times(percent).over(HUNDRED),
            Off::Minor(minor) => Exact::whole((*minor).min(base)),
        };
        let wanted = exact.rounded().ok_or_else(too_large)?;
        let shares = taken(wanted, &on, charges, &mut left).ok_or_else(too_large)?;
        let net_minor: i64 = -shares.iter().sum::<i64>();
        if net_minor == 0 {
            continue;
        }
        let share =
            |(i, minor): (&usize, &i64)| Detail::Share { key: charges[*i].key.clone(), minor: -minor };
        let detail = on.iter().zip(&shares).filter(|(_, minor)| **minor != 0).map(share).collect();
        let line = scope.line_of_period(&discount.name, Kind::Discount, Exact::whole(net_minor))?;
        found.push(Line {
            quantity: Exact::whole(1),
            description: discount.name.to_string(),
            detail,
            ..line
        });
    }
    Ok(found)
}

const HUNDRED: std::num::NonZeroU64 = std::num::NonZeroU64::MIN.saturating_add(99);

/// What a discount takes from each line that it is on, by what they come to; no line gives more than it has left.
fn taken(wanted: i64, on: &[usize], charges: &[Line], left: &mut [i64]) -> Option<Vec<i64>> {
    let weights: Vec<i64> = on.iter().map(|i| charges[*i].net_minor).collect();
    let mut shares = if on.is_empty() { Vec::new() } else { allocate_by(wanted, &weights)? };
    let mut missing = 0_i64;
    for (share, i) in shares.iter_mut().zip(on) {
        let given = (*share).min(left[*i]);
        missing = missing.checked_add(*share - given)?;
        *share = given;
        left[*i] -= given;
    }
    for (share, i) in shares.iter_mut().zip(on) {
        let more = missing.min(left[*i]);
        *share += more;
        left[*i] -= more;
        missing -= more;
    }
    Some(shares)
}

//! A whole that is shared out in minor units so that the parts add up to it: the largest remainder. Called by discounts
//! and taxes.

use super::exact::Exact;

/// Whole parts of `total`, which is the rounded sum of these exact shares. Every part is within one minor unit of its
/// share; what rounding down leaves goes to the largest remainders, of equal ones to the first. Negative totals mirror.
/// `None` beyond an `i64`, or where the total is not that of the shares.
#[must_use]
pub(super) fn allocate(total: i64, shares: &[Exact]) -> Option<Vec<i64>> {
    if total < 0 {
        let mirrored: Vec<_> = shares.iter().map(Exact::negated).collect();
        let parts = allocate(total.checked_neg()?, &mirrored)?;
        return Some(parts.into_iter().map(|part| -part).collect());
    }
    let mut parts = shares.iter().map(Exact::floored).collect::<Option<Vec<_>>>()?;
    let given: i128 = parts.iter().copied().map(i128::from).sum();
    let left = usize::try_from(i128::from(total) - given).ok()?;
    if left > parts.len() {
        return None;
    }
    let mut order: Vec<usize> = (0..parts.len()).collect();
    let remainders: Vec<_> =
        shares.iter().zip(&parts).map(|(share, part)| share.minus(&Exact::whole(*part))).collect();
    // Stable: of equal remainders the first comes first.
    order.sort_by(|a, b| remainders[*b].cmp(&remainders[*a]));
    for index in order.into_iter().take(left) {
        parts[index] = parts[index].checked_add(1)?;
    }
    Some(parts)
}

/// The same by weights that are not negative; without any weight the first part is all.
#[must_use]
pub(super) fn allocate_by(total: i64, weights: &[i64]) -> Option<Vec<i64>> {
    let all: i128 = weights.iter().copied().map(i128::from).sum();
    if all == 0 {
        return Some((0..weights.len()).map(|index| if index == 0 { total } else { 0 }).collect());
    }
    let (whole, all) = (Exact::whole(total), Exact::whole(all));
    let shares: Vec<_> = weights.iter().map(|weight| whole.share(&Exact::whole(*weight), &all)).collect();
    allocate(total, &shares)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::num::NonZeroU64;

    #[test]
    fn what_is_left_goes_to_the_largest_remainders_and_then_to_the_first() {
        assert_eq!(allocate_by(100, &[1, 1, 1]), Some(vec![34, 33, 33]));
        assert_eq!(allocate_by(-100, &[1, 1, 1]), Some(vec![-34, -33, -33]));
        assert_eq!(allocate_by(10, &[1, 5, 0]), Some(vec![2, 8, 0]));
        assert_eq!(allocate_by(7, &[0, 0]), Some(vec![7, 0]));
        assert_eq!(allocate_by(1, &[i64::MAX, i64::MAX]), Some(vec![1, 0]));
    }

    proptest! {
        #[test]
        fn parts_add_up_and_are_within_one_of_their_shares(
            total in -1_000_000_i64..1_000_000,
            weights in prop::collection::vec(0_i64..5000, 1..9),
        ) {
            let parts = allocate_by(total, &weights).unwrap();
            prop_assert_eq!(parts.iter().sum::<i64>(), total);
            let all: i64 = weights.iter().sum();
            for (part, weight) in parts.iter().zip(&weights).filter(|_| all > 0) {
                prop_assert!((part * all - total * weight).abs() < all, "{part} of {weight}");
            }
        }

        #[test]
        fn shares_of_either_sign_add_up_to_their_rounded_sum(
            numerators in prop::collection::vec(-100_000_i64..100_000, 1..9), denominator in 1_u64..1000,
        ) {
            let denominator = NonZeroU64::new(denominator).unwrap();
            let shares: Vec<_> = numerators.iter().map(|n| Exact::whole(*n).over(denominator)).collect();
            let total = shares.iter().fold(Exact::zero(), |sum, share| sum.plus(share)).rounded().unwrap();
            let parts = allocate(total, &shares).unwrap();
            prop_assert_eq!(parts.iter().sum::<i64>(), total);
        }
    }
}

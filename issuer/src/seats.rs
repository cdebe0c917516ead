//! How many seats a device gets. Pure.
//!
//! The rule: over all devices, the seats of the licences that they may still be running on never exceed the
//! subscription. So each device reserves the larger of the cameras assigned to it by name and the seats it holds,
//! that is, the most seats of any licence of its that has not ended and is not older than the one it last said it
//! has. What the others reserve is taken off the subscription; what is left is the *budget*. Named cameras come first,
//! in the order they were assigned, and those beyond the budget are withheld until the seats come back: with the
//! other device's next report, or when its lease has ended for good (`exp + grace`). What is assigned to nobody is
//! shared evenly, the remainder going to the lowest device ids, and handed out as unnamed seats within the budget.
//!
//! A subscription that shrinks takes effect as devices renew; until then licences minted before may sum to more.

/// What the tenant's quotas are divided into: a device's share is so many millionths of each.
pub const QUOTA_PARTS: u64 = 1_000_000;

/// What decides on a device's seats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Cameras subscribed.
    pub subscribed: u64,
    /// Cameras assigned to this device by name.
    pub named: u64,
    /// Cameras assigned to the others by name.
    pub named_elsewhere: u64,
    /// Seats that the others reserve.
    pub reserved_elsewhere: u64,
    /// Devices that share what is unnamed.
    pub sharers: u64,
    /// The place of this device among them; `None` if it does not share.
    pub rank: Option<u64>,
}

/// The seats of one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// Named cameras that have a seat.
    pub named: u64,
    /// Named cameras without one.
    pub withheld: u64,
    /// Unnamed seats.
    pub any: u64,
}

/// Applies the rule.
#[must_use]
pub fn split(claim: &Claim) -> Split {
    let budget = claim.subscribed.saturating_sub(claim.reserved_elsewhere);
    let named = claim.named.min(budget);
    let unnamed = claim.subscribed.saturating_sub(claim.named.saturating_add(claim.named_elsewhere));
    let any = fair_share(unnamed, claim.sharers, claim.rank).min(budget - named);
    Split { named, withheld: claim.named - named, any }
}

/// The device's millionths of the tenant's quotas, by the same rule: an even share of what the others do not hold.
#[must_use]
pub fn quota_parts(held_elsewhere: u64, sharers: u64, rank: Option<u64>) -> u64 {
    fair_share(QUOTA_PARTS, sharers, rank).min(QUOTA_PARTS.saturating_sub(held_elsewhere))
}

fn fair_share(total: u64, sharers: u64, rank: Option<u64>) -> u64 {
    match rank {
        Some(rank) if sharers > 0 => total / sharers + u64::from(rank < total % sharers),
        Some(_) | None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn alone(subscribed: u64, named: u64) -> Claim {
        Claim { subscribed, named, named_elsewhere: 0, reserved_elsewhere: 0, sharers: 1, rank: Some(0) }
    }

    #[test]
    fn a_device_alone_gets_everything() {
        assert_eq!(split(&alone(100, 0)), Split { named: 0, withheld: 0, any: 100 });
        assert_eq!(split(&alone(100, 60)), Split { named: 60, withheld: 0, any: 40 });
        assert_eq!(split(&alone(100, 100)), Split { named: 100, withheld: 0, any: 0 });
    }

    #[test]
    fn what_another_device_still_holds_is_withheld() {
        let late = Claim { reserved_elsewhere: 90, sharers: 2, rank: Some(1), ..alone(100, 30) };
        assert_eq!(split(&late), Split { named: 10, withheld: 20, any: 0 });
    }

    #[test]
    fn the_remainder_goes_to_the_lowest_ranks() {
        let any = |rank| split(&Claim { sharers: 3, rank: Some(rank), ..alone(10, 0) }).any;
        assert_eq!((any(0), any(1), any(2)), (4, 3, 3));
        assert_eq!(split(&Claim { sharers: 3, rank: None, ..alone(10, 0) }).any, 0);
    }

    proptest! {
        #[test]
        fn even_shares_sum_to_the_whole(total in 0_u64..5_000, sharers in 1_u64..50) {
            let sum: u64 = (0..sharers).map(|rank| fair_share(total, sharers, Some(rank))).sum();
            prop_assert_eq!(sum, total);
        }

        #[test]
        fn nothing_exceeds_the_budget(
            subscribed in 0_u64..500, named in 0_u64..500, elsewhere in 0_u64..500, more in 0_u64..500,
            sharers in 0_u64..5, rank in 0_u64..5,
        ) {
            let reserved_elsewhere = elsewhere + more;
            let claim =
                Claim { subscribed, named, named_elsewhere: elsewhere, reserved_elsewhere, sharers, rank: Some(rank) };
            let seats = split(&claim);
            prop_assert!(seats.named + seats.any + reserved_elsewhere <= subscribed.max(reserved_elsewhere));
            prop_assert_eq!(seats.named + seats.withheld, named);
        }
    }
}

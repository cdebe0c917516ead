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
//! Where more cameras are assigned than are subscribed, because a subscription has shrunk, a device reserves of its cameras no
//! more than its part of the subscription, in proportion and rounded down: else each would keep from the others what it
//! cannot have itself, and together they would get less than there is. What rounding leaves goes to whoever asks first.
//!
//! That this never gives away too much rests on the seats that are held alone, whatever is reserved beside them. A
//! subscription that shrinks takes effect as devices renew; until then licences minted before may sum to more.

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

/// All of them.
pub const WHOLE: (u64, u64) = (1, 1);

/// How many cameras of how many a device reserves by name, with so many assigned over all devices.
#[must_use]
pub const fn reserved_part(subscribed: u64, named: u64) -> (u64, u64) {
    if named > subscribed { (subscribed, named) } else { WHOLE }
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

    /// Devices that exchange in turn, and what the issuer knows of them.
    struct Fleet {
        subscribed: u64,
        named: Vec<u64>,
        /// Seats of the newest licence of each, and of the one that it said last that it has.
        licences: Vec<(u64, u64)>,
    }

    impl Fleet {
        fn held(&self, device: usize) -> u64 {
            let (newest, reported) = self.licences[device];
            newest.max(reported)
        }

        /// As both databases add it up.
        fn reserved(&self, device: usize) -> u64 {
            let (part, of) = reserved_part(self.subscribed, self.named.iter().sum());
            (self.named[device] * part / of).max(self.held(device))
        }

        fn exchange(&mut self, device: usize) {
            self.licences[device].1 = self.licences[device].0;
            let others = || (0..self.named.len()).filter(|other| *other != device);
            let seats = split(&Claim {
                subscribed: self.subscribed,
                named: self.named[device],
                named_elsewhere: others().map(|other| self.named[other]).sum(),
                reserved_elsewhere: others().map(|other| self.reserved(other)).sum(),
                sharers: self.named.len() as u64,
                rank: Some(device as u64),
            });
            self.licences[device].0 = seats.named + seats.any;
        }

        fn in_force(&self) -> u64 {
            (0..self.named.len()).map(|device| self.held(device)).sum()
        }
    }

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
        fn however_many_are_assigned_all_that_is_subscribed_is_out_and_never_more(
            subscribed in 0_u64..60, named in prop::collection::vec(0_u64..30, 1..7),
            turns in prop::collection::vec(0_usize..6, 0..40), before in prop::collection::vec(0_u64..30, 6),
        ) {
            let count = named.len();
            let mut fleet = Fleet { subscribed, licences: vec![(0, 0); count], named };
            for turn in &turns {
                fleet.exchange(turn % count);
                prop_assert!(fleet.in_force() <= subscribed, "{} of {subscribed}", fleet.in_force());
            }
            // Of a subscription that was larger, licences are in force at first; no exchange makes it worse.
            fleet.licences = before.iter().take(count).map(|seats| (*seats, *seats)).collect();
            for turn in turns {
                let most = fleet.in_force().max(subscribed);
                fleet.exchange(turn % count);
                prop_assert!(fleet.in_force() <= most, "{} of {most}", fleet.in_force());
            }
            for _ in 0..count + 4 {
                (0..count).for_each(|device| fleet.exchange(device));
            }
            prop_assert_eq!(fleet.in_force(), subscribed);
            // Nobody has less than its part.
            let all: u64 = fleet.named.iter().sum();
            let (part, of) = reserved_part(subscribed, all);
            for (named, (seats, _)) in fleet.named.iter().zip(&fleet.licences) {
                prop_assert!(*seats >= named * part / of);
            }
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

use super::*;
use crate::TokenId;
use crate::token::Period;
use proptest::prelude::*;

fn allowance(limit: u64, over: Over, closed: Option<State>, is_lenient: bool) -> Allowance {
    let licence = TokenId::parse("lic-1").unwrap();
    let span = Span::of(Period::Day, &licence, &[], UnixSeconds::new(1_800_000_000));
    let meter = Slug::parse("api_call").unwrap();
    Allowance { meter, limit: Quantity::whole(limit), over, span, closed, is_lenient }
}

fn spent(used: u64, aside: u64) -> Spent {
    Spent { used: Quantity::whole(used), aside: Quantity::whole(aside) }
}

#[test]
fn a_denial_names_the_meter_what_is_left_and_when_it_begins_again() {
    let firm = allowance(10, Over::Deny, None, false);
    assert!(firm.is_firm());
    let Judged::Denied(denial) = firm.judge(&spent(5, 2), Quantity::whole(4), false) else { panic!("fits") };
    assert_eq!(denial.to_string(), "the quota of api_call does not allow it: 3 left");
    assert_eq!(denial.resets_at, Some(UnixSeconds::new(1_800_057_600)));
    assert_eq!(
        firm.judge(&spent(5, 2), Quantity::whole(3), false),
        Judged::Allowed(Overage::Within),
        "to the last"
    );
    let Judged::Denied(denial) = firm.judge(&spent(0, 0), Quantity::whole(1), true) else {
        panic!("in doubt")
    };
    assert_eq!((denial.why, denial.remaining), (DenialReason::InDoubt, Quantity::ZERO));
    let closed = allowance(10, Over::Deny, Some(State::Expired), false);
    let Judged::Denied(denial) = closed.judge(&spent(0, 0), Quantity::ZERO, false) else { panic!("expired") };
    assert_eq!(denial.to_string(), "the quota of api_call is closed: the licence is expired");
}

#[test]
fn a_lenient_profile_flags_what_a_firm_one_refuses() {
    for closed in [None, Some(State::Expired)] {
        let lenient = allowance(10, Over::Deny, closed, true);
        assert_eq!(
            lenient.judge(&spent(10, 0), Quantity::whole(1), false),
            Judged::Allowed(Overage::Flagged)
        );
    }
    let over = |over| allowance(10, over, None, false).judge(&spent(10, 0), Quantity::whole(1), true);
    assert_eq!(over(Over::Allow), Judged::Allowed(Overage::Over));
    assert_eq!(over(Over::Warn), Judged::Allowed(Overage::Flagged));
}

proptest! {
    /// The model adds whole numbers and compares.
    #[test]
    fn what_is_allowed_never_sums_above_a_firm_limit_and_nothing_that_fits_is_refused(
        limit in 0..200u64, uses in prop::collection::vec((0..40u64, any::<bool>()), 0..40),
    ) {
        let firm = allowance(limit, Over::Deny, None, false);
        let (mut now, mut model) = (Spent::default(), 0u64);
        for (quantity, is_aside) in uses {
            let amount = Quantity::whole(quantity);
            match firm.judge(&now, amount, false) {
                Judged::Allowed(overage) => {
                    prop_assert_eq!(overage, Overage::Within);
                    model += quantity;
                    let part = if is_aside { &mut now.aside } else { &mut now.used };
                    *part = part.plus(amount).unwrap();
                }
                Judged::Denied(denial) => {
                    prop_assert!(model + quantity > limit);
                    prop_assert_eq!(denial.remaining, Quantity::whole(limit - model));
                }
            }
            prop_assert!(model <= limit);
            prop_assert_eq!(now.total(), Quantity::whole(model));
        }
    }

    #[test]
    fn only_a_firm_quota_ever_refuses(
        limit in any::<u64>(), used in any::<u64>(), quantity in any::<u64>(), in_doubt in any::<bool>(),
        over in prop_oneof![Just(Over::Allow), Just(Over::Warn), Just(Over::Deny)], is_lenient in any::<bool>(),
    ) {
        let allowance = allowance(limit, over, None, is_lenient);
        let judged = allowance.judge(&spent(used, 0), Quantity::whole(quantity), in_doubt);
        prop_assert!(allowance.is_firm() || matches!(judged, Judged::Allowed(_)));
    }
}

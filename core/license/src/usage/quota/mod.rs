//! Quotas: how much of a meter is prepaid, for which span, and what becomes of a use that does not fit.
//!
//! Pure: what was used before is an argument, and so is the time. A span is named by the tenant's own calendar, or by the
//! licence's id, and never by a token's: a new token changes the limit and keeps what was used.

mod span;

pub use span::{Span, SpanKey};

use super::Quantity;
use crate::clock::State;
use crate::token::{Enforce, LicenceClaims, Over, Quota, VerifiedLicence, ZoneOffset};
use crate::{Slug, TokenId, UnixSeconds};
use std::fmt;

/// What is counted against a quota: what was recorded, and what is set aside for work whose record comes later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Recorded.
    pub used: Quantity,
    /// Set aside, and used if whoever did so is gone.
    pub aside: Quantity,
}

impl Spent {
    /// Both together; the largest quantity where that is more than one can be.
    #[must_use]
    pub fn total(&self) -> Quantity {
        self.used.plus(self.aside).unwrap_or(Quantity::MAX)
    }
}

/// What a licence says of metered work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quotas {
    licence: TokenId,
    zone: Vec<ZoneOffset>,
    quotas: Vec<Quota>,
    enforce: Enforce,
}

/// What a licence allows of one meter now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Of what.
    pub meter: Slug,
    /// How much in the span.
    pub limit: Quantity,
    /// What happens beyond it, as the licence says.
    pub over: Over,
    /// Over which span it counts.
    pub span: Span,
    /// Why nothing of it may be used now, whatever is left.
    pub closed: Option<State>,
    /// The licence's profile flags where it would refuse.
    is_lenient: bool,
}

/// What becomes of a use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judged {
    /// It is recorded.
    Allowed(Overage),
    /// It is refused.
    Denied(Denial),
}

/// How a use that was recorded stands to its quota.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overage {
    /// Within it, or there is none.
    #[default]
    Within,
    /// Beyond it, which the licence allows.
    Over,
    /// Beyond it, and somebody should be told: the licence says so, its profile refuses nothing, or more was used than had
    /// been reserved.
    Flagged,
}

impl Overage {
    /// The text in JSON and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Overage::Within => "within",
            Overage::Over => "over",
            Overage::Flagged => "flagged",
        }
    }
}

/// Why a use was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DenialReason {
    /// It does not fit into what is left.
    Spent,
    /// The journal was damaged: nobody knows what is left until the issuer has heard of it.
    InDoubt,
    /// The licence is not in force.
    NotInForce(State),
}

/// A use that was refused. Nothing of it was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// Of what.
    pub meter: Slug,
    /// What is left; zero where nothing may be used.
    pub remaining: Quantity,
    /// When the count begins again; `None` where only a licence begins it.
    pub resets_at: Option<UnixSeconds>,
    /// Why.
    pub why: DenialReason,
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { meter, remaining, .. } = self;
        match self.why {
            DenialReason::Spent => write!(f, "the quota of {meter} does not allow it: {remaining} left"),
            DenialReason::InDoubt => write!(
                f,
                "the quota of {meter} counts as spent until the next exchange, because the journal was damaged"
            ),
            DenialReason::NotInForce(state) => {
                write!(f, "the quota of {meter} is closed: the licence is {}", state.as_str())
            }
        }
    }
}

impl Quotas {
    /// What a licence says. Only what is verified has quotas.
    #[must_use]
    pub fn of(licence: &VerifiedLicence) -> Self {
        let LicenceClaims { sub, zone, quotas, enforce, .. } = licence.claims();
        Self { licence: sub.clone(), zone: zone.clone(), quotas: quotas.clone(), enforce: *enforce }
    }

    /// The meters that it limits.
    pub fn meters(&self) -> impl Iterator<Item = &Slug> {
        self.quotas.iter().map(|quota| &quota.meter)
    }

    /// What it allows of a meter at a guarded time and in a state; `None` for a meter that it does not limit.
    #[must_use]
    pub fn allowance(&self, meter: &Slug, state: State, now: UnixSeconds) -> Option<Allowance> {
        let quota = self.quotas.iter().find(|quota| quota.meter == *meter)?;
        let softens = match self.enforce {
            Enforce::Observe | Enforce::Warn => true,
            Enforce::Degrade | Enforce::Deny => false,
        };
        Some(Allowance {
            meter: meter.clone(),
            limit: Quantity::whole(quota.limit),
            over: quota.over,
            span: Span::of(quota.period, &self.licence, &self.zone, now),
            closed: (!state.permits()).then_some(state),
            is_lenient: softens && !state.always_denies(),
        })
    }
}

impl Allowance {
    /// Whether a use can be refused at all, so that what is left has to be known before it is allowed.
    #[must_use]
    pub fn is_firm(&self) -> bool {
        self.over == Over::Deny && !self.is_lenient
    }

    /// What is left.
    #[must_use]
    pub fn remaining(&self, spent: &Spent) -> Quantity {
        self.limit.less(spent.total())
    }

    /// Judges one use beside what was spent before it. `in_doubt` says that nobody knows how much that was.
    #[must_use]
    pub fn judge(&self, spent: &Spent, quantity: Quantity, in_doubt: bool) -> Judged {
        let fits = spent.total().plus(quantity).is_ok_and(|total| total <= self.limit);
        match self.over {
            Over::Allow | Over::Warn if fits => Judged::Allowed(Overage::Within),
            Over::Allow => Judged::Allowed(Overage::Over),
            Over::Warn => Judged::Allowed(Overage::Flagged),
            Over::Deny => match self.obstacle(fits, in_doubt) {
                None => Judged::Allowed(Overage::Within),
                Some(_) if self.is_lenient => Judged::Allowed(Overage::Flagged),
                Some(why) => Judged::Denied(self.denial(spent, why)),
            },
        }
    }

    fn obstacle(&self, fits: bool, in_doubt: bool) -> Option<DenialReason> {
        match self.closed {
            Some(state) => Some(DenialReason::NotInForce(state)),
            None if in_doubt => Some(DenialReason::InDoubt),
            None => (!fits).then_some(DenialReason::Spent),
        }
    }

    /// A refusal, with what helps the caller to decide when to ask again.
    #[must_use]
    pub fn denial(&self, spent: &Spent, why: DenialReason) -> Denial {
        let (remaining, resets_at) = match why {
            DenialReason::Spent => (self.remaining(spent), self.span.resets_at),
            DenialReason::InDoubt | DenialReason::NotInForce(_) => (Quantity::ZERO, None),
        };
        Denial { meter: self.meter.clone(), remaining, resets_at, why }
    }
}

#[cfg(test)]
mod tests;

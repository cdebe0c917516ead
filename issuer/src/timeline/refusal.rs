//! Why nothing was recorded.

use super::AtError;
use super::plan::{AHEAD_DAYS_MAX, BACK_DAYS_MAX, VERSIONS_AT_ONCE_MAX};
use crate::calendar::rfc3339;
use crate::retirement::REASON_CHARS_MAX;
use crate::subscription::SubscriptionError;
use brink_license::{Slug, TenantId, UnixSeconds};

/// Why nothing is in force.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoneInForce {
    /// Nothing was ever bought.
    #[error("tenant {0} has no subscription")]
    Never(TenantId),
    /// What is bought is still to begin.
    #[error("the subscription of tenant {tenant} begins at {}", rfc3339(*.begins))]
    NotBegun {
        /// The tenant.
        tenant: TenantId,
        /// When it begins.
        begins: UnixSeconds,
    },
}

impl NoneInForce {
    /// Where the first of all begins then.
    #[must_use]
    pub fn of(tenant: &TenantId, begins: Option<UnixSeconds>) -> Self {
        let tenant = tenant.clone();
        match begins {
            Some(begins) => Self::NotBegun { tenant, begins },
            None => Self::Never(tenant),
        }
    }

    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Never(_) => "NO_SUBSCRIPTION",
            Self::NotBegun { .. } => "NOT_BEGUN",
        }
    }

    /// What helps. Setting one would take the place of what is to begin.
    #[must_use]
    pub fn mend(&self) -> String {
        match self {
            Self::Never(tenant) => format!("set one with `subscription set --tenant {tenant} --cameras N`"),
            Self::NotBegun { tenant, .. } => {
                format!("wait until then; `subscription history --tenant {tenant}` shows what is to come")
            }
        }
    }
}

/// Why nothing was recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimelineError {
    /// What is to be bought.
    #[error(transparent)]
    Terms(#[from] SubscriptionError),
    /// No such instant.
    #[error(transparent)]
    At(#[from] AtError),
    /// Nothing to change, or to rest on.
    #[error(transparent)]
    NoneInForce(#[from] NoneInForce),
    /// Before there was anything.
    #[error("the subscription has not begun by then{}", .begins.map_or_else(String::new, |at| format!(": it begins at {}", rfc3339(at))))]
    NotBegun {
        /// When it begins.
        begins: Option<UnixSeconds>,
    },
    /// Too long ago.
    #[error("{} lies more than {BACK_DAYS_MAX} days back", rfc3339(*.0))]
    TooFarBack(UnixSeconds),
    /// Too far ahead.
    #[error("{} lies more than {AHEAD_DAYS_MAX} days ahead", rfc3339(*.0))]
    TooFarAhead(UnixSeconds),
    /// The past, without a word.
    #[error("{} has passed, and what takes effect in the past wants a reason", rfc3339(*.0))]
    ReasonMissing(UnixSeconds),
    /// A reason that is no line.
    #[error("a reason has 1 to {REASON_CHARS_MAX} characters, and no control characters")]
    Reason,
    /// A change of nothing.
    #[error("nothing to change was given")]
    NothingToChange,
    /// It is so already.
    #[error("that changes nothing: the subscription is so at {}", rfc3339(*.0))]
    Unchanged(UnixSeconds),
    /// To be added and removed.
    #[error("pack {0} is to be there and to be removed")]
    PackBoth(Slug),
    /// A pack to remove that is not there.
    #[error("pack {0} is not in the subscription")]
    NotSubscribed(Slug),
    /// A price to leave to the catalogue that it says already.
    #[error("the price {0} is the catalogue's")]
    NotAgreed(Slug),
    /// Fewer than none.
    #[error("{fewer} fewer than {there} {} are less than none", .item.as_ref().map_or("cameras", Slug::as_str))]
    BelowZero {
        /// The item; `None` is cameras.
        item: Option<Slug>,
        /// There are so many.
        there: u32,
        /// So many are to go.
        fewer: u32,
    },
    /// A later change does not go with it.
    #[error("with that, the change of version {version} would not go at {}: {error}", rfc3339(*.at))]
    Behind {
        /// The version.
        version: u32,
        /// When it takes effect.
        at: UnixSeconds,
        /// Why.
        error: Box<TimelineError>,
    },
    /// A subscription with too many steps.
    #[error("{0} versions lie behind it, and at most {VERSIONS_AT_ONCE_MAX} are said again at once")]
    TooMany(usize),
    /// No change that is still to come.
    #[error("version {0} is no change that is still to come")]
    NotScheduled(u32),
    /// The first of all.
    #[error("the subscription begins with version {0}")]
    First(u32),
}

impl TimelineError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Terms(error) => crate::codes::of_subscription(error),
            Self::At(error) => error.code(),
            Self::NoneInForce(error) => error.code(),
            Self::NotBegun { .. } => "NOT_BEGUN",
            Self::TooFarBack(_) | Self::TooFarAhead(_) => "OUT_OF_BOUNDS",
            Self::ReasonMissing(_) => "REASON_MISSING",
            Self::Reason => "REASON",
            Self::NothingToChange => "NOTHING_TO_CHANGE",
            Self::Unchanged(_) => "UNCHANGED",
            Self::PackBoth(_) => "PACK_TWICE",
            Self::NotSubscribed(_) => "NOT_SUBSCRIBED",
            Self::NotAgreed(_) => "NOT_AGREED",
            Self::BelowZero { .. } => "BELOW_ZERO",
            Self::Behind { .. } => "CONFLICTS_LATER",
            Self::TooMany(_) => "TOO_MANY",
            Self::NotScheduled(_) => "NOT_SCHEDULED",
            Self::First(_) => "BEGINS_WITH_IT",
        }
    }

    /// Whether it contradicts what is stored, rather than being wrong in itself.
    #[must_use]
    pub const fn is_of_state(&self) -> bool {
        match self {
            Self::Terms(error) => error.is_of_state(),
            Self::NoneInForce(_)
            | Self::NotBegun { .. }
            | Self::Unchanged(_)
            | Self::NotSubscribed(_)
            | Self::NotAgreed(_)
            | Self::BelowZero { .. }
            | Self::Behind { .. }
            | Self::TooMany(_)
            | Self::NotScheduled(_)
            | Self::First(_) => true,
            Self::At(_)
            | Self::TooFarBack(_)
            | Self::TooFarAhead(_)
            | Self::ReasonMissing(_)
            | Self::Reason
            | Self::NothingToChange
            | Self::PackBoth(_) => false,
        }
    }

    /// What helps.
    #[must_use]
    pub fn mend(&self) -> String {
        match self {
            Self::Terms(error) => error.mend(),
            Self::At(error) => error.mend().into(),
            Self::NoneInForce(error) => error.mend(),
            Self::NotBegun { .. } => "choose an instant from then on".into(),
            Self::TooFarBack(_) => {
                "choose a later instant, and put right what lies before by an invoice".into()
            }
            Self::TooFarAhead(_) => "choose an earlier instant".into(),
            Self::ReasonMissing(_) => "say why with --reason TEXT".into(),
            Self::Reason => "give one line".into(),
            Self::NothingToChange => "give what is to be different".into(),
            Self::Unchanged(_) => "`subscription history` shows all that was recorded".into(),
            Self::PackBoth(_) => "give it once".into(),
            Self::NotSubscribed(_) => "`subscription history` shows which are there, and when".into(),
            Self::NotAgreed(_) => "`subscription history` shows which are agreed, and when".into(),
            Self::BelowZero { there, .. } => format!("take off at most {there}"),
            Self::Behind { version, .. } => {
                format!(
                    "take that one back first with --cancel-scheduled {version}, if it is still to come, or change less"
                )
            }
            Self::TooMany(_) => "choose a later instant, which leaves fewer behind it".into(),
            Self::NotScheduled(_) => {
                "`subscription history` shows those that are; what is in force is changed by another change"
                    .into()
            }
            Self::First(_) => "change what it says with `subscription change --at` its instant; `subscription set` puts another in its place and in that \
                 of all behind it"
                    .into(),
        }
    }
}

//! Why nothing was invoiced, or an invoice not changed: one enum, each variant with a stable code and what helps.

use super::document::Days;
use crate::billing::{RatingError, TimelineError};
use crate::storage::StorageError;
use brink_license::TenantId;
use chrono::NaiveDate;

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum InvoiceError {
    /// A profile that cannot be one.
    #[error("the profile's {path} {problem}")]
    Profile {
        /// Where.
        path: String,
        /// What is wrong there.
        problem: String,
        /// What helps.
        mend: String,
    },
    /// A profile that says something else of what is closed.
    #[error("the profile's {member} is that of the period {}, which is closed", .period.from)]
    ProfileClosed {
        /// Which member.
        member: &'static str,
        /// The period.
        period: Days,
    },
    /// No profile yet.
    #[error("{} has no billing profile", whose(.0.as_ref()))]
    NoProfile(Option<TenantId>),
    /// A day in no period.
    #[error("{0} lies in no period of tenant {1}")]
    NoPeriod(NaiveDate, TenantId),
    /// A period that runs.
    #[error("the period from {} to {} of tenant {tenant} is not over", .period.from, .period.to)]
    Running {
        /// Whose.
        tenant: TenantId,
        /// The period.
        period: Days,
    },
    /// Nothing was ever sold.
    #[error("tenant {0} has no subscription, so that nothing can be invoiced")]
    NothingSold(TenantId),
    /// A version of the catalogue that was not given.
    #[error(
        "the subscription of tenant {tenant} is of catalogue {version}, which this program was not given"
    )]
    Catalogue {
        /// Whose.
        tenant: TenantId,
        /// Which version.
        version: u64,
    },
    /// A version of the catalogue with another text than something was invoiced by.
    #[error("catalogue {version} is not the one that invoices were made by")]
    CatalogueChanged {
        /// Which version.
        version: u64,
    },
    /// It cannot be rated.
    #[error("tenant {tenant}, period from {}: {error}", .period.from)]
    Rating {
        /// Whose.
        tenant: TenantId,
        /// Of which period.
        period: Days,
        /// Why.
        error: RatingError,
    },
    /// What was sold cannot have been so.
    #[error("what was sold to tenant {tenant} contradicts itself: {error}")]
    Timeline {
        /// Whose.
        tenant: TenantId,
        /// Why.
        error: TimelineError,
    },
    /// Others recorded something again and again.
    #[error("others record invoices of tenant {0} at the same time")]
    Contended(TenantId),
    /// A document that is not so that this could be done with it.
    #[error("{name} is {status}, {problem}")]
    Standing {
        /// The document.
        name: String,
        /// Where it stands.
        status: &'static str,
        /// Why that does not do.
        problem: &'static str,
        /// What helps.
        mend: &'static str,
    },
    /// A document that others rest on.
    #[error("{name} is credited by {note}")]
    Credited {
        /// The document.
        name: String,
        /// The credit note.
        note: String,
    },
    /// A credit note for what is not issued.
    #[error("{name} credits {credited}, which is not issued")]
    NotIssued {
        /// The credit note.
        name: String,
        /// The invoice.
        credited: String,
    },
    /// An amount that is none.
    #[error("{0}")]
    Amount(String),
    /// More than an `i64` holds.
    #[error("the amounts of tenant {0} come to more than the largest amount, 2^63-1 minor units")]
    TooLarge(TenantId),
    /// A wallet that would fall below zero.
    #[error("the wallet of tenant {tenant} has {balance}, and cannot give {asked}")]
    WalletEmpty {
        /// Whose.
        tenant: TenantId,
        /// What is in it.
        balance: String,
        /// What was asked for.
        asked: String,
    },
    /// A reason that is no line.
    #[error("a reason has 1 to {} characters, and no control characters", crate::standing::REASON_CHARS_MAX)]
    Reason,
    /// A meter that is not passed through.
    #[error("{0} is not passed through at cost")]
    NotPassedThrough(brink_license::Slug),
    /// A day whose period is rated no more, or was never sold.
    #[error("{on} is too early: nothing before {first} is invoiced any more")]
    TooEarly {
        /// As asked.
        on: NaiveDate,
        /// The first day that is.
        first: NaiveDate,
    },
    /// A moment that has not come.
    #[error("{0} has not been yet")]
    Future(String),
    /// A time before it was issued.
    #[error("{name} was issued at {issued}, which is later than {asked}")]
    BeforeIssue {
        /// The document.
        name: String,
        /// When it was issued.
        issued: String,
        /// As asked.
        asked: String,
    },
    /// The database.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Random numbers.
    #[error(transparent)]
    Random(#[from] crate::secret::NoRandom),
}

fn whose(tenant: Option<&TenantId>) -> String {
    tenant.map_or_else(|| "the seller".into(), |tenant| format!("tenant {tenant}"))
}

impl InvoiceError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Profile { .. } => "BAD_PROFILE",
            Self::ProfileClosed { .. } => "PROFILE_CLOSED",
            Self::NoProfile(_) => "NO_PROFILE",
            Self::NoPeriod(..) => "NO_PERIOD",
            Self::Running { .. } => "PERIOD_RUNNING",
            Self::NothingSold(_) => "NOTHING_SOLD",
            Self::Catalogue { .. } => "CATALOGUE_MISSING",
            Self::CatalogueChanged { .. } => "CATALOGUE_CHANGED",
            Self::Rating { error, .. } => match error {
                RatingError::TooLarge(_) => "AMOUNT_TOO_LARGE",
                RatingError::UnknownPrice(_) => "UNKNOWN_PRICE",
                RatingError::NoPrice(_) => "UNKNOWN_METER",
                RatingError::Undated(_) => "USAGE_UNDATED",
            },
            Self::Timeline { .. } => "SOLD_DAMAGED",
            Self::Contended(_) => "BUSY",
            Self::Standing { .. } => "INVOICE_STANDING",
            Self::Credited { .. } => "INVOICE_CREDITED",
            Self::NotIssued { .. } => "INVOICE_NOT_ISSUED",
            Self::Amount(_) => "BAD_AMOUNT",
            Self::TooLarge(_) => "AMOUNT_TOO_LARGE",
            Self::WalletEmpty { .. } => "WALLET_EMPTY",
            Self::Reason => "REASON",
            Self::NotPassedThrough(_) => "NOT_PASSED_THROUGH",
            Self::TooEarly { .. } => "TOO_EARLY",
            Self::Future(_) => "IN_THE_FUTURE",
            Self::BeforeIssue { .. } => "BEFORE_ISSUE",
            Self::Storage(error) => error.code(),
            Self::Random(_) => "NO_RANDOM",
        }
    }

    /// What helps, where the text does not end with it.
    #[must_use]
    pub fn mend(&self) -> Option<String> {
        Some(match self {
            Self::Profile { mend, .. } => mend.clone(),
            Self::ProfileClosed { .. } => {
                "leave it for periods that are closed; end a discount with `until`, and begin another one"
                    .into()
            }
            Self::NoProfile(None) => "set it with `invoice profile --seller --set F`".into(),
            Self::NoProfile(Some(tenant)) => {
                format!("set it with `invoice profile --tenant {tenant} --set F`")
            }
            Self::NoPeriod(..) => "name a day after the anchor of the profile, from 1970 to 2199".into(),
            Self::Running { period, .. } => format!("close it from {} on", period.to),
            Self::NothingSold(tenant) => format!("subscribe with `subscription set --tenant {tenant}`"),
            Self::Catalogue { .. } => "give every version that was sold, with --catalog".into(),
            Self::CatalogueChanged { .. } => {
                "give that one with --catalog; where it was wrong itself, say --accept-catalog".into()
            }
            Self::Rating { tenant, error, .. } => match error {
                RatingError::TooLarge(_) => "correct quantity or price of the subscription".into(),
                RatingError::UnknownPrice(price) => {
                    format!(
                        "agree on one with `subscription change --tenant {tenant} --price {price}=AMOUNT`"
                    )
                }
                RatingError::NoPrice(_) | RatingError::Undated(_) => "report it; this is a defect".into(),
            },
            Self::Timeline { .. } => "compare the database with its backup, and report it".into(),
            Self::Contended(_) => "try again".into(),
            Self::Standing { mend, .. } => (*mend).into(),
            Self::Credited { note, .. } => format!("void or discard {note} first"),
            Self::NotIssued { credited, .. } => format!("issue {credited} first"),
            Self::Amount(_) => "write a decimal with the digits of the currency, such as 49.00".into(),
            Self::TooLarge(_) => "correct quantities or prices".into(),
            Self::WalletEmpty { .. } => "take out at most what is in it".into(),
            Self::Reason => "give --reason another text".into(),
            Self::NotPassedThrough(_) => "name a meter whose price is passed through, such as sms".into(),
            Self::TooEarly { first, .. } => format!("give {first} or a later day"),
            Self::Future(_) => "give a moment of the past".into(),
            Self::BeforeIssue { .. } => "give a later moment".into(),
            Self::Storage(_) | Self::Random(_) => return None,
        })
    }

    /// Whether the order contradicts what is stored, rather than being wrong in itself.
    #[must_use]
    pub const fn is_of_state(&self) -> bool {
        match self {
            Self::ProfileClosed { .. }
            | Self::NoProfile(_)
            | Self::Running { .. }
            | Self::NothingSold(_)
            | Self::Catalogue { .. }
            | Self::CatalogueChanged { .. }
            | Self::Rating { .. }
            | Self::Standing { .. }
            | Self::Credited { .. }
            | Self::NotIssued { .. }
            | Self::TooLarge(_)
            | Self::BeforeIssue { .. }
            | Self::TooEarly { .. }
            | Self::WalletEmpty { .. } => true,
            Self::Profile { .. }
            | Self::NoPeriod(..)
            | Self::Contended(_)
            | Self::Timeline { .. }
            | Self::Amount(_)
            | Self::Reason
            | Self::NotPassedThrough(_)
            | Self::Future(_)
            | Self::Storage(_)
            | Self::Random(_) => false,
        }
    }

    /// Whether it could have been done, had something not failed.
    #[must_use]
    pub const fn is_failure(&self) -> bool {
        matches!(self, Self::Storage(_) | Self::Random(_) | Self::Contended(_) | Self::Timeline { .. })
    }
}

//! Why a quote is refused: the place in the file, what is wrong there, a stable code, and what helps.

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct QuoteError {
    /// Where in the file, such as `changes[2].at`; a point alone is the whole.
    pub path: String,
    /// Which refusal it is.
    pub code: QuoteCode,
    /// What is wrong there.
    pub problem: String,
    /// What helps.
    pub mend: String,
}

/// The refusals, by their stable names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuoteCode {
    /// No JSON of the expected shape, or a member that is not known.
    Malformed,
    /// No zone of the IANA database.
    TimeZone,
    /// No currency.
    Currency,
    /// No date that there is.
    Date,
    /// No instant.
    Instant,
    /// A local time that the clocks skipped.
    TimeGap,
    /// A local time that the clocks showed twice.
    TimeTwice,
    /// No billing period.
    Period,
    /// A price that the catalogue does not have, nor the quote.
    UnknownPrice,
    /// A price that is stated in a contradictory way.
    Price,
    /// A price that is charged in another way.
    OtherCharge,
    /// A meter that no price rates.
    UnknownMeter,
    /// A change that is not one of the three.
    Change,
    /// Two changes that contradict each other.
    Contradiction,
    /// More taken away than there is.
    BelowZero,
    /// No quantity, or one out of bounds.
    Quantity,
    /// No amount of the currency.
    Amount,
    /// An amount beyond an `i64` of minor units.
    AmountTooLarge,
    /// A discount that cannot be.
    Discount,
    /// A tax that cannot be.
    Tax,
    /// Something that cannot have been billed.
    Billed,
    /// A catalogue for this period that is not there.
    Catalogue,
}

impl QuoteCode {
    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "QUOTE_MALFORMED",
            Self::TimeZone => "TIME_ZONE",
            Self::Currency => "CURRENCY",
            Self::Date => "DATE",
            Self::Instant => "BAD_INSTANT",
            Self::TimeGap => "TIME_GAP",
            Self::TimeTwice => "TIME_TWICE",
            Self::Period => "BILLING_PERIOD",
            Self::UnknownPrice => "UNKNOWN_PRICE",
            Self::Price => "PRICE",
            Self::OtherCharge => "OTHER_CHARGE",
            Self::UnknownMeter => "UNKNOWN_METER",
            Self::Change => "CHANGE",
            Self::Contradiction => "CONTRADICTION",
            Self::BelowZero => "BELOW_ZERO",
            Self::Quantity => "QUANTITY",
            Self::Amount => "AMOUNT",
            Self::AmountTooLarge => "AMOUNT_TOO_LARGE",
            Self::Discount => "DISCOUNT",
            Self::Tax => "TAX",
            Self::Billed => "BILLED",
            Self::Catalogue => "NO_CATALOGUE",
        }
    }
}

impl QuoteError {
    pub(super) fn new(
        path: impl Into<String>,
        code: QuoteCode,
        problem: impl ToString,
        mend: impl Into<String>,
    ) -> Self {
        Self { path: path.into(), code, problem: problem.to_string(), mend: mend.into() }
    }
}

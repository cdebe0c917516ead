//! Why an export to Stripe stopped: one enum, each variant with a stable code and its mend.

use std::fmt;

/// An answer of Stripe that is a refusal. Its texts are Stripe's, without what could write over a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The request: `POST /v1/invoices`.
    pub request: String,
    /// Of HTTP.
    pub status: u16,
    /// Stripe's type: `invalid_request_error`.
    pub kind: String,
    /// Stripe's code: `resource_missing`.
    pub code: Option<String>,
    /// The parameter that it is about.
    pub param: Option<String>,
    /// For people.
    pub message: String,
    /// What Stripe's log calls the request.
    pub id: Option<String>,
    /// Whether it is what was answered to an earlier request under the same idempotency key.
    pub replayed: bool,
}

impl Refused {
    /// Whether the idempotency key will give this answer for as long as Stripe keeps it, and another one has to be tried.
    pub(super) fn is_spent(&self) -> bool {
        // 409 is a request under this key that is still on its way.
        self.replayed || (self.kind == "idempotency_error" && self.status != 409)
    }

    /// Whether Stripe does not know what was asked for.
    pub(super) fn is_missing(&self) -> bool {
        self.status == 404
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stripe refused {} with status {}: {}", self.request, self.status, self.message)?;
        write!(f, " (type {}", self.kind)?;
        for (name, value) in [("code", &self.code), ("param", &self.param), ("request", &self.id)] {
            if let Some(value) = value {
                write!(f, ", {name} {value}")?;
            }
        }
        f.write_str(")")
    }
}

/// Why an export stopped. Whatever it is, the document here is as it was, and the export can be tried again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StripeError {
    /// Not where requests may go.
    #[error("the address of Stripe: {0}")]
    Url(&'static str),
    /// Not a secret key. It is not repeated.
    #[error("the key of Stripe {0}")]
    Key(&'static str),
    /// A draft.
    #[error("{0} is a draft")]
    Draft(String),
    /// A document that contradicts itself.
    #[error("{name} cannot be exported: {what}")]
    Document {
        /// Its number.
        name: String,
        /// What about it.
        what: String,
    },
    /// A currency that Stripe has not, or counts in more than one way.
    #[error("{name} is in {currency}, in which Stripe takes no amounts that are certain to be understood")]
    Currency {
        /// The number of the document.
        name: String,
        /// Three letters.
        currency: &'static str,
    },
    /// An amount that Stripe's units cannot say.
    #[error("{name}: {amount} of {item} has more places than Stripe takes in this currency")]
    Unsayable {
        /// The number of the document.
        name: String,
        /// Which line, tax or sum.
        item: String,
        /// With its currency.
        amount: String,
    },
    /// More than an invoice of Stripe can have.
    #[error("{name} has {found} lines, taxes and sums, and an invoice of Stripe at most {max}")]
    Items {
        /// The number of the document.
        name: String,
        /// How many.
        found: usize,
        /// At most.
        max: usize,
    },
    /// Stripe would ask for something else than the document does.
    #[error(
        "{what} of {at} at Stripe is {found} and of {name} {wanted}, in the smallest units that Stripe counts"
    )]
    Differs {
        /// The number of the document.
        name: String,
        /// The object at Stripe.
        at: String,
        /// Which amount, or the currency.
        what: String,
        /// Of the document.
        wanted: String,
        /// At Stripe.
        found: String,
    },
    /// Two things at Stripe that say that they are the same here.
    #[error("Stripe has {what} more than once: {ids}")]
    Twice {
        /// What.
        what: String,
        /// Theirs.
        ids: String,
    },
    /// A customer that is somebody else.
    #[error("customer {id} at Stripe {what}")]
    Customer {
        /// As it was given.
        id: String,
        /// What about it.
        what: String,
    },
    /// Where it stands here and at Stripe cannot both be.
    #[error("{name} is {here} here, and {at} is {there} at Stripe")]
    Standing {
        /// The number of the document.
        name: String,
        /// The object at Stripe.
        at: String,
        /// Here.
        here: &'static str,
        /// At Stripe.
        there: &'static str,
    },
    /// A credit note whose invoice is not at Stripe.
    #[error("{name} gives back of {invoice}, which is not at Stripe")]
    NotExported {
        /// The number of the credit note.
        name: String,
        /// The number of the invoice.
        invoice: String,
    },
    /// A credit note of an invoice that is still to be paid at Stripe.
    #[error(
        "{name} goes into the wallet, but {at} is still open at Stripe, where a credit note would lower what is asked for as \
             well, and so count twice"
    )]
    CreditOfOpen {
        /// The number of the credit note.
        name: String,
        /// The invoice at Stripe.
        at: String,
    },
    /// A credit note above what Stripe was to collect.
    #[error(
        "{name} gives back {wanted}, and of {at} at Stripe {left} is left to give back, in its smallest units"
    )]
    CreditBeyond {
        /// The number of the credit note.
        name: String,
        /// The invoice at Stripe.
        at: String,
        /// Of the credit note.
        wanted: i64,
        /// At Stripe.
        left: i64,
    },
    /// More than is looked through.
    #[error("Stripe lists more than {max} of {path}")]
    TooMany {
        /// What was listed.
        path: String,
        /// How many are looked through.
        max: usize,
    },
    /// Stripe does not want to.
    #[error("{0}")]
    Refused(Box<Refused>),
    /// Stripe could not, as often as it was asked.
    #[error("{0}")]
    Busy(Box<Refused>),
    /// Nobody answered, as often as it was tried.
    #[error("{request}: no answer from Stripe: {reason}")]
    Unreachable {
        /// The request.
        request: String,
        /// Of the last try.
        reason: String,
    },
    /// Somebody answered who is not Stripe, or Stripe in another form.
    #[error("{request}: the answer is not of Stripe's form: {what}")]
    Answer {
        /// The request.
        request: String,
        /// What about it.
        what: String,
    },
}

/// Of HTTP: the key is wrong, or may not do this.
const KEY_REFUSED: [u16; 2] = [401, 403];

impl StripeError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Url(_) => "BAD_URL",
            Self::Key(_) => "STRIPE_KEY",
            Self::Draft(_) => "NOT_ISSUED",
            Self::Document { .. } => "STRIPE_DOCUMENT",
            Self::Currency { .. } => "STRIPE_CURRENCY",
            Self::Unsayable { .. } => "AMOUNT_UNSAYABLE",
            Self::Items { .. } => "STRIPE_ITEMS",
            Self::Differs { .. } => "AMOUNT_DIFFERS",
            Self::Twice { .. } => "STRIPE_TWICE",
            Self::Customer { .. } => "STRIPE_CUSTOMER",
            Self::Standing { .. } => "STRIPE_STANDING",
            Self::NotExported { .. } => "NOT_EXPORTED",
            Self::CreditOfOpen { .. } => "CREDIT_OF_OPEN",
            Self::CreditBeyond { .. } => "CREDIT_BEYOND",
            Self::TooMany { .. } => "TOO_MANY",
            Self::Refused(refused) if KEY_REFUSED.contains(&refused.status) => "STRIPE_KEY",
            Self::Refused(_) => "STRIPE_REFUSED",
            Self::Busy(_) => "STRIPE_BUSY",
            Self::Unreachable { .. } => "STRIPE_UNREACHABLE",
            Self::Answer { .. } => "STRIPE_ANSWER",
        }
    }

    /// What helps.
    #[must_use]
    pub fn mend(&self) -> &'static str {
        match self {
            Self::Url(_) => "give https://api.stripe.com, or http:// on this machine's loopback for tests",
            Self::Key(_) => "give a secret or restricted key of the account, which begins with sk_ or rk_",
            Self::Draft(_) => "issue it first",
            Self::Document { .. } => "export it as JSON and report what it says; nothing was sent",
            Self::Currency { .. } => {
                "invoice this customer outside of Stripe, or in another currency from the next period on"
            }
            Self::Unsayable { .. } => {
                "invoice this customer outside of Stripe; for later periods agree prices that come to amounts Stripe can say"
            }
            Self::Items { .. } => "invoice this period outside of Stripe, or shorter periods from now on",
            Self::Differs { .. } => {
                "see who changed it at Stripe; delete the draft there, or void the invoice and take brink_invoice out of its \
                 metadata, or set the customer's balance to zero, then export again"
            }
            Self::Twice { .. } => {
                "keep one, and take the brink_ metadata off the others at Stripe, then export again"
            }
            Self::Customer { .. } => {
                "give the id of this tenant's customer, or none so that it is found or made"
            }
            Self::Standing { .. } => {
                "make both the same: mark it paid or void here, or at Stripe take brink_invoice out of its metadata, then export again"
            }
            Self::NotExported { .. } => "export the invoice first",
            Self::CreditOfOpen { .. } => "mark the invoice as paid and export it again, then this",
            Self::CreditBeyond { .. } => {
                "nothing to do at Stripe: what the wallet paid, the wallet gets back"
            }
            Self::TooMany { .. } => "give the customer's id, so that customers need not be looked through",
            Self::Refused(refused) if KEY_REFUSED.contains(&refused.status) => {
                "give a key of this account that may write customers, invoices and credit notes"
            }
            Self::Refused(_) => {
                "mend what it names, at Stripe or here, then export again: it goes on where it stopped"
            }
            Self::Busy(_) | Self::Unreachable { .. } => "export again later: it goes on where it stopped",
            Self::Answer { .. } => {
                "check the address and what lies in between, then export again: it goes on where it stopped"
            }
        }
    }

    /// Whether the same may go well at another time.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Busy(_) | Self::Unreachable { .. })
    }
}

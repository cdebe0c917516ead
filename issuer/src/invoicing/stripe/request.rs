//! One request to Stripe, and the key under which it is performed once. PURE.

use crate::secret::{hex, sha256};
use std::fmt::Write as _;

/// Of one value of metadata at Stripe.
pub(super) const METADATA_CHARS_MAX: usize = 500;
/// A whole key is 255 characters at most; half a SHA-256 tells them apart.
const KEY_DIGEST_BYTES: usize = 16;

/// Metadata by which things are found again.
pub mod metadata {
    /// On a customer: the tenant.
    pub const TENANT: &str = "brink_tenant";
    /// On an invoice and its items: the id of the document.
    pub const INVOICE: &str = "brink_invoice";
    /// On a credit note: the id of the document.
    pub const CREDIT_NOTE: &str = "brink_credit_note";
    /// On an invoice or a credit note: the number.
    pub const NUMBER: &str = "brink_number";
    /// On an item: which it is.
    pub const LINE: &str = "brink_line";
}

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Makes the customer.
    Customer,
    /// Marks a customer that was there as the tenant's.
    Adopt,
    /// Makes the draft.
    Invoice,
    /// Adds a line, a tax or a sum to the draft.
    Item,
    /// Makes the draft an invoice.
    Finalize,
    /// Marks it as paid outside of Stripe.
    Pay,
    /// Voids it.
    Void,
    /// Makes the credit note.
    CreditNote,
    /// Voids that.
    VoidCreditNote,
}

impl Step {
    /// Whether it makes an object, rather than changes one.
    pub(super) const fn makes(self) -> bool {
        match self {
            Self::Customer | Self::Invoice | Self::Item | Self::CreditNote => true,
            Self::Adopt | Self::Finalize | Self::Pay | Self::Void | Self::VoidCreditNote => false,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Adopt => "adopt",
            Self::Invoice => "invoice",
            Self::Item => "item",
            Self::Finalize => "finalize",
            Self::Pay => "pay",
            Self::Void => "void",
            Self::CreditNote => "credit-note",
            Self::VoidCreditNote => "void-credit-note",
        }
    }
}

/// A POST without the ids that only Stripe knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What it is for.
    pub step: Step,
    /// The id of the document; of a customer the tenant, because every document of a tenant asks for the same one.
    pub of: String,
    /// As forms have them.
    pub params: Vec<(String, String)>,
}

impl Request {
    /// A request for a step of a document.
    #[must_use]
    pub fn new(step: Step, of: &str, params: Vec<(String, String)>) -> Self {
        Self { step, of: of.to_owned(), params }
    }

    /// The same, about an object of Stripe.
    #[must_use]
    pub fn about(mut self, name: &str, id: &str) -> Self {
        self.params.push((name.to_owned(), id.to_owned()));
        self
    }

    /// The key under which Stripe performs it once, however often it arrives. `path` has the ids that the parameters have
    /// not. A customer's key leaves out what the customer is called: two documents that are exported at the same time and
    /// name the buyer differently ask for one customer, not for two. `round` is above zero where Stripe keeps an answer under
    /// the keys before that is of no use.
    #[must_use]
    pub fn key(&self, path: &str, round: u32) -> String {
        let mut said = format!("{path}\n{}\n{round}\n", self.of);
        if self.step != Step::Customer {
            for (name, value) in &self.params {
                // Lengths, so that no text can be taken for two.
                let _ = writeln!(said, "{}:{name}{}:{value}", name.len(), value.len());
            }
        }
        let digest = sha256(said.as_bytes());
        format!("brink-{}-{}", self.step.word(), hex(&digest[..KEY_DIGEST_BYTES]))
    }
}

/// Collects parameters.
#[derive(Default)]
pub(super) struct Form(pub(super) Vec<(String, String)>);

impl Form {
    pub(super) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.push((name.to_owned(), value.into()));
        self
    }

    pub(super) fn maybe(self, name: &str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    pub(super) fn marked(self, name: &str, value: &str) -> Self {
        self.with(&format!("metadata[{name}]"), cut(value, METADATA_CHARS_MAX))
    }
}

/// At most so many characters; what is cut off is shown as cut off.
pub(super) fn cut(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(max.saturating_sub(1)).collect();
    short.push('…');
    short
}

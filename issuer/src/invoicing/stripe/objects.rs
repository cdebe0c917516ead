//! Objects of Stripe, as far as they are read.

use super::error::StripeError;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Where an invoice stands at Stripe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AtStripe {
    /// It can be changed and is owed by nobody.
    Draft,
    /// It is to be paid.
    Open,
    /// It was paid.
    Paid,
    /// Nobody expects it to be paid.
    Uncollectible,
    /// It counts no more.
    Void,
}

impl AtStripe {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Open => "open",
            Self::Paid => "paid",
            Self::Uncollectible => "uncollectible",
            Self::Void => "void",
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Invoice {
    pub(super) id: String,
    pub(super) status: AtStripe,
    pub(super) total: i64,
    pub(super) currency: String,
    pub(super) number: Option<String>,
    /// What of the customer's balance will be set against it.
    #[serde(default)]
    pub(super) starting_balance: i64,
    #[serde(default)]
    pub(super) pre_payment_credit_notes_amount: i64,
    #[serde(default)]
    pub(super) post_payment_credit_notes_amount: i64,
}

#[derive(Deserialize)]
pub(super) struct ItemThere {
    pub(super) amount: i64,
    pub(super) currency: String,
    #[serde(default)]
    pub(super) metadata: BTreeMap<String, String>,
}

#[derive(Deserialize)]
pub(super) struct CreditNote {
    pub(super) id: String,
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) status: String,
    pub(super) number: Option<String>,
}

/// Whether an object says in its metadata that it is this.
pub(super) fn is_marked(object: &Value, name: &str, value: &str) -> bool {
    object["metadata"][name].as_str() == Some(value)
}

pub(super) fn id_of(request: &str, object: &Value) -> Result<String, StripeError> {
    // It becomes part of a path.
    let is_id =
        |id: &&str| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    object["id"].as_str().filter(is_id).map(str::to_owned).ok_or_else(|| StripeError::Answer {
        request: request.to_owned(),
        what: "an object without an id".into(),
    })
}

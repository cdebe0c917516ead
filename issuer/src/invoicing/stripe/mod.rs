//! Invoices at Stripe: customers, invoices with their items, credit notes. An export changes nothing here and can be tried
//! again at any time: what is at Stripe is looked up first, by the ids of documents in its metadata.
//!
//! `plan` says what a document comes to, PURE, of `request`s and `money` in Stripe's units; `push` looks up and performs,
//! `credit` of credit notes, and both read `objects`; `client` speaks HTTP; `error` says what stopped it.
//!
//! ```no_run
//! use brink_issuer::invoicing::stripe::{Known, STRIPE_URL, StripeClient, push};
//! # fn export(document: &brink_issuer::invoicing::document::Document, key: brink_issuer::secret::Redacted,
//! #     now: brink_license::UnixSeconds) -> Result<(), brink_issuer::invoicing::stripe::StripeError> {
//! let client = StripeClient::new(STRIPE_URL, key)?;
//! push(&client, document, &Known { customer: None, now })?;
//! # Ok(()) }
//! ```

mod client;
mod credit;
mod error;
mod money;
mod objects;
mod plan;
mod push;
mod request;

pub use client::{Patience, STRIPE_URL, STRIPE_VERSION, StripeClient};
pub use error::{Refused, StripeError};
pub use objects::AtStripe;
pub use plan::{CreditPlan, End, Exported, ITEMS_MAX, InvoicePlan, Item, Plan, plan};
pub use push::{Known, Pushed, push};
pub use request::{Request, Step, metadata};

#[cfg(test)]
mod tests;

//! Invoices: from what is stored of a customer to documents that never change once they are issued.
//!
//! `document` is what an invoice is, for storage, exports and people alike; everything else in here makes, changes, shows or
//! hands on documents. Amounts come from [`crate::billing`] and from nowhere else.

pub mod document;
pub mod stripe;

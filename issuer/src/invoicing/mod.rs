//! Invoices: from what is stored of a customer to documents that never change once they are issued.
//!
//! `document` is what an invoice is, for storage, exports and people alike; everything else in here makes, changes, shows or
//! hands on documents. Amounts come from [`crate::billing`] and from nowhere else. `contract` and `usage` make what is rated of
//! what is stored, `closing` closes periods into `drafting`'s drafts, `standing` issues, pays, voids and discards, `account`
//! keeps profiles, wallets and costs, `explain` answers why.

mod account;
mod chart;
mod closing;
mod contract;
pub mod document;
mod drafting;
pub mod error;
mod explain;
pub mod export;
pub mod profile;
mod standing;
pub mod stripe;
mod usage;

pub use account::WalletOrder;
pub use closing::Closed;
pub use error::InvoiceError;
pub use explain::Explained;

use crate::catalog::{Meters, Versions};
use crate::clock::Clock;
use crate::standing::is_reason;
use crate::storage::{Actor, AuditNote, Storage};
use brink_license::{TenantId, UnixSeconds};
use std::sync::Arc;

/// The use cases of whoever invoices, over one database.
pub struct Invoicing {
    /// The database.
    pub storage: Arc<dyn Storage>,
    /// Every version of the catalogue that was sold.
    pub catalogs: Versions,
    /// Whether somebody said that a version of the catalogue is to have another text from now on.
    pub accepts_catalogs: bool,
    /// What meters are called today.
    pub meters: Meters,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Who acts.
    pub actor: Actor,
}

/// What the audit says: whose, when and who; the action; what it is about; in detail.
fn note(
    (tenant, at, actor): (Option<&TenantId>, UnixSeconds, &Actor),
    action: &'static str,
    subject: String,
    detail: serde_json::Value,
) -> AuditNote {
    AuditNote { tenant: tenant.cloned(), at, actor: actor.clone(), action, subject, detail }
}

fn check_reason(reason: &str) -> Result<(), InvoiceError> {
    if !reason.trim().is_empty() && is_reason(reason) { Ok(()) } else { Err(InvoiceError::Reason) }
}

#[cfg(test)]
mod tests;

//! The port to what is invoiced: profiles, documents, numbers, wallets, costs, and which periods are closed.
//!
//! Documents are made outside of a transaction, from a [`BillingView`], and recorded only if nothing of the tenant's was
//! recorded meanwhile: its *mark* says so. What is issued never changes but for where it stands; triggers keep it so.

use super::{AuditNote, Plan, StorageError, SubscriptionRow, TenantRow};
use crate::amount::Amount;
use crate::invoicing::document::{Days, Document, DocumentKind, Status};
use brink_license::{Slug, TenantId, UnixSeconds};
use chrono::NaiveDate;
use std::collections::BTreeMap;

/// Whose profile it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProfileOwner {
    /// Of whoever invoices.
    Seller,
    /// Of a customer.
    Tenant(TenantId),
}

impl ProfileOwner {
    /// The key in the database.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Seller => "",
            Self::Tenant(tenant) => tenant.as_str(),
        }
    }
}

/// A billing profile as it is kept: every setting is a new revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileRow {
    /// Rises by one.
    pub revision: u32,
    /// JSON, as it was accepted.
    pub body: String,
    /// When it was set.
    pub set_at: UnixSeconds,
    /// By whom.
    pub set_by: String,
}

/// What decides on a profile.
#[derive(Clone, Debug)]
pub struct ProfileView {
    /// The one that is there.
    pub current: Option<ProfileRow>,
    /// Periods of the tenant that are closed, the oldest first; none of the seller.
    pub closings: Vec<ClosingRow>,
}

/// A profile to add.
#[derive(Clone, Debug)]
pub struct NewProfile {
    /// JSON.
    pub body: String,
    /// What the audit says.
    pub note: AuditNote,
}

/// A period that is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosingRow {
    /// Its days.
    pub period: Days,
    /// When it was closed.
    pub at: UnixSeconds,
    /// By whom.
    pub by: String,
}

/// One entry of a wallet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalletRow {
    /// Rises by one.
    pub seq: u64,
    /// When.
    pub at: UnixSeconds,
    /// In minor units; negative where it pays.
    pub minor: i64,
    /// The document that it comes from or pays.
    pub document: Option<String>,
    /// Why.
    pub reason: String,
    /// Who.
    pub actor: String,
}

/// An entry to add to a wallet.
#[derive(Clone, Debug)]
pub struct NewWalletEntry {
    /// In minor units; negative where it pays.
    pub minor: i64,
    /// The document that it comes from or pays.
    pub document: Option<String>,
    /// Why.
    pub reason: String,
    /// What the audit says.
    pub note: AuditNote,
}

/// What decides on an entry.
#[derive(Clone, Debug)]
pub struct WalletView {
    /// Whose.
    pub tenant: TenantRow,
    /// What is in it, in minor units.
    pub balance_minor: i64,
}

/// What something that is passed through has cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CostRow {
    /// The day whose period pays for it.
    pub on: NaiveDate,
    /// Of which meter.
    pub meter: Slug,
    /// Currency units of the tenant's, with a sign.
    pub amount: Amount,
    /// Why.
    pub reason: String,
    /// Who.
    pub actor: String,
    /// When.
    pub at: UnixSeconds,
}

/// A cost to add.
#[derive(Clone, Debug)]
pub struct NewCost {
    /// The cost; `actor` and `at` are the note's.
    pub on: NaiveDate,
    /// Of which meter.
    pub meter: Slug,
    /// Currency units, with a sign.
    pub amount: Amount,
    /// Why.
    pub reason: String,
    /// What the audit says.
    pub note: AuditNote,
}

/// What a tenant's invoices are made of, but for its usage.
#[derive(Clone, Debug)]
pub struct BillingView {
    /// The tenant.
    pub tenant: TenantRow,
    /// Every version of its subscription, the oldest first.
    pub versions: Vec<SubscriptionRow>,
    /// Its profile.
    pub profile: Option<ProfileRow>,
    /// The seller's.
    pub seller: Option<ProfileRow>,
    /// Periods that are closed, the oldest first.
    pub closings: Vec<ClosingRow>,
    /// Every document with a line of a period that began on or after the day that was asked for, the oldest first.
    pub documents: Vec<Document>,
    /// What was passed through.
    pub costs: Vec<CostRow>,
    /// The text of each version of the catalogue that something was invoiced by, of any tenant: its SHA-256.
    pub catalogs: BTreeMap<u64, [u8; 32]>,
    /// Rises with whatever is recorded of its invoices.
    pub mark: u64,
}

/// What something was added up from, by its digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BillingEvidence {
    /// SHA-256 of the body.
    pub digest: [u8; 32],
    /// Lines of day, device, meter, quantity and count.
    pub body: String,
}

/// A period that is closed, with what came of it.
#[derive(Clone, Debug)]
pub struct NewClosing {
    /// The mark that it was made under.
    pub mark: u64,
    /// The period.
    pub period: Days,
    /// Drafts.
    pub documents: Vec<Document>,
    /// What their usage was added up from.
    pub evidence: Vec<BillingEvidence>,
    /// Whether these may be other texts than before.
    pub accepts_catalogs: bool,
    /// The versions of the catalogue that they were made by, with their texts' SHA-256.
    pub catalogs: BTreeMap<u64, [u8; 32]>,
    /// What the audit says.
    pub note: AuditNote,
}

/// Which documents.
#[derive(Clone, Debug, Default)]
pub struct DocumentQuery {
    /// Of this tenant alone.
    pub tenant: Option<TenantId>,
    /// That stand so.
    pub status: Option<Status>,
    /// Of this sort.
    pub kind: Option<DocumentKind>,
    /// Of periods that were closed and begin on or after this day.
    pub from: Option<NaiveDate>,
    /// Of periods that begin before this day.
    pub to: Option<NaiveDate>,
    /// Behind this one, in the order in which they were made.
    pub after: Option<(UnixSeconds, String)>,
    /// At most so many.
    pub limit: Option<u32>,
}

/// What decides on what becomes of a document.
#[derive(Clone, Debug)]
pub struct DocumentView {
    /// The document.
    pub document: Document,
    /// The one that it credits.
    pub credited: Option<Document>,
    /// Notes that credit it and count, drafts included: how each is called.
    pub notes: Vec<String>,
    /// Who invoices.
    pub seller: Option<ProfileRow>,
    /// Who is invoiced.
    pub buyer: Option<ProfileRow>,
    /// The tenant.
    pub tenant: TenantRow,
    /// The number that was given last in this document's series; 0 before the first.
    pub last_number: u64,
    /// What is in the wallet, in minor units.
    pub wallet_minor: i64,
}

/// What becomes of a document.
#[derive(Clone, Debug)]
pub enum DocumentChange {
    /// A draft goes, and its lines are billed again with the next period that is closed.
    Discard,
    /// It gets the next number of its series.
    Issue {
        /// As it is issued; never changed again.
        document: Box<Document>,
        /// Which number in the series that is: one above the last.
        ordinal: u64,
    },
    /// It stands otherwise: paid, or void.
    Stands(Box<Document>),
}

/// A change, and what goes with it.
#[derive(Clone, Debug)]
pub struct NewDocumentChange {
    /// The change.
    pub change: DocumentChange,
    /// What goes into or out of the wallet.
    pub wallet: Option<NewWalletEntry>,
    /// What the audit says.
    pub note: AuditNote,
}

/// What is asked of and added to what is invoiced.
pub trait InvoiceBooks: Send + Sync {
    /// A profile as it was set last.
    fn profile(&self, owner: &ProfileOwner) -> Result<Option<ProfileRow>, StorageError>;

    /// Sets a profile; the plan sees what decides on it.
    fn set_profile(
        &self,
        owner: &ProfileOwner,
        plan: Plan<'_, ProfileView, NewProfile>,
    ) -> Result<(), StorageError>;

    /// The periods of a tenant that are closed, the oldest first.
    fn closings(&self, tenant: &TenantId) -> Result<Vec<ClosingRow>, StorageError>;

    /// What a tenant's invoices are made of; documents with lines of periods from a day on.
    fn billing_view(&self, tenant: &TenantId, from: NaiveDate) -> Result<BillingView, StorageError>;

    /// Records a closing; `false` where the mark, or the text of a catalogue, is another by now, and nothing was recorded.
    fn close_period(&self, tenant: &TenantId, new: &NewClosing) -> Result<bool, StorageError>;

    /// A document by its id or number.
    fn document(&self, name: &str) -> Result<Document, StorageError>;

    /// Those that are asked for, in the order in which they were made.
    fn documents(&self, query: &DocumentQuery) -> Result<Vec<Document>, StorageError>;

    /// Changes what becomes of a document.
    fn change_document(
        &self,
        name: &str,
        plan: Plan<'_, DocumentView, NewDocumentChange>,
    ) -> Result<(), StorageError>;

    /// What usage was added up from.
    fn billing_evidence(&self, digest: &[u8; 32]) -> Result<Option<BillingEvidence>, StorageError>;

    /// Every entry of a wallet, the oldest first.
    fn wallet(&self, tenant: &TenantId) -> Result<Vec<WalletRow>, StorageError>;

    /// Adds an entry to a wallet.
    fn add_to_wallet(
        &self,
        tenant: &TenantId,
        plan: Plan<'_, WalletView, NewWalletEntry>,
    ) -> Result<(), StorageError>;

    /// Adds a cost; the plan sees the tenant.
    fn add_cost(&self, tenant: &TenantId, plan: Plan<'_, TenantRow, NewCost>) -> Result<(), StorageError>;
}

//! The port to the audit: its lines, what was signed, and the seals over both. Lines are written by the transactions that
//! they describe; what is added here by itself describes no change: a denial, an export, a seal.

use super::{AuditNote, Plan, StorageError, Take};
use crate::audit::{ChainHead, LineHash, LineText, chain_name};
use brink_license::{DeviceId, Kid, TenantId, UnixSeconds};

/// A line as it stands in its chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Whose chain; `None` for the issuer's own.
    pub tenant: Option<TenantId>,
    /// Its number in the chain, from 1; `None` for a line from before there were chains.
    pub seq: Option<u64>,
    /// Its place within the chain: its number, or below 0 for a line from before there were chains.
    pub order: i64,
    /// When.
    pub at: UnixSeconds,
    /// Who.
    pub actor: String,
    /// What.
    pub action: String,
    /// On what.
    pub subject: String,
    /// Particulars: JSON, as it is stored.
    pub detail: String,
    /// What it is kept with; `None` for a line from before there were chains.
    pub hash: Option<LineHash>,
}

impl AuditEntry {
    /// What its hash is taken over.
    #[must_use]
    pub fn text(&self) -> LineText<'_> {
        let Self { at, actor, action, subject, detail, .. } = self;
        LineText { at: *at, actor, action, subject, detail }
    }

    /// Its place among all.
    #[must_use]
    pub fn place(&self) -> LinePlace {
        let chain = chain_name(self.tenant.as_ref()).to_owned();
        LinePlace { at: self.at, chain, order: self.order }
    }
}

/// Whose lines, or whose documents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Whose {
    /// Everybody's, and the issuer's own.
    #[default]
    All,
    /// The issuer's own alone.
    Issuer,
    /// A tenant's alone.
    Tenant(TenantId),
}

/// Where a line stands among all: by moment, then chain, then its place there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinePlace {
    /// When.
    pub at: UnixSeconds,
    /// The tenant; empty for the issuer's own chain.
    pub chain: String,
    /// Its number, or below 0 for a line from before there were chains.
    pub order: i64,
}

impl Whose {
    /// The one chain that is meant, by its name in the database; `None` for all.
    #[must_use]
    pub fn chain(&self) -> Option<&str> {
        match self {
            Self::All => None,
            Self::Issuer => Some(chain_name(None)),
            Self::Tenant(tenant) => Some(chain_name(Some(tenant))),
        }
    }
}

/// Which lines, newest first.
#[derive(Clone, Debug, Default)]
pub struct AuditQuery {
    /// Of which chains.
    pub whose: Whose,
    /// On this alone.
    pub subject: Option<String>,
    /// Of this action alone.
    pub action: Option<String>,
    /// From this moment on.
    pub from: Option<UnixSeconds>,
    /// Before this moment.
    pub to: Option<UnixSeconds>,
    /// Behind this line of the same order.
    pub before: Option<LinePlace>,
    /// At most so many.
    pub limit: u32,
}

/// The kinds of signed documents that are kept.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum IssuedKind {
    /// A licence.
    License,
    /// An extension of one.
    Extension,
    /// A list of revoked licences.
    Revocations,
    /// The answer to a clock challenge.
    ClockReset,
}

impl IssuedKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::License, Self::Extension, Self::Revocations, Self::ClockReset];

    /// The word in the database, messages and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::License => "license",
            Self::Extension => "extension",
            Self::Revocations => "revocations",
            Self::ClockReset => "clock_reset",
        }
    }
}

/// A document that was signed for devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedDocument {
    /// Whose.
    pub tenant: TenantId,
    /// For which device; `None` for a list, which is for all of the tenant's.
    pub device: Option<DeviceId>,
    /// What it is.
    pub kind: IssuedKind,
    /// The activation that it is for; 0 for a list.
    pub epoch: u32,
    /// A licence's or an extension's number, a list's version; 0 for a clock reset.
    pub number: u64,
    /// A licence's token id, or the challenge of a clock reset in hexadecimal; else empty.
    pub id: String,
    /// The key that signed.
    pub kid: Kid,
    /// When.
    pub iat: UnixSeconds,
    /// When it ends for good, if it does.
    pub until: Option<UnixSeconds>,
    /// The document itself.
    pub token: String,
}

/// Which documents, newest first.
#[derive(Clone, Debug, Default)]
pub struct IssuedQuery {
    /// Of this tenant alone.
    pub tenant: Option<TenantId>,
    /// For this device alone.
    pub device: Option<DeviceId>,
    /// Of this kind alone.
    pub kind: Option<IssuedKind>,
    /// Behind this document of the same order.
    pub before: Option<IssuedPlace>,
    /// At most so many.
    pub limit: u32,
}

/// Where a document stands among all: by moment, then tenant, device, kind, epoch, number and id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedPlace {
    /// When it was signed.
    pub iat: UnixSeconds,
    /// Whose.
    pub tenant: String,
    /// For which device; empty for a list.
    pub device: String,
    /// Its kind's word.
    pub kind: String,
    /// The activation.
    pub epoch: u32,
    /// Its number.
    pub number: u64,
    /// Its id.
    pub id: String,
}

impl IssuedDocument {
    /// Its place.
    #[must_use]
    pub fn place(&self) -> IssuedPlace {
        IssuedPlace {
            iat: self.iat,
            tenant: self.tenant.to_string(),
            device: self.device.as_ref().map(ToString::to_string).unwrap_or_default(),
            kind: self.kind.as_str().to_owned(),
            epoch: self.epoch,
            number: self.number,
            id: self.id.clone(),
        }
    }
}

/// Where a chain stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptHead {
    /// Whose; `None` for the issuer's own.
    pub tenant: Option<TenantId>,
    /// Its last line.
    pub head: ChainHead,
    /// The number that was sealed last; 0 if none was.
    pub sealed: u64,
    /// When that was.
    pub sealed_at: Option<UnixSeconds>,
}

/// The issuer's signed word on where a chain stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    /// Whose; `None` for the issuer's own.
    pub tenant: Option<TenantId>,
    /// The line that it speaks of.
    pub head: ChainHead,
    /// The key that signed.
    pub kid: Kid,
    /// When.
    pub iat: UnixSeconds,
    /// The document itself.
    pub token: String,
}

/// Everything that the audit consists of, piece by piece, to be held against itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditHeld {
    /// A line from before there were chains. These come first, in their order.
    Earlier(AuditEntry),
    /// The next chain: the issuer's own, and then those of the tenants; everything up to the next of these is its own.
    Chain(Option<TenantId>),
    /// Where that chain stands, as a storage that keeps this beside the lines has it.
    Head(ChainHead),
    /// A seal over that chain.
    Seal(Seal),
    /// The next line of that chain, behind its seals.
    Line(AuditEntry),
    /// A document of that tenant, behind the lines, by device, kind, epoch and number.
    Issued(IssuedDocument),
}

/// What is asked of the audit.
pub trait AuditBooks: Send + Sync {
    /// Lines, newest first.
    fn audit_lines(&self, query: &AuditQuery) -> Result<Vec<AuditEntry>, StorageError>;

    /// Everything that is kept, as of one moment.
    fn audit_held(&self, take: Take<'_, AuditHeld>) -> Result<(), StorageError>;

    /// Adds a line that describes no change.
    fn add_note(&self, note: &AuditNote) -> Result<(), StorageError>;

    /// Documents, newest first.
    fn issued(&self, query: &IssuedQuery) -> Result<Vec<IssuedDocument>, StorageError>;

    /// Adds seals; the plan sees every chain that has a line, by tenant, the issuer's own first. A seal over a line that
    /// has one already changes nothing.
    fn seal_audit(&self, plan: Plan<'_, Vec<KeptHead>, Vec<Seal>>) -> Result<(), StorageError>;

    /// The newest seal of each chain.
    fn newest_seals(&self, whose: &Whose) -> Result<Vec<Seal>, StorageError>;
}

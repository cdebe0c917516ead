//! Notices as they are recorded, and what their plans see.

use super::plans::AuditNote;
use brink_license::token::{NoticeKind, RevokedLicence};
use brink_license::{Kid, TenantId, UnixSeconds};

/// A notice that a device should have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedNotice {
    /// Its kind.
    pub kind: NoticeKind,
    /// Rises with every notice of its kind.
    pub number: u64,
    /// The key that signed.
    pub kid: Kid,
    /// The token itself.
    pub token: String,
}

/// A tenant's licences that should not run any more, and the list that it has.
#[derive(Clone, Debug)]
pub struct RevocationsView {
    /// The tenant.
    pub tenant: TenantId,
    /// The list in force.
    pub latest: Option<RevocationList>,
    /// What could still run although it should not, by licence id.
    pub revoked: Vec<RevokedRow>,
}

/// A licence that should not run any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevokedRow {
    /// The licence, up to its newest token that is revoked.
    pub licence: RevokedLicence,
    /// When the last of these tokens ends by itself.
    pub until: UnixSeconds,
}

/// A signed list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationList {
    /// Rises by one.
    pub version: u64,
    /// The key that signed.
    pub kid: Kid,
    /// Issued.
    pub iat: UnixSeconds,
    /// When it can be forgotten.
    pub until: UnixSeconds,
    /// Digest of what it names.
    pub content_sha256: [u8; 32],
    /// The token itself.
    pub token: String,
}

/// A list to add.
#[derive(Clone, Debug)]
pub struct NewRevocations {
    /// Its version is one above the latest.
    pub list: RevocationList,
    /// What the audit says.
    pub note: AuditNote,
}

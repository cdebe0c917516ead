//! Notices as they are recorded, and what their plans see.

use super::plans::{AuditNote, DeviceView};
use super::rows::DeviceRow;
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
    /// Rises.
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

/// What an extension is decided on.
#[derive(Clone, Debug)]
pub struct ExtensionView {
    /// The device.
    pub device: DeviceView,
    /// What the licences that it may still hold have at most, over or not: an extension puts them in force.
    pub revived: Share,
    /// What it holds as it is.
    pub held: Share,
    /// What the tenant's other devices hold, and keys of epochs that are over.
    pub held_elsewhere: Share,
    /// Its extensions, oldest first.
    pub earlier: Vec<Extension>,
}

/// Seats and a part of the quotas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Seats.
    pub seats: u64,
    /// Parts per million of the tenant's quotas.
    pub quota_ppm: u64,
}

/// A signed extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// Rises by one for each device.
    pub number: u64,
    /// The key that signed.
    pub kid: Kid,
    /// Issued.
    pub iat: UnixSeconds,
    /// What is in force goes on until here.
    pub until: UnixSeconds,
    /// The token itself.
    pub token: String,
}

/// An extension to add.
#[derive(Clone, Debug)]
pub struct NewExtension {
    /// Its number is one above the latest.
    pub extension: Extension,
    /// What the audit says.
    pub note: AuditNote,
}

/// What a clock challenge is decided on.
#[derive(Clone, Debug)]
pub struct ClockResetView {
    /// The device.
    pub device: DeviceRow,
    /// The answer that this challenge has had.
    pub answered: Option<ClockReset>,
}

/// A signed answer to a clock challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClockReset {
    /// The key that signed.
    pub kid: Kid,
    /// Issued.
    pub iat: UnixSeconds,
    /// The token itself.
    pub token: String,
}

/// An answer to add.
#[derive(Clone, Debug)]
pub struct NewClockReset {
    /// The only one of its challenge.
    pub reset: ClockReset,
    /// What the audit says.
    pub note: AuditNote,
}

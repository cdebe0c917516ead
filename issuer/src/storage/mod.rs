//! The storage port. Each method is one whole transaction: it happens entirely or not at all, and what it returns was
//! durable before it returned. Callers in async code move it to a blocking thread.
//!
//! Some methods take a *plan*: a pure closure that sees what was read inside the write transaction and answers what
//! to record. So a sequence number is allotted, the token signed and both recorded before anything leaves, and the
//! rules stay out of the adapters. A plan that answers `None` writes nothing. An adapter may run a plan again after a
//! conflict; the last run counts.

mod audit;
mod books;
mod clones;
mod columns;
mod credentials;
mod directory;
mod error;
mod fleet;
mod invoice_rows;
mod invoices;
mod legacy;
mod notices;
mod plans;
pub mod postgres;
mod probes;
mod readers;
mod remembered;
mod rows;
mod seats;
mod sold;
pub mod sqlite;
mod subscriptions;
mod trials;
mod upkeep;
mod usage;

pub use audit::{
    AuditBooks, AuditEntry, AuditHeld, AuditQuery, IssuedDocument, IssuedKind, IssuedPlace, IssuedQuery,
    KeptHead, LinePlace, Seal, Whose,
};
pub use books::{
    BookedRecord, ChainRow, ChainStanding, CorrectionPlace, CorrectionRow, CorrectionView, Held, Lacks,
    LossRow, NewCorrection, Origin, QuarantineRow, QuarantineScope, RecordScope, Replay, SignedRow,
    Statement, SumScope, Take, UsageBooks, UsageSum,
};
pub use clones::{Answered, AuditLine, Consequence, EpochEnd, NewAnew, NewPolicy, Seen};
pub use credentials::{ApiKeyRow, Credentials, KeyPlace, NewApiKey};
pub use directory::{CodeListed, DeviceQuery, Directory, Place, QuarantineQuery, TenantChange};
pub use error::StorageError;
pub use fleet::{DeviceFacts, FleetBooks, NewestKeyset};
pub use invoices::{
    BillingEvidence, BillingView, ClosingRow, CostRow, DocumentChange, DocumentQuery, DocumentView,
    InvoiceBooks, NewClosing, NewCost, NewDocumentChange, NewProfile, NewWalletEntry, ProfileOwner,
    ProfileRow, ProfileView, WalletRow, WalletView,
};
pub use legacy::{
    Contact, Heartbeat, INTERVALS_MAX, LEGACY_EPOCH, LegacyAsked, LegacyBooks, LegacyDevice, LegacyName,
    LegacyPolicy, LegacyPosting, LegacyView, NewLegacyDevice, NewLegacyPolicy, Seat,
};
pub use notices::{
    ClockReset, ClockResetView, Extension, ExtensionView, IssuedNotice, NewClockReset, NewExtension,
    NewRevocations, RevocationList, RevocationsView, RevokedRow, Share,
};
pub use plans::{
    Activation, ActivationView, Answer, AnswerKind, AnswerMark, AssignmentView, AuditNote, CameraChange,
    DeviceListed, DeviceView, Elsewhere, Founding, Holder, NewCode, NewManifest, Posting, Report, Retirement,
    RetirementView, StandingChange, Transfer,
};
pub use probes::{Holdings, Pool, Probes};
pub use remembered::{Asked, NamedRequest, Remembering, Sealed, Work};
pub use rows::{
    Actor, AdminKeyRow, Anew, CameraRow, ClonePolicy, CodeRow, DeviceRow, DeviceStatus, ExchangeState,
    IssuerRow, LicenceRow, PastEpoch, Reaction, TenantRow, Tier, TrialWindow, Withdrawn,
};

pub(crate) use columns::enforce_of;
pub use seats::{NewSeatReport, SeatConflict, SeatReport, SeatedCamera, SeatsKnown};
pub use sold::{CameraEvent, DeviceLife, SoldBooks};
pub use subscriptions::{
    Agreed, InForce, Made, NewVersions, SubscriptionRow, SubscriptionView, Terms, TimelineView, VersionListed,
};
pub use trials::{NewReminders, TrialBooks, TrialReminder, TrialView};
pub use upkeep::{Dropped, Upkeep, UpkeepOrder, Upkept};
pub use usage::{
    BatchAsked, ChainView, CursorRow, Evidence, LossReason, NewBatch, NewFork, NewLoss, NewRecord, NewUsage,
    Quarantine, QuarantineReason, RecountedRecord, StoredRecord, Sum, SumKey, SumRow, UsageAsked, UsageView,
};

use brink_license::{CameraId, DeviceId, Kid, PublicKey, TenantId, TokenId, UnixSeconds};

/// A plan over what one write transaction has read.
pub type Plan<'p, View, Record> = &'p mut dyn FnMut(&View) -> Option<Record>;

/// What the issuer keeps.
pub trait Storage:
    UsageBooks
    + AuditBooks
    + Upkeep
    + TrialBooks
    + Probes
    + Credentials
    + Directory
    + Remembering
    + FleetBooks
    + SoldBooks
    + InvoiceBooks
    + LegacyBooks
{
    /// Records the issuer, its first manifest and its admin key.
    fn found(&self, founding: &Founding) -> Result<(), StorageError>;

    /// Who this database belongs to.
    fn issuer(&self) -> Result<IssuerRow, StorageError>;

    /// Every manifest, oldest first.
    fn manifests(&self) -> Result<Vec<Vec<u8>>, StorageError>;

    /// The version of the newest manifest: the cheap look before any request is answered.
    fn newest_manifest(&self) -> Result<u64, StorageError>;

    /// Adds the next manifest; the plan sees every one before it, oldest first.
    fn add_manifest(&self, plan: Plan<'_, Vec<Vec<u8>>, NewManifest>) -> Result<(), StorageError>;

    /// Adds a tenant.
    fn create_tenant(&self, tenant: &TenantRow, actor: &Actor) -> Result<(), StorageError>;

    /// A tenant alone.
    fn tenant_row(&self, tenant: &TenantId) -> Result<TenantRow, StorageError>;

    /// A tenant and the subscription in force at `at`.
    fn tenant(&self, tenant: &TenantId, at: UnixSeconds) -> Result<SubscriptionView, StorageError>;

    /// A tenant and every version of its subscription.
    fn timeline(&self, tenant: &TenantId) -> Result<TimelineView, StorageError>;

    /// Every tenant, by id.
    fn tenants(&self) -> Result<Vec<TenantRow>, StorageError>;

    /// Changes what happens when a device of a tenant seems to run twice.
    fn set_policy(&self, tenant: &TenantId, plan: Plan<'_, TenantRow, NewPolicy>)
    -> Result<(), StorageError>;

    /// Adds versions to a tenant's subscription.
    fn add_versions(
        &self,
        tenant: &TenantId,
        plan: Plan<'_, TimelineView, NewVersions>,
    ) -> Result<(), StorageError>;

    /// Adds an activation code and the devices it will activate.
    fn create_code(&self, code: &NewCode, actor: &Actor) -> Result<(), StorageError>;

    /// Changes which cameras sit on a device; `cameras` are the ones that the plan asks about, under the subscription of `now`.
    fn change_cameras(
        &self,
        device: &DeviceId,
        cameras: &[CameraId],
        now: UnixSeconds,
        plan: Plan<'_, AssignmentView, CameraChange>,
    ) -> Result<(), StorageError>;

    /// Takes a device out of service; `successor` is one that is there already.
    fn retire(
        &self,
        device: &DeviceId,
        successor: Option<&DeviceId>,
        now: UnixSeconds,
        plan: Plan<'_, RetirementView, Retirement>,
    ) -> Result<(), StorageError>;

    /// Every device of a tenant, oldest first.
    fn devices(&self, tenant: &TenantId, now: UnixSeconds) -> Result<Vec<DeviceListed>, StorageError>;

    /// Everything that decides on a device's licence at `now`.
    fn device(&self, device: &DeviceId, now: UnixSeconds) -> Result<DeviceView, StorageError>;

    /// The key of a device, if it is activated: the cheap look before anything large is read.
    fn device_key(&self, device: &DeviceId) -> Result<Option<PublicKey>, StorageError>;

    /// What is known of a device's unnamed seats.
    fn seats(&self, device: &DeviceId) -> Result<SeatsKnown, StorageError>;

    /// Which of these cameras, on unnamed seats of this device, are on another one as well.
    fn seat_conflicts(
        &self,
        device: &DeviceId,
        cameras: &[CameraId],
    ) -> Result<Vec<SeatConflict>, StorageError>;

    /// The token with this id that was minted for a device.
    fn minted(&self, device: &DeviceId, jti: &TokenId) -> Result<Option<LicenceRow>, StorageError>;

    /// Changes how a device's licence stands.
    fn change_standing(
        &self,
        device: &DeviceId,
        plan: Plan<'_, DeviceRow, StandingChange>,
    ) -> Result<(), StorageError>;

    /// Adds a list of revoked licences to a tenant's.
    fn list_revoked(
        &self,
        tenant: &TenantId,
        now: UnixSeconds,
        plan: Plan<'_, RevocationsView, NewRevocations>,
    ) -> Result<(), StorageError>;

    /// Adds a code that activates a device anew.
    fn reactivate(
        &self,
        device: &DeviceId,
        now: UnixSeconds,
        plan: Plan<'_, DeviceView, NewAnew>,
    ) -> Result<(), StorageError>;

    /// What the audit says of copies of a device, newest first: at most `limit` lines, and every fork of its usage with
    /// `known`, the device's word that is on record, and `other`, the one that contradicts it.
    fn evidence(&self, device: &DeviceId, limit: u32) -> Result<Vec<AuditLine>, StorageError>;

    /// Whether this was the key of an earlier epoch of the device.
    fn was_key(&self, device: &DeviceId, jkt: &Kid) -> Result<bool, StorageError>;

    /// Whether this request of the device was answered before, among the newest of its epoch.
    fn was_answered(&self, device: &DeviceId, mark: &AnswerMark) -> Result<bool, StorageError>;
    /// Adds an extension to a device's licence, and holds its seats for as long.
    fn extend(
        &self,
        device: &DeviceId,
        now: UnixSeconds,
        plan: Plan<'_, ExtensionView, NewExtension>,
    ) -> Result<(), StorageError>;

    /// Adds the answer to a device's clock challenge.
    fn reset_clock(
        &self,
        device: &DeviceId,
        nonce: &[u8; 32],
        plan: Plan<'_, ClockResetView, NewClockReset>,
    ) -> Result<(), StorageError>;

    /// The devices, other than this one, that hold most seats at `now`; at most `limit`.
    fn holders(&self, device: &DeviceId, now: UnixSeconds, limit: u32) -> Result<Vec<Holder>, StorageError>;

    /// The stored answer to a request that was answered before: same key, kind, counter and body.
    fn answered(&self, jkt: &Kid, mark: &AnswerMark) -> Result<Option<Vec<u8>>, StorageError>;

    /// Spends a code: records the device's key, its first licence and the answer.
    fn activate(
        &self,
        code_sha256: &[u8; 32],
        jkt: &Kid,
        now: UnixSeconds,
        plan: Plan<'_, ActivationView, Activation>,
    ) -> Result<(), StorageError>;

    /// Records what one device brings and gets: report, licence, answer, usage, notes. The plan sees of usage what is asked.
    fn settle(
        &self,
        device: &DeviceId,
        now: UnixSeconds,
        asked: &UsageAsked,
        plan: Plan<'_, DeviceView, Posting>,
    ) -> Result<(), StorageError>;

    /// Every sum of a device's usage, while `visit` sees every record that is in them.
    fn recount(
        &self,
        device: &DeviceId,
        visit: &mut dyn FnMut(&RecountedRecord),
    ) -> Result<Vec<SumRow>, StorageError>;
}

//! The port to what an admin looks up, page by page. A page is a number of rows behind a place in an order that new rows do
//! not disturb: whoever walks all pages sees everything that was there from start to end, once.

use super::{
    AuditNote, ClonePolicy, CorrectionRow, DeviceListed, DeviceStatus, Plan, QuarantineRow, StorageError,
    TenantRow, Tier, VersionListed,
};
use brink_license::{DeviceId, TenantId, UnixSeconds};

/// Which devices of a tenant, the oldest first.
#[derive(Clone, Debug)]
pub struct DeviceQuery {
    /// Whose.
    pub tenant: TenantId,
    /// This one alone.
    pub device: Option<DeviceId>,
    /// Those that stand so alone.
    pub status: Option<DeviceStatus>,
    /// Those of this class alone.
    pub tier: Option<Tier>,
    /// Those alone that were not answered since.
    pub unseen_since: Option<UnixSeconds>,
    /// Behind this place.
    pub after: Option<Place>,
    /// At most so many; `None` for all.
    pub limit: Option<u32>,
}

impl DeviceQuery {
    /// All devices of a tenant.
    #[must_use]
    pub const fn all(tenant: TenantId) -> Self {
        let (device, status, tier, unseen_since, after, limit) = (None, None, None, None, None, None);
        Self { tenant, device, status, tier, unseen_since, after, limit }
    }
}

/// A place in an order by the moment when something was made, and then by its id.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Place {
    /// When it was made, in seconds since 1970.
    pub at: i64,
    /// Its id; of a code the hexadecimal digits of its digest.
    pub id: String,
}

/// What is to become of a tenant. What is `None` stays.
#[derive(Clone, Debug)]
pub struct TenantChange {
    /// Its name.
    pub name: Option<String>,
    /// What happens when a device of its seems to run twice.
    pub clones: Option<ClonePolicy>,
    /// What the audit says.
    pub note: AuditNote,
}

/// A code of a list. Not the code itself, which nobody has but who got it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeListed {
    /// SHA-256 of the code.
    pub code_sha256: [u8; 32],
    /// The class of its devices.
    pub tier: Tier,
    /// Devices that it activates.
    pub uses: u32,
    /// Devices that it has activated.
    pub used: u32,
    /// When it expires.
    pub expires_at: UnixSeconds,
    /// When it was made.
    pub created_at: UnixSeconds,
}

/// Which of a tenant's quarantine, the oldest first.
#[derive(Clone, Debug)]
pub struct QuarantineQuery {
    /// Whose.
    pub tenant: TenantId,
    /// Of this device alone.
    pub device: Option<DeviceId>,
    /// Also what was lifted.
    pub lifted: bool,
    /// Behind this number.
    pub after: i64,
    /// At most so many.
    pub limit: u32,
}

/// What is asked by who looks things up.
pub trait Directory: Send + Sync {
    /// Whose a device is, if there is one.
    fn tenant_of(&self, device: &DeviceId) -> Result<Option<TenantId>, StorageError>;

    /// Tenants behind this one, by id.
    fn tenants_page(&self, after: Option<&TenantId>, limit: u32) -> Result<Vec<TenantRow>, StorageError>;

    /// Changes a tenant.
    fn change_tenant(
        &self,
        tenant: &TenantId,
        plan: Plan<'_, TenantRow, TenantChange>,
    ) -> Result<(), StorageError>;

    /// Versions of a tenant's subscription below this one, the newest first.
    fn subscriptions_page(
        &self,
        tenant: &TenantId,
        below: Option<u32>,
        limit: u32,
    ) -> Result<Vec<VersionListed>, StorageError>;

    /// Devices, as they stand at `now`.
    fn devices_page(&self, query: &DeviceQuery, now: UnixSeconds) -> Result<Vec<DeviceListed>, StorageError>;

    /// The activation codes of a tenant, the oldest first.
    fn codes_page(
        &self,
        tenant: &TenantId,
        after: Option<&Place>,
        limit: u32,
    ) -> Result<Vec<CodeListed>, StorageError>;

    /// What is set aside.
    fn quarantine_page(&self, query: &QuarantineQuery) -> Result<Vec<QuarantineRow>, StorageError>;

    /// One that is or was set aside.
    fn quarantined(&self, id: i64) -> Result<Option<QuarantineRow>, StorageError>;

    /// Corrections of a tenant behind this number, the oldest first.
    fn corrections_page(
        &self,
        tenant: &TenantId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<CorrectionRow>, StorageError>;
}

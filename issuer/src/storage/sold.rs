//! The port to what was sold over time, beside the versions of subscriptions: which packs cameras had, and how long devices
//! were there.

use super::StorageError;
use super::columns::{Columns, column, damaged, optional_seconds, parsed, seconds, tier};
use super::rows::Tier;
use brink_license::{CameraId, DeviceId, Slug, TenantId, UnixSeconds};

/// What a camera has from an instant on, until there is another one of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CameraEvent {
    /// The camera.
    pub camera: CameraId,
    /// From when on.
    pub at: UnixSeconds,
    /// The device that it is on; `None` where it was taken off.
    pub device: Option<DeviceId>,
    /// Its packs beside the implied one, sorted; none where it was taken off.
    pub packs: Vec<Slug>,
}

/// How long a device was there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceLife {
    /// The device.
    pub device: DeviceId,
    /// Its class.
    pub tier: Tier,
    /// When it was activated first; another key later on changes nothing of that.
    pub activated_at: UnixSeconds,
    /// Until when another customer paid for it, which it came from.
    pub billed_from: Option<UnixSeconds>,
    /// When it was taken out of service.
    pub retired_at: Option<UnixSeconds>,
}

/// What is asked by whoever makes invoices.
pub trait SoldBooks: Send + Sync {
    /// Everything that happened to a tenant's cameras, in the order of the instants and, at one, in that in which it was
    /// recorded. Of one camera the instants never go back.
    fn camera_history(&self, tenant: &TenantId) -> Result<Vec<CameraEvent>, StorageError>;

    /// Every device of a tenant that was ever activated, the earliest first.
    fn device_lives(&self, tenant: &TenantId) -> Result<Vec<DeviceLife>, StorageError>;
}

pub(super) fn camera_event(row: &impl Columns) -> Result<CameraEvent, StorageError> {
    let device: Option<&str> = column(row, "device")?;
    let device = device.map(|text| DeviceId::parse(text).map_err(|e| damaged("camera_history.device", e)));
    let packs = serde_json::from_str(column(row, "packs")?);
    Ok(CameraEvent {
        camera: parsed(row, "camera")?,
        at: seconds(row, "at")?,
        device: device.transpose()?,
        packs: packs.map_err(|e| damaged("camera_history.packs", e))?,
    })
}

pub(super) fn device_life(row: &impl Columns) -> Result<DeviceLife, StorageError> {
    Ok(DeviceLife {
        device: parsed(row, "id")?,
        tier: tier(row)?,
        activated_at: seconds(row, "began")?,
        billed_from: optional_seconds(row, "billed_from")?,
        retired_at: optional_seconds(row, "retired_at")?,
    })
}

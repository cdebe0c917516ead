//! Which camera sits where.

use crate::assignment::{AssignmentOrder, CAMERAS_PER_ORDER_MAX};
use crate::http::admin::route::{Call, Context, Handled, NoQuery};
use crate::storage::{SeatConflict, SeatedCamera};
use brink_license::{CameraId, DeviceId, NAME_BYTES_MAX, Slug};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Largest list of cameras: as many as one order takes, each as long as an id may be and written in JSON.
pub(in crate::http::admin) const LIST_BYTES_MAX: usize = CAMERAS_PER_ORDER_MAX * (NAME_BYTES_MAX + 8);

/// Cameras to put on a device.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct Assignment {
    /// Which, each once.
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 20_000)]
    cameras: Vec<CameraId>,
    /// Exactly the packs that they are to have, beside the implied one.
    #[serde(default)]
    #[schema(max_items = 64)]
    packs: Vec<String>,
}

/// Cameras to take off a device.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct Removal {
    /// Which, each once.
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 20_000)]
    cameras: Vec<CameraId>,
}

/// What was changed.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct Changed {
    /// The device.
    #[schema(value_type = String)]
    device: DeviceId,
    /// How many cameras.
    changed: usize,
}

/// The cameras of a device.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct Cameras {
    /// The device.
    #[schema(value_type = String)]
    device: DeviceId,
    /// Assigned by name, in the order in which they came.
    named: Vec<Camera>,
    /// On unnamed seats, as the device said last.
    seated: Vec<Camera>,
    /// Those on unnamed seats here that another device has as well.
    conflicts: Vec<Conflict>,
}

/// A camera.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct Camera {
    /// Which.
    #[schema(value_type = String)]
    camera: CameraId,
    /// Its packs, beside the implied one.
    #[schema(value_type = Vec<String>)]
    packs: Vec<Slug>,
}

/// A camera that two devices have.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct Conflict {
    /// Which.
    #[schema(value_type = String)]
    camera: CameraId,
    /// The other device.
    #[schema(value_type = String)]
    device: DeviceId,
    /// Whether it is assigned there by name; else it sits on an unnamed seat there too.
    named: bool,
}

impl From<SeatedCamera> for Camera {
    fn from(SeatedCamera { camera, packs }: SeatedCamera) -> Self {
        Self { camera, packs }
    }
}

impl From<SeatConflict> for Conflict {
    fn from(SeatConflict { camera, device, named }: SeatConflict) -> Self {
        Self { camera, device, named }
    }
}

pub(in crate::http::admin) fn list(call: Call<'_, DeviceId, NoQuery, ()>) -> Handled<Cameras> {
    let Call { context, at, .. } = call;
    let (storage, now) = (&context.admin.storage, context.admin.clock.now());
    let (view, known) = (storage.device(&at, now)?, storage.seats(&at)?);
    let named = view.cameras.into_iter().map(|row| Camera { camera: row.camera, packs: row.packs });
    Ok(Cameras {
        device: at,
        named: named.collect(),
        seated: known.cameras.into_iter().map(Camera::from).collect(),
        conflicts: known.conflicts.into_iter().map(Conflict::from).collect(),
    }
    .into())
}

/// All of them or none.
pub(in crate::http::admin) fn assign(call: Call<'_, DeviceId, (), Assignment>) -> Handled<Changed> {
    let Assignment { cameras, packs } = call.body;
    change(call.context, call.at, &AssignmentOrder { cameras, packs, remove: false })
}

/// All of them or none.
pub(in crate::http::admin) fn remove(call: Call<'_, DeviceId, (), Removal>) -> Handled<Changed> {
    let order = AssignmentOrder { cameras: call.body.cameras, packs: Vec::new(), remove: true };
    change(call.context, call.at, &order)
}

fn change(context: &Context, device: DeviceId, order: &AssignmentOrder) -> Handled<Changed> {
    let changed = context.admin.assign_cameras(&device, order)?;
    Ok(Changed { device, changed }.into())
}

//! Which cameras may sit on a device, and with which packs: pure rules from an order to a change.

use crate::catalog::{Catalog, CatalogError, PACK_BASE, PACK_TRIAL, Pack, Scope};
use crate::storage::{Actor, AssignmentView, AuditNote, CameraChange, CameraRow, SubscriptionRow};
use crate::timeline::NoneInForce;
use brink_license::{CameraId, DeviceId, Slug, TenantId, UnixSeconds};
use std::collections::BTreeSet;

/// Cameras in one order: above any device known, and a bound on what one transaction does.
pub const CAMERAS_PER_ORDER_MAX: usize = 20_000;

/// What a person asks for.
#[derive(Clone, Debug)]
pub struct AssignmentOrder {
    /// The cameras, each once.
    pub cameras: Vec<CameraId>,
    /// Exactly the packs that they are to have, beside the implied one.
    pub packs: Vec<String>,
    /// Take the cameras off instead.
    pub remove: bool,
}

/// Why an order is refused. Nothing of it was done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssignmentError {
    /// No camera.
    #[error("no camera was named")]
    NoCamera,
    /// Too many at once.
    #[error("{0} cameras are more than {CAMERAS_PER_ORDER_MAX} in one order")]
    TooMany(usize),
    /// The same camera twice.
    #[error("camera {0} is named twice")]
    Twice(CameraId),
    /// Packs for cameras that go.
    #[error("--remove takes no --pack: cameras that go have none")]
    PacksOfRemoved,
    /// A pack with a price.
    #[error("--pack {pack}={price} names a price, which has no place here: it is the subscription's")]
    PriceOfSubscription {
        /// Before the sign.
        pack: String,
        /// After it.
        price: String,
    },
    /// Not in the catalogue.
    #[error(transparent)]
    Pack(#[from] CatalogError),
    /// A pack of the whole tenant.
    #[error("pack {pack} applies to the whole tenant, not to cameras")]
    TenantScoped {
        /// The pack.
        pack: Slug,
        /// The tenant.
        tenant: TenantId,
    },
    /// The pack of the other commercial mode.
    #[error("pack {pack} does not go with this subscription: its cameras have {implied}, which is implied")]
    OtherMode {
        /// The pack.
        pack: Slug,
        /// What they have.
        implied: &'static str,
    },
    /// Nothing is subscribed.
    #[error(transparent)]
    NoneInForce(#[from] NoneInForce),
    /// A pack that the subscription lacks.
    #[error("pack {pack} is not in the subscription of tenant {tenant}")]
    NotSubscribed {
        /// The pack.
        pack: Slug,
        /// The tenant.
        tenant: TenantId,
    },
    /// The camera sits elsewhere.
    #[error("camera {camera} is on device {device}")]
    OnOtherDevice {
        /// The camera.
        camera: CameraId,
        /// Where it is.
        device: DeviceId,
    },
    /// Nothing runs there any more.
    #[error("device {0} is retired and takes no cameras")]
    Retired(DeviceId),
    /// The camera is not there to be removed.
    #[error("camera {camera} is not on device {device}")]
    NotThere {
        /// The camera.
        camera: CameraId,
        /// The device.
        device: DeviceId,
    },
    /// More than is subscribed.
    #[error(
        "{wanted} cameras would be assigned over all devices of tenant {tenant}, but {subscribed} are subscribed"
    )]
    BeyondSubscription {
        /// The tenant.
        tenant: TenantId,
        /// Over all devices, with this order.
        wanted: u64,
        /// As subscribed.
        subscribed: u32,
    },
}

impl AssignmentError {
    /// Whether the order contradicts what is stored, rather than being wrong in itself.
    #[must_use]
    pub const fn is_of_state(&self) -> bool {
        match self {
            Self::NoneInForce(_)
            | Self::NotSubscribed { .. }
            | Self::OnOtherDevice { .. }
            | Self::Retired(_)
            | Self::NotThere { .. }
            | Self::BeyondSubscription { .. } => true,
            Self::NoCamera
            | Self::TooMany(_)
            | Self::Twice(_)
            | Self::PacksOfRemoved
            | Self::PriceOfSubscription { .. }
            | Self::Pack(_)
            | Self::TenantScoped { .. }
            | Self::OtherMode { .. } => false,
        }
    }
}

impl AssignmentError {
    /// What helps.
    #[must_use]
    pub fn mend(&self) -> String {
        match self {
            Self::NoCamera => "give --camera ID or --from-file F".into(),
            Self::TooMany(_) => "split it".into(),
            Self::Twice(_) => "name it once".into(),
            Self::PacksOfRemoved => "leave --pack out".into(),
            Self::PriceOfSubscription { pack, price } => {
                format!(
                    "give --pack {pack} alone; `subscription change --tenant T --pack {pack}={price}` agrees on a price"
                )
            }
            Self::Pack(error) => error.mend(),
            Self::TenantScoped { pack, tenant } => {
                format!("enable it with `subscription change --tenant {tenant} --pack {pack}`")
            }
            Self::OtherMode { .. } => "leave it out".into(),
            Self::NoneInForce(error) => error.mend(),
            Self::NotSubscribed { pack, tenant } => {
                format!("add it with `subscription change --tenant {tenant} --pack {pack}`")
            }
            Self::OnOtherDevice { camera, device } => {
                format!("take it off first with `camera assign --device {device} --camera {camera} --remove`")
            }
            Self::Retired(_) => "`device list` shows which do".into(),
            Self::NotThere { device, .. } => {
                format!("`license show --device {device}` lists those that are")
            }
            Self::BeyondSubscription { tenant, .. } => {
                format!(
                    "take some off with --remove, or add some with `subscription change --tenant {tenant} --cameras N`"
                )
            }
        }
    }
}

/// What is wrong with an order before anything stored is looked at.
pub fn check_order(order: &AssignmentOrder) -> Result<(), AssignmentError> {
    if order.cameras.is_empty() {
        return Err(AssignmentError::NoCamera);
    }
    if order.cameras.len() > CAMERAS_PER_ORDER_MAX {
        return Err(AssignmentError::TooMany(order.cameras.len()));
    }
    if order.remove && !order.packs.is_empty() {
        return Err(AssignmentError::PacksOfRemoved);
    }
    // No pack's name has the sign.
    if let Some((pack, price)) = order.packs.iter().find_map(|pack| pack.split_once('=')) {
        return Err(AssignmentError::PriceOfSubscription { pack: pack.into(), price: price.into() });
    }
    let mut seen = BTreeSet::new();
    match order.cameras.iter().find(|camera| !seen.insert(*camera)) {
        Some(twice) => Err(AssignmentError::Twice(twice.clone())),
        None => Ok(()),
    }
}

/// The change to make, or why there is none.
pub fn change(
    catalog: &Catalog,
    view: &AssignmentView,
    order: &AssignmentOrder,
    (now, actor): (UnixSeconds, &Actor),
) -> Result<CameraChange, AssignmentError> {
    check_order(order)?;
    if view.retired {
        return Err(AssignmentError::Retired(view.device.clone()));
    }
    let tenant = &view.tenant.tenant.id;
    let note = |detail| AuditNote {
        tenant: Some(tenant.clone()),
        at: now,
        actor: actor.clone(),
        action: if order.remove { "camera.remove" } else { "camera.assign" },
        subject: view.device.to_string(),
        detail,
    };
    if order.remove {
        check_there(view, order)?;
        let note = note(serde_json::json!({ "cameras": order.cameras }));
        return Ok(CameraChange { at: now, upsert: Vec::new(), remove: order.cameras.clone(), note });
    }
    let subscription = view.tenant.current.as_ref().map_err(Clone::clone)?;
    let packs = packs(catalog, tenant, subscription, &order.packs)?;
    check_free(view, order, subscription)?;
    let row =
        |camera: &CameraId| CameraRow { camera: camera.clone(), packs: packs.clone(), assigned_at: now };
    let note = note(serde_json::json!({ "cameras": order.cameras, "packs": packs }));
    Ok(CameraChange { at: now, upsert: order.cameras.iter().map(row).collect(), remove: Vec::new(), note })
}

fn check_there(view: &AssignmentView, order: &AssignmentOrder) -> Result<(), AssignmentError> {
    let absent = order.cameras.iter().find(|camera| view.held_by.get(*camera) != Some(&view.device));
    absent.map_or(Ok(()), |camera| {
        Err(AssignmentError::NotThere { camera: camera.clone(), device: view.device.clone() })
    })
}

fn check_free(
    view: &AssignmentView,
    order: &AssignmentOrder,
    subscription: &SubscriptionRow,
) -> Result<(), AssignmentError> {
    let mut new = 0;
    for camera in &order.cameras {
        match view.held_by.get(camera) {
            Some(device) if *device == view.device => {}
            Some(device) => {
                return Err(AssignmentError::OnOtherDevice {
                    camera: camera.clone(),
                    device: device.clone(),
                });
            }
            None => new += 1,
        }
    }
    let wanted = view.tenant.cameras_named + new;
    if wanted > u64::from(subscription.terms.cameras) {
        let (tenant, subscribed) = (view.tenant.tenant.id.clone(), subscription.terms.cameras);
        return Err(AssignmentError::BeyondSubscription { tenant, wanted, subscribed });
    }
    Ok(())
}

/// The packs to store: sorted, each once, without the implied one, which may be named.
fn packs(
    catalog: &Catalog,
    tenant: &TenantId,
    subscription: &SubscriptionRow,
    names: &[String],
) -> Result<Vec<Slug>, AssignmentError> {
    let implied = if subscription.terms.trial.is_some() { PACK_TRIAL } else { PACK_BASE };
    let mut packs = BTreeSet::new();
    for name in names {
        let Pack { slug, scope, .. } = catalog.pack(name)?;
        let pack = slug.clone();
        if slug.as_str() == implied {
            continue;
        }
        if [PACK_BASE, PACK_TRIAL].contains(&slug.as_str()) {
            return Err(AssignmentError::OtherMode { pack, implied });
        }
        if *scope == Scope::Tenant {
            return Err(AssignmentError::TenantScoped { pack, tenant: tenant.clone() });
        }
        if !subscription.terms.packs.contains_key(slug) {
            return Err(AssignmentError::NotSubscribed { pack, tenant: tenant.clone() });
        }
        packs.insert(pack);
    }
    Ok(packs.into_iter().collect())
}

//! What is small enough to be written whole: in one transaction, and only what changed, which a digest tells.

use super::super::MirrorError;
use super::super::content::{Owner, Rows};
use super::BEAT_SECONDS;
use crate::database::upkeep::Stands;
use crate::database::{DatabaseError, device, entitlement, licence};
use deadpool_postgres::Object;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// Which of the tables changed, each with its digest.
struct Changed<'c> {
    known: &'c [Stands],
    device: &'c str,
}

impl Changed<'_> {
    /// The digest of a table's rows, where it is another than was written last.
    fn digest(&self, source: &str, rows: &impl Serialize) -> Option<Vec<u8>> {
        let said = serde_json::to_vec(rows).ok()?;
        let digest = Sha256::digest(said).to_vec();
        let is_it = |at: &&Stands| at.source == source && at.device == self.device && at.epoch == 0;
        let was = self.known.iter().find(is_it).and_then(|at| at.digest.as_ref());
        (was != Some(&digest)).then_some(digest)
    }
}

/// Writes what changed; answers how many rows that were.
pub(super) async fn write(
    connection: &mut Object,
    (owner, rows): (&Owner, Rows),
    known: &[Stands],
) -> Result<u64, MirrorError> {
    let changed = Changed { known, device: &owner.device };
    let device = changed.digest("edge_devices", &rows.device);
    let cameras = changed.digest("camera_licenses", &rows.cameras);
    let features = rows.features.as_ref().and_then(|rows| changed.digest("feature_entitlements", rows));
    let packs = rows.packs.as_ref().and_then(|rows| changed.digest("growth_pack_features", rows));
    let sync = rows.sync.as_ref().and_then(|rows| changed.digest("billing_sync_status", rows));
    let digests = Digests { device, cameras, features, packs, sync };
    if digests == Digests::default() {
        return Ok(0);
    }
    Ok(carry(connection, (&owner.device, &rows), digests).await?)
}

/// Of the tables that are to be written.
#[derive(Default, PartialEq, Eq)]
struct Digests {
    device: Option<Vec<u8>>,
    cameras: Option<Vec<u8>>,
    features: Option<Vec<u8>>,
    packs: Option<Vec<u8>>,
    sync: Option<Vec<u8>>,
}

async fn carry(
    connection: &mut Object,
    (device, rows): (&str, &Rows),
    digests: Digests,
) -> Result<u64, DatabaseError> {
    let transaction = connection.transaction().await?;
    let mut written = 0;
    if let Some(digest) = &digests.device {
        device::put_device(&transaction, (&rows.device, BEAT_SECONDS)).await?;
        device::remember(&transaction, ("edge_devices", device, digest)).await?;
        written += 1;
    }
    if let Some(digest) = &digests.cameras {
        written += licence::put_cameras(&transaction, (device, &rows.cameras)).await?;
        device::remember(&transaction, ("camera_licenses", device, digest)).await?;
    }
    if let (Some(digest), Some(rows)) = (&digests.features, &rows.features) {
        written += entitlement::put_features(&transaction, (device, rows)).await?;
        device::remember(&transaction, ("feature_entitlements", device, digest)).await?;
    }
    if let (Some(digest), Some(rows)) = (&digests.packs, &rows.packs) {
        written += entitlement::put_packs(&transaction, rows).await?;
        device::remember(&transaction, ("growth_pack_features", device, digest)).await?;
    }
    if let (Some(digest), Some(rows)) = (&digests.sync, &rows.sync) {
        written += device::put_sync(&transaction, rows).await?;
        device::remember(&transaction, ("billing_sync_status", device, digest)).await?;
    }
    transaction.commit().await?;
    Ok(written)
}

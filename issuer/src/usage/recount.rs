//! Counting once more: whether the sums that are kept are those of the records that are kept.

use super::book::parts;
use crate::catalog::Meters;
use crate::storage::{Storage, StorageError, Sum, SumKey};
use brink_license::usage::Record;
use brink_license::{DeviceId, TenantId};
use std::collections::BTreeMap;

/// A sum that is not that of its records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disagreement {
    /// Whose usage it is.
    pub tenant: TenantId,
    /// Of what.
    pub key: SumKey,
    /// As it is kept.
    pub kept: Sum,
    /// As its records say.
    pub counted: Sum,
}

/// Every sum of a device that is not that of its records. Names of meters are taken as the catalogue has them now.
pub fn recount(
    storage: &dyn Storage,
    device: &DeviceId,
    meters: &Meters,
) -> Result<Vec<Disagreement>, StorageError> {
    let mut sums: BTreeMap<(TenantId, SumKey), (Sum, Sum)> = BTreeMap::new();
    let mut unreadable = 0_u64;
    let kept = storage.recount(device, &mut |row| {
        let Ok(record) = Record::from_bytes(&row.bytes) else {
            unreadable += 1;
            return;
        };
        let bounds = (row.floor_ms.unwrap_or(row.event_ms), row.received_ms);
        for (key, sum) in parts(&record, row.event_ms, bounds, meters) {
            let entry = sums.entry((row.tenant.clone(), key)).or_default();
            entry.1 = entry.1.plus(sum);
        }
    })?;
    if unreadable > 0 {
        let what = format!("usage_records.bytes: {unreadable} of device {device} cannot be read");
        return Err(StorageError::Damaged { what });
    }
    for row in kept {
        let key = SumKey { meter: meters.meant(&row.key.meter).clone(), ..row.key };
        let entry = sums.entry((row.tenant, key)).or_default();
        entry.0 = entry.0.plus(row.sum);
    }
    let differing = sums.into_iter().filter(|(_, (kept, counted))| kept != counted);
    let named = |((tenant, key), (kept, counted))| Disagreement { tenant, key, kept, counted };
    Ok(differing.map(named).collect())
}

//! What the other devices of a tenant have, and what it has bought: one look at all of it, for any number that ask at once.
//!
//! A tenant may have some thousand devices, and each exchange asks. Those of one group ask together, so that the tenant's
//! devices are read once for all of them.

use super::StorageError;
use super::columns::{int, own, parsed, uint};
use super::connection::{Tx, Values};
use super::{past, subscriptions};
use crate::calendar::month_start;
use crate::seats::{WHOLE, reserved_part};
use crate::storage::{DeviceView, Elsewhere, InForce, columns};
use brink_license::{DeviceId, TenantId, UnixSeconds};
use std::collections::{BTreeMap, BTreeSet};
use tokio_postgres::Row;

/// One scan of the tenant's devices, cut by id at each that asks: the part that begins with it tells its own share, and those
/// before it its rank. A device reserves the larger of what is assigned to it and what it still holds; of what is assigned its
/// part where that is more than is subscribed, which takes a second scan. One that is retired has nothing assigned, shares
/// nothing, and holds nothing where somebody accepted the overlap. Of the quotas, which count by the month, it reserves the
/// most that it held since the month began.
const PARTS: &str = "
    SELECT part,
           coalesce(sum(cameras_named), 0)::bigint AS named,
           coalesce(sum(reserved), 0)::bigint AS reserved,
           coalesce(sum(quota_ppm), 0)::bigint AS quota_ppm,
           count(*) FILTER (WHERE shares) AS sharers,
           coalesce(sum(cameras_named) FILTER (WHERE asks), 0)::bigint AS own_named,
           coalesce(sum(reserved) FILTER (WHERE asks), 0)::bigint AS own_reserved,
           coalesce(sum(quota_ppm) FILTER (WHERE asks), 0)::bigint AS own_quota_ppm,
           coalesce(bool_or(shares) FILTER (WHERE asks), false) AS own_shares
    FROM (SELECT cameras_named, width_bucket(id, $2::text[]) AS part, id = ANY($2) AS asks,
                 greatest(cameras_named * $5 / $6,
                          CASE WHEN held_until > $3 AND overlap_from IS NULL THEN seats_held ELSE 0 END) AS reserved,
                 CASE WHEN overlap_from IS NULL
                      THEN greatest(CASE WHEN held_until > $4 THEN quota_ppm_held ELSE 0 END,
                                    CASE WHEN quota_month >= $4 THEN quota_month_ppm ELSE 0 END)
                      ELSE 0 END AS quota_ppm,
                 retired_at IS NULL
                   AND (status = 'active' OR (status = 'pending' AND code_expires_at > $3)) AS shares
          FROM devices WHERE tenant = $1) AS d
    GROUP BY part ORDER BY part";

/// Devices of one tenant that ask at one second, in the order of their ids.
type Asking = BTreeMap<(TenantId, UnixSeconds), (UnixSeconds, BTreeSet<DeviceId>)>;

/// What a device's licence rests on beside its own rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Around {
    /// The rest of the tenant.
    elsewhere: Elsewhere,
    /// The same for all that ask at one second.
    subscription: InForce,
}

impl Around {
    /// Completes what was read of the device alone.
    pub(super) fn put(self, view: &mut DeviceView) {
        (view.elsewhere, view.subscription) = (self.elsewhere, self.subscription);
    }
}

/// For each device whose row is here, at its second.
pub(super) async fn of_rows(
    tx: &Tx<'_>,
    rows: impl IntoIterator<Item = (&Row, UnixSeconds)>,
) -> Result<BTreeMap<DeviceId, Around>, StorageError> {
    let mut asking = Asking::new();
    for (row, now) in rows {
        // What cannot be read is said where the rest of that row is read, and is not the others' trouble.
        let (Ok(device), Ok(tenant)) = (parsed(row, "id"), columns::tenant(row)) else { continue };
        let month = month_start(now, tenant.zone);
        asking.entry((tenant.id, now)).or_insert_with(|| (month, BTreeSet::new())).1.insert(device);
    }
    let mut found = BTreeMap::new();
    for ((tenant, now), (month, devices)) in &asking {
        found.extend(of_tenant(tx, (tenant, devices), (*now, *month)).await?);
    }
    Ok(found)
}

async fn of_tenant(
    tx: &Tx<'_>,
    (tenant, devices): (&TenantId, &BTreeSet<DeviceId>),
    (now, month): (UnixSeconds, UnixSeconds),
) -> Result<BTreeMap<DeviceId, Around>, StorageError> {
    // Sorted by bytes, as the column is.
    let ids: Vec<&str> = devices.iter().map(DeviceId::as_str).collect();
    let parts = async |(part, of): (u64, u64)| {
        let values: Values<'_> =
            &[&tenant.as_str(), &ids, &now.as_i64(), &month.as_i64(), &int(part), &int(of)];
        tx.rows(PARTS, values).await
    };
    let (mut found, (past_seats, past_quota_ppm, overlapping), subscription) = tokio::try_join!(
        parts(WHOLE),
        past::held(tx, tenant, (now, month)),
        subscriptions::in_force(tx, tenant, now)
    )?;
    if let Ok(row) = &subscription {
        let named = found.iter().map(|part| uint(part, "named")).sum::<Result<u64, _>>()?;
        let part = reserved_part(u64::from(row.terms.cameras), named);
        if part != WHOLE {
            found = parts(part).await?;
        }
    }
    let (mut all, mut shares) = (Shares::default(), Vec::with_capacity(found.len()));
    for part in &found {
        // The part before the first that asks is number 0.
        let number = usize::try_from(own::<i32>(part, "part")?).unwrap_or_default();
        if let Some(device) = number.checked_sub(1).and_then(|at| devices.iter().nth(at)) {
            shares.push((device, Shares::own(part)?, all.sharers));
        }
        all.add(&Shares::of(part)?);
    }
    let others = |all: u64, own: u64, past: u64| all.saturating_sub(own).saturating_add(past);
    let around = shares.into_iter().map(|(device, own, before)| {
        let elsewhere = Elsewhere {
            named: others(all.named, own.named, 0),
            reserved: others(all.reserved, own.reserved, past_seats),
            quota_ppm: others(all.quota_ppm, own.quota_ppm, past_quota_ppm),
            overlapping,
            sharers: all.sharers,
            rank: (own.sharers > 0).then_some(before),
        };
        (device.clone(), Around { elsewhere, subscription: subscription.clone() })
    });
    Ok(around.collect())
}

/// What some devices have together.
#[derive(Default)]
struct Shares {
    named: u64,
    reserved: u64,
    quota_ppm: u64,
    sharers: u64,
}

impl Shares {
    /// Of a whole part.
    fn of(part: &Row) -> Result<Self, StorageError> {
        Ok(Self {
            named: uint(part, "named")?,
            reserved: uint(part, "reserved")?,
            quota_ppm: uint(part, "quota_ppm")?,
            sharers: uint(part, "sharers")?,
        })
    }

    /// Of the device that a part begins with.
    fn own(part: &Row) -> Result<Self, StorageError> {
        Ok(Self {
            named: uint(part, "own_named")?,
            reserved: uint(part, "own_reserved")?,
            quota_ppm: uint(part, "own_quota_ppm")?,
            sharers: u64::from(own::<bool>(part, "own_shares")?),
        })
    }

    fn add(&mut self, more: &Self) {
        self.named = self.named.saturating_add(more.named);
        self.reserved = self.reserved.saturating_add(more.reserved);
        self.quota_ppm = self.quota_ppm.saturating_add(more.quota_ppm);
        self.sharers = self.sharers.saturating_add(more.sharers);
    }
}

#[cfg(test)]
mod tests;

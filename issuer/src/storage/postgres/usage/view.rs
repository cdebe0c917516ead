//! What is on record of the chains that requests speak of: two statements for any number of devices, and two more for each
//! batch that begins with something that was sent before.

use super::super::StorageError;
use super::super::columns::{column, damaged, own, parsed, seconds, uint, uint32};
use super::super::connection::Tx;
use super::raw::day_of;
use crate::storage::readers;
use crate::storage::{BatchAsked, ChainView, DeviceRow, StoredRecord, UsageAsked, UsageView};
use brink_license::usage::Quantity;
use brink_license::{DeviceId, Kid, Slug, TenantId};
use std::collections::{BTreeMap, BTreeSet};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

/// Whose usage is asked for, and what of it.
pub(in super::super) type Asked<'a> = (&'a DeviceRow, &'a UsageAsked);

/// One view for each that asks, in their order. No device asks twice.
pub(in super::super) async fn views(
    tx: &Tx<'_>,
    asked: &[Asked<'_>],
) -> Result<Vec<UsageView>, StorageError> {
    let (mut chains, mut totals) = tokio::try_join!(chains(tx, asked), totals(tx, asked))?;
    let mut views = Vec::with_capacity(asked.len());
    for (device, asked) in asked {
        let mut view = UsageView {
            chains: chains.remove(device.id.as_str()).unwrap_or_default(),
            totals: totals.remove(device.id.as_str()).unwrap_or_default(),
            ..UsageView::default()
        };
        if let Some(batch) = &asked.batch {
            look_behind(tx, &device.id, batch, &mut view).await?;
        }
        views.push(view);
    }
    Ok(views)
}

/// What is on record of chains that the issuer keeps itself, for devices without a key.
pub(in super::super) async fn issuers_own(
    tx: &Tx<'_>,
    devices: &[DeviceId],
    epoch: u32,
) -> Result<BTreeMap<DeviceId, UsageView>, StorageError> {
    let names: Vec<&str> = devices.iter().map(DeviceId::as_str).collect();
    let epoch_column = i64::from(epoch);
    let mut views: BTreeMap<DeviceId, UsageView> =
        devices.iter().map(|device| (device.clone(), UsageView::default())).collect();
    let sql = "SELECT device, epoch, tenant, jkt, seq, hash, event_ms, closed, incomplete, forked_at, acknowledged_seq,
                 acknowledged_hash, reported_seq, reported_hash, recoveries, received_at
               FROM usage_cursors WHERE device = ANY($1) AND epoch = $2";
    for row in tx.rows(sql, &[&names, &epoch_column]).await? {
        let view = views.entry(parsed(&row, "device")?).or_default();
        view.chains.insert(epoch, ChainView::issuers_own(readers::cursor(&row)?));
    }
    let sql =
        "SELECT device, meter, total::text AS total FROM usage_totals WHERE device = ANY($1) AND epoch = $2";
    for row in tx.rows(sql, &[&names, &epoch_column]).await? {
        let total = Quantity::try_from(parsed::<u128>(&row, "total")?);
        let total = total.map_err(|e| damaged("usage_totals.total", e))?;
        views.entry(parsed(&row, "device")?).or_default().totals.insert(parsed(&row, "meter")?, total);
    }
    Ok(views)
}

/// The key of an activation is that of the device, or that of an epoch that is over.
const CHAINS: &str = "
    SELECT u.device AS of_device, u.epoch AS of_epoch, p.tenant AS past_tenant, coalesce(u.jkt, p.jkt) AS activated_by,
           coalesce((SELECT activated_at FROM reactivations r WHERE r.jkt = coalesce(u.jkt, p.jkt)),
                    (SELECT redeemed_at FROM code_redemptions r WHERE r.device = u.device), 0) AS began,
           c.epoch, c.tenant, c.jkt, c.seq, c.hash, c.event_ms, c.closed, c.incomplete, c.forked_at, c.acknowledged_seq,
           c.acknowledged_hash, c.reported_seq, c.reported_hash, c.recoveries, c.received_at
    FROM unnest($1::text[], $2::bigint[], $3::text[]) AS u(device, epoch, jkt)
    LEFT JOIN LATERAL (SELECT tenant, jkt FROM past_epochs p
                       WHERE p.device = u.device AND p.epoch = u.epoch LIMIT 1) p ON u.jkt IS NULL
    LEFT JOIN usage_cursors c ON c.device = u.device AND c.epoch = u.epoch";

async fn chains(
    tx: &Tx<'_>,
    asked: &[Asked<'_>],
) -> Result<BTreeMap<String, BTreeMap<u32, ChainView>>, StorageError> {
    let (mut devices, mut epochs, mut keys) = (Vec::new(), Vec::new(), Vec::new());
    for (device, asked) in asked {
        for epoch in asked.epochs.iter().collect::<BTreeSet<_>>() {
            let current = device.key.as_ref().filter(|_| device.epoch == *epoch);
            devices.push(device.id.as_str());
            epochs.push(i64::from(*epoch));
            keys.push(current.map(|key| key.kid().to_string()));
        }
    }
    let mut found: BTreeMap<String, BTreeMap<u32, ChainView>> = BTreeMap::new();
    for row in tx.rows(CHAINS, &[&devices, &epochs, &keys]).await? {
        let device: String = column(&row, "of_device")?;
        let owner = asked.iter().find(|(asking, _)| asking.id.as_str() == device);
        let Some((asking, _)) = owner else { continue };
        if let Some(chain) = chain(&row, asking)? {
            found.entry(device).or_default().insert(uint32(&row, "of_epoch")?, chain);
        }
    }
    Ok(found)
}

fn chain(row: &Row, device: &DeviceRow) -> Result<Option<ChainView>, StorageError> {
    let Some(jkt) = column::<Option<&str>>(row, "activated_by")? else { return Ok(None) };
    let jkt: Kid = jkt.parse().map_err(|e| damaged("past_epochs.jkt", e))?;
    let tenant: TenantId = match column::<Option<&str>>(row, "past_tenant")? {
        Some(past) => past.parse().map_err(|e| damaged("past_epochs.tenant", e))?,
        None => device.tenant.clone(),
    };
    let began_ms = seconds(row, "began")?.as_i64().saturating_mul(1000);
    let cursor = match column::<Option<i64>>(row, "seq")? {
        Some(_) => Some(readers::cursor(row)?),
        None => None,
    };
    // What is on record of a chain says for good whose it is.
    let tenant = cursor.as_ref().map_or(tenant, |cursor| cursor.tenant.clone());
    Ok(Some(ChainView { tenant, jkt, began_ms, cursor }))
}

async fn totals(
    tx: &Tx<'_>,
    asked: &[Asked<'_>],
) -> Result<BTreeMap<String, BTreeMap<Slug, Quantity>>, StorageError> {
    let batches = asked.iter().filter_map(|(device, asked)| Some((device.id.as_str(), asked.batch?.epoch)));
    let (devices, epochs): (Vec<&str>, Vec<i64>) =
        batches.map(|(device, epoch)| (device, i64::from(epoch))).unzip();
    let mut found: BTreeMap<String, BTreeMap<Slug, Quantity>> = BTreeMap::new();
    if devices.is_empty() {
        return Ok(found);
    }
    let sql = "SELECT t.device, t.meter, t.total::text AS total FROM unnest($1::text[], $2::bigint[]) AS u(device, epoch)
               JOIN usage_totals t ON t.device = u.device AND t.epoch = u.epoch";
    for row in tx.rows(sql, &[&devices, &epochs]).await? {
        let total: u128 = parsed(&row, "total")?;
        let total = Quantity::try_from(total).map_err(|e| damaged("usage_totals.total", e))?;
        found.entry(column(&row, "device")?).or_default().insert(parsed(&row, "meter")?, total);
    }
    Ok(found)
}

/// A batch that begins behind what is on record says nothing again.
async fn look_behind(
    tx: &Tx<'_>,
    device: &DeviceId,
    batch: &BatchAsked,
    view: &mut UsageView,
) -> Result<(), StorageError> {
    let cursor = view.chains.get(&batch.epoch).and_then(|chain| chain.cursor.as_ref());
    if cursor.is_none_or(|cursor| batch.first > cursor.head.seq) {
        return Ok(());
    }
    let found = reached(tx, device, batch).await?;
    (view.reached, view.dropped) = (found.record, found.dropped);
    Ok(())
}

#[derive(Default)]
struct Reached {
    record: Option<StoredRecord>,
    dropped: bool,
}

/// The batches that end at the asked number or behind it, and before it: their days say which partitions to look into. What
/// came in a partition that was dropped is gone.
async fn reached(tx: &Tx<'_>, device: &DeviceId, batch: &BatchAsked) -> Result<Reached, StorageError> {
    let sql = "SELECT at, coalesce((SELECT max(to_day) FROM usage_dropped), 0) AS kept_from FROM (
                 (SELECT seq, at FROM usage_evidence WHERE device = $1 AND epoch = $2 AND seq >= $3 ORDER BY seq LIMIT 1)
                 UNION ALL
                 (SELECT seq, at FROM usage_evidence WHERE device = $1 AND epoch = $2 AND seq < $3
                  ORDER BY seq DESC LIMIT 1)) near
               ORDER BY seq DESC";
    let (device, epoch, last) =
        (device.as_str(), i64::from(batch.epoch), super::super::columns::int(batch.last));
    let near = tx.rows(sql, &[&device, &epoch, &last]).await?;
    let days =
        near.iter().map(|row| day_of(column(row, "at")?)).collect::<Result<Vec<i32>, StorageError>>()?;
    let Some((first, newest)) = near.first().zip(days.first()) else { return Ok(Reached::default()) };
    if *newest < own::<i32>(first, "kept_from")? {
        return Ok(Reached { record: None, dropped: true });
    }
    // Days as constants: a plan that was made for any day would lock every partition to read one.
    let listed: Vec<String> = days.iter().map(ToString::to_string).collect();
    let sql = format!(
        "SELECT seq, from_seq, bytes FROM usage_records
         WHERE device = $1 AND epoch = $2 AND seq <= $3 AND received_day IN ({}) ORDER BY seq DESC LIMIT 1",
        listed.join(", ")
    );
    let rows = tx.once(&sql, &[(&device, Type::TEXT), (&epoch, Type::INT8), (&last, Type::INT8)]).await?;
    let Some(row) = rows.first() else { return Ok(Reached::default()) };
    let (seq, from) = (uint(row, "seq")?, uint(row, "from_seq")?);
    Ok(Reached { record: Some(StoredRecord { seq, from, bytes: column(row, "bytes")? }), dropped: false })
}

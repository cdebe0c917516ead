//! What sums of a period may lack: losses, what is set aside, and what devices have not sent yet.

use super::super::columns::{column, moment, parsed, uint, uint32};
use super::super::connection::Tx;
use super::quarantine;
use crate::storage::readers;
use crate::storage::{ChainStanding, Lacks, LossRow, StorageError, SumScope};
use brink_license::usage::{QUARTER_MS, quarter_of};
use brink_license::{DeviceId, UnixSeconds};

pub(super) async fn of(
    tx: &Tx<'_>,
    scope: &SumScope,
    heard_since: UnixSeconds,
) -> Result<Lacks, StorageError> {
    let (tenant, device) = (scope.tenant.as_str(), scope.device.as_ref().map(DeviceId::as_str));
    Ok(Lacks {
        chains: chains(tx, scope, heard_since).await?,
        losses: losses(tx, scope).await?,
        quarantined: quarantine::of(tx, (Some(tenant), device), false).await?,
        unheard: unheard(tx, scope).await?,
    })
}

/// A device that was taken out of service before the period has nothing to tell of it. An old client, whose chain is of epoch
/// 0, has no journal, and what it did not send is gone.
async fn chains(
    tx: &Tx<'_>,
    scope: &SumScope,
    heard_since: UnixSeconds,
) -> Result<Vec<ChainStanding>, StorageError> {
    let sql = "SELECT c.device, c.epoch, c.seq, c.reported_seq, c.received_at, c.forked_at,
                      (d.retired_at IS NULL OR d.retired_at >= $4) AND c.received_at < $3
                        AND c.epoch > 0
                        AND c.epoch = (SELECT max(epoch) FROM usage_cursors n WHERE n.device = c.device) AS silent
               FROM usage_cursors c JOIN devices d ON d.id = c.device
               WHERE c.tenant = $1 AND ($2::text IS NULL OR c.device = $2)
               ORDER BY c.device, c.epoch";
    let device = scope.device.as_ref().map(DeviceId::as_str);
    let begun = scope.quarters.start.saturating_mul(QUARTER_MS / 1000);
    let since = heard_since.as_i64().saturating_mul(1000);
    let mut found = Vec::new();
    for row in tx.rows(sql, &[&scope.tenant.as_str(), &device, &since, &begun]).await? {
        let chain = ChainStanding {
            device: parsed(&row, "device")?,
            epoch: uint32(&row, "epoch")?,
            seq: uint(&row, "seq")?,
            reported_seq: uint(&row, "reported_seq")?,
            received_at: moment(&row, "received_at")?,
            forked: column::<Option<i64>>(&row, "forked_at")?.is_some(),
            silent: column(&row, "silent")?,
        };
        if chain.forked || chain.silent || chain.reported_seq > chain.seq {
            found.push(chain);
        }
    }
    Ok(found)
}

/// A loss has no date of its own: it lies between the record before and the one behind, or where there is none behind,
/// before it became known. Where these are is known by the batches around it, so that no other partition is looked into.
async fn losses(tx: &Tx<'_>, scope: &SumScope) -> Result<Vec<LossRow>, StorageError> {
    let sql = "
        SELECT l.device, l.epoch, l.from_seq, l.to_seq, l.reason, l.at,
          (SELECT r.event_ms
           FROM ((SELECT at FROM usage_evidence e WHERE e.device = l.device AND e.epoch = l.epoch AND e.seq >= l.from_seq
                  ORDER BY e.seq LIMIT 1)
                 UNION ALL
                 (SELECT at FROM usage_evidence e WHERE e.device = l.device AND e.epoch = l.epoch AND e.seq < l.from_seq
                  ORDER BY e.seq DESC LIMIT 1)) AS near
           JOIN usage_records r ON r.received_day = (near.at / 86400000)::integer
             AND r.device = l.device AND r.epoch = l.epoch AND r.seq < l.from_seq
           ORDER BY r.seq DESC LIMIT 1) AS after_ms,
          coalesce((SELECT r.event_ms
           FROM (SELECT at FROM usage_evidence e WHERE e.device = l.device AND e.epoch = l.epoch AND e.seq > l.to_seq
                 ORDER BY e.seq LIMIT 1) AS near
           JOIN usage_records r ON r.received_day = (near.at / 86400000)::integer
             AND r.device = l.device AND r.epoch = l.epoch AND r.seq > l.to_seq
           ORDER BY r.seq LIMIT 1), l.at) AS before_ms
        FROM usage_losses l
        WHERE l.tenant = $1 AND ($2::text IS NULL OR l.device = $2)
        ORDER BY l.device, l.epoch, l.from_seq";
    let device = scope.device.as_ref().map(DeviceId::as_str);
    let mut found = Vec::new();
    for row in tx.rows(sql, &[&scope.tenant.as_str(), &device]).await? {
        let after = column::<Option<i64>>(&row, "after_ms")?.map_or(i64::MIN, quarter_of);
        let before = quarter_of(column(&row, "before_ms")?);
        if after < scope.quarters.end && before >= scope.quarters.start {
            found.push(readers::loss(&row)?);
        }
    }
    Ok(found)
}

async fn unheard(tx: &Tx<'_>, scope: &SumScope) -> Result<Vec<DeviceId>, StorageError> {
    let sql = "SELECT id FROM devices d
               WHERE d.tenant = $1 AND ($2::text IS NULL OR d.id = $2) AND d.status <> 'pending'
                 AND (d.retired_at IS NULL OR d.retired_at >= $3) AND d.activated_at < $4
                 AND NOT EXISTS (SELECT 1 FROM usage_cursors c WHERE c.device = d.id)
               ORDER BY id";
    let second = |quarter: i64| quarter.saturating_mul(QUARTER_MS / 1000);
    let device = scope.device.as_ref().map(DeviceId::as_str);
    let (from, to) = (second(scope.quarters.start), second(scope.quarters.end));
    let rows = tx.rows(sql, &[&scope.tenant.as_str(), &device, &from, &to]).await?;
    rows.iter().map(|row| parsed(row, "id")).collect()
}

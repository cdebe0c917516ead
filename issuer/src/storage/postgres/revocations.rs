//! Lists of revoked licences.

use super::columns::{bytes32, column, int, parsed, seconds, uint, uint32};
use super::connection::Tx;
use super::{StorageError, note};
use crate::storage::{NewRevocations, RevocationList, RevocationsView, RevokedRow};
use brink_license::token::RevokedLicence;
use brink_license::{TenantId, UnixSeconds};

pub(super) async fn view(
    tx: &Tx<'_>,
    tenant: &TenantId,
    now: UnixSeconds,
) -> Result<RevocationsView, StorageError> {
    let (latest, revoked) = tokio::try_join!(latest(tx, tenant), revoked(tx, tenant, now))?;
    Ok(RevocationsView { latest, revoked, tenant: tenant.clone() })
}

pub(super) async fn latest(tx: &Tx<'_>, tenant: &TenantId) -> Result<Option<RevocationList>, StorageError> {
    let sql = "SELECT version, kid, iat, until, content_sha256, token FROM revocation_lists
               WHERE tenant = $1 ORDER BY version DESC LIMIT 1";
    let Some(row) = tx.optional(sql, &[&tenant.as_str()]).await? else { return Ok(None) };
    Ok(Some(RevocationList {
        version: uint(&row, "version")?,
        kid: parsed(&row, "kid")?,
        iat: seconds(&row, "iat")?,
        until: seconds(&row, "until")?,
        content_sha256: bytes32(&row, "content_sha256")?,
        token: column(&row, "token")?,
    }))
}

/// The newest token of each licence that was withdrawn, or whose device is out of service or was activated anew, as
/// long as one of these tokens could still run.
async fn revoked(tx: &Tx<'_>, tenant: &TenantId, now: UnixSeconds) -> Result<Vec<RevokedRow>, StorageError> {
    let sql = "
        SELECT licence_id, epoch, max(seq) AS seq, max(ends_at) AS until
        FROM (SELECT d.id, d.licence_id, l.epoch, l.seq, l.ends_at,
                     max(l.epoch) OVER (PARTITION BY d.id) AS newest_epoch
              FROM devices d JOIN licence_ends l ON l.device = d.id
              WHERE d.tenant = $1 AND l.ends_at > $2
                AND (d.retired_at IS NOT NULL OR l.epoch < d.epoch
                     OR (l.epoch = d.revoked_epoch AND l.seq <= d.revoked_seq))) AS gone
        WHERE epoch = newest_epoch
        GROUP BY id, licence_id, epoch ORDER BY licence_id";
    let rows = tx.rows(sql, &[&tenant.as_str(), &now.as_i64()]).await?;
    let revoked = |row| {
        let licence = RevokedLicence {
            sub: parsed(row, "licence_id")?,
            epoch: uint32(row, "epoch")?,
            seq: uint(row, "seq")?,
        };
        Ok(RevokedRow { licence, until: seconds(row, "until")? })
    };
    rows.iter().map(revoked).collect()
}

pub(super) async fn add(tx: &Tx<'_>, tenant: &TenantId, new: &NewRevocations) -> Result<(), StorageError> {
    let list = &new.list;
    let sql = "INSERT INTO revocation_lists (tenant, version, kid, iat, until, content_sha256, token)
               VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let (version, kid) = (int(list.version), list.kid.to_string());
    let (iat, until, digest) = (list.iat.as_i64(), list.until.as_i64(), &list.content_sha256[..]);
    tx.execute(sql, &[&tenant.as_str(), &version, &kid, &iat, &until, &digest, &list.token]).await?;
    note(tx, &new.note).await
}

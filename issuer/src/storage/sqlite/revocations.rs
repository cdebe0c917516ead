//! Lists of revoked licences.

use super::columns::{bytes32, column, int, parsed, seconds, uint, uint32};
use super::{StorageError, note, tenants};
use crate::storage::{NewRevocations, RevocationList, RevocationsView, RevokedRow};
use brink_license::token::RevokedLicence;
use brink_license::{TenantId, UnixSeconds};
use rusqlite::{Connection, params};

pub(super) fn view(
    tx: &Connection,
    tenant: &TenantId,
    now: UnixSeconds,
) -> Result<RevocationsView, StorageError> {
    let tenant = tenants::row(tx, tenant)?.id;
    Ok(RevocationsView { latest: latest(tx, &tenant)?, revoked: revoked(tx, &tenant, now)?, tenant })
}

pub(super) fn latest(tx: &Connection, tenant: &TenantId) -> Result<Option<RevocationList>, StorageError> {
    let sql = "SELECT * FROM revocation_lists WHERE tenant = ?1 ORDER BY version DESC LIMIT 1";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query([tenant.as_str()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some(RevocationList {
        version: uint(row, "version")?,
        kid: parsed(row, "kid")?,
        iat: seconds(row, "iat")?,
        until: seconds(row, "until")?,
        content_sha256: bytes32(row, "content_sha256")?,
        token: column(row, "token")?,
    }))
}

/// The newest token of each licence that was withdrawn, or whose device is out of service or was activated anew, as
/// long as one of these tokens could still run.
fn revoked(tx: &Connection, tenant: &TenantId, now: UnixSeconds) -> Result<Vec<RevokedRow>, StorageError> {
    let sql = "
        SELECT licence_id, epoch, max(seq) AS seq, max(ends_at) AS until
        FROM (SELECT d.id, d.licence_id, l.epoch, l.seq, l.ends_at,
                     max(l.epoch) OVER (PARTITION BY d.id) AS newest_epoch
              FROM devices d JOIN licence_ends l ON l.device = d.id
              WHERE d.tenant = ?1 AND l.ends_at > ?2
                AND (d.retired_at IS NOT NULL OR l.epoch < d.epoch
                     OR (l.epoch = d.revoked_epoch AND l.seq <= d.revoked_seq)))
        WHERE epoch = newest_epoch
        GROUP BY id ORDER BY licence_id";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query(params![tenant.as_str(), now.as_i64()])?;
    let mut revoked = Vec::new();
    while let Some(row) = rows.next()? {
        let licence = RevokedLicence {
            sub: parsed(row, "licence_id")?,
            epoch: uint32(row, "epoch")?,
            seq: uint(row, "seq")?,
        };
        revoked.push(RevokedRow { licence, until: seconds(row, "until")? });
    }
    Ok(revoked)
}

pub(super) fn add(tx: &Connection, tenant: &TenantId, new: &NewRevocations) -> Result<(), StorageError> {
    let list = &new.list;
    let sql = "INSERT INTO revocation_lists (tenant, version, kid, iat, until, content_sha256, token)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    tx.execute(
        sql,
        params![
            tenant.as_str(),
            int(list.version),
            list.kid.to_string(),
            list.iat.as_i64(),
            list.until.as_i64(),
            list.content_sha256,
            list.token
        ],
    )?;
    note(tx, &new.note)
}

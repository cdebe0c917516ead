//! Everything that the audit consists of, in one read.

use super::super::StorageError;
use crate::audit::chain_name;
use crate::storage::readers;
use crate::storage::{AuditHeld, Take};
use brink_license::TenantId;
use rusqlite::{Connection, Row};

pub(super) fn held(tx: &Connection, take: Take<'_, AuditHeld>) -> Result<(), StorageError> {
    let earlier = "SELECT *, 0 AS place FROM audit WHERE seq IS NULL ORDER BY id";
    if !hand_over(tx, (earlier, None), &|row| readers::entry(row).map(AuditHeld::Earlier), take)? {
        return Ok(());
    }
    for chain in chains(tx)? {
        if take(AuditHeld::Chain(chain.clone())).is_break() {
            return Ok(());
        }
        let name = Some(chain_name(chain.as_ref()));
        let lines = "SELECT *, seq AS place FROM audit WHERE tenant = ?1 AND seq IS NOT NULL ORDER BY seq";
        let issued = "SELECT * FROM issued WHERE tenant = ?1 ORDER BY device, kind, epoch, number";
        let seals = "SELECT * FROM audit_seals WHERE tenant = ?1 ORDER BY seq";
        let more = hand_over(tx, (seals, name), &|row| readers::seal(row).map(AuditHeld::Seal), take)?
            && hand_over(tx, (lines, name), &|row| readers::entry(row).map(AuditHeld::Line), take)?
            && hand_over(tx, (issued, name), &|row| readers::document(row).map(AuditHeld::Issued), take)?;
        if !more {
            return Ok(());
        }
    }
    Ok(())
}

/// The issuer's own, then every tenant that has a line, a document or a seal.
fn chains(tx: &Connection) -> Result<Vec<Option<TenantId>>, StorageError> {
    let sql = "SELECT tenant FROM audit UNION SELECT tenant FROM audit_seals UNION SELECT id FROM tenants
               UNION SELECT '' ORDER BY tenant";
    let mut statement = tx.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut chains = Vec::new();
    while let Some(row) = rows.next()? {
        chains.push(readers::chain_of(row)?);
    }
    Ok(chains)
}

/// Says whether the taker wants more.
fn hand_over(
    tx: &Connection,
    (sql, chain): (&str, Option<&str>),
    read: &dyn Fn(&Row<'_>) -> Result<AuditHeld, StorageError>,
    take: Take<'_, AuditHeld>,
) -> Result<bool, StorageError> {
    let mut statement = tx.prepare(sql)?;
    let mut rows = statement.query(rusqlite::params_from_iter(chain))?;
    while let Some(row) = rows.next()? {
        if take(read(row)?).is_break() {
            return Ok(false);
        }
    }
    Ok(true)
}

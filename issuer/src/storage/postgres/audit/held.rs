//! Everything that the audit consists of, in one read.

use super::super::StorageError;
use super::super::connection::Tx;
use super::LINE;
use super::issued::DOCUMENT;
use crate::audit::chain_name;
use crate::storage::readers;
use crate::storage::{AuditHeld, Take};
use brink_license::TenantId;
use tokio_postgres::Row;

pub(in super::super) async fn held(tx: &Tx<'_>, take: Take<'_, AuditHeld>) -> Result<(), StorageError> {
    let lines = format!("SELECT {LINE} FROM audit WHERE tenant = $1 ORDER BY seq");
    let issued =
        format!("SELECT {DOCUMENT} FROM issued WHERE tenant = $1 ORDER BY device, kind, epoch, number");
    let head = "SELECT seq, hash FROM audit_heads WHERE tenant = $1";
    let seals = "SELECT tenant, seq, hash, kid, iat, token FROM audit_seals WHERE tenant = $1 ORDER BY seq";
    for chain in chains(tx).await? {
        if take(AuditHeld::Chain(chain.clone())).is_break() {
            return Ok(());
        }
        let name = chain_name(chain.as_ref());
        let more = hand_over(tx, (head, name), &|row| readers::head_of(row).map(AuditHeld::Head), take)
            .await?
            && hand_over(tx, (seals, name), &|row| readers::seal(row).map(AuditHeld::Seal), take).await?
            && hand_over(tx, (&lines, name), &|row| readers::entry(row).map(AuditHeld::Line), take).await?
            && hand_over(tx, (&issued, name), &|row| readers::document(row).map(AuditHeld::Issued), take)
                .await?;
        if !more {
            return Ok(());
        }
    }
    Ok(())
}

/// The issuer's own, then every tenant that has a line, a document or a seal.
async fn chains(tx: &Tx<'_>) -> Result<Vec<Option<TenantId>>, StorageError> {
    let sql = "SELECT tenant FROM (SELECT tenant FROM audit_heads UNION SELECT tenant FROM audit_seals
                                   UNION SELECT id FROM tenants UNION SELECT '') AS chains
               ORDER BY tenant COLLATE \"C\"";
    tx.rows(sql, &[]).await?.iter().map(readers::chain_of).collect()
}

/// Says whether the taker wants more.
async fn hand_over(
    tx: &Tx<'_>,
    (sql, chain): (&str, &str),
    read: &dyn Fn(&Row) -> Result<AuditHeld, StorageError>,
    take: Take<'_, AuditHeld>,
) -> Result<bool, StorageError> {
    let mut rows = tx.walk(sql, &[&chain]).await?;
    while let Some(row) = rows.next(tx).await? {
        if take(read(&row)?).is_break() {
            return Ok(false);
        }
    }
    Ok(true)
}

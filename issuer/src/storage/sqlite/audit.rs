//! The audit: [`note`] is the one place that writes a line.

mod held;
mod issued;

use super::columns::{int, optional_seconds, uint};
use super::{SqliteStorage, StorageError};
use crate::audit::{ChainHead, Earlier, LineText, chain_name};
use crate::storage::readers;
use crate::storage::{
    Actor, AuditBooks, AuditEntry, AuditHeld, AuditNote, AuditQuery, IssuedDocument, IssuedQuery, KeptHead,
    Plan, Seal, Take, Whose,
};
use brink_license::{UnixSeconds, b64};
use rusqlite::types::Value;
use rusqlite::{Connection, params, params_from_iter};

impl AuditBooks for SqliteStorage {
    fn audit_lines(&self, query: &AuditQuery) -> Result<Vec<AuditEntry>, StorageError> {
        self.read(|tx| lines(tx, query))
    }

    fn audit_held(&self, take: Take<'_, AuditHeld>) -> Result<(), StorageError> {
        self.read(|tx| held::held(tx, take))
    }

    fn add_note(&self, line: &AuditNote) -> Result<(), StorageError> {
        self.write(|tx| note(tx, line))
    }

    fn issued(&self, query: &IssuedQuery) -> Result<Vec<IssuedDocument>, StorageError> {
        self.read(|tx| issued::issued(tx, query))
    }

    fn seal_audit(&self, plan: Plan<'_, Vec<KeptHead>, Vec<Seal>>) -> Result<(), StorageError> {
        self.write(|tx| {
            let heads = heads(tx)?;
            plan(&heads).map_or(Ok(()), |seals| add_seals(tx, &seals))
        })
    }

    fn newest_seals(&self, whose: &Whose) -> Result<Vec<Seal>, StorageError> {
        self.read(|tx| newest_seals(tx, whose))
    }
}

/// Adds one line to its chain.
pub(super) fn note(tx: &Connection, note: &AuditNote) -> Result<(), StorageError> {
    let (chain, detail) = (chain_name(note.tenant.as_ref()), note.detail.to_string());
    let (at, actor, subject) = (note.at, &note.actor.0, &note.subject);
    let line = LineText { at, actor, action: note.action, subject, detail: &detail };
    let next = head(tx, chain)?.after(note.tenant.as_ref(), &line);
    let sql = "INSERT INTO audit (at, actor, action, subject, detail, tenant, seq, hash)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let values = params![at.as_i64(), actor, note.action, subject, detail, chain, int(next.seq), next.hash];
    tx.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

/// One step in the index of the chain.
fn head(tx: &Connection, chain: &str) -> Result<ChainHead, StorageError> {
    let sql = "SELECT seq, hash FROM audit WHERE tenant = ?1 AND seq IS NOT NULL ORDER BY seq DESC LIMIT 1";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query([chain])?;
    rows.next()?.map_or_else(|| Ok(ChainHead::default()), readers::head_of)
}

/// Whether there are lines, but none in the issuer's chain: a database from before there were chains.
pub(super) fn has_only_earlier(connection: &Connection) -> Result<bool, StorageError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM audit) AND NOT EXISTS (SELECT 1 FROM audit WHERE tenant = '' AND seq = 1)";
    Ok(connection.query_row(sql, [], |row| row.get(0))?)
}

/// The first line of the issuer's chain in a database that had lines before: their number and digest.
pub(super) fn begin_chains(tx: &Connection) -> Result<(), StorageError> {
    let mut earlier = Earlier::default();
    let (mut lines, mut newest) = (0_u64, UnixSeconds::new(0));
    let mut statement = tx.prepare("SELECT *, 0 AS place FROM audit WHERE seq IS NULL ORDER BY id")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let line = readers::entry(row)?;
        newest = newest.max(line.at);
        earlier.add(&line.text());
        lines += 1;
    }
    if lines == 0 || head(tx, "")?.seq > 0 {
        return Ok(());
    }
    let (lines, digest) = earlier.finish();
    let detail = serde_json::json!({ "lines": lines, "sha256": b64::encode(&digest) });
    let (actor, subject) = (Actor("migration".into()), "audit".to_owned());
    // The moment of the newest of them: a migration looks at no clock.
    note(tx, &AuditNote { tenant: None, at: newest, actor, action: "audit.begin", subject, detail })
}

/// A line from before there were chains stands behind those that are in one, by its age.
const PLACE: &str = "coalesce(seq, id - 4611686018427387904)";

fn lines(tx: &Connection, query: &AuditQuery) -> Result<Vec<AuditEntry>, StorageError> {
    let (mut wheres, mut values) = (Vec::new(), Vec::<Value>::new());
    let mut also = |clause: &str, value: Value| {
        wheres.push(format!("{clause} ?"));
        values.push(value);
    };
    if let Some(chain) = query.whose.chain() {
        also("tenant =", chain.to_owned().into());
    }
    for (column, wanted) in [("subject =", &query.subject), ("action =", &query.action)] {
        if let Some(text) = wanted {
            also(column, text.clone().into());
        }
    }
    for (bound, moment) in [("at >=", query.from), ("at <", query.to)] {
        if let Some(moment) = moment {
            also(bound, moment.as_i64().into());
        }
    }
    if let Some(place) = &query.before {
        wheres.push(format!("(at, tenant, {PLACE}) < (?, ?, ?)"));
        values.extend([place.at.as_i64().into(), place.chain.clone().into(), place.order.into()]);
    }
    let wheres = if wheres.is_empty() { "true".to_owned() } else { wheres.join(" AND ") };
    values.push(i64::from(query.limit).into());
    let sql = format!(
        "SELECT *, {PLACE} AS place FROM audit WHERE {wheres}
         ORDER BY at DESC, tenant DESC, {PLACE} DESC LIMIT ?"
    );
    let mut statement = tx.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut lines = Vec::new();
    while let Some(row) = rows.next()? {
        lines.push(readers::entry(row)?);
    }
    Ok(lines)
}

/// Every chain that has a line.
fn heads(tx: &Connection) -> Result<Vec<KeptHead>, StorageError> {
    let sql = "SELECT a.tenant, a.seq, a.hash, coalesce(s.seq, 0) AS sealed, s.iat AS sealed_at
               FROM (SELECT tenant, max(seq) AS seq FROM audit WHERE seq IS NOT NULL GROUP BY tenant) h
               JOIN audit a ON a.tenant = h.tenant AND a.seq = h.seq
               LEFT JOIN audit_seals s ON s.tenant = a.tenant
                 AND s.seq = (SELECT max(n.seq) FROM audit_seals n WHERE n.tenant = a.tenant)
               ORDER BY a.tenant";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    let mut heads = Vec::new();
    while let Some(row) = rows.next()? {
        let (tenant, head) = (readers::chain_of(row)?, readers::head_of(row)?);
        let (sealed, sealed_at) = (uint(row, "sealed")?, optional_seconds(row, "sealed_at")?);
        heads.push(KeptHead { tenant, head, sealed, sealed_at });
    }
    Ok(heads)
}

fn add_seals(tx: &Connection, seals: &[Seal]) -> Result<(), StorageError> {
    let sql = "INSERT INTO audit_seals (tenant, seq, hash, kid, iat, token) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
               ON CONFLICT (tenant, seq) DO NOTHING";
    let mut statement = tx.prepare_cached(sql)?;
    for Seal { tenant, head, kid, iat, token } in seals {
        let (chain, seq) = (chain_name(tenant.as_ref()), int(head.seq));
        statement.execute(params![chain, seq, head.hash, kid.to_string(), iat.as_i64(), token])?;
    }
    Ok(())
}

fn newest_seals(tx: &Connection, whose: &Whose) -> Result<Vec<Seal>, StorageError> {
    let sql = "SELECT s.* FROM audit_seals s
               JOIN (SELECT tenant, max(seq) AS seq FROM audit_seals GROUP BY tenant) n
                 ON n.tenant = s.tenant AND n.seq = s.seq
               WHERE ?1 IS NULL OR s.tenant = ?1 ORDER BY s.tenant";
    let chain = whose.chain();
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query(params![chain])?;
    let mut seals = Vec::new();
    while let Some(row) = rows.next()? {
        seals.push(readers::seal(row)?);
    }
    Ok(seals)
}

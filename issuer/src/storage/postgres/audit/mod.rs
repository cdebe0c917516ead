//! The audit: [`notes`] is the one place that writes lines.

mod held;
mod issued;

pub(super) use held::held;
pub(super) use issued::issued;

use super::StorageError;
use super::columns::{int, optional_seconds, uint};
use super::connection::Tx;
use crate::audit::{ChainHead, LineText, chain_name};
use crate::storage::readers;
use crate::storage::{AuditEntry, AuditNote, AuditQuery, KeptHead, Seal, Whose};
use std::collections::BTreeMap;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

/// Adds one line to its chain.
pub(super) async fn note(tx: &Tx<'_>, note: &AuditNote) -> Result<(), StorageError> {
    notes(tx, std::slice::from_ref(note)).await
}

/// Adds lines to their chains, each of which stands locked until the transaction ends. Chains are locked in their order,
/// and nothing else is locked behind one.
pub(super) async fn notes(tx: &Tx<'_>, notes: &[AuditNote]) -> Result<(), StorageError> {
    let mut chains = BTreeMap::<&str, Vec<&AuditNote>>::new();
    for note in notes {
        chains.entry(chain_name(note.tenant.as_ref())).or_default().push(note);
    }
    for (chain, notes) in chains {
        add(tx, chain, &notes).await?;
    }
    Ok(())
}

async fn add(tx: &Tx<'_>, chain: &str, notes: &[&AuditNote]) -> Result<(), StorageError> {
    let mut head = locked_head(tx, chain).await?;
    let details: Vec<String> = notes.iter().map(|note| note.detail.to_string()).collect();
    let (mut seqs, mut hashes) = (Vec::new(), Vec::new());
    for (note, detail) in notes.iter().zip(&details) {
        let (at, actor, subject) = (note.at, &note.actor.0, &note.subject);
        let line = LineText { at, actor, action: note.action, subject, detail };
        head = head.after(note.tenant.as_ref(), &line);
        seqs.push(int(head.seq));
        hashes.push(head.hash.to_vec());
    }
    let moments: Vec<i64> = notes.iter().map(|note| note.at.as_i64()).collect();
    let actors: Vec<&str> = notes.iter().map(|note| note.actor.0.as_str()).collect();
    let actions: Vec<&str> = notes.iter().map(|note| note.action).collect();
    let subjects: Vec<&str> = notes.iter().map(|note| note.subject.as_str()).collect();
    let sql = "
        WITH lines AS (
          INSERT INTO audit (tenant, seq, at, actor, action, subject, detail, hash)
          SELECT $1, l.seq, l.at, l.actor, l.action, l.subject, l.detail, l.hash
          FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bytea[])
            AS l (seq, at, actor, action, subject, detail, hash))
        UPDATE audit_heads SET seq = $9, hash = $10 WHERE tenant = $1";
    let (seq, hash) = (int(head.seq), &head.hash[..]);
    tx.execute(sql, &[&chain, &seqs, &moments, &actors, &actions, &subjects, &details, &hashes, &seq, &hash])
        .await
        .map(drop)
}

/// Where the chain stands. The first who comes to a chain makes its head, which others wait for.
async fn locked_head(tx: &Tx<'_>, chain: &str) -> Result<ChainHead, StorageError> {
    let sql = "SELECT seq, hash FROM audit_heads WHERE tenant = $1 FOR NO KEY UPDATE";
    if let Some(row) = tx.optional(sql, &[&chain]).await? {
        return readers::head_of(&row);
    }
    let start = ChainHead::default();
    let new =
        "INSERT INTO audit_heads (tenant, seq, hash) VALUES ($1, $2, $3) ON CONFLICT (tenant) DO NOTHING";
    tx.execute(new, &[&chain, &int(start.seq), &&start.hash[..]]).await?;
    readers::head_of(&tx.one(sql, &[&chain]).await?)
}

/// Every line here stands in a chain: this schema began with them.
const LINE: &str = "tenant, seq, seq AS place, at, actor, action, subject, detail, hash";

/// Conditions that are asked for, with their values.
#[derive(Default)]
struct Conditions<'q> {
    clauses: Vec<String>,
    values: Vec<Box<dyn ToSql + Sync + 'q>>,
}

impl<'q> Conditions<'q> {
    /// `clause` ends where its value comes.
    fn also(&mut self, clause: &str, value: impl ToSql + Sync + 'q) {
        self.values.push(Box::new(value));
        self.clauses.push(format!("{clause} ${}", self.values.len()));
    }

    /// Of rows that stand behind these values, in descending order of these columns.
    fn behind(&mut self, columns: &[&str], values: Vec<Box<dyn ToSql + Sync + 'q>>) {
        let first = self.values.len() + 1;
        self.values.extend(values);
        let places: Vec<String> = (first..=self.values.len()).map(|place| format!("${place}")).collect();
        self.clauses.push(format!("({}) < ({})", columns.join(", "), places.join(", ")));
    }

    async fn rows(
        &self,
        tx: &Tx<'_>,
        select: &str,
        order: &[&str],
        limit: u32,
    ) -> Result<Vec<Row>, StorageError> {
        let wheres = if self.clauses.is_empty() { "true".to_owned() } else { self.clauses.join(" AND ") };
        let order: Vec<String> = order.iter().map(|column| format!("{column} DESC")).collect();
        let (order, place) = (order.join(", "), self.values.len() + 1);
        let sql = format!("{select} WHERE {wheres} ORDER BY {order} LIMIT ${place}");
        let limit = i64::from(limit);
        let mut values: Vec<&(dyn ToSql + Sync)> = Vec::new();
        values.extend(self.values.iter().map(|value| &**value as &(dyn ToSql + Sync)));
        values.push(&limit);
        tx.rows(&sql, &values).await
    }
}

pub(super) async fn lines(tx: &Tx<'_>, query: &AuditQuery) -> Result<Vec<AuditEntry>, StorageError> {
    let mut asked = Conditions::default();
    if let Some(chain) = query.whose.chain() {
        asked.also("tenant =", chain);
    }
    for (column, wanted) in [("subject =", &query.subject), ("action =", &query.action)] {
        if let Some(text) = wanted {
            asked.also(column, text.as_str());
        }
    }
    for (bound, moment) in [("at >=", query.from), ("at <", query.to)] {
        if let Some(moment) = moment {
            asked.also(bound, moment.as_i64());
        }
    }
    const PLACE: [&str; 3] = ["at", "tenant", "seq"];
    if let Some(place) = &query.before {
        let (at, chain, order) = (place.at.as_i64(), place.chain.as_str(), place.order);
        asked.behind(&PLACE, vec![Box::new(at), Box::new(chain), Box::new(order)]);
    }
    let select = format!("SELECT {LINE} FROM audit");
    asked.rows(tx, &select, &PLACE, query.limit).await?.iter().map(readers::entry).collect()
}

/// Every chain that has a line.
pub(super) async fn heads(tx: &Tx<'_>) -> Result<Vec<KeptHead>, StorageError> {
    let sql = "SELECT h.tenant, h.seq, h.hash, coalesce(s.seq, 0) AS sealed, s.iat AS sealed_at
               FROM audit_heads h LEFT JOIN LATERAL (
                 SELECT n.seq, n.iat FROM audit_seals n WHERE n.tenant = h.tenant ORDER BY n.seq DESC LIMIT 1) s ON true
               WHERE h.seq > 0 ORDER BY h.tenant";
    let kept = |row| {
        let (tenant, head) = (readers::chain_of(row)?, readers::head_of(row)?);
        let (sealed, sealed_at) = (uint(row, "sealed")?, optional_seconds(row, "sealed_at")?);
        Ok(KeptHead { tenant, head, sealed, sealed_at })
    };
    tx.rows(sql, &[]).await?.iter().map(kept).collect()
}

pub(super) async fn add_seals(tx: &Tx<'_>, seals: &[Seal]) -> Result<(), StorageError> {
    let sql = "INSERT INTO audit_seals (tenant, seq, hash, kid, iat, token)
               SELECT * FROM unnest($1::text[], $2::bigint[], $3::bytea[], $4::text[], $5::bigint[], $6::text[])
               ON CONFLICT (tenant, seq) DO NOTHING";
    let chains: Vec<&str> = seals.iter().map(|seal| chain_name(seal.tenant.as_ref())).collect();
    let seqs: Vec<i64> = seals.iter().map(|seal| int(seal.head.seq)).collect();
    let hashes: Vec<&[u8]> = seals.iter().map(|seal| &seal.head.hash[..]).collect();
    let kids: Vec<String> = seals.iter().map(|seal| seal.kid.to_string()).collect();
    let moments: Vec<i64> = seals.iter().map(|seal| seal.iat.as_i64()).collect();
    let tokens: Vec<&str> = seals.iter().map(|seal| seal.token.as_str()).collect();
    tx.execute(sql, &[&chains, &seqs, &hashes, &kids, &moments, &tokens]).await.map(drop)
}

pub(super) async fn newest_seals(tx: &Tx<'_>, whose: &Whose) -> Result<Vec<Seal>, StorageError> {
    let sql = "SELECT DISTINCT ON (tenant) tenant, seq, hash, kid, iat, token FROM audit_seals
               WHERE $1::text IS NULL OR tenant = $1 ORDER BY tenant, seq DESC";
    let chain = whose.chain();
    tx.rows(sql, &[&chain]).await?.iter().map(readers::seal).collect()
}

//! The rows of quotas: what is written with a digest is read with it, and what cannot be read is counted again.

use super::super::JournalFault;
use super::{base, rows};
use brink_license::usage::{Entry, Hash, QUARTER_MS, Quantity, Record, Span, Spent};
use brink_license::{DeviceId, Slug, UnixSeconds};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

const SPENT_LABEL: &[u8] = b"brink/quota/v1\0";
const STATE_LABEL: &[u8] = b"brink/quotas/v1\0";
/// Spans of one meter that are kept: work that began in one may end in the next, and a clock that is put right goes
/// back by one more.
const SPANS_KEPT: u32 = 4;

/// What is known of all quotas together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Standing {
    /// No record is lost that the issuer has not heard of.
    pub(super) settled: bool,
    /// Rows that there should be.
    pub(super) rows: u64,
}

/// One quota's row.
pub(super) enum Found {
    Sound(Spent),
    Damaged,
    Absent,
}

fn spent_digest(device: &DeviceId, meter: &Slug, span: &str, spent: &[u8]) -> Hash {
    // No name has a zero byte.
    let hasher = Sha256::new_with_prefix(SPENT_LABEL).chain_update(device.as_str()).chain_update([0]);
    let hasher = hasher.chain_update(meter.as_str()).chain_update([0]).chain_update(span).chain_update([0]);
    hasher.chain_update(spent).finalize().into()
}

fn state_digest(state: &[u8]) -> Hash {
    Sha256::new_with_prefix(STATE_LABEL).chain_update(state).finalize().into()
}

pub(super) fn spent(
    conn: &Connection,
    device: &DeviceId,
    meter: &Slug,
    span: &Span,
) -> Result<Found, JournalFault> {
    let key = span.key.as_str();
    let mut found = conn
        .prepare_cached("SELECT spent, sha256 FROM quotas WHERE device = ?1 AND meter = ?2 AND span = ?3")?;
    let row = found.query_row(params![device.as_str(), meter.as_str(), key], |row| {
        Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?))
    });
    let Some((bytes, digest)) = row.optional()? else { return Ok(Found::Absent) };
    let read = postcard::from_bytes::<(Quantity, Quantity)>(&bytes).ok();
    Ok(match read.filter(|_| digest == spent_digest(device, meter, key, &bytes)) {
        Some((used, aside)) => Found::Sound(Spent { used, aside }),
        None => Found::Damaged,
    })
}

pub(super) fn put_spent(
    conn: &Connection,
    device: &DeviceId,
    (meter, span): (&Slug, &Span),
    spent: &Spent,
) -> Result<(), JournalFault> {
    let key = span.key.as_str();
    let bytes = postcard::to_allocvec(&(spent.used, spent.aside))
        .map_err(|error| JournalFault::Unusable(error.to_string()))?;
    let mut put = conn.prepare_cached(
        "INSERT INTO quotas (device, meter, span, spent, sha256) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (device, meter, span) DO UPDATE SET spent = excluded.spent, sha256 = excluded.sha256",
    )?;
    let digest = spent_digest(device, meter, key, &bytes);
    put.execute(params![device.as_str(), meter.as_str(), key, bytes, digest])?;
    Ok(())
}

/// Drops spans of a meter that nothing can belong to any more. A licence's life is none of them.
pub(super) fn prune(
    conn: &Connection,
    device: &DeviceId,
    (meter, span): (&Slug, &Span),
) -> Result<(), JournalFault> {
    if span.starts_at.is_none() {
        return Ok(());
    }
    let kind = format!("{} ", span.key.kind());
    conn.execute(
        // A clock that was ahead has left later ones: the one in use and everything above it stays.
        "DELETE FROM quotas
         WHERE device = ?1 AND meter = ?2 AND substr(span, 1, length(?3)) = ?3 AND span < ?5 AND span NOT IN
           (SELECT span FROM quotas
            WHERE device = ?1 AND meter = ?2 AND substr(span, 1, length(?3)) = ?3 AND span < ?5
            ORDER BY span DESC LIMIT ?4)",
        params![device.as_str(), meter.as_str(), kind, SPANS_KEPT, span.key.to_string()],
    )?;
    Ok(())
}

pub(super) fn rows_of(conn: &Connection) -> Result<u64, JournalFault> {
    let mut count = conn.prepare_cached("SELECT count(*) FROM quotas")?;
    let rows: i64 = count.query_row([], |row| row.get(0))?;
    Ok(rows.unsigned_abs())
}

/// Whether a meter was counted over the life of some licence.
pub(super) fn has_lease(
    conn: &Connection,
    device: &DeviceId,
    (meter, span): (&Slug, &Span),
) -> Result<bool, JournalFault> {
    let kind = format!("{} ", span.key.kind());
    let found = conn.query_row(
        "SELECT 1 FROM quotas WHERE device = ?1 AND meter = ?2 AND substr(span, 1, length(?3)) = ?3 LIMIT 1",
        params![device.as_str(), meter.as_str(), kind],
        |_| Ok(()),
    );
    Ok(found.optional()?.is_some())
}

/// What is known; nothing for certain where its row is damaged or gone.
pub(super) fn standing(conn: &Connection) -> Result<Standing, JournalFault> {
    let mut found = conn.prepare_cached("SELECT state, sha256 FROM quota_state")?;
    let row =
        found.query_row([], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?))).optional()?;
    let sound = row.filter(|(bytes, digest)| *digest == state_digest(bytes));
    match sound.and_then(|(bytes, _)| postcard::from_bytes(&bytes).ok()) {
        Some(standing) => Ok(standing),
        None => Ok(Standing { settled: false, rows: rows_of(conn)? }),
    }
}

pub(super) fn put_standing(conn: &Connection, standing: Standing) -> Result<(), JournalFault> {
    let bytes =
        postcard::to_allocvec(&standing).map_err(|error| JournalFault::Unusable(error.to_string()))?;
    let mut put = conn.prepare_cached(
        "INSERT INTO quota_state (one, state, sha256) VALUES (1, ?1, ?2)
         ON CONFLICT (one) DO UPDATE SET state = excluded.state, sha256 = excluded.sha256",
    )?;
    put.execute(params![bytes, state_digest(&bytes)])?;
    Ok(())
}

/// What the records that are there say of a span: all activations of the device together. Sums tell most of it; records
/// are read where a sum spans more than the span does.
pub(super) fn recount(
    conn: &Connection,
    device: &DeviceId,
    (meter, span): (&Slug, &Span),
) -> Result<Quantity, JournalFault> {
    let mut counted = Quantity::ZERO;
    for tip in rows::tips(conn)? {
        let (chain, tip) = tip?;
        if tip.genesis.device != *device {
            continue;
        }
        let Some(total) = rows::total(conn, chain, meter)? else { continue };
        let starts_ms = span.starts_at.map_or(i64::MIN, |start| start.as_i64().saturating_mul(1000));
        let of_chain = if total.first_ms >= starts_ms {
            total.total
        } else if total.last_ms < starts_ms {
            Quantity::ZERO
        } else {
            let gone = recount_gone(conn, chain, (meter, starts_ms))?;
            recount_records(conn, chain, (meter, span))?.plus(gone).unwrap_or(Quantity::MAX)
        };
        counted = counted.plus(of_chain).unwrap_or(Quantity::MAX);
    }
    Ok(counted)
}

/// What left the journal before its time, for want of room: how much of it belongs to the span is not known any more, and
/// nothing is given away.
fn recount_gone(
    conn: &Connection,
    chain: i64,
    (meter, starts_ms): (&Slug, i64),
) -> Result<Quantity, JournalFault> {
    let gone = match base::base(conn, chain)? {
        None => None,
        Some(base::Base { totals: Some(totals), .. }) => {
            totals.into_iter().find(|(of, _)| of == meter).map(|(_, total)| total)
        }
        // What there was up to it is not known: no more than there is in all.
        Some(base::Base { totals: None, .. }) => rows::total(conn, chain, meter)?,
    };
    let gone = gone.filter(|total| total.last_ms >= starts_ms);
    Ok(gone.map_or(Quantity::ZERO, |total| total.total))
}

fn recount_records(
    conn: &Connection,
    chain: i64,
    (meter, span): (&Slug, &Span),
) -> Result<Quantity, JournalFault> {
    let mut found = conn.prepare_cached("SELECT bytes FROM records WHERE chain = ?1")?;
    let mut records = found.query([chain])?;
    let mut counted = Quantity::ZERO;
    while let Some(row) = records.next()? {
        let Ok(record) = Record::from_bytes(row.get_ref(0)?.as_blob().unwrap_or_default()) else { continue };
        let mut count = |of: &Slug, at_ms: i64, quantity| {
            if of == meter && span.holds(UnixSeconds::new(at_ms.div_euclid(1000))) {
                counted = counted.plus(quantity).unwrap_or(Quantity::MAX);
            }
        };
        match &record.entry {
            Entry::Usage(usage) => count(&usage.meter, record.at.est_ms, usage.quantity),
            // Every zone's days begin with a quarter of an hour.
            Entry::Fold(fold) => fold
                .named()
                .for_each(|(of, sum)| count(of, sum.quarter.saturating_mul(QUARTER_MS), sum.quantity)),
            Entry::Recover(_) | Entry::Close => {}
        }
    }
    Ok(counted)
}

/// Everything of another file that is sound. Says whether that was all.
pub(super) fn carry_over(old: &Connection, new: &Connection) -> Result<bool, JournalFault> {
    let Ok(before) = standing(old) else { return Ok(false) };
    let mut carried = 0;
    let read = old.prepare("SELECT device, meter, span, spent, sha256 FROM quotas").and_then(|mut found| {
        let rows = found.query_map([], |row| {
            let text = |at: usize| row.get::<_, String>(at);
            Ok((text(0)?, text(1)?, text(2)?, row.get::<_, Vec<u8>>(3)?, row.get::<_, Vec<u8>>(4)?))
        })?;
        rows.collect::<Result<Vec<_>, _>>()
    });
    for (device, meter, span, bytes, digest) in read.unwrap_or_default() {
        let (Ok(device_id), Ok(slug)) = (DeviceId::parse(&device), Slug::parse(&meter)) else { continue };
        if digest != spent_digest(&device_id, &slug, &span, &bytes) {
            continue;
        }
        new.execute(
            // In a damaged tree a row may stand twice.
            "INSERT OR IGNORE INTO quotas (device, meter, span, spent, sha256) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![device, meter, span, bytes, digest],
        )?;
        carried += 1;
    }
    Ok(before.settled && before.rows == carried)
}

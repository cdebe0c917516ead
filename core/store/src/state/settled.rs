//! The rows of settled usage: one for each chain of which the issuer has something.

use super::as_i64;
use super::fault::{Damage, Fault};
use super::rows::uint;
use brink_license::usage::{Genesis, Head};
use rusqlite::{Connection, Transaction, params};

/// How far one chain is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The activation that began it.
    pub epoch: u32,
    /// The thumbprint of that activation's key.
    pub jkt: [u8; 32],
    /// The last record that a receipt acknowledged.
    pub cursor: Head,
    /// The highest number that was ever sent.
    pub sent: u64,
    /// When the last of what was sent was read from the journal, by the guarded time in milliseconds.
    pub sent_ms: i64,
}

impl Settled {
    /// Of a chain of which nothing was ever sent.
    #[must_use]
    pub fn none(genesis: &Genesis) -> Self {
        let cursor = Head { seq: 0, hash: genesis.prev() };
        Self { epoch: genesis.epoch, jkt: genesis.jkt, cursor, sent: 0, sent_ms: i64::MIN }
    }

    /// Of one of these chains.
    #[must_use]
    pub fn of(genesis: &Genesis, all: &[Settled]) -> Self {
        let found = all.iter().find(|known| known.epoch == genesis.epoch && known.jkt == genesis.jkt);
        found.copied().unwrap_or_else(|| Self::none(genesis))
    }
}

pub(super) fn write(transaction: &Transaction<'_>, settled: &Settled) -> Result<(), Fault> {
    let Settled { epoch, jkt, cursor, sent, sent_ms } = settled;
    transaction.execute(
        "INSERT INTO settled (epoch, jkt, seq, hash, sent, sent_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (epoch, jkt) DO UPDATE
         SET seq = excluded.seq, hash = excluded.hash, sent = max(sent, excluded.sent),
             sent_ms = max(sent_ms, excluded.sent_ms)",
        params![epoch, jkt, as_i64(cursor.seq), cursor.hash, as_i64(*sent), sent_ms],
    )?;
    Ok(())
}

pub(super) fn read(conn: &Connection) -> Result<Vec<Settled>, Fault> {
    let mut statement =
        conn.prepare("SELECT epoch, seq, sent, jkt, hash, sent_ms FROM settled ORDER BY epoch, jkt")?;
    let mut rows = statement.query([])?;
    let mut settled = Vec::new();
    while let Some(row) = rows.next()? {
        settled.push(Settled {
            epoch: u32::try_from(uint(row, 0)?).map_err(|_| Damage("settled epoch"))?,
            jkt: row.get(3)?,
            cursor: Head { seq: uint(row, 1)?, hash: row.get(4)? },
            sent: uint(row, 2)?,
            sent_ms: row.get(5)?,
        });
    }
    Ok(settled)
}

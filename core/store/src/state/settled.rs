//! The rows of settled usage: one for each chain of which the issuer has something.

use super::as_i64;
use super::fault::{Damage, Fault};
use super::rows::uint;
use brink_license::clock::BootId;
use brink_license::usage::{Genesis, Hash, Head, Moment};
use rusqlite::{Connection, Row, params};

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
    /// The hash of that record, where it is known.
    pub sent_hash: Option<Hash>,
    /// When the last of what was sent was read from the journal; `None` before the first.
    pub read_at: Option<Moment>,
    /// The issuer takes no more of it: it has other records under its numbers, does not believe it, or lacks what is gone.
    pub stuck: bool,
}

impl Settled {
    /// Of a chain of which nothing was ever sent.
    #[must_use]
    pub fn none(genesis: &Genesis) -> Self {
        let cursor = genesis.head();
        Self {
            epoch: genesis.epoch,
            jkt: genesis.jkt,
            cursor,
            sent: 0,
            sent_hash: None,
            read_at: None,
            stuck: false,
        }
    }

    /// Of one of these chains.
    #[must_use]
    pub fn of(genesis: &Genesis, all: &[Settled]) -> Self {
        Self::find(all, genesis).copied().unwrap_or_else(|| Self::none(genesis))
    }

    /// Of one of these chains, if it is among them.
    #[must_use]
    pub fn find<'s>(all: &'s [Settled], genesis: &Genesis) -> Option<&'s Self> {
        all.iter().find(|known| known.epoch == genesis.epoch && known.jkt == genesis.jkt)
    }

    /// Puts it among these, in place of what was known of its chain before.
    pub(crate) fn put(all: &mut Vec<Self>, settled: Self) {
        let order = |of: &Self| (of.epoch, of.jkt);
        match all.binary_search_by_key(&order(&settled), order) {
            Ok(known) => all[known] = settled,
            Err(place) => all.insert(place, settled),
        }
    }

    /// The highest number that the issuer may have.
    #[must_use]
    pub fn reached(&self) -> u64 {
        self.sent.max(self.cursor.seq)
    }

    /// The last record that the issuer may have, as far as its hash is known.
    #[must_use]
    pub fn last(&self) -> Option<Head> {
        if self.sent <= self.cursor.seq {
            return Some(self.cursor);
        }
        self.sent_hash.map(|hash| Head { seq: self.sent, hash })
    }

    /// A receipt acknowledges it up to here, and is the last word on what was sent.
    #[must_use]
    pub const fn with_cursor(self, cursor: Head) -> Self {
        Self { cursor, sent: cursor.seq, sent_hash: Some(cursor.hash), ..self }
    }

    /// The issuer may have it up to this record from now on, and nothing of that was recorded after `read_at`.
    #[must_use]
    pub fn with_sent(self, last: Head, read_at: Moment) -> Self {
        // Of a clock that was ahead and was put right: what was sent stays sent.
        let est_ms = self.read_at.map_or(read_at.est_ms, |before| before.est_ms.max(read_at.est_ms));
        let read_at = Some(Moment { est_ms, ..read_at });
        match last.seq >= self.sent {
            true => Self { sent: last.seq, sent_hash: Some(last.hash), read_at, ..self },
            false => Self { read_at, ..self },
        }
    }

    /// Whether what was recorded at this moment was recorded after everything that was ever sent. Within a boot nothing
    /// disturbs its own clock; from one boot to the next the guarded time of all that was sent is compared.
    #[must_use]
    pub fn is_before(&self, at: &Moment) -> bool {
        match self.read_at {
            Some(read) if read.boot == at.boot => at.boottime_ms > read.boottime_ms,
            Some(read) => at.est_ms > read.est_ms,
            // Of what was sent before anybody kept this nothing is known.
            None => self.reached() == 0,
        }
    }
}

pub(super) fn write(transaction: &Connection, settled: &Settled) -> Result<(), Fault> {
    let Settled { epoch, jkt, cursor, sent, sent_hash, read_at, stuck } = settled;
    transaction.execute(
        "INSERT OR REPLACE INTO settled
           (epoch, jkt, seq, hash, sent, boot_id, boottime_ms, wall_ms, est_ms, stuck, sent_hash)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        params![
            epoch,
            jkt,
            as_i64(cursor.seq),
            cursor.hash,
            as_i64(*sent),
            read_at.map(|at| at.boot.to_string()),
            read_at.map(|at| at.boottime_ms),
            read_at.map(|at| at.wall_ms),
            read_at.map(|at| at.est_ms),
            stuck,
            sent_hash,
        ],
    )?;
    Ok(())
}

pub(super) fn read(conn: &Connection) -> Result<Vec<Settled>, Fault> {
    let mut statement = conn.prepare(
        "SELECT epoch, seq, sent, jkt, hash, boot_id, boottime_ms, wall_ms, est_ms, stuck, sent_hash FROM settled
         ORDER BY epoch, jkt",
    )?;
    let mut rows = statement.query([])?;
    let mut settled = Vec::new();
    while let Some(row) = rows.next()? {
        settled.push(Settled {
            epoch: u32::try_from(uint(row, 0)?).map_err(|_| Damage("settled epoch"))?,
            jkt: row.get(3)?,
            cursor: Head { seq: uint(row, 1)?, hash: row.get(4)? },
            sent: uint(row, 2)?,
            read_at: read_at(row)?,
            stuck: row.get(9)?,
            sent_hash: row.get(10)?,
        });
    }
    Ok(settled)
}

fn read_at(row: &Row<'_>) -> Result<Option<Moment>, Fault> {
    match (row.get::<_, Option<String>>(5)?, row.get(6)?, row.get(7)?, row.get(8)?) {
        (Some(boot), Some(boottime_ms), Some(wall_ms), Some(est_ms)) => {
            let boot = BootId::parse(&boot).ok_or(Damage("settled boot_id"))?;
            Ok(Some(Moment { boot, boottime_ms, wall_ms, est_ms }))
        }
        (None, None, None, None) => Ok(None),
        (_, _, _, _) => Err(Damage("settled moment").into()),
    }
}

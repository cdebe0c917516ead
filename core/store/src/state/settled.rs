//! The rows of settled usage: one for each chain of which the issuer has something.

use super::as_i64;
use super::fault::{Damage, Fault};
use super::rows::uint;
use brink_license::clock::BootId;
use brink_license::usage::{Genesis, Head, Moment};
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
        Self { epoch: genesis.epoch, jkt: genesis.jkt, cursor, sent: 0, read_at: None, stuck: false }
    }

    /// Of one of these chains.
    #[must_use]
    pub fn of(genesis: &Genesis, all: &[Settled]) -> Self {
        let found = all.iter().find(|known| known.epoch == genesis.epoch && known.jkt == genesis.jkt);
        found.copied().unwrap_or_else(|| Self::none(genesis))
    }

    /// Whether what was recorded at this moment was recorded after everything that was ever sent. Within a boot nothing
    /// disturbs its own clock; from one boot to the next the guarded time does not go back.
    #[must_use]
    pub fn is_before(&self, at: &Moment) -> bool {
        self.read_at.is_none_or(|read| {
            if read.boot == at.boot { at.boottime_ms > read.boottime_ms } else { at.est_ms > read.est_ms }
        })
    }
}

pub(super) fn write(transaction: &Connection, settled: &Settled) -> Result<(), Fault> {
    let Settled { epoch, jkt, cursor, sent, read_at, stuck } = settled;
    transaction.execute(
        "INSERT OR REPLACE INTO settled
           (epoch, jkt, seq, hash, sent, boot_id, boottime_ms, wall_ms, est_ms, stuck)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
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
        ],
    )?;
    Ok(())
}

pub(super) fn read(conn: &Connection) -> Result<Vec<Settled>, Fault> {
    let mut statement = conn.prepare(
        "SELECT epoch, seq, sent, jkt, hash, boot_id, boottime_ms, wall_ms, est_ms, stuck FROM settled
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

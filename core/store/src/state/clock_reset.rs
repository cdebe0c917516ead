//! The rows of clock resets: the challenge that waits, and the reset accepted last.

use super::fault::{Damage, Fault};
use super::held::Challenge;
use super::rows::uint;
use super::{StateDb, as_i64};
use crate::StoreError;
use brink_license::UnixSeconds;
use brink_license::clock::{BootId, Reading, ResetMark};
use brink_license::token::NEXT_AFTER_SECONDS_MAX;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

/// No receipt asks for a longer pause.
const NEXT_AFTER: i64 = NEXT_AFTER_SECONDS_MAX.cast_signed();

impl StateDb {
    /// Stores a challenge before it leaves, in place of one that was never answered.
    pub(crate) fn store_challenge(&mut self, challenge: &Challenge) -> Result<(), StoreError> {
        let Challenge { nonce, created } = challenge;
        self.write("store the clock challenge", |transaction| {
            transaction.execute(
                "INSERT OR REPLACE INTO clock_challenge (one, nonce, wall, boot_id, boottime) \
                 VALUES (1, ?1, ?2, ?3, ?4)",
                params![nonce, created.wall.as_i64(), created.boot.to_string(), created.boottime],
            )?;
            Ok(())
        })
    }

    /// The answer to the challenge is in force from this commit on, and the challenge is spent.
    pub(crate) fn accept_reset(&mut self, nonce: &[u8; 32], reset: &ResetMark) -> Result<(), StoreError> {
        self.write("store the clock reset", |transaction| {
            if transaction.execute("DELETE FROM clock_challenge WHERE nonce = ?1", [nonce])? != 1 {
                return Err(StoreError::NothingPending.into());
            }
            write(transaction, reset)?;
            // What was planned by a clock that was wrong; the agent has intervals of its own.
            transaction.execute(
                "UPDATE exchange SET next_after = NULL WHERE next_after > ?1",
                [reset.server_time.saturating_add(NEXT_AFTER).as_i64()],
            )?;
            Ok(())
        })
    }
}

pub(super) fn write(transaction: &Transaction<'_>, reset: &ResetMark) -> Result<(), Fault> {
    let ResetMark { number, server_time, boot, boottime } = reset;
    transaction.execute(
        "INSERT OR REPLACE INTO clock_reset (one, number, server_time, boot_id, boottime) VALUES (1, ?1, ?2, ?3, ?4)",
        params![as_i64(*number), server_time.as_i64(), boot.to_string(), boottime],
    )?;
    Ok(())
}

pub(super) fn read_challenge(conn: &Connection) -> Result<Option<Challenge>, Fault> {
    let sql = "SELECT nonce, wall, boot_id, boottime FROM clock_challenge WHERE one = 1";
    let read = |row: &Row<'_>| -> Result<Challenge, Fault> {
        let created =
            Reading { wall: UnixSeconds::new(row.get(1)?), boot: boot(row, 2)?, boottime: row.get(3)? };
        Ok(Challenge { nonce: row.get(0)?, created })
    };
    conn.query_row(sql, [], |row| Ok(read(row))).optional()?.transpose()
}

pub(super) fn read_reset(conn: &Connection) -> Result<Option<ResetMark>, Fault> {
    let sql = "SELECT number, server_time, boot_id, boottime FROM clock_reset WHERE one = 1";
    let read = |row: &Row<'_>| -> Result<ResetMark, Fault> {
        Ok(ResetMark {
            number: uint(row, 0)?,
            server_time: UnixSeconds::new(row.get(1)?),
            boot: boot(row, 2)?,
            boottime: row.get(3)?,
        })
    };
    conn.query_row(sql, [], |row| Ok(read(row))).optional()?.transpose()
}

fn boot(row: &Row<'_>, at: usize) -> Result<BootId, Fault> {
    Ok(BootId::parse(&row.get::<_, String>(at)?).ok_or(Damage("boot_id"))?)
}

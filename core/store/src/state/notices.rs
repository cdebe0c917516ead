//! The rows of notices: the newest of each kind, as it was received.

use super::fault::{Damage, Fault};
use super::rows::uint;
use super::{StateDb, as_i64};
use crate::StoreError;
use brink_license::token::{Notice, NoticeKind};
use rusqlite::{Connection, Transaction, params};

impl StateDb {
    /// A notice that came by itself is in force from this commit on.
    pub(crate) fn store_notice(&mut self, notice: &Notice) -> Result<(), StoreError> {
        self.write("store a notice", |transaction| write(transaction, notice))
    }
}

pub(super) fn write(transaction: &Transaction<'_>, notice: &Notice) -> Result<(), Fault> {
    let Notice { kind, number, token } = notice;
    transaction.execute(
        "INSERT OR REPLACE INTO notices (kind, number, token) VALUES (?1, ?2, ?3)",
        params![kind.number(), as_i64(*number), token],
    )?;
    Ok(())
}

/// Rows of kinds that this program does not know belong to a newer one, and stay.
pub(super) fn read(conn: &Connection) -> Result<Vec<Notice>, Fault> {
    let mut statement = conn.prepare("SELECT number, token, kind FROM notices ORDER BY kind")?;
    let mut rows = statement.query([])?;
    let mut notices = Vec::new();
    while let Some(row) = rows.next()? {
        let number: i64 = row.get(2)?;
        let number = u16::try_from(number).map_err(|_| Damage("notice kind"))?;
        if let Some(kind) = NoticeKind::from_number(number) {
            notices.push(Notice { kind, number: uint(row, 0)?, token: row.get(1)? });
        }
    }
    Ok(notices)
}

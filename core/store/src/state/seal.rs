//! A digest over everything in `state.db`, renewed by every transaction that writes.
//!
//! SQLite does not notice a flipped bit inside a value. A counter or a ratchet that changed by itself would look like a
//! cloned device to the issuer, so it has to be named as damage here. It is no protection against people: whoever can
//! write the file can write the digest.

use super::fault::{Damage, Fault};
use super::schema;
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use sha2::{Digest, Sha256};

/// Each table with a query in a fixed order, and the version that brought it.
const CONTENT: [(i64, &str); 11] = [
    (1, "SELECT * FROM install ORDER BY one"),
    (1, "SELECT * FROM marks ORDER BY one"),
    (1, "SELECT * FROM exchange ORDER BY one"),
    (1, "SELECT * FROM pending ORDER BY one"),
    (1, "SELECT * FROM inbox ORDER BY one"),
    (1, "SELECT * FROM refusals ORDER BY number"),
    (2, "SELECT * FROM notices ORDER BY kind"),
    (3, "SELECT * FROM seats ORDER BY one"),
    (4, "SELECT * FROM clock_challenge ORDER BY one"),
    (4, "SELECT * FROM clock_reset ORDER BY one"),
    (5, "SELECT * FROM settled ORDER BY epoch, jkt"),
];

/// Refuses content that no transaction of ours committed.
pub(super) fn check(conn: &Connection) -> Result<(), Fault> {
    let sealed: [u8; 32] = conn.query_row("SELECT sha256 FROM seal WHERE one = 1", [], |row| row.get(0))?;
    if digest(conn)? == sealed { Ok(()) } else { Err(Damage("content").into()) }
}

/// To be called at the end of every transaction that writes.
pub(super) fn renew(conn: &Connection) -> Result<(), Fault> {
    let digest = digest(conn)?;
    conn.execute("INSERT OR REPLACE INTO seal (one, sha256) VALUES (1, ?1)", [digest])?;
    Ok(())
}

fn digest(conn: &Connection) -> Result<[u8; 32], Fault> {
    let mut digest = Sha256::new();
    let version = schema::version(conn)?;
    for query in CONTENT.into_iter().filter(|(since, _)| *since <= version).map(|(_, query)| query) {
        let mut statement = conn.prepare_cached(query)?;
        let columns = statement.column_count();
        let mut rows = statement.query([])?;
        digest.update(query);
        while let Some(row) = rows.next()? {
            for column in 0..columns {
                add(&mut digest, row.get_ref(column)?);
            }
        }
    }
    Ok(digest.finalize().into())
}

/// Type, length and content, so that no two contents read alike.
fn add(digest: &mut Sha256, value: ValueRef<'_>) {
    let (kind, bytes): (u8, &[u8]) = match value {
        ValueRef::Null => (0, &[]),
        ValueRef::Integer(number) => (1, &number.to_le_bytes()),
        ValueRef::Real(number) => (2, &number.to_le_bytes()),
        ValueRef::Text(text) => (3, text),
        ValueRef::Blob(blob) => (4, blob),
    };
    digest.update([kind]);
    digest.update((bytes.len() as u64).to_le_bytes());
    digest.update(bytes);
}

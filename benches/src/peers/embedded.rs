//! Stores inside the process.

use rusqlite::{Connection, Statement};
use std::path::Path;

/// All pages of a million keys stay in memory.
const CACHE_BYTES: u64 = 1 << 30;

/// sled, the vault's store.
pub struct Sled {
    db: sled::Db,
}

impl Sled {
    pub fn filled(dir: &Path, keys: &[String]) -> Self {
        let config = sled::Config::new().path(dir.join("sled")).cache_capacity(CACHE_BYTES);
        let db = config.open().expect("sled");
        let mut sorted: Vec<&String> = keys.iter().collect();
        sorted.sort_unstable();
        for key in sorted {
            db.insert(key, super::ANSWER).expect("an insert");
        }
        Self { db }
    }

    pub fn ask(&self, key: &str) -> usize {
        self.db.get(key).expect("sled").expect("a key that exists").len()
    }
}

/// SQLite with the answer beside its primary key.
pub struct Sqlite {
    connection: Connection,
}

impl Sqlite {
    pub fn filled(dir: &Path, keys: &[String]) -> Self {
        let mut connection = Connection::open(dir.join("decisions.db")).expect("SQLite");
        connection.pragma_update(None, "journal_mode", "WAL").expect("a pragma");
        connection
            .pragma_update(None, "cache_size", -i64::try_from(CACHE_BYTES / 1024).expect("KiB"))
            .expect("a pragma");
        let schema = "CREATE TABLE decision (key TEXT PRIMARY KEY, until INTEGER NOT NULL) WITHOUT ROWID";
        connection.execute(schema, ()).expect("a table");
        let transaction = connection.transaction().expect("a transaction");
        {
            let mut insert =
                transaction.prepare("INSERT INTO decision VALUES (?1, ?2)").expect("a statement");
            let mut sorted: Vec<&String> = keys.iter().collect();
            sorted.sort_unstable();
            for key in sorted {
                insert.execute((key, super::UNTIL)).expect("an insert");
            }
        }
        transaction.commit().expect("a commit");
        Self { connection }
    }

    /// The prepared question.
    pub fn question(&self) -> Statement<'_> {
        self.connection.prepare("SELECT until FROM decision WHERE key = ?1").expect("a statement")
    }

    pub fn ask(question: &mut Statement<'_>, key: &str) -> i64 {
        question.query_row([key], |row| row.get(0)).expect("a key that exists")
    }
}

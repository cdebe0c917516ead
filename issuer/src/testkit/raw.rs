//! The database behind the program's back: what no verb does, or nobody should.

use super::Bench;
use crate::config::DataDir;
use crate::place::{DatabasePlace, create_secret};
use crate::storage::postgres::PostgresStorage;
use brink_databases::{Database, Held};
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use std::path::{Path, PathBuf};

/// A value that stands in the place of `?1` and so on.
pub(crate) trait Literal {
    /// As both databases read it, but for bytes.
    fn literal(&self, on_server: bool) -> String;
}

impl Literal for &str {
    fn literal(&self, _: bool) -> String {
        format!("'{}'", self.replace('\'', "''"))
    }
}

impl Literal for i64 {
    fn literal(&self, _: bool) -> String {
        self.to_string()
    }
}

impl Literal for Vec<u8> {
    fn literal(&self, on_server: bool) -> String {
        let hex: String = self.iter().map(|byte| format!("{byte:02x}")).collect();
        if on_server { format!("'\\x{hex}'::bytea") } else { format!("x'{hex}'") }
    }
}

/// A number of units as the databases show it: SQLite as 16 bytes, PostgreSQL as a number.
pub(crate) fn units(text: &str) -> u128 {
    match text.strip_prefix("\\x") {
        Some(hex) => u128::from_str_radix(hex, 16).unwrap(),
        None => text.parse().unwrap(),
    }
}

/// A fresh place for a database, and what has to live as long as it.
pub(super) fn fresh(data: &DataDir, on_server: bool) -> (DatabasePlace, Option<Database>) {
    if !on_server {
        return (DatabasePlace::File(data.database()), None);
    }
    // Made once for each schema: a run of tests makes hundreds of databases.
    let template = format!("brink_template_{}", PostgresStorage::schema_digest());
    let database = Database::from_template(&template, |url| {
        PostgresStorage::migrate(&url.parse().unwrap()).unwrap();
    });
    (DatabasePlace::Server(database.url().parse().unwrap()), Some(database))
}

/// A copy of an issuer's directory in `to`, with a copy of the database at `place`.
fn copied(from: &DataDir, to: &DataDir, place: Copied<'_>) {
    std::fs::create_dir_all(to.keys()).unwrap();
    for entry in std::fs::read_dir(from.keys()).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.keys().join(entry.file_name())).unwrap();
    }
    std::fs::copy(from.trust(), to.trust()).unwrap();
    match place {
        Copied::File(path) => drop(std::fs::copy(path, to.database()).unwrap()),
        Copied::Server(url) => create_secret(&to.database_url(), url.as_bytes()).unwrap(),
    }
}

enum Copied<'a> {
    File(&'a Path),
    Server(String),
}

/// Without those whose rows come and go by themselves.
const ALL_TABLES: &str = "
    SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
      AND relname NOT IN ('requests', 'refinery_schema_history')";

/// See [`Bench::locked`].
pub(crate) enum Holder {
    File { _held: Connection },
    Server { _held: Held },
}

fn url_of(data: &DataDir) -> String {
    std::fs::read_to_string(data.database_url()).unwrap().trim().to_owned()
}

/// What is shown as `\x` and hexadecimal.
pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let digits = text.strip_prefix("\\x").unwrap_or_default();
    let pairs = digits
        .as_bytes()
        .chunks_exact(2)
        .map_while(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    pairs.collect()
}

/// Runs one statement on the database of a directory.
pub(crate) fn try_sql(
    data: &DataDir,
    sql: &str,
    values: &[&dyn Literal],
) -> Result<Vec<Vec<String>>, String> {
    let on_server = data.database_url().exists();
    let mut sql = if on_server { in_postgres(sql) } else { sql.to_owned() };
    for (place, value) in values.iter().enumerate() {
        sql = sql.replace(&format!("?{}", place + 1), &value.literal(on_server));
    }
    if on_server {
        let rows = brink_databases::try_ask(&url_of(data), &sql)?;
        let texts = |row: Vec<Option<String>>| row.into_iter().map(Option::unwrap_or_default).collect();
        return Ok(rows.into_iter().map(texts).collect());
    }
    let connection = Connection::open(data.database()).unwrap();
    let mut statement = connection.prepare(&sql).map_err(|e| e.to_string())?;
    let columns = statement.column_count();
    let mut rows = statement.query([]).map_err(|e| e.to_string())?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(|e| e.to_string())? {
        found.push((0..columns).map(|column| text(row.get_ref(column).unwrap())).collect());
    }
    Ok(found)
}

/// Takes away what keeps these ledgers from being edited. A thief with the database can.
pub(crate) fn unguard(data: &DataDir, tables: &[&str]) {
    let run = |sql: &str| drop(try_sql(data, sql, &[]).unwrap());
    for table in tables {
        if data.database_url().exists() {
            run(&format!("ALTER TABLE {table} DISABLE TRIGGER ALL"));
        } else {
            (1..=2).for_each(|half| run(&format!("DROP TRIGGER IF EXISTS {table}_kept_{half}")));
        }
    }
}

impl Bench {
    /// One more connection to its database, which is on a server.
    pub(crate) fn postgres(&self) -> PostgresStorage {
        let url = std::fs::read_to_string(self.data.database_url()).unwrap();
        PostgresStorage::connect(&url.parse().unwrap()).unwrap()
    }

    pub(crate) fn is_on_server(&self) -> bool {
        self.data.database_url().exists()
    }

    /// The database as a backup keeps it.
    pub(crate) fn backup(&self) -> PathBuf {
        let name: u64 = u64::from_be_bytes(*crate::secret::random::<8>().unwrap());
        let file = self.folder.path().join(format!("{name:x}.backup"));
        if self.is_on_server() {
            let copy = Database::copy_of(&self.database_name());
            std::fs::write(&file, copy.name()).unwrap();
            self.databases.lock().unwrap().push(copy);
        } else {
            self.sql("VACUUM INTO ?1", &[&file.to_str().unwrap()]);
        }
        file
    }

    /// What somebody does after the machine was lost: keys from their safe, the database from its backup.
    pub(crate) fn put_back(&mut self, backup: &Path) {
        let data = DataDir::new(backup.with_extension("issuer"));
        if self.is_on_server() {
            let database = Database::copy_of(&std::fs::read_to_string(backup).unwrap());
            copied(&self.data, &data, Copied::Server(database.url()));
            self.databases.lock().unwrap().push(database);
        } else {
            copied(&self.data, &data, Copied::File(backup));
        }
        self.data = data;
        self.restart();
    }

    /// The issuer as a power cut would leave it right now: what was synced, nothing that was not written.
    pub(crate) fn cut(&self, to: &Path) -> DataDir {
        let data = DataDir::new(to);
        if self.is_on_server() {
            let database = Database::copy_of(&self.database_name());
            copied(&self.data, &data, Copied::Server(database.url()));
            self.databases.lock().unwrap().push(database);
        } else {
            copied(&self.data, &data, Copied::File(&self.data.database()));
            let name = "issuer.db-wal";
            std::fs::copy(self.data.path().join(name), data.path().join(name)).unwrap();
        }
        data
    }

    fn database_name(&self) -> String {
        url_of(&self.data).rsplit('/').next().unwrap().to_owned()
    }

    /// Changes what nobody should.
    pub(crate) fn sql(&self, sql: &str, values: &[&dyn Literal]) {
        let _ = self.ask(sql, values);
    }

    /// Rows as text; bytes are `\x` and hexadecimal, NULL is empty.
    pub(crate) fn ask(&self, sql: &str, values: &[&dyn Literal]) -> Vec<Vec<String>> {
        self.try_sql(sql, values).unwrap_or_else(|why| panic!("{sql}: {why}"))
    }

    /// The same, where it may be refused.
    pub(crate) fn try_sql(&self, sql: &str, values: &[&dyn Literal]) -> Result<Vec<Vec<String>>, String> {
        try_sql(&self.data, sql, values)
    }

    /// Everything that the database holds, as text.
    pub(crate) fn dump(&self) -> Vec<u8> {
        if !self.is_on_server() {
            let mut bytes = std::fs::read(self.data.database()).unwrap();
            bytes.extend(std::fs::read(self.data.path().join("issuer.db-wal")).unwrap_or_default());
            return bytes;
        }
        let rows = self.texts(ALL_TABLES).into_iter().flat_map(|table| {
            let rows = self.texts(&format!("SELECT t::text FROM {table} t"));
            // Bytes are shown in hexadecimal, and looked into as what they are too.
            let bytes: Vec<u8> = rows
                .iter()
                .flat_map(|row| row.split(','))
                .flat_map(|cell| unhex(cell.trim_matches('"')))
                .collect();
            [rows.join("\n").into_bytes(), bytes].concat()
        });
        rows.collect()
    }

    /// Nobody else writes while this lives.
    pub(crate) fn locked(&self) -> Holder {
        if self.is_on_server() {
            let lock = "BEGIN; LOCK TABLE tenants IN ACCESS EXCLUSIVE MODE";
            return Holder::Server { _held: Held::by(&url_of(&self.data), lock) };
        }
        let connection = Connection::open(self.data.database()).unwrap();
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        Holder::File { _held: connection }
    }

    /// The one number that a question answers.
    pub(crate) fn number(&self, sql: &str) -> i64 {
        self.ask(sql, &[])[0][0].parse().unwrap()
    }

    /// The first column of every row.
    pub(crate) fn texts(&self, sql: &str) -> Vec<String> {
        self.ask(sql, &[]).into_iter().map(|mut row| row.swap_remove(0)).collect()
    }

    /// Takes away what keeps these ledgers from being edited.
    pub(crate) fn unguard(&self, tables: &[&str]) {
        unguard(&self.data, tables);
    }

    /// From now on nothing can be added to a table, as if the disk were full, until what comes back is dropped.
    pub(crate) fn full(&self, table: &'static str) -> Full<'_> {
        if self.is_on_server() {
            self.sql(
                &format!(
                    "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql
                       AS $$ BEGIN RAISE EXCEPTION 'disk full'; END $$;
                     CREATE TRIGGER full_disk BEFORE INSERT ON {table} EXECUTE FUNCTION full_disk()"
                ),
                &[],
            );
        } else {
            let refuse = format!(
                "CREATE TRIGGER full_disk BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'disk full'); END"
            );
            self.sql(&refuse, &[]);
        }
        Full(self)
    }

    /// Rows of all tables together, but for the requests that are remembered: how many these are is bounded.
    pub(crate) fn rows(&self) -> i64 {
        let tables = if self.is_on_server() {
            ALL_TABLES
        } else {
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'requests'"
        };
        let counts: Vec<_> =
            self.texts(tables).iter().map(|table| format!("(SELECT count(*) FROM {table})")).collect();
        self.number(&format!("SELECT {}", counts.join(" + ")))
    }
}

/// See [`Bench::full`].
pub(crate) struct Full<'b>(&'b Bench);

impl Drop for Full<'_> {
    fn drop(&mut self) {
        let drop =
            if self.0.is_on_server() { "DROP FUNCTION full_disk CASCADE" } else { "DROP TRIGGER full_disk" };
        self.0.sql(drop, &[]);
    }
}

/// The words of SQLite that these tests use and PostgreSQL has others for.
fn in_postgres(sql: &str) -> String {
    let words = [
        ("zeroblob(32)", "decode(repeat('00', 32), 'hex')"),
        ("zeroblob(16)", "0"),
        ("x'00'", "'\\x00'::bytea"),
        ("AS BLOB", "AS bytea"),
        ("quarantined = 1", "quarantined = true"),
    ];
    words.into_iter().fold(sql.to_owned(), |sql, (theirs, ours)| sql.replace(theirs, ours))
}

fn text(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => String::new(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) => String::from_utf8(text.to_vec()).unwrap(),
        ValueRef::Blob(bytes) => {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("\\x{hex}")
        }
    }
}

//! Numbered migrations through refinery, one program at a time.

use super::{StorageError, columns};
use deadpool_postgres::ClientWrapper;
use refinery_core::{Migration, Runner};
use tokio_postgres::Client;

/// Every migration, oldest first. Files are never edited once released: refinery compares their checksums.
const MIGRATIONS: &[(&str, &str)] = &[
    ("V1__issuer", include_str!("../../../../migrations/issuer/postgres/V1__issuer.sql")),
    ("V2__usage", include_str!("../../../../migrations/issuer/postgres/V2__usage.sql")),
    ("V3__api_keys", include_str!("../../../../migrations/issuer/postgres/V3__api_keys.sql")),
    ("V4__timeline", include_str!("../../../../migrations/issuer/postgres/V4__timeline.sql")),
    ("V5__sold", include_str!("../../../../migrations/issuer/postgres/V5__sold.sql")),
    ("V6__invoices", include_str!("../../../../migrations/issuer/postgres/V6__invoices.sql")),
    ("V7__trial_reminders", include_str!("../../../../migrations/issuer/postgres/V7__trial_reminders.sql")),
    ("V8__legacy", include_str!("../../../../migrations/issuer/postgres/V8__legacy.sql")),
    ("V9__transfers", include_str!("../../../../migrations/issuer/postgres/V9__transfers.sql")),
];

/// The advisory lock of those who migrate: "brink" in ASCII.
const LOCK: i64 = 0x62_72_69_6e_6b;

fn known() -> Result<Vec<Migration>, StorageError> {
    let known = MIGRATIONS.iter().map(|(name, sql)| Migration::unapplied(name, sql));
    known.collect::<Result<_, _>>().map_err(|e| StorageError::Engine(Box::new(e)))
}

/// What tells this program's schema from every other.
#[cfg(test)]
pub(super) fn digest() -> String {
    let all: String = MIGRATIONS.iter().map(|(_, sql)| *sql).collect();
    crate::secret::hex(&crate::secret::sha256(all.as_bytes())[..8])
}

/// The newest schema that this program knows.
pub(super) fn newest_known() -> Result<i64, StorageError> {
    Ok(newest(&known()?))
}

fn newest(known: &[Migration]) -> i64 {
    known.iter().map(|migration| i64::from(migration.version())).max().unwrap_or(0)
}

/// Refuses a schema of another program: an older one is for `migrate`, a newer one for a newer program.
pub(super) async fn check(client: &Client) -> Result<(), StorageError> {
    let (found, known) = (schema_version(client).await?, newest(&known()?));
    match found {
        0 => Err(StorageError::NoSchema),
        found if found < known => Err(StorageError::SchemaOlder { found, known }),
        found if found > known => Err(StorageError::SchemaNewer { found, known }),
        _ => Ok(()),
    }
}

/// Brings the schema up to date, or refuses a database that a newer program has written. The connection is not used again,
/// so that its lock goes with it.
pub(super) async fn migrate(mut client: ClientWrapper) -> Result<(i64, i64), StorageError> {
    // As long as it takes: another program may be at it, and an index of a large table takes minutes.
    client.batch_execute("SET statement_timeout = 0; SET lock_timeout = 0").await?;
    client.execute("SELECT pg_advisory_lock($1)", &[&LOCK]).await?;
    let known = known()?;
    let (found, newest) = (schema_version(&client).await?, newest(&known));
    if found > newest {
        return Err(StorageError::SchemaNewer { found, known: newest });
    }
    if found < newest {
        // Grouped: all of them or none.
        let runner = Runner::new(&known).set_grouped(true);
        runner.run_async(&mut *client).await.map_err(|e| StorageError::Engine(Box::new(e)))?;
    }
    Ok((found, newest))
}

/// The newest migration that ran; 0 in an empty database.
async fn schema_version(client: &Client) -> Result<i64, StorageError> {
    let tables = "SELECT to_regclass('refinery_schema_history') IS NOT NULL AS made";
    if !columns::column::<bool>(&client.query_one(tables, &[]).await?, "made")? {
        return Ok(0);
    }
    let newest = "SELECT coalesce(max(version), 0)::bigint AS newest FROM refinery_schema_history";
    columns::column(&client.query_one(newest, &[]).await?, "newest")
}

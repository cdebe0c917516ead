//! Numbered migrations through refinery, without its rusqlite driver: that one caps rusqlite below the version whose
//! SQLite is free of the WAL-reset corruption, and two bindings cannot link into one program.

use super::StorageError;
use super::columns::damaged;
use refinery_core::traits::sync::{Migrate, Query, Transaction};
use refinery_core::{Migration, Runner};
use rusqlite::{Connection, TransactionBehavior};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Every migration, oldest first. Files are never edited once released: refinery compares their checksums.
const MIGRATIONS: &[(&str, &str)] = &[
    ("V1__issuer", include_str!("../../../../migrations/issuer/sqlite/V1__issuer.sql")),
    ("V2__reactions", include_str!("../../../../migrations/issuer/sqlite/V2__reactions.sql")),
    ("V3__retired", include_str!("../../../../migrations/issuer/sqlite/V3__retired.sql")),
    ("V4__standing", include_str!("../../../../migrations/issuer/sqlite/V4__standing.sql")),
    ("V5__revocations", include_str!("../../../../migrations/issuer/sqlite/V5__revocations.sql")),
    ("V6__clones", include_str!("../../../../migrations/issuer/sqlite/V6__clones.sql")),
    ("V7__seats", include_str!("../../../../migrations/issuer/sqlite/V7__seats.sql")),
    ("V8__extensions", include_str!("../../../../migrations/issuer/sqlite/V8__extensions.sql")),
    ("V9__clock_resets", include_str!("../../../../migrations/issuer/sqlite/V9__clock_resets.sql")),
    ("V10__usage", include_str!("../../../../migrations/issuer/sqlite/V10__usage.sql")),
    ("V11__audit_chain", include_str!("../../../../migrations/issuer/sqlite/V11__audit_chain.sql")),
    ("V12__api_keys", include_str!("../../../../migrations/issuer/sqlite/V12__api_keys.sql")),
    ("V13__agent_version", include_str!("../../../../migrations/issuer/sqlite/V13__agent_version.sql")),
    ("V14__timeline", include_str!("../../../../migrations/issuer/sqlite/V14__timeline.sql")),
    ("V15__sold", include_str!("../../../../migrations/issuer/sqlite/V15__sold.sql")),
    ("V16__invoices", include_str!("../../../../migrations/issuer/sqlite/V16__invoices.sql")),
    ("V17__trial_reminders", include_str!("../../../../migrations/issuer/sqlite/V17__trial_reminders.sql")),
    ("V18__legacy", include_str!("../../../../migrations/issuer/sqlite/V18__legacy.sql")),
    ("V19__transfers", include_str!("../../../../migrations/issuer/sqlite/V19__transfers.sql")),
];

/// What a refused or failed migration says.
#[derive(Debug, thiserror::Error)]
enum MigrationError {
    #[error(transparent)]
    Engine(#[from] rusqlite::Error),
    #[error("the migration history holds a row that refinery did not write: {0}")]
    History(String),
}

/// Brings the schema up to date, or refuses a database that a newer program has written. Answers the version before and
/// after.
pub(super) fn migrate(connection: &mut Connection) -> Result<(i64, i64), StorageError> {
    let known = known()?;
    let (found, newest) = (schema_version(connection)?, newest(&known));
    if found > newest {
        return Err(StorageError::SchemaNewer { found, known: newest });
    }
    if found == newest {
        return Ok((found, newest));
    }
    // Grouped, because otherwise a migration and the row that says it ran commit apart.
    let runner = Runner::new(&known).set_grouped(true);
    runner.run(&mut Migratable(connection)).map_err(|e| StorageError::Engine(Box::new(e)))?;
    Ok((found, newest))
}

fn known() -> Result<Vec<Migration>, StorageError> {
    let known = MIGRATIONS.iter().map(|(name, sql)| Migration::unapplied(name, sql));
    known.collect::<Result<_, _>>().map_err(|e| StorageError::Engine(Box::new(e)))
}

fn newest(known: &[Migration]) -> i64 {
    known.iter().map(|migration| i64::from(migration.version())).max().unwrap_or(0)
}

/// Whether the schema is the one that this program knows. Another process may have changed it since it was opened here.
pub(super) fn check(connection: &Connection) -> Result<(), StorageError> {
    let (found, known) = (schema_version(connection)?, newest(&known()?));
    match found.cmp(&known) {
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => Err(StorageError::SchemaNewer { found, known }),
        std::cmp::Ordering::Less => Err(damaged("schema", format!("{found}, and {known} is needed"))),
    }
}

/// The newest migration that ran; 0 in an empty database.
pub(super) fn schema_version(connection: &Connection) -> Result<i64, StorageError> {
    let tables =
        "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'refinery_schema_history'";
    let has_history: i64 = connection.query_row(tables, [], |row| row.get(0))?;
    if has_history == 0 {
        return Ok(0);
    }
    let newest = "SELECT coalesce(max(version), 0) FROM refinery_schema_history";
    Ok(connection.query_row(newest, [], |row| row.get(0))?)
}

/// refinery's traits cannot be implemented for a foreign type.
struct Migratable<'c>(&'c mut Connection);

impl Transaction for Migratable<'_> {
    type Error = MigrationError;

    fn execute<'a, T: Iterator<Item = &'a str>>(&mut self, queries: T) -> Result<usize, MigrationError> {
        let transaction = self.0.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut count = 0;
        for query in queries {
            transaction.execute_batch(query)?;
            count += 1;
        }
        transaction.commit()?;
        Ok(count)
    }
}

impl Query<Vec<Migration>> for Migratable<'_> {
    fn query(&mut self, query: &str) -> Result<Vec<Migration>, MigrationError> {
        let mut statement = self.0.prepare(query)?;
        let mut rows = statement.query([])?;
        let mut applied = Vec::new();
        while let Some(row) = rows.next()? {
            let (at, checksum): (String, String) = (row.get(2)?, row.get(3)?);
            let at =
                OffsetDateTime::parse(&at, &Rfc3339).map_err(|e| MigrationError::History(e.to_string()))?;
            let checksum = checksum.parse().map_err(|_| MigrationError::History(checksum))?;
            applied.push(Migration::applied(row.get(0)?, row.get(1)?, at, checksum));
        }
        Ok(applied)
    }
}

impl Migrate for Migratable<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrating_twice_changes_nothing_and_newer_schemas_are_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        migrate(&mut connection).unwrap();
        let newer = "INSERT INTO refinery_schema_history VALUES (99, 'later', '2026-01-01T00:00:00Z', '1')";
        connection.execute(newer, []).unwrap();
        let error = migrate(&mut connection).unwrap_err();
        let newest = newest(&known().unwrap());
        assert!(
            matches!(error, StorageError::SchemaNewer { found: 99, known } if known == newest),
            "{error}"
        );
        assert!(error.to_string().contains("run a newer brink-issuer"), "{error}");
    }

    #[test]
    fn a_migration_that_fails_leaves_nothing_behind() {
        let mut connection = Connection::open_in_memory().unwrap();
        let broken =
            [Migration::unapplied("V1__half", "CREATE TABLE a (b INTEGER); CREATE TABLE a (b INTEGER);")
                .unwrap()];
        assert!(Runner::new(&broken).set_grouped(true).run(&mut Migratable(&mut connection)).is_err());
        assert_eq!(schema_version(&connection).unwrap(), 0);
        let left = "SELECT count(*) FROM sqlite_schema WHERE name = 'a'";
        assert_eq!(connection.query_row(left, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
    }

    #[test]
    fn a_database_of_the_first_release_is_brought_up_to_date_with_all_that_it_holds() {
        let mut connection = Connection::open_in_memory().unwrap();
        let (name, sql) = MIGRATIONS[0];
        let first = [Migration::unapplied(name, sql).unwrap()];
        Runner::new(&first).set_grouped(true).run(&mut Migratable(&mut connection)).unwrap();
        let rows = "INSERT INTO tenants VALUES ('t', 'T', 'UTC', 'EUR', 0);
                    INSERT INTO activation_codes VALUES (zeroblob(32), 't', 'basic', 1, 9, 0);
                    INSERT INTO devices (id, tenant, tier, licence_id, code_sha256, code_ordinal, code_expires_at, status,
                      created_at, licence_seq)
                    VALUES ('d', 't', 'basic', 'l', zeroblob(32), 0, 9, 'pending', 0, 7);";
        connection.execute_batch(rows).unwrap();
        migrate(&mut connection).unwrap();
        let kept = "SELECT licence_seq FROM devices WHERE id = 'd' AND restored_by IS NULL";
        assert_eq!(connection.query_row(kept, [], |row| row.get::<_, i64>(0)).unwrap(), 7);
    }

    #[test]
    fn versions_of_earlier_programs_take_effect_when_they_were_set_and_the_highest_stays_in_force() {
        let mut connection = Connection::open_in_memory().unwrap();
        let known = MIGRATIONS[..13].iter().map(|(name, sql)| Migration::unapplied(name, sql).unwrap());
        let known: Vec<_> = known.collect();
        Runner::new(&known).set_grouped(true).run(&mut Migratable(&mut connection)).unwrap();
        connection.execute_batch("INSERT INTO tenants VALUES ('t', 'T', 'UTC', 'EUR', 0, 'alert')").unwrap();
        // The clock was set back before the third.
        for (version, set_at) in [(1, 100), (2, 200), (3, 150), (4, 300)] {
            let sql = "INSERT INTO subscriptions VALUES ('t', ?1, ?1, NULL, NULL, 'deny', 30, 7, 30, 1, ?2)";
            connection.execute(sql, [version, set_at]).unwrap();
        }
        migrate(&mut connection).unwrap();
        let sql = "SELECT effective_at FROM subscriptions WHERE made = 'set' ORDER BY version";
        let mut statement = connection.prepare(sql).unwrap();
        let effective: Vec<i64> =
            statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        assert_eq!(effective, [100, 200, 200, 300]);
        let edit =
            connection.execute("UPDATE subscriptions SET effective_at = 0", []).unwrap_err().to_string();
        assert!(edit.contains("insert-only"), "{edit}");
    }

    /// What a program of `version` would have written of a database: the columns that it had.
    fn as_of(version: usize, database: &std::path::Path, older: &std::path::Path) {
        let mut connection = Connection::open(older).unwrap();
        let known = MIGRATIONS[..version].iter().map(|(name, sql)| Migration::unapplied(name, sql).unwrap());
        let known: Vec<_> = known.collect();
        Runner::new(&known).set_grouped(true).run(&mut Migratable(&mut connection)).unwrap();
        connection.pragma_update(None, "foreign_keys", "off").unwrap();
        connection.execute("ATTACH ?1 AS newer", [database.to_str().unwrap()]).unwrap();
        let copies = "SELECT format('INSERT INTO main.%s (%s) SELECT %s FROM newer.%s', t.name, c.all_of, c.all_of, t.name)
                      FROM sqlite_schema t, (SELECT x.name AS of, group_concat(i.name) AS all_of
                                             FROM sqlite_schema x, pragma_table_info(x.name) i GROUP BY x.name) c
                      WHERE t.type = 'table' AND c.of = t.name AND t.name NOT LIKE 'sqlite_%' AND t.name NOT LIKE 'refinery_%'";
        let copies: Vec<String> = {
            let mut statement = connection.prepare(copies).unwrap();
            statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
        };
        assert!(copies.len() > 10);
        for copy in copies {
            connection.execute(&copy, []).unwrap();
        }
    }

    #[test]
    fn devices_of_every_earlier_version_go_on_with_all_that_later_ones_brought() {
        use crate::extension::ExtensionOrder;
        use crate::reactivation::ReactivationOrder;
        use crate::standing::{StandingOrder, Turn};
        use crate::storage::Actor;
        use crate::testkit::{Bench, TENANT, names};
        for version in 4..MIGRATIONS.len() {
            let mut bench = Bench::on_sqlite();
            bench.subscribe(20, &[]);
            let (mut edge, gone) = (bench.activated(), bench.activated());
            bench.assign(&edge.id(), &names("cam", 0..3), &[]);
            for _ in 0..3 {
                edge.exchange(&bench.issuer).unwrap();
            }
            bench
                .admin
                .turn_licence(&gone.id(), &StandingOrder { turn: Turn::Revoke, reason: None })
                .unwrap();
            let older = bench.data.database().with_extension("older");
            as_of(version, &bench.data.database(), &older);
            bench.put_back(&older);
            let mut copy = edge.copied(9);
            assert!(bench.view(&edge.id()).seats_held > 0, "of version {version}");
            edge.exchange(&bench.issuer).unwrap();
            assert_eq!(copy.exchange(&bench.issuer).unwrap_err().code(), "CLONE_SUSPECTED");
            let actor = Actor("test".into());
            assert_eq!(bench.issuer.list_revoked(&TENANT.parse().unwrap(), &actor).unwrap().named, 1);
            let order = ExtensionOrder { device: edge.id(), days: 14, reason: None };
            bench.issuer.extend(&order, &actor).unwrap();
            edge.exchange(&bench.issuer).unwrap();
            let held = bench.view(&edge.id()).seats_held;
            let order = ReactivationOrder {
                device: edge.id(),
                expires_hours: 1,
                accept_overlap: false,
                by: None,
                reason: None,
            };
            let (_, made) = bench.admin.reactivate(&order).unwrap();
            let mut anew = bench.device();
            anew.activate(&bench.issuer, made.code.reveal()).unwrap();
            anew.exchange(&bench.issuer).unwrap();
            let past = bench.view(&edge.id()).past;
            assert_eq!((past.len(), past[0].seats), (1, held), "of version {version}");
        }
    }

    #[test]
    fn ledger_tables_refuse_to_be_edited() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        connection
            .execute(
                "INSERT INTO audit (at, actor, action, subject, detail) VALUES (0, 'cli', 'a', 'b', '{}')",
                [],
            )
            .unwrap();
        for edit in ["UPDATE audit SET actor = 'x'", "DELETE FROM audit"] {
            let error = connection.execute(edit, []).unwrap_err().to_string();
            assert!(error.contains("insert-only"), "{error}");
        }
    }
}

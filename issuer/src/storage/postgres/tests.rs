use super::*;
use brink_databases::Database;

fn address(database: &Database) -> DatabaseUrl {
    database.url().parse().unwrap()
}

#[test]
fn a_schema_is_made_once_and_an_empty_or_newer_one_is_named() {
    let database = Database::empty();
    let url = address(&database);
    assert!(matches!(PostgresStorage::connect(&url), Err(StorageError::NoSchema)));
    PostgresStorage::create(&url).unwrap();
    PostgresStorage::connect(&url).unwrap();
    let (before, after) = PostgresStorage::migrate(&url).unwrap();
    assert_eq!(before, after, "migrating twice changes nothing");
    let newer = "INSERT INTO refinery_schema_history VALUES (99, 'later', '2026-01-01T00:00:00Z', '1')";
    brink_databases::run(&database.url(), newer);
    for opened in [PostgresStorage::connect(&url).map(drop), PostgresStorage::migrate(&url).map(drop)] {
        let error = opened.unwrap_err();
        assert!(matches!(error, StorageError::SchemaNewer { found: 99, .. }), "{error}");
    }
}

#[test]
fn ledgers_are_insert_only() {
    let database = Database::empty();
    let storage = PostgresStorage::create(&address(&database)).unwrap();
    for table in ["licences", "audit", "manifests", "subscriptions", "activation_codes", "extensions"] {
        for change in [format!("DELETE FROM {table}"), format!("TRUNCATE {table} CASCADE")] {
            let refused = storage.write(async |tx| tx.execute(&change, &[]).await).unwrap_err();
            let StorageError::Engine(error) = refused else { panic!("{change}: {refused}") };
            let words = format!("{:?}", error.downcast_ref::<tokio_postgres::Error>().unwrap().as_db_error());
            assert!(words.contains("insert-only"), "{change}: {words}");
        }
    }
}

#[test]
fn durability_is_asserted_on_every_connection() {
    let database = Database::empty();
    PostgresStorage::create(&address(&database)).unwrap();
    brink_databases::on_server(&format!("ALTER DATABASE {} SET synchronous_commit = off", database.name()));
    let refused = PostgresStorage::connect(&address(&database)).unwrap_err();
    assert!(matches!(&refused, StorageError::Unsafe { setting: "synchronous_commit", .. }), "{refused}");
}

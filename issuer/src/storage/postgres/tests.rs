use super::*;
use crate::storage::{AdminKeyRow, Founding, IssuerRow, Probes, Storage};
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
    for table in [
        "licences",
        "audit",
        "manifests",
        "subscriptions",
        "activation_codes",
        "extensions",
        "trial_reminders",
    ] {
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

#[test]
fn an_older_schema_is_for_migrate_and_an_issuer_is_never_founded_over_another() {
    let database = Database::empty();
    let url = address(&database);
    let storage = PostgresStorage::create(&url).unwrap();
    storage
        .write(async |tx| tx.execute("INSERT INTO issuer VALUES (1, 'acme', false, 0)", &[]).await)
        .unwrap();
    let error = PostgresStorage::create(&url).unwrap_err();
    assert!(matches!(error, StorageError::Founded { .. }), "{error}");
    let newest = "DELETE FROM refinery_schema_history
                  WHERE version = (SELECT max(version) FROM refinery_schema_history)";
    brink_databases::run(&database.url(), newest);
    let error = PostgresStorage::connect(&url).unwrap_err();
    assert!(matches!(error, StorageError::SchemaOlder { .. }), "{error}");
    assert!(error.to_string().contains("brink-issuer migrate"), "{error}");
}

#[test]
fn versions_of_earlier_programs_take_effect_when_they_were_set_and_the_highest_stays_in_force() {
    let database = Database::empty();
    let run = |sql: &str| brink_databases::run(&database.url(), sql);
    run(include_str!("../../../../migrations/issuer/postgres/V1__issuer.sql"));
    run("INSERT INTO tenants (id, name, timezone, currency, created_at) VALUES ('t', 'T', 'UTC', 'EUR', 0);
         INSERT INTO subscriptions (tenant, version, cameras, enforce, days, grace_days, offline_max_days, catalog_version, set_at)
         VALUES ('t', 1, 1, 'deny', 30, 7, 30, 1, 100), ('t', 2, 2, 'deny', 30, 7, 30, 1, 200),
                ('t', 3, 3, 'deny', 30, 7, 30, 1, 150), ('t', 4, 4, 'deny', 30, 7, 30, 1, 300)");
    let timeline = include_str!("../../../../migrations/issuer/postgres/V4__timeline.sql");
    run(&format!("BEGIN; {timeline} COMMIT"));
    // The clock was set back before the third.
    run("DO $$ BEGIN
           ASSERT (SELECT array_agg(effective_at ORDER BY version) FROM subscriptions) = ARRAY[100, 200, 200, 300]::bigint[];
           UPDATE subscriptions SET effective_at = 0;
           RAISE 'a version was changed';
         EXCEPTION WHEN raise_exception THEN
           IF SQLERRM NOT LIKE '%insert-only%' THEN RAISE; END IF;
         END $$");
}

#[test]
fn the_history_of_cameras_begins_with_what_is_assigned_when_it_is_made() {
    let database = Database::empty();
    let run = |sql: &str| brink_databases::run(&database.url(), sql);
    for earlier in [
        include_str!("../../../../migrations/issuer/postgres/V1__issuer.sql"),
        include_str!("../../../../migrations/issuer/postgres/V2__usage.sql"),
        include_str!("../../../../migrations/issuer/postgres/V3__api_keys.sql"),
        include_str!("../../../../migrations/issuer/postgres/V4__timeline.sql"),
    ] {
        run(&format!("BEGIN; {earlier} COMMIT"));
    }
    run("INSERT INTO tenants (id, name, timezone, currency, created_at) VALUES ('t', 'T', 'UTC', 'EUR', 0);
         INSERT INTO activation_codes (code_sha256, tenant, tier, uses, expires_at, created_at)
         VALUES (decode(repeat('00', 32), 'hex'), 't', 'basic', 1, 9, 0);
         INSERT INTO devices (id, tenant, tier, licence_id, code_sha256, code_ordinal, code_expires_at, status, created_at)
         VALUES ('d', 't', 'basic', 'l', decode(repeat('00', 32), 'hex'), 0, 9, 'pending', 0);
         INSERT INTO cameras (tenant, camera, device, packs, assigned_at)
         VALUES ('t', 'a', 'd', '[\"retail\"]', 200), ('t', 'b', 'd', '[]', 100)");
    run(&format!("BEGIN; {} COMMIT", include_str!("../../../../migrations/issuer/postgres/V5__sold.sql")));
    run("DO $$ BEGIN
           ASSERT (SELECT array_agg(camera || at || device || packs ORDER BY seq) FROM camera_history)
             = ARRAY['b100d[]', 'a200d[\"retail\"]'];
         END $$");
}

#[test]
fn every_state_of_the_server_that_matters_has_its_own_word() {
    let database = Database::empty();
    let storage = PostgresStorage::create(&address(&database)).unwrap();
    let raised = |state: &str| {
        let raise = format!("DO $$ BEGIN RAISE EXCEPTION 'so' USING ERRCODE = '{state}'; END $$");
        storage.write(async |tx| Ok(tx.0.batch_execute(&raise).await?)).unwrap_err().code()
    };
    let words = [
        ("40001", "BUSY"),
        ("40P01", "BUSY"),
        ("55P03", "BUSY"),
        ("57014", "BUSY"),
        ("53300", "BUSY"),
        ("53100", "DATABASE_FULL"),
        ("25006", "DATABASE_READ_ONLY"),
        ("57P01", "DATABASE_UNAVAILABLE"),
        ("57P02", "DATABASE_UNAVAILABLE"),
        ("57P03", "DATABASE_UNAVAILABLE"),
        ("08006", "DATABASE_UNAVAILABLE"),
        ("42501", "DATABASE_DENIED"),
        ("22012", "DATABASE"),
    ];
    for (state, word) in words {
        assert_eq!(raised(state), word, "{state}");
    }
}

#[test]
fn what_takes_too_long_ends() {
    let database = Database::empty();
    let storage = PostgresStorage::create(&address(&database)).unwrap();
    let limits = storage.read(async |tx| {
        let sql = "SELECT current_setting('statement_timeout') AS statement, current_setting('lock_timeout') AS lock,
                     current_setting('idle_in_transaction_session_timeout') AS idle, current_setting('TimeZone') AS zone";
        let row = tx.one(sql, &[]).await?;
        ["statement", "lock", "idle", "zone"].map(|name| columns::column::<String>(&row, name)).into_iter().collect()
    });
    let limits: Vec<String> = limits.unwrap();
    assert_eq!(limits, ["15s", "5s", "15s", "UTC"]);
    let slow = storage.write(async |tx| {
        tx.0.batch_execute("SET LOCAL statement_timeout = 50").await?;
        tx.rows("SELECT pg_sleep(60)", &[]).await
    });
    assert!(matches!(slow, Err(StorageError::Busy)));
    let _held =
        brink_databases::Held::by(&database.url(), "BEGIN; LOCK TABLE tenants IN ACCESS EXCLUSIVE MODE");
    let waited = storage.write(async |tx| {
        tx.0.batch_execute("SET LOCAL lock_timeout = 50").await?;
        tx.rows("SELECT 1 FROM tenants", &[]).await
    });
    assert!(matches!(waited, Err(StorageError::Busy)));
}

/// A table whose rows make the server cut the connection, while they are added or when the transaction commits: the first
/// so many times.
fn cutting(when: &str, times: u32) -> String {
    format!(
        "CREATE TABLE cut (id int); CREATE SEQUENCE cuts;
         CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
           IF nextval('cuts') <= {times} THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN NULL;
         END $$;
         CREATE CONSTRAINT TRIGGER cut AFTER INSERT ON cut DEFERRABLE INITIALLY {when} FOR EACH ROW EXECUTE FUNCTION cut()"
    )
}

#[test]
fn a_connection_that_breaks_before_the_commit_is_made_up_for() {
    let database = Database::empty();
    let storage = PostgresStorage::create(&address(&database)).unwrap();
    brink_databases::run(&database.url(), &cutting("IMMEDIATE", 2));
    let mut begun = 0;
    let add = "INSERT INTO cut VALUES (1)";
    let done = storage.write(async |tx| {
        begun += 1;
        tx.execute(add, &[]).await
    });
    assert_eq!((done.unwrap(), begun), (1, 3), "begun anew until it went through");
    let count =
        storage.read(async |tx| columns::uint(&tx.one("SELECT count(*) AS n FROM cut", &[]).await?, "n"));
    assert_eq!(count.unwrap(), 1, "and done once");
}

#[test]
fn where_the_answer_to_a_commit_is_lost_it_is_said_and_nothing_is_repeated() {
    let database = Database::empty();
    let storage = PostgresStorage::create(&address(&database)).unwrap();
    brink_databases::run(&database.url(), &cutting("DEFERRED", 1));
    let mut begun = 0;
    let lost = storage.write(async |tx| {
        begun += 1;
        tx.execute("INSERT INTO cut VALUES (1)", &[]).await
    });
    let error = lost.unwrap_err();
    assert!(matches!(error, StorageError::OutcomeUnknown { .. }), "{error}");
    assert_eq!((error.code(), begun), ("OUTCOME_UNKNOWN", 1));
    storage.write(async |tx| tx.execute("INSERT INTO cut VALUES (2)", &[]).await).unwrap();
}

#[test]
fn a_server_that_is_not_there_or_lets_nobody_in_is_named_without_the_password() {
    let nowhere = "postgres://brink:hunter2@127.0.0.1:1/issuer".parse().unwrap();
    let database = Database::empty();
    let stranger = database.url().replace("postgres@", "nobody:hunter2@").parse().unwrap();
    let absent = brink_databases::url_of("brink_absent").parse().unwrap();
    for (url, code) in
        [(&nowhere, "DATABASE_UNAVAILABLE"), (&stranger, "DATABASE_DENIED"), (&absent, "DATABASE_DENIED")]
    {
        let error = PostgresStorage::connect(url).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
}

#[test]
fn a_plan_that_panics_leaves_no_transaction_open() {
    let database = Database::empty();
    let storage = PostgresStorage::create(&address(&database)).unwrap();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        storage.write(async |tx| {
            tx.rows("SELECT 1 FROM issuer FOR UPDATE", &[]).await?;
            panic!("a plan with a fault")
        })
    }));
    let panicked: Result<Result<(), StorageError>, _> = panicked;
    assert!(panicked.is_err());
    let open = "SELECT count(*) AS n FROM pg_stat_activity
                WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
    let open = storage.read(async |tx| columns::uint(&tx.one(open, &[]).await?, "n"));
    assert_eq!(open.unwrap(), 0);
}

#[test]
fn a_probe_says_what_is_wrong_and_connections_are_counted() {
    let database = Database::empty();
    let storage = PostgresStorage::create(&address(&database)).unwrap();
    storage.probe().unwrap();
    let idle = storage.pool();
    assert_eq!((idle.in_use, idle.waiting), (0, 0), "{idle:?}");
    let busy = storage.read(async |_| Ok(storage.pool())).unwrap();
    assert_eq!((busy.in_use, busy.max), (1, idle.max));
    let newer = "INSERT INTO refinery_schema_history VALUES (99, 'later', '2026-01-01T00:00:00Z', '1')";
    brink_databases::run(&database.url(), newer);
    assert_eq!(storage.probe().unwrap_err().code(), "DATABASE_NEWER");
}

#[test]
fn of_two_that_found_an_issuer_at_once_one_is_told_that_there_is_one() {
    let database = Database::empty();
    let url = address(&database);
    let storages = [PostgresStorage::create(&url).unwrap(), PostgresStorage::create(&url).unwrap()];
    let founding = Founding {
        issuer: IssuerRow {
            name: "acme".parse().unwrap(),
            development: false,
            created_at: brink_license::UnixSeconds::new(5),
        },
        manifest: vec![1, 2, 3],
        admin_key: AdminKeyRow { id: "a".into(), secret_sha256: [1; 32], scopes: "*".into() },
    };
    storages[0].found(&founding).unwrap();
    let error = storages[1].found(&founding).unwrap_err();
    assert!(matches!(error, StorageError::Founded { .. }), "{error}");
    assert_eq!(storages[1].issuer().unwrap(), founding.issuer);
    assert_eq!(storages[1].manifests().unwrap(), [[1, 2, 3]]);
}

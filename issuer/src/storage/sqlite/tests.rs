use super::*;
use crate::storage::{AdminKeyRow, DeviceStatus};
use crate::testkit::{Bench, TENANT, names};
use std::os::unix::fs::PermissionsExt;

#[test]
fn durability_is_asserted_at_open() {
    let bench = Bench::on_sqlite();
    let storage = SqliteStorage::open(&bench.data.database()).unwrap();
    let connection = storage.lock();
    let text = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, String>(0)).unwrap();
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(text("journal_mode"), "wal");
    assert_eq!((number("synchronous"), number("foreign_keys"), number("trusted_schema")), (2, 1, 0));
    let mode = std::fs::metadata(bench.data.database()).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    drop(connection);
    let memory = Connection::open_in_memory().unwrap();
    let refused = super::connection::set(&memory, "journal_mode", "wal", "wal").unwrap_err();
    assert!(matches!(refused, StorageError::Unsafe { setting: "journal_mode", .. }), "{refused}");
}

#[test]
fn every_table_is_strict() {
    let bench = Bench::on_sqlite();
    let connection = Connection::open(bench.data.database()).unwrap();
    let sql = "SELECT group_concat(name) FROM pragma_table_list
               WHERE schema = 'main' AND type = 'table' AND strict = 0 AND name NOT LIKE 'sqlite_%'";
    let loose: Option<String> = connection.query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(loose.as_deref(), Some("refinery_schema_history"), "refinery makes its own table");
}

#[test]
fn a_new_file_is_never_made_over_an_old_one_and_a_missing_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("issuer.db");
    let missing = SqliteStorage::open(&path).unwrap_err().to_string();
    assert!(missing.contains("brink-issuer init"), "{missing}");
    SqliteStorage::create(&path).unwrap();
    assert!(matches!(SqliteStorage::create(&path), Err(StorageError::Engine(_))));
    let unfinished = SqliteStorage::open(&path).unwrap().issuer().unwrap_err().to_string();
    assert!(unfinished.contains("init"), "{unfinished}");
    std::fs::write(&path, vec![b'x'; 8192]).unwrap();
    assert!(SqliteStorage::open(&path).is_err(), "another file is no database");
}

#[test]
fn the_founding_reads_back() {
    let folder = tempfile::tempdir().unwrap();
    let storage = SqliteStorage::create(&folder.path().join("issuer.db")).unwrap();
    let issuer =
        IssuerRow { name: "acme".parse().unwrap(), development: false, created_at: UnixSeconds::new(5) };
    let admin_key = AdminKeyRow { id: "a".into(), secret_sha256: [1; 32], scopes: "*".into() };
    let founding = Founding { issuer: issuer.clone(), manifest: vec![1, 2, 3], admin_key };
    storage.found(&founding).unwrap();
    assert!(storage.found(&founding).is_err(), "an issuer is founded once");
    assert_eq!(storage.issuer().unwrap(), issuer);
    assert_eq!(storage.manifests().unwrap(), [[1, 2, 3]]);
}

#[test]
fn metacharacters_are_stored_verbatim() {
    let bench = Bench::with(10, &[]);
    let made = bench.code(1);
    let odd: Vec<String> =
        ["' OR 1=1--", "\"; DROP TABLE cameras;", "%_\\", "Größe 😀", "NULL"].map(String::from).into();
    bench.assign(&made.devices[0], &odd, &[]);
    let stored: Vec<String> =
        bench.view(&made.devices[0]).cameras.iter().map(|row| row.camera.to_string()).collect();
    let mut sorted = odd;
    sorted.sort();
    assert_eq!(stored, sorted);
}

#[test]
fn assignments_are_all_or_nothing_and_keep_their_place() {
    let bench = Bench::with(10, &["advanced_analytics"]);
    let made = bench.code(1);
    let device = &made.devices[0];
    bench.assign(device, &names("b", 0..2), &[]);
    bench.pass(10);
    bench.assign(device, &names("a", 0..2), &[]);
    assert!(bench.try_assign(device, &names("c", 0..7), &[], false).is_err());
    bench.pass(10);
    bench.assign(device, &names("b", 0..2), &["advanced_analytics"]);
    let order: Vec<_> =
        bench.view(device).cameras.iter().map(|row| (row.camera.to_string(), row.packs.len())).collect();
    let expected = [("b-0000", 1), ("b-0001", 1), ("a-0000", 0), ("a-0001", 0)];
    assert_eq!(order, expected.map(|(camera, packs)| (camera.to_owned(), packs)));
    bench.try_assign(device, &names("b", 0..1), &[], true).unwrap();
    assert!(bench.try_assign(device, &names("b", 0..2), &[], true).is_err(), "one of them is gone already");
    assert_eq!(bench.view(device).cameras.len(), 3);
    assert_eq!(bench.admin.storage.timeline(&TENANT.parse().unwrap()).unwrap().cameras_named, 3);
}

#[test]
fn unknown_things_are_named() {
    let bench = Bench::new();
    let tenant = bench.admin.storage.tenant_row(&"nobody".parse().unwrap()).unwrap_err();
    assert!(matches!(tenant, StorageError::UnknownTenant(_)) && tenant.to_string().contains("nobody"));
    let device = bench.admin.storage.device(&"nothing".parse().unwrap(), UnixSeconds::new(0)).unwrap_err();
    assert!(matches!(device, StorageError::UnknownDevice(_)) && device.to_string().contains("nothing"));
}

#[test]
fn a_plan_that_panics_leaves_the_database_as_it_was() {
    let bench = Bench::with(10, &[]);
    let edge = bench.activated();
    let storage = &bench.admin.storage;
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        storage.settle(&edge.id(), UnixSeconds::new(0), &Default::default(), &mut |_| {
            panic!("a plan with a fault")
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(bench.view(&edge.id()).device.status, DeviceStatus::Active);
    edge.clone().exchange(&bench.issuer).unwrap();
}

//! The real program on either database: how it is told where that is, and what it refuses.

use super::site::Kept;
use brink_databases::Database;
use brink_tests::{Issuer, Ran, World};

/// An issuer's directory made by the program.
fn founded(world: &World, name: &str, kept: Kept) -> (Issuer, Option<Database>) {
    let database = (kept == Kept::Postgres).then(Database::empty);
    let data = world.path(name);
    let issuer = match &database {
        Some(database) => Issuer::init_on(data, "dev-acme", &database.url()),
        None => Issuer::init(data, "dev-acme"),
    };
    (issuer, database)
}

fn refused(ran: &Ran, code: &str) {
    let said = serde_json::from_str::<serde_json::Value>(&ran.stdout).expect("one document");
    assert_eq!(said["error"]["code"], code, "{said}");
}

#[test]
fn two_issuers_with_different_keys_on_one_database_are_refused_at_their_start() {
    for kept in [Kept::Sqlite, Kept::Postgres] {
        let world = World::new();
        let ((one, _one), (other, _other)) = (founded(&world, "one", kept), founded(&world, "other", kept));
        one.subscribe("acme", 10, &[]);
        for name in ["issuer.db", "issuer.db-wal", "issuer.db-shm", "database.url"] {
            let (from, to) = (one.data().join(name), other.data().join(name));
            let _ = std::fs::remove_file(&to);
            let _ = std::fs::copy(from, to);
        }
        let serve = other.run(&["serve", "--listen", "127.0.0.1:0"]);
        assert_ne!(serve.code, Some(0), "{kept:?}");
        assert!(
            serve.stderr.contains("another issuer") && serve.stderr.contains("root keys"),
            "{}",
            serve.stderr
        );
        refused(&other.run(&["tenant", "list", "--json"]), "OTHER_ISSUER");
        std::fs::write(world.path("request"), "any").unwrap();
        let exchange = other.exchange_file(&world.path("request"), &world.path("none"));
        assert!(exchange.stderr.contains("another issuer"), "{}", exchange.stderr);
        one.run(&["tenant", "list", "--json"]).ok();
    }
}

#[test]
fn replicas_are_directories_with_the_same_keys_and_one_database() {
    let world = World::new();
    let (one, _database) = founded(&world, "one", Kept::Postgres);
    one.subscribe("acme", 10, &[]);
    let two = Issuer::at(world.path("two"));
    std::fs::create_dir_all(two.data().join("keys")).unwrap();
    for entry in std::fs::read_dir(one.data().join("keys")).unwrap().flatten() {
        std::fs::copy(entry.path(), two.data().join("keys").join(entry.file_name())).unwrap();
    }
    for name in ["trust.json", "database.url"] {
        std::fs::copy(one.data().join(name), two.data().join(name)).unwrap();
    }
    let (first, url) = one.serve();
    let (_second, other) = two.serve();
    let device = world.device("cam", &one);
    let offer = one.offer("acme");
    device.run(&["activate", "--issuer", &url, "--code", &offer.code]).ok();
    first.kill();
    device.run(&["exchange", "--issuer", &other]).ok();
}

#[test]
fn the_address_is_checked_and_its_password_is_never_shown() {
    let world = World::new();
    let database = Database::empty();
    let issuer = Issuer::at(world.path("issuer"));
    let init = ["init", "--issuer", "dev-acme", "--dev", "--json", "--database-url"];
    for (url, code) in [
        ("mysql://brink@db/issuer", "DATABASE_URL"),
        ("postgres://brink@db", "DATABASE_URL"),
        ("postgres://brink@db.example/issuer?sslmode=disable", "DATABASE_URL"),
        ("postgres://brink:hunter2@db/issuer", "PASSWORD_SHOWN"),
    ] {
        let ran = issuer.run(&[&init[..], &[url]].concat());
        refused(&ran, code);
        assert_eq!(ran.code, Some(2), "{url}");
        assert!(!format!("{}{}", ran.stdout, ran.stderr).contains("hunter2"), "{url}");
        assert!(!issuer.data().exists(), "nothing is left of it");
    }
    let nowhere = issuer.run(&[&init[..], &["postgres://brink@127.0.0.1:1/issuer"]].concat());
    refused(&nowhere, "DATABASE_UNAVAILABLE");
    assert!(!issuer.data().exists(), "nor of an address where nobody is");
    let password = world.path("password");
    std::fs::write(&password, "hunter2\n").unwrap();
    let url = database.url();
    let with_password = [&init[..], &[&url, "--database-password-file", password.to_str().unwrap()]].concat();
    refused(&issuer.run(&with_password), "FILE_MODE");
    std::fs::set_permissions(&password, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let ran = issuer.run(&with_password);
    assert!(!format!("{}{}", ran.stdout, ran.stderr).contains("hunter2"));
    ran.ok();
    let kept = std::fs::read_to_string(issuer.data().join("database.url")).unwrap();
    assert!(kept.contains("hunter2"), "the file of mode 0600 alone has it");
    issuer.run(&["tenant", "list", "--json"]).ok();
    refused(&Issuer::at(world.path("again")).run(&[&init[..], &[&url]].concat()), "ISSUER_EXISTS");
}

#[test]
fn migrate_brings_a_schema_up_to_date_and_the_other_verbs_refuse_an_older_and_a_newer_one() {
    let world = World::new();
    let (issuer, database) = founded(&world, "issuer", Kept::Postgres);
    let url = database.as_ref().expect("a database").url();
    let migrated = issuer.run(&["migrate", "--json"]).ok().json();
    assert_eq!(migrated["before"], migrated["after"], "{migrated}");
    brink_databases::run(
        &url,
        "INSERT INTO refinery_schema_history VALUES (99, 'later', '2026-01-01T00:00:00Z', '1')",
    );
    for verb in [&["migrate", "--json"][..], &["tenant", "list", "--json"]] {
        refused(&issuer.run(verb), "DATABASE_NEWER");
    }
    brink_databases::run(&url, "DELETE FROM refinery_schema_history WHERE version > 1");
    refused(&issuer.run(&["tenant", "list", "--json"]), "DATABASE_OLDER");
    let (file, _) = founded(&world, "file", Kept::Sqlite);
    file.run(&["migrate", "--json"]).ok();
    let empty = Database::empty();
    let ran = issuer.run(&["tenant", "list", "--json", "--database-url", &empty.url()]);
    refused(&ran, "DATABASE_EMPTY");
}

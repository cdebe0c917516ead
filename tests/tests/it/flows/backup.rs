//! Backup and restore, rehearsed with the real programs: devices have gone on since, and nothing is counted twice.

use super::settlement::{quantity, record, settled};
use super::{Scene, TENANT};
use brink_databases::Database;
use brink_issuer::config::DataDir;
use brink_issuer::place::DatabasePlace;
use brink_license::usage::Quantity;
use brink_tests::{Device, Issuer, Ran, World};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn backed_up(issuer: &Issuer, out: &Path) -> Value {
    issuer.run(&["backup", "--out", text(out), "--json"]).ok().json()
}

/// The database and what lies beside it, moved away as an operator does.
fn move_away(issuer: &Issuer) {
    for name in ["issuer.db", "issuer.db-wal", "issuer.db-shm"] {
        let (from, to) = (issuer.data().join(name), issuer.data().join(format!("lost-{name}")));
        if from.exists() {
            fs::rename(from, to).unwrap();
        }
    }
}

/// A second device of the scene's tenant, activated.
fn second(scene: &Scene) -> (Device, String) {
    let (offer, device) = (scene.issuer.offer(TENANT), scene.world.device("second", &scene.issuer));
    device.activate(&scene.url, &offer.code).ok();
    (device, offer.device)
}

/// The number of the licence that a device runs on.
fn licence_seq(device: &Device) -> u64 {
    device.status()["licence"]["seq"].as_u64().unwrap_or_else(|| panic!("{}", device.status()))
}

#[test]
fn devices_that_went_on_since_the_backup_lose_nothing_and_are_counted_once() {
    let mut scene = Scene::activated(10);
    let (other, other_id) = second(&scene);
    for device in [&scene.device, &other] {
        record(device, "sms", "1");
        device.exchange().ok();
    }
    let backup = scene.world.path("issuer.backup");
    let made = backed_up(&scene.issuer, &backup);
    assert_eq!((&made["devices"], &made["usage_records"]), (&2.into(), &2.into()), "{made}");
    assert_eq!(made["keys_included"], false);
    assert_eq!(fs::metadata(&backup).unwrap().permissions().mode() & 0o777, 0o600);

    // One gets licences and settles usage, the other settles and has more in its journal.
    for camera in ["cam-1", "cam-2"] {
        scene.issuer.assign(&scene.offer.device, &[camera], &[]);
        record(&scene.device, "sms", "10");
        scene.device.exchange().ok();
    }
    record(&other, "sms", "100");
    other.exchange().ok();
    record(&other, "sms", "1000");
    assert_eq!(settled(&scene, "sms"), quantity("122"));
    let held = licence_seq(&scene.device);
    scene.stop_issuer();
    move_away(&scene.issuer);

    let restored = scene.issuer.run(&["restore", "--in", text(&backup), "--json"]).ok().json();
    assert_eq!((&restored["sha256"], &restored["devices"]), (&made["sha256"], &2.into()), "{restored}");
    assert_eq!(restored["then"].as_array().map(Vec::len), Some(4));
    assert_eq!(settled(&scene, "sms"), quantity("2"));
    let (server, url) = scene.issuer.serve();
    scene.server = Some(server);
    for device in [&scene.device, &other] {
        // The first says where the database stands, the second brings what it lacks.
        for _ in 0..3 {
            device.run(&["exchange", "--issuer", &url]).ok();
        }
        assert_eq!(device.status()["usage"]["backlog"], 0);
        device.run(&["usage", "verify"]).ok();
    }
    assert_eq!(settled(&scene, "sms"), quantity("1122"));
    assert!(licence_seq(&scene.device) > held, "{} after {held}", licence_seq(&scene.device));
    scene.issuer.run(&["usage", "verify"]).ok();
    scene.issuer.run(&["audit", "verify"]).ok();
    let lines = scene.issuer.run(&["audit", "list", "--json"]).ok().stdout;
    for action in ["database.restore\"", "database.restored\"", "usage.restored\""] {
        assert!(lines.contains(action), "{action} in {lines}");
    }
    let list = scene.issuer.run(&["device", "list", "--tenant", TENANT, "--json"]).ok().json();
    let known = list["devices"].as_array().unwrap().iter().map(|device| device["device"].as_str().unwrap());
    assert_eq!(known.filter(|known| [scene.offer.device.as_str(), &other_id].contains(known)).count(), 2);
}

#[test]
fn a_backup_that_is_made_while_devices_exchange_is_whole() {
    let scene = Scene::activated(10);
    let done = std::sync::atomic::AtomicBool::new(false);
    let backups: Vec<PathBuf> = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Acquire) {
                record(&scene.device, "sms", "1");
                scene.device.exchange().ok();
            }
        });
        let made = (0..6).map(|number| {
            let out = scene.world.path(&format!("{number}.backup"));
            backed_up(&scene.issuer, &out);
            out
        });
        let made = made.collect();
        done.store(true, std::sync::atomic::Ordering::Release);
        made
    });
    for backup in backups {
        let copy = Issuer::at(backup.with_extension("issuer"));
        fs::create_dir(copy.data()).unwrap();
        let mut copies = std::process::Command::new("cp");
        copies.arg("-a").arg(scene.issuer.data().join("keys")).arg(copy.data());
        assert!(copies.status().unwrap().success());
        fs::copy(scene.issuer.trust(), copy.trust()).unwrap();
        copy.run(&["restore", "--in", text(&backup)]).ok();
        copy.run(&["usage", "verify"]).ok();
        copy.run(&["audit", "verify"]).ok();
    }
}

#[test]
fn what_is_no_backup_of_this_issuer_or_would_overwrite_something_is_refused_and_leaves_nothing() {
    let world = World::new();
    let issuer = world.issuer();
    issuer.subscribe(TENANT, 10, &[]);
    let backup = world.path("issuer.backup");
    backed_up(&issuer, &backup);
    issuer.run(&["backup", "--out", text(&backup)]).coded(3).says("never overwritten");
    issuer.run(&["backup", "--out", text(&world.path("no/where"))]).coded(1).says("no/where");
    issuer.run(&["restore", "--in", text(&backup)]).coded(3).says("issuer.db exists already");
    move_away(&issuer);
    fs::write(issuer.data().join("issuer.db-wal"), b"left").unwrap();
    issuer.run(&["restore", "--in", text(&backup)]).coded(3).says("issuer.db-wal exists already");
    fs::remove_file(issuer.data().join("issuer.db-wal")).unwrap();

    let whole = fs::read(&backup).unwrap();
    let spoiled = |name: &str, bytes: &[u8]| {
        let path = world.path(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle..middle + 4096].fill(0xA5);
    for (path, code) in [
        (spoiled("half", &whole[..whole.len() / 2]), "BACKUP_DAMAGED"),
        (spoiled("cut", &whole[..whole.len() - 100]), "BACKUP_DAMAGED"),
        (spoiled("flipped", &flipped), "BACKUP_DAMAGED"),
        (spoiled("empty", b""), "BACKUP_DAMAGED"),
        (
            spoiled("text", b"this is no database, but words, and enough of them to fill a header of SQLite"),
            "BACKUP_DAMAGED",
        ),
        (world.path("absent"), "FILE"),
    ] {
        let ran = issuer.run(&["restore", "--in", text(&path), "--json"]).coded(1);
        assert_eq!(ran.json()["error"]["code"], code, "{ran}");
        assert!(ran.stderr.contains(path.file_name().unwrap().to_str().unwrap()), "{ran}");
    }

    let other = Issuer::init(world.path("other"), "dev-other");
    let namesake = Issuer::init(world.path("namesake"), "dev-acme");
    for stranger in [&other, &namesake] {
        move_away(stranger);
        let ran = stranger.run(&["restore", "--in", text(&backup), "--json"]).coded(3);
        assert_eq!(ran.json()["error"]["code"], "OTHER_ISSUER", "{ran}");
    }
    let bare = Issuer::at(world.path("bare"));
    fs::create_dir(bare.data()).unwrap();
    bare.run(&["restore", "--in", text(&backup)]).coded(1).says("trust.json is absent; first put back");

    let newer = world.path("newer");
    fs::copy(&backup, &newer).unwrap();
    let connection = rusqlite::Connection::open(&newer).unwrap();
    let later = "INSERT INTO refinery_schema_history VALUES (99, 'later', '2026-01-01T00:00:00Z', '1')";
    connection.execute(later, []).unwrap();
    drop(connection);
    issuer.run(&["restore", "--in", text(&newer)]).coded(1).says("run a newer brink-issuer");

    for data in [issuer.data(), other.data(), namesake.data(), bare.data(), world.dir()] {
        let left = fs::read_dir(data).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let left: Vec<_> = left.filter(|name| name.contains("partial") || name == "issuer.db").collect();
        assert_eq!(left, Vec::<String>::new(), "{}", data.display());
    }
    issuer.run(&["restore", "--in", text(&backup)]).ok();
    issuer.run(&["tenant", "show", "--tenant", TENANT]).ok();
}

/// What a device's usage of a meter comes to at the issuer, whatever its database is.
fn booked(issuer: &Issuer, device: &str, meter: &str) -> Quantity {
    let storage = DatabasePlace::of(&DataDir::new(issuer.data())).unwrap().open().unwrap();
    let sums = storage.recount(&device.parse().unwrap(), &mut |_| {}).unwrap();
    let of_meter = sums.iter().filter(|row| row.key.meter.as_str() == meter);
    Quantity::try_from(of_meter.map(|row| row.sum.quantity).sum::<u128>()).unwrap()
}

/// A directory's issuer moves to another database.
fn moved_to(issuer: &Issuer, database: &Database) {
    let path = issuer.data().join("database.url");
    fs::write(&path, database.url()).unwrap();
    fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
}

#[test]
fn on_a_server_too_a_device_that_went_on_is_counted_once_and_an_empty_database_is_asked_for() {
    let world = World::new();
    let (first, second) = (Database::empty(), Database::empty());
    let issuer = Issuer::init_on(world.path("issuer"), "dev-acme", &first.url());
    issuer.subscribe(TENANT, 10, &[]);
    let (offer, device) = (issuer.offer(TENANT), world.device("edge", &issuer));
    let (server, url) = issuer.serve();
    device.activate(&url, &offer.code).ok();
    record(&device, "sms", "1");
    device.exchange().ok();
    let backup = world.path("issuer.dump");
    let made = backed_up(&issuer, &backup);
    assert_eq!(
        (&made["devices"], &made["usage_records"], &made["issuer"]),
        (&1.into(), &1.into(), &"dev-acme".into())
    );
    assert_eq!(fs::metadata(&backup).unwrap().permissions().mode() & 0o777, 0o600);
    issuer.run(&["backup", "--out", text(&backup)]).coded(3).says("never overwritten");
    issuer.assign(&offer.device, &["cam-1"], &[]);
    for quantity in ["10", "100"] {
        record(&device, "sms", quantity);
        device.exchange().ok();
    }
    record(&device, "sms", "1000");
    assert_eq!(booked(&issuer, &offer.device, "sms"), quantity("111"));
    let held = licence_seq(&device);
    assert!(server.stop().success());

    issuer.run(&["restore", "--in", text(&backup)]).coded(3).says("holds tables already");
    moved_to(&issuer, &second);
    let whole = fs::read(&backup).unwrap();
    let cut = world.path("cut.dump");
    for length in [0, 3, whole.len() / 2, whole.len() - 20] {
        fs::write(&cut, &whole[..length]).unwrap();
        let ran = issuer.run(&["restore", "--in", text(&cut), "--json"]).coded(1);
        assert_eq!(ran.json()["error"]["code"], "BACKUP_DAMAGED", "{length}: {ran}");
    }
    let namesake = Issuer::init(world.path("namesake"), "dev-acme");
    let empty = second.url();
    let foreign = ["restore", "--in", text(&backup), "--json", "--database-url", &empty];
    assert_eq!(namesake.run(&foreign).coded(3).json()["error"]["code"], "OTHER_ISSUER");
    let restored = issuer.run(&["restore", "--in", text(&backup), "--json"]).ok().json();
    assert_eq!((&restored["sha256"], &restored["usage_records"]), (&made["sha256"], &1.into()), "{restored}");
    assert_eq!(booked(&issuer, &offer.device, "sms"), quantity("1"));
    let (_server, url) = issuer.serve();
    for _ in 0..3 {
        device.run(&["exchange", "--issuer", &url]).ok();
    }
    assert_eq!(booked(&issuer, &offer.device, "sms"), quantity("1111"));
    assert_eq!(device.status()["usage"]["backlog"], 0);
    assert!(licence_seq(&device) > held);
    issuer.run(&["usage", "verify"]).ok();
    issuer.run(&["audit", "verify"]).ok();
}

#[test]
fn without_the_programs_of_postgresql_the_mend_is_named() {
    let world = World::new();
    let database = Database::empty();
    let issuer = Issuer::init_on(world.path("issuer"), "dev-acme", &database.url());
    let out = world.path("out");
    let mut command = issuer.command(&["backup", "--out", text(&out), "--json"]);
    let ran = Ran::to_end(command.env("PATH", world.dir())).coded(1);
    assert_eq!(ran.json()["error"]["code"], "TOOL_ABSENT", "{ran}");
    let ran = ran.says("pg_dump").says("install PostgreSQL's client programs");
    assert!(!out.exists(), "{ran}");
}

//! Old configurations into real servers.

use super::compare::{Comparison, Side, compare};
use super::dump::{dump_source, dump_target, dump_unpacked};
use super::load::{Counts, replace};
use super::*;
use crate::database::Database;
use crate::database::tests::{migrated, wait};
use crate::transfer::snapshot::{Room, prepare};
use crate::transfer::source::discover;
use brink_databases::{Database as Fresh, ask, run};
use brink_installation::{Fate, Manifest, Plan};
use proptest::prelude::{Just, Strategy, prop, prop_oneof};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::path::Path;
use tempfile::TempDir;

const TABLES: [&str; 7] = [
    "config",
    "cameras",
    "camera_components",
    "line_zones",
    "polygon_zones",
    "transfer_progress",
    "transfer_rejects",
];

/// An old file, and where it goes to.
struct World {
    folder: TempDir,
    fresh: Fresh,
    database: Database,
}

impl World {
    fn empty() -> Self {
        let (fresh, database) = migrated();
        run(
            &fresh.url(),
            "INSERT INTO transfer_sources (number, kind, name) VALUES (1, 'configuration', 'tapi.db')",
        );
        Self { folder: TempDir::new().unwrap(), fresh, database }
    }

    fn generated() -> (Self, Manifest) {
        let world = Self::empty();
        let plan = Plan { cameras: 9, rows: 60, ..Plan::default() };
        let manifest = plan.generate(world.folder.path()).unwrap();
        (world, manifest)
    }

    /// With these cameras, all last written a second after 2000 began.
    fn of(cameras: &[(&str, &str)]) -> Self {
        let world = Self::empty();
        world.old().execute_batch(
            "CREATE TABLE config (key TEXT PRIMARY KEY, value TEXT NOT NULL, updated_at INTEGER NOT NULL);
             CREATE TABLE camera_config (camera_id TEXT PRIMARY KEY, config TEXT NOT NULL, updated_at INTEGER NOT NULL);
             INSERT INTO config VALUES ('api_port', '8090', 946684801)",
        ).unwrap();
        for (id, config) in cameras {
            world.old().execute("INSERT INTO camera_config VALUES (?, ?, 946684801)", [id, config]).unwrap();
        }
        world
    }

    fn old(&self) -> Connection {
        Connection::open(self.folder.path().join("tapi.db")).unwrap()
    }

    fn snapshot(&self) -> Snapshot {
        let work = self.folder.path().join("work");
        prepare(&work).unwrap();
        let found = discover(Some(&self.folder.path().join("tapi.db")), None::<&Path>).unwrap();
        let room = Room { work, busy: std::time::Duration::ZERO };
        let snapshot = Snapshot::of(&found[0], &room).unwrap();
        snapshot.check_configuration().unwrap();
        snapshot
    }

    fn configuration(&self) -> Configuration {
        Configuration::read(&self.snapshot(), &origin()).unwrap()
    }

    fn replace(&self) -> BTreeMap<&'static str, Counts> {
        let configuration = self.configuration();
        wait(async {
            let mut connection = self.database.connection().await.unwrap();
            replace(&mut connection, &origin(), &configuration).await.unwrap()
        })
    }

    fn compare(&self) -> Comparison {
        let configuration = self.configuration();
        wait(async {
            let mut connection = self.database.connection().await.unwrap();
            compare(&mut connection, &origin(), &configuration).await.unwrap()
        })
    }

    /// `side table owner name` of each difference.
    fn differences(&self) -> Vec<String> {
        let show = |one: super::compare::Difference| {
            format!("{:?} {} {} {}", one.side, one.table, one.owner, one.name)
        };
        self.compare().differences.into_iter().map(show).collect()
    }

    fn ask(&self, sql: &str) -> Vec<String> {
        let rows = ask(&self.fresh.url(), sql);
        rows.into_iter().map(|row| row[0].clone().unwrap_or_else(|| "NULL".to_owned())).collect()
    }

    fn one(&self, sql: &str) -> String {
        self.ask(sql).into_iter().next().unwrap_or_default()
    }

    fn run(&self, sql: &str) {
        run(&self.fresh.url(), sql);
    }

    /// Which transaction wrote each row.
    fn writers(&self) -> Vec<Vec<String>> {
        TABLES.map(|table| self.ask(&format!("SELECT xmin || ' ' || ctid FROM {table} ORDER BY ctid"))).into()
    }
}

fn origin() -> Origin {
    Origin { number: 1, tenant: Some("tenant-123".to_owned()) }
}

#[test]
fn a_whole_configuration_goes_over_and_is_not_written_twice() {
    let (world, manifest) = World::generated();
    let counts = world.replace();
    for (table, old) in [("config", "config"), ("cameras", "camera_config")] {
        assert_eq!(counts[table].copied + counts[table].rejected, manifest.rows(old), "{table}");
        let progress =
            format!("SELECT copied || ' ' || rejected FROM transfer_progress WHERE table_name = '{old}'");
        assert_eq!(world.one(&progress), format!("{} {}", counts[table].copied, counts[table].rejected));
    }
    assert_eq!(counts["config"].rejected, manifest.rejected("config"));
    for (table, counted) in &counts {
        let rejects = format!("SELECT count(*) FROM transfer_rejects WHERE table_name = '{table}'");
        assert_eq!(
            world.one(&format!("SELECT count(*) FROM {table}")),
            counted.copied.to_string(),
            "{table}"
        );
        assert_eq!(world.one(&rejects), counted.rejected.to_string(), "{table}");
        assert!(counted.copied > 4, "{table}");
    }
    let comparison = world.compare();
    assert_eq!(comparison.differences, []);
    assert_eq!(comparison.source, comparison.target);
    assert!(comparison.source[&("camera_components", Some("Kamera-Süd-東京".to_owned()))].count > 2);
    let before = world.writers();
    assert_eq!(world.replace(), counts);
    assert_eq!(world.writers(), before);
    let ids = "SELECT string_agg(id::text, ' ' ORDER BY id) FROM camera_components";
    let before = world.one(ids);
    world.run("DELETE FROM transfer_progress; DELETE FROM cameras; DELETE FROM config");
    assert_eq!(world.replace(), counts);
    assert_eq!(world.one(ids), before, "the same rows");
}

#[test]
fn every_trap_has_its_fate() {
    let (world, manifest) = World::generated();
    world.replace();
    let by_row = |table: &str| -> BTreeMap<i64, String> {
        let sql = format!(
            "SELECT rowid::text, reason || ' ' || detail FROM transfer_rejects WHERE table_name = '{table}' AND part = 0"
        );
        let rows = ask(&world.fresh.url(), &sql);
        rows.iter().map(|row| (row[0].clone().unwrap().parse().unwrap(), row[1].clone().unwrap())).collect()
    };
    let (keys, cameras) = (by_row("config"), by_row("cameras"));
    let no_camera = ["camera_without_url", "camera_without_source", "camera_is_array", "camera_is_string"];
    let mut reasons = BTreeMap::new();
    for trap in &manifest.traps {
        let rejected = match trap.table.as_str() {
            "config" => keys.get(&trap.rowid),
            "camera_config" => cameras.get(&trap.rowid),
            _ => continue,
        };
        let is_expected = trap.fate == Fate::Rejected || no_camera.contains(&trap.trap.as_str());
        assert_eq!(rejected.is_some(), is_expected, "{}", trap.trap);
        if let Some(reason) = rejected {
            reasons.insert(trap.trap.as_str(), reason.as_str());
        }
    }
    assert_eq!(reasons.len(), keys.len() + cameras.len());
    for (trap, reason) in [
        ("config_with_nul", "nul_character value"),
        ("config_invalid_utf8", "invalid_utf8 value"),
        ("config_blob", "storage_class value"),
        ("config_key_null", "null key"),
        ("config_updated_at_text", "storage_class updated_at"),
        ("camera_without_url", "no_url config.source.url"),
        ("camera_is_array", "no_object config"),
        ("camera_unparsable", "json_malformed config"),
        ("camera_u0000", "json_nul config"),
        ("camera_with_nul", "nul_character config"),
        ("camera_surrogate", "json_surrogate config"),
        ("camera_invalid_utf8", "invalid_utf8 config"),
        ("camera_blob", "storage_class config"),
        ("camera_key_null", "null camera_id"),
        ("camera_key_with_nul", "nul_character camera_id"),
    ] {
        assert_eq!(reasons[trap], reason, "{trap}");
    }
}

/// What is asked of the target, and what it says.
const ODD: [(&str, &str); 23] = [
    (
        "name || ' ' || (metadata ->> 'name_missing') FROM cameras WHERE camera_id = 'camera-without-name'",
        "camera-without-name true",
    ),
    ("name FROM cameras WHERE camera_id = 'camera-name-is-number'", "12"),
    ("metadata ->> 'id' FROM cameras WHERE camera_id = 'camera-with-other-id'", "somebody-else"),
    ("tenant_id FROM cameras WHERE camera_id = 'camera-tenant-is-no-uuid'", "default"),
    (
        "count(*) FROM camera_components WHERE camera_id = 'camera-without-processors' AND component_type = 'processor'",
        "0",
    ),
    ("camera_id FROM line_zones WHERE zone_id = 'line-shared'", "line-id-duplicate"),
    (
        "metadata ->> 'zone_id' FROM line_zones WHERE zone_id = 'line-id-duplicate-again/line-shared'",
        "line-shared",
    ),
    (
        "camera_id FROM polygon_zones WHERE zone_id = 'area-id-duplicate-again/area-shared'",
        "area-id-duplicate-again",
    ),
    ("count(*) FROM line_zones WHERE zone_id = 'line-without-id/2/0'", "1"),
    ("count(*) FROM polygon_zones WHERE zone_id = 'area-without-id/3/0'", "1"),
    (
        "reason || ' ' || part || ' ' || detail FROM transfer_rejects WHERE table_name = 'line_zones' AND camera_id = 'line-without-end'",
        "zone_incomplete 1 processors[2].config.zones[0]",
    ),
    (
        "reason FROM transfer_rejects WHERE table_name = 'line_zones' AND camera_id = 'line-coordinates-text'",
        "zone_incomplete",
    ),
    (
        "reason FROM transfer_rejects WHERE table_name = 'polygon_zones' AND camera_id = 'area-without-corners'",
        "zone_incomplete",
    ),
    ("count(*) FROM cameras WHERE camera_id IN ('line-without-end', 'area-without-corners')", "2"),
    (
        "direction || ' ' || (metadata ->> 'direction') FROM line_zones WHERE camera_id = 'line-direction-unknown' AND metadata ? 'direction'",
        "both sideways",
    ),
    (
        "line_start_x || ' ' || line_start_y FROM line_zones WHERE camera_id = 'line-coordinates-beyond-i32' AND line_start_x > 1e6",
        "3000000000 -3000000000",
    ),
    (
        "polygon_points FROM polygon_zones WHERE camera_id = 'area-corners-as-pairs' AND polygon_points @> '[{\"x\": 10.5}]'",
        "[{\"x\": 0, \"y\": 0}, {\"x\": 10.5, \"y\": 0}, {\"x\": 0, \"y\": 10}]",
    ),
    (
        "zone_type FROM polygon_zones WHERE camera_id = 'area-type-unknown' AND zone_type NOT IN ('occupancy', 'dwell')",
        "heatmap",
    ),
    ("value_type || ' ' || value FROM config WHERE key = 'site_name'", "string Werk Süd, Halle 3"),
    ("value_type || '!' || value FROM config WHERE key = 'proxy'", "string!"),
    ("value_type FROM config WHERE key = 'api_port'", "int"),
    ("count(*) FROM cameras WHERE camera_id = 'site/42/../cam'", "1"),
    (
        "count(*) FROM cameras WHERE created_at <> updated_at OR updated_at > now() - interval '1 day' OR status <> 'stopped'",
        "0",
    ),
];

#[test]
fn odd_cameras_become_what_their_tables_hold() {
    let (world, _) = World::generated();
    world.replace();
    for (sql, expected) in ODD {
        assert_eq!(world.one(&format!("SELECT {sql}")), expected, "{sql}");
    }
}

const GATE: &str = r#"{"name": "Gate", "source": {"type": "rtsp", "url": "rtsp://gate", "gain": 0.10}, "processors": [
    {"type": "line_zone", "zones": [{"id": "a", "start": [0.1, 0], "end": [1, 1]}, {"start": [0, 0], "end": [1, 1]}]}]}"#;
const DOOR: &str = r#"{"name": "Door", "source": {"type": "rtsp", "url": "rtsp://door"}, "processors": [
    {"type": "line_zone", "zones": [{"id": "a", "start": [0, 0], "end": [1, 1]}, {"id": "b", "start": [0, 0]}]},
    {"type": "polygon_zone", "zones": [{"id": "a", "polygon": [[0, 0], [1, 0], [1, 1]]}]}], "sinks": [{"type": "file"}]}"#;

/// What somebody does, and what is found then.
const BY_HAND: [(&str, &str); 10] = [
        ("UPDATE line_zones SET line_start_x = 0.10000000000000002 WHERE zone_id = 'gate/a'", "Both line_zones gate gate/a"),
        ("UPDATE config SET value = '8091' WHERE key = 'api_port'", "Both config api_port api_port"),
        (
            "DELETE FROM camera_components WHERE camera_id = 'door' AND execution_order = 3",
            "Source camera_components door 3",
        ),
        (
            "INSERT INTO line_zones (zone_id, camera_id, name, line_start_x, line_start_y, line_end_x, line_end_y)
             VALUES ('new', 'gate', 'n', 0, 0, 1, 1)",
            "Target line_zones gate new",
        ),
        (
            "INSERT INTO camera_components (camera_id, component_type, component_subtype) VALUES ('gate', 'sink', 'file')",
            "Target camera_components gate 0",
        ),
        (
            "INSERT INTO cameras (camera_id, name, url, metadata) VALUES ('new', 'n', 'u', '{\"transfer\": 1}')",
            "Target cameras new new",
        ),
        (
            "UPDATE cameras SET pipeline_config = jsonb_set(pipeline_config, '{source,gain}', '0.11') WHERE camera_id = 'gate'",
            "Both cameras gate gate",
        ),
        (
            "UPDATE transfer_rejects SET reason = 'other' WHERE table_name = 'cameras'",
            "Both transfer_rejects bad cameras 3/0",
        ),
        (
            "DELETE FROM transfer_rejects WHERE table_name = 'line_zones'",
            "Source transfer_rejects door line_zones 2/2",
        ),
        (
            "INSERT INTO transfer_rejects (source, table_name, rowid, reason, detail, content)
             VALUES (1, 'config', 9, 'null', 'key', '')",
            "Target transfer_rejects  config 9/0",
        ),
    ];

#[test]
fn whatever_somebody_does_to_the_rows_is_found() {
    let world = World::of(&[("gate", GATE), ("door", DOOR), ("bad", "{")]);
    world.replace();
    assert_eq!(world.differences(), [] as [&str; 0]);
    for (harm, found) in BY_HAND {
        world.run(harm);
        assert_eq!(world.differences(), [found], "{harm}");
        // What was written once is written again only on demand.
        world.replace();
        assert_eq!(world.differences(), [found], "{harm}");
        world.run("UPDATE transfer_progress SET digest = NULL");
        world.replace();
        assert_eq!(world.differences(), [] as [&str; 0], "{harm}");
    }
    world.run("DELETE FROM cameras WHERE camera_id = 'gate'");
    let gone = world.compare();
    assert_eq!(gone.differences.len(), 5);
    assert!(gone.differences.iter().all(|one| one.side == Side::Source && one.owner == "gate"));
    assert_eq!(gone.source.len(), gone.target.len() + 3);
}

#[test]
fn only_what_changed_is_written_and_moments_stay_the_old_ones() {
    let world = World::of(&[("gate", GATE), ("door", DOOR), ("yard", GATE)]);
    world.replace();
    let writer = |camera: &str| {
        world.one(&format!("SELECT string_agg(xmin::text, ',') FROM line_zones WHERE camera_id = '{camera}'"))
    };
    let (gate, door) = (writer("gate"), writer("door"));
    let changed = GATE.replace("0.1,", "0.2,");
    world
        .old()
        .execute("INSERT OR REPLACE INTO camera_config VALUES ('gate', ?, 946684802)", [changed])
        .unwrap();
    world.old().execute("DELETE FROM camera_config WHERE camera_id = 'yard'", []).unwrap();
    let key = world.one("SELECT xmin FROM config");
    let counts = world.replace();
    assert_eq!(counts["cameras"], Counts { copied: 2, rejected: 0 });
    assert_eq!(counts["line_zones"], Counts { copied: 3, rejected: 1 });
    assert_eq!((writer("door"), world.one("SELECT xmin FROM config")), (door, key));
    assert_ne!(writer("gate"), gate);
    assert_eq!(world.ask("SELECT camera_id FROM cameras ORDER BY 1"), ["door", "gate"]);
    assert_eq!(
        world.one("SELECT created_at || ' ' || updated_at FROM line_zones WHERE zone_id = 'gate/a'"),
        "2000-01-01 00:00:02+00 2000-01-01 00:00:02+00"
    );
    assert_eq!(world.differences(), [] as [&str; 0]);
}

#[test]
fn what_another_program_has_is_left_alone() {
    let world = World::of(&[("gate", GATE), ("door", DOOR)]);
    world.run(
        "INSERT INTO cameras (camera_id, name, url) VALUES ('door', 'Mine', 'u'), ('other', 'Mine', 'u');
         INSERT INTO config (key, value) VALUES ('api_port', '1');
         INSERT INTO line_zones (zone_id, camera_id, name, line_start_x, line_start_y, line_end_x, line_end_y)
             VALUES ('a', 'other', 'n', 0, 0, 1, 1), ('gate/a', 'other', 'n', 0, 0, 1, 1)",
    );
    let counts = world.replace();
    assert_eq!(counts["cameras"], Counts { copied: 1, rejected: 1 });
    assert_eq!(counts["config"], Counts { copied: 0, rejected: 1 });
    assert_eq!(counts["line_zones"], Counts { copied: 2, rejected: 0 });
    assert_eq!(world.ask("SELECT name FROM cameras ORDER BY camera_id"), ["Mine", "Gate", "Mine"]);
    assert_eq!(
        world.ask("SELECT zone_id FROM line_zones WHERE camera_id = 'gate' ORDER BY 1"),
        ["gate/0/1", "gate/a/2"]
    );
    assert_eq!(
        world.ask(
            "SELECT reason || ' ' || detail || ' ' || table_name FROM transfer_rejects ORDER BY table_name"
        ),
        ["taken camera_id cameras", "taken key config"]
    );
    assert_eq!(world.differences(), [] as [&str; 0]);
    // It is found that what was in the way is not any more.
    world.run("DELETE FROM cameras WHERE camera_id = 'door'; DELETE FROM config");
    assert!(world.differences().contains(&"Source cameras door door".to_owned()));
    let counts = world.replace();
    assert_eq!((counts["cameras"].rejected, counts["config"].rejected), (0, 0));
    assert_eq!(world.differences(), [] as [&str; 0]);
}

#[test]
fn a_row_that_somebody_made_their_own_is_in_nobodys_way() {
    let world = World::of(&[("gate", GATE), ("door", DOOR)]);
    world.replace();
    world.run(
        "UPDATE cameras SET camera_id = 'mine', metadata = '{}' WHERE camera_id = 'gate';
         UPDATE line_zones SET zone_id = 'mine-' || zone_id WHERE camera_id = 'mine';",
    );
    let counts = world.replace();
    assert_eq!(counts["cameras"], Counts { copied: 2, rejected: 0 });
    assert_eq!(world.ask("SELECT camera_id FROM cameras ORDER BY 1"), ["door", "gate", "mine"]);
    assert_eq!(world.one("SELECT count(*) FROM camera_components WHERE camera_id = 'mine'"), "2");
    assert_eq!(world.differences(), [] as [&str; 0]);
}

/// Cameras of whatever anybody may have written: names that mean something, in any place, with values of any kind.
fn odd_json() -> impl Strategy<Value = String> {
    const NAMES: &[&str] = &[
        "id",
        "name",
        "tenant_id",
        "enabled",
        "source",
        "url",
        "processors",
        "sinks",
        "type",
        "config",
        "zones",
        "start",
        "end",
        "x",
        "y",
        "start_x",
        "start_y",
        "end_x",
        "end_y",
        "polygon",
        "points",
        "direction",
        "classes",
        "trigger_distance",
    ];
    const WORDS: &[&str] = &[
        "line_zone",
        "polygon_zone_manager",
        "rtsp://a",
        "",
        "up",
        "a",
        "b",
        "\\ud83d\\ude00",
        "\\u0000",
        "é",
    ];
    let leaf = prop_oneof![
        6 => prop::sample::select(WORDS).prop_map(|word| format!("\"{word}\"")),
        6 => prop::sample::select(&["0", "-0.0", "0.10", "1e400", "3e9", "12345678901234567890", "1e-400", "5.0"][..])
            .prop_map(str::to_owned),
        1 => prop::sample::select(&["true", "false", "null", "[]", "{}", "[1, 2]"][..]).prop_map(str::to_owned),
    ];
    let line = "{\"start\": [0.1, 1], \"end\": {\"x\": 1e400, \"y\": 2}, \"start_x\": 1, \"end_x\": 2, \"end_y\": 0.30}";
    let line = line.replace("1e400", "3e300");
    let area = "{\"points\": [[0, 0], [1.50, 0], {\"x\": 1e3, \"y\": -0}], \"id\": \"a\"}";
    let zone = prop_oneof![Just(line), Just(area.to_owned()), leaf.clone()];
    let any = leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec((prop::sample::select(NAMES), inner), 0..6).prop_map(|members| {
                let members: Vec<_> =
                    members.into_iter().map(|(name, value)| format!("\"{name}\" : {value}")).collect();
                format!("{{{}}}", members.join(" , "))
            }),
        ]
    });
    let kind = prop::sample::select(&["line_zone", "polygon_zone", "tracking"][..]);
    let processor = (kind, prop::collection::vec(prop_oneof![zone, any.clone()], 0..4), any.clone())
        .prop_map(|(kind, zones, any)| {
            format!("{{\"type\": \"{kind}\", \"zones\": [{}], \"config\": {any}}}", zones.join(","))
        });
    (prop::collection::vec(processor, 0..4), any.clone(), any.clone(), any).prop_map(|(processors, name, source, other)| {
        let processors = processors.join(",");
        format!("{{\"url\": \"u\", \"name\": {name}, \"source\": {source}, \"sinks\": {other}, \"tenant_id\": {other}, \"processors\": [{processors}]}}")
    })
}

#[test]
fn no_camera_stands_in_the_way_of_another() {
    let mut runner = TestRunner::deterministic();
    let cameras: Vec<_> = (0..400).map(|_| odd_json().new_tree(&mut runner).unwrap().current()).collect();
    let names: Vec<_> = (0..cameras.len()).map(|number| format!("camera-{number}")).collect();
    let rows: Vec<_> = names.iter().map(String::as_str).zip(cameras.iter().map(String::as_str)).collect();
    let world = World::of(&rows);
    let counts = world.replace();
    assert_eq!(counts["cameras"].copied + counts["cameras"].rejected, 400);
    for (table, counted) in &counts {
        assert!(
            counted.copied > 0 && (counted.rejected > 0 || ["config", "camera_components"].contains(table)),
            "{counts:?}"
        );
    }
    assert_eq!(world.differences(), [] as [&str; 0]);
    let before = world.writers();
    assert_eq!(world.replace(), counts);
    assert_eq!(world.writers(), before);
}

#[test]
fn names_that_no_index_holds_are_replaced() {
    let (camera, zone) = ("c".repeat(2500), "z".repeat(100_000));
    let config = format!(
        r#"{{"url": "u", "processors": [{{"type": "line_zone", "zones": [
            {{"id": "{zone}", "start": [0, 0], "end": [1, 1]}}, {{"start": [0, 0], "end": [1, 1]}}]}}]}}"#
    );
    let world = World::of(&[(&camera, &config), ("x", &config)]);
    assert_eq!(world.replace()["line_zones"], Counts { copied: 4, rejected: 0 });
    assert_eq!(world.one("SELECT count(*) FROM line_zones WHERE length(zone_id) = 39"), "3");
    assert_eq!(world.one("SELECT max(length(metadata ->> 'zone_id')) FROM line_zones"), "100000");
    assert_eq!(world.differences(), [] as [&str; 0]);
}

#[test]
fn numbers_come_back_as_they_were_written() {
    let config = r#"{"url": "u", "n": [0.1, 1.10, 123456789012345678901234567890, 1e400, 5e-324, -0.0],
        "sinks": [{"type": "file", "n": 12345678901234567890.123456789}]}"#;
    let world = World::of(&[("gate", config)]);
    world.replace();
    let numbers = world.one("SELECT pipeline_config -> 'n' FROM cameras");
    assert!(numbers.starts_with("[0.1, 1.10, 123456789012345678901234567890, 1000"), "{numbers}");
    assert_eq!(
        world.one("SELECT component_config -> 'n' FROM camera_components"),
        "12345678901234567890.123456789"
    );
    assert_eq!(world.differences(), [] as [&str; 0]);
}

#[test]
fn both_ends_are_there_to_be_looked_at() {
    let world = World::of(&[("gate", GATE), ("door", DOOR)]);
    world.old().execute("INSERT INTO config VALUES (NULL, x'00ff', 1.5)", []).unwrap();
    world.replace();
    let source = dump_source(&world.snapshot()).unwrap();
    let target = wait(async {
        let connection = world.database.connection().await.unwrap();
        dump_target(&connection, &origin()).await.unwrap()
    });
    let counts = |dumped: &[super::dump::Dumped]| -> Vec<_> {
        dumped.iter().map(|one| (one.table, one.rows.len())).collect()
    };
    assert_eq!(counts(&source), [("config", 2), ("camera_config", 2)]);
    assert_eq!(source[0].rows[0][1..], [None, Some("\\x00ff".to_owned()), Some("1.5".to_owned())]);
    assert_eq!(source[1].rows[1][2].as_deref(), Some(GATE));
    assert_eq!(
        counts(&target),
        [("config", 1), ("cameras", 2), ("camera_components", 6), ("line_zones", 3), ("polygon_zones", 1)]
    );
    assert!(target.iter().all(|one| one.rows.iter().all(|row| row.len() == one.header.len())));
    assert_eq!(target[3].rows[2][4].as_deref(), Some("0.1"));
    let unpacked = dump_unpacked(&world.configuration());
    for (one, other) in unpacked.iter().zip(&target) {
        let is_same = |column: &&str| !["pipeline_config", "component_config", "metadata"].contains(column);
        let fields = |dumped: &super::dump::Dumped| -> Vec<Vec<Option<String>>> {
            let keep = |row: &Vec<Option<String>>| {
                row.iter()
                    .zip(&one.header)
                    .filter(|(_, name)| is_same(name))
                    .map(|(field, _)| field.clone())
                    .collect()
            };
            dumped.rows.iter().map(keep).collect()
        };
        assert_eq!((&one.table, &one.header), (&other.table, &other.header));
        let (mut ours, mut theirs) = (fields(one), fields(other));
        ours.sort();
        theirs.sort();
        assert_eq!(ours, theirs);
    }
}

#[test]
fn a_file_without_tables_is_a_configuration_without_rows() {
    let world = World::empty();
    std::fs::write(world.folder.path().join("tapi.db"), b"").unwrap();
    assert!(world.replace().values().all(|counts| *counts == Counts::default()));
    assert_eq!(world.differences(), [] as [&str; 0]);
    assert_eq!(dump_source(&world.snapshot()).unwrap()[1].rows.len(), 0);
}

//! The configuration file: keys, cameras, and cameras to stumble over.

use crate::Error;
use crate::cameras::complete;
use crate::cell::Cell;
use crate::manifest::{Fate, FileRows, Trapped, camera_name};
use crate::moments::END_MS;
use crate::schema;
use crate::telemetry::Made;
use fastrand::Rng;
use rusqlite::{Connection, params};
use serde_json::{Value, json};
use std::path::Path;

/// Where it lies in the installation's folder.
pub(crate) const FILE: &str = "tapi.db";

const END_SECONDS: i64 = END_MS / 1000;

/// A row that is stumbled over: its trap, its fate, its key and its value.
type Odd = (&'static str, Fate, Cell, Cell);

/// Makes the file, with these cameras and, if it `is_trapped`, some more.
pub(crate) fn make(
    folder: &Path,
    (seed, is_trapped): (u64, bool),
    cameras: &[String],
) -> Result<Made, Error> {
    let path = folder.join(FILE);
    let connection = Connection::open(&path).map_err(|error| Error::database(&path, error))?;
    let mut made =
        Made { rows: FileRows::new(FILE.to_owned(), &["config", "camera_config"]), traps: Vec::new() };
    fill(&connection, (seed, is_trapped), cameras, &mut made)
        .map_err(|error| Error::database(&path, error))?;
    connection.close().map_err(|(_, error)| Error::database(&path, error))?;
    Ok(made)
}

fn fill(
    connection: &Connection,
    (seed, is_trapped): (u64, bool),
    cameras: &[String],
    made: &mut Made,
) -> rusqlite::Result<()> {
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")?;
    connection.execute_batch(schema::CONFIGURATION_TABLES)?;
    connection.execute_batch("BEGIN")?;
    for (key, value) in ordinary_keys() {
        let sql = "INSERT INTO config (key, value, updated_at) VALUES (?, ?, ?)";
        connection.execute(sql, params![key, value, END_SECONDS - 86_400])?;
        made.rows.add_plain("config");
    }
    let mut rng = Rng::with_seed(seed);
    for (number, camera) in (0_u32..).zip(cameras) {
        let config = complete(&mut rng, camera, number).to_string();
        let updated = END_SECONDS - rng.i64(0..90_000_000);
        let sql = "INSERT INTO camera_config (camera_id, config, updated_at) VALUES (?, ?, ?)";
        connection.execute(sql, params![camera, config, updated])?;
        made.rows.add("camera_config", camera, 1);
    }
    if is_trapped {
        odd_keys().into_iter().try_for_each(|odd| lay(connection, "config", odd, made))?;
        odd_cameras(&mut rng).into_iter().try_for_each(|odd| lay(connection, "camera_config", odd, made))?;
    }
    connection.execute_batch("COMMIT")
}

fn lay(
    connection: &Connection,
    table: &'static str,
    (trap, fate, key, value): Odd,
    made: &mut Made,
) -> rusqlite::Result<()> {
    let column = if table == "config" { "key, value" } else { "camera_id, config" };
    let sql = format!("INSERT INTO {table} ({column}, updated_at) VALUES (?, ?, ?)");
    // One whose moment is no number.
    let updated = if trap == UPDATED_TEXT { Cell::text("yesterday") } else { Cell::Int(END_SECONDS) };
    connection.execute(&sql, params![key, value, updated])?;
    if table == "config" {
        made.rows.add_plain(table);
    } else {
        made.rows.add(table, &camera_name(key.as_ref()), 1);
    }
    let (file, rowid) = (FILE.to_owned(), connection.last_insert_rowid());
    made.traps.push(Trapped { file, table: table.to_owned(), rowid, trap: trap.to_owned(), fate });
    Ok(())
}

fn ordinary_keys() -> [(&'static str, &'static str); 5] {
    [
        ("license_key", r#""TAPI-0000-EXAMPLE-0000""#),
        ("license_owner", r#""Beispiel & Söhne GmbH""#),
        ("license_email", r#""owner@example.com""#),
        ("api_port", "8090"),
        ("analytics", r#"{"enabled":true,"interval_seconds":60}"#),
    ]
}

const UPDATED_TEXT: &str = "config_updated_at_text";

fn odd_keys() -> Vec<Odd> {
    let odd = |trap, fate, key: &str, value: &[u8]| (trap, fate, Cell::text(key), Cell::text(value));
    vec![
        odd("config_bare_string", Fate::Held, "site_name", "Werk Süd, Halle 3".as_bytes()),
        odd("config_empty", Fate::Held, "proxy", b""),
        odd("config_with_nul", Fate::Rejected, "banner", b"a\0b"),
        odd("config_invalid_utf8", Fate::Rejected, "greeting", b"Gr\xfc\xdfe"),
        ("config_blob", Fate::Rejected, Cell::text("logo"), Cell::Blob(vec![0x89, 0x50])),
        // A primary key of text may be NULL in SQLite.
        ("config_key_null", Fate::Rejected, Cell::Null, Cell::text("1")),
        odd(UPDATED_TEXT, Fate::Rejected, "theme", b"\"dark\""),
    ]
}

fn odd_cameras(rng: &mut Rng) -> Vec<Odd> {
    let mut all = odd_shapes(rng);
    all.extend(odd_texts(rng));
    all
}

/// Readable, but not what a camera looks like.
fn odd_shapes(rng: &mut Rng) -> Vec<Odd> {
    let mut next = 1000;
    let mut odd = |trap: &'static str, change: &dyn Fn(&mut Value)| {
        next += 3;
        let id = trap.replace('_', "-");
        let mut camera = complete(rng, &id, next);
        change(&mut camera);
        (trap, Fate::Held, Cell::text(id), Cell::text(camera.to_string()))
    };
    // The processors of such a camera: detector, tracker, lines, areas.
    const LINE: &str = "/processors/2/config/zones/0";
    const AREA: &str = "/processors/3/config/zones/0";
    let set = |path: &'static str, member: &'static str, value: Value| {
        move |camera: &mut Value| {
            if let Some(zone) = camera.pointer_mut(path) {
                zone[member] = value.clone();
            }
        }
    };
    let without = |path: &'static str, member: &'static str| {
        move |camera: &mut Value| {
            camera.pointer_mut(path).and_then(Value::as_object_mut).map(|object| object.remove(member));
        }
    };
    vec![
        odd("camera_without_telemetry", &|_| {}),
        odd("camera_without_url", &without("/source", "url")),
        odd("camera_without_source", &without("", "source")),
        odd("camera_without_name", &without("", "name")),
        odd("camera_name_is_number", &set("", "name", json!(12))),
        odd("camera_without_processors", &without("", "processors")),
        odd("camera_with_other_id", &set("", "id", json!("somebody-else"))),
        odd("camera_tenant_is_no_uuid", &set("", "tenant_id", json!("default"))),
        odd("camera_name_very_long", &set("", "name", json!("Kamera ".repeat(100)))),
        odd("line_id_duplicate", &set(LINE, "id", json!("line-shared"))),
        odd("line_id_duplicate_again", &set(LINE, "id", json!("line-shared"))),
        odd("area_id_duplicate", &set(AREA, "id", json!("area-shared"))),
        odd("area_id_duplicate_again", &set(AREA, "id", json!("area-shared"))),
        odd("line_without_id", &without(LINE, "id")),
        odd("area_without_id", &without(AREA, "id")),
        odd("line_without_end", &without(LINE, "end")),
        odd("line_direction_unknown", &set(LINE, "direction", json!("sideways"))),
        odd("line_coordinates_text", &set(LINE, "start", json!({"x": "12", "y": null}))),
        odd("line_coordinates_beyond_i32", &set(LINE, "start", json!({"x": 3e9, "y": -3e9}))),
        odd("area_without_corners", &set(AREA, "polygon", json!([]))),
        odd("area_corners_as_pairs", &set(AREA, "polygon", json!([[0, 0], [10.5, 0], [0, 10]]))),
        odd("area_type_unknown", &set(AREA, "type", json!("heatmap"))),
    ]
}

/// Not readable, or not to be kept.
fn odd_texts(rng: &mut Rng) -> Vec<Odd> {
    let whole = complete(rng, "camera-of-text", 1).to_string();
    let with_name = |name: &str| {
        let start = format!(r#"{{"id":"camera-of-text","name":"{name}","#);
        format!(r#"{start}"source":{{"type":"rtsp","url":"rtsp://192.0.2.1/"}},"processors":[],"sinks":[]}}"#)
    };
    let odd = |trap: &'static str, fate, config: &[u8]| {
        (trap, fate, Cell::text(trap.replace('_', "-")), Cell::text(config))
    };
    let bytes: Vec<u8> =
        with_name("Fl").bytes().flat_map(|b| if b == b'F' { vec![b, 0xfc] } else { vec![b] }).collect();
    vec![
        odd("camera_unparsable", Fate::Rejected, &whole.as_bytes()[..whole.len() / 2]),
        odd("camera_empty", Fate::Rejected, b""),
        odd("camera_u0000", Fate::Rejected, with_name(r"Tor\u0000 Nord").as_bytes()),
        odd("camera_with_nul", Fate::Rejected, with_name("Tor\0Nord").as_bytes()),
        odd("camera_surrogate", Fate::Rejected, with_name(r"Tor \ud800").as_bytes()),
        odd("camera_invalid_utf8", Fate::Rejected, &bytes),
        odd("camera_is_array", Fate::Held, b"[]"),
        odd("camera_is_string", Fate::Held, b"\"camera\""),
        ("camera_blob", Fate::Rejected, Cell::text("camera-blob"), Cell::Blob(whole.clone().into_bytes())),
        ("camera_key_null", Fate::Rejected, Cell::Null, Cell::text(whole.clone())),
        ("camera_key_with_nul", Fate::Rejected, Cell::text("camera\0key"), Cell::text(whole.clone())),
        (
            "camera_key_invalid_utf8",
            Fate::Rejected,
            Cell::text(b"camera-\xff".to_vec()),
            Cell::text(whole.clone()),
        ),
        ("camera_key_with_slash", Fate::Held, Cell::text("site/42/../cam"), Cell::text(whole)),
    ]
}

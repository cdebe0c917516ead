//! Ordinary rows of the five tables of sums.

use crate::event::{CLASSES, KINDS};
use crate::manifest::FileRows;
use crate::moments::END_MS;
use fastrand::Rng;
use rusqlite::{Connection, params};

const HOUR_MS: i64 = 3_600_000;

/// `rows` of them together, the small tables first: most are buckets and dwell times, whose keys do not run out.
pub(crate) fn fill(
    connection: &Connection,
    (rng, cameras): (&mut Rng, &[String]),
    rows: u64,
    counted: &mut FileRows,
) -> rusqlite::Result<()> {
    let several = cameras.len() as u64;
    for (at, camera) in cameras.iter().enumerate() {
        // The first camera has what does not divide.
        let own = rows / several + if at == 0 { rows % several } else { 0 };
        of_camera(connection, (rng, camera), own, counted)?;
    }
    Ok(())
}

fn of_camera(
    connection: &Connection,
    (rng, camera): (&mut Rng, &str),
    rows: u64,
    counted: &mut FileRows,
) -> rusqlite::Result<()> {
    let kinds = u64::from(KINDS).min(rows / 2);
    let classes = (CLASSES.len() as u64).min((rows - kinds) / 2);
    let values = ((rows - kinds - classes) / 4).min(24);
    let rest = rows - kinds - classes - values;
    kind_counts(connection, (rng, camera), kinds)?;
    class_counts(connection, (rng, camera), classes)?;
    summary_values(connection, (rng, camera), values)?;
    buckets(connection, (rng, camera), rest / 2)?;
    dwell_times(connection, (rng, camera), rest - rest / 2)?;
    counted.add("event_type_counts", camera, kinds);
    counted.add("class_distribution", camera, classes);
    counted.add("analytics_summary", camera, values);
    counted.add("time_series_buckets", camera, rest / 2);
    counted.add("dwell_times", camera, rest - rest / 2);
    Ok(())
}

fn kind_counts(connection: &Connection, (rng, camera): (&mut Rng, &str), rows: u64) -> rusqlite::Result<()> {
    let sql = "INSERT INTO event_type_counts
               (camera_id, event_type, total_count, recent_count_24h, last_updated, last_24h_updated)
               VALUES (?, ?, ?, ?, ?, ?)";
    let mut insert = connection.prepare(sql)?;
    for kind in 0..rows as i64 {
        let updated = END_MS - rng.i64(0..HOUR_MS);
        insert.execute(params![camera, kind, rng.u32(..), rng.u16(..), updated, updated])?;
    }
    Ok(())
}

fn class_counts(connection: &Connection, (rng, camera): (&mut Rng, &str), rows: u64) -> rusqlite::Result<()> {
    let sql = "INSERT INTO class_distribution (camera_id, class_name, event_type, total_count, last_updated)
               VALUES (?, ?, ?, ?, ?)";
    let mut insert = connection.prepare(sql)?;
    for class in CLASSES.iter().take(rows as usize) {
        insert.execute(params![camera, class, rng.u8(..KINDS), rng.u32(..), END_MS - rng.i64(0..HOUR_MS)])?;
    }
    Ok(())
}

fn summary_values(
    connection: &Connection,
    (rng, camera): (&mut Rng, &str),
    rows: u64,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO analytics_summary (camera_id, summary_key, summary_value, last_updated)
               VALUES (?, ?, ?, ?)";
    let mut insert = connection.prepare(sql)?;
    for hour in 0..rows {
        let value =
            format!(r#"{{"peak":{},"mean":{}.25,"classes":["person","car"]}}"#, rng.u16(..), rng.u8(..));
        insert.execute(params![camera, format!("hour_{hour:02}"), value, END_MS - rng.i64(0..HOUR_MS)])?;
    }
    Ok(())
}

fn buckets(connection: &Connection, (rng, camera): (&mut Rng, &str), rows: u64) -> rusqlite::Result<()> {
    let sql = "INSERT INTO time_series_buckets
               (camera_id, bucket_timestamp, bucket_size, event_type, class_name, event_count, last_updated)
               VALUES (?, ?, ?, ?, ?, ?, ?)";
    let mut insert = connection.prepare(sql)?;
    for at in 0..rows as i64 {
        let (kind, begin) = (at % i64::from(KINDS), END_MS - (at / i64::from(KINDS) + 1) * 300_000);
        let class = CLASSES[rng.usize(..CLASSES.len())];
        insert.execute(params![camera, begin, 300_000, kind, class, rng.u16(..), begin + 300_000])?;
    }
    Ok(())
}

fn dwell_times(connection: &Connection, (rng, camera): (&mut Rng, &str), rows: u64) -> rusqlite::Result<()> {
    let sql = "INSERT INTO dwell_times
               (camera_id, track_id, class_name, first_seen, last_seen, detection_count, last_updated)
               VALUES (?, ?, ?, ?, ?, ?, ?)";
    let mut insert = connection.prepare(sql)?;
    for track in 0..rows as i64 {
        let first = END_MS - (rows as i64 - track) * 20_000;
        let last = first + rng.i64(0..600_000);
        let class = CLASSES[rng.usize(..CLASSES.len())];
        insert.execute(params![camera, track.to_string(), class, first, last, rng.u16(1..), last])?;
    }
    Ok(())
}

//! One telemetry file: its rows, its snares, its indexes.

use crate::Error;
use crate::event;
use crate::manifest::{Fate, FileRows, Trapped};
use crate::moments::{DAY_MS, END_MS, SPAN_MS};
use crate::schema;
use crate::summary;
use crate::trap::{self, Snare};
use fastrand::Rng;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, params};
use std::ops::Range;
use std::path::Path;

/// Frames that retention took away, in the file that has snares at its end.
const REMOVED_FRAMES: u64 = 5;

/// One file to be made.
#[derive(Debug)]
pub(crate) struct Order {
    /// Below the installation's folder, with `/`.
    pub(crate) file: String,
    /// Whose rows it holds: one camera, or several of a file without a camera.
    pub(crate) cameras: Vec<String>,
    /// How many ordinary rows.
    pub(crate) rows: u64,
    pub(crate) seed: u64,
    pub(crate) thumbnail_bytes: Range<usize>,
    /// Whether there are snares in the installation, here or elsewhere.
    pub(crate) is_trapped: bool,
    /// Those of anywhere that lie here.
    pub(crate) snares: Vec<Snare>,
    /// Whether those with ids out of the ordinary lie here too; it is the file whose camera is not configured any more.
    pub(crate) has_end: bool,
}

/// What a file became.
pub(crate) struct Made {
    pub(crate) rows: FileRows,
    pub(crate) traps: Vec<Trapped>,
}

struct Making<'a> {
    connection: &'a Connection,
    order: &'a Order,
    rng: Rng,
    made: Made,
    /// Snares laid so far.
    laid: i64,
    frames: i64,
    first_frame: i64,
    begin_ms: i64,
}

impl Order {
    /// Makes the file.
    pub(crate) fn make(&mut self, folder: &Path) -> Result<Made, Error> {
        let path = folder.join(&self.file);
        let snares = std::mem::take(&mut self.snares);
        let connection = Connection::open(&path).map_err(|error| Error::database(&path, error))?;
        let made = self.fill(&connection, snares).map_err(|error| Error::database(&path, error))?;
        connection.close().map_err(|(_, error)| Error::database(&path, error))?;
        Ok(made)
    }

    fn fill(&self, connection: &Connection, snares: Vec<Snare>) -> rusqlite::Result<Made> {
        connection.execute_batch(schema::MAKING_PRAGMAS)?;
        connection.execute_batch(schema::TELEMETRY_TABLES)?;
        let mut making = Making::new(connection, self);
        let events = self.rows * 92 / 100;
        let frames = (self.rows - events).min((self.rows / 50).max(1));
        // After the snares at its end a file has no ordinary ids left.
        let last_in_log = u64::from(self.is_trapped && !self.has_end && events > 1);
        connection.execute_batch("BEGIN")?;
        making.frames(frames)?;
        making.events(events - last_in_log, snares)?;
        let mut rng = making.rng.fork();
        let rest = self.rows - events - frames;
        summary::fill(connection, (&mut rng, &self.cameras), rest, &mut making.made.rows)?;
        if self.has_end {
            trap::at_the_end().into_iter().try_for_each(|snare| making.snare(snare))?;
        }
        connection.execute_batch("COMMIT")?;
        connection.execute_batch(schema::TELEMETRY_INDEXES)?;
        connection.execute_batch("PRAGMA locking_mode = NORMAL; PRAGMA temp_store = DEFAULT;")?;
        connection.execute_batch(schema::PRODUCT_PRAGMAS)?;
        making.event_in_log(last_in_log)?;
        Ok(making.made)
    }
}

/// What of `whole` has passed at step `at` of `of`.
fn part(whole: i64, at: u64, of: u64) -> i64 {
    let passed = i128::from(whole) * i128::from(at) / i128::from(of.max(1));
    i64::try_from(passed).unwrap_or(whole)
}

impl<'a> Making<'a> {
    fn new(connection: &'a Connection, order: &'a Order) -> Self {
        let mut rng = Rng::with_seed(order.seed);
        // Cameras were added over the years; those with many rows were there from the start.
        let begin_ms = if order.rows > 10_000 { END_MS - SPAN_MS } else { END_MS - rng.i64(DAY_MS..SPAN_MS) };
        let rows = FileRows::new(order.file.clone(), &schema::TELEMETRY);
        let made = Made { rows, traps: Vec::new() };
        Self { connection, order, rng, made, laid: 0, frames: 0, first_frame: 1, begin_ms }
    }

    fn frames(&mut self, count: u64) -> rusqlite::Result<()> {
        let removed = if self.order.has_end { REMOVED_FRAMES } else { 0 };
        let sql = "INSERT INTO frames (camera_id, timestamp, thumbnail, width, height, created_at)
                   VALUES (?, ?, ?, ?, ?, ?)";
        let mut insert = self.connection.prepare(sql)?;
        let mut counts = vec![0; self.order.cameras.len()];
        let mut thumbnail = Vec::new();
        for at in 0..count + removed {
            let moment = self.begin_ms + part(END_MS - self.begin_ms, at, count + removed);
            let camera = self.camera();
            self.picture(&mut thumbnail);
            insert.execute(params![
                self.order.cameras[camera],
                moment - self.rng.i64(0..400),
                thumbnail,
                320,
                180,
                moment
            ])?;
            if at >= removed {
                counts[camera] += 1;
            }
        }
        self.connection.execute("DELETE FROM frames WHERE id <= ?", [removed as i64])?;
        (self.frames, self.first_frame) = (count as i64, 1 + removed as i64);
        self.count("frames", &counts);
        Ok(())
    }

    /// Something that starts and ends like a JPEG.
    fn picture(&mut self, to: &mut Vec<u8>) {
        let range = &self.order.thumbnail_bytes;
        let length = if range.is_empty() { range.start } else { self.rng.usize(range.clone()) };
        to.clear();
        to.extend_from_slice(&[0xff, 0xd8, 0xff, 0xe0]);
        to.resize(length.max(6), 0);
        let end = to.len() - 2;
        self.rng.fill(&mut to[4..end]);
        to[end..].copy_from_slice(&[0xff, 0xd9]);
    }

    fn events(&mut self, count: u64, snares: Vec<Snare>) -> rusqlite::Result<()> {
        let mut places: Vec<_> =
            snares.into_iter().map(|snare| (self.rng.u64(1..=count.max(1)), snare)).collect();
        places.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        let mut counts = vec![0; self.order.cameras.len()];
        let mut properties = String::new();
        for at in 0..count {
            self.event((at, count), &mut properties, &mut counts)?;
            if at == 0 && self.order.is_trapped {
                self.first(trap::IDS_RESTART);
                if self.order.has_end {
                    self.first(trap::UNCONFIGURED);
                }
            }
            while let Some((_, snare)) = places.pop_if(|(place, _)| *place <= at + 1) {
                self.snare(snare)?;
            }
        }
        self.count("telemetry_events", &counts);
        places.into_iter().rev().try_for_each(|(_, snare)| self.snare(snare))
    }

    fn event(
        &mut self,
        (at, of): (u64, u64),
        properties: &mut String,
        counts: &mut [u64],
    ) -> rusqlite::Result<()> {
        let event = event::next(&mut self.rng, properties);
        let moment = self.begin_ms + part(END_MS - self.begin_ms, at, of) + self.rng.i64(0..50);
        let camera = self.camera();
        let newest = self.first_frame + part(self.frames - 1, at, of);
        let frame = (self.frames > 0 && self.rng.u8(..) < 90).then_some(newest);
        let sql = "INSERT INTO telemetry_events
                   (camera_id, timestamp, event_type, source_id, properties, frame_id, created_at)
                   VALUES (?, ?, ?, ?, ?, ?, ?)";
        let mut insert = self.connection.prepare_cached(sql)?;
        insert.execute(params![
            self.order.cameras[camera],
            moment - self.rng.i64(0..400),
            event.kind,
            event.source,
            &*properties,
            frame,
            moment
        ])?;
        counts[camera] += 1;
        Ok(())
    }

    /// The last event of a file is in its log alone, as after a crash: a copy of the file without its log lacks it.
    fn event_in_log(&mut self, count: u64) -> rusqlite::Result<()> {
        if count == 0 {
            return Ok(());
        }
        self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        let mut counts = vec![0; self.order.cameras.len()];
        self.event((1, 1), &mut String::new(), &mut counts)?;
        self.count("telemetry_events", &counts);
        Ok(())
    }

    /// What is true of the whole file is said of its first event.
    fn first(&mut self, trap: &str) {
        self.made.traps.push(Trapped {
            file: self.order.file.clone(),
            table: "telemetry_events".to_owned(),
            rowid: self.connection.last_insert_rowid(),
            trap: trap.to_owned(),
            fate: Fate::Held,
        });
    }

    fn snare(&mut self, snare: Snare) -> rusqlite::Result<()> {
        self.laid += 1;
        let camera = &self.order.cameras[0];
        let row = trap::lay(self.connection, snare, (camera, self.laid), &mut self.made.rows)?;
        self.made.traps.push(row);
        Ok(())
    }

    fn camera(&mut self) -> usize {
        if self.order.cameras.len() == 1 { 0 } else { self.rng.usize(..self.order.cameras.len()) }
    }

    fn count(&mut self, table: &str, counts: &[u64]) {
        for (camera, count) in self.order.cameras.iter().zip(counts) {
            self.made.rows.add(table, camera, *count);
        }
    }
}

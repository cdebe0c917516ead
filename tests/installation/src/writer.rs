//! An installation at work: events, frames and sums are written while somebody reads.

use crate::Error;
use crate::event;
use crate::moments::END_MS;
use crate::schema;
use fastrand::Rng;
use rusqlite::{Connection, params};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Between two transactions, so that whoever reads can keep up: about two thousand events a second.
const PAUSE: Duration = Duration::from_millis(5);
const EVENTS_PER_TRANSACTION: u64 = 10;
/// Files that are written to at once; more would be more open files than a process may have.
const FILES_MAX: usize = 100;
/// Where files whose ids have grown out of what is ordinary are left alone.
const IDS_MAX: i64 = 1 << 40;

/// A thread that writes to the telemetry files of an installation as the product does, until it is stopped or dropped.
#[derive(Debug)]
pub struct Writer {
    stop: Option<Sender<()>>,
    events: Arc<AtomicU64>,
    thread: Option<JoinHandle<Result<Written, Error>>>,
}

/// What a writer wrote and committed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// Events, by file as in the manifest.
    pub events: BTreeMap<String, u64>,
    /// Frames, by file.
    pub frames: BTreeMap<String, u64>,
    /// Upserts into the tables of sums, of all files.
    pub upserts: u64,
}

struct Camera {
    file: String,
    path: PathBuf,
    id: String,
    connection: Connection,
}

impl Writer {
    /// Starts to write to the files in `folder/data`; each gets a transaction before the first stop is heard.
    ///
    /// # Errors
    /// If there is no file, or one cannot be opened.
    pub fn start(folder: &Path, seed: u64) -> Result<Self, Error> {
        let mut cameras = open_all(folder)?;
        let (stop, stopped) = channel();
        let events = Arc::new(AtomicU64::new(0));
        let so_far = Arc::clone(&events);
        let thread = std::thread::spawn(move || write_on(&mut cameras, seed, (&stopped, &so_far)));
        Ok(Self { stop: Some(stop), events, thread: Some(thread) })
    }

    /// Events committed until now.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.events.load(Ordering::Acquire)
    }

    /// Stops and says what was written.
    ///
    /// # Errors
    /// If writing failed meanwhile.
    pub fn stop(mut self) -> Result<Written, Error> {
        // What it hears is that nobody can send any more.
        self.stop = None;
        let thread = self.thread.take().ok_or(Error::Thread)?;
        thread.join().map_err(|_| Error::Thread)?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // Who drops it does not ask how it went.
            let _ = thread.join();
        }
    }
}

fn open_all(folder: &Path) -> Result<Vec<Camera>, Error> {
    let data = folder.join("data");
    let listed = std::fs::read_dir(&data).map_err(|error| Error::file(&data, error))?;
    let mut names = Vec::new();
    for entry in listed {
        let entry = entry.map_err(|error| Error::file(&data, error))?;
        names.extend(entry.file_name().into_string().ok().filter(|name| name.ends_with(".db")));
    }
    // Folders list in any order.
    names.sort();
    let mut cameras = Vec::new();
    for name in names {
        let path = data.join(&name);
        let opened = open(&path, &name).map_err(|error| Error::database(&path, error))?;
        cameras.extend(opened);
        if cameras.len() == FILES_MAX {
            break;
        }
    }
    if cameras.is_empty() { Err(Error::NothingToWriteTo(data)) } else { Ok(cameras) }
}

fn open(path: &Path, name: &str) -> rusqlite::Result<Option<Camera>> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(30))?;
    connection.execute_batch(schema::PRODUCT_PRAGMAS)?;
    let sql = "SELECT max(coalesce((SELECT max(id) FROM telemetry_events), 0),
                          coalesce((SELECT max(id) FROM frames), 0))";
    let largest: i64 = connection.query_row(sql, [], |row| row.get(0))?;
    let id = name.trim_end_matches(".db").strip_prefix("telemetry_").unwrap_or("default").to_owned();
    let camera = Camera { file: format!("data/{name}"), path: path.to_owned(), id, connection };
    Ok((largest < IDS_MAX).then_some(camera))
}

fn write_on(
    cameras: &mut [Camera],
    seed: u64,
    (stopped, so_far): (&Receiver<()>, &AtomicU64),
) -> Result<Written, Error> {
    let mut rng = Rng::with_seed(seed);
    let mut written = Written::default();
    let mut turn = 0_usize;
    loop {
        let camera = if turn < cameras.len() { turn } else { rng.usize(..cameras.len()) };
        let camera = &mut cameras[camera];
        let upserts = camera
            .transaction((&mut rng, turn as i64))
            .map_err(|error| Error::database(&camera.path, error))?;
        *written.events.entry(camera.file.clone()).or_default() += EVENTS_PER_TRANSACTION;
        *written.frames.entry(camera.file.clone()).or_default() += 1;
        written.upserts += upserts;
        so_far.fetch_add(EVENTS_PER_TRANSACTION, Ordering::Release);
        turn += 1;
        let all_had_one = turn >= cameras.len();
        if all_had_one && stopped.recv_timeout(PAUSE) == Err(RecvTimeoutError::Disconnected) {
            return Ok(written);
        }
    }
}

impl Camera {
    /// A frame, what was seen on it, and the sums that change by it; how many sums.
    fn transaction(&mut self, (rng, turn): (&mut Rng, i64)) -> rusqlite::Result<u64> {
        let transaction = self.connection.transaction()?;
        let moment = END_MS + turn * 40;
        let frame = frame(&transaction, (rng, &self.id), moment)?;
        let mut properties = String::new();
        let mut upserts = 0;
        for _ in 0..EVENTS_PER_TRANSACTION {
            let seen = event::next(rng, &mut properties);
            let sql = "INSERT INTO telemetry_events
                       (camera_id, timestamp, event_type, source_id, properties, frame_id, created_at)
                       VALUES (?, ?, ?, ?, ?, ?, ?)";
            let row = params![self.id, moment, seen.kind, seen.source, properties, frame, moment];
            transaction.prepare_cached(sql)?.execute(row)?;
            sums(&transaction, &self.id, (seen.kind, event::class(rng)), moment)?;
            upserts += 3;
        }
        transaction.commit()?;
        Ok(upserts)
    }
}

fn frame(connection: &Connection, (rng, camera): (&mut Rng, &str), moment: i64) -> rusqlite::Result<i64> {
    let mut thumbnail = [0; 300];
    rng.fill(&mut thumbnail);
    let sql = "INSERT INTO frames (camera_id, timestamp, thumbnail, width, height, created_at)
               VALUES (?, ?, ?, 320, 180, ?)";
    connection.prepare_cached(sql)?.execute(params![camera, moment, thumbnail, moment])?;
    Ok(connection.last_insert_rowid())
}

fn sums(
    connection: &Connection,
    camera: &str,
    (kind, class): (u8, &str),
    moment: i64,
) -> rusqlite::Result<()> {
    let kinds = "INSERT INTO event_type_counts
                 (camera_id, event_type, total_count, recent_count_24h, last_updated, last_24h_updated)
                 VALUES (?1, ?2, 1, 1, ?3, ?3) ON CONFLICT DO UPDATE SET total_count = total_count + 1,
                 recent_count_24h = recent_count_24h + 1, last_updated = excluded.last_updated";
    connection.prepare_cached(kinds)?.execute(params![camera, kind, moment])?;
    let classes =
        "INSERT INTO class_distribution (camera_id, class_name, event_type, total_count, last_updated)
                   VALUES (?1, ?2, ?3, 1, ?4) ON CONFLICT DO UPDATE SET total_count = total_count + 1,
                   last_updated = excluded.last_updated";
    connection.prepare_cached(classes)?.execute(params![camera, class, kind, moment])?;
    let buckets = "INSERT INTO time_series_buckets
                   (camera_id, bucket_timestamp, bucket_size, event_type, class_name, event_count, last_updated)
                   VALUES (?1, ?2, 300000, ?3, ?4, 1, ?5) ON CONFLICT DO UPDATE SET
                   event_count = event_count + 1, last_updated = excluded.last_updated";
    let begin = moment - moment % 300_000;
    connection.prepare_cached(buckets)?.execute(params![camera, begin, kind, class, moment])?;
    Ok(())
}

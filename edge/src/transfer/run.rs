//! A transfer: file by file, table by table, each from where it stood.

use super::cell::{Origin, Reason};
use super::configuration::Configuration;
use super::configuration::load::{Counts, replace};
use super::error::TransferError;
use super::identity;
use super::ledger::{self, Reached};
use super::load::Loader;
use super::progress::Progress;
use super::read::{self, Chunk, Wanted};
use super::rejects::Reject;
use super::snapshot::{Room, Snapshot, Traces};
use super::source::{FileKind, SourceFile};
use super::tables::Table;
use super::{Failed, Files};
use crate::database::{Database, DatabaseError};
use rusqlite::Connection;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;
use tokio::sync::mpsc;

/// Chunks that wait for the server.
const WAITING_MAX: usize = 2;

/// What a transfer came to.
#[derive(Debug, Default, Serialize)]
pub struct Ran {
    /// Whether nothing was written.
    pub dry_run: bool,
    /// By file and table.
    pub files: Vec<FileRan>,
    /// Files that did not go through.
    pub failed: Vec<Failed>,
}

/// What a transfer came to for a file.
#[derive(Debug, Serialize)]
pub struct FileRan {
    /// Its name.
    pub name: String,
    /// Its number; `None` where nothing was written.
    pub number: Option<i32>,
    /// By table.
    pub tables: BTreeMap<&'static str, TableRan>,
}

/// What a transfer came to for a table of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TableRan {
    /// Rows that came over now.
    pub copied_now: u64,
    /// Rows that were set aside now.
    pub rejected_now: u64,
    /// Rows that are there, with those of before.
    pub copied: u64,
    /// Rows that are set aside, with those of before.
    pub rejected: u64,
}

impl TableRan {
    /// Of what goes over whole.
    const fn of(counts: Counts, is_new: bool) -> Self {
        let Counts { copied, rejected } = counts;
        let (copied_now, rejected_now) = if is_new { (copied, rejected) } else { (0, 0) };
        Self { copied_now, rejected_now, copied, rejected }
    }
}

/// Transfers everything. A file that does not go through leaves the others alone.
pub async fn run(database: &Database, files: &Files) -> Result<Ran, TransferError> {
    let mut loader = Loader::begin(database).await?;
    pass(&mut loader, files, &mut BTreeMap::new()).await
}

/// Transfers everything again and again, until somebody ends it: what is written meanwhile comes with the next pass. What did
/// not change is not read again. `told` gets what each pass came to.
pub async fn follow(
    database: &Database,
    files: &Files,
    pause: Duration,
    mut told: impl FnMut(&Ran),
) -> Result<Ran, TransferError> {
    let mut ended = pin!(ended());
    let mut loader = Loader::begin(database).await?;
    let mut seen = BTreeMap::new();
    let mut last = Ran::default();
    loop {
        // A pass that is cut off leaves whole chunks behind.
        tokio::select! {
            biased;
            () = &mut ended => return Ok(last),
            ran = pass(&mut loader, files, &mut seen) => last = ran?,
        }
        told(&last);
        tokio::select! {
            () = &mut ended => return Ok(last),
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// SIGTERM or SIGINT; never where the system does not tell.
async fn ended() {
    use tokio::signal::unix::{SignalKind, signal};
    match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
        (Ok(mut terminate), Ok(mut interrupt)) => {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        }
        (_, _) => std::future::pending().await,
    }
}

/// Every file that changed since it went through.
async fn pass(
    loader: &mut Loader,
    files: &Files,
    seen: &mut BTreeMap<PathBuf, Traces>,
) -> Result<Ran, TransferError> {
    let found = files.begin()?;
    // What is written from here on is seen by the next pass.
    let traced = found.iter().map(|file| (file, Traces::of(&file.path).ok()));
    let is_new = |(file, traces): &(&SourceFile, Option<Traces>)| {
        traces.is_none() || seen.get(&file.path) != traces.as_ref()
    };
    let changed: Vec<_> = traced.filter(is_new).collect();
    let progress = Progress::begin("transfer", changed.iter().map(|(file, _)| *file), files.busy);
    let mut ran = Ran::default();
    for (file, traces) in changed {
        progress.at(&file.name);
        match at_last(loader, file, files, &progress).await {
            Ok(through) => {
                ran.files.push(through);
                seen.extend(traces.map(|traces| (file.path.clone(), traces)));
            }
            Err(error) if error.is_of_one_file() => ran.failed.push(Failed::of(file, &error)),
            Err(error) => return Err(error),
        }
    }
    Ok(ran)
}

/// How far each table of a file was when it was begun, and is.
type Both = BTreeMap<&'static str, (Reached, Reached)>;

/// One file, begun again from its checkpoints for as long as a server that went away is waited for.
async fn at_last(
    loader: &mut Loader,
    file: &SourceFile,
    files: &Files,
    progress: &Progress,
) -> Result<FileRan, TransferError> {
    let (mut both, mut attempt) = (Both::new(), 0);
    loop {
        match once(loader, file, files, (progress, &mut both)).await {
            Ok(ran) => return Ok(ran),
            Err(error) => loader.wait_out(error, &mut attempt).await?,
        }
    }
}

async fn once(
    loader: &mut Loader,
    file: &SourceFile,
    files: &Files,
    (progress, both): (&Progress, &mut Both),
) -> Result<FileRan, TransferError> {
    let origin = ledger::register(loader.client().await?, file, files.tenant.as_deref()).await?;
    if files.tenant.is_some() && files.tenant != origin.tenant {
        let known = origin.tenant.unwrap_or_default();
        return Err(TransferError::Tenant { path: file.path.clone(), known });
    }
    let snapshot = Snapshot::of(file, &files.room())?;
    let tables = match file.kind {
        FileKind::Configuration => configure(loader, &snapshot, &origin).await?,
        FileKind::Telemetry => {
            transfer(loader, snapshot, (&origin, files.trust_names), (progress, both)).await?;
            summed(both)
        }
    };
    Ok(FileRan { name: file.name.clone(), number: Some(origin.number), tables })
}

/// Reads and converts everything, and writes nothing.
pub fn dry_run(files: &Files) -> Result<Ran, TransferError> {
    let found = files.begin()?;
    let progress = Progress::begin("dry run", &found, files.busy);
    let mut ran = Ran { dry_run: true, ..Ran::default() };
    for file in &found {
        progress.at(&file.name);
        // Any number will do.
        let origin = Origin { number: 1, tenant: files.tenant.clone() };
        match rehearse(file, (&origin, &files.room()), &progress) {
            Ok(tables) => ran.files.push(FileRan { name: file.name.clone(), number: None, tables }),
            Err(error) if error.is_of_one_file() => ran.failed.push(Failed::of(file, &error)),
            Err(error) => return Err(error),
        }
    }
    Ok(ran)
}

fn rehearse(
    file: &SourceFile,
    (origin, room): (&Origin, &Room),
    progress: &Progress,
) -> Result<BTreeMap<&'static str, TableRan>, TransferError> {
    let snapshot = Snapshot::of(file, room)?;
    let mut tables = BTreeMap::new();
    if file.kind == FileKind::Configuration {
        snapshot.check_configuration()?;
        let counts = Configuration::read(&snapshot, origin)?.counts();
        return Ok(counts.into_iter().map(|(name, counts)| (name, TableRan::of(counts, true))).collect());
    }
    for table in snapshot.tables()? {
        let mut ran = TableRan::default();
        let wanted = Wanted { table, from: i64::MIN, digest: None };
        read::read(&snapshot, &wanted, origin, |chunk| {
            progress.add(chunk.looked_at());
            ran.copied_now += chunk.rows.len() as u64;
            ran.rejected_now += chunk.rejects.len() as u64;
            true
        })?;
        tables.insert(table.name, ran);
    }
    Ok(tables)
}

async fn transfer(
    loader: &mut Loader,
    snapshot: Snapshot,
    (origin, trusted): (&Origin, bool),
    (progress, both): (&Progress, &mut Both),
) -> Result<(), TransferError> {
    let known = ledger::reached(loader.client().await?, origin.number).await?;
    identity::check(loader, &snapshot, origin, (&known, trusted)).await?;
    let mut wanted = Vec::new();
    for table in snapshot.tables()? {
        let reached = known.get(table.name).cloned().unwrap_or_default();
        let from = start(loader, &snapshot, (table, origin), &reached).await?;
        // Digests of a pass that was not finished say nothing.
        let digest = reached.digest.clone().filter(|_| reached.is_done);
        wanted.extend(from.map(|from| Wanted { table, from, digest }));
        let before = reached.clone();
        both.entry(table.name).or_insert((before, Reached::default())).1 = reached;
    }
    let path = snapshot.path.clone();
    let second = snapshot.again()?;
    let mut chunks = read_aside(snapshot, wanted, origin.clone())?;
    loop {
        // A reader that is gone without a word has not read everything.
        let read = chunks.recv().await.unwrap_or_else(|| Err(TransferError::unread(&path)));
        let Some(chunk) = read? else { return Ok(()) };
        let table = chunk.table;
        let Some((_, reached)) = both.get_mut(table.name) else { continue };
        let mut again = |rowid: i64, said: String| {
            whole(&second, table, (rowid, said)).map_err(|error| TransferError::of_sqlite(&path, &error))
        };
        loader.store(&chunk, origin, reached, &mut again).await?;
        progress.add(chunk.looked_at());
    }
}

/// A configuration goes over whole, in one transaction.
async fn configure(
    loader: &mut Loader,
    snapshot: &Snapshot,
    origin: &Origin,
) -> Result<BTreeMap<&'static str, TableRan>, TransferError> {
    snapshot.check_configuration()?;
    let configuration = Configuration::read(snapshot, origin)?;
    let before = ledger::reached(loader.client().await?, origin.number).await?;
    let counts = replace(loader.client().await?, origin, &configuration).await?;
    let is_new = ledger::reached(loader.client().await?, origin.number).await? != before;
    Ok(counts.into_iter().map(|(name, counts)| (name, TableRan::of(counts, is_new))).collect())
}

/// The next chunk; none behind the last.
type Read = Result<Option<Chunk>, TransferError>;

/// Reads in a thread of its own, which ends when nobody takes its chunks any more.
fn read_aside(
    snapshot: Snapshot,
    wanted: Vec<Wanted>,
    origin: Origin,
) -> Result<mpsc::Receiver<Read>, TransferError> {
    let (out, chunks) = mpsc::channel(WAITING_MAX);
    let path = snapshot.path.clone();
    let reading = std::thread::Builder::new().name("brink-transfer".to_owned()).spawn(move || {
        for wanted in &wanted {
            let read =
                read::read(&snapshot, wanted, &origin, |chunk| out.blocking_send(Ok(Some(chunk))).is_ok());
            if let Err(error) = read {
                // Nobody listens: then nobody wants to know.
                let _ = out.blocking_send(Err(error));
                return;
            }
        }
        let _ = out.blocking_send(Ok(None));
    });
    reading.map_err(TransferError::io(&path, "start a thread for it"))?;
    Ok(chunks)
}

/// The first row of a table that is not there yet.
async fn start(
    loader: &mut Loader,
    snapshot: &Snapshot,
    (table, origin): (&'static Table, &Origin),
    reached: &Reached,
) -> Result<Option<i64>, TransferError> {
    let path = || snapshot.path.clone();
    if !table.grows {
        return Ok(Some(i64::MIN));
    }
    let Some(last) = reached.last else {
        let (first, last) = origin.ids();
        let sql = format!("SELECT EXISTS (SELECT FROM {} WHERE id BETWEEN $1 AND $2)", table.name);
        let stray =
            loader.client().await?.query_one(&sql, &[&first, &last]).await.map_err(DatabaseError::from)?;
        let is_stray = stray.try_get(0).map_err(DatabaseError::from)?;
        return if is_stray {
            Err(TransferError::Stray { path: path(), table: table.name })
        } else {
            Ok(Some(i64::MIN))
        };
    };
    // Behind the highest number that there is, nothing comes.
    Ok(last.checked_add(1))
}

/// A row that the server alone refuses, whole.
fn whole(conn: &Connection, table: &'static Table, (rowid, said): (i64, String)) -> rusqlite::Result<Reject> {
    let columns: Vec<_> = table.sources().collect();
    let mut found = conn.prepare(&table.select())?;
    let mut rows = found.query([rowid])?;
    let row = rows.next()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    Reject::of(table.name, row, &columns, (Reason::Server, &said))
}

fn summed(both: &Both) -> BTreeMap<&'static str, TableRan> {
    let of = |(before, after): &(Reached, Reached)| TableRan {
        copied_now: after.copied.saturating_sub(before.copied),
        rejected_now: after.rejected.saturating_sub(before.rejected),
        copied: after.copied,
        rejected: after.rejected,
    };
    both.iter().map(|(name, both)| (*name, of(both))).collect()
}

//! The two ends as rows in the order of their numbers: a copy of the file, read in a thread of its own, and the database.

use super::super::cell::{self, Origin, ROW_MAX, RowDigest};
use super::super::dump::Dump;
use super::super::error::TransferError;
use super::super::read::walk;
use super::super::rejects::Reject;
use super::super::snapshot::Snapshot;
use super::super::tables::Table;
use super::database;
use bytes::{Buf, Bytes, BytesMut};
use futures_util::StreamExt;
use sha2::{Digest, Sha256};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_postgres::{Client, CopyOutStream};

/// Rows that are handed over at once.
const BATCH: usize = 10_000;
/// Batches that wait.
const WAITING_MAX: usize = 4;
/// What a binary COPY begins with: a signature, flags, and the length of what follows them.
const HEADER_BYTES: usize = 19;

/// A row of either end.
#[derive(Clone, Debug)]
pub(in super::super) struct Seen {
    /// Its number in its file.
    pub(super) rowid: i64,
    /// The camera.
    pub(super) camera: Arc<str>,
    /// What it holds; or why PostgreSQL cannot.
    pub(in super::super) content: Result<RowDigest, Aside>,
}

/// A row that PostgreSQL cannot hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Aside {
    /// Why.
    pub(super) reason: &'static str,
    /// The SHA-256 of all of it.
    pub(super) content: [u8; 32],
}

/// Rows of one table of a file.
#[derive(Debug)]
pub(super) struct Batch {
    /// In their order.
    pub(super) rows: Vec<Seen>,
    /// None of this table follow.
    pub(super) is_last: bool,
}

/// The same camera follows itself: its name is kept once.
#[derive(Default)]
struct Cameras(Option<Arc<str>>);

impl Cameras {
    fn of(&mut self, camera: &str) -> Arc<str> {
        match &self.0 {
            Some(known) if **known == *camera => Arc::clone(known),
            Some(_) | None => Arc::clone(self.0.insert(Arc::from(camera))),
        }
    }
}

/// The file.
pub(super) struct Source {
    batches: mpsc::Receiver<Result<Batch, TransferError>>,
    path: PathBuf,
}

impl Source {
    /// Reads these tables one after the other, and writes each row that it sees into the dump.
    pub(super) fn begin(
        snapshot: Snapshot,
        tables: Vec<&'static Table>,
        origin: Origin,
        (name, dump): (String, Option<Arc<Dump>>),
    ) -> Result<Self, TransferError> {
        let (out, batches) = mpsc::channel(WAITING_MAX);
        let path = snapshot.path.clone();
        let reading = std::thread::Builder::new().name("brink-verify".to_owned()).spawn(move || {
            for table in tables {
                let dump = dump.as_deref().map(|dump| (dump, name.as_str()));
                if let Err(error) = read(&snapshot, table, &origin, (&out, dump)) {
                    // Nobody listens: then nobody wants to know.
                    let _ = out.blocking_send(Err(error));
                    return;
                }
            }
        });
        reading.map_err(TransferError::io(&path, "start a thread for it"))?;
        Ok(Self { batches, path })
    }

    /// The next rows.
    pub(super) async fn batch(&mut self) -> Result<Batch, TransferError> {
        // A reader that is gone without a word has not read everything.
        self.batches.recv().await.unwrap_or_else(|| Err(TransferError::unread(&self.path)))
    }
}

type Out<'o> = (&'o mpsc::Sender<Result<Batch, TransferError>>, Option<(&'o Dump, &'o str)>);

fn read(
    snapshot: &Snapshot,
    table: &'static Table,
    origin: &Origin,
    (out, dump): Out<'_>,
) -> Result<(), TransferError> {
    let (mut rows, mut cameras) = (Vec::with_capacity(BATCH), Cameras::default());
    walk(snapshot, (table, i64::MIN), |row, columns| {
        let rowid = row.get(0)?;
        let converted = table.convert(row, origin)?;
        let seen = match &converted {
            Ok(cells) => Seen {
                rowid,
                camera: cameras.of(cells.camera()),
                content: Ok(cell::digest(cells.as_slice())),
            },
            Err(why) => {
                let reject = Reject::of(table.name, row, columns, *why)?;
                let content = Sha256::digest(&reject.content).into();
                Seen { rowid, camera: cameras.of(""), content: Err(Aside { reason: reject.reason, content }) }
            }
        };
        if let Some((dump, name)) = dump {
            let fate = seen.content.map_or_else(|aside| aside.reason, |_| "copied");
            dump.source(table, (name, fate), row, columns)?;
        }
        rows.push(seen);
        let is_full = rows.len() >= BATCH;
        Ok(!is_full || {
            let rows = std::mem::replace(&mut rows, Vec::with_capacity(BATCH));
            out.blocking_send(Ok(Batch { rows, is_last: false })).is_ok()
        })
    })?;
    // Nobody listens: then nobody wants to know.
    let _ = out.blocking_send(Ok(Batch { rows, is_last: true }));
    Ok(())
}

/// The database.
pub(in super::super) struct Target {
    table: &'static Table,
    stream: Pin<Box<CopyOutStream>>,
    buffer: BytesMut,
    cameras: Cameras,
    begun: bool,
}

impl Target {
    /// Asks for the rows from one number to another.
    pub(in super::super) async fn begin(
        client: &Client,
        (table, (first, last)): (&'static Table, (i64, i64)),
    ) -> Result<Self, TransferError> {
        let sql = format!(
            "COPY (SELECT {} FROM {} WHERE id BETWEEN {first} AND {last} ORDER BY id) TO STDOUT WITH (FORMAT binary)",
            table.targets(),
            table.name
        );
        let stream = client.copy_out(&sql).await.map_err(database)?;
        let (buffer, cameras) = (BytesMut::new(), Cameras::default());
        Ok(Self { table, stream: Box::pin(stream), buffer, cameras, begun: false })
    }

    /// The next row; `None` behind the last.
    pub(in super::super) async fn next(
        &mut self,
        dump: Option<(&Dump, &str)>,
    ) -> Result<Option<Seen>, TransferError> {
        loop {
            if !self.begun && self.buffer.len() >= HEADER_BYTES {
                self.buffer.advance(HEADER_BYTES);
                self.begun = true;
            }
            if self.begun
                && let Some((length, row)) = self.parsed(dump)?
            {
                self.buffer.advance(length);
                return Ok(row);
            }
            match self.stream.next().await {
                Some(bytes) => self.take(&bytes.map_err(database)?),
                None => return Ok(None),
            }
        }
    }

    fn take(&mut self, bytes: &Bytes) {
        self.buffer.extend_from_slice(bytes);
    }

    /// A whole row at the front, and how long it is; no row at the end of all.
    fn parsed(
        &mut self,
        dump: Option<(&Dump, &str)>,
    ) -> Result<Option<(usize, Option<Seen>)>, TransferError> {
        let mut fields: Vec<Option<&[u8]>> = Vec::with_capacity(self.table.columns.len());
        let whole = &self.buffer[..];
        let Some((count, mut rest)) = split::<2>(whole) else { return Ok(None) };
        let count = i16::from_be_bytes(count);
        if count < 0 {
            return Ok(Some((2, None)));
        }
        for _ in 0..count {
            let Some((length, behind)) = split::<4>(rest) else { return Ok(None) };
            let field = match usize::try_from(i32::from_be_bytes(length)) {
                Err(_) => None,
                Ok(length) if behind.len() < length => return Ok(None),
                Ok(length) => Some(&behind[..length]),
            };
            rest = &behind[field.map_or(0, <[u8]>::len)..];
            fields.push(field);
        }
        let cells = self.table.decode(&fields);
        let cells = cells.ok_or_else(|| super::super::error::unreadable(self.table.name))?;
        if let Some((dump, name)) = dump {
            dump.target(self.table, name, cells.as_slice())?;
        }
        let id = cells.id();
        let seen = Seen {
            rowid: id & ROW_MAX,
            camera: self.cameras.of(cells.camera()),
            content: Ok(cell::digest(cells.as_slice())),
        };
        Ok(Some((whole.len() - rest.len(), Some(seen))))
    }
}

fn split<const N: usize>(bytes: &[u8]) -> Option<([u8; N], &[u8])> {
    let (first, rest) = bytes.split_first_chunk::<N>()?;
    Some((*first, rest))
}

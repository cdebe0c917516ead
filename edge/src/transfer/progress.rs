//! How far a transfer has come, over all of its files.

use super::error::TransferError;
use super::snapshot::Snapshot;
use super::source::{FileKind, SourceFile};
use crate::progress::Progress as Line;
use std::cell::{Cell, RefCell};
use std::time::Duration;

/// One line for all files.
#[derive(Debug)]
pub(super) struct Progress {
    line: RefCell<Line>,
    done: Cell<u64>,
    all: u64,
}

impl Progress {
    /// What is done, with these files. Their rows are counted only where somebody sees it.
    pub(super) fn begin<'f>(
        doing: &'static str,
        files: impl IntoIterator<Item = &'f SourceFile>,
        busy: Duration,
    ) -> Self {
        let line = Line::begin((doing, "rows"));
        let count = |file| rows_of(file, busy).unwrap_or(0);
        let all = if line.is_seen() { files.into_iter().map(count).sum() } else { 0 };
        Self { line: RefCell::new(line), done: Cell::new(0), all }
    }

    /// The file that it is at.
    pub(super) fn at(&self, file: &str) {
        self.line.borrow_mut().at(file);
    }

    /// Rows that are done.
    pub(super) fn add(&self, rows: u64) {
        self.done.set(self.done.get() + rows);
        self.line.borrow_mut().show(self.done.get(), self.all);
    }
}

/// What a look at the original says. One that cannot be looked at fails in its turn.
fn rows_of(file: &SourceFile, busy: Duration) -> Result<u64, TransferError> {
    let look = Snapshot::glance(file, busy)?;
    match file.kind {
        FileKind::Configuration => Ok(0),
        FileKind::Telemetry => look.tables()?.iter().map(|table| look.count(table.name)).sum(),
    }
}

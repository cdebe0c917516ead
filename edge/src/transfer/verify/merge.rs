//! One pass over both ends of a table.

use super::super::dump::Dump;
use super::super::error::TransferError;
use super::super::ledger::Kept;
use super::ends::{Seen, Target};
use super::found::{CameraFound, TableFound};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Differences that are said in words.
pub(super) const FIRST_MAX: usize = 10;

/// What both ends of a table have in common so far.
pub(super) struct Merge {
    found: TableFound,
    /// What is set aside, and was not seen in the file yet.
    rejected: BTreeMap<(i64, i32), Kept>,
    /// Rows are only ever added to the file, and leave it at its front.
    grows: bool,
    /// Whether a row of the file was seen: what is before the first may have left.
    has_begun: bool,
    /// The row of the database that waits.
    waiting: Option<Seen>,
    is_at_end: bool,
}

/// For rows of the database that go into the dump: the file's name.
type Dumped<'d> = (&'d str, Option<&'d Arc<Dump>>);

fn dumped<'d>((name, dump): Dumped<'d>) -> Option<(&'d Dump, &'d str)> {
    dump.map(|dump| (&**dump, name))
}

impl Merge {
    pub(super) fn new(grows: bool, rejected: BTreeMap<(i64, i32), Kept>) -> Self {
        let found = TableFound::default();
        Self { found, rejected, grows, has_begun: false, waiting: None, is_at_end: false }
    }

    fn say(&mut self, words: String) {
        if self.found.first.len() < FIRST_MAX {
            self.found.first.push(words);
        }
    }

    fn camera(&mut self, camera: &str) -> &mut CameraFound {
        if !self.found.cameras.contains_key(camera) {
            self.found.cameras.insert(camera.to_owned(), CameraFound::default());
        }
        self.found.cameras.entry(camera.to_owned()).or_default()
    }

    /// The next row of the database, counted.
    async fn target(&mut self, target: &mut Target, dump: Dumped<'_>) -> Result<(), TransferError> {
        if self.waiting.is_some() || self.is_at_end {
            return Ok(());
        }
        self.waiting = target.next(dumped(dump)).await?;
        self.is_at_end = self.waiting.is_none();
        if let Some(Seen { camera, content: Ok(digest), .. }) = self.waiting.clone() {
            let camera = self.camera(&camera);
            camera.target_rows += 1;
            camera.target_digest = camera.target_digest.wrapping_add(digest);
        }
        Ok(())
    }

    /// A row of the file; the database's are taken as far as they go.
    pub(super) async fn source(
        &mut self,
        row: &Seen,
        target: &mut Target,
        dump: Dumped<'_>,
    ) -> Result<(), TransferError> {
        let aside = self.rejected.remove(&(row.rowid, 0));
        self.leave(row.rowid);
        self.skip_to(row.rowid, target, dump).await?;
        // Rows that are set aside stand in the file as well: what follows the first is in order.
        self.has_begun |= row.rowid > 0;
        let digest = match (row.content, aside) {
            (Err(aside), Some((reason, content)))
                if aside.reason == reason && aside.content[..] == content =>
            {
                self.found.rejected += 1;
                return Ok(());
            }
            (Err(aside), kept) => {
                self.found.rejects_differing += 1;
                let reason = aside.reason;
                let said = match kept {
                    None => "it is not".to_owned(),
                    Some((kept, _)) if kept == reason => "it is with another content".to_owned(),
                    Some((kept, _)) => format!("it is for {kept}"),
                };
                self.say(format!("row {} should be set aside for {reason}, and {said}", row.rowid));
                return Ok(());
            }
            // The server alone refused it, with no reason that is known here.
            (Ok(_), Some((reason, _))) if reason == "refused_by_server" => {
                self.found.rejected += 1;
                return Ok(());
            }
            (Ok(_), Some((aside, _))) => {
                self.found.rejects_differing += 1;
                self.say(format!("row {} is set aside for {aside}, and should not be", row.rowid));
                return Ok(());
            }
            (Ok(digest), None) => digest,
        };
        let camera = self.camera(&row.camera);
        camera.source_rows += 1;
        camera.source_digest = camera.source_digest.wrapping_add(digest);
        match self.waiting.take() {
            Some(there) if there.rowid == row.rowid && there.content == row.content => self.found.equal += 1,
            Some(there) if there.rowid == row.rowid => {
                self.found.differing += 1;
                self.say(format!("row {} is not the same on both ends", row.rowid));
            }
            there => {
                self.waiting = there;
                self.found.only_in_source += 1;
                self.say(format!("row {} is only in the file", row.rowid));
            }
        }
        Ok(())
    }

    /// What was set aside of rows before the first that is here may have left with them.
    fn leave(&mut self, rowid: i64) {
        if self.grows && !self.has_begun && rowid > 0 {
            let stays = self.rejected.split_off(&(rowid, i32::MIN));
            let left = std::mem::replace(&mut self.rejected, stays);
            let (positive, other): (BTreeMap<_, _>, BTreeMap<_, _>) =
                left.into_iter().partition(|((row, _), _)| *row > 0);
            self.found.removed += positive.len() as u64;
            self.rejected.extend(other);
        }
    }

    /// Rows of the database with smaller numbers are in no file.
    async fn skip_to(
        &mut self,
        rowid: i64,
        target: &mut Target,
        dump: Dumped<'_>,
    ) -> Result<(), TransferError> {
        loop {
            self.target(target, dump).await?;
            match &self.waiting {
                Some(there) if there.rowid < rowid => {
                    let there = there.rowid;
                    self.waiting = None;
                    if self.grows && !self.has_begun {
                        self.found.removed += 1;
                        continue;
                    }
                    self.found.only_in_target += 1;
                    self.say(format!("row {there} is only in the database"));
                }
                Some(_) | None => return Ok(()),
            }
        }
    }

    /// What is left of the database, and of what is set aside, is in no file.
    pub(super) async fn finish(
        mut self,
        target: &mut Target,
        dump: Dumped<'_>,
    ) -> Result<TableFound, TransferError> {
        self.skip_to(i64::MAX, target, dump).await?;
        self.leave(i64::MAX);
        for ((rowid, _), (aside, _)) in std::mem::take(&mut self.rejected) {
            self.found.rejects_differing += 1;
            self.say(format!("row {rowid} is set aside for {aside}, and is not in the file"));
        }
        Ok(self.found)
    }
}

//! Quarantine: what is in no sum, shown, and lifted where the rules of today let it pass.

use super::BooksError;
use super::period::begins;
use crate::admin::{Admin, ran};
use crate::calendar::rfc3339;
use crate::storage::{AuditNote, QuarantineRow, QuarantineScope, Replay, StorageError};
use crate::usage::{Part, rejudge};
use brink_license::UnixSeconds;
use serde_json::json;

/// What became of one record.
#[derive(Debug)]
pub struct Replayed {
    /// Its number in the quarantine.
    pub id: i64,
    /// How many sums it went into, or why it stays.
    pub outcome: Result<usize, BooksError>,
}

impl Admin {
    /// What is set aside, the oldest first; with `lifted`, also what was.
    pub fn quarantine(
        &self,
        scope: &QuarantineScope,
        lifted: bool,
    ) -> Result<Vec<QuarantineRow>, StorageError> {
        self.storage.quarantine(scope, lifted)
    }

    /// Judges one record once more and puts it into the sums if it passes; answers how many sums it went into.
    pub fn replay_usage(&self, id: i64) -> Result<usize, BooksError> {
        let now = self.clock.now();
        let mut outcome = None;
        self.storage.replay_usage(id, &mut |row| {
            let judged = self.judge_again(id, row.as_ref());
            let (count, replay) = match judged {
                Ok((row, sums)) => (Ok(sums.len()), Some(self.replay(row, sums, now))),
                Err(refusal) => (Err(refusal), None),
            };
            outcome = Some(count);
            replay
        })?;
        ran(outcome)?
    }

    /// The same with everything that is in quarantine; each is a transaction of its own.
    pub fn replay_all_usage(&self) -> Result<Vec<Replayed>, BooksError> {
        let rows = self.storage.quarantine(&QuarantineScope::All, false)?;
        Ok(rows.iter().map(|row| Replayed { id: row.id, outcome: self.replay_usage(row.id) }).collect())
    }

    fn judge_again<'r>(
        &self,
        id: i64,
        row: Option<&'r QuarantineRow>,
    ) -> Result<(&'r QuarantineRow, Vec<Part>), BooksError> {
        let row = row.ok_or(BooksError::NotInQuarantine(id))?;
        if let Some(at) = row.replayed_at {
            return Err(BooksError::Replayed { id, at: rfc3339(at) });
        }
        match rejudge(row, &self.catalog.meters) {
            Ok(sums) => Ok((row, sums)),
            Err(why) => Err(BooksError::StillAside { id, reason: why.reason.as_str(), detail: why.detail }),
        }
    }

    fn replay(&self, row: &QuarantineRow, sums: Vec<Part>, now: UnixSeconds) -> Replay {
        let record = &row.record;
        let added = sums.iter().map(|(key, sum)| {
            json!({
                "quarter": rfc3339(begins(key.quarter)), "meter": key.meter, "resource": key.resource,
                "units": sum.quantity.to_string(), "uses": sum.count,
            })
        });
        let detail = json!({
            "id": row.id, "tenant": record.tenant, "epoch": record.epoch, "seq": record.seq, "reason": row.reason,
            "added": added.collect::<Vec<_>>(),
        });
        let (actor, subject) = (self.actor.clone(), record.device.to_string());
        let tenant = Some(record.tenant.clone());
        Replay { sums, note: AuditNote { tenant, at: now, actor, action: "usage.replay", subject, detail } }
    }
}

//! What comes of what a request says of usage: what is recorded, and what the receipt says.

use super::book::Books;
use super::links::Link;
use super::moment::Timeline;
use super::place::{Place, Standing, place};
use super::reading::{ReadBatch, Reading};
use crate::answer::Answering;
use crate::request::Proven;
use crate::restored;
use crate::storage::{
    ChainView, CursorRow, DeviceView, Evidence, LossReason, NewBatch, NewFork, NewLoss, NewUsage,
};
use brink_license::token::{BatchVerdict, Cursor, ReceiptUsage};
use brink_license::usage::{ChainReport, Genesis, Head};
use brink_license::{Kid, UnixSeconds};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The reason of a reaction to numbers that a device has lost.
const LOST: &str = "USAGE_LOST";

/// What came of it.
pub(crate) struct Judged {
    /// What the receipt says; `None` where the request said nothing.
    pub(crate) claim: Option<ReceiptUsage>,
    /// Whether nothing is held back that could have been sent: a licence is renewed only then.
    pub(crate) contiguous: bool,
    /// What is recorded; the evidence still lacks its receipt.
    pub(crate) usage: NewUsage,
    /// What the audit says.
    pub(crate) notes: Vec<Noted>,
    /// Why the batch does not verify, in words.
    pub(crate) refused: Option<String>,
    /// Whether the chain of the activation that runs contradicts itself, and nobody knew.
    pub(crate) forks: bool,
}

/// What the audit says of usage.
pub(crate) struct Noted {
    pub(crate) action: &'static str,
    pub(crate) detail: Value,
    /// The reason that it is said once a day, where nothing but the device vouches for it.
    pub(crate) quiet: Option<&'static str>,
}

/// What became of a batch.
enum Outcome {
    None,
    /// On record, with what is new in it.
    Taken(Option<Box<NewBatch>>),
    Gap,
    Fork(NewFork),
    Bad(String),
}

impl Outcome {
    const fn verdict(&self) -> BatchVerdict {
        match self {
            Self::None => BatchVerdict::None,
            Self::Taken(_) => BatchVerdict::Taken,
            Self::Gap => BatchVerdict::Gap,
            Self::Fork(_) => BatchVerdict::Fork,
            Self::Bad(_) => BatchVerdict::Bad,
        }
    }
}

/// Judges what a request says of usage, beside what is on record. `restored` is a database that lost something lately.
pub(crate) fn judge(
    answering: &Answering<'_>,
    (view, proven): (&DeviceView, &Proven),
    (reading, restored): (Option<&Reading>, bool),
) -> Judged {
    let received_ms = last_ms(answering.now);
    let (cursors, notes) = (BTreeMap::new(), Vec::new());
    let mut case = Case { answering, view, proven, reading, restored, received_ms, cursors, notes };
    case.take_reports();
    case.take_acknowledged();
    let outcome = match reading.and_then(|reading| reading.batch.as_ref().map(|batch| (reading, batch))) {
        Some((reading, batch)) => case.outcome(reading, batch),
        None => Outcome::None,
    };
    case.close(outcome)
}

/// The last moment of a second: the clock tells no less, and what was used within it has been used.
const fn last_ms(now: UnixSeconds) -> i64 {
    now.as_i64().saturating_mul(1000).saturating_add(999)
}

struct Case<'a> {
    answering: &'a Answering<'a>,
    view: &'a DeviceView,
    proven: &'a Proven,
    reading: Option<&'a Reading>,
    restored: bool,
    received_ms: i64,
    /// The chains whose key is the one on record, as they are from now on.
    cursors: BTreeMap<u32, CursorRow>,
    notes: Vec<Noted>,
}

impl Case<'_> {
    fn genesis(&self, epoch: u32, jkt: Kid) -> Head {
        let genesis = Genesis::new(self.view.device.id.clone(), epoch, jkt);
        genesis.head()
    }

    fn take_reports(&mut self) {
        for report in self.reading.iter().flat_map(|reading| &reading.chains) {
            let chain = self.view.usage.chains.get(&report.epoch);
            let Some(chain) = chain.filter(|chain| *chain.jkt.as_bytes() == report.jkt) else { continue };
            let cursor = chain.cursor.clone().unwrap_or_else(|| self.begun(chain, report.epoch));
            let cursor = CursorRow {
                reported: report.head,
                recoveries: report.recoveries,
                received_ms: self.received_ms,
                ..cursor
            };
            self.cursors.insert(report.epoch, cursor);
        }
    }

    fn begun(&self, chain: &ChainView, epoch: u32) -> CursorRow {
        let head = self.genesis(epoch, chain.jkt);
        CursorRow {
            epoch,
            tenant: chain.tenant.clone(),
            jkt: chain.jkt,
            head,
            event_ms: chain.began_ms,
            closed: false,
            incomplete: false,
            forked_at: None,
            acknowledged: None,
            reported: head,
            recoveries: 0,
            received_ms: self.received_ms,
        }
    }

    /// A device that was told of more than is on record shows the receipt that told it. It is remembered, because the
    /// next receipt takes its place at the device.
    fn take_acknowledged(&mut self) {
        let told_more = |report: &ChainReport| {
            self.cursors.get(&report.epoch).is_some_and(|cursor| report.settled > cursor.head.seq)
        };
        if !self.reading.iter().flat_map(|reading| &reading.chains).any(told_more) {
            return;
        }
        let shown = restored::acknowledged(self.answering, self.view, self.proven);
        for told in shown {
            let Some(cursor) = self.cursors.get_mut(&told.epoch) else { continue };
            let known = cursor.acknowledged.map_or(cursor.head.seq, |head| head.seq.max(cursor.head.seq));
            if told.seq <= known {
                continue;
            }
            cursor.acknowledged = Some(Head { seq: told.seq, hash: told.hash });
            let detail =
                json!({ "epoch": told.epoch, "acknowledged": told.seq, "on_record": cursor.head.seq });
            self.notes.push(Noted { action: "usage.restored", detail, quiet: None });
        }
    }

    fn outcome(&mut self, reading: &Reading, batch: &ReadBatch) -> Outcome {
        let links = match &batch.content {
            Ok(links) => links,
            Err(why) => return Outcome::Bad(why.clone()),
        };
        let (Some(report), Some(cursor)) = (reading.report(batch.epoch), self.cursors.get(&batch.epoch))
        else {
            return Outcome::Bad("no such activation with that key is on record".to_owned());
        };
        let standing = Standing {
            head: cursor.head,
            closed: cursor.closed,
            forked: cursor.forked_at.is_some(),
            acknowledged: cursor.acknowledged,
            restored: self.restored,
            reached: self.view.usage.reached.as_ref(),
            dropped: self.view.usage.dropped,
        };
        match place(&standing, report, links) {
            Place::Gap => Outcome::Gap,
            Place::Fork(seq, detail) => Outcome::Fork(NewFork {
                epoch: batch.epoch,
                seq,
                other: batch.checkpoint.clone(),
                detail: detail.to_owned(),
                at_ms: self.received_ms,
            }),
            Place::Next { new, loss } => {
                let cursor = cursor.clone();
                Outcome::Taken(self.book(reading, (batch, &links[new..]), (cursor, loss)).map(Box::new))
            }
        }
    }

    /// Enters what is new into the books, and moves the cursor behind it.
    fn book(
        &mut self,
        reading: &Reading,
        (batch, links): (&ReadBatch, &[Link]),
        (mut cursor, loss): (CursorRow, Option<NewLoss>),
    ) -> Option<NewBatch> {
        let last = links.last()?;
        let line = Timeline { sent: reading.sent, received_ms: self.received_ms, floor_ms: cursor.event_ms };
        let meters = &self.answering.issuer.catalog.meters;
        let mut books = Books::open(meters, line, self.view.usage.totals.clone(), cursor.incomplete);
        let mut losses: Vec<NewLoss> = loss.into_iter().collect();
        if loss.is_some() {
            books.forget();
        }
        for (place, link) in links.iter().enumerate() {
            losses.extend(place.checked_sub(1).and_then(|before| link.loss_behind(&links[before])));
            books.enter(link);
        }
        let booked = books.close();
        cursor.head = Head { seq: last.seq, hash: last.hash };
        (cursor.event_ms, cursor.incomplete) = (booked.event_ms, booked.incomplete);
        cursor.closed = last.is_close();
        let tenant = cursor.tenant.clone();
        self.cursors.insert(batch.epoch, cursor);
        Some(NewBatch {
            epoch: batch.epoch,
            tenant,
            received_ms: self.received_ms,
            records: booked.records,
            sums: booked.sums,
            totals_lost: booked.totals_lost,
            totals: booked.totals,
            losses,
            evidence: Evidence {
                seq: last.seq,
                device_key: *self.proven.key.as_bytes(),
                checkpoint: batch.checkpoint.clone(),
                receipt: String::new(),
            },
        })
    }

    fn close(mut self, outcome: Outcome) -> Judged {
        let contiguous = self.is_contiguous(&outcome);
        let verdict = outcome.verdict();
        let mut judged = Judged {
            claim: None,
            contiguous,
            usage: NewUsage::default(),
            notes: Vec::new(),
            refused: None,
            forks: false,
        };
        match outcome {
            Outcome::None | Outcome::Gap | Outcome::Taken(None) => {}
            Outcome::Bad(why) => judged.refused = Some(why),
            Outcome::Fork(fork) => {
                let cursor = self.cursors.get_mut(&fork.epoch);
                // Once for all: what follows of a chain is not taken any more, and says nothing new.
                if let Some(cursor) = cursor.filter(|cursor| cursor.forked_at.is_none()) {
                    cursor.forked_at = Some(self.received_ms);
                    judged.forks = fork.epoch == self.view.device.epoch;
                    // Both words of it stand in the ledger of forks.
                    let detail = json!({ "epoch": fork.epoch, "seq": fork.seq, "detail": fork.detail });
                    self.notes.push(Noted { action: "usage.fork", detail, quiet: None });
                    judged.usage.fork = Some(fork);
                }
            }
            Outcome::Taken(Some(batch)) => {
                self.notes.extend(of_losses(&batch));
                judged.usage.batch = Some(*batch);
            }
        }
        let records = judged.usage.batch.iter().flat_map(|batch| &batch.records);
        let quarantined = records.filter(|record| record.quarantine.is_some()).count() as u64;
        judged.claim = self.reading.map(|reading| ReceiptUsage {
            cursors: reading.chains.iter().map(|report| self.claimed(report)).collect(),
            batch: verdict,
            quarantined,
        });
        judged.usage.cursors = self.cursors.into_values().collect();
        judged.notes = self.notes;
        judged
    }

    /// Whether a device that is asked for its usage gives what it has. A chain that contradicts itself is never whole
    /// again, but its activation is over once it was activated anew.
    fn is_contiguous(&self, outcome: &Outcome) -> bool {
        let current = self.view.device.epoch;
        let is_settled = || match self.cursors.get(&current) {
            Some(cursor) => {
                let told = cursor.acknowledged.map_or(0, |head| head.seq);
                cursor.forked_at.is_none() && cursor.reported.seq <= cursor.head.seq.max(told)
            }
            // Silence is no settlement where there was usage before.
            None => {
                let chain = self.view.usage.chains.get(&current);
                let on_record = chain.and_then(|chain| chain.cursor.as_ref());
                on_record.is_none_or(|cursor| cursor.reported.seq == 0)
            }
        };
        match outcome {
            Outcome::Taken(_) => true,
            Outcome::Gap => self.is_gap_ours() || (self.is_of_earlier() && is_settled()),
            Outcome::None => is_settled(),
            Outcome::Fork(fork) => fork.epoch != current && is_settled(),
            Outcome::Bad(_) => self.is_of_earlier() && is_settled(),
        }
    }

    /// Whether the batch is of an activation that is over: it can never be mended, and the one that runs does not wait.
    fn is_of_earlier(&self) -> bool {
        let batch = self.reading.and_then(|reading| reading.batch.as_ref());
        batch.is_some_and(|batch| batch.epoch < self.view.device.epoch)
    }

    /// Whether the batch begins behind the cursor because the database was put back. A device that was told no more than is
    /// on record begins there.
    fn is_gap_ours(&self) -> bool {
        let batch = self.reading.and_then(|reading| reading.batch.as_ref());
        let cursor = batch.and_then(|batch| self.cursors.get(&batch.epoch));
        let has_lost =
            |cursor: &CursorRow| cursor.acknowledged.is_some_and(|told| told.seq > cursor.head.seq);
        self.restored || cursor.is_some_and(has_lost)
    }

    /// Where a chain stands from now on; one that is not on record has not begun.
    fn claimed(&self, report: &ChainReport) -> Cursor {
        let epoch = report.epoch;
        let known = self.cursors.get(&epoch).map(|cursor| cursor.head);
        let Head { seq, hash } = known.unwrap_or_else(|| {
            let chain = self.view.usage.chains.get(&epoch);
            self.genesis(epoch, chain.map_or_else(|| Kid::from_digest(report.jkt), |chain| chain.jkt))
        });
        Cursor { epoch, seq, hash }
    }
}

/// One line for all losses of a batch: each stands in the ledger of its own.
fn of_losses(batch: &NewBatch) -> Option<Noted> {
    let (first, count) = (batch.losses.first()?, batch.losses.len());
    let numbers: u64 = batch.losses.iter().map(|loss| loss.to - loss.from + 1).sum();
    let detail = json!({
        "epoch": batch.epoch, "losses": count, "numbers": numbers, "from": first.from, "to": first.to,
        "reason": first.reason,
    });
    let quiet = match first.reason {
        LossReason::Recovered => Some(LOST),
        LossReason::Restored => None,
    };
    Some(Noted { action: "usage.lost", detail, quiet })
}

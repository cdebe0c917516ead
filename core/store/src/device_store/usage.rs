//! The journal as the agent minds it: made, migrated or mended, its usage chain that of the device and licence in force,
//! read for requests, settled by receipts, and kept within its size.

use super::{DeviceStore, UsageHealth};
use crate::journal::{Backlog, Journal, JournalFault, Known, Outbox, Reached, Shrunk, UsageError};
use crate::state::Settled;
use brink_license::clock::{BootId, Reading};
use brink_license::exchange::{ExchangeRequest, RequestBody};
use brink_license::token::{BatchVerdict, Cursor, VerifiedReceipt};
use brink_license::usage::{ChainReport, Genesis, Head, UsageSection};

/// Hosts cannot mend a journal, and record nothing until somebody does.
const MIND_SECONDS: i64 = 30;

impl DeviceStore {
    /// Looks at the journal every half minute, mends it if it is damaged or gone, makes its usage chain that of this
    /// device, and makes room in it. Says whether it did so now.
    pub fn mind_journal(&mut self, reading: &Reading) -> bool {
        let is_recent = |(boot, boottime): (BootId, i64)| {
            boot == reading.boot && reading.boottime.saturating_sub(boottime) < MIND_SECONDS
        };
        if self.journal_minded_at.is_some_and(is_recent) {
            return false;
        }
        self.journal_minded_at = Some((reading.boot, reading.boottime));
        self.health.journal = self.ensure_journal();
        self.bear_usage();
        true
    }

    /// The issuer has heard of every record, and of every loss: quotas that counted as spent since the journal was damaged
    /// count again what was recorded. To be called after an exchange was accepted that carried the journal to its end.
    pub fn quotas_settled(&mut self) -> Result<(), UsageError> {
        let Some(known) = self.known() else { return Ok(()) };
        Journal::settle_quotas(&self.layout().journal(), &known)
    }

    /// A device works without a journal: its clock is then kept by each process for itself, and nothing is recorded.
    pub(super) fn ensure_journal(&mut self) -> Option<JournalFault> {
        let known = self.known();
        let fault = Journal::ensure(self.layout(), known.as_ref())
            .unwrap_or_else(|error| Some(JournalFault::Unusable(error.to_string())));
        if let Some(fault) = &fault {
            tracing::warn!(%fault, "the journal");
        }
        fault
    }

    fn genesis(&self) -> Option<Genesis> {
        let identity = self.held.identity.as_ref()?;
        Some(Genesis::new(identity.device.clone(), identity.epoch, self.held.jkt))
    }

    fn known(&self) -> Option<Known> {
        let genesis = self.genesis()?;
        let head = self.memory.journal.filter(|(epoch, _)| *epoch == genesis.epoch).map(|(_, head)| head);
        Some(Known { genesis, settled: self.held.settled.clone(), head })
    }

    /// From here on usage is recorded for this activation, under the licence in force, behind everything that is known of
    /// it. Never fails: until it is done, hosts go on under what was before, and every opening does it again.
    pub(super) fn bear_usage(&mut self) {
        self.note_chain();
        let Some(known) = self.known() else { return };
        let reached = match self.reach(&known) {
            Err(UsageError::Damaged(problem)) if self.health.journal.is_none() => self.mend(&known, problem),
            reached => reached,
        };
        match reached {
            Ok(Reached::Known) => {}
            Ok(Reached::WasShorter) => self.was_shorter(),
            Ok(Reached::Differs) => {
                let mended = self.mend(&known, "it is an earlier copy that went on".to_owned());
                match mended {
                    Ok(Reached::Known | Reached::WasShorter) => self.was_shorter(),
                    Ok(Reached::Differs) | Err(_) => self.health.usage = UsageHealth::Differs,
                }
            }
            // Said already by whoever made sure of the journal.
            Err(UsageError::Unusable(_) | UsageError::Damaged(_)) if self.health.journal.is_some() => {}
            Err(error) => {
                tracing::warn!(code = error.code(), %error, "usage cannot be recorded for this licence");
            }
        }
        self.note_head(&known);
    }

    fn was_shorter(&mut self) {
        tracing::warn!("an earlier copy of the journal was put back: usage is lost, and said to be");
        self.health.usage = UsageHealth::WasShorter;
        // What is known from now on is what it says.
        self.memory.journal = None;
    }

    /// Where the chain stands goes into the anchor, unless that knows more.
    fn note_head(&mut self, known: &Known) {
        if self.health.usage == UsageHealth::Differs {
            return;
        }
        let Some(head) = Journal::head_of(&self.layout().journal(), &known.genesis) else { return };
        let epoch = known.genesis.epoch;
        let remembered = self.memory.journal.filter(|(of, _)| *of == epoch);
        if remembered.is_none_or(|(_, before)| before.seq <= head.seq) {
            self.memory.journal = Some((epoch, head));
        }
    }

    /// Makes the journal's chain that of this activation, and compares it with what is known of it.
    fn reach(&self, known: &Known) -> Result<Reached, UsageError> {
        let licence = self.licence().map(|licence| &licence.claims().jti);
        let directory = self.layout().journal();
        Journal::follow(&directory, known, licence)?;
        Journal::reach(&directory, known)
    }

    /// Sets the journal aside; what is whole in it goes over into the one that takes its place.
    fn mend(&mut self, known: &Known, problem: String) -> Result<Reached, UsageError> {
        let fault = Journal::set_aside(self.layout(), Some(known), JournalFault::Damaged(problem));
        let fault = fault.map_err(|error| UsageError::Unusable(error.to_string()))?;
        tracing::warn!(%fault, "the journal");
        self.health.journal = Some(fault);
        self.reach(known)
    }

    /// What is known of a chain begins with its key: a journal whose head is damaged does not tell it any more.
    fn note_chain(&mut self) {
        let Some(genesis) = self.genesis() else { return };
        if Settled::find(&self.held.settled, &genesis).is_some() {
            return;
        }
        let begun = Settled::none(&genesis);
        match self.state.begin_chain(&begun) {
            Ok(()) => Settled::put(&mut self.held.settled, begun),
            Err(error) => tracing::warn!(%error, "the state cannot be written"),
        }
    }

    /// What to say of usage in a request, with at most `records_max` records. A journal that turns out to be damaged is
    /// mended on the way.
    pub fn outbox(&mut self, records_max: usize) -> Result<Outbox, UsageError> {
        let known = self.known().ok_or(UsageError::NotActivated)?;
        let (directory, of) = (self.layout().journal(), (&known.genesis.device, &known.settled[..]));
        let read = || Journal::outbox(&directory, of, records_max);
        match read() {
            Err(UsageError::Damaged(problem)) => {
                if let Err(error) = self.mend(&known, problem) {
                    tracing::warn!(code = error.code(), %error, "the journal cannot be mended");
                }
                read()
            }
            read => read,
        }
    }

    /// How much is not settled, counted up to `count_max` records.
    pub fn backlog(&self, count_max: u64) -> Result<Backlog, UsageError> {
        let identity = self.held.identity.as_ref().ok_or(UsageError::NotActivated)?;
        let of = (&identity.device, &self.held.settled[..]);
        Journal::backlog(&self.layout().journal(), of, count_max)
    }

    /// Makes room in the journal: what was settled long ago leaves, and what is not becomes sums when it grows too large.
    pub fn shrink_journal(&mut self, now_ms: i64) -> Result<Shrunk, UsageError> {
        let known = self.known().ok_or(UsageError::NotActivated)?;
        let directory = self.layout().journal();
        match Journal::shrink(&directory, &known, now_ms) {
            Err(UsageError::Damaged(problem)) => {
                self.mend(&known, problem)?;
                Journal::shrink(&directory, &known, now_ms)
            }
            shrunk => shrunk,
        }
    }

    /// Sets how many bytes the journal may have.
    pub fn limit_journal(&mut self, bytes_max: u64) -> Result<(), UsageError> {
        Journal::limit(&self.layout().journal(), bytes_max)
    }

    /// How far the answer to the pending request settles its chains.
    pub(super) fn settled_by(&self, receipt: Option<&VerifiedReceipt>) -> Vec<Settled> {
        let usage = receipt.and_then(|receipt| receipt.claims().usage.as_ref());
        let sent = self.held.pending.as_ref().and_then(|pending| reported(&pending.bytes));
        let device = self.held.identity.as_ref().map(|identity| &identity.device);
        let (Some(usage), Some(UsageSection { sent, chains, batch }), Some(device)) = (usage, sent, device)
        else {
            return Vec::new();
        };
        let batch = batch.map(|batch| batch.epoch);
        let pairs = chains.iter().zip(&usage.cursors).filter(|(chain, cursor)| chain.epoch == cursor.epoch);
        let settled = |(chain, cursor): (&ChainReport, &Cursor)| {
            let cursor = Head { seq: cursor.seq, hash: cursor.hash };
            let genesis = Genesis { device: device.clone(), epoch: chain.epoch, jkt: chain.jkt };
            let known = Settled::find(&self.held.settled, &genesis).copied();
            let known = known.unwrap_or_else(|| Settled { cursor, ..Settled::none(&genesis) });
            // Nobody remembers having sent that: an earlier copy of the state was put back. It was before this request.
            let known = if cursor.seq > known.sent { known.with_sent(cursor, sent) } else { known };
            // What is acknowledged again was put right: an issuer whose database was put back has forgotten the fork.
            let goes_on = cursor.seq > known.cursor.seq;
            let is_stuck = match usage.batch {
                BatchVerdict::Fork | BatchVerdict::Bad => true,
                // Told to begin where it began.
                BatchVerdict::Gap => cursor.seq == known.cursor.seq,
                BatchVerdict::None | BatchVerdict::Taken => false,
            };
            let is_stuck = is_stuck && batch == Some(chain.epoch);
            // Requests of before this one are refused from now on: their numbers are too low.
            Settled { stuck: is_stuck || (known.stuck && !goes_on), ..known }.with_cursor(cursor)
        };
        pairs.map(settled).collect()
    }
}

/// What a request of ours says of usage.
fn reported(request: &[u8]) -> Option<UsageSection> {
    let request = ExchangeRequest::decode(request).ok()?;
    let body = RequestBody::decode(&request.body).ok()?;
    UsageSection::read(&body.sections).ok()?
}

//! Recording: whoever comes first commits for everybody who waits by then, and the next of them for the next group.

use super::super::{Journal, JournalFault};
use super::error::UsageError;
use super::group::{self, Act, Outcome, QuotaStanding, Recorded, Request};
use super::terms::Terms;
use crate::sharing::held;
use brink_license::usage::Quantity;
use brink_license::{ResourceId, Slug};
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Most events of one commit: a transaction of 256 rows takes little longer than its one fsync.
const GROUP_MAX: usize = 256;

/// Where whoever waits finds what came of it.
type Ticket = Arc<Mutex<Option<Outcome>>>;

#[derive(Debug, Default)]
struct Queue {
    waiting: Vec<(Request, Ticket)>,
    /// Somebody is committing.
    is_led: bool,
}

/// Asks what is in force: once for each group.
type Ask = Box<dyn Fn() -> Terms + Send + Sync>;

/// Records usage for one process; its threads share one. Opens the journal at the first use, and again after a failure:
/// what a failed fsync left in memory is not believed.
pub(crate) struct UsageWriter {
    directory: PathBuf,
    ask: Ask,
    queue: Mutex<Queue>,
    turned: Condvar,
    journal: Mutex<Option<Journal>>,
    /// The process that the journal belongs to.
    process: u32,
}

impl Drop for UsageWriter {
    /// SQLite's connection must not be closed by a fork of the process that opened it.
    fn drop(&mut self) {
        if self.process != std::process::id()
            && let Ok(journal) = self.journal.get_mut()
        {
            std::mem::forget(journal.take());
        }
    }
}

impl fmt::Debug for UsageWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UsageWriter").field("directory", &self.directory).finish_non_exhaustive()
    }
}

impl UsageWriter {
    /// A writer for a device whose journal is in `directory`. `ask` says what is in force.
    pub(crate) fn under(directory: PathBuf, ask: impl Fn() -> Terms + Send + Sync + 'static) -> Self {
        let (queue, turned, journal) = (Mutex::default(), Condvar::new(), Mutex::new(None));
        Self { directory, ask: Box::new(ask), queue, turned, journal, process: std::process::id() }
    }

    /// Records a use, if its quota allows it. It is durable when this returns.
    pub(crate) fn record(
        &self,
        meter: &Slug,
        resource: Option<&ResourceId>,
        quantity: Quantity,
    ) -> Result<Recorded, UsageError> {
        let (meter, resource) = (meter.clone(), resource.cloned());
        self.carry_out(Request { meter, resource, act: Act::Use(quantity) })?.recorded()
    }

    /// Does what is asked. It is durable when this returns.
    pub(crate) fn carry_out(&self, request: Request) -> Outcome {
        let ticket = Ticket::default();
        let mut queue = held(&self.queue);
        queue.waiting.push((request, Arc::clone(&ticket)));
        self.wait(queue, &ticket);
        taken(&ticket)
    }

    /// The same for many at once; to each what came of it.
    pub(crate) fn carry_out_all(&self, requests: Vec<Request>) -> Vec<Outcome> {
        let tickets: Vec<Ticket> = requests.iter().map(|_| Ticket::default()).collect();
        let Some(last) = tickets.last().cloned() else { return Vec::new() };
        let mut queue = held(&self.queue);
        queue.waiting.extend(requests.into_iter().zip(tickets.iter().cloned()));
        // They are taken in their order.
        self.wait(queue, &last);
        tickets.iter().map(taken).collect()
    }

    /// Waits until a ticket has its outcome, and leads where nobody does.
    fn wait<'a>(&'a self, mut queue: MutexGuard<'a, Queue>, ticket: &Ticket) {
        while held(ticket).is_none() {
            if queue.is_led {
                queue = self.turned.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            queue.is_led = true;
            let upto = queue.waiting.len().min(GROUP_MAX);
            let group: Vec<(Request, Ticket)> = queue.waiting.drain(..upto).collect();
            drop(queue);
            self.commit(&group);
            queue = held(&self.queue);
            queue.is_led = false;
            self.turned.notify_all();
        }
    }

    /// How many wait for the next group.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        held(&self.queue).waiting.len()
    }

    /// One transaction for the group, and each its outcome.
    fn commit(&self, group: &[(Request, Ticket)]) {
        let requests: Vec<&Request> = group.iter().map(|(request, _)| request).collect();
        let committed =
            self.with_journal(|journal| group::commit(journal, &self.directory, &requests, (self.ask)()));
        for (at, (_, ticket)) in group.iter().enumerate() {
            let outcome = match &committed {
                Ok(outcomes) => outcomes.get(at).cloned().unwrap_or(Err(UsageError::NotActivated)),
                Err(error) => Err(error.clone()),
            };
            *held(ticket) = Some(outcome);
        }
    }

    /// How the quotas of these meters stand, all at one moment; nothing of a meter that the licence does not limit.
    pub(crate) fn quotas(&self, meters: &[Slug]) -> Result<Vec<QuotaStanding>, UsageError> {
        self.with_journal(|journal| {
            let look = journal.conn.unchecked_transaction().map_err(JournalFault::from)?;
            group::look(&look, meters, (self.ask)())
        })
    }

    /// With the journal that has its name now, opened anew after any failure.
    fn with_journal<T>(&self, work: impl Fn(&Journal) -> Result<T, UsageError>) -> Result<T, UsageError> {
        let mut kept = held(&self.journal);
        let done = match self.with(&mut kept, &work) {
            // Its place was taken between two looks.
            Err(UsageError::SetAside) => {
                *kept = None;
                self.with(&mut kept, &work)
            }
            done => done,
        };
        if done.is_err() {
            *kept = None;
        }
        done
    }

    fn with<T>(
        &self,
        kept: &mut Option<Journal>,
        work: &impl Fn(&Journal) -> Result<T, UsageError>,
    ) -> Result<T, UsageError> {
        let journal = match kept.take().filter(|journal| journal.is_current(&self.directory)) {
            Some(journal) => journal,
            None => super::open(&self.directory)?,
        };
        work(kept.insert(journal))
    }
}

fn taken(ticket: &Ticket) -> Outcome {
    held(ticket).take().unwrap_or(Err(UsageError::NotActivated))
}

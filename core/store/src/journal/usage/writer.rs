//! Recording: whoever comes first commits for everybody who waits by then, and the next of them for the next group.

use super::super::{Journal, JournalFault};
use super::append::{Appender, begin};
use super::rows;
use brink_license::usage::{Quantity, QuantityError, Usage};
use brink_license::{ResourceId, Slug};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Most events of one commit: a transaction of 256 rows takes little longer than its one fsync.
const GROUP_MAX: usize = 256;

/// Why a use was not recorded. Nothing of it was kept, or it was kept whole where a commit was torn by a kill.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UsageError {
    /// No chain was begun, or there is no journal at all.
    #[error("this device was not activated: nobody can be charged. Run brink-edge activate")]
    NotActivated,
    /// The agent of this version has not run yet.
    #[error(
        "the journal has version {version}, and its agent has not brought it to {wanted} yet: start the agent"
    )]
    NotYet {
        /// Found.
        version: i64,
        /// Needed.
        wanted: i64,
    },
    /// Others wrote for too long.
    #[error("other processes kept the journal for 5 seconds: record it again")]
    Busy,
    /// The meter's total would be above what a quantity can be.
    #[error("{meter}: {problem}")]
    Quantity {
        /// Which meter.
        meter: Slug,
        /// Why not.
        problem: QuantityError,
    },
    /// The file cannot be used: a full disk, another user's, or none.
    #[error("cannot use the journal: {0}")]
    Unusable(String),
    /// What it says cannot be.
    #[error("the journal is damaged ({0}): the agent sets it aside and goes on")]
    Damaged(String),
    /// The agent put another file in its place; the next attempt takes that.
    #[error("the journal was set aside: record it again")]
    SetAside,
    /// The machine does not tell its boot.
    #[error("cannot read this machine's clocks: {0}")]
    Clock(String),
}

impl UsageError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            UsageError::NotActivated => "NOT_ACTIVATED",
            UsageError::NotYet { .. } => "JOURNAL_NOT_YET",
            UsageError::Busy => "JOURNAL_BUSY",
            UsageError::Quantity { problem, .. } => problem.code().as_str(),
            UsageError::Unusable(_) => "JOURNAL_UNUSABLE",
            UsageError::Damaged(_) => "JOURNAL_DAMAGED",
            UsageError::SetAside => "JOURNAL_SET_ASIDE",
            UsageError::Clock(_) => "CLOCK_UNREADABLE",
        }
    }
}

impl From<JournalFault> for UsageError {
    fn from(fault: JournalFault) -> Self {
        match fault {
            JournalFault::Unusable(problem) => UsageError::Unusable(problem),
            JournalFault::Damaged(problem) => UsageError::Damaged(problem),
            JournalFault::NotYet { version, wanted } => UsageError::NotYet { version, wanted },
        }
    }
}

/// Where a use went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The number of its record.
    pub seq: u64,
    /// What its meter has come to with that record.
    pub total: Quantity,
}

type Outcome = Result<Recorded, UsageError>;

/// A use, and where whoever waits for it finds what came of it.
#[derive(Debug)]
struct Waiting {
    meter: Slug,
    resource: Option<ResourceId>,
    quantity: Quantity,
    outcome: Arc<Mutex<Option<Outcome>>>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Vec<Waiting>,
    /// Somebody is committing.
    is_led: bool,
}

/// Records usage for one process; its threads share one. Opens the journal at the first use, and again after a failure:
/// what a failed fsync left in memory is not believed.
#[derive(Debug)]
pub struct UsageWriter {
    directory: PathBuf,
    queue: Mutex<Queue>,
    turned: Condvar,
    journal: Mutex<Option<Journal>>,
}

impl UsageWriter {
    /// A writer for a device whose journal is in `directory`.
    #[must_use]
    pub fn new(directory: PathBuf) -> Self {
        Self { directory, queue: Mutex::default(), turned: Condvar::new(), journal: Mutex::new(None) }
    }

    /// Records a use. It is durable when this returns.
    pub fn record(&self, meter: &Slug, resource: Option<&ResourceId>, quantity: Quantity) -> Outcome {
        let outcome = Arc::new(Mutex::new(None));
        let mut queue = held(&self.queue);
        queue.waiting.push(Waiting {
            meter: meter.clone(),
            resource: resource.cloned(),
            quantity,
            outcome: Arc::clone(&outcome),
        });
        loop {
            if let Some(outcome) = held(&outcome).take() {
                return outcome;
            }
            if queue.is_led {
                queue = self.turned.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            queue.is_led = true;
            let upto = queue.waiting.len().min(GROUP_MAX);
            let group: Vec<Waiting> = queue.waiting.drain(..upto).collect();
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
    fn commit(&self, group: &[Waiting]) {
        let lines = coalesced(group);
        let mut kept = held(&self.journal);
        let committed = match kept_in_one(&mut kept, &self.directory, &lines) {
            // Its place was taken between two looks.
            Err(UsageError::SetAside) => {
                *kept = None;
                kept_in_one(&mut kept, &self.directory, &lines)
            }
            committed => committed,
        };
        if committed.is_err() {
            *kept = None;
        }
        for (at, line) in lines.iter().enumerate() {
            let outcome = match &committed {
                Ok(outcomes) => outcomes.get(at).cloned().unwrap_or(Err(UsageError::NotActivated)),
                Err(error) => Err(error.clone()),
            };
            for waiting in &line.of {
                *held(&waiting.outcome) = Some(outcome.clone());
            }
        }
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What becomes one record, and for whom.
struct Line<'g> {
    usage: Usage,
    of: Vec<&'g Waiting>,
}

/// Equal meters and resources are added up, in the order in which they came first; a sum that would overflow begins
/// another record.
fn coalesced(group: &[Waiting]) -> Vec<Line<'_>> {
    let mut lines: Vec<Line<'_>> = Vec::new();
    for waiting in group {
        let same = lines
            .iter_mut()
            .rev()
            .find(|line| line.usage.meter == waiting.meter && line.usage.resource == waiting.resource);
        if let Some(line) = same
            && let Ok(sum) = line.usage.quantity.plus(waiting.quantity)
        {
            line.usage.quantity = sum;
            line.usage.count = line.usage.count.saturating_add(1);
            line.of.push(waiting);
            continue;
        }
        let (meter, resource, quantity) = (waiting.meter.clone(), waiting.resource.clone(), waiting.quantity);
        let usage = Usage { meter, resource, quantity, count: 1, total: Quantity::ZERO };
        lines.push(Line { usage, of: vec![waiting] });
    }
    lines
}

fn kept_in_one(
    kept: &mut Option<Journal>,
    directory: &Path,
    lines: &[Line<'_>],
) -> Result<Vec<Outcome>, UsageError> {
    let journal = match kept.take().filter(|journal| journal.is_current(directory)) {
        Some(journal) => journal,
        None => super::open(directory)?,
    };
    let journal = kept.insert(journal);
    let transaction = begin(journal, directory)?;
    let (chain, tip) = rows::tip(&transaction)?.ok_or(UsageError::NotActivated)?;
    let mut appender = Appender::new(&transaction, chain, tip)?;
    let mut outcomes = Vec::with_capacity(lines.len());
    for line in lines {
        let recorded = appender.usage(line.usage.clone())?;
        outcomes.push(match recorded {
            Ok((seq, usage)) => Ok(Recorded { seq, total: usage.total }),
            Err(problem) => Err(UsageError::Quantity { meter: line.usage.meter.clone(), problem }),
        });
    }
    appender.finish()?;
    transaction.commit().map_err(JournalFault::from)?;
    Ok(outcomes)
}

//! The meter: how a host records what it uses.
//!
//! A meter belongs to a [`Gate`](crate::Gate) and goes by the licence that the gate has verified: quotas are never read
//! from the journal, which every host may write. `record` is exact and durable; `record_nowait` counts from memory, out of
//! a part of the quota that was set aside before, and a thread of the meter's own writes; `reserve` holds room for work
//! whose size is known afterwards.
//!
//! `in_force` asks the gate, `block` is what was set aside, `ring` what waits, `flush` the thread, `reservation` room.

mod block;
mod flush;
mod in_force;
mod reservation;
mod ring;

pub use reservation::Reservation;

use crate::gate::GateRef;
use crate::journal::{Act, Came, Recorded, Request, UsageError, UsageWriter};
use crate::sharing::{Tags, held};
use crate::ticker::Ticker;
use arc_swap::ArcSwap;
use block::{Block, Untaken};
use brink_license::clock::State;
use brink_license::token::Over;
use brink_license::usage::{Allowance, DenialReason, Quantity, Spent};
use brink_license::{Code, ResourceId, Slug, UnixSeconds};
use flush::{TURN, turns};
use in_force::InForce;
use ring::Ring;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// Most lines that a meter keeps: above any site, and a bound for a host that makes them without end.
pub const LINES_MAX: usize = 1 << 16;
/// What tells the lines of one meter from another's.
static TAGS: Tags = Tags::new();

/// What is counted, and by whom: looked up once, for [`Meter::record_nowait`]. A plain value of one meter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MeterLine {
    /// The meter that gave it out.
    pub tag: u32,
    /// Its number there.
    pub index: u32,
}

/// A use to be recorded: of which meter, by whom, and how much.
pub type Use = (Slug, Option<ResourceId>, Quantity);

/// How a quota stands now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotaUse {
    /// Of what.
    pub meter: Slug,
    /// How much in the span.
    pub limit: Quantity,
    /// Recorded in the span.
    pub used: Quantity,
    /// Set aside for what is recorded later, by all processes.
    pub aside: Quantity,
    /// What may still be used or set aside.
    pub remaining: Quantity,
    /// What happens beyond the limit.
    pub over: Over,
    /// When the count begins again; `None` where only a licence begins it.
    pub resets_at: Option<UnixSeconds>,
    /// Which span, in words.
    pub span: String,
    /// Records may be lost: a firm quota counts as spent until the next exchange.
    pub in_doubt: bool,
    /// The state of a licence that is not in force: nothing of a firm quota may be used.
    pub closed: Option<State>,
}

/// One line as the meter keeps it.
#[derive(Debug)]
struct Line {
    meter: Slug,
    resource: Option<ResourceId>,
    block: Arc<Block>,
}

/// What the meter, its thread and its reservations share.
#[derive(Debug)]
struct Shared {
    gate: GateRef,
    tag: u32,
    /// The process that opened it.
    process: u32,
    /// How often that process was known to be a fork then.
    forks: u32,
    in_force: Arc<InForce>,
    writer: UsageWriter,
    ring: Ring,
    lines: ArcSwap<Vec<Arc<Line>>>,
    /// Held by whoever flushes.
    books: Mutex<flush::Books>,
    is_closed: AtomicBool,
}

/// Records usage under the quotas of the licence that a gate holds. Share it between threads; close it, or drop it, to
/// flush.
#[derive(Debug)]
pub struct Meter {
    shared: Arc<Shared>,
    flusher: Mutex<Option<Ticker>>,
}

impl Meter {
    /// Opens the meter of a gate, in the journal beside its bundle. Nothing is opened on the disk before the first use.
    pub fn open(gate: GateRef) -> Result<Self, UsageError> {
        gate.check_open().map_err(of_gate)?;
        let journal = gate.journal().ok_or(UsageError::Closed)?;
        let in_force = Arc::new(InForce::of(gate));
        let asked = Arc::clone(&in_force);
        let shared = Shared {
            gate,
            tag: TAGS.next(),
            process: std::process::id(),
            forks: crate::gate::forks(),
            writer: UsageWriter::under(journal, move || asked.terms()),
            in_force,
            ring: Ring::new(),
            lines: ArcSwap::default(),
            books: Mutex::default(),
            is_closed: AtomicBool::new(false),
        };
        Ok(Self { shared: Arc::new(shared), flusher: Mutex::new(None) })
    }

    /// Names this meter in its lines.
    #[must_use]
    pub fn tag(&self) -> u32 {
        self.shared.tag
    }

    /// Records a use, if its quota allows it. It is durable when this returns; what is refused leaves no trace.
    pub fn record(
        &self,
        meter: &Slug,
        resource: Option<&ResourceId>,
        quantity: Quantity,
    ) -> Result<Recorded, UsageError> {
        self.shared.check()?;
        match self.shared.writer.record(meter, resource, quantity) {
            Err(UsageError::Denied(denial)) if denial.why == DenialReason::Spent => {
                // What this process has set aside for the same meter is its own.
                let from_block = self.shared.record_from_block(meter, resource, quantity);
                from_block.unwrap_or(Err(UsageError::Denied(denial)))
            }
            recorded => recorded,
        }
    }

    /// The same for many at once, in as few commits as there are groups of them: to each, in their order, what came of it.
    pub fn record_all(&self, uses: Vec<Use>) -> Result<Vec<Result<Recorded, UsageError>>, UsageError> {
        self.shared.check()?;
        let asked = |(meter, resource, quantity)| Request { meter, resource, act: Act::Use(quantity) };
        let came = self.shared.writer.carry_out_all(uses.into_iter().map(asked).collect());
        Ok(came.into_iter().map(|outcome| outcome.and_then(Came::recorded)).collect())
    }

    /// What is counted, and by whom, for [`Meter::record_nowait`]. Sets a part of a firm quota aside, and starts the
    /// meter's thread with the first line.
    pub fn line(&self, meter: &Slug, resource: Option<&ResourceId>) -> Result<MeterLine, UsageError> {
        self.shared.check()?;
        let index = self.shared.line(meter, resource)?;
        let mut flusher = held(&self.flusher);
        if flusher.is_none() && !self.shared.is_closed.load(Ordering::Acquire) {
            let started = Ticker::start("brink-meter", TURN, turns(Arc::clone(&self.shared)));
            let failed = |error| UsageError::Unusable(format!("no thread can be started: {error}"));
            *flusher = Some(started.map_err(failed)?);
        }
        Ok(MeterLine { tag: self.shared.tag, index })
    }

    /// Counts a use from memory and returns at once: it is durable within 50 ms, and lost with a process that is killed
    /// before. No lock, no system call, and after a thread's first use no allocation. A firm quota is never exceeded: where
    /// nothing is set aside any more, or the queue is full, the use is refused by name and can be recorded with
    /// [`Meter::record`].
    #[inline]
    pub fn record_nowait(&self, line: MeterLine, quantity: Quantity) -> Result<(), UsageError> {
        let shared = &*self.shared;
        shared.check_quickly()?;
        let lines = shared.lines.load();
        let found = lines.get(line.index as usize).filter(|_| line.tag == shared.tag);
        let Some(found) = found else { return Err(UsageError::BadLine) };
        let _entering = found.block.enter();
        match found.block.take(quantity) {
            Ok(()) => {}
            Err(untaken) => return Err(refused(untaken)),
        }
        if shared.ring.push(line.index, quantity) {
            return Ok(());
        }
        found.block.put_back(quantity);
        Err(UsageError::QueueFull)
    }

    /// Holds room for work whose size is known afterwards, at most `max`. Durable: whoever is killed with it, or drops it,
    /// wastes it until the span ends.
    pub fn reserve(
        &self,
        meter: &Slug,
        resource: Option<&ResourceId>,
        max: Quantity,
    ) -> Result<Reservation, UsageError> {
        self.shared.check()?;
        let of = (meter.clone(), resource.cloned());
        let (meter, resource) = of.clone();
        match self.shared.writer.carry_out(Request { meter, resource, act: Act::SetAside(max) })? {
            Came::Aside(aside) => Ok(Reservation::new(&self.shared, of, aside)),
            // Room becomes nothing else.
            Came::Recorded(_) | Came::GivenBack => Err(UsageError::NotActivated),
        }
    }

    /// How the quota of a meter stands; `None` for one that the licence does not limit.
    pub fn quota(&self, meter: &Slug) -> Result<Option<QuotaUse>, UsageError> {
        self.shared.check()?;
        let found = self.shared.writer.quotas(std::slice::from_ref(meter))?;
        Ok(found.into_iter().next().map(QuotaUse::of))
    }

    /// How every quota of the licence in force stands.
    pub fn quotas(&self) -> Result<Vec<QuotaUse>, UsageError> {
        self.shared.check()?;
        let terms = self.shared.in_force.terms();
        let meters: Vec<Slug> = terms.quotas.iter().flat_map(|quotas| quotas.meters().cloned()).collect();
        Ok(self.shared.writer.quotas(&meters)?.into_iter().map(QuotaUse::of).collect())
    }

    /// Writes what was counted from memory, now, and sets more aside where that is wanted. After a failure what was counted
    /// waits for the next attempt.
    pub fn flush(&self) -> Result<(), UsageError> {
        self.shared.check()?;
        self.shared.turn()
    }

    /// Writes what was counted, gives back what was set aside, and ends the thread. Counting is refused from here on.
    pub fn close(&self) -> Result<(), UsageError> {
        if self.shared.is_foreign() {
            return Err(UsageError::NeedsReopen);
        }
        self.shared.is_closed.store(true, Ordering::Release);
        drop(held(&self.flusher).take());
        self.shared.flush_for_good()
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        if self.shared.is_foreign() {
            // The thread is in the process that this one was forked from, and so may be whoever holds its locks.
            if let Ok(flusher) = self.flusher.get_mut() {
                std::mem::forget(flusher.take());
            }
            return;
        }
        if let Err(error) = self.close() {
            tracing::warn!(code = error.code(), %error, "usage that was counted could not be recorded");
        }
    }
}

impl Shared {
    fn is_foreign(&self) -> bool {
        self.process != std::process::id()
    }

    /// Says by name why nothing can be recorded.
    fn check(&self) -> Result<(), UsageError> {
        if self.is_foreign() {
            return Err(UsageError::NeedsReopen);
        }
        self.gate.check_open().map_err(of_gate)?;
        if self.is_closed.load(Ordering::Acquire) { Err(UsageError::Closed) } else { Ok(()) }
    }

    /// The same by loads alone. A fork that nobody announced is noticed when the gate's time stands still.
    #[inline]
    fn check_quickly(&self) -> Result<(), UsageError> {
        let same = self.forks == crate::gate::forks() && !self.is_closed.load(Ordering::Acquire);
        if same && self.gate.now().is_some() {
            Ok(())
        } else {
            self.check().and(Err(UsageError::NeedsReopen))
        }
    }

    /// The index of a line, with its block ready.
    fn line(&self, meter: &Slug, resource: Option<&ResourceId>) -> Result<u32, UsageError> {
        let mut books = held(&self.books);
        let lines = self.lines.load_full();
        let is_same = |line: &Arc<Line>| line.meter == *meter && line.resource.as_ref() == resource;
        if let Some(index) = lines.iter().position(is_same) {
            return Ok(u32::try_from(index).unwrap_or(u32::MAX));
        }
        if lines.len() >= LINES_MAX {
            return Err(UsageError::TooManyLines);
        }
        let block = books.block(meter);
        if !lines.iter().any(|line| line.meter == *meter) {
            // Nothing is counted that nobody can be charged for.
            self.writer.quotas(std::slice::from_ref(meter))?;
            self.tend(&mut books)?;
        }
        let line = Line { meter: meter.clone(), resource: resource.cloned(), block };
        let mut longer = lines.to_vec();
        longer.push(Arc::new(line));
        let index = u32::try_from(longer.len() - 1).unwrap_or(u32::MAX);
        self.lines.store(Arc::new(longer));
        Ok(index)
    }
}

impl QuotaUse {
    fn of((allowance, spent, in_doubt): (Allowance, Spent, bool)) -> Self {
        let closed = allowance.closed.filter(|_| allowance.is_firm());
        let none = allowance.is_firm() && (in_doubt || closed.is_some());
        let remaining = if none { Quantity::ZERO } else { allowance.remaining(&spent) };
        let Allowance { meter, limit, over, span, .. } = allowance;
        let (used, aside, resets_at, span) = (spent.used, spent.aside, span.resets_at, span.key.to_string());
        Self { meter, limit, used, aside, remaining, over, resets_at, span, in_doubt, closed }
    }
}

fn refused(untaken: Untaken) -> UsageError {
    match untaken {
        Untaken::Soon => UsageError::NotSetAside,
        Untaken::Denied(denial) => UsageError::Denied(denial),
    }
}

/// What a gate that cannot be asked means for its meter.
fn of_gate(code: Code) -> UsageError {
    if code == Code::NeedsReopen { UsageError::NeedsReopen } else { UsageError::Closed }
}

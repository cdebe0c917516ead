//! The meter's thread: writes what was counted, and sets more aside before it is wanted.

use super::block::{self, Block, Held};
use super::ring::RING_PLACES;
use super::{Line, Shared};
use crate::journal::{Act, Aside, Came, Recorded, Request, UsageError, held};
use brink_license::Slug;
use brink_license::usage::{Allowance, Quantity, SpanKey};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// What is counted is durable within 50 ms: it waits for at most one turn, and then for one commit.
const TURN: Duration = Duration::from_millis(25);
/// Turns that a meter rests after it was denied more: whoever gives some back is found within a second.
const REST_TURNS: u32 = 40;
/// Looks for uses on their way into the queue before a block is closed for another turn.
const QUIET_LOOKS: usize = 1000;

/// What the flusher keeps: blocks, and what could not be written yet.
#[derive(Debug, Default)]
pub(super) struct Books {
    blocks: Vec<(Arc<Block>, Held)>,
    unwritten: Vec<Unwritten>,
}

/// Uses of one line that become one record.
#[derive(Debug)]
struct Unwritten {
    line: Arc<Line>,
    quantity: Quantity,
    count: u32,
    /// What they were taken from.
    aside: Option<Aside>,
}

impl Books {
    /// The block of a meter, made where there is none.
    pub(super) fn block(&mut self, meter: &Slug) -> Arc<Block> {
        if let Some((block, _)) = self.blocks.iter().find(|(block, _)| block.meter == *meter) {
            return Arc::clone(block);
        }
        let block = Arc::new(Block::new(meter.clone()));
        self.blocks.push((Arc::clone(&block), Held::default()));
        block
    }

    fn held_of(&mut self, meter: &Slug) -> Option<&mut Held> {
        self.blocks.iter_mut().find(|(block, _)| block.meter == *meter).map(|(_, held)| held)
    }

    /// Adds a use that came out of the queue to what has to be written.
    fn note(&mut self, line: &Arc<Line>, quantity: Quantity) {
        let span =
            self.held_of(&line.meter).and_then(|held| held.aside.as_ref()).map(|aside| aside.span.clone());
        let key = span.as_ref().map(|span| span.key.clone());
        let of_span = |of: &Unwritten| of.aside.as_ref().map(|aside| aside.span.key.clone()) == key;
        let same = self.unwritten.iter_mut().find(|of| Arc::ptr_eq(&of.line, line) && of_span(of));
        if let Some(same) = same
            && let Ok(sum) = same.quantity.plus(quantity)
        {
            same.quantity = sum;
            same.count = same.count.saturating_add(1);
            if let Some(aside) = &mut same.aside {
                aside.amount = sum;
            }
            return;
        }
        let aside = span.map(|span| Aside { span, amount: quantity });
        self.unwritten.push(Unwritten { line: Arc::clone(line), quantity, count: 1, aside });
    }

    /// What was taken from a block is recorded.
    fn recorded(&mut self, meter: &Slug, aside: Option<&Aside>) {
        let Some(recorded) = aside else { return };
        if let Some(aside) = self.held_of(meter).and_then(|held| held.aside.as_mut())
            && aside.span.key == recorded.span.key
        {
            aside.amount = aside.amount.less(recorded.amount);
        }
    }
}

impl Shared {
    /// Writes what waits, and makes ready for what comes: a turn of the thread, or of somebody who cannot wait for it.
    pub(super) fn turn(&self) -> Result<(), UsageError> {
        let mut books = held(&self.books);
        self.write_queue(&mut books)?;
        self.tend(&mut books)
    }

    /// The last turn: everything is written, and nothing is kept from others.
    pub(super) fn flush_for_good(&self) -> Result<(), UsageError> {
        let mut books = held(&self.books);
        let blocks: Vec<Arc<Block>> = books.blocks.iter().map(|(block, _)| Arc::clone(block)).collect();
        let mut left: Vec<(Arc<Block>, Quantity)> = Vec::new();
        for block in blocks {
            let amount = block.close();
            // Whoever is on the way has a few instructions left, and nobody sets out any more.
            while !self.is_soon_quiet(&block) {}
            left.push((block, amount));
        }
        self.write_queue(&mut books)?;
        for (block, amount) in left {
            self.give_back(&mut books, &block.meter, amount)?;
        }
        Ok(())
    }

    fn is_soon_quiet(&self, block: &Block) -> bool {
        (0..QUIET_LOOKS).any(|_| {
            let quiet = block.is_quiet();
            if !quiet {
                std::thread::yield_now();
            }
            quiet
        })
    }

    /// Takes everything out of the queue and writes it. What cannot be written is kept, and while there is any the queue
    /// is left alone: it fills up, and those who count are told.
    fn write_queue(&self, books: &mut Books) -> Result<(), UsageError> {
        loop {
            if books.unwritten.is_empty() {
                let lines = self.lines.load_full();
                let next = || self.ring.pop();
                for (line, quantity) in std::iter::from_fn(next).take(RING_PLACES) {
                    if let Some(line) = lines.get(line as usize) {
                        books.note(line, quantity);
                    }
                }
            }
            if books.unwritten.is_empty() {
                return Ok(());
            }
            self.write(books)?;
        }
    }

    fn write(&self, books: &mut Books) -> Result<(), UsageError> {
        let unwritten = std::mem::take(&mut books.unwritten);
        let request = |of: &Unwritten| Request {
            meter: of.line.meter.clone(),
            resource: of.line.resource.clone(),
            act: Act::Done { quantity: of.quantity, count: of.count, aside: of.aside.clone() },
        };
        let outcomes = self.writer.carry_out_all(unwritten.iter().map(request).collect());
        let mut failure = None;
        for (of, outcome) in unwritten.into_iter().zip(outcomes) {
            match outcome {
                Ok(_) => books.recorded(&of.line.meter, of.aside.as_ref()),
                Err(error @ UsageError::Quantity { .. }) => {
                    // It never fits, and must not keep the rest waiting.
                    tracing::error!(code = error.code(), %error, count = of.count, "usage cannot be recorded");
                }
                Err(error) => {
                    failure = Some(error);
                    books.unwritten.push(of);
                }
            }
        }
        failure.map_or(Ok(()), Err)
    }

    /// Makes every block what the licence in force says now.
    pub(super) fn tend(&self, books: &mut Books) -> Result<(), UsageError> {
        let terms = self.in_force.terms();
        for at in 0..books.blocks.len() {
            let Some((block, _)) = books.blocks.get(at) else { continue };
            let block = Arc::clone(block);
            let quotas = terms.quotas.as_ref();
            let allowance = quotas.and_then(|quotas| quotas.allowance(&block.meter, terms.state, terms.now));
            match allowance.filter(Allowance::is_firm) {
                None => {
                    if block.is_firm() && self.retire(books, &block, None)? {
                        block.open();
                    }
                }
                Some(allowance) => {
                    let key = &allowance.span.key;
                    if self.retire(books, &block, Some(key).filter(|_| allowance.closed.is_none()))? {
                        self.refill(books, &block, &allowance)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Closes a block that is of another span than `wanted`, once all that was taken from it is written. Says whether
    /// what is there now is what is wanted.
    fn retire(&self, books: &mut Books, block: &Block, wanted: Option<&SpanKey>) -> Result<bool, UsageError> {
        let held = books.held_of(&block.meter).and_then(|held| held.aside.as_ref());
        if block.is_firm() && held.is_some_and(|aside| Some(&aside.span.key) == wanted) {
            return Ok(true);
        }
        let left = block.close();
        if !self.is_soon_quiet(block) {
            block.add(left);
            return Ok(false);
        }
        // What found no place in the queue meanwhile was put back into the closed block.
        let left = left.plus(block.close()).unwrap_or(Quantity::MAX);
        self.write_queue(books)?;
        self.give_back(books, &block.meter, left)?;
        Ok(true)
    }

    /// What was set aside and will not be used is free for others.
    fn give_back(&self, books: &mut Books, meter: &Slug, left: Quantity) -> Result<(), UsageError> {
        let Some(held) = books.held_of(meter) else { return Ok(()) };
        held.resting = 0;
        let Some(aside) = held.aside.take() else { return Ok(()) };
        if left == Quantity::ZERO {
            return Ok(());
        }
        let act = Act::GiveBack(Aside { span: aside.span, amount: left });
        self.writer.carry_out(Request { meter: meter.clone(), resource: None, act }).map(drop)
    }

    /// Sets more aside when half of a block is gone.
    fn refill(&self, books: &mut Books, block: &Block, allowance: &Allowance) -> Result<(), UsageError> {
        let size = block::size_of(allowance.limit);
        let Some(held) = books.held_of(&block.meter) else { return Ok(()) };
        if block.left() > size.part(2) {
            return Ok(());
        }
        if held.resting > 0 {
            held.resting -= 1;
            return Ok(());
        }
        let act = Act::SetAsideUpTo(size);
        match self.writer.carry_out(Request { meter: block.meter.clone(), resource: None, act }) {
            Ok(Came::Aside(Some(more), _)) => {
                match &mut held.aside {
                    Some(aside) if aside.span.key == more.span.key => {
                        aside.amount = aside.amount.plus(more.amount).unwrap_or(Quantity::MAX);
                    }
                    // The span ended while we asked: what is left of the one before is closed in the next turn.
                    Some(_) => return self.return_other(block, more),
                    None => held.aside = Some(more.clone()),
                }
                block.add(more.amount);
                Ok(())
            }
            // The licence changed while we asked: the next turn sees it.
            Ok(Came::Aside(None, _) | Came::Recorded(_) | Came::GivenBack) => Ok(()),
            Err(UsageError::Denied(denial)) => {
                held.resting = REST_TURNS;
                block.deny(denial);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn return_other(&self, block: &Block, more: Aside) -> Result<(), UsageError> {
        let act = Act::GiveBack(more);
        self.writer.carry_out(Request { meter: block.meter.clone(), resource: None, act }).map(drop)
    }

    /// Records a use out of what this process has set aside; `None` where that is too little.
    pub(super) fn record_from_block(
        &self,
        request: impl FnOnce(Act) -> Request,
        quantity: Quantity,
    ) -> Option<Result<Recorded, UsageError>> {
        let mut books = held(&self.books);
        let request = |act| request(act);
        let asked = request(Act::Use(quantity));
        let block = books.blocks.iter().find(|(block, _)| block.meter == asked.meter)?.0.clone();
        let span = books.held_of(&asked.meter)?.aside.as_ref()?.span.clone();
        if !block.is_firm() || block.take(quantity).is_err() {
            return None;
        }
        let aside = Aside { span, amount: quantity };
        let act = Act::Done { quantity, count: 1, aside: Some(aside.clone()) };
        match self.writer.carry_out(Request { act, ..asked }) {
            Ok(Came::Recorded(recorded)) => {
                books.recorded(&block.meter, Some(&aside));
                Some(Ok(recorded))
            }
            Ok(Came::Aside(..) | Came::GivenBack) => None,
            Err(error) => {
                block.put_back(quantity);
                Some(Err(error))
            }
        }
    }
}

/// The thread.
#[derive(Debug)]
pub(super) struct Flusher {
    /// Dropping the sender ends the thread at once.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Flusher {
    pub(super) fn start(shared: &Arc<Shared>) -> Result<Self, UsageError> {
        let (stop, stopped) = channel();
        let shared = Arc::clone(shared);
        let thread = std::thread::Builder::new()
            .name("brink-meter".into())
            .spawn(move || turn_until(&stopped, &shared))
            .map_err(|error| UsageError::Unusable(format!("no thread can be started: {error}")))?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // One that panicked has left what it could not write in the books.
            let _ = thread.join();
        }
    }
}

fn turn_until(stopped: &Receiver<()>, shared: &Shared) {
    let mut last: Option<UsageError> = None;
    loop {
        match stopped.recv_timeout(TURN) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
        }
        let failed = shared.turn().err();
        if let Some(error) = failed.as_ref().filter(|_| failed != last) {
            tracing::warn!(code = error.code(), %error, "usage waits in memory");
        }
        last = failed;
    }
}

//! The meter's thread: writes what was counted, and sets more aside before it is wanted.

use super::block::{self, Block, Held};
use super::ring::RING_PLACES;
use super::{Line, Shared};
use crate::journal::{Act, Aside, Came, Recorded, Request, UsageError};
use crate::sharing::held;
use brink_license::usage::{Allowance, Quantity, Span, SpanKey};
use brink_license::{ResourceId, Slug};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// What is counted is durable within 50 ms: it waits for at most one turn, and then for one commit.
pub(super) const TURN: Duration = Duration::from_millis(25);
/// Turns that a meter rests after it was denied more: whoever gives some back is found within a second.
const REST_TURNS: u32 = 40;

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
    /// Of which what they were taken from was set aside.
    span: Option<Span>,
}

impl Unwritten {
    /// What they were taken from.
    fn aside(&self) -> Option<Aside> {
        let aside = |span| Aside { span, amount: self.quantity };
        self.span.clone().map(aside)
    }
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

    /// Adds uses that came out of the queue to what has to be written. No span ends meanwhile: whoever changes blocks waits
    /// for these books.
    fn note(&mut self, lines: &[Arc<Line>], uses: impl Iterator<Item = (u32, Quantity)>) {
        let mut places: HashMap<u32, usize> = HashMap::new();
        for (number, quantity) in uses {
            let known = places.get(&number).and_then(|place| self.unwritten.get_mut(*place));
            if let Some(known) = known
                && let Ok(sum) = known.quantity.plus(quantity)
            {
                known.quantity = sum;
                known.count = known.count.saturating_add(1);
                continue;
            }
            let Some(line) = lines.get(number as usize) else { continue };
            let aside = self.held_of(&line.meter).and_then(|held| held.aside.as_ref());
            let span = aside.map(|aside| aside.span.clone());
            places.insert(number, self.unwritten.len());
            self.unwritten.push(Unwritten { line: Arc::clone(line), quantity, count: 1, span });
        }
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
            while !block.is_soon_quiet() {}
            // What found no place in the queue meanwhile was put back into the closed block.
            let amount = amount.plus(block.close()).unwrap_or(Quantity::MAX);
            left.push((block, amount));
        }
        self.write_queue(&mut books)?;
        for (block, amount) in left {
            self.give_back(&mut books, &block.meter, amount)?;
        }
        Ok(())
    }

    /// Takes everything out of the queue and writes it. What cannot be written is kept, and while there is any the queue
    /// is left alone: it fills up, and those who count are told.
    fn write_queue(&self, books: &mut Books) -> Result<(), UsageError> {
        loop {
            if books.unwritten.is_empty() {
                let lines = self.lines.load_full();
                books.note(&lines, std::iter::from_fn(|| self.ring.pop()).take(RING_PLACES));
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
            act: Act::Done { quantity: of.quantity, count: of.count, aside: of.aside() },
        };
        let outcomes = self.writer.carry_out_all(unwritten.iter().map(request).collect());
        let mut failure = None;
        for (of, outcome) in unwritten.into_iter().zip(outcomes) {
            match outcome {
                Ok(_) => books.recorded(&of.line.meter, of.aside().as_ref()),
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
            let allowance = terms.allowance(&block.meter, terms.now);
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
        // Of a firm one with nothing set aside nothing was taken.
        if block.is_firm() && held.is_none_or(|aside| Some(&aside.span.key) == wanted) {
            return Ok(true);
        }
        let left = block.close();
        if !block.is_soon_quiet() {
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
        self.set_free(meter, Aside { span: aside.span, amount: left })
    }

    fn set_free(&self, meter: &Slug, aside: Aside) -> Result<(), UsageError> {
        let act = Act::GiveBack(aside);
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
            Ok(Came::Aside(Some(more))) => {
                match &mut held.aside {
                    Some(aside) if aside.span.key == more.span.key => {
                        aside.amount = aside.amount.plus(more.amount).unwrap_or(Quantity::MAX);
                    }
                    // The span ended while we asked: what is left of the one before is closed in the next turn.
                    Some(_) => return self.set_free(&block.meter, more),
                    None => held.aside = Some(more.clone()),
                }
                block.add(more.amount);
                Ok(())
            }
            // The licence changed while we asked: the next turn sees it.
            Ok(Came::Aside(None) | Came::Recorded(_) | Came::GivenBack) => Ok(()),
            Err(UsageError::Denied(denial)) => {
                held.resting = REST_TURNS;
                block.deny(denial);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Records a use out of what this process has set aside; `None` where that is too little.
    pub(super) fn record_from_block(
        &self,
        meter: &Slug,
        resource: Option<&ResourceId>,
        quantity: Quantity,
    ) -> Option<Result<Recorded, UsageError>> {
        let mut books = held(&self.books);
        let (block, held) = books.blocks.iter().find(|(block, _)| block.meter == *meter)?;
        let (block, span) = (Arc::clone(block), held.aside.as_ref()?.span.clone());
        if !block.is_firm() || block.take(quantity).is_err() {
            return None;
        }
        let aside = Aside { span, amount: quantity };
        let act = Act::Done { quantity, count: 1, aside: Some(aside.clone()) };
        let came = self.writer.carry_out(Request { meter: meter.clone(), resource: resource.cloned(), act });
        let recorded = came.and_then(Came::recorded);
        match &recorded {
            Ok(_) => books.recorded(meter, Some(&aside)),
            Err(_) => block.put_back(quantity),
        }
        Some(recorded)
    }
}

/// One turn of the meter's thread after the other; a failure is said once.
pub(super) fn turns(shared: Arc<Shared>) -> impl FnMut() + Send + 'static {
    let mut last: Option<UsageError> = None;
    move || {
        let failed = shared.turn().err();
        if let Some(error) = failed.as_ref().filter(|_| failed != last) {
            tracing::warn!(code = error.code(), %error, "usage waits in memory");
        }
        last = failed;
    }
}

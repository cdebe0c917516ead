//! Room for work whose size is known afterwards.

use super::Shared;
use crate::journal::{Act, Aside, Came, Recorded, Request, UsageError};
use brink_license::usage::Quantity;
use brink_license::{ResourceId, Slug};
use std::sync::Arc;

/// Room that was set aside. Settle it with [`Reservation::commit`] or [`Reservation::release`]; dropped without either it
/// is wasted until the span ends.
#[derive(Debug)]
pub struct Reservation {
    shared: Arc<Shared>,
    of: (Slug, Option<ResourceId>),
    /// `None` where the licence limits nothing that has to be decided before.
    aside: Option<Aside>,
    is_settled: bool,
}

impl Reservation {
    pub(super) fn new(shared: &Arc<Shared>, of: (Slug, Option<ResourceId>), aside: Option<Aside>) -> Self {
        Self { shared: Arc::clone(shared), of, aside, is_settled: false }
    }

    /// Records what it came to, durably, and gives the rest back. More than was reserved is recorded too, and flagged: the
    /// work is done. After an error it can be tried again.
    pub fn commit(&mut self, actual: Quantity) -> Result<Recorded, UsageError> {
        let act = Act::Done { quantity: actual, count: 1, aside: self.aside.clone() };
        self.settle(act)?.recorded()
    }

    /// Gives all of it back: nothing was done.
    pub fn release(&mut self) -> Result<(), UsageError> {
        match self.aside.clone() {
            Some(aside) => self.settle(Act::GiveBack(aside)).map(drop),
            None if self.is_settled => Err(UsageError::Settled),
            None => {
                self.is_settled = true;
                Ok(())
            }
        }
    }

    fn settle(&mut self, act: Act) -> Result<Came, UsageError> {
        if self.shared.is_foreign() {
            return Err(UsageError::NeedsReopen);
        }
        if self.is_settled {
            return Err(UsageError::Settled);
        }
        let (meter, resource) = self.of.clone();
        let came = self.shared.writer.carry_out(Request { meter, resource, act })?;
        self.is_settled = true;
        Ok(came)
    }
}

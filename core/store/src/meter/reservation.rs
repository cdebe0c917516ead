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
    reserved: Quantity,
    /// `None` where the licence limits nothing that has to be decided before.
    aside: Option<Aside>,
    is_settled: bool,
}

impl Reservation {
    pub(super) fn new(
        shared: &Arc<Shared>,
        of: (Slug, Option<ResourceId>),
        reserved: Quantity,
        aside: Option<Aside>,
    ) -> Self {
        Self { shared: Arc::clone(shared), of, reserved, aside, is_settled: false }
    }

    /// At most how much was said to come.
    #[must_use]
    pub const fn reserved(&self) -> Quantity {
        self.reserved
    }

    /// Records what it came to, durably, and gives the rest back. More than was reserved is recorded too, and flagged: the
    /// work is done. After an error it can be tried again.
    pub fn commit(&mut self, actual: Quantity) -> Result<Recorded, UsageError> {
        let act = Act::Done { quantity: actual, count: 1, aside: self.aside.clone() };
        match self.settle(act)? {
            Came::Recorded(recorded) => Ok(recorded),
            // What is done becomes nothing else.
            Came::Aside(..) | Came::GivenBack => Err(UsageError::NotActivated),
        }
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

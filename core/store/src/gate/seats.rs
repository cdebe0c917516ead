//! What a running gate remembers of unnamed seats, so that no file takes back what was counted.

use crate::bundle::VerifiedBundle;
use brink_license::seating::VerifiedSeats;
use std::sync::Arc;

/// The seats of the newest document that was believed.
#[derive(Debug, Default)]
pub(super) struct SeatsSeen {
    /// In force: it speaks of the licence in force.
    pub(super) in_force: Option<Arc<VerifiedSeats>>,
    /// The newest of this device, under whichever licence.
    newest: Option<Arc<VerifiedSeats>>,
    /// The bundle carries a document that is not believed.
    pub(super) refused: bool,
}

impl SeatsSeen {
    /// Takes up what a bundle says of seats; answers whether that changes who sits where. A document that breaks a rule,
    /// or does not follow the newest, leaves those in force that are, as does the absence of one: nothing that was
    /// counted is forgotten by leaving it out.
    pub(super) fn take_up(&mut self, bundle: &VerifiedBundle, started_over: bool) -> bool {
        if started_over {
            *self = Self::default();
        }
        let newest = self.newest.as_deref();
        let follows =
            |next: &VerifiedSeats| newest.is_none_or(|seen| next.claims().follows(seen.claims()).is_ok());
        let found = bundle.seats();
        self.refused = found.is_some_and(|found| !found.is_ok_and(follows));
        if let (Some(Ok(found)), false) = (found, self.refused)
            && newest != Some(found)
        {
            self.newest = Some(Arc::new(found.clone()));
        }
        let licence = &bundle.licence().claims().jti;
        let next = self.newest.as_ref().filter(|newest| newest.claims().jti == *licence).cloned();
        let changes = next != self.in_force;
        self.in_force = next;
        changes
    }
}

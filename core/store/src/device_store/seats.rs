//! The device's unnamed seats: kept in the state before hosts see them, and published while they fit the licence.
//!
//! They need no vault: the state holds them whole, and the bundle follows from it.

use super::DeviceStore;
use super::in_force::InForce;
use crate::StoreError;
use crate::bundle::Bundle;
use crate::crash::{Point, reached};
use crate::state::HeldSeats;
use brink_license::seating::{SEATS_SECTION, VerifiedSeats};
use brink_license::token::{Authority, SeatsClaims, SeatsExpected, VerifiedReceipt, verify};

impl DeviceStore {
    /// Puts a document in force and publishes it. Durable before hosts can see it. When this returns
    /// [`StoreError::NotPublished`] it is in force and safe.
    pub fn publish_seats(&mut self, seats: &HeldSeats) -> Result<(), StoreError> {
        let in_force = self.in_force.as_ref().ok_or(StoreError::NothingToPublish)?;
        self.check_next_seats(in_force, &seats.token)
            .map_err(|problem| StoreError::Unstorable { what: "the seats", problem })?;
        self.state.store_seats(seats)?;
        reached(Point::SeatsStored);
        self.held = self.state.held()?;
        self.publish_bundle()
    }

    /// The document in force, which speaks of the licence in force; `None` while no camera was ever seated under it.
    #[must_use]
    pub fn seats(&self) -> Option<VerifiedSeats> {
        self.seats_beside(self.in_force.as_ref()?, &self.held.seats.as_ref()?.token)
    }

    /// What the device signed last, under whichever licence: what the next document goes on from.
    #[must_use]
    pub fn last_seats(&self) -> Option<SeatsClaims> {
        self.own_seats(&self.held.seats.as_ref()?.token)
    }

    /// The number of the receipt in force; 0 without one.
    #[must_use]
    pub fn receipt_number(&self) -> u64 {
        self.in_force.as_ref().map_or(0, receipt_number)
    }

    /// What an own document says, whatever licence it speaks of.
    #[must_use]
    pub fn own_seats(&self, token: &str) -> Option<SeatsClaims> {
        let expected = SeatsExpected {
            device: self.held.identity.as_ref()?.device.clone(),
            jkt: self.device_key.kid(),
            epoch: None,
            jti: None,
        };
        let own = verify::<SeatsClaims>(token.as_bytes(), Authority::Device(&self.device_key), &expected);
        own.ok().map(|own| own.claims().clone())
    }

    fn seats_beside(&self, in_force: &InForce, token: &str) -> Option<VerifiedSeats> {
        let licence = in_force.licence.as_ref()?;
        let receipt = receipt_number(in_force);
        VerifiedSeats::verify(token.as_bytes(), &self.device_key, licence, receipt).ok()
    }

    /// Whether this may come after what is held, beside these documents.
    fn check_next_seats(&self, in_force: &InForce, token: &str) -> Result<(), String> {
        let next = self.seats_beside(in_force, token).ok_or("they do not fit the licence in force")?;
        match self.last_seats() {
            Some(last) => next.claims().follows(&last).map_err(|rule| rule.to_string()),
            None => Ok(()),
        }
    }

    /// Of what came with an answer, what can be in force: seats are no reason to refuse a licence.
    pub(super) fn acceptable_seats(&self, in_force: &InForce, seats: Option<HeldSeats>) -> Option<HeldSeats> {
        let seats = seats?;
        match self.check_next_seats(in_force, &seats.token) {
            Ok(()) => Some(seats),
            Err(problem) => {
                tracing::error!(%problem, "the seats cannot go on under the new licence");
                None
            }
        }
    }

    pub(super) fn seats_to_publish(&self, in_force: &InForce) -> Option<(u16, Vec<u8>)> {
        let token = &self.held.seats.as_ref()?.token;
        self.seats_beside(in_force, token).map(|_| (SEATS_SECTION, token.clone().into_bytes()))
    }

    /// A bundle may hold newer seats than a state that was put back: what was said to hosts stays said.
    pub(super) fn recover_seats(&mut self, bundle: &Bundle) -> Result<(), StoreError> {
        let Some(Ok(token)) = bundle.seats() else { return Ok(()) };
        let Some(found) = self.own_seats(token) else { return Ok(()) };
        if self.last_seats().is_some_and(|last| found.counter <= last.counter) {
            return Ok(());
        }
        let dropped = self.held.seats.take().map(|seats| seats.dropped).unwrap_or_default();
        self.state.store_seats(&HeldSeats { token: token.to_owned(), dropped })?;
        self.held = self.state.held()?;
        self.health.marks_moved_forward = true;
        Ok(())
    }
}

fn receipt_number(in_force: &InForce) -> u64 {
    in_force.receipt.as_ref().map_or(0, |receipt: &VerifiedReceipt| receipt.claims().seq)
}

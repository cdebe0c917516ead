//! Unnamed seats: what a person or a host wants becomes the next document, which this device signs.

use super::Device;
use crate::exchange::accept::Accepted;
use crate::exchange::{DeviceError, plan};
use brink_license::seating::{Renewed, SEATS_SECTION, SeatRefusal};
use brink_license::token::{LicenceClaims, SeatsClaims};
use brink_license::{CameraId, Slug, Typ};
use brink_signing::sign_document;
use brink_store::HeldSeats;

impl Device {
    /// Puts a camera on a free unnamed seat. When this returns without an error, or with
    /// [`NotPublished`](brink_store::StoreError::NotPublished), it sits there for good.
    pub fn assign_seat(&mut self, camera: &CameraId, packs: Option<&[Slug]>) -> Result<(), DeviceError> {
        let (licence, last, dropped) = self.seats_now()?;
        let next = last.assign(licence, camera, packs)?;
        let seats = self.signed(&next, dropped)?;
        Ok(self.store.publish_seats(&seats)?)
    }

    /// Takes a camera off its unnamed seat, which is counted. One that a licence has left no seat for is forgotten.
    pub fn release_seat(&mut self, camera: &CameraId) -> Result<(), DeviceError> {
        let (licence, last, mut dropped) = self.seats_now()?;
        let next = match last.release(licence, camera) {
            Err(SeatRefusal::NotSeated(_)) if dropped.contains(camera) => {
                dropped.retain(|gone| gone != camera);
                SeatsClaims { counter: last.counter.saturating_add(1), ..last }
            }
            next => next?,
        };
        let seats = self.signed(&next, dropped)?;
        Ok(self.store.publish_seats(&seats)?)
    }

    /// The licence in force and who sits on its unnamed seats, as the next document goes on from it.
    pub fn seating(&self) -> Result<(&LicenceClaims, SeatsClaims), DeviceError> {
        self.seats_now().map(|(licence, last, _)| (licence, last))
    }

    fn seats_now(&self) -> Result<(&LicenceClaims, SeatsClaims, Vec<CameraId>), DeviceError> {
        if self.held().identity.is_none() {
            return Err(DeviceError::NotActivated { dir: self.store.layout().dir().to_owned() });
        }
        let licence = self.store.licence().ok_or(SeatRefusal::NoLicence)?.claims();
        let receipt = self.store.receipt_number();
        let last = self.store.last_seats().unwrap_or_else(|| SeatsClaims::empty(licence, receipt));
        let dropped = self.held().seats.as_ref().map(|seats| seats.dropped.clone()).unwrap_or_default();
        Ok(match last.renewed(licence, receipt, None) {
            Some(Renewed { claims, dropped: more }) => (licence, claims, [dropped, more].concat()),
            None => (licence, last, dropped),
        })
    }

    /// Signs for the licence in force what was signed for one before; says whether it had to. Every acceptance does that
    /// itself, so this mends what an interruption or an older copy of the state left.
    pub fn refresh_seats(&mut self) -> Result<bool, DeviceError> {
        let Some(licence) = self.store.licence() else { return Ok(false) };
        let renewed = self.renewed_seats(licence.claims(), self.store.receipt_number(), None)?;
        let Some(seats) = renewed else { return Ok(false) };
        self.store.publish_seats(&seats)?;
        Ok(true)
    }

    /// The seats as they go on under what an answer brings: without what the issuer has now heard of.
    pub(super) fn seats_after(&self, accepted: &Accepted) -> Result<Option<HeldSeats>, DeviceError> {
        let licence = accepted.new_licence.as_ref().or(self.store.licence());
        let Some(licence) = licence else { return Ok(None) };
        let asked = self.held().pending.as_ref().and_then(plan::asked);
        let report = asked.and_then(|body| body.sections.into_iter().find(|part| part.kind == SEATS_SECTION));
        let report = report.and_then(|part| self.store.own_seats(std::str::from_utf8(&part.bytes).ok()?));
        self.renewed_seats(licence.claims(), accepted.receipt.claims().seq, report.as_ref())
    }

    fn renewed_seats(
        &self,
        licence: &LicenceClaims,
        receipt: u64,
        heard: Option<&SeatsClaims>,
    ) -> Result<Option<HeldSeats>, DeviceError> {
        let renewed = self.store.last_seats().and_then(|last| last.renewed(licence, receipt, heard));
        let Some(Renewed { claims, dropped }) = renewed else { return Ok(None) };
        for camera in &dropped {
            tracing::warn!(%camera, licence = %licence.jti, "the licence leaves no unnamed seat for it");
        }
        let before = self.held().seats.as_ref().map(|seats| seats.dropped.clone()).unwrap_or_default();
        let named = |camera: &CameraId| {
            licence.grants.iter().any(|grant| grant.seats.cameras().any(|name| name == camera.as_str()))
        };
        let mut dropped = [before, dropped].concat();
        dropped.retain(|camera| !named(camera));
        self.signed(&claims, dropped).map(Some)
    }

    /// Without cameras among the dropped that have a seat again.
    fn signed(&self, claims: &SeatsClaims, mut dropped: Vec<CameraId>) -> Result<HeldSeats, DeviceError> {
        dropped.retain(|gone| !claims.cameras().any(|seated| seated == gone));
        let payload = claims.to_json_bytes().map_err(|error| DeviceError::Claims(error.to_string()))?;
        Ok(HeldSeats { token: sign_document(&self.key, Typ::Seats, &payload)?, dropped })
    }
}

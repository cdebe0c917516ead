//! The verbs about unnamed seats: carried out at once, since nobody has to be asked.

use super::Writer;
use crate::command::Reply;
use crate::error::EdgeError;
use crate::exchange::Device;
use crate::seat::Seating;
use brink_license::{CameraId, Slug};

impl Writer {
    pub(super) fn assign_seat(
        &mut self,
        camera: &CameraId,
        packs: Option<&[Slug]>,
    ) -> Result<Reply, EdgeError> {
        let device = self.device()?;
        device.assign_seat(camera, packs)?;
        shown(device, Some(camera))
    }

    pub(super) fn release_seat(&mut self, camera: &CameraId) -> Result<Reply, EdgeError> {
        let device = self.device()?;
        device.release_seat(camera)?;
        shown(device, Some(camera))
    }

    pub(super) fn list_seats(&mut self) -> Result<Reply, EdgeError> {
        shown(self.device()?, None)
    }
}

fn shown(device: &Device, moved: Option<&CameraId>) -> Result<Reply, EdgeError> {
    let (licence, seats) = device.seating()?;
    let seating = Seating { licence, seats: &seats, held: device.store().held() };
    Ok(moved.map_or_else(|| seating.list(), |camera| seating.moved(camera)))
}

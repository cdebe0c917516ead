//! The verbs about unnamed seats.

use super::Writer;
use crate::command::{Command, Reply};
use crate::error::EdgeError;
use crate::seat::Seating;

impl Writer {
    /// Carries out a verb about seats: at once, since nobody has to be asked.
    pub(super) fn seats(&mut self, command: &Command) -> Result<Reply, EdgeError> {
        let device = self.device()?;
        let moved = match command {
            Command::SeatAssign { camera, packs } => {
                device.assign_seat(camera, packs.as_deref())?;
                Some(camera)
            }
            Command::SeatRelease { camera } => {
                device.release_seat(camera)?;
                Some(camera)
            }
            Command::SeatList
            | Command::Init { .. }
            | Command::ActivateOnline { .. }
            | Command::ActivateExport { .. }
            | Command::ActivateImport { .. }
            | Command::ExchangeOnline { .. }
            | Command::ExchangeExport
            | Command::ExchangeImport { .. }
            | Command::Accept { .. }
            | Command::AcceptTyped { .. }
            | Command::ClockChallenge
            | Command::Check(_)
            | Command::Status => None,
        };
        let (licence, seats) = device.seating()?;
        let seating = Seating { licence, seats: &seats, held: device.store().held() };
        Ok(moved.map_or_else(|| seating.list(), |camera| seating.moved(camera)))
    }
}

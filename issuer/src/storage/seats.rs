//! What devices said of their unnamed seats.

use brink_license::{CameraId, DeviceId, Slug, TokenId, UnixSeconds};

/// What a device said last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatReport {
    /// The device's epoch then.
    pub epoch: u32,
    /// The licence token that it speaks of.
    pub jti: TokenId,
    /// When it arrived.
    pub reported_at: UnixSeconds,
    /// The document as it was signed.
    pub token: String,
}

/// A report to keep in the place of the one before.
#[derive(Clone, Debug)]
pub struct NewSeatReport {
    /// It.
    pub report: SeatReport,
    /// Its cameras.
    pub cameras: Vec<SeatedCamera>,
}

/// A camera on an unnamed seat.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct SeatedCamera {
    /// Which.
    pub camera: CameraId,
    /// The packs of its seat.
    pub packs: Vec<Slug>,
}

/// A camera on an unnamed seat of one device that another one has as well.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct SeatConflict {
    /// Which.
    pub camera: CameraId,
    /// The other device.
    pub device: DeviceId,
    /// Whether it is assigned there by name; else it sits on an unnamed seat there too.
    pub named: bool,
}

/// Everything that is known of a device's unnamed seats.
#[derive(Clone, Debug, Default)]
pub struct SeatsKnown {
    /// What it said last.
    pub report: Option<SeatReport>,
    /// Who sits there, by name.
    pub cameras: Vec<SeatedCamera>,
    /// Who is somewhere else as well.
    pub conflicts: Vec<SeatConflict>,
}

//! What a licence grants, camera by camera: for hosts that show it. A copy, so it outlives the gate and every bundle.

use brink_license::seating::VerifiedSeats;
use brink_license::token::{LicenceClaims, VerifiedLicence};
use brink_license::{Slug, Table, UnixSeconds};

/// The cameras of a licence, named or on unnamed seats, sorted by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    kinds: Vec<Kind>,
    cameras: Vec<(Box<str>, usize)>,
}

/// What the cameras of one grant share.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Kind {
    until: Option<UnixSeconds>,
    packs: Vec<Slug>,
}

/// One camera of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Granted<'g> {
    /// Its name.
    pub camera: &'g str,
    /// When its grant is over, if before the licence.
    pub until: Option<UnixSeconds>,
    /// Its packs, and then those that the device has for any of its cameras.
    pub packs: &'g [Slug],
}

impl Grants {
    /// Lists what a licence grants, to the cameras on its unnamed seats as well. Whether it is in force is another
    /// question.
    #[must_use]
    pub fn of(licence: &VerifiedLicence, seats: Option<&VerifiedSeats>) -> Self {
        let claims = licence.claims();
        let kinds = claims
            .grants
            .iter()
            .map(|grant| Kind { until: grant.until, packs: with_the_devices(&grant.packs, claims) });
        let named = claims.grants.iter().enumerate();
        let named =
            named.flat_map(|(kind, grant)| grant.seats.cameras().map(move |name| (name.into(), kind)));
        let seated =
            seats.into_iter().flat_map(VerifiedSeats::placed).map(|(kind, name)| (name.into(), kind));
        let mut cameras: Vec<(Box<str>, usize)> = named.chain(seated).collect();
        cameras.sort_unstable();
        Self { kinds: kinds.collect(), cameras }
    }

    /// How many cameras.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.cameras.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.cameras.is_empty()
    }

    /// A camera by its place.
    #[must_use]
    pub fn camera(&self, place: usize) -> Option<Granted<'_>> {
        let (camera, kind) = self.cameras.get(place)?;
        let Kind { until, packs } = self.kinds.get(*kind)?;
        Some(Granted { camera, until: *until, packs })
    }
}

/// The grant of one camera, looked up: when it is over, if before the licence, and its packs as [`Granted::packs`] has them.
pub(super) fn granted(
    claims: &LicenceClaims,
    table: &Table,
    camera: &str,
) -> Option<(Option<UnixSeconds>, Vec<Slug>)> {
    // A camera's place in the table of a licence is the number of its grant.
    let place = usize::try_from(table.camera(camera).number()).ok()?;
    let grant = claims.grants.get(place)?;
    Some((grant.until, with_the_devices(&grant.packs, claims)))
}

fn with_the_devices(packs: &[Slug], claims: &LicenceClaims) -> Vec<Slug> {
    let more = claims.device.packs.iter().filter(|pack| !packs.contains(pack));
    packs.iter().chain(more).cloned().collect()
}

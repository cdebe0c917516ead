//! What other programs' rows leave of a configuration: their keys and cameras stay theirs, and of two zones with one id the
//! first keeps it. Pure.

use super::rows::{Part, Row};
use super::zones::{WORD_BYTES_MAX, Zone};
use super::{Camera, Configuration};
use crate::transfer::cell::{self, Cell, RowDigest};
use crate::transfer::rejects::Reject;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::fmt::Write;

/// Names that rows have which the transfer of this source did not make.
#[derive(Debug, Default)]
pub(super) struct Occupied {
    /// Of keys.
    pub(super) keys: HashSet<String>,
    /// Of cameras.
    pub(super) cameras: HashSet<String>,
    /// Of lines.
    pub(super) lines: HashSet<String>,
    /// Of areas.
    pub(super) polygons: HashSet<String>,
    /// Each table's uuids.
    pub(super) ids: HashSet<(Part, Vec<u8>)>,
}

/// A camera with everything that hangs on it.
#[derive(Debug)]
pub(super) struct Whole {
    /// Its id.
    pub(super) id: String,
    /// The camera itself, its components, its zones.
    pub(super) rows: Vec<Row>,
}

/// Exactly the rows that are to be in the target.
#[derive(Debug)]
pub(super) struct Settled {
    /// By key.
    pub(super) keys: Vec<Row>,
    /// By id.
    pub(super) cameras: Vec<Whole>,
    /// What is not in any of them.
    pub(super) rejects: Vec<Reject>,
}

impl Configuration {
    /// What goes beside these.
    pub(super) fn settle(&self, mut occupied: Occupied) -> Settled {
        let mut settled = Settled { keys: Vec::new(), cameras: Vec::new(), rejects: self.rejects.clone() };
        for key in &self.keys {
            if occupied.keys.contains(&key.row.owner()) {
                settled.rejects.push(key.taken.clone());
            } else {
                settled.keys.push(key.row.clone());
            }
        }
        for camera in &self.cameras {
            if occupied.cameras.contains(&camera.id) {
                settled.rejects.push(camera.taken.clone());
            } else {
                settled.rejects.extend(camera.rejects.iter().cloned());
                settled.cameras.push(camera.settle(&mut occupied));
            }
        }
        settled
    }
}

impl Camera {
    fn settle(&self, occupied: &mut Occupied) -> Whole {
        let mut rows = vec![self.row.clone()];
        rows.extend(self.components.iter().cloned());
        for zone in &self.zones {
            let ids = match zone.part {
                Part::Lines => &mut occupied.lines,
                Part::Config | Part::Cameras | Part::Components | Part::Polygons => &mut occupied.polygons,
            };
            rows.push(zone.row(&free(zone, ids)));
        }
        for row in &mut rows {
            // Somebody made a row of ours their own, under another name.
            while !occupied.ids.insert((row.part, row.key())) {
                row.values[0] = row.next_id();
            }
        }
        Whole { id: self.id.clone(), rows }
    }
}

/// The first id that nobody has: the zone's own, then behind its camera's, then with a number. It is taken from then on.
fn free(zone: &Zone, ids: &mut HashSet<String>) -> String {
    let mut id = fitting(zone.wanted.clone());
    let mut number = 1_u32;
    while ids.contains(&id) {
        let (camera, wanted) = (zone.camera(), &zone.wanted);
        id = fitting(match number {
            1 => format!("{camera}/{wanted}"),
            number => format!("{camera}/{wanted}/{number}"),
        });
        number += 1;
    }
    ids.insert(id.clone());
    id
}

/// An id that an index takes: one that is too long is replaced by its digest.
fn fitting(id: String) -> String {
    if id.len() <= WORD_BYTES_MAX {
        return id;
    }
    Sha256::digest(id.as_bytes())[..16].iter().fold(String::from("sha256/"), |mut text, byte| {
        // Into a string nothing fails.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Of a row that PostgreSQL cannot hold.
pub(super) fn digest(reject: &Reject) -> RowDigest {
    let camera = reject.camera.as_deref();
    cell::digest(&[
        Cell::Text("transfer_rejects"),
        Cell::Text(reject.table),
        Cell::Big(reject.rowid),
        Cell::Int(reject.part),
        Cell::Text(reject.reason),
        Cell::Text(&reject.detail),
        camera.map_or(Cell::Null, Cell::Text),
        Cell::Bytes(&reject.content),
    ])
}

/// How many rows, and the sum of their digests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::transfer) struct Tally {
    /// How many.
    pub(in crate::transfer) count: u64,
    /// The sum, which no order changes.
    pub(in crate::transfer) digest: RowDigest,
}

impl Tally {
    /// One more.
    pub(super) const fn add(&mut self, digest: RowDigest) {
        self.count += 1;
        self.digest = self.digest.wrapping_add(digest);
    }

    /// Of all of these.
    pub(super) fn of(digests: impl Iterator<Item = RowDigest>) -> Self {
        let mut tally = Self::default();
        digests.for_each(|digest| tally.add(digest));
        tally
    }

    /// As the target keeps it.
    pub(super) fn to_bytes(self) -> Vec<u8> {
        [&self.count.to_be_bytes()[..], &self.digest.to_be_bytes()].concat()
    }
}

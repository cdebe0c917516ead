//! Handles: a camera's or a feature's name, looked up once. They belong to the gate that gave them out and stay valid
//! over every bundle that it takes up; what they stand for is looked up again for each new table.

use brink_license::{CameraAt, CameraId, Code, Feature, FeatureAt, IdError, Table};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Most names of one kind that a gate keeps: above any site, and a bound for a host that resolves without end.
pub const HANDLES_MAX: usize = 1 << 20;
/// Room for the first names.
const ROOM_MIN: usize = 64;

/// A camera of one gate. Plain numbers: copy it, share it, compare it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CameraHandle {
    /// The gate that gave it out.
    pub gate: u32,
    /// Its number there.
    pub index: u32,
}

/// A feature of one gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FeatureHandle {
    /// The gate that gave it out.
    pub gate: u32,
    /// Its number there.
    pub index: u32,
}

/// Why a name has no handle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandleError {
    /// The text cannot be such a name.
    #[error(transparent)]
    Name(#[from] IdError),
    /// Too many names.
    #[error("this gate holds {HANDLES_MAX} names of this kind: resolve each name once and keep its handle")]
    TooMany,
    /// The gate is closed or of another process.
    #[error(
        "the gate was closed, or this process was forked since it was opened: open a gate in this process"
    )]
    NeedsReopen,
}

impl HandleError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            HandleError::Name(error) => error.code(),
            HandleError::TooMany => Code::TooMany,
            HandleError::NeedsReopen => Code::NeedsReopen,
        }
    }
}

/// Where every handle stands in one table, by index.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    cameras: Arc<[AtomicU32]>,
    features: Arc<[AtomicU32]>,
}

impl Places {
    /// Where a camera's handle stands; `None` for an index that was never given out.
    #[inline]
    pub(super) fn camera(&self, index: u32) -> Option<CameraAt> {
        place(&self.cameras, index).map(CameraAt::from_number)
    }

    /// Where a feature's handle stands.
    #[inline]
    pub(super) fn feature(&self, index: u32) -> Option<FeatureAt> {
        place(&self.features, index).map(FeatureAt::from_number)
    }
}

/// Behind the names that were given out there is room that is marked as such.
const UNUSED: u32 = u32::MAX - 1;

#[inline]
fn place(places: &[AtomicU32], index: u32) -> Option<u32> {
    // Acquire: whoever got a handle from another thread also sees where it stands.
    let number = places.get(index as usize)?.load(Ordering::Acquire);
    (number != UNUSED).then_some(number)
}

/// The names that a gate has given handles for.
#[derive(Debug, Default)]
pub(super) struct Registry {
    cameras: Names,
    features: Names,
}

#[derive(Debug, Default)]
struct Names {
    texts: Vec<Arc<str>>,
    indices: HashMap<Arc<str>, u32>,
}

impl Names {
    /// The index of a name, and whether it is new.
    fn index(&mut self, name: &str) -> Result<(u32, bool), HandleError> {
        if let Some(index) = self.indices.get(name) {
            return Ok((*index, false));
        }
        if self.texts.len() >= HANDLES_MAX {
            return Err(HandleError::TooMany);
        }
        let (text, index) = (Arc::<str>::from(name), u32::try_from(self.texts.len()).unwrap_or(UNUSED));
        self.texts.push(Arc::clone(&text));
        self.indices.insert(text, index);
        Ok((index, true))
    }

    /// All places in a new table, with room for more names.
    fn places(&self, find: impl Fn(&str) -> u32) -> Arc<[AtomicU32]> {
        let room = self.texts.len().saturating_add(1).next_power_of_two().max(ROOM_MIN);
        let found = self.texts.iter().map(|text| find(text));
        found.chain(std::iter::repeat(UNUSED)).take(room).map(AtomicU32::new).collect()
    }
}

/// A handle's index, and the places to publish where there was no room for it.
pub(super) struct Resolved {
    pub(super) index: u32,
    pub(super) grown: Option<Places>,
}

impl Registry {
    /// Gives a camera its index in `places`, which stand for `table`.
    pub(super) fn camera(
        &mut self,
        name: &str,
        places: &Places,
        table: &Table,
    ) -> Result<Resolved, HandleError> {
        CameraId::parse(name)?;
        let (index, is_new) = self.cameras.index(name)?;
        if !is_new || put(&places.cameras, index, table.camera(name).number()) {
            return Ok(Resolved { index, grown: None });
        }
        let cameras = self.cameras.places(|name| table.camera(name).number());
        Ok(Resolved { index, grown: Some(Places { cameras, ..places.clone() }) })
    }

    /// Gives a feature its index.
    pub(super) fn feature(
        &mut self,
        name: &str,
        places: &Places,
        table: &Table,
    ) -> Result<Resolved, HandleError> {
        Feature::parse(name)?;
        let (index, is_new) = self.features.index(name)?;
        if !is_new || put(&places.features, index, table.feature(name).number()) {
            return Ok(Resolved { index, grown: None });
        }
        let features = self.features.places(|name| table.feature(name).number());
        Ok(Resolved { index, grown: Some(Places { features, ..places.clone() }) })
    }

    /// The cameras that have handles.
    pub(super) fn cameras(&self) -> impl Iterator<Item = (u32, &str)> {
        (0..).zip(self.cameras.texts.iter().map(|text| &**text))
    }

    /// The features that have handles.
    pub(super) fn features(&self) -> impl Iterator<Item = (u32, &str)> {
        (0..).zip(self.features.texts.iter().map(|text| &**text))
    }

    /// Where every name stands in another table.
    pub(super) fn places(&self, table: &Table) -> Places {
        Places {
            cameras: self.cameras.places(|name| table.camera(name).number()),
            features: self.features.places(|name| table.feature(name).number()),
        }
    }
}

/// Fills the room of a new name; says whether there was room.
fn put(places: &[AtomicU32], index: u32, number: u32) -> bool {
    places.get(index as usize).map(|place| place.store(number, Ordering::Release)).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_index_and_what_was_never_given_out_is_nowhere() {
        let (mut registry, table) = (Registry::default(), Table::default());
        let mut places = registry.places(&table);
        for round in 0..2 {
            for number in 0..1000 {
                let resolved = registry.camera(&format!("cam-{number}"), &places, &table).unwrap();
                assert_eq!(resolved.index, number, "round {round}");
                places = resolved.grown.unwrap_or(places);
                assert_eq!(places.camera(number), Some(CameraAt::NOWHERE));
                if round == 0 {
                    assert_eq!(places.camera(number + 1), None);
                }
            }
        }
        assert_eq!(places.camera(u32::MAX), None);
        assert_eq!(places.feature(0), None);
    }

    #[test]
    fn a_name_that_cannot_be_one_is_refused() {
        let (mut registry, table) = (Registry::default(), Table::default());
        let places = registry.places(&table);
        for name in ["", "a\nb", &"x".repeat(256)] {
            assert!(matches!(registry.camera(name, &places, &table), Err(HandleError::Name(_))), "{name:?}");
        }
        assert!(matches!(registry.feature("near_miss", &places, &table), Err(HandleError::Name(_))));
    }
}

//! Many names in one allocation: as an ordered list in claims, as a map from name to number in tables.

use hashbrown::HashTable;
use std::fmt;
use std::hash::BuildHasher;
use std::marker::PhantomData;

/// Texts here come from one document; what would not fit is found nowhere, which denies.
fn offset(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// A list of identifiers, packed: a licence of a thousand cameras is two allocations and not a thousand.
pub struct IdList<T> {
    text: String,
    ends: Vec<u32>,
    of: PhantomData<fn() -> T>,
}

impl<T> IdList<T> {
    pub(crate) fn with_capacity(items: usize, bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes), ends: Vec::with_capacity(items), of: PhantomData }
    }

    /// Appends a text that has been checked to be a `T`.
    pub(crate) fn push_checked(&mut self, text: &str) {
        self.text.push_str(text);
        self.ends.push(offset(self.text.len()));
    }

    /// How many.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The texts, in the order of the document.
    pub fn iter(&self) -> impl Iterator<Item = &str> + Clone {
        let starts = std::iter::once(&0).chain(&self.ends);
        starts
            .zip(&self.ends)
            .map(|(start, end)| self.text.get(*start as usize..*end as usize).unwrap_or_default())
    }
}

impl<T: AsRef<str>> FromIterator<T> for IdList<T> {
    fn from_iter<I: IntoIterator<Item = T>>(ids: I) -> Self {
        let mut list = Self::default();
        ids.into_iter().for_each(|id| list.push_checked(id.as_ref()));
        list
    }
}

impl<'a, T: AsRef<str> + 'a> FromIterator<&'a T> for IdList<T> {
    fn from_iter<I: IntoIterator<Item = &'a T>>(ids: I) -> Self {
        let mut list = Self::default();
        ids.into_iter().for_each(|id| list.push_checked(id.as_ref()));
        list
    }
}

impl<T> Default for IdList<T> {
    fn default() -> Self {
        Self::with_capacity(0, 0)
    }
}

impl<T> Clone for IdList<T> {
    fn clone(&self) -> Self {
        Self { text: self.text.clone(), ends: self.ends.clone(), of: PhantomData }
    }
}

impl<T> PartialEq for IdList<T> {
    fn eq(&self, other: &Self) -> bool {
        self.ends == other.ends && self.text == other.text
    }
}

impl<T> Eq for IdList<T> {}

impl<T> fmt::Debug for IdList<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<T> serde::Serialize for IdList<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

/// A map from names to small numbers that is built once and then only asked.
#[derive(Clone, Default)]
pub(crate) struct NameMap {
    text: Vec<u8>,
    slots: HashTable<Slot>,
    /// Names come from signed documents and from the host, so nobody gains by choosing colliding ones; the fast
    /// hasher is still seeded per process.
    hasher: foldhash::fast::RandomState,
}

/// Where a name stands in the text, and its number: beside each other, so that a look-up touches one line.
#[derive(Clone, Copy)]
struct Slot {
    start: u32,
    bytes: u32,
    value: u32,
}

impl Slot {
    fn name<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        let start = self.start as usize;
        text.get(start..start.saturating_add(self.bytes as usize)).unwrap_or_default()
    }
}

impl NameMap {
    pub(crate) fn with_capacity(names: usize, bytes: usize) -> Self {
        Self {
            text: Vec::with_capacity(bytes),
            slots: HashTable::with_capacity(names),
            hasher: foldhash::fast::RandomState::default(),
        }
    }

    /// The number of a name.
    #[inline]
    pub(crate) fn find(&self, name: &str) -> Option<u32> {
        let name = name.as_bytes();
        let hash = self.hasher.hash_one(name);
        self.slots.find(hash, |slot| slot.name(&self.text) == name).map(|slot| slot.value)
    }

    /// Adds a name that is not there yet.
    pub(crate) fn insert_new(&mut self, name: &str, value: u32) {
        let slot = Slot { start: offset(self.text.len()), bytes: offset(name.len()), value };
        self.text.extend_from_slice(name.as_bytes());
        let (hasher, text) = (&self.hasher, &self.text);
        let hash = hasher.hash_one(name.as_bytes());
        self.slots.insert_unique(hash, slot, |slot| hasher.hash_one(slot.name(text)));
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.text.capacity() + self.slots.allocation_size()
    }
}

impl fmt::Debug for NameMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NameMap").field("names", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CameraId;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn a_map_finds_what_was_put_in_and_nothing_else(
            names in prop::collection::btree_map(".{0,12}", any::<u32>(), 0..60),
            others in prop::collection::vec(".{0,12}", 0..20),
        ) {
            let mut map = NameMap::default();
            names.iter().for_each(|(name, value)| map.insert_new(name, *value));
            prop_assert_eq!(map.len(), names.len());
            for name in names.keys().chain(&others) {
                prop_assert_eq!(map.find(name), names.get(name).copied());
            }
        }

        #[test]
        fn a_list_comes_back_in_its_order(names in prop::collection::vec("[a-zäö ]{1,9}", 0..60)) {
            let ids = names.iter().map(|name| CameraId::parse(name).unwrap());
            let list: IdList<CameraId> = ids.collect();
            prop_assert_eq!(list.iter().collect::<Vec<_>>(), names.iter().map(String::as_str).collect::<Vec<_>>());
            prop_assert_eq!(list.len(), names.len());
            prop_assert_eq!(serde_json::to_string(&list).unwrap(), serde_json::to_string(&names).unwrap());
        }
    }

    #[test]
    fn lists_of_the_same_text_cut_differently_are_different() {
        let list = |names: &[&str]| -> IdList<CameraId> {
            names.iter().map(|name| CameraId::parse(name).unwrap()).collect()
        };
        assert_ne!(list(&["ab", "c"]), list(&["a", "bc"]));
        assert_eq!(list(&["ab", "c"]), list(&["ab", "c"]).clone());
        assert_eq!(BTreeMap::from([(1, list(&["x"]))])[&1].iter().next(), Some("x"));
    }
}

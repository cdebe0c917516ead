//! Many names in one allocation: as an ordered list in claims, as a map from name to number in tables.

use hashbrown::HashTable;
use std::fmt;
use std::hash::{BuildHasher, Hasher};
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

/// A map from names to small numbers that is built once and then only asked. Each name has an allocation of its own:
/// packed into one text they take half the memory, and every look-up 2 ns more.
#[derive(Clone, Default)]
pub(crate) struct NameMap<H> {
    numbers: HashTable<(Box<str>, u32)>,
    hasher: H,
    text_bytes: usize,
}

/// How a map spreads its names. They come from signed documents, so nobody gains by choosing colliding ones.
pub(crate) trait NameHash: Default {
    fn hash(&self, name: &[u8]) -> u64;
}

/// Looks at every byte: for names that people choose, which may differ anywhere.
#[derive(Clone, Default)]
pub(crate) struct WholeName(foldhash::fast::RandomState);

impl NameHash for WholeName {
    #[inline]
    fn hash(&self, name: &[u8]) -> u64 {
        // The bytes alone: a name is hashed by itself, so nothing needs to keep it from running into the next.
        let mut hasher = self.0.build_hasher();
        hasher.write(name);
        hasher.finish()
    }
}

/// Looks at the length and both ends: for the names of a catalogue, a few dozen that differ there. Half the cost.
#[derive(Clone, Default)]
pub(crate) struct NameEnds;

impl NameHash for NameEnds {
    #[inline]
    fn hash(&self, name: &[u8]) -> u64 {
        let (first, last) = match (name.first_chunk::<8>(), name.last_chunk::<8>()) {
            (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
            _ => (name.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)), 0),
        };
        // Odd constants from the golden ratio and the square root of two; the product's middle has every bit.
        let mixed = u128::from(first ^ 0x9e37_79b9_7f4a_7c15) * u128::from(last ^ 0x6a09_e667_f3bc_c909);
        (mixed as u64) ^ ((mixed >> 64) as u64) ^ (name.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

impl<H: NameHash> NameMap<H> {
    pub(crate) fn with_capacity(names: usize) -> Self {
        Self { numbers: HashTable::with_capacity(names), hasher: H::default(), text_bytes: 0 }
    }

    /// The number of a name.
    #[inline]
    pub(crate) fn find(&self, name: &str) -> Option<u32> {
        let hash = self.hasher.hash(name.as_bytes());
        self.numbers.find(hash, |(known, _)| **known == *name).map(|(_, number)| *number)
    }

    /// Adds a name that is not there yet.
    pub(crate) fn insert_new(&mut self, name: &str, number: u32) {
        self.text_bytes += name.len();
        let hash = self.hasher.hash(name.as_bytes());
        let hasher = &self.hasher;
        self.numbers.insert_unique(hash, (name.into(), number), |(known, _)| hasher.hash(known.as_bytes()));
    }

    pub(crate) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Bytes on the heap, as far as is known here: an allocator adds its own to each name.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.text_bytes + self.numbers.allocation_size()
    }
}

impl<H: NameHash> fmt::Debug for NameMap<H> {
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
            names in prop::collection::btree_map(".{0,24}", any::<u32>(), 0..60),
            others in prop::collection::vec(".{0,24}", 0..20),
        ) {
            let (mut whole, mut ends) = (NameMap::<WholeName>::default(), NameMap::<NameEnds>::default());
            for (name, number) in &names {
                whole.insert_new(name, *number);
                ends.insert_new(name, *number);
            }
            prop_assert_eq!((whole.len(), ends.len()), (names.len(), names.len()));
            for name in names.keys().chain(&others) {
                prop_assert_eq!(whole.find(name), names.get(name).copied());
                prop_assert_eq!(ends.find(name), names.get(name).copied());
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

//! The fast answer: what nearly every check by handle asks, as plain atomics under one sequence number (a seqlock).
//!
//! A licence in its prime, and a grant that has the feature or has not, are answered from here in a handful of loads,
//! without even the reference count of a snapshot. Anything else, and any read that met a writer, is left to the
//! snapshot. Written with the registry locked.

use super::handles::Registry;
use super::reader::Snapshot;
use brink_license::clock::State;
use brink_license::{Decision, Flags, Reason, Table, UnixSeconds};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering, fence};

const NEVER: i64 = i64::MAX;
/// Chunks double from here, so that they never move and 17 of them hold every handle.
const FIRST_CHUNK: usize = 64;
const CHUNKS: usize = 17;

/// The plain no, but for what the profile makes of it.
const NOT_GRANTED: Decision =
    Decision { state: State::Active, ..Decision::refused(Reason::FeatureNotGranted) };

/// One gate's fast answers.
#[derive(Debug)]
pub(super) struct Fast {
    /// Odd while a writer is at work.
    sequence: AtomicU64,
    tag: AtomicU32,
    forks: AtomicU32,
    /// The licence's prime, half-open.
    from: AtomicI64,
    until: AtomicI64,
    closes_at: AtomicI64,
    /// Of a yes.
    flags: AtomicU32,
    /// Of a no, whose verdict the profile may soften.
    denied_flags: AtomicU32,
    denied_allowed: AtomicBool,
    cameras: Cells<CameraCell>,
    features: Cells<FeatureCell>,
}

/// A camera's grant.
#[derive(Debug, Default)]
struct CameraCell {
    /// Its end; 0 where there is none.
    until: AtomicI64,
    /// Its first 64 features.
    word: AtomicU64,
}

/// A feature's bit; beyond every word where there is none.
#[derive(Debug)]
struct FeatureCell(AtomicU32);

impl Default for FeatureCell {
    fn default() -> Self {
        Self(AtomicU32::new(u32::MAX))
    }
}

/// Cells that stand in the slot itself, one load away: more than most sites have cameras, or catalogues features.
const NEAR: usize = 256;

/// Append-only: the first ones near, the rest in chunks.
#[derive(Debug)]
struct Cells<T> {
    near: [T; NEAR],
    chunks: [OnceLock<Box<[T]>>; CHUNKS],
}

impl<T: Default> Cells<T> {
    fn new() -> Self {
        Self { near: std::array::from_fn(|_| T::default()), chunks: [const { OnceLock::new() }; CHUNKS] }
    }

    /// The chunk of an index, and its place in it.
    #[inline]
    const fn place(index: u32) -> (usize, usize) {
        // In 64 bits, because no index may overflow it.
        let shifted = index as u64 + FIRST_CHUNK as u64;
        let chunk = (shifted / FIRST_CHUNK as u64).ilog2();
        (chunk as usize, (shifted - ((FIRST_CHUNK as u64) << chunk)) as usize)
    }

    #[inline]
    fn at(&self, index: u32) -> Option<&T> {
        self.near.get(index as usize).or_else(|| self.far(index))
    }

    fn far(&self, index: u32) -> Option<&T> {
        let (chunk, place) = Self::place(index);
        self.chunks.get(chunk)?.get()?.get(place)
    }

    fn each(&self, visit: impl FnMut(&T)) {
        let chunks = self.chunks.iter().filter_map(OnceLock::get).flatten();
        self.near.iter().chain(chunks).for_each(visit);
    }

    fn at_or_new(&self, index: u32) -> Option<&T> {
        if let Some(near) = self.near.get(index as usize) {
            return Some(near);
        }
        let (chunk, place) = Self::place(index);
        let chunk_of = || std::iter::repeat_with(T::default).take(FIRST_CHUNK << chunk).collect();
        self.chunks.get(chunk)?.get_or_init(chunk_of).get(place)
    }
}

impl Fast {
    pub(super) fn new() -> Self {
        Self {
            sequence: AtomicU64::new(0),
            tag: AtomicU32::new(0),
            forks: AtomicU32::new(0),
            from: AtomicI64::new(NEVER),
            until: AtomicI64::new(0),
            closes_at: AtomicI64::new(0),
            flags: AtomicU32::new(0),
            denied_flags: AtomicU32::new(0),
            denied_allowed: AtomicBool::new(false),
            cameras: Cells::new(),
            features: Cells::new(),
        }
    }

    /// The answer, if it is a plain one. `now` is asked for after what it is compared with was read.
    #[inline]
    pub(super) fn answer(
        &self,
        (tag, forks): (u32, u32),
        (camera, feature): (u32, u32),
        now: impl FnOnce() -> Option<UnixSeconds>,
    ) -> Option<Decision> {
        let before = self.sequence.load(Ordering::Acquire);
        let (from, until) = (self.from.load(Ordering::Relaxed), self.until.load(Ordering::Relaxed));
        let (closes_at, flags) = (self.closes_at.load(Ordering::Relaxed), self.flags.load(Ordering::Relaxed));
        let no = (self.denied_allowed.load(Ordering::Relaxed), self.denied_flags.load(Ordering::Relaxed));
        let ours =
            (self.tag.load(Ordering::Relaxed) ^ tag) | (self.forks.load(Ordering::Relaxed) ^ forks) == 0;
        let bit = self.features.at(feature)?.0.load(Ordering::Relaxed);
        let cell = self.cameras.at(camera)?;
        let (ends, word) = (cell.until.load(Ordering::Relaxed), cell.word.load(Ordering::Relaxed));
        let now = now()?.as_i64();
        fence(Ordering::Acquire);
        let whole = (before & 1 == 0) & (before == self.sequence.load(Ordering::Relaxed));
        let plain = (now >= from) & (now < until) & (now < ends) & (bit < u64::BITS);
        if !(whole & ours & plain) {
            return None;
        }
        if word >> (bit % u64::BITS) & 1 == 1 {
            let until = UnixSeconds::new(closes_at.min(ends));
            return Some(Decision::granted(State::Active, until, Flags::from_bits(flags)));
        }
        Some(Decision { allowed: no.0, flags: Flags::from_bits(no.1), ..NOT_GRANTED })
    }

    /// Writes the terms of time, and for another table the grant of every name that has a handle.
    pub(super) fn publish(&self, (tag, forks): (u32, u32), snapshot: &Snapshot, names: Option<&Registry>) {
        let standing = snapshot.standing();
        let prime = standing.prime();
        let denied =
            Decision::denied(standing.enforce, State::Active, Reason::FeatureNotGranted, standing.flags);
        self.write(|| {
            self.tag.store(tag, Ordering::Relaxed);
            self.forks.store(forks, Ordering::Relaxed);
            self.from.store(prime.start.as_i64(), Ordering::Relaxed);
            self.until.store(prime.end.as_i64(), Ordering::Relaxed);
            self.closes_at.store(standing.window.closes_at().as_i64(), Ordering::Relaxed);
            self.flags.store(standing.flags.bits(), Ordering::Relaxed);
            self.denied_flags.store(denied.flags.bits(), Ordering::Relaxed);
            self.denied_allowed.store(denied.allowed, Ordering::Relaxed);
            if let Some(names) = names {
                names.cameras().for_each(|(index, name)| self.put_camera(index, name, snapshot.table()));
                names.features().for_each(|(index, name)| self.put_feature(index, name, snapshot.table()));
            }
        });
    }

    /// Writes the grant of a camera whose handle nobody has yet, or with a writer's sequence number.
    pub(super) fn put_camera(&self, index: u32, name: &str, table: &Table) {
        let Some(cell) = self.cameras.at_or_new(index) else { return };
        let (until, word) = table.first_word(table.camera(name));
        cell.until.store(until.as_i64(), Ordering::Relaxed);
        cell.word.store(word, Ordering::Relaxed);
    }

    /// Writes the bit of a feature whose handle nobody has yet, or with a writer's sequence number.
    pub(super) fn put_feature(&self, index: u32, name: &str, table: &Table) {
        if let Some(cell) = self.features.at_or_new(index) {
            cell.0.store(table.feature(name).number(), Ordering::Relaxed);
        }
    }

    /// Nothing is granted any more, and the next gate finds no trace of this one.
    pub(super) fn close(&self) {
        self.write(|| {
            self.tag.store(0, Ordering::Relaxed);
            self.from.store(NEVER, Ordering::Relaxed);
            self.cameras.each(|cell| {
                cell.until.store(0, Ordering::Relaxed);
                cell.word.store(0, Ordering::Relaxed);
            });
            self.features.each(|cell| cell.0.store(u32::MAX, Ordering::Relaxed));
        });
    }

    fn write(&self, store: impl FnOnce()) {
        let before = self.sequence.load(Ordering::Relaxed);
        self.sequence.store(before.wrapping_add(1), Ordering::Relaxed);
        fence(Ordering::Release);
        store();
        self.sequence.store(before.wrapping_add(2), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_index_has_a_place_of_its_own_and_all_handles_fit() {
        let places: HashSet<_> = (0..300_000).map(Cells::<CameraCell>::place).collect();
        assert_eq!(places.len(), 300_000);
        let last = u32::try_from(super::super::HANDLES_MAX - 1).unwrap();
        assert!(Cells::<CameraCell>::place(last).0 < CHUNKS);
        for index in [0, 63, 64, 191, 192, last] {
            let (chunk, place) = Cells::<CameraCell>::place(index);
            assert!(place < FIRST_CHUNK << chunk, "{index}");
        }
    }

    #[test]
    fn a_read_that_meets_a_writer_is_no_answer() {
        let (fast, table) = (Fast::new(), Table::default());
        fast.put_camera(0, "cam", &table);
        fast.put_feature(0, "a/b", &table);
        let now = || Some(UnixSeconds::new(5));
        let grant = || {
            fast.tag.store(7, Ordering::Relaxed);
            fast.from.store(0, Ordering::Relaxed);
            fast.until.store(10, Ordering::Relaxed);
            fast.closes_at.store(20, Ordering::Relaxed);
            fast.cameras.at(0).unwrap().until.store(NEVER, Ordering::Relaxed);
            fast.cameras.at(0).unwrap().word.store(1, Ordering::Relaxed);
            fast.features.at(0).unwrap().0.store(0, Ordering::Relaxed);
        };
        fast.write(grant);
        let granted = fast.answer((7, 0), (0, 0), now).unwrap();
        assert_eq!((granted.allowed, granted.until), (true, Some(UnixSeconds::new(20))));
        assert_eq!(fast.answer((8, 0), (0, 0), now), None, "another gate");
        fast.features.at(1).unwrap().0.store(1, Ordering::Relaxed);
        let denied = fast.answer((7, 0), (0, 1), now).unwrap();
        assert_eq!((denied.allowed, denied.reason), (false, Reason::FeatureNotGranted));
        assert_eq!(fast.answer((7, 0), (0, 2), now), None, "a feature without a bit");
        assert_eq!(fast.answer((7, 1), (0, 0), now), None, "a fork");
        assert_eq!(fast.answer((7, 0), (1, 0), now), None, "a camera without a grant");
        assert_eq!(fast.answer((7, 0), (0, 0), || Some(UnixSeconds::new(10))), None, "after its prime");
        fast.write(|| assert_eq!(fast.answer((7, 0), (0, 0), now), None, "while it is written"));
        let written_meanwhile = fast.answer((7, 0), (0, 0), || {
            fast.write(grant);
            now()
        });
        assert_eq!(written_meanwhile, None, "written between the reads and their check");
        fast.close();
        fast.write(|| {
            fast.tag.store(7, Ordering::Relaxed);
            fast.from.store(0, Ordering::Relaxed);
        });
        assert_eq!(fast.answer((7, 0), (0, 0), now), None, "the next gate in the slot has its own grants");
    }
}

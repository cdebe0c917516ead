//! The slots of a process: where gates answer from. A slot is never freed, so that a call on a gate that another thread
//! is closing, or has closed, is answered and not undefined; a closed slot is taken by the next gate that is opened.

use super::fast::Fast;
use super::handles::{CameraHandle, FeatureHandle, HandleError, Places, Registry, Resolved};
use super::reader::Snapshot;
use super::time::PublishedTime;
use crate::bundle::BundleError;
use crate::machine;
use crate::sharing::{NO_TAG, Tags, held};
use arc_swap::ArcSwap;
use brink_license::clock::{BootId, Reading};
use brink_license::{Decision, Reason, UnixSeconds};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

/// Most gates that are open at once: a host needs one, and a loop that forgets to close is noticed early.
pub const GATES_MAX: usize = 256;

/// Boxed, because the empty ones would otherwise stand in every program's file, five kilobytes each.
static SLOTS: [OnceLock<Box<Slot>>; GATES_MAX] = [const { OnceLock::new() }; GATES_MAX];
/// What tells a gate from the next one in its slot.
static TAGS: Tags = Tags::new();
/// How often this process is known to be a fork.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// Says that this process was just forked: every gate opened before answers [`Reason::NeedsReopen`] from now on. For a
/// handler of pthread_atfork(3); without one a gate notices by itself within three seconds.
pub fn forked() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

/// How often this process is known to be a fork.
#[inline]
pub(crate) fn forks() -> u32 {
    FORKS.load(Ordering::Relaxed)
}

/// Names an open gate to those who cannot own one, as the C ABI's hosts. Of a closed gate it names nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GateId {
    /// Which slot.
    pub slot: u32,
    /// Which of the gates that had it.
    pub tag: u32,
}

/// A look at the machine's clocks, and when it was taken by the clock that checks read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    pub(super) reading: Reading,
    pub(super) coarse: i64,
}

impl Taken {
    /// The coarse clock first: what happens between the two makes the look older, not newer.
    pub(super) fn now(boot: BootId) -> Self {
        let coarse = machine::coarse_seconds();
        Self { reading: machine::reading_of(boot), coarse }
    }
}

/// One gate's place.
#[derive(Debug)]
pub(super) struct Slot {
    taken: AtomicBool,
    published: ArcSwap<Published>,
    fast: Fast,
    time: PublishedTime,
    registry: Mutex<Registry>,
    refused: Mutex<Option<BundleError>>,
    /// Beside the bundle.
    journal: Mutex<Option<PathBuf>>,
}

/// What checks read. Immutable but for the room in `places`.
#[derive(Debug)]
struct Published {
    tag: u32,
    forks: u32,
    snapshot: Snapshot,
    places: Places,
}

impl Published {
    fn closed() -> Arc<Self> {
        Arc::new(Self { tag: NO_TAG, forks: 0, snapshot: Snapshot::empty(), places: Places::default() })
    }
}

/// An open gate, as everybody may use it.
#[derive(Clone, Copy, Debug)]
pub struct GateRef {
    slot: &'static Slot,
    tag: u32,
}

/// Finds a gate by its id. `None` for a slot that no gate ever had; a closed gate is found and answers as such.
#[inline]
#[must_use]
pub fn find(id: GateId) -> Option<GateRef> {
    let slot = SLOTS.get(id.slot as usize)?.get()?;
    (id.tag != NO_TAG).then_some(GateRef { slot, tag: id.tag })
}

/// Takes a free slot; `None` when all are taken.
pub(super) fn claim(snapshot: &Snapshot, taken: &Taken) -> Option<(GateId, GateRef)> {
    let (index, slot) = SLOTS.iter().enumerate().find_map(|(index, slot)| {
        let slot: &'static Slot = slot.get_or_init(|| Box::new(Slot::free()));
        let free = slot.taken.compare_exchange(false, true, Ordering::AcqRel, Ordering::Relaxed);
        free.is_ok().then_some((index, slot))
    })?;
    let tag = TAGS.next();
    let gate = GateRef { slot, tag };
    slot.time.claim();
    slot.time.publish(snapshot.standing().now, &taken.reading, taken.coarse);
    let mut registry = held(&slot.registry);
    *registry = Registry::default();
    let places = registry.places(snapshot.table());
    gate.put(snapshot.clone(), places, None);
    Some((GateId { slot: u32::try_from(index).unwrap_or(u32::MAX), tag }, gate))
}

impl Slot {
    fn free() -> Self {
        Self {
            taken: AtomicBool::new(false),
            published: ArcSwap::new(Published::closed()),
            fast: Fast::new(),
            time: PublishedTime::unset(),
            registry: Mutex::default(),
            refused: Mutex::default(),
            journal: Mutex::default(),
        }
    }
}

impl GateRef {
    /// May `camera` use `feature` now? No lock, system call or cryptography, and after a
    /// thread's first question no allocation.
    #[inline]
    #[must_use]
    pub fn check(self, camera: &str, feature: &str) -> Decision {
        // The snapshot is read first: its deadlines may be met with a later time, never with an earlier one.
        let published = self.slot.published.load();
        match self.slot.time.read() {
            Some(now) if self.is_open(&published) => published.snapshot.decide(camera, feature, now),
            Some(_) | None => Decision::refused(Reason::NeedsReopen),
        }
    }

    /// Asks one snapshot at one moment; `None` when the gate is closed or of another process.
    pub(super) fn at_once<T>(self, ask: impl FnOnce(&Snapshot, UnixSeconds) -> T) -> Option<T> {
        // In this order for the same reason as above.
        let published = self.slot.published.load();
        let now = self.slot.time.read()?;
        self.is_open(&published).then(|| ask(&published.snapshot, now))
    }

    /// The same by handles of this gate: a few loads instead of two look-ups by name.
    #[inline]
    #[must_use]
    pub fn check_handles(self, camera: CameraHandle, feature: FeatureHandle) -> Decision {
        let ours = (camera.gate ^ self.tag) | (feature.gate ^ self.tag) == 0;
        let known = (self.tag, FORKS.load(Ordering::Relaxed));
        let fast = self.slot.fast.answer(known, (camera.index, feature.index), || self.slot.time.read());
        match fast {
            Some(answer) if ours => answer,
            Some(_) | None => self.check_handles_with_care(camera, feature),
        }
    }

    fn check_handles_with_care(self, camera: CameraHandle, feature: FeatureHandle) -> Decision {
        let published = self.slot.published.load();
        let Some(now) = self.slot.time.read() else { return Decision::refused(Reason::NeedsReopen) };
        if (camera.gate ^ self.tag) | (feature.gate ^ self.tag) != 0 || !self.is_open(&published) {
            return self.refuse_handles(&published);
        }
        let places = (published.places.camera(camera.index), published.places.feature(feature.index));
        let (Some(camera), Some(feature)) = places else { return self.refuse_handles(&published) };
        let snapshot = &published.snapshot;
        snapshot.table().decide_at(snapshot.standing(), camera, feature, now)
    }

    #[cold]
    fn refuse_handles(self, published: &Published) -> Decision {
        let open = self.is_open(published);
        Decision::refused(if open { Reason::UnknownHandle } else { Reason::NeedsReopen })
    }

    #[inline]
    fn is_open(self, published: &Published) -> bool {
        (published.tag ^ self.tag) | (published.forks ^ FORKS.load(Ordering::Relaxed)) == 0
    }

    /// Whether the gate is closed, or of the process that this one was forked from.
    #[must_use]
    pub fn life(self) -> GateLife {
        let published = self.slot.published.load();
        if published.tag != self.tag {
            GateLife::Closed
        } else if !self.is_open(&published) || self.slot.time.is_foreign() {
            GateLife::Foreign
        } else {
            GateLife::Open
        }
    }

    /// The handle of a camera, licensed or not: what it stands for is looked up again for each bundle. Allocates.
    pub fn camera(self, name: &str) -> Result<CameraHandle, HandleError> {
        let index = self.resolve(|registry, published| {
            let table = published.snapshot.table();
            let resolved = registry.camera(name, &published.places, table)?;
            self.slot.fast.put_camera(resolved.index, name, table);
            Ok(resolved)
        })?;
        Ok(CameraHandle { gate: self.tag, index })
    }

    /// The handle of a feature, known or not. Allocates.
    pub fn feature(self, name: &str) -> Result<FeatureHandle, HandleError> {
        let index = self.resolve(|registry, published| {
            let table = published.snapshot.table();
            let resolved = registry.feature(name, &published.places, table)?;
            self.slot.fast.put_feature(resolved.index, name, table);
            Ok(resolved)
        })?;
        Ok(FeatureHandle { gate: self.tag, index })
    }

    fn resolve(
        self,
        resolve: impl FnOnce(&mut Registry, &Published) -> Result<Resolved, HandleError>,
    ) -> Result<u32, HandleError> {
        // Asked before the lock, which a fork may have left taken for ever.
        if self.life() != GateLife::Open {
            return Err(HandleError::NeedsReopen);
        }
        let mut registry = held(&self.slot.registry);
        let published = self.slot.published.load_full();
        if !self.is_open(&published) {
            return Err(HandleError::NeedsReopen);
        }
        let resolved = resolve(&mut registry, &published)?;
        if let Some(places) = resolved.grown {
            self.put(published.snapshot.clone(), places, None);
        }
        Ok(resolved.index)
    }

    /// The guarded time that checks use; `None` in a forked process.
    #[must_use]
    pub fn now(self) -> Option<UnixSeconds> {
        self.slot.time.read()
    }

    /// What is published, and why the file as it stands is not.
    pub(super) fn held(self) -> Option<(Snapshot, Option<BundleError>)> {
        if self.life() != GateLife::Open {
            return None;
        }
        let snapshot = self.slot.published.load().snapshot.clone();
        Some((snapshot, held(&self.slot.refused).clone()))
    }

    /// Publishes what a tick found. Only the gate's own ticker calls it.
    pub(super) fn publish(self, snapshot: &Snapshot, taken: &Taken) {
        // The time is stored first: see `check`.
        self.slot.time.publish(snapshot.standing().now, &taken.reading, taken.coarse);
        let before = self.slot.published.load_full();
        if before.snapshot.says_the_same(snapshot) {
            return;
        }
        let registry = held(&self.slot.registry);
        let before = self.slot.published.load_full();
        let same_table = std::ptr::eq(before.snapshot.table(), snapshot.table());
        let places = if same_table { before.places.clone() } else { registry.places(snapshot.table()) };
        self.put(snapshot.clone(), places, (!same_table).then_some(&registry));
    }

    /// Called with the registry locked, so that nothing published is lost. `names` are those to find in another table.
    fn put(self, snapshot: Snapshot, places: Places, names: Option<&Registry>) {
        let forks = FORKS.load(Ordering::Relaxed);
        self.slot.fast.publish((self.tag, forks), &snapshot, names);
        self.slot.published.store(Arc::new(Published { tag: self.tag, forks, snapshot, places }));
    }

    /// Keeps where usage is recorded.
    pub(super) fn keep_journal(self, directory: PathBuf) {
        *held(&self.slot.journal) = Some(directory);
    }

    /// Where usage is recorded; `None` when the gate is closed or of another process.
    pub(crate) fn journal(self) -> Option<PathBuf> {
        if self.life() != GateLife::Open {
            return None;
        }
        held(&self.slot.journal).clone()
    }

    /// Keeps why the file as it stands is not in force.
    pub(super) fn refuse(self, refused: Option<&BundleError>) {
        let mut last = held(&self.slot.refused);
        if last.as_ref() != refused {
            *last = refused.cloned();
        }
    }

    /// Whether the ticker of this gate runs in another process.
    pub(super) fn is_foreign(self) -> bool {
        self.slot.time.is_foreign()
    }

    /// Closes the gate and frees its slot for the next one. The ticker must have ended.
    pub(super) fn close(self) {
        let mut registry = held(&self.slot.registry);
        self.slot.fast.close();
        self.slot.published.store(Published::closed());
        *registry = Registry::default();
        drop(registry);
        *held(&self.slot.refused) = None;
        self.slot.taken.store(false, Ordering::Release);
    }
}

/// Whether a gate can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GateLife {
    /// It can.
    Open,
    /// It was closed.
    Closed,
    /// It belongs to the process that this one was forked from.
    Foreign,
}

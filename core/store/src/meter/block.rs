//! What a process has set aside of one meter's quota, durably, to count from memory.

use crate::journal::Aside;
use crate::sharing::held;
use brink_license::Slug;
use brink_license::usage::{Denial, Quantity};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

/// A block is one part in so many of the limit: several processes share a quota without keeping much of it from each other.
const PARTS: u32 = 64;
/// Looks for uses on their way into the queue before a block is closed for another turn.
const QUIET_LOOKS: usize = 1000;

/// One meter's block. Uses take from `left`; the flusher alone adds.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) meter: Slug,
    /// Uses have to be taken from the block; else they are recorded whatever they come to.
    firm: AtomicBool,
    /// Units of 10^-12 that may still be taken.
    left: AtomicU64,
    /// Uses that may have been taken and not been queued yet.
    entering: AtomicU32,
    /// Why there is no more, as of the flusher's last attempt.
    denial: Mutex<Option<Denial>>,
}

/// Why a use was not taken.
#[derive(Debug)]
pub(super) enum Untaken {
    /// The flusher has to set more aside first.
    Soon,
    /// There is no more.
    Denied(Denial),
}

/// A use that is on its way into the queue.
pub(super) struct Entering<'b>(&'b Block);

impl Drop for Entering<'_> {
    fn drop(&mut self) {
        self.0.entering.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Block {
    /// Of a meter that nobody has looked at: nothing is to be had.
    pub(super) fn new(meter: Slug) -> Self {
        Self {
            meter,
            firm: AtomicBool::new(true),
            left: AtomicU64::new(0),
            entering: AtomicU32::new(0),
            denial: Mutex::new(None),
        }
    }

    /// Says that a use is on its way until what comes back is dropped.
    #[inline]
    pub(super) fn enter(&self) -> Entering<'_> {
        self.entering.fetch_add(1, Ordering::SeqCst);
        Entering(self)
    }

    /// Takes a use.
    #[inline]
    pub(super) fn take(&self, quantity: Quantity) -> Result<(), Untaken> {
        if !self.firm.load(Ordering::SeqCst) {
            return Ok(());
        }
        let taken = u64::try_from(u128::from(quantity)).is_ok_and(|units| {
            let take = |left: u64| left.checked_sub(units);
            self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_ok()
        });
        if taken { Ok(()) } else { Err(self.why()) }
    }

    #[cold]
    fn why(&self) -> Untaken {
        // Whoever holds it is the flusher, and about to say something else.
        let denial = self.denial.try_lock().ok().and_then(|denial| denial.clone());
        denial.map_or(Untaken::Soon, Untaken::Denied)
    }

    /// Gives a use back that was taken and not queued.
    pub(super) fn put_back(&self, quantity: Quantity) {
        if self.firm.load(Ordering::SeqCst)
            && let Ok(units) = u64::try_from(u128::from(quantity))
        {
            self.left.fetch_add(units, Ordering::SeqCst);
        }
    }

    pub(super) fn left(&self) -> Quantity {
        Quantity::try_from(u128::from(self.left.load(Ordering::SeqCst))).unwrap_or_default()
    }

    pub(super) fn is_firm(&self) -> bool {
        self.firm.load(Ordering::SeqCst)
    }

    /// Nothing can be taken any more; answers what was left. Uses on their way may still have to be queued.
    pub(super) fn close(&self) -> Quantity {
        self.firm.store(true, Ordering::SeqCst);
        Quantity::try_from(u128::from(self.left.swap(0, Ordering::SeqCst))).unwrap_or_default()
    }

    /// Whether every use that was taken is queued.
    fn is_quiet(&self) -> bool {
        self.entering.load(Ordering::SeqCst) == 0
    }

    /// The same, looking for a while: whoever is on the way has a few instructions left.
    pub(super) fn is_soon_quiet(&self) -> bool {
        (0..QUIET_LOOKS).any(|_| {
            let quiet = self.is_quiet();
            if !quiet {
                std::thread::yield_now();
            }
            quiet
        })
    }

    /// Uses are recorded without being taken from anything.
    pub(super) fn open(&self) {
        self.firm.store(false, Ordering::SeqCst);
        *held(&self.denial) = None;
    }

    /// So much more may be taken.
    pub(super) fn add(&self, amount: Quantity) {
        *held(&self.denial) = None;
        self.left.fetch_add(u64::try_from(u128::from(amount)).unwrap_or_default(), Ordering::SeqCst);
    }

    /// There is no more.
    pub(super) fn deny(&self, denial: Denial) {
        *held(&self.denial) = Some(denial);
    }
}

/// How large a block of a limit is: at least one unit, and what fits into the counter.
pub(super) fn size_of(limit: Quantity) -> Quantity {
    let most = Quantity::try_from(u128::from(u64::MAX / 4)).unwrap_or_default();
    limit.part(PARTS).max(Quantity::whole(1)).min(most)
}

/// What the flusher knows of a block.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// Set aside and not recorded yet: what is left, and what waits in the queue.
    pub(super) aside: Option<Aside>,
    /// Turns until the next attempt after a denial.
    pub(super) resting: u32,
}

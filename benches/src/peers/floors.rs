//! The floors: one look-up of one ready-made key, and one of a ready-made place, behind the same swap and a cached time.

use arc_swap::ArcSwap;
use hashbrown::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

pub type Hasher = foldhash::fast::RandomState;

/// A map from one text to a deadline.
pub struct StringKey {
    table: ArcSwap<HashMap<String, i64, Hasher>>,
    now: AtomicI64,
}

impl StringKey {
    pub fn of(keys: &[String], now: i64) -> Self {
        let table = keys.iter().map(|key| (key.clone(), super::UNTIL)).collect();
        Self { table: ArcSwap::new(Arc::new(table)), now: AtomicI64::new(now) }
    }

    #[inline]
    pub fn check(&self, key: &str) -> bool {
        let now = self.now.load(Ordering::Acquire);
        self.table.load().get(key).is_some_and(|until| now < *until)
    }
}

/// Index to row to bit.
pub struct Dense {
    table: ArcSwap<Rows>,
    now: AtomicI64,
}

struct Rows {
    rows: Box<[u32]>,
    bits: Box<[u64]>,
    until: i64,
}

impl Dense {
    /// Camera by camera the row of its grant, and row by row the bits of its features.
    pub fn of(rows: Box<[u32]>, bits: Box<[u64]>, now: i64) -> Self {
        let table = Rows { rows, bits, until: super::UNTIL };
        Self { table: ArcSwap::new(Arc::new(table)), now: AtomicI64::new(now) }
    }

    #[inline]
    pub fn check(&self, camera: u32, bit: u32) -> bool {
        let now = self.now.load(Ordering::Acquire);
        let table = self.table.load();
        let Some(row) = table.rows.get(camera as usize) else { return false };
        let word = table.bits.get(*row as usize).copied().unwrap_or_default();
        word >> (bit % u64::BITS) & 1 == 1 && now < table.until
    }
}

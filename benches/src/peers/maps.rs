//! Concurrent maps, with the hasher that everybody else here has.

use super::floors::Hasher;
use dashmap::DashMap;

pub fn dashmap(keys: &[String]) -> DashMap<String, i64, Hasher> {
    keys.iter().map(|key| (key.clone(), super::UNTIL)).collect()
}

/// Bounded above what it holds, so that nothing is evicted.
pub fn moka(keys: &[String]) -> moka::sync::Cache<String, i64, Hasher> {
    let capacity = 2 * keys.len() as u64;
    let cache = moka::sync::Cache::builder().max_capacity(capacity).build_with_hasher(Hasher::default());
    keys.iter().for_each(|key| cache.insert(key.clone(), super::UNTIL));
    cache.run_pending_tasks();
    assert_eq!(cache.entry_count(), keys.len() as u64, "moka holds every key");
    cache
}

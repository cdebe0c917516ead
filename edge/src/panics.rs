//! What a panic says.
//!
//! sled panics where it could report, for instance in its destructor when a disk refuses to sync. The vault's barrier
//! catches that, and the device works on; a backtrace on standard error would tell a person that the program has died.

use std::panic::{set_hook, take_hook};

/// From now on a panic inside of sled is one warning; any other says what it always says.
pub fn tell_sleds_apart() {
    let usual = take_hook();
    set_hook(Box::new(move |panic| match panic.location() {
        Some(at) if is_sleds(at.file()) => {
            tracing::warn!(file = at.file(), line = at.line(), "sled gave up, and the vault does without it");
        }
        Some(_) | None => usual(panic),
    }));
}

/// Whether a source file belongs to sled, wherever its crate was unpacked.
fn is_sleds(file: &str) -> bool {
    file.split(['/', '\\']).any(|part| part.starts_with("sled-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sleds_own_files_are_sleds() {
        assert!(is_sleds("/registry/src/index/sled-0.34.7/src/pagecache/logger.rs"));
        assert!(!is_sleds("core/store/src/vault/barrier.rs") && !is_sleds("/src/bobsled-1/lib.rs"));
    }
}

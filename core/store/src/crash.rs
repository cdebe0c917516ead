//! The named places of a write at which tests look at what a killed process would leave behind.

/// A place in the order of an acceptance. The order of the variants is the order in which they are passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Point {
    /// The request is in `state.db` and may leave.
    PendingStored,
    /// Marks, ratchet and inbox are committed: the answer is accepted.
    StateCommitted,
    /// A notice that came by itself is committed.
    NoticeStored,
    /// A document of unnamed seats is committed.
    SeatsStored,
    /// A clock reset is committed, and the marks have not heard of it.
    ResetStored,
    /// The vault's writes are in sled, not yet synced.
    VaultInserted,
    /// The vault is synced.
    VaultSynced,
    /// A temporary file is complete.
    TemporaryWritten,
    /// The temporary file has its name.
    Renamed,
    /// The bundle is published.
    BundlePublished,
    /// The inbox is empty again.
    InboxCleared,
    /// A slot of the anchor is written over, not yet synced.
    AnchorWritten,
    /// The anchor is synced.
    AnchorSynced,
    /// A host has read the bundle and not judged it yet. No place of a write: anything may be written meanwhile.
    BundleRead,
}

/// Passes a place. Free of charge outside of tests.
#[cfg(not(test))]
#[inline]
pub(crate) const fn reached(_point: Point) {}

#[cfg(test)]
pub(crate) use observed::reached;

#[cfg(test)]
pub(crate) mod observed {
    use super::Point;
    use std::cell::RefCell;
    use std::path::Path;

    type Observer = Box<dyn FnMut(Point)>;

    thread_local! {
        static OBSERVER: RefCell<Option<Observer>> = const { RefCell::new(None) };
    }

    pub(crate) fn reached(point: Point) {
        OBSERVER.with_borrow_mut(|observer| {
            if let Some(observer) = observer {
                observer(point);
            }
        });
    }

    /// Runs `work` while `observer` sees every place that it passes.
    pub(crate) fn observing<T>(observer: impl FnMut(Point) + 'static, work: impl FnOnce() -> T) -> T {
        OBSERVER.set(Some(Box::new(observer)));
        let result = work();
        OBSERVER.set(None);
        result
    }

    /// What a killed process would leave: every file as the kernel has it now.
    pub(crate) fn copy_tree(from: &Path, to: &Path) {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            let target = to.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                copy_tree(&entry.path(), &target);
            } else {
                std::fs::copy(entry.path(), target).unwrap();
            }
        }
    }
}

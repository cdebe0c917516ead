//! One writer per device directory.

use crate::{Layout, StoreError};
use rustix::process::geteuid;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// The right to write in a device directory, held until it is dropped; the kernel takes it back from a dead process.
///
/// It is flock(2) on `agent.lock`, which stays in place: a file that is removed and made anew could be locked twice.
#[derive(Debug)]
pub struct WriterLock {
    // Never read: holding it open is what holds the lock.
    _file: File,
    layout: Layout,
}

impl WriterLock {
    /// Takes the lock, or says that another process has it. Never waits.
    pub fn acquire(layout: &Layout) -> Result<Self, StoreError> {
        let path = layout.lock();
        let file = match open(layout, &path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(StoreError::NoStore { dir: layout.dir().to_owned() });
            }
            Err(error) => return Err(StoreError::io(&path, "open it")(error)),
        };
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file, layout: layout.clone() }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked { dir: layout.dir().to_owned() }),
            Err(TryLockError::Error(error)) => Err(StoreError::io(&path, "lock it")(error)),
        }
    }

    /// The directory that it is for.
    #[must_use]
    pub const fn layout(&self) -> &Layout {
        &self.layout
    }
}

/// Opens the file or makes it. What root makes in another user's directory belongs to that user, or their agent could
/// never lock it.
fn open(layout: &Layout, path: &Path) -> io::Result<File> {
    match OpenOptions::new().create_new(true).write(true).mode(0o600).open(path) {
        Ok(file) if geteuid().is_root() => {
            let owner = std::fs::metadata(layout.dir())?.uid();
            std::os::unix::fs::fchown(&file, Some(owner), None)?;
            Ok(file)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            OpenOptions::new().write(true).open(path)
        }
        opened => opened,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_writer_is_refused_until_the_first_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path());
        let first = WriterLock::acquire(&layout).unwrap();
        let refused = WriterLock::acquire(&layout).unwrap_err();
        assert_eq!(refused, StoreError::Locked { dir: dir.path().to_owned() });
        assert!(refused.to_string().contains("another brink-edge is at work in"), "{refused}");
        drop(first);
        WriterLock::acquire(&layout).unwrap();
    }
}

//! The two numbers of the journal's header that say how it is written and read (SQLite, "Database File Format", 1.3.3).
//!
//! Closing any descriptor of a file takes away every lock that this process has on it (fcntl(2)), those of SQLite's connections
//! with them: whoever opens and closes the journal next is the last for all that it knows, and removes the log from under us. So
//! the descriptor that reads the header stays open for as long as the file has a name.

use super::inode_of;
use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::{LazyLock, Mutex, PoisonError};

/// By device and inode.
static KEPT: LazyLock<Mutex<HashMap<(u64, u64), File>>> = LazyLock::new(Mutex::default);

/// Whether the file says that it has a log, for readers and for writers: of another number for writers SQLite opens it, and
/// lets nobody write.
pub(super) fn says_wal(path: &Path) -> bool {
    let mut header = [0; 20];
    let read = inode_of(path).ok().and_then(|inode| read(path, inode, &mut header));
    read.is_some() && header[18..] == [2, 2]
}

fn read(path: &Path, inode: (u64, u64), header: &mut [u8]) -> Option<()> {
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if !kept.contains_key(&inode) {
        // Of a file without a name nobody opens another descriptor.
        kept.retain(|_, file| file.metadata().is_ok_and(|found| found.nlink() > 0));
        let file = File::open(path).ok()?;
        let found = file.metadata().ok()?;
        kept.insert((found.dev(), found.ino()), file);
    }
    kept.get(&inode)?.read_exact_at(header, 0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Locks of this process on a file, as the kernel lists them.
    fn locks(path: &Path) -> usize {
        let (inode, process) = (path.metadata().unwrap().ino(), std::process::id().to_string());
        let held = std::fs::read_to_string("/proc/locks").unwrap();
        let of = |line: &&str| {
            let fields: Vec<_> = line.split_whitespace().collect();
            fields.contains(&process.as_str())
                && fields.iter().any(|field| field.ends_with(&format!(":{inode}")))
        };
        held.lines().filter(of).count()
    }

    #[test]
    fn reading_the_header_takes_no_lock_away() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        let conn = rusqlite::Connection::open(&path).unwrap();
        conn.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (x); INSERT INTO t VALUES (1)")
            .unwrap();
        let before = locks(&path);
        assert!(before > 0, "SQLite holds a lock for as long as it has a log");
        for _ in 0..3 {
            assert!(says_wal(&path));
        }
        assert_eq!(locks(&path), before);
        drop(conn);
        // Another file under the name is another file.
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, [1; 100]).unwrap();
        assert!(!says_wal(&path));
        std::fs::remove_file(&path).unwrap();
        assert!(!says_wal(&path));
    }
}

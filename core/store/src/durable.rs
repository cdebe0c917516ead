//! Files that are whole or absent, whatever happens while they are written.

use crate::StoreError;
use crate::crash::{Point, reached};
use std::ffi::OsString;
use std::fs::{File, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Between a file's name and what makes its temporary name unique.
const TEMPORARY_MARK: &str = ".tmp-";
/// A temporary name that is taken is left by a killed process with our id; the next number is free.
const NAMES_TRIED_MAX: u32 = 64;

/// Replaces `path` by these bytes, durable when this returns; a reader sees the old file or the new one, whole.
///
/// Its steps carry numbers because each is a place where the power may go:
pub fn write_atomically(path: &Path, bytes: &[u8], mode: u32) -> Result<(), StoreError> {
    // 1. A temporary in the same directory, never one that exists, with its mode before its content.
    let (temporary, mut file) = create_temporary(path, mode)?;
    let written = fill(&mut file, &temporary, bytes).and_then(|()| {
        reached(Point::TemporaryWritten);
        // 4. The name moves to the new content (rename(2) is atomic).
        std::fs::rename(&temporary, path).map_err(StoreError::io(path, "put the new file in its place"))
    });
    if written.is_err() {
        // What is left of a failed attempt is of no use; if it cannot be removed the next start does it.
        let _ = std::fs::remove_file(&temporary);
    }
    written?;
    reached(Point::Renamed);
    // 5. The directory entry survives a power cut only once the directory is synced.
    sync_directory(directory_of(path))
}

fn fill(file: &mut File, temporary: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    // 2. The content.
    file.write_all(bytes).map_err(StoreError::io(temporary, "write it"))?;
    // 3. On the disk before anything points to it.
    file.sync_all().map_err(StoreError::io(temporary, "sync it"))
}

fn create_temporary(path: &Path, mode: u32) -> Result<(PathBuf, File), StoreError> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let mut last = None;
    for _ in 0..NAMES_TRIED_MAX {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let mut name = temporary_prefix(path);
        name.push(format!("{}-{number}", std::process::id()));
        let temporary = path.with_file_name(name);
        match OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary) {
            Ok(file) => {
                // The umask may have taken bits away.
                let set = file.set_permissions(Permissions::from_mode(mode));
                set.map_err(StoreError::io(&temporary, "set its mode"))?;
                return Ok((temporary, file));
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => last = Some(error),
            Err(error) => return Err(StoreError::io(&temporary, "create it")(error)),
        }
    }
    let error = last.unwrap_or_else(|| std::io::ErrorKind::AlreadyExists.into());
    Err(StoreError::io(path, "find a free temporary name")(error))
}

/// `.NAME.tmp-`: hidden, beside the file, told apart from every file of ours.
fn temporary_prefix(path: &Path) -> OsString {
    let mut prefix = OsString::from(".");
    prefix.push(path.file_name().unwrap_or_default());
    prefix.push(TEMPORARY_MARK);
    prefix
}

/// Removes what killed writers of `path` left. Only the one writer may call it: another's temporary is not stale.
pub(crate) fn remove_stale_temporaries(path: &Path) -> Result<(), StoreError> {
    let directory = directory_of(path);
    let prefix = temporary_prefix(path);
    let listing = std::fs::read_dir(directory).map_err(StoreError::io(directory, "list it"))?;
    for entry in listing {
        let entry = entry.map_err(StoreError::io(directory, "list it"))?;
        if entry.file_name().as_encoded_bytes().starts_with(prefix.as_encoded_bytes()) {
            let stale = entry.path();
            std::fs::remove_file(&stale).map_err(StoreError::io(&stale, "remove it"))?;
        }
    }
    Ok(())
}

/// Makes created, renamed and removed names durable.
pub(crate) fn sync_directory(directory: &Path) -> Result<(), StoreError> {
    let synced = File::open(directory).and_then(|directory| directory.sync_all());
    synced.map_err(StoreError::io(directory, "sync it"))
}

/// Renames within one directory, durable when this returns.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    std::fs::rename(from, to).map_err(StoreError::io(from, "rename it"))?;
    sync_directory(directory_of(to))
}

pub(crate) fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        Some(_) | None => Path::new("."),
    }
}

/// Whether the name is taken, by anything: a dangling link too.
pub(crate) fn exists(path: &Path) -> Result<bool, StoreError> {
    match path.symlink_metadata() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(StoreError::io(path, "look for it")(error)),
    }
}

pub(crate) fn remove_if_there(path: &Path) -> Result<(), StoreError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(StoreError::io(path, "remove it")(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A whole file of at most `bytes_max`; `None` when it is absent.
pub(crate) fn read_if_present(path: &Path, bytes_max: usize) -> Result<Option<Vec<u8>>, StoreError> {
    use std::io::Read;
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StoreError::io(path, "open it")(error)),
    };
    let mut bytes = Vec::new();
    let read = file.take(bytes_max as u64 + 1).read_to_end(&mut bytes);
    read.map_err(StoreError::io(path, "read it"))?;
    if bytes.len() > bytes_max {
        return Err(StoreError::io(path, "read it")(std::io::ErrorKind::FileTooLarge.into()));
    }
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> = std::fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_whole_with_its_mode_and_nothing_is_left_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        for (bytes, mode) in [(&b"one"[..], 0o600), (b"two, longer", 0o644)] {
            write_atomically(&path, bytes, mode).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), bytes);
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, mode);
        }
        assert_eq!(names(dir.path()), ["x"]);
    }

    #[test]
    fn a_failure_names_the_path_and_leaves_the_old_file() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("absent").join("x");
        let error = write_atomically(&missing, b"one", 0o600).unwrap_err();
        assert!(error.to_string().contains("absent"), "{error}");
        let blocked = dir.path().join("directory");
        std::fs::create_dir_all(blocked.join("full")).unwrap();
        assert!(write_atomically(&blocked, b"one", 0o600).is_err());
        assert_eq!(names(dir.path()), ["directory"], "the temporary of the failed attempt is gone");
    }

    #[test]
    fn only_the_temporaries_of_this_file_are_stale() {
        let dir = tempfile::tempdir().unwrap();
        for name in [".x.tmp-1-2", ".x.tmp-", ".y.tmp-1-2", "x.tmp-1", ".x"] {
            std::fs::write(dir.path().join(name), b"").unwrap();
        }
        remove_stale_temporaries(&dir.path().join("x")).unwrap();
        assert_eq!(names(dir.path()), [".x", ".y.tmp-1-2", "x.tmp-1"]);
    }
}

//! A file that has its name once it is whole and on the disk.

use super::BackupError;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use sha2::{Digest, Sha256};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A piece of a file that is read at once.
const PIECE_BYTES: usize = 64 * 1024;

pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// A file without its name yet; whatever is left of it goes with this.
pub(super) struct Partial {
    path: PathBuf,
}

impl Partial {
    pub(super) fn beside(named: &Path) -> Result<Self, BackupError> {
        let path = with_suffix(named, &format!(".{}.partial", std::process::id()));
        let new = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        new.map_err(|error| BackupError::Io { path: path.clone(), error })?;
        Ok(Self { path })
    }

    fn fail(&self, error: io::Error) -> BackupError {
        BackupError::Io { path: self.path.clone(), error }
    }

    /// Copies a file into it; answers its size and digest.
    pub(super) fn fill(&self, from: &Path) -> Result<(u64, [u8; 32]), BackupError> {
        let source = |error| BackupError::Io { path: from.to_owned(), error };
        let mut from = File::open(from).map_err(source)?;
        let mut to = OpenOptions::new().write(true).open(&self.path).map_err(|e| self.fail(e))?;
        let (mut digest, mut bytes, mut piece) = (Sha256::new(), 0, vec![0; PIECE_BYTES]);
        loop {
            let count = from.read(&mut piece).map_err(source)?;
            if count == 0 {
                return Ok((bytes, digest.finalize().into()));
            }
            digest.update(&piece[..count]);
            to.write_all(&piece[..count]).map_err(|e| self.fail(e))?;
            bytes += count as u64;
        }
    }

    /// Its size and digest.
    pub(super) fn digest(&self) -> Result<(u64, [u8; 32]), BackupError> {
        digest_of(&self.path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives it its name, unless something has it, once it is on the disk.
    pub(super) fn keep(self, named: &Path, taken: fn(PathBuf) -> BackupError) -> Result<(), BackupError> {
        if with_suffix(&self.path, "-wal").exists() {
            return Err(self.fail(io::Error::other("its last changes are not in it")));
        }
        File::open(&self.path).and_then(|file| file.sync_all()).map_err(|e| self.fail(e))?;
        match renameat_with(CWD, &self.path, CWD, named, RenameFlags::NOREPLACE) {
            Ok(()) => {}
            Err(rustix::io::Errno::EXIST) => return Err(taken(named.to_owned())),
            Err(errno) => return Err(self.fail(errno.into())),
        }
        let folder = named.parent().filter(|folder| !folder.as_os_str().is_empty());
        let synced = File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all());
        synced.map_err(|e| self.fail(e))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        for suffix in ["", "-wal", "-shm", "-journal"] {
            let _ = fs::remove_file(with_suffix(&self.path, suffix));
        }
    }
}

/// The size and digest of a file.
pub(super) fn digest_of(path: &Path) -> Result<(u64, [u8; 32]), BackupError> {
    let fail = |error| BackupError::Io { path: path.to_owned(), error };
    let mut file = File::open(path).map_err(fail)?;
    let (mut digest, mut bytes, mut piece) = (Sha256::new(), 0, vec![0; PIECE_BYTES]);
    loop {
        let count = file.read(&mut piece).map_err(fail)?;
        if count == 0 {
            return Ok((bytes, digest.finalize().into()));
        }
        digest.update(&piece[..count]);
        bytes += count as u64;
    }
}

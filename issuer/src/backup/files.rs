//! SQLite: a backup is a database in one file.

use super::BackupError;
use crate::config::DataDir;
use crate::keys::{KeysError, load_keyset};
use crate::storage::sqlite::SqliteStorage;
use crate::storage::{Actor, AuditBooks, AuditNote, Holdings, Probes, Storage, StorageError};
use brink_license::keyset::manifests_to_publish;
use brink_license::{IssuerName, UnixSeconds};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use sha2::{Digest, Sha256};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A piece of a file that is read at once.
const PIECE_BYTES: usize = 64 * 1024;

/// A backup that was found whole.
#[derive(Clone, Debug)]
pub struct Backup {
    /// The issuer.
    pub issuer: IssuerName,
    /// What is in it.
    pub holdings: Holdings,
    /// The size of its file.
    pub bytes: u64,
    /// The digest of its file.
    pub sha256: [u8; 32],
}

/// Writes the database as it is at one moment into a file that only its owner may read, while others go on with it.
pub fn back_up(database: &Path, out: &Path) -> Result<Backup, BackupError> {
    if out.symlink_metadata().is_ok() {
        return Err(BackupError::Exists(out.to_owned()));
    }
    let storage = SqliteStorage::open(database)?;
    let partial = Partial::beside(out)?;
    storage.write_into(partial.path.to_str().ok_or_else(|| BackupError::Name(out.to_owned()))?)?;
    drop(storage);
    // What was written is what counts: it is read back before it gets its name.
    let copy = examined(&partial.path, out)?;
    let (issuer, holdings) = (copy.issuer()?.name, copy.holdings()?);
    drop(copy);
    let (bytes, sha256) = partial.digest()?;
    partial.keep(out, BackupError::Exists)?;
    Ok(Backup { issuer, holdings, bytes, sha256 })
}

/// Puts a backup where there is no database, if it is one of the issuer whose keys are there, and brings its schema up to
/// date. The restored database says so in its own audit.
pub fn restore(
    data: &DataDir,
    backup: &Path,
    (now, actor): (UnixSeconds, &Actor),
) -> Result<Backup, BackupError> {
    let database = data.database();
    for suffix in ["", "-wal", "-shm", "-journal"] {
        // What a database left beside it would be taken for the restored one's.
        let path = with_suffix(&database, suffix);
        if path.symlink_metadata().is_ok() {
            return Err(BackupError::NotEmpty(path));
        }
    }
    if !data.trust().exists() {
        return Err(BackupError::NoTrust(data.trust()));
    }
    let partial = Partial::beside(&database)?;
    let (bytes, sha256) = partial.fill(backup)?;
    let copy = examined(&partial.path, backup)?;
    let issuer = check_issuer(data, &copy, backup)?;
    drop(copy);
    // From here on it is a database of ours: an older one is brought up to date.
    let restored = SqliteStorage::open(&partial.path)?;
    let holdings = restored.holdings()?;
    let digest: String = sha256.iter().map(|byte| format!("{byte:02x}")).collect();
    restored.add_note(&AuditNote {
        at: now,
        actor: actor.clone(),
        action: "database.restore",
        tenant: None,
        subject: issuer.to_string(),
        detail: serde_json::json!({
            "sha256": digest, "devices": holdings.devices, "last_exchange_at": holdings.last_exchange_at,
        }),
    })?;
    drop(restored);
    partial.keep(&database, BackupError::NotEmpty)?;
    Ok(Backup { issuer, holdings, bytes, sha256 })
}

/// Opened as it is, once every page and every reference in it is sound. `named` is what people know it by.
fn examined(path: &Path, named: &Path) -> Result<SqliteStorage, BackupError> {
    let damaged = |problem: String| BackupError::Damaged { path: named.to_owned(), problem };
    match SqliteStorage::examine(path) {
        Ok(storage) => Ok(storage),
        Err(error @ StorageError::SchemaNewer { .. }) => Err(BackupError::Storage(error)),
        Err(StorageError::Engine(error)) => Err(damaged(error.to_string())),
        Err(error) => Err(damaged(error.to_string())),
    }
}

/// The backup's issuer, whose roots are those that `trust.json` pins.
fn check_issuer(data: &DataDir, copy: &SqliteStorage, backup: &Path) -> Result<IssuerName, BackupError> {
    let other = |error| BackupError::OtherIssuer { path: backup.to_owned(), error };
    let (issuer, manifests) = (copy.issuer()?, copy.manifests()?);
    let published = manifests_to_publish(&manifests).map_err(|e| other(KeysError::Manifest(e)))?;
    load_keyset(data, &issuer, &published).map_err(other)?;
    Ok(issuer.name)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// A file without its name yet; whatever is left of it goes with this.
struct Partial {
    path: PathBuf,
}

impl Partial {
    fn beside(named: &Path) -> Result<Self, BackupError> {
        let path = with_suffix(named, &format!(".{}.partial", std::process::id()));
        let new = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        new.map_err(|error| BackupError::Io { path: path.clone(), error })?;
        Ok(Self { path })
    }

    fn fail(&self, error: io::Error) -> BackupError {
        BackupError::Io { path: self.path.clone(), error }
    }

    /// Copies a file into it; answers its size and digest.
    fn fill(&self, from: &Path) -> Result<(u64, [u8; 32]), BackupError> {
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

    fn digest(&self) -> Result<(u64, [u8; 32]), BackupError> {
        let (mut digest, mut bytes, mut piece) = (Sha256::new(), 0, vec![0; PIECE_BYTES]);
        let mut file = File::open(&self.path).map_err(|e| self.fail(e))?;
        loop {
            let count = file.read(&mut piece).map_err(|e| self.fail(e))?;
            if count == 0 {
                return Ok((bytes, digest.finalize().into()));
            }
            digest.update(&piece[..count]);
            bytes += count as u64;
        }
    }

    /// Gives it its name, unless something has it, once it is on the disk.
    fn keep(self, named: &Path, taken: fn(PathBuf) -> BackupError) -> Result<(), BackupError> {
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

//! Files that hold secrets: who may reach them, how they are read, and how they are created without ever being
//! half there, readable by others or written over something else.

use crate::{KeyFault, KeyFileError};
use rustix::fs::{Mode, OFlags};
use std::fs::{File, Metadata, OpenOptions, Permissions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// What a file holds, which decides who may reach it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// A private key: nobody but the owner, and never through a link that could point elsewhere tomorrow.
    PrivateKey,
    /// The public half: readable by all. Nothing is believed because it stands there; it is only compared with.
    PublicHalf,
    /// A passphrase: nobody but the owner. A link may lead there, because mounted secrets are links.
    Passphrase,
}

impl Content {
    const fn is_secret(self) -> bool {
        match self {
            Content::PrivateKey | Content::Passphrase => true,
            Content::PublicHalf => false,
        }
    }

    const fn follows_links(self) -> bool {
        match self {
            Content::Passphrase => true,
            Content::PrivateKey | Content::PublicHalf => false,
        }
    }

    const fn mode(self) -> u32 {
        if self.is_secret() { 0o600 } else { 0o644 }
    }
}

/// Reads a whole file after checking, on the opened file and not on its name, that it is what it should be.
pub(crate) fn read(
    path: &Path,
    content: Content,
    bytes_max: usize,
) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let fail = |fault| KeyFileError::new(path, fault);
    let mut file = open(path, content).map_err(fail)?;
    let metadata = file.metadata().map_err(|e| fail(KeyFault::io("look at it", e.kind())))?;
    check_kind(&metadata).map_err(fail)?;
    if content.is_secret() {
        let euid = rustix::process::geteuid().as_raw();
        check_access(metadata.mode(), metadata.uid(), euid).map_err(fail)?;
    }
    read_bounded(&mut file, bytes_max).map_err(fail)
}

fn open(path: &Path, content: Content) -> Result<File, KeyFault> {
    // NONBLOCK: opening a pipe in place of the file must not hang; it is refused right after.
    let mut flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    if !content.follows_links() {
        flags |= OFlags::NOFOLLOW;
    }
    match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(descriptor) => Ok(File::from(descriptor)),
        Err(rustix::io::Errno::LOOP) => Err(KeyFault::NotAFile { found: "a symbolic link" }),
        Err(errno) => Err(KeyFault::io("open it", errno.kind())),
    }
}

fn check_kind(metadata: &Metadata) -> Result<(), KeyFault> {
    let kind = metadata.file_type();
    if kind.is_file() {
        return Ok(());
    }
    let found = if kind.is_dir() {
        "a directory"
    } else if kind.is_fifo() {
        "a pipe"
    } else {
        "a device or socket"
    };
    Err(KeyFault::NotAFile { found })
}

/// Any of the bits 0077 means that a secret is shared. An owner other than root or ourselves can read and replace it.
fn check_access(mode: u32, owner: u32, euid: u32) -> Result<(), KeyFault> {
    if mode & 0o077 != 0 {
        return Err(KeyFault::Mode { mode: mode & 0o7777 });
    }
    if owner != euid && owner != 0 {
        return Err(KeyFault::Owner { owner, euid });
    }
    Ok(())
}

/// Reads to the end into one buffer that is never reallocated, so that no copy escapes being wiped.
pub(crate) fn read_bounded(source: &mut impl Read, bytes_max: usize) -> Result<Zeroizing<Vec<u8>>, KeyFault> {
    let mut bytes = Zeroizing::new(vec![0u8; bytes_max + 1]);
    let mut filled = 0;
    while filled < bytes.len() {
        match source.read(&mut bytes[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(KeyFault::io("read it", error.kind())),
        }
    }
    if filled > bytes_max {
        return Err(KeyFault::TooLarge { bytes_max });
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// Refuses early when the name is taken, before an expensive derivation. [`create`] is what guarantees it.
pub(crate) fn check_absent(path: &Path) -> Result<(), KeyFileError> {
    match path.symlink_metadata() {
        Ok(_) => Err(KeyFileError::new(path, KeyFault::Exists)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(KeyFileError::new(path, KeyFault::io("look for it", error.kind()))),
    }
}

/// Creates `path` with these bytes, durable when this returns; fails if the name is taken.
///
/// A hard link and not a rename puts the finished file in its place, because a rename would replace what is there.
pub(crate) fn create(path: &Path, content: Content, bytes: &[u8]) -> Result<(), KeyFileError> {
    let fail = |fault| KeyFileError::new(path, fault);
    let temporary = Temporary::beside(path).map_err(fail)?;
    temporary.write(content.mode(), bytes).map_err(fail)?;
    std::fs::hard_link(&temporary.path, path).map_err(|error| {
        let taken = error.kind() == ErrorKind::AlreadyExists;
        let refused = KeyFault::Io { doing: "put it in its place", kind: error.kind() };
        fail(if taken { KeyFault::Exists } else { refused })
    })?;
    drop(temporary);
    sync_directory(path).map_err(fail)
}

/// Removes a file that this process has just created, as far as the system lets it.
pub(crate) fn undo_create(path: &Path) {
    // A failure here leaves a public half without a key, and the next attempt names it.
    let _ = std::fs::remove_file(path);
    let _ = sync_directory(path);
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    }
}

fn sync_directory(path: &Path) -> Result<(), KeyFault> {
    File::open(directory_of(path))
        .and_then(|directory| directory.sync_all())
        .map_err(|error| KeyFault::Io { doing: "make its directory durable", kind: error.kind() })
}

/// A file being written under a name that nobody guesses; removed when dropped.
struct Temporary {
    path: PathBuf,
}

impl Temporary {
    fn beside(path: &Path) -> Result<Self, KeyFault> {
        let name = path.file_name().ok_or(KeyFault::FileName)?.to_string_lossy();
        let unique = getrandom::u64().map_err(|_| KeyFault::Random)?;
        Ok(Self { path: directory_of(path).join(format!(".{name}.{unique:016x}.tmp")) })
    }

    fn write(&self, mode: u32, bytes: &[u8]) -> Result<(), KeyFault> {
        let io = |doing| move |error: std::io::Error| KeyFault::Io { doing, kind: error.kind() };
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&self.path)
            .map_err(io("create it in its directory"))?;
        // Once more and exactly: the umask has cut the mode given at creation.
        file.set_permissions(Permissions::from_mode(mode)).map_err(io("set its mode"))?;
        file.write_all(bytes).map_err(io("write it"))?;
        file.sync_all().map_err(io("make it durable"))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // Nothing to remove when it was never created.
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OTHER: u32 = 54_321;

    #[test]
    fn only_the_owner_and_root_may_own_and_only_the_owner_may_reach() {
        assert_eq!(check_access(0o100_600, 1000, 1000), Ok(()));
        assert_eq!(check_access(0o100_400, 0, 1000), Ok(()));
        assert_eq!(check_access(0o100_600, OTHER, 1000), Err(KeyFault::Owner { owner: OTHER, euid: 1000 }));
        assert_eq!(check_access(0o100_600, OTHER, 0), Err(KeyFault::Owner { owner: OTHER, euid: 0 }));
        for bit in 0..6 {
            let mode = 0o100_600 | 1 << bit;
            assert_eq!(check_access(mode, 1000, 1000), Err(KeyFault::Mode { mode: mode & 0o7777 }));
        }
    }

    #[test]
    fn what_is_not_a_regular_file_is_named_for_what_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().join("real");
        create(&real, Content::PrivateKey, b"x").unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let pipe = dir.path().join("pipe");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &pipe,
            rustix::fs::FileType::Fifo,
            Mode::from_raw_mode(0o600),
            0,
        )
        .unwrap();
        let found = |path: &Path, content| read(path, content, 16).map(|_| ()).map_err(|e| e.fault().clone());
        let not = |found| Err(KeyFault::NotAFile { found });
        assert_eq!(found(&link, Content::PrivateKey), not("a symbolic link"));
        assert_eq!(found(&link, Content::PublicHalf), not("a symbolic link"));
        assert_eq!(found(&link, Content::Passphrase), Ok(()), "mounted secrets are links");
        assert_eq!(found(dir.path(), Content::PrivateKey), not("a directory"));
        assert_eq!(found(&pipe, Content::PrivateKey), not("a pipe"));
        assert_eq!(found(Path::new("/dev/null"), Content::Passphrase), not("a device or socket"));
        assert_eq!(found(&dir.path().join("none"), Content::PrivateKey), Err(KeyFault::Missing));
    }

    #[test]
    fn a_foreign_file_is_refused_even_to_root() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("foreign");
        create(&path, Content::PrivateKey, b"x").unwrap();
        if std::os::unix::fs::chown(&path, Some(OTHER), None).is_err() {
            return; // only root may give a file away; check_access is tested for everybody
        }
        let error = read(&path, Content::PrivateKey, 16).unwrap_err();
        assert_eq!(error.code(), "KEYFILE_OWNER");
        assert!(error.to_string().contains("uid 54321"), "{error}");
    }

    #[test]
    fn the_bound_is_exact() {
        let read = |bytes: &[u8], max| read_bounded(&mut &bytes[..], max).map(|read| read.to_vec());
        assert_eq!(read(b"1234", 4), Ok(b"1234".to_vec()));
        assert_eq!(read(b"12345", 4), Err(KeyFault::TooLarge { bytes_max: 4 }));
        assert_eq!(read(b"", 4), Ok(Vec::new()));
    }

    #[test]
    fn creating_sets_the_mode_keeps_what_is_there_and_leaves_no_traces() {
        let dir = tempfile::tempdir().unwrap();
        let (secret, public) = (dir.path().join("a"), dir.path().join("b"));
        create(&secret, Content::PrivateKey, b"one").unwrap();
        create(&public, Content::PublicHalf, b"two").unwrap();
        assert_eq!(secret.metadata().unwrap().mode() & 0o7777, 0o600);
        assert_eq!(public.metadata().unwrap().mode() & 0o7777, 0o644);
        assert_eq!(create(&secret, Content::PrivateKey, b"three").unwrap_err().code(), "KEYFILE_EXISTS");
        assert_eq!(std::fs::read(&secret).unwrap(), b"one");
        // A link to nowhere is something, too.
        let dangling = dir.path().join("c");
        std::os::unix::fs::symlink(dir.path().join("nowhere"), &dangling).unwrap();
        assert_eq!(check_absent(&dangling).unwrap_err().code(), "KEYFILE_EXISTS");
        assert_eq!(create(&dangling, Content::PrivateKey, b"x").unwrap_err().code(), "KEYFILE_EXISTS");
        let mut names: Vec<_> =
            std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["a", "b", "c"]);
    }

    #[test]
    fn a_missing_directory_is_an_error_that_says_so() {
        let error = create(Path::new("/nonexistent/dir/a.key"), Content::PrivateKey, b"x").unwrap_err();
        assert_eq!(error.code(), "KEYFILE_IO");
        assert!(error.to_string().contains("create it in its directory"), "{error}");
    }
}

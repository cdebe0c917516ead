//! Passphrases, which come from a file or from an open descriptor and from nowhere else: the environment and the
//! arguments of a process can be read by others and end up in histories and logs.

use crate::secret_file::{self, Content};
use crate::{KeyFault, KeyFileError};
use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Longest passphrase in bytes: far above what a person or a generator writes, and a bound on what is read.
const PASSPHRASE_BYTES_MAX: usize = 4096;

/// A passphrase; wiped when dropped, and never shown.
pub struct Passphrase(Zeroizing<Vec<u8>>);

impl Passphrase {
    /// Reads a file that only its owner may reach. One newline at the end is not part of the passphrase.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, KeyFileError> {
        let path = path.as_ref();
        let bytes = secret_file::read(path, Content::Passphrase, PASSPHRASE_BYTES_MAX)?;
        Self::from_bytes(bytes).map_err(|fault| KeyFileError::new(path, fault))
    }

    /// Reads a descriptor that the process was started with, to its end. Whoever opened it has decided who may.
    pub fn from_fd(descriptor: u32) -> Result<Self, KeyFileError> {
        let name = PathBuf::from(format!("/dev/fd/{descriptor}"));
        let read = || {
            let mut source = open_descriptor(descriptor)?;
            Self::from_bytes(secret_file::read_bounded(&mut source, PASSPHRASE_BYTES_MAX)?)
        };
        read().map_err(|fault| KeyFileError::new(&name, fault))
    }

    pub(crate) fn from_bytes(mut bytes: Zeroizing<Vec<u8>>) -> Result<Self, KeyFault> {
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
        }
        if bytes.is_empty() { Err(KeyFault::PassphraseEmpty) } else { Ok(Self(bytes)) }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(redacted)")
    }
}

/// A handle on an inherited descriptor, made without `unsafe`: `File::from_raw_fd` would have to trust the number.
///
/// Duplicating comes first, because a process that gave up root still holds what root opened but cannot open it again.
/// A container's system call filter may forbid that; then the descriptor's own path is opened.
fn open_descriptor(descriptor: u32) -> Result<File, KeyFault> {
    let number = i32::try_from(descriptor).map_err(|_| KeyFault::PassphraseDescriptor)?;
    duplicate(number).or_else(|_| reopen(number))
}

fn reopen(number: i32) -> Result<File, KeyFault> {
    File::open(format!("{DESCRIPTORS}/{number}")).map_err(|error| {
        let absent = error.kind() == io::ErrorKind::NotFound;
        if absent { KeyFault::PassphraseDescriptor } else { KeyFault::io("open it", error.kind()) }
    })
}

#[cfg(target_os = "linux")]
const DESCRIPTORS: &str = "/proc/self/fd";
#[cfg(not(target_os = "linux"))]
const DESCRIPTORS: &str = "/dev/fd";

#[cfg(target_os = "linux")]
fn duplicate(number: i32) -> io::Result<File> {
    use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
    let ourselves = pidfd_open(getpid(), PidfdFlags::empty())?;
    Ok(File::from(pidfd_getfd(ourselves, number, PidfdGetfdFlags::empty())?))
}

#[cfg(not(target_os = "linux"))]
fn duplicate(_number: i32) -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Seek, SeekFrom, Write};
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::PermissionsExt;

    fn written(bytes: &[u8], mode: u32) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        file.as_file().set_permissions(std::fs::Permissions::from_mode(mode)).unwrap();
        file
    }

    fn from_file(bytes: &[u8], mode: u32) -> Result<Vec<u8>, &'static str> {
        Passphrase::from_file(written(bytes, mode).path())
            .map(|p| p.as_bytes().to_vec())
            .map_err(|e| e.code())
    }

    #[test]
    fn one_newline_is_stripped_and_nothing_else() {
        assert_eq!(from_file(b"secret\n", 0o600), Ok(b"secret".to_vec()));
        assert_eq!(from_file(b"secret", 0o400), Ok(b"secret".to_vec()));
        assert_eq!(from_file(b" secret \n\n", 0o600), Ok(b" secret \n".to_vec()));
        assert_eq!(from_file(b"secret\r\n", 0o600), Ok(b"secret\r".to_vec()));
    }

    #[test]
    fn empty_too_long_and_shared_files_are_refused() {
        assert_eq!(from_file(b"", 0o600), Err("PASSPHRASE_EMPTY"));
        assert_eq!(from_file(b"\n", 0o600), Err("PASSPHRASE_EMPTY"));
        assert_eq!(from_file(&[b'x'; PASSPHRASE_BYTES_MAX], 0o600), Ok(vec![b'x'; PASSPHRASE_BYTES_MAX]));
        assert_eq!(from_file(&[b'x'; PASSPHRASE_BYTES_MAX + 1], 0o600), Err("KEYFILE_TOO_LARGE"));
        for mode in [0o644, 0o640, 0o604, 0o660, 0o601, 0o610, 0o620] {
            assert_eq!(from_file(b"secret", mode), Err("KEYFILE_MODE"), "{mode:o}");
        }
        assert_eq!(Passphrase::from_file("/nonexistent/pass").unwrap_err().code(), "KEYFILE_MISSING");
    }

    #[test]
    fn a_descriptor_is_read_from_where_it_stands_to_its_end() {
        let mut file = written(b"header\nsecret\n", 0o600);
        file.seek(SeekFrom::Start(7)).unwrap();
        let number = file.as_file().as_raw_fd();
        match Passphrase::from_fd(u32::try_from(number).unwrap()).unwrap().as_bytes() {
            b"secret" => {}
            // Where the system call filter forbids duplicating, the path is opened anew and starts at 0.
            other => assert_eq!(other, b"header\nsecret"),
        }
        let whole = secret_file::read_bounded(&mut reopen(number).unwrap(), 100).unwrap();
        assert_eq!(whole.as_slice(), b"header\nsecret\n");
    }

    #[test]
    fn a_pipe_is_read_to_its_end() {
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(b"from a pipe\n").unwrap();
        drop(writer);
        let number = u32::try_from(reader.as_raw_fd()).unwrap();
        assert_eq!(Passphrase::from_fd(number).unwrap().as_bytes(), b"from a pipe");
    }

    #[test]
    fn a_number_that_is_not_open_is_named() {
        for number in [1_000_000, u32::MAX] {
            let error = Passphrase::from_fd(number).unwrap_err();
            assert_eq!(error.code(), "PASSPHRASE_DESCRIPTOR");
            assert!(error.to_string().contains(&number.to_string()), "{error}");
        }
    }

    #[test]
    fn debug_output_is_redacted() {
        let passphrase = Passphrase::from_bytes(Zeroizing::new(b"hunter2".to_vec())).unwrap();
        assert_eq!(format!("{passphrase:?}"), "Passphrase(redacted)");
    }
}

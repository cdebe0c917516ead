//! Where the socket lies, for directories of any depth.

use rustix::fs::{Mode, OFlags, open};
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// `sun_path` holds 108 bytes with the final zero (unix(7)); some systems have less.
const PATH_BYTES_MAX: usize = 100;

/// The socket of one device directory, by a name that fits into `sun_path`.
#[derive(Debug)]
pub struct SocketPath {
    real: PathBuf,
    usable: PathBuf,
    /// Keeps the short name alive.
    _dir: Option<OwnedFd>,
}

impl SocketPath {
    /// A path that is too long is reached through `/proc/self/fd`: the same socket in the same place, by a short name.
    pub fn new(real: &Path) -> io::Result<Self> {
        if real.as_os_str().as_bytes().len() <= PATH_BYTES_MAX {
            return Ok(Self { real: real.to_owned(), usable: real.to_owned(), _dir: None });
        }
        let (Some(folder), Some(name)) = (real.parent(), real.file_name()) else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the socket has no name"));
        };
        let dir = open(folder, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let usable = Path::new("/proc/self/fd").join(dir.as_raw_fd().to_string()).join(name);
        Ok(Self { real: real.to_owned(), usable, _dir: Some(dir) })
    }

    /// The name to show.
    #[must_use]
    pub fn real(&self) -> &Path {
        &self.real
    }

    /// The name to bind or connect to, in this process only.
    #[must_use]
    pub fn usable(&self) -> &Path {
        &self.usable
    }

    /// The same directory with another name at its end, for a socket that is not yet in its place.
    pub(super) fn beside(&self, name: &OsStr) -> PathBuf {
        self.usable.with_file_name(name)
    }
}

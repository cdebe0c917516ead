//! One temporary directory with an issuer and any number of devices.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::{Device, Issuer};

/// Several worlds at once with directories and images of some ten megabytes each. A container has 64 MiB by default.
const MEMORY_BYTES_MIN: u64 = 512 * 1024 * 1024;

/// A directory that goes when the test does. Its path is short, since `agent.sock` lies below it.
#[derive(Debug)]
pub struct World {
    dir: TempDir,
}

impl World {
    /// An empty world.
    #[allow(clippy::new_without_default, reason = "a world makes a directory, which a default should not")]
    pub fn new() -> World {
        World { dir: tempfile::Builder::new().prefix("brink-").tempdir().expect("a temporary directory") }
    }

    /// An empty world in memory where the machine has room for it there, for whoever makes a thousand rounds in it.
    pub fn in_memory() -> World {
        let memory = Path::new("/dev/shm");
        let free = rustix::fs::statvfs(memory).map_or(0, |seen| seen.f_bavail * seen.f_frsize);
        if free < MEMORY_BYTES_MIN {
            return World::new();
        }
        let made = tempfile::Builder::new().prefix("brink-").tempdir_in(memory);
        World { dir: made.unwrap_or_else(|_| World::new().dir) }
    }

    /// A path in this world.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The directory itself.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// A development issuer, initialised in `issuer/`.
    pub fn issuer(&self) -> Issuer {
        Issuer::init(self.path("issuer"), "dev-acme")
    }

    /// A device, initialised in a directory of its name to trust `issuer`.
    pub fn device(&self, name: &str, issuer: &Issuer) -> Device {
        Device::init(self.path(name), &issuer.trust())
    }
}

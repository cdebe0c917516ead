//! A file system of our own: small, read-only, full, or cut off from its power. Root only.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::wait::{PATIENCE, within};
use rustix::ioctl::{Setter, ioctl, opcode};

/// A mounted file system, taken away again when dropped.
#[derive(Debug)]
pub(super) struct Disk {
    image: Option<PathBuf>,
    mount: PathBuf,
}

/// What it is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// ext4 in a file behind a loop device: size in MiB, bytes of a block.
    Ext4 { mib: u64, block: u32 },
    /// In memory: size in MiB.
    Tmpfs { mib: u64 },
}

/// EXT4_IOC_SHUTDOWN (fs/ext4/ext4.h): the file system stops at once.
const SHUTDOWN: rustix::ioctl::Opcode = opcode::read::<u32>(b'X', 125);
/// Without writing out its log, as when the power goes (EXT4_GOING_FLAGS_NOLOGFLUSH).
const NO_LOG_FLUSH: u32 = 2;

fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let output =
        Command::new(program).args(arguments).output().map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(format!("{program}: {}", said.lines().next().unwrap_or_default().trim()))
}

impl Disk {
    /// Makes and mounts one at `place`, which it also names its files after.
    pub(super) fn make(place: &Path, kind: Kind) -> Result<Disk, String> {
        let mount = place.to_owned();
        fs::create_dir_all(&mount).map_err(|error| error.to_string())?;
        let image = place.with_extension("img");
        let disk = match kind {
            Kind::Tmpfs { mib } => {
                let size = format!("size={mib}m,mode=0755");
                run("mount", &["-t", "tmpfs", "-o", &size, "tmpfs", super::bench::text(&mount)])?;
                Disk { image: None, mount }
            }
            Kind::Ext4 { mib, block } => {
                let file = File::create(&image).map_err(|error| error.to_string())?;
                file.set_len(mib * 1024 * 1024).map_err(|error| error.to_string())?;
                run("mkfs.ext4", &["-q", "-F", "-b", &block.to_string(), super::bench::text(&image)])?;
                let disk = Disk { image: Some(image), mount };
                disk.mount(false)?;
                disk
            }
        };
        Ok(disk)
    }

    /// Where it is mounted.
    pub(super) fn path(&self) -> &Path {
        &self.mount
    }

    fn mount(&self, read_only: bool) -> Result<(), String> {
        let Some(image) = &self.image else { return Ok(()) };
        let options = if read_only { "loop,ro" } else { "loop" };
        run("mount", &["-o", options, super::bench::text(image), super::bench::text(&self.mount)])
    }

    /// Takes it away as after a day's work.
    fn unmount(&self) -> Result<(), String> {
        let mounts = fs::read_to_string("/proc/self/mounts").map_err(|error| error.to_string())?;
        let place = format!(" {} ", super::bench::text(&self.mount));
        if !mounts.contains(&place) {
            return Ok(());
        }
        run("umount", &[super::bench::text(&self.mount)])
    }

    /// Everything that is there so far outlives the power.
    pub(super) fn sync(&self) -> Result<(), String> {
        let root = File::open(&self.mount).map_err(|error| error.to_string())?;
        rustix::fs::syncfs(root).map_err(|error| error.to_string())
    }

    /// The power goes: what is not on the disk by now is lost. Then it comes back.
    pub(super) fn cut_power(&self) -> Result<(), String> {
        self.stop()?;
        self.start_again()
    }

    /// The power goes.
    pub(super) fn stop(&self) -> Result<(), String> {
        shut_down(&self.mount)
    }

    /// It comes back. Nobody may have anything open by then.
    pub(super) fn start_again(&self) -> Result<(), String> {
        // A process that looks at all mounts, or has a copy of them, may hold this one for a moment, and as long as it does
        // the file system that is mounted again is the one that was shut down.
        let mut last = String::new();
        let back = within(PATIENCE, || match self.mount_anew() {
            Ok(()) => Some(()),
            Err(why) => {
                last = why;
                None
            }
        });
        back.ok_or_else(|| format!("the power does not come back: {last}"))
    }

    fn mount_anew(&self) -> Result<(), String> {
        self.unmount()?;
        self.mount(false)?;
        let probe = self.mount.join("alive");
        fs::write(&probe, b"").and_then(|()| fs::remove_file(&probe)).map_err(|error| error.to_string())
    }

    /// From now on nobody may write, or again.
    pub(super) fn set_read_only(&self, read_only: bool) -> Result<(), String> {
        let option = if read_only { "remount,ro" } else { "remount,rw" };
        run("mount", &["-o", option, super::bench::text(&self.mount)])
    }
}

/// Stops an ext4 without its log.
#[allow(unsafe_code, reason = "an ioctl that no safe crate offers")]
fn shut_down(mount: &Path) -> Result<(), String> {
    let directory = File::open(mount).map_err(|error| error.to_string())?;
    // SAFETY: EXT4_IOC_SHUTDOWN reads one u32 by the pointer it is given and writes nothing.
    unsafe {
        let request = Setter::<SHUTDOWN, u32>::new(NO_LOG_FLUSH);
        ioctl(&directory, request).map_err(|error| format!("EXT4_IOC_SHUTDOWN: {error}"))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily, in case a failed round left something open.
        let _ = run("umount", &["-l", super::bench::text(&self.mount)]);
        if let Some(image) = &self.image {
            let _ = fs::remove_file(image);
        }
    }
}

//! What a fault needs of the machine. What is missing is said, never passed over.

use super::disk::{Disk, Kind};
use super::{Bench, strace};

/// Something that not every machine lets everybody do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// To watch and disturb a process.
    Strace,
    /// To make and mount a file system in a file.
    LoopDevice,
    /// To mount one in memory.
    Tmpfs,
    /// To be somebody else.
    Root,
}

impl Need {
    /// Why it cannot be had here, and what would help.
    pub(super) fn missing(self, bench: &Bench) -> Option<String> {
        let probe = bench.path("probe");
        match self {
            Need::Strace => strace::available().err(),
            Need::LoopDevice => Disk::make(&probe, Kind::Ext4 { mib: 4, block: 4096 }).err().map(|why| {
                format!("no file system in a file, which takes root, loop devices and e2fsprogs: {why}")
            }),
            Need::Tmpfs => Disk::make(&probe, Kind::Tmpfs { mib: 1 })
                .err()
                .map(|why| format!("no file system in memory, which takes root ({why})")),
            Need::Root => (!rustix::process::geteuid().is_root())
                .then(|| "only root can be another user: run it as root".to_owned()),
        }
    }
}

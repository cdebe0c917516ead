//! The pair of files: read whole, written alternately.

use super::slot::{Anchor, SLOT_BYTES_MAX, Slot, SlotFault};
use super::{FILE_MODE, FILES};
use crate::StoreError;
use crate::crash::{Point, reached};
use crate::durable::sync_directory;
use brink_license::Kid;
use rustix::fs::OFlags;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// What stands at one of the two places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SlotSeen {
    /// Nothing.
    Absent,
    /// Something that is not believed, and why.
    Unfit(SlotFault),
    /// A slot.
    Sound(Box<Slot>),
}

/// Both, as of one look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slots {
    seen: [SlotSeen; 2],
}

impl Slots {
    /// Looks at the slots of a device directory. Whatever stands there, it is a look: nothing waits and nothing fails.
    #[must_use]
    pub fn read(directory: &Path) -> Self {
        Self { seen: FILES.map(|name| look(&directory.join(name))) }
    }

    /// As the agent believes them: those that it did not write for this device key itself are unfit.
    #[must_use]
    pub fn believed_by(self, key: &[u8; 32], device: Kid) -> Self {
        let believed = |seen| match seen {
            SlotSeen::Sound(slot) if !slot.is_sealed_with(key) => SlotSeen::Unfit(SlotFault::Forged),
            SlotSeen::Sound(slot) if slot.anchor().device != device => SlotSeen::Unfit(SlotFault::AnotherKey),
            seen @ (SlotSeen::Sound(_) | SlotSeen::Absent | SlotSeen::Unfit(_)) => seen,
        };
        Self { seen: self.seen.map(believed) }
    }

    /// What stands where, by file.
    pub fn seen(&self) -> impl Iterator<Item = (&'static str, &SlotSeen)> {
        FILES.into_iter().zip(&self.seen)
    }

    /// The newest anchor.
    #[must_use]
    pub fn newest(&self) -> Option<&Anchor> {
        self.anchors().max_by_key(|anchor| anchor.generation)
    }

    /// The newest anchor of a device key.
    #[must_use]
    pub fn of(&self, device: Kid) -> Option<&Anchor> {
        self.anchors().filter(|anchor| anchor.device == device).max_by_key(|anchor| anchor.generation)
    }

    fn anchors(&self) -> impl Iterator<Item = &Anchor> {
        self.seen.iter().filter_map(SlotSeen::anchor)
    }

    /// What is wrong with the pair; `None` when both are sound.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        let wrong = self.seen().filter_map(|(name, seen)| match seen {
            SlotSeen::Sound(_) => None,
            SlotSeen::Absent => Some(format!("{name} is absent")),
            SlotSeen::Unfit(fault) => Some(format!("{name}: {fault}")),
        });
        let wrong: Vec<_> = wrong.collect();
        (!wrong.is_empty()).then(|| wrong.join("; "))
    }

    /// Whether a file stands at either place, sound or not.
    pub(crate) fn any(&self) -> bool {
        self.seen.iter().any(|seen| *seen != SlotSeen::Absent)
    }

    /// Writes the next generation over the slot that is no good or, where both are, over the older. In place: the other
    /// one stands whatever becomes of this one. Durable when this returns.
    pub(crate) fn write(&self, directory: &Path, anchor: &Anchor, key: &[u8; 32]) -> Result<(), StoreError> {
        let generation = self.newest().map_or(0, |newest| newest.generation).saturating_add(1);
        let anchor = Anchor { generation, ..anchor.clone() };
        let unstorable =
            || StoreError::Unstorable { what: "the anchor", problem: "it is too large".to_owned() };
        let bytes = anchor.seal(key).ok_or_else(unstorable)?;
        let place = self.place();
        let is_new = self.seen[place] == SlotSeen::Absent;
        write_over(&directory.join(FILES[place]), &bytes)?;
        if is_new {
            sync_directory(directory)?;
        }
        reached(Point::AnchorSynced);
        Ok(())
    }

    fn place(&self) -> usize {
        let generation = |place: usize| self.seen[place].anchor().map(|anchor| anchor.generation);
        // None comes first.
        usize::from(generation(1) < generation(0))
    }
}

impl SlotSeen {
    /// What it says, if it is sound.
    #[must_use]
    pub fn anchor(&self) -> Option<&Anchor> {
        match self {
            SlotSeen::Sound(slot) => Some(slot.anchor()),
            SlotSeen::Absent | SlotSeen::Unfit(_) => None,
        }
    }
}

fn look(path: &Path) -> SlotSeen {
    match read_bounded(path) {
        Ok(bytes) => {
            Slot::decode(&bytes).map_or_else(SlotSeen::Unfit, |slot| SlotSeen::Sound(Box::new(slot)))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => SlotSeen::Absent,
        Err(error) => SlotSeen::Unfit(SlotFault::Unreadable(error.to_string())),
    }
}

/// A regular file of little more than a slot. A pipe or a device put in its place cannot make a host wait.
fn read_bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    let file = OpenOptions::new().read(true).custom_flags(flags(OFlags::NONBLOCK)).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(std::io::Error::other("not a regular file"));
    }
    let mut bytes = Vec::with_capacity(SLOT_BYTES_MAX);
    file.take(SLOT_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn write_over(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let mut file = open_to_write(path).map_err(StoreError::io(path, "open it"))?;
    // Shorter than before, it would end in what was there: no slot decodes with that.
    let length = bytes.len() as u64;
    let written = file.write_all(bytes).and_then(|()| file.set_len(length));
    written.map_err(StoreError::io(path, "write it"))?;
    reached(Point::AnchorWritten);
    file.sync_all().map_err(StoreError::io(path, "sync it"))
}

/// Never what a link leads to, and never a pipe that nobody reads.
fn open_to_write(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(FILE_MODE);
    let file = options.custom_flags(flags(OFlags::NONBLOCK | OFlags::NOFOLLOW)).open(path)?;
    // The umask may have taken bits away.
    file.set_permissions(Permissions::from_mode(FILE_MODE))?;
    Ok(file)
}

const fn flags(flags: OFlags) -> i32 {
    flags.bits().cast_signed()
}

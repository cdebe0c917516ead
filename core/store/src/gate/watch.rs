//! What the anchor says to a gate: whether the bundle at hand is older than what this device has accepted.

use crate::VerifiedBundle;
use crate::anchor::Slots;
use crate::durable::{directory_of, exists};
use brink_license::Reason;
use brink_license::clock::{Hold, Marks, State};
use std::path::{Path, PathBuf};

/// What holds a licence that is older than the anchor.
pub(super) const STORE_TAMPERED: Hold = Hold { state: State::StoreTampered, reason: Reason::StoreTampered };

/// Looks at the anchor of a bundle's directory. A slot that is absent, damaged or unreadable says nothing, so that it
/// never stops a camera.
#[derive(Debug)]
pub(super) struct Watch {
    bundle: PathBuf,
    /// As of the last look; `None` before the first.
    slots: Option<Slots>,
    tampered: bool,
}

impl Watch {
    pub(super) fn over(bundle: &Path) -> Self {
        Self { bundle: bundle.to_owned(), slots: None, tampered: false }
    }

    /// Reads the slots. To be called before the bundle is read: the agent writes the anchor after the bundle, so what
    /// is read later is never older, whatever comes in between.
    pub(super) fn look(&mut self) {
        self.slots = Some(Slots::read(directory_of(&self.bundle)));
    }

    /// The clock's marks as the anchor remembers them.
    pub(super) fn clock(&self) -> Option<Marks> {
        self.slots.as_ref()?.newest()?.clock.clone()
    }

    pub(super) const fn has_looked(&self) -> bool {
        self.slots.is_some()
    }

    /// Judges what is at hand when there is news of it, and again as long as it is too old. A bundle that was good when
    /// it was taken up stays so while the file as it stands is refused, whatever the agent has accepted since.
    pub(super) fn judge(&mut self, in_force: Option<&VerifiedBundle>, file_is_in_force: bool, is_news: bool) {
        if self.tampered && !is_news {
            self.look();
        }
        let (true, Some(slots)) = (self.tampered || is_news, &self.slots) else { return };
        self.tampered = match in_force {
            Some(_) if !file_is_in_force && !self.tampered => false,
            // The anchor of another key is that of a device that has started over and is not answered yet.
            Some(bundle) => {
                let anchor = slots.of(bundle.licence().claims().cnf.jkt);
                anchor.is_some_and(|anchor| !anchor.is_reached_by(bundle))
            }
            None => {
                let licensed = slots.newest().is_some_and(|anchor| anchor.accepted.licence.is_some());
                licensed && exists(&self.bundle) == Ok(false)
            }
        };
    }

    /// Whether nothing at hand reaches the anchor.
    pub(super) const fn is_tampered(&self) -> bool {
        self.tampered
    }
}

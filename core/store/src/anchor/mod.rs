//! The anchor: two small files beside the bundle that remember what must never go backwards.
//!
//! `state.db`, vault and bundle can each be put back to an earlier copy, and each for itself looks sound. The anchor
//! remembers how far the device had come: which licence, keyset and receipt were accepted last, and what the clock's
//! marks were. The agent alone writes it, as the last step of every acceptance; it seals it with a key of its own and
//! believes no other. Hosts read it with the digest alone: they have no key, and what is not the agent's work is
//! written over at its next open. It can only take away, never grant: a licence is believed for its signatures.
//!
//! Called by `device_store` for writing, by the gate's reader and `doctor` for a look.

mod order;
mod slot;
mod slots;

pub(crate) use order::later;
pub use slot::{Anchor, NOTICES_MAX, SLOT_BYTES_MAX, Slot, SlotFault};
pub use slots::{SlotSeen, Slots};

/// The two files, beside the bundle.
pub const FILES: [&str; 2] = ["anchor.a", "anchor.b"];
/// Readable by every host, whoever it runs as. Writing it is the agent's.
pub(crate) const FILE_MODE: u32 = 0o644;

#[cfg(test)]
mod tests;

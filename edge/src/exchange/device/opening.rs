//! Opening the device of a directory, making one, and starting over.

use super::Device;
use crate::exchange::DeviceError;
use brink_signing::{DeviceKey, DeviceSigner, Signer};
use brink_store::journal::ClockKeeper;
use brink_store::{DeviceStore, Held, Installation, Layout, SealKeys, Settled, WriterLock};

/// Derives the key that seals the vault. Changing it would make every vault look damaged.
const VAULT_MAC_LABEL: &[u8] = b"brink/vault-mac/v1";
/// Derives the key that seals the anchor.
const ANCHOR_MAC_LABEL: &[u8] = b"brink/anchor-mac/v1";

impl Device {
    /// Opens the device in a directory: takes the lock, does what an interruption left undone, repairs what can be
    /// repaired.
    pub fn open(layout: &Layout) -> Result<Self, DeviceError> {
        let lock = WriterLock::acquire(layout)?;
        match layout.installation()? {
            Installation::Absent => Err(DeviceError::NotActivated { dir: layout.dir().to_owned() }),
            Installation::Unfinished => {
                layout.finish_installation(&lock)?;
                Self::open_locked(lock)
            }
            Installation::Complete => Self::open_locked(lock),
        }
    }

    /// The same for an activation, which makes key and state where no device lives yet.
    pub fn open_or_create(layout: &Layout) -> Result<Self, DeviceError> {
        let lock = WriterLock::acquire(layout)?;
        match layout.installation()? {
            Installation::Absent => {
                create(&lock, &[])?;
                layout.finish_installation(&lock)?;
            }
            Installation::Unfinished => layout.finish_installation(&lock)?,
            Installation::Complete => {}
        }
        Self::open_locked(lock)
    }

    /// Starts over, because a person asked for it: what is there of a device is set aside whole, and a new key and
    /// state are made. The published bundle stays in force until the new activation is answered.
    pub fn start_over(layout: &Layout) -> Result<Self, DeviceError> {
        let lock = WriterLock::acquire(layout)?;
        layout.trust_anchor()?;
        // The journal stays, and with it what is settled of it.
        let settled = Held::read(layout).ok().flatten().map(|held| held.settled).unwrap_or_default();
        layout.set_aside_store(&lock)?;
        create(&lock, &settled)?;
        layout.finish_installation(&lock)?;
        Self::open_locked(lock)
    }

    fn open_locked(lock: WriterLock) -> Result<Self, DeviceError> {
        let key = DeviceKey::open(lock.layout().device_key())?;
        let (vault, anchor) = (key.derive(VAULT_MAC_LABEL)?, key.derive(ANCHOR_MAC_LABEL)?);
        let keys = SealKeys { vault: *vault, anchor: *anchor };
        let store = DeviceStore::open(lock, key.public_key(), keys)?;
        let mut clock = ClockKeeper::new(store.layout().journal());
        clock.remember(store.remembered_clock().cloned());
        Ok(Self { key, store, clock, pace: Default::default() })
    }
}

/// A new key under its first name, then the state that names it: an interruption in between leaves a key that nobody
/// knows of and that the next attempt replaces.
pub(super) fn create(lock: &WriterLock, settled: &[Settled]) -> Result<(), DeviceError> {
    let layout = lock.layout();
    // Refused before anything is made: a store is made under roots.
    layout.trust_anchor()?;
    layout.discard_new_key(lock)?;
    let key = DeviceKey::create(layout.device_key_new())?;
    Ok(DeviceStore::create_state(lock, key.public_key(), settled)?)
}

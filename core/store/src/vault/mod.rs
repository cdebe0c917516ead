//! The vault: the accepted documents, their history, and what was decided about documents. Agent only.
//!
//! It holds copies: `state.db` says what is in force, and the bundle or the next exchange can fill the vault again.
//! So any doubt about it is damage, and damage is answered by building it anew.

mod barrier;
mod record;

use crate::documents::Documents;
use barrier::{Cell, Entry};
use brink_license::UnixSeconds;
use record::Sealer;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::Path;

/// Manifests kept: as many as one exchange may walk.
const MANIFESTS_KEPT: usize = brink_license::keyset::WALK_MAX;
/// Licences kept: enough to see what changed over the last weeks.
const LICENCES_KEPT: usize = 16;
/// Decisions about documents kept: a day of refused answers at the usual interval.
const LOG_KEPT: usize = 256;

const CURRENT_LICENCE: &[u8] = b"current/licence";
const CURRENT_RECEIPT: &[u8] = b"current/receipt";
const CURRENT_MANIFESTS: &[u8] = b"current/manifests";
const MANIFESTS: &str = "manifest/";
const LICENCES: &str = "licence/";
const LOG: &str = "log/";

/// Why the vault cannot be believed or used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VaultDamage {
    /// It panicked, now or earlier.
    #[error("sled panicked when asked to {doing}")]
    Panicked {
        /// What was being done.
        doing: &'static str,
    },
    /// It reported an error.
    #[error("cannot {doing}: {problem}")]
    Sled {
        /// What was being done.
        doing: &'static str,
        /// What sled said.
        problem: String,
    },
    /// The system refused.
    #[error("cannot {doing}: {problem}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        problem: String,
    },
    /// Not damaged: another program has it open.
    #[error("another program has its files open")]
    Busy,
    /// A value that was not written for its key, or not by this device.
    #[error("the value of {key} does not carry its MAC")]
    Mac {
        /// The key.
        key: String,
    },
    /// A value that is not what its key says.
    #[error("the value of {key} cannot be read")]
    Record {
        /// The key.
        key: String,
    },
    /// Documents that were accepted are not there.
    #[error("accepted documents are missing")]
    Missing,
}

impl VaultDamage {
    fn of_io(doing: &'static str, error: &io::Error) -> Self {
        VaultDamage::Io { doing, problem: error.to_string() }
    }
}

/// Reads `bytes` as every kind of value that a vault has, as they stand and as content behind a sound MAC; answers how
/// many took them. For probes that try whatever a disk may hold.
#[doc(hidden)]
#[must_use]
pub fn probe_value(bytes: &[u8]) -> [usize; 2] {
    let sealer = Sealer::new([0; 32]);
    let taken = |sealed: &dyn Fn(&[u8]) -> Vec<u8>| {
        let log = format!("{LOG}{:020}", 1);
        let (manifests, licence) = (sealed(CURRENT_MANIFESTS), sealed(CURRENT_LICENCE));
        let (receipt, log_entry) = (sealed(CURRENT_RECEIPT), sealed(log.as_bytes()));
        let taken = [
            sealer.open::<Vec<Vec<u8>>>(CURRENT_MANIFESTS, &manifests).is_ok(),
            sealer.open::<String>(CURRENT_LICENCE, &licence).is_ok(),
            sealer.open::<Option<String>>(CURRENT_RECEIPT, &receipt).is_ok(),
            sealer.open::<LogEntry>(log.as_bytes(), &log_entry).is_ok(),
        ];
        taken.into_iter().filter(|taken| *taken).count()
    };
    [taken(&|_| bytes.to_vec()), taken(&|key| sealer.sealed_content(key, bytes))]
}

/// One decision about a document. Holds no part of a token but its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    /// When, in guarded time.
    pub at: UnixSeconds,
    /// `accepted`, or the code of the refusal.
    pub verdict: String,
    /// Which document, by id or version.
    pub document: String,
}

/// What one acceptance adds to the vault.
pub(crate) struct Deposit<'d> {
    pub(crate) documents: &'d Documents,
    /// Epoch and seq of the licence.
    pub(crate) licence: (u32, u64),
    /// Manifests by version, each once.
    pub(crate) manifests: &'d [(u64, Vec<u8>)],
    /// What to note of it; nothing when it is deposited again.
    pub(crate) note: Option<&'d LogEntry>,
}

/// An open vault in which every value carried its MAC when it was opened.
pub(crate) struct Vault {
    cell: Cell,
    sealer: Sealer,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vault").finish_non_exhaustive()
    }
}

impl Vault {
    /// Opens or makes the vault and checks the MAC of every value in it.
    pub(crate) fn open(dir: &Path, mac_key: [u8; 32]) -> Result<Self, VaultDamage> {
        let mut vault = Self { cell: Cell::open(dir)?, sealer: Sealer::new(mac_key) };
        for (key, sealed) in vault.cell.entries(b"")? {
            vault.sealer.check(&key, &sealed)?;
        }
        Ok(vault)
    }

    /// The documents deposited last; `None` in a new vault.
    pub(crate) fn documents(&mut self) -> Result<Option<Documents>, VaultDamage> {
        let licence = self.value::<String>(CURRENT_LICENCE)?;
        let receipt = self.value::<Option<String>>(CURRENT_RECEIPT)?;
        let manifests = self.value::<Vec<Vec<u8>>>(CURRENT_MANIFESTS)?;
        match (manifests, licence, receipt) {
            (None, None, None) => Ok(None),
            (Some(manifests), Some(licence), Some(receipt)) => {
                Ok(Some(Documents { manifests, licence, receipt }))
            }
            (_, _, _) => Err(VaultDamage::Missing),
        }
    }

    fn value<T: DeserializeOwned>(&mut self, key: &[u8]) -> Result<Option<T>, VaultDamage> {
        let sealed = self.cell.value(key)?;
        sealed.map(|sealed| self.sealer.open(key, &sealed)).transpose()
    }

    /// Makes these the documents in force and part of the history. Durable when it returns; doing it again changes
    /// nothing.
    pub(crate) fn deposit(&mut self, deposit: &Deposit<'_>) -> Result<(), VaultDamage> {
        let documents = deposit.documents;
        let (epoch, seq) = deposit.licence;
        let mut puts = vec![
            self.sealed(CURRENT_MANIFESTS.to_vec(), &documents.manifests)?,
            self.sealed(CURRENT_LICENCE.to_vec(), &documents.licence)?,
            self.sealed(CURRENT_RECEIPT.to_vec(), &documents.receipt)?,
            self.sealed(format!("{LICENCES}{epoch:010}/{seq:020}").into(), &documents.licence)?,
        ];
        for (version, manifest) in deposit.manifests {
            puts.push(self.sealed(format!("{MANIFESTS}{version:020}").into(), manifest)?);
        }
        if let Some(entry) = deposit.note {
            puts.push(self.numbered(entry)?);
        }
        let mut surplus = self.surplus(MANIFESTS, MANIFESTS_KEPT, &puts)?;
        surplus.extend(self.surplus(LICENCES, LICENCES_KEPT, &puts)?);
        surplus.extend(self.surplus(LOG, LOG_KEPT, &puts)?);
        self.cell.write(puts, surplus)
    }

    /// Appends a decision about a document.
    pub(crate) fn note(&mut self, entry: &LogEntry) -> Result<(), VaultDamage> {
        let puts = vec![self.numbered(entry)?];
        let surplus = self.surplus(LOG, LOG_KEPT, &puts)?;
        self.cell.write(puts, surplus)
    }

    /// The entry under the number after the last.
    fn numbered(&mut self, entry: &LogEntry) -> Result<Entry, VaultDamage> {
        let last = self.keys(LOG)?.pop().and_then(|key| key.strip_prefix(LOG)?.parse::<u64>().ok());
        let number = last.map_or(0, |last| last.saturating_add(1));
        self.sealed(format!("{LOG}{number:020}").into(), entry)
    }

    /// The decisions about documents, oldest first, each with its number, from 1. A vault that was built anew begins again.
    pub(crate) fn log(&mut self) -> Result<Vec<(u64, LogEntry)>, VaultDamage> {
        let entries = self.cell.entries(LOG.as_bytes())?;
        let numbered = |(key, sealed): &Entry| {
            let entry = self.sealer.open(key, sealed)?;
            let number =
                std::str::from_utf8(key).ok().and_then(|key| key.strip_prefix(LOG)?.parse::<u64>().ok());
            let number = number.and_then(|number| number.checked_add(1));
            let unread = || VaultDamage::Record { key: String::from_utf8_lossy(key).into_owned() };
            Ok((number.ok_or_else(unread)?, entry))
        };
        entries.iter().map(numbered).collect()
    }

    fn sealed<T: Serialize>(&self, key: Vec<u8>, value: &T) -> Result<Entry, VaultDamage> {
        let sealed = self.sealer.seal(&key, value)?;
        Ok((key, sealed))
    }

    fn keys(&mut self, prefix: &str) -> Result<Vec<String>, VaultDamage> {
        let entries = self.cell.entries(prefix.as_bytes())?;
        Ok(entries.into_iter().map(|(key, _)| String::from_utf8_lossy(&key).into_owned()).collect())
    }

    /// The oldest keys under `prefix` that go when `puts` come, so that `kept` remain.
    fn surplus(&mut self, prefix: &str, kept: usize, puts: &[Entry]) -> Result<Vec<Vec<u8>>, VaultDamage> {
        let mut keys: Vec<Vec<u8>> = self.keys(prefix)?.into_iter().map(String::into_bytes).collect();
        keys.extend(puts.iter().map(|(key, _)| key.clone()).filter(|key| key.starts_with(prefix.as_bytes())));
        keys.sort();
        keys.dedup();
        let surplus = keys.len().saturating_sub(kept);
        keys.truncate(surplus);
        Ok(keys)
    }
}

#[cfg(test)]
mod tests;

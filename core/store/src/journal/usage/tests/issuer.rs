//! The other end, which knows uses by the names of their resources: each use has its own.

use super::*;
use brink_license::usage::Head;
use std::collections::BTreeSet;

pub(super) type Names = BTreeSet<String>;

/// What it has.
#[derive(Clone, Default)]
pub(super) struct Issuer {
    pub(super) cursors: BTreeMap<u32, Head>,
    pub(super) names: Names,
    pub(super) losses: u64,
    /// Its database was put back: what it lacks may not be there any more.
    pub(super) restored: bool,
}

impl Issuer {
    pub(super) fn cursor(&self, epoch: u32) -> Head {
        self.cursors.get(&epoch).copied().unwrap_or_else(|| genesis(epoch).head())
    }

    /// Takes each record once, in the order of its chain, or says what is wrong with it.
    pub(super) fn take(&mut self, records: &[Vec<u8>]) -> Result<(), String> {
        for bytes in records {
            let record = Record::from_bytes(bytes).map_err(|error| error.to_string())?;
            let cursor = self.cursor(record.epoch);
            let (first, next) = (record.first(), cursor.seq + 1);
            if record.seq <= cursor.seq {
                continue;
            }
            match &record.entry {
                Entry::Recover(recovery) if recovery.good.seq > cursor.seq && !self.restored => {
                    return Err(format!("a gap: {} behind {}", recovery.good.seq, cursor.seq));
                }
                Entry::Recover(_) => self.losses += 1,
                _ if first > next && self.restored => {}
                _ if first != next => return Err(format!("a gap: {first} behind {}", cursor.seq)),
                _ if record.prev != cursor.hash => return Err(format!("a fork at {first}")),
                Entry::Usage(_) | Entry::Fold(_) | Entry::Close => {}
            }
            if let Entry::Usage(usage) = &record.entry {
                let name = usage.resource.as_ref().unwrap().as_str();
                if !self.names.insert(name.to_owned()) {
                    return Err(format!("{name} twice"));
                }
            }
            self.cursors.insert(record.epoch, Head { seq: record.seq, hash: record.link(bytes) });
        }
        Ok(())
    }
}

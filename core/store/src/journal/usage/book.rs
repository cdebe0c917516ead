//! Looking at usage: sums without a walk, and the walk that compares everything.

use super::super::{Journal, JournalFault};
use super::base;
use super::error::UsageError;
use super::rows::{self, Kept, Tip};
use brink_license::usage::{ChainFault, MeterTotal};
use brink_license::{Code, DeviceId, Slug, TokenId};
use rusqlite::{Connection, OptionalExtension};
use std::path::Path;

/// What one activation has recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainSummary {
    /// The device.
    pub device: DeviceId,
    /// Its activation.
    pub epoch: u32,
    /// The number of the last record; 0 before the first.
    pub seq: u64,
    /// Under which licence the next is recorded, or the last was.
    pub licence: Option<TokenId>,
    /// How often a damaged journal went on.
    pub recoveries: u32,
    /// By meter.
    pub meters: Vec<(Slug, MeterTotal)>,
}

/// How much was compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Walked {
    /// Chains.
    pub chains: u64,
    /// Records in all of them.
    pub records: u64,
    /// Of those, recoveries from damage.
    pub recoveries: u64,
}

/// The first thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BookFault {
    /// In the records of an activation.
    #[error("{device}, epoch {epoch}: {fault}")]
    Chain {
        /// The device.
        device: DeviceId,
        /// Its activation.
        epoch: u32,
        /// What.
        fault: ChainFault,
    },
    /// Beside the records: a head, a total, the file's structure.
    #[error("{0}")]
    Beside(JournalFault),
}

impl BookFault {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            BookFault::Chain { .. } => Code::BadChain.as_str(),
            BookFault::Beside(JournalFault::Damaged(_)) => Code::JournalDamaged.as_str(),
            BookFault::Beside(JournalFault::Unusable(_)) => Code::JournalUnusable.as_str(),
            BookFault::Beside(JournalFault::NotYet { .. }) => Code::JournalNotYet.as_str(),
        }
    }
}

impl<E: Into<JournalFault>> From<E> for BookFault {
    fn from(fault: E) -> Self {
        BookFault::Beside(fault.into())
    }
}

/// The journal's usage, for a look.
#[derive(Debug)]
pub struct UsageBook(Journal);

impl UsageBook {
    /// Opens the journal of a directory.
    pub fn open(directory: &Path) -> Result<Self, UsageError> {
        super::open(directory).map(Self)
    }

    pub(super) const fn journal(&self) -> &Journal {
        &self.0
    }

    /// What each activation has recorded, the oldest first.
    pub fn summary(&self) -> Result<Vec<ChainSummary>, JournalFault> {
        let look = self.0.conn.unchecked_transaction()?;
        let of = |tip: rows::Read| {
            let (chain, Tip { genesis, head, licence, recoveries }) = tip?;
            let meters = rows::totals(&look, chain)?;
            let (device, epoch) = (genesis.device, genesis.epoch);
            Ok(ChainSummary { device, epoch, seq: head.seq, licence, recoveries, meters })
        };
        rows::tips(&look)?.into_iter().map(of).collect()
    }

    /// Walks every chain from its genesis to its head, and compares the sums.
    pub fn walk(&self) -> Result<Walked, BookFault> {
        let look = self.0.conn.unchecked_transaction()?;
        let verdict: String = look.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if verdict != "ok" {
            return Err(JournalFault::Damaged("its structure".into()).into());
        }
        let mut walked = Walked::default();
        for tip in rows::tips(&look)? {
            let (number, tip) = tip?;
            walked.chains += 1;
            walk(&look, (number, &tip), &mut walked)?;
        }
        let stray = "SELECT chain FROM (SELECT chain FROM records UNION SELECT chain FROM totals)
                     WHERE chain NOT IN (SELECT chain FROM heads) LIMIT 1";
        let stray: Option<i64> = look.query_row(stray, [], |row| row.get(0)).optional()?;
        match stray {
            Some(chain) => Err(JournalFault::Damaged(format!("usage chain {chain} has no head")).into()),
            None => Ok(walked),
        }
    }
}

fn walk(conn: &Connection, (number, tip): (i64, &Tip), walked: &mut Walked) -> Result<(), BookFault> {
    let wrong =
        |fault| BookFault::Chain { device: tip.genesis.device.clone(), epoch: tip.genesis.epoch, fault };
    let (mut chain, recoveries) = base::beginning(conn, number, &tip.genesis)?;
    let mut found = conn.prepare("SELECT seq, bytes, hash FROM records WHERE chain = ?1 ORDER BY seq")?;
    let mut records = found.query([number])?;
    while let Some(row) = records.next()? {
        let kept = Kept::of_row(row)?;
        if !kept.is_whole() {
            return Err(wrong(ChainFault::Edited { seq: kept.seq }));
        }
        let record = chain.admit(&kept.bytes).map_err(wrong)?;
        if record.seq != kept.seq {
            return Err(wrong(ChainFault::Reordered { seq: record.seq }));
        }
        walked.records += 1;
    }
    chain.ends_at(tip.head).map_err(wrong)?;
    walked.recoveries += recoveries + chain.recoveries();
    let sums = rows::totals(conn, number)?;
    let is_same = if chain.has_all_totals() {
        chain.totals().iter().eq(sums.iter().map(|(meter, total)| (meter, total)))
    } else {
        // How many records each meter had before is not known any more.
        let agrees = |(meter, seen): (&Slug, &MeterTotal)| {
            sums.iter().any(|(of, sum)| of == meter && sum.total == seen.total)
        };
        chain.totals().iter().all(agrees)
    };
    if !is_same {
        return Err(JournalFault::Damaged(format!("the totals of usage chain {number}")).into());
    }
    Ok(())
}

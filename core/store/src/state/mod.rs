//! `state.db`: the exchange state, which says what is in force. Each method is one transaction.
//!
//! SQLite in WAL mode with `synchronous=FULL`: when a method returns, what it wrote survives a power cut.

mod clock_reset;
mod fault;
mod held;
mod inbox;
mod notices;
mod rows;
mod schema;
mod seal;
mod seats;
mod settled;

pub(crate) use inbox::Inbox;
pub(crate) use schema::immutable_uri;

pub use seats::HeldSeats;
pub use settled::Settled;

pub use held::{
    AcceptedMarks, Challenge, Held, Identity, NumberMark, Pending, PendingKind, Ratchet, Refused,
};

use crate::durable::exists;
use crate::{Layout, StoreError};
use brink_license::clock::ResetMark;
use brink_license::keyset::TrustAnchor;
use brink_license::token::Notice;
use brink_license::{Kid, UnixSeconds};
use fault::Fault;
use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// Refusals kept: what a person looks at to see why nothing arrives.
const REFUSALS_KEPT: u32 = 32;
/// Longest text of a refusal.
const REFUSAL_CHARS_MAX: usize = 500;

/// What one acceptance changes in the state, all of it or nothing.
#[derive(Debug)]
pub(crate) struct Transition<'t> {
    pub(crate) identity: &'t Identity,
    pub(crate) marks: AcceptedMarks,
    pub(crate) ratchet: &'t Ratchet,
    pub(crate) next_exchange_after: UnixSeconds,
    pub(crate) presence: Option<&'t str>,
    pub(crate) inbox: &'t Inbox,
    pub(crate) notices: &'t [Notice],
    pub(crate) clock: Option<ResetMark>,
    pub(crate) seats: Option<&'t HeldSeats>,
    pub(crate) settled: &'t [Settled],
}

/// An open `state.db`.
#[derive(Debug)]
pub(crate) struct StateDb {
    conn: Connection,
    path: PathBuf,
}

/// The digest of what a store is made under. Over the anchor, not over the file: its spelling may change.
pub(crate) fn trust_sha256(anchor: &TrustAnchor) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(anchor.issuer().as_str());
    digest.update([0]);
    digest.update(anchor.threshold().to_le_bytes());
    for root in anchor.roots() {
        digest.update(root.as_bytes());
    }
    digest.finalize().into()
}

impl StateDb {
    /// Makes the state of a new device. `settled` is what an earlier one in this directory knew of the journal, which
    /// stays.
    pub(crate) fn create(
        path: &Path,
        anchor: &TrustAnchor,
        (jkt, settled): (Kid, &[Settled]),
    ) -> Result<(), StoreError> {
        schema::create(path, |conn| {
            settled.iter().try_for_each(|settled| settled::write(conn, settled))?;
            conn.execute(
                "INSERT INTO install (one, issuer, trust_sha256, jkt) VALUES (1, ?1, ?2, ?3)",
                params![anchor.issuer().as_str(), trust_sha256(anchor), jkt.as_bytes()],
            )?;
            Ok(())
        })
    }

    /// Opens the state of an existing device.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self { conn: schema::open(path)?, path: path.to_owned() })
    }

    /// Everything, as of one moment.
    pub(crate) fn held(&mut self) -> Result<Held, StoreError> {
        self.once("read it", TransactionBehavior::Deferred, |transaction| {
            seal::check(transaction)?;
            rows::read_held(transaction)
        })
    }

    /// What vault and bundle may not have yet.
    pub(crate) fn inbox(&mut self) -> Result<Option<Inbox>, StoreError> {
        self.once("read its inbox", TransactionBehavior::Deferred, |transaction| {
            rows::read_inbox(transaction)
        })
    }

    /// Stores a request before it leaves, in place of one that was never answered. Its counter is the next one. `sent` is
    /// the chain that it carries records of, with the highest number among them.
    pub(crate) fn store_pending(
        &mut self,
        pending: &Pending,
        sent: Option<&Settled>,
    ) -> Result<(), StoreError> {
        let Pending { kind, ctr, nonce, bytes, created } = pending;
        self.write("store the request", |transaction| {
            let counted =
                transaction.execute("UPDATE exchange SET ctr = ?1 WHERE ctr = ?1 - 1", [as_i64(*ctr)])?;
            if counted != 1 {
                return Err(StoreError::CounterTaken { ctr: *ctr }.into());
            }
            transaction.execute(
                "INSERT OR REPLACE INTO pending (one, kind, ctr, nonce, bytes, wall, boot_id, boottime) \
                 VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![
                    kind.as_str(),
                    as_i64(*ctr),
                    nonce,
                    bytes,
                    created.wall.as_i64(),
                    created.boot.to_string(),
                    created.boottime
                ],
            )?;
            sent.map_or(Ok(()), |sent| settled::write(transaction, sent))
        })
    }

    /// Gives the pending request up. Its counter stays spent.
    pub(crate) fn abandon_pending(&mut self) -> Result<(), StoreError> {
        self.write("give the request up", |transaction| {
            transaction.execute("DELETE FROM pending", [])?;
            Ok(())
        })
    }

    /// The answer to the pending request is in force from this commit on: marks, ratchet, counter and the documents.
    pub(crate) fn accept(&mut self, pending_ctr: u64, transition: &Transition<'_>) -> Result<(), StoreError> {
        let inbox = transition.inbox.encode()?;
        self.write("store the answer", |transaction| {
            if transaction.execute("DELETE FROM pending WHERE ctr = ?1", [as_i64(pending_ctr)])? != 1 {
                return Err(StoreError::NothingPending.into());
            }
            write_identity(transaction, transition.identity)?;
            write_marks(transaction, &transition.marks)?;
            transaction.execute(
                "UPDATE exchange SET ratchet = ?1, next_after = ?2, presence = ?3",
                params![transition.ratchet.0, transition.next_exchange_after.as_i64(), transition.presence],
            )?;
            transaction.execute("INSERT OR REPLACE INTO inbox (one, documents) VALUES (1, ?1)", [&inbox])?;
            transition.notices.iter().try_for_each(|notice| notices::write(transaction, notice))?;
            transition.seats.map_or(Ok(()), |held| seats::write(transaction, held))?;
            transition.settled.iter().try_for_each(|settled| settled::write(transaction, settled))?;
            if let Some(reset) = &transition.clock {
                clock_reset::write(transaction, reset)?;
            }
            // What was refused before is over. The vault's log keeps it.
            transaction.execute("DELETE FROM refusals", [])?;
            Ok(())
        })
    }

    /// A chain of usage begins.
    pub(crate) fn begin_chain(&mut self, settled: &Settled) -> Result<(), StoreError> {
        self.write("store a chain of usage", |transaction| settled::write(transaction, settled))
    }

    /// Vault and bundle have everything.
    pub(crate) fn clear_inbox(&mut self) -> Result<(), StoreError> {
        self.write("empty its inbox", |transaction| {
            transaction.execute("DELETE FROM inbox", [])?;
            Ok(())
        })
    }

    /// Documents at hand that verify and are newer than the marks move them forward.
    pub(crate) fn raise_marks(
        &mut self,
        identity: &Identity,
        marks: &AcceptedMarks,
    ) -> Result<(), StoreError> {
        self.write("raise its marks", |transaction| {
            write_identity(transaction, identity)?;
            write_marks(transaction, marks)
        })
    }

    /// The anchor remembers more than this state, whoever the device is.
    pub(crate) fn set_marks(&mut self, marks: &AcceptedMarks) -> Result<(), StoreError> {
        self.write("raise its marks", |transaction| write_marks(transaction, marks))
    }

    /// The presence that the bundle is to carry.
    pub(crate) fn set_presence(&mut self, presence: &str) -> Result<(), StoreError> {
        self.write("store the presence", |transaction| {
            transaction.execute("UPDATE exchange SET presence = ?1", [presence])?;
            Ok(())
        })
    }

    /// Where the issuer answers.
    pub(crate) fn set_issuer_url(&mut self, url: &str) -> Result<(), StoreError> {
        self.write("store the issuer's address", |transaction| {
            transaction.execute("UPDATE install SET issuer_url = ?1", [url])?;
            Ok(())
        })
    }

    /// Remembers a refusal, and forgets the oldest beyond the limit.
    pub(crate) fn record_refusal(&mut self, refused: &Refused) -> Result<(), StoreError> {
        let what: String = refused.what.chars().take(REFUSAL_CHARS_MAX).collect();
        self.write("store a refusal", |transaction| {
            transaction.execute(
                "INSERT INTO refusals (at, code, what) VALUES (?1, ?2, ?3)",
                params![refused.at.as_i64(), refused.code, what],
            )?;
            transaction.execute(
                "DELETE FROM refusals WHERE number <= (SELECT max(number) FROM refusals) - ?1",
                [REFUSALS_KEPT],
            )?;
            Ok(())
        })
    }

    fn write<T>(
        &mut self,
        doing: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        self.once(doing, TransactionBehavior::Immediate, |transaction| {
            let result = work(transaction)?;
            seal::renew(transaction)?;
            Ok(result)
        })
    }

    fn once<T>(
        &mut self,
        doing: &'static str,
        behavior: TransactionBehavior,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        let run = |conn: &mut Connection| -> Result<T, Fault> {
            let transaction = conn.transaction_with_behavior(behavior)?;
            let result = work(&transaction)?;
            transaction.commit()?;
            Ok(result)
        };
        run(&mut self.conn).map_err(|fault| fault.at(&self.path, doing))
    }
}

fn write_identity(transaction: &Transaction<'_>, identity: &Identity) -> Result<(), Fault> {
    let Identity { tenant, device, epoch } = identity;
    transaction.execute(
        "UPDATE install SET tenant = ?1, device = ?2, epoch = ?3",
        params![tenant.as_str(), device.as_str(), epoch],
    )?;
    Ok(())
}

fn write_marks(transaction: &Transaction<'_>, marks: &AcceptedMarks) -> Result<(), Fault> {
    let AcceptedMarks { licence, keyset, receipt } = marks;
    transaction.execute(
        "UPDATE marks SET licence_epoch = ?1, licence_seq = ?2, licence_sha256 = ?3, licence_kid = ?4, \
         keyset_version = ?5, keyset_sha256 = ?6, receipt_seq = ?7, receipt_sha256 = ?8",
        params![
            licence.map(|mark| mark.epoch),
            licence.map(|mark| as_i64(mark.seq)),
            licence.map(|mark| mark.sha256),
            licence.map(|mark| *mark.kid.as_bytes()),
            keyset.map(|mark| as_i64(mark.number)),
            keyset.map(|mark| mark.sha256),
            receipt.map(|mark| as_i64(mark.number)),
            receipt.map(|mark| mark.sha256),
        ],
    )?;
    Ok(())
}

/// Numbers of documents are at most 2^53-1, and counters start at zero: the cast never saturates.
fn as_i64(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl Held {
    /// A look by a process that does not hold the lock, for instance while the agent runs; `None` when there is no
    /// device here yet.
    pub fn read(layout: &Layout) -> Result<Option<Self>, StoreError> {
        let path = layout.state_db();
        if !exists(&path)? {
            return if exists(&layout.device_key())? {
                Err(StoreError::StateLost { path })
            } else {
                Ok(None)
            };
        }
        let mut state = StateDb { conn: schema::open_read_only(&path)?, path };
        state.held().map(Some)
    }

    /// A look that leaves no trace, for whoever only examines: SQLite makes files beside a database in WAL mode even
    /// to read it, unless it is told that nobody writes.
    pub fn glimpse(layout: &Layout) -> Result<Glimpse, StoreError> {
        let path = layout.state_db();
        if !exists(&path)? {
            return if exists(&layout.device_key())? {
                Err(StoreError::StateLost { path })
            } else {
                Ok(Glimpse::Absent)
            };
        }
        let seen = glimpse(&path);
        // A writer that came or went in between makes what was read look damaged: the second look is at rest.
        if seen.is_err() { glimpse(&path) } else { seen }
    }
}

/// What a look without a trace came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Glimpse {
    /// There is no device here yet.
    Absent,
    /// The last writer was interrupted, and only the next one puts together what it left.
    Interrupted,
    /// All of it.
    Whole(Box<Held>),
}

fn glimpse(path: &Path) -> Result<Glimpse, StoreError> {
    let log = schema::with_suffix(path, "-wal");
    let logged = log.symlink_metadata().is_ok_and(|metadata| metadata.len() > 0);
    if logged && !exists(&schema::with_suffix(path, "-shm"))? {
        return Ok(Glimpse::Interrupted);
    }
    let conn = if logged { schema::open_read_only(path)? } else { schema::open_unchanging(path)? };
    let mut state = StateDb { conn, path: path.to_owned() };
    Ok(Glimpse::Whole(Box::new(state.held()?)))
}

#[cfg(test)]
mod tests;

//! Usage in an exchange: the section of a request, signed, and what the answer settles.

use super::Device;
use crate::exchange::DeviceError;
use brink_license::Kid;
use brink_license::Typ;
use brink_license::token::{BatchVerdict, CLAIMS_VERSION, CheckpointClaims, ReceiptUsage};
use brink_license::usage::{Batch, RECORDS_MAX, UsageSection, batch_sha256};
use brink_signing::sign_document;
use brink_store::journal::{Backlog, Outbox, Unsent};

/// A request smaller than this is not the reason why it does not get through.
const LARGE_BYTES: usize = 64 * 1024;
/// Failures in a row after which a large request is made anew with half as many records: a slow line may carry that in
/// the time that a request has.
const FAILURES_MAX: u32 = 3;

/// How many records a request may carry, and how the last one fared.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    records_max: usize,
    /// How many the request under way has.
    carried: usize,
    failures: u32,
    /// The request under way does not carry everything.
    more: bool,
    /// What the one that was answered last has left, while the next can leave at once.
    left: Option<Backlog>,
}

impl Default for Pace {
    fn default() -> Self {
        Self { records_max: RECORDS_MAX, carried: 0, failures: 0, more: false, left: None }
    }
}

/// What an answer has settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// What the issuer says.
    pub said: ReceiptUsage,
    /// What is left.
    pub backlog: Backlog,
    /// The next request can leave at once: this one could not carry everything.
    pub more: bool,
}

/// Usage as it leaves: the section, and the records in it.
pub(super) struct Carried {
    pub(super) section: UsageSection,
    pub(super) batch: Option<Unsent>,
}

impl Device {
    /// What to say of usage. A journal that cannot be read holds up neither licence nor clock.
    pub(super) fn usage(&mut self) -> Result<Option<Carried>, DeviceError> {
        match self.store.outbox(self.pace.records_max) {
            Ok(outbox) => self.carried(outbox).map(Some),
            Err(error) => {
                tracing::warn!(code = error.code(), %error, "the request leaves without usage");
                Ok(None)
            }
        }
    }

    fn carried(&mut self, outbox: Outbox) -> Result<Carried, DeviceError> {
        let Outbox { at, chains, batch, more } = outbox;
        self.pace.more = more;
        self.pace.carried = batch.as_ref().map_or(0, |batch| batch.records.len());
        let signed = batch.as_ref().map(|batch| self.signed_batch(batch)).transpose()?;
        Ok(Carried { section: UsageSection { sent: at, chains, batch: signed }, batch })
    }

    fn signed_batch(&self, batch: &Unsent) -> Result<Batch, DeviceError> {
        let Unsent { genesis, records, head, .. } = batch;
        let claims = CheckpointClaims {
            ver: CLAIMS_VERSION,
            iss: self.store.anchor().issuer().clone(),
            dev: genesis.device.clone(),
            epoch: genesis.epoch,
            jkt: Kid::from_digest(genesis.jkt),
            seq: head.seq,
            hash: head.hash,
            batch: batch_sha256(records),
        };
        let claims = claims.to_json_bytes().map_err(|error| DeviceError::Claims(error.to_string()))?;
        let checkpoint = sign_document(&self.key, Typ::Checkpoint, &claims)?;
        Ok(Batch { epoch: genesis.epoch, records: records.clone(), checkpoint })
    }

    /// What the answer that is in force now has settled.
    pub(super) fn settlement(&mut self) -> Option<Settlement> {
        let said = self.store.receipt()?.claims().usage.clone()?;
        self.pace.failures = 0;
        // A line that was slow once may be quick again: little by little.
        self.pace.records_max = (self.pace.records_max + self.pace.records_max / 8 + 1).min(RECORDS_MAX);
        let more = std::mem::take(&mut self.pace.more) && said.batch == BatchVerdict::Taken;
        match said.batch {
            BatchVerdict::Fork | BatchVerdict::Bad => {
                tracing::error!(verdict = ?said.batch, "the issuer does not take this usage: ask its admin");
            }
            BatchVerdict::Gap => tracing::warn!("the issuer wants usage again that it has lost"),
            BatchVerdict::None | BatchVerdict::Taken => {}
        }
        let is_whole = matches!(said.batch, BatchVerdict::None | BatchVerdict::Taken) && !more;
        if is_whole && let Err(error) = self.store.quotas_settled() {
            tracing::warn!(code = error.code(), %error, "quotas count as spent until the next exchange");
        }
        let backlog = self.left(more);
        Some(Settlement { said, backlog, more })
    }

    /// What is left: counted where a drain begins and ends, and in between without what was carried.
    fn left(&mut self, more: bool) -> Backlog {
        let left = match self.pace.left.take() {
            Some(left) if more => {
                Backlog { records: left.records.saturating_sub(self.pace.carried as u64), ..left }
            }
            Some(_) | None => self.store.backlog(u64::MAX).unwrap_or_default(),
        };
        self.pace.left = more.then_some(left);
        left
    }

    /// The request did not get through. One that is large, or that the issuer says is too large, is made anew with half as
    /// many records.
    pub fn not_delivered(&mut self, too_large: bool) -> Result<(), DeviceError> {
        self.pace.failures = self.pace.failures.saturating_add(1);
        let is_large = self.held().pending.as_ref().is_some_and(|pending| pending.bytes.len() >= LARGE_BYTES);
        if too_large || (is_large && self.pace.failures >= FAILURES_MAX) {
            self.pace.failures = 0;
            let carried = if self.pace.carried == 0 { self.pace.records_max } else { self.pace.carried };
            self.pace.records_max = (carried / 2).max(1);
            tracing::warn!(records_max = self.pace.records_max, "the next request carries less usage");
            if !too_large {
                self.store.abandon_pending()?;
            }
        }
        Ok(())
    }

    /// The next request can leave at once.
    #[must_use]
    pub const fn has_more(&self) -> bool {
        self.pace.left.is_some()
    }
}

//! What a request says of usage, as far as it can be read and verified without the database.

use super::links::{Link, chained};
use crate::answer::Answering;
use crate::request::Proven;
use crate::storage::{BatchAsked, UsageAsked};
use brink_license::token::{Authority, CheckpointClaims, CheckpointExpected, TokenError, Verified, verify};
use brink_license::usage::{BATCH_BYTES_MAX, Batch, ChainReport, FOLD_BYTES_MAX, Moment, batch_sha256};

/// Most bytes of all records of a batch: a device stops below, wherever the last of them ends.
const BYTES_MAX: usize = BATCH_BYTES_MAX + FOLD_BYTES_MAX;

/// What a request says of usage.
pub(crate) struct Reading {
    /// Every clock of the device when it was made.
    pub(crate) sent: Moment,
    /// Where its chains stand.
    pub(crate) chains: Vec<ChainReport>,
    /// The batch, if there is one.
    pub(crate) batch: Option<ReadBatch>,
}

/// A batch that was read.
pub(crate) struct ReadBatch {
    /// The chain.
    pub(crate) epoch: u32,
    /// The device's word on it, as it came.
    pub(crate) checkpoint: String,
    /// Its records, or what is wrong with it in words.
    pub(crate) content: Result<Vec<Link>, String>,
}

impl Reading {
    /// What has to be looked up for it.
    pub(crate) fn asked(&self) -> UsageAsked {
        let batch = self.batch.as_ref().and_then(|batch| {
            let links = batch.content.as_ref().ok()?;
            let (first, last) = (links.first()?.seq, links.last()?.seq);
            Some(BatchAsked { epoch: batch.epoch, first, last })
        });
        UsageAsked { epochs: self.chains.iter().map(|chain| chain.epoch).collect(), batch }
    }

    /// What it says of a chain.
    pub(crate) fn report(&self, epoch: u32) -> Option<&ChainReport> {
        self.chains.iter().find(|chain| chain.epoch == epoch)
    }
}

/// Reads what a request says of usage; `None` from a device that does not meter yet.
pub(crate) fn read(answering: &Answering<'_>, proven: &Proven) -> Option<Reading> {
    let section = proven.usage.as_ref()?;
    let chains = section.chains.clone();
    let batch = section.batch.as_ref().map(|batch| {
        let mut reports = chains.iter().filter(|chain| chain.epoch == batch.epoch);
        let content = match (reports.next(), reports.next()) {
            (Some(report), None) => content(answering, (proven, report), batch),
            (Some(_) | None, _) => Err("the request does not speak once of its chain".to_owned()),
        };
        ReadBatch { epoch: batch.epoch, checkpoint: batch.checkpoint.clone(), content }
    });
    Some(Reading { sent: section.sent, chains, batch })
}

fn content(
    answering: &Answering<'_>,
    (proven, report): (&Proven, &ChainReport),
    batch: &Batch,
) -> Result<Vec<Link>, String> {
    if batch.records.iter().map(Vec::len).sum::<usize>() > BYTES_MAX {
        return Err("its records have more bytes than those of a batch".to_owned());
    }
    let checkpoint = checkpoint(answering, proven, batch);
    let checkpoint = checkpoint.map_err(|error| format!("its checkpoint is refused: {error}"))?;
    let claims = checkpoint.claims();
    if *claims.jkt.as_bytes() != report.jkt {
        return Err("its checkpoint speaks of another key".to_owned());
    }
    if claims.batch != batch_sha256(&batch.records) {
        return Err("its checkpoint speaks of other records".to_owned());
    }
    let chain = (&proven.claims.dev, batch.epoch);
    let links = chained(&batch.records, chain, claims.seq)?;
    match links.last() {
        Some(last) if (last.seq, last.hash) == (claims.seq, claims.hash) => Ok(links),
        Some(_) | None => Err("its checkpoint speaks of another last record".to_owned()),
    }
}

fn checkpoint(
    answering: &Answering<'_>,
    proven: &Proven,
    batch: &Batch,
) -> Result<Verified<CheckpointClaims>, TokenError> {
    let expected = CheckpointExpected {
        issuer: answering.issuer.name.clone(),
        device: proven.claims.dev.clone(),
        epoch: Some(batch.epoch),
    };
    verify::<CheckpointClaims>(batch.checkpoint.as_bytes(), Authority::Device(&proven.key), &expected)
}

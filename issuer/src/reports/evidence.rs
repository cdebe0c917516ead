//! Evidence: what the device and the issuer have signed about usage, with the records that it is about, for anybody who
//! has the issuer's root keys and nothing else of ours.
//!
//! One JSON document, written statement by statement, so that memory holds one batch: the issuer's name, its manifests,
//! and of each batch the checkpoint, the receipt, the device's public key, and the records in base64url.

use super::{BooksError, walk};
use crate::admin::Admin;
use crate::calendar::rfc3339;
use crate::storage::Statement;
use brink_license::usage::{Hash, RECORDS_MAX, batch_sha256};
use brink_license::{DeviceId, b64};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io::Write;

/// What the document is called, for a reader that meets it.
const KIND: &str = "brink-usage-evidence/v1";

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EvidenceWritten {
    /// How many batches.
    pub statements: u64,
    /// How many records.
    pub records: u64,
    /// How many batches of which records are not on record any more, so that their digest cannot be computed again.
    pub partial: u64,
}

impl Admin {
    /// Writes everything that was signed about a device's usage.
    pub fn usage_evidence(
        &self,
        device: &DeviceId,
        out: &mut dyn Write,
    ) -> Result<EvidenceWritten, BooksError> {
        let head = json!({
            "kind": KIND, "issuer": self.storage.issuer()?.name, "device": device,
            "manifests": manifests(&self.storage.manifests()?),
        });
        let mut written = EvidenceWritten::default();
        let head = head.to_string();
        let opened = head.strip_suffix('}').unwrap_or(&head);
        write!(out, "{opened},\"statements\":[")?;
        let mut tail = Tail::default();
        walk(
            |statement: Statement| {
                let covered = tail.covered(&statement);
                let document = document(&statement, covered);
                let comma = if written.statements == 0 { "" } else { "," };
                write!(out, "{comma}\n{document}")?;
                written.statements += 1;
                written.records += statement.records.len() as u64;
                written.partial += u64::from(covered.is_none());
                Ok(())
            },
            |take| self.storage.usage_statements(device, take),
        )?;
        writeln!(out, "\n]}}")?;
        Ok(written)
    }
}

/// A manifest is JSON as it was signed.
fn manifests(held: &[Vec<u8>]) -> Vec<Value> {
    held.iter().map(|bytes| json!(String::from_utf8_lossy(bytes))).collect()
}

/// `batch_records` is how many records, up to and with the last of these, the digest in the checkpoint is over.
fn document(statement: &Statement, covered: Option<usize>) -> Value {
    let records: Vec<_> = statement.records.iter().map(|bytes| b64::encode(bytes)).collect();
    json!({
        "epoch": statement.epoch, "seq": statement.seq, "at": rfc3339(statement.at),
        "device_key": b64::encode(&statement.device_key), "checkpoint": statement.checkpoint,
        "receipt": statement.receipt, "batch_records": covered, "records": records,
    })
}

/// The last records of a chain. A batch that was sent again with more begins where an earlier one did.
#[derive(Default)]
struct Tail {
    epoch: u32,
    batches: VecDeque<Vec<Vec<u8>>>,
}

impl Tail {
    /// How many records the checkpoint's digest is over; `None` where they are not on record any more.
    fn covered(&mut self, statement: &Statement) -> Option<usize> {
        if self.epoch != statement.epoch {
            (self.epoch, self.batches) = (statement.epoch, VecDeque::new());
        }
        self.batches.push_back(statement.records.clone());
        while self.records().count() > RECORDS_MAX && self.batches.len() > 1 {
            self.batches.pop_front();
        }
        let signed = signed_batch(&statement.checkpoint)?;
        let fits = |from: &usize| {
            let records: Vec<_> = self.batches.iter().skip(*from).flatten().collect();
            batch_sha256(&records) == signed
        };
        let from = (0..self.batches.len()).rev().find(fits)?;
        Some(self.batches.iter().skip(from).map(Vec::len).sum())
    }

    fn records(&self) -> impl Iterator<Item = &Vec<u8>> {
        self.batches.iter().flatten()
    }
}

/// What a checkpoint says of its batch. Whoever is shown the document verifies the signature.
fn signed_batch(checkpoint: &str) -> Option<Hash> {
    let payload = b64::decode(checkpoint.split('.').nth(1)?.as_bytes())?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    b64::decode_array(claims["batch"].as_str()?.as_bytes())
}

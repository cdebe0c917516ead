//! Lines and documents as JSON, for whoever reads or keeps them.

use super::chain_name;
use crate::calendar::rfc3339;
use crate::reports::BooksError;
use crate::secret::digest;
use crate::storage::{AuditEntry, AuditHeld, IssuedDocument, Storage, Whose};
use brink_license::b64;
use serde_json::{Value, json};
use std::io::Write;
use std::ops::ControlFlow;

/// A line, with its particulars as they are stored: the hash covers that text.
#[must_use]
pub fn shown(line: &AuditEntry) -> Value {
    let detail: Value = serde_json::from_str(&line.detail).unwrap_or_else(|_| json!(line.detail));
    json!({
        "tenant": line.tenant, "seq": line.seq, "at": rfc3339(line.at), "actor": line.actor, "action": line.action,
        "subject": line.subject, "detail": detail, "hash": line.hash.map(|hash| b64::encode(&hash)),
    })
}

/// A document without its token: whoever has that may run on it.
#[must_use]
pub fn shown_document(document: &IssuedDocument) -> Value {
    json!({
        "tenant": document.tenant, "device": document.device, "kind": document.kind, "epoch": document.epoch,
        "number": document.number, "id": document.id, "kid": document.kid, "issued_at": rfc3339(document.iat),
        "ends_at": document.until.map(rfc3339), "sha256": digest(&document.token),
    })
}

/// Writes lines as JSON, one object a line, chain by chain and each from its first; with the text that was hashed, so
/// that anybody can compute the chain again. Says how many.
pub fn export(storage: &dyn Storage, whose: &Whose, out: &mut dyn Write) -> Result<u64, BooksError> {
    let (mut lines, mut written) = (0_u64, Ok(()));
    storage.audit_held(&mut |held| {
        let line = match held {
            AuditHeld::Earlier(line) | AuditHeld::Line(line) => line,
            AuditHeld::Chain(_) | AuditHeld::Head(_) | AuditHeld::Seal(_) | AuditHeld::Issued(_) => {
                return ControlFlow::Continue(());
            }
        };
        if whose.chain().is_some_and(|chain| chain != chain_name(line.tenant.as_ref())) {
            return ControlFlow::Continue(());
        }
        lines += 1;
        written = writeln!(out, "{}", exported(&line));
        if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    written.map_err(BooksError::Write)?;
    Ok(lines)
}

fn exported(line: &AuditEntry) -> Value {
    json!({
        "tenant": line.tenant, "seq": line.seq, "at": line.at, "actor": line.actor, "action": line.action,
        "subject": line.subject, "detail": line.detail, "hash": line.hash.map(|hash| b64::encode(&hash)),
    })
}

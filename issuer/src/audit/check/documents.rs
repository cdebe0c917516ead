//! What lines say was signed, against what is kept of it.

use crate::secret::digest;
use crate::storage::{AuditEntry, IssuedDocument, IssuedKind};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap, HashSet};

/// What is wrong, by its code and in words.
type Wrong = (&'static str, String);

/// Of one chain at a time, but for the lines from before there were chains: their documents are in any of them.
#[derive(Default)]
pub(super) struct Documents {
    /// By digest, the documents that lines of this chain say were signed.
    said: HashMap<String, (IssuedKind, String)>,
    /// Documents that earlier lines say were signed, by kind, subject and number or id.
    earlier: HashSet<(IssuedKind, String, String)>,
    /// Devices whose numbers may have gaps: an issuer that was put back sets numbers aside.
    jumps: BTreeSet<String>,
    /// The licence before, to see gaps.
    last: Option<(String, u32, u64)>,
}

/// The action of a line that says that something was signed.
fn kind_of(action: &str) -> Option<IssuedKind> {
    match action {
        "licence.mint" => Some(IssuedKind::License),
        "license.extend" => Some(IssuedKind::Extension),
        "license.revocations" => Some(IssuedKind::Revocations),
        "device.clock_reset" => Some(IssuedKind::ClockReset),
        _ => None,
    }
}

fn sets_numbers_aside(action: &str) -> bool {
    matches!(action, "licence.ahead" | "database.restored")
}

impl Documents {
    /// A line from before there were chains: these named documents by number, and clock resets not at all.
    pub(super) fn say_earlier(&mut self, line: &AuditEntry) {
        if sets_numbers_aside(&line.action) {
            self.jumps.insert(line.subject.clone());
        }
        let Some(kind) = kind_of(&line.action) else { return };
        let Ok(detail) = serde_json::from_str::<Value>(&line.detail) else { return };
        let name = match kind {
            IssuedKind::License => detail["jti"].as_str().map(str::to_owned),
            IssuedKind::Extension => detail["number"].as_u64().map(|number| number.to_string()),
            IssuedKind::Revocations => detail["version"].as_u64().map(|number| number.to_string()),
            IssuedKind::ClockReset => Some(line.at.as_i64().to_string()),
        };
        if let Some(name) = name {
            self.earlier.insert((kind, line.subject.clone(), name));
        }
    }

    /// The next line of the chain.
    pub(super) fn say(&mut self, line: &AuditEntry) -> Option<Wrong> {
        if sets_numbers_aside(&line.action) {
            self.jumps.insert(line.subject.clone());
        }
        let kind = kind_of(&line.action)?;
        let detail: Value = serde_json::from_str(&line.detail).unwrap_or_default();
        let Some(sha256) = detail["sha256"].as_str() else {
            let text = format!("the line about {} names no document", line.subject);
            return Some(("DOCUMENT_UNNAMED", text));
        };
        let before = self.said.insert(sha256.to_owned(), (kind, line.subject.clone()));
        before.map(|_| ("DOCUMENT_TWICE", format!("two lines say that document {sha256} was signed")))
    }

    /// The next document that is kept; those of a tenant come behind its lines, by device, kind, epoch and number.
    pub(super) fn hold(&mut self, document: &IssuedDocument) -> Option<Wrong> {
        let subject = document.device.as_ref().map_or(document.tenant.as_str(), |device| device.as_str());
        let name = name_of(document);
        let gap = self.gap(document, subject);
        let known = match self.said.remove(&digest(&document.token)) {
            Some((kind, said)) => kind == document.kind && said == subject,
            None => self.earlier.remove(&(document.kind, subject.to_owned(), earlier_name(document))),
        };
        if !known {
            return Some(("DOCUMENT_UNLOGGED", format!("no line says that {name} was signed")));
        }
        gap.map(|(from, to)| {
            let text =
                format!("licences {from} to {to} of device {subject} are absent, and no line says why");
            ("NUMBER_GAP", text)
        })
    }

    fn gap(&mut self, document: &IssuedDocument, subject: &str) -> Option<(u64, u64)> {
        if document.kind != IssuedKind::License {
            return None;
        }
        let (epoch, number) = (document.epoch, document.number);
        let last = self.last.replace((subject.to_owned(), epoch, number));
        let before = last
            .filter(|(device, of, _)| device == subject && *of == epoch)
            .map_or(0, |(_, _, number)| number);
        let is_gap = number > before.saturating_add(1) && !self.jumps.contains(subject);
        is_gap.then(|| (before + 1, number - 1))
    }

    /// The chain is complete: what was said and is not kept.
    pub(super) fn end_chain(&mut self) -> Vec<Wrong> {
        self.last = None;
        let mut missing: Vec<_> =
            self.said.drain().map(|(sha256, (kind, subject))| absent(kind, &subject, &sha256)).collect();
        missing.sort();
        missing
    }

    /// Every chain is complete.
    pub(super) fn end(&mut self) -> Vec<Wrong> {
        let mut missing: Vec<_> =
            self.earlier.drain().map(|(kind, subject, name)| absent(kind, &subject, &name)).collect();
        missing.sort();
        missing
    }
}

fn absent(kind: IssuedKind, subject: &str, name: &str) -> Wrong {
    ("DOCUMENT_ABSENT", format!("{} {name} of {subject} was signed and is not kept", kind.as_str()))
}

fn name_of(document: &IssuedDocument) -> String {
    let IssuedDocument { kind, epoch, number, id, tenant, device, .. } = document;
    let whose =
        device.as_ref().map_or_else(|| format!("tenant {tenant}"), |device| format!("device {device}"));
    match kind {
        IssuedKind::License => format!("licence {epoch}/{number} ({id}) of {whose}"),
        IssuedKind::Extension => format!("extension {number} of {whose}"),
        IssuedKind::Revocations => format!("list {number} of {whose}"),
        IssuedKind::ClockReset => format!("the clock reset {id} of {whose}"),
    }
}

fn earlier_name(document: &IssuedDocument) -> String {
    match document.kind {
        IssuedKind::License => document.id.clone(),
        IssuedKind::Extension | IssuedKind::Revocations => document.number.to_string(),
        IssuedKind::ClockReset => document.iat.as_i64().to_string(),
    }
}

//! Why a document is that much: every line down to its days, cameras and devices, from what is kept with it. Called by the
//! command line.

use super::Invoicing;
use super::document::{Document, DocumentLine, Reason, Status};
use super::error::InvoiceError;
use crate::billing::Kind;
use crate::storage::StorageError;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A document and what it was computed from.
#[derive(Debug)]
pub struct Explained {
    /// The document.
    pub document: Document,
    /// For each line the documents that billed the same before, by their names.
    pub before: Vec<Vec<String>>,
    /// What usage was added up from, by its digest in hexadecimal: day, device, meter, quantity, uses.
    pub evidence: BTreeMap<String, Vec<[String; 5]>>,
}

impl Invoicing {
    /// Explains a document.
    pub fn explain(&self, name: &str) -> Result<Explained, InvoiceError> {
        let document = self.storage.document(name)?;
        let oldest = document.lines.iter().map(|line| line.period.from).min().unwrap_or(document.period.from);
        let others = self.storage.billing_view(&document.tenant, oldest)?.documents;
        let before = document.lines.iter().map(|line| before(&document, line, &others)).collect();
        let mut evidence = BTreeMap::new();
        for digest in document.lines.iter().flat_map(|line| &line.evidence) {
            if !evidence.contains_key(digest) {
                evidence.insert(digest.clone(), self.rows(digest)?);
            }
        }
        Ok(Explained { document, before, evidence })
    }

    fn rows(&self, digest: &str) -> Result<Vec<[String; 5]>, InvoiceError> {
        let damaged =
            || StorageError::Damaged { what: format!("the evidence {digest} is not there, or damaged") };
        let bytes = unhex(digest).ok_or_else(damaged)?;
        let found = self.storage.billing_evidence(&bytes)?.ok_or_else(damaged)?;
        let row = |line: &str| {
            let fields: Vec<String> = line.split(' ').map(str::to_owned).collect();
            <[String; 5]>::try_from(fields).ok()
        };
        Ok(found.body.lines().map(row).collect::<Option<_>>().ok_or_else(damaged)?)
    }
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// Documents that count and have an earlier line of the same.
fn before(document: &Document, line: &DocumentLine, others: &[Document]) -> Vec<String> {
    let is_earlier = |other: &&DocumentLine| {
        other.period.from == line.period.from && other.key == line.key && other.revision < line.revision
    };
    let counts = |other: &&Document| {
        other.id != document.id && other.status != Status::Void && other.lines.iter().any(|l| is_earlier(&l))
    };
    others.iter().filter(counts).map(|other| other.name().to_owned()).collect()
}

impl Explained {
    /// One JSON document: the document, and beside each line what it rests on.
    #[must_use]
    pub fn json(&self) -> Value {
        let lines: Vec<Value> = self
            .document
            .lines
            .iter()
            .zip(&self.before)
            .map(|(line, before)| {
                json!({ "key": line.key, "period": line.period, "formula": self.formula(line), "billed_before_on": before })
            })
            .collect();
        let rows = |rows: &Vec<[String; 5]>| {
            let row = |[day, device, meter, quantity, uses]: &[String; 5]| json!({ "day": day, "device": device, "meter": meter, "quantity": quantity, "uses": uses });
            Value::Array(rows.iter().map(row).collect())
        };
        let evidence: serde_json::Map<String, Value> =
            self.evidence.iter().map(|(digest, found)| (digest.clone(), rows(found))).collect();
        json!({ "document": self.document, "lines": lines, "evidence": evidence })
    }

    /// For people; of one key alone where one is given.
    #[must_use]
    pub fn lines(&self, key: Option<&str>) -> Vec<String> {
        let document = &self.document;
        let kind = document.kind.title().to_lowercase();
        let mut said = vec![format!(
            "{kind} {} of tenant {}, {}, for the period from {} to {} in {}",
            document.name(),
            document.tenant,
            document.status.said(),
            document.period.from,
            document.period.to,
            document.timezone,
        )];
        if let Some(credited) = &document.credits {
            said.push(format!("credits {}", credited.number.as_deref().unwrap_or(&credited.id)));
        }
        let wanted = |line: &&DocumentLine| key.is_none_or(|key| *line.key == *key || *line.price == *key);
        for (line, before) in document.lines.iter().zip(&self.before).filter(|(line, _)| wanted(line)) {
            said.push(String::new());
            said.push(format!(
                "{} ({}), {} to {}: {} {}",
                line.key,
                line.description,
                line.days.from,
                line.days.to,
                document.money(line.net_minor),
                document.currency,
            ));
            said.push(format!("  {}", self.formula(line)));
            if !before.is_empty() {
                said.push(format!("  billed before on {}", before.join(", ")));
            }
            said.extend(line.detail.iter().filter_map(|reason| self.reason(reason)));
            said.extend(self.used(line));
        }
        if key.is_none() {
            said.push(String::new());
            said.extend(self.sums());
        }
        said
    }

    /// How the amount comes about.
    fn formula(&self, line: &DocumentLine) -> String {
        let document = &self.document;
        let money = |minor| document.money(minor);
        let price = line.unit_price.as_ref();
        let desired = line.detail.iter().find_map(|reason| match reason {
            Reason::Billed { desired, before } => Some((*desired, *before)),
            Reason::Days { .. } | Reason::Started { .. } | Reason::Used { .. } | Reason::Share { .. } => None,
        });
        let whole = desired.map_or(line.net_minor, |(desired, _)| desired);
        let mut said = match (line.kind, line.unit_days, line.period_days, price) {
            (Kind::Discount, ..) => format!("takes off {}", money(whole)),
            (_, Some(unit_days), Some(days), Some(price)) => {
                format!("{unit_days} unit days x {price} / {days} days = {}", money(whole))
            }
            (_, _, _, Some(price)) => format!("{} x {price} = {}", line.quantity, money(whole)),
            (..) => format!("comes to {}", money(whole)),
        };
        if let Some((desired, before)) = desired {
            said.push_str(&format!(
                "; {} was billed before: {} - {} = {}",
                money(before),
                money(desired),
                money(before),
                money(line.net_minor)
            ));
        }
        said
    }

    fn reason(&self, reason: &Reason) -> Option<String> {
        Some(match reason {
            Reason::Days { from, to, peak, granted, resources } => {
                let free = if *granted > 0 { format!(", {granted} of them free") } else { String::new() };
                let names =
                    if resources.is_empty() { String::new() } else { format!(": {}", resources.join(", ")) };
                format!("  {from} to {to}: {peak} at most at one time{free}{names}")
            }
            Reason::Started { on, quantity, year: 0 } => format!("  {on}: {quantity} began"),
            Reason::Started { on, quantity, year } => format!("  {on}: {quantity} began year {}", year + 1),
            Reason::Used { quantity, included, charged } => {
                format!("  {quantity} used, {included} of them included, {charged} charged")
            }
            Reason::Share { key, minor } => format!("  of {key}: {}", self.document.money(*minor)),
            Reason::Billed { .. } => return None,
        })
    }

    /// What usage was added up from: each device with its days.
    fn used(&self, line: &DocumentLine) -> Vec<String> {
        let mut said = Vec::new();
        let rows = line.evidence.iter().filter_map(|digest| self.evidence.get(digest)).flatten();
        let first =
            |day: &str| line.days.from.to_string().as_str() <= day && day < line.days.to.to_string().as_str();
        let mut by_device: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for [day, device, _, quantity, uses] in rows.filter(|[day, ..]| first(day)) {
            by_device.entry(device).or_default().push(format!("    {day}: {quantity} in {uses} uses"));
        }
        for (device, days) in by_device {
            said.push(format!("  device {device}"));
            said.extend(days);
        }
        said.extend(line.evidence.iter().map(|digest| format!("  evidence sha256 {digest}")));
        said
    }

    fn sums(&self) -> Vec<String> {
        let document = &self.document;
        let totals = &document.totals;
        let mut said = vec![format!("net    {}", document.money(totals.net_minor))];
        for tax in &document.taxes {
            let reason = tax.reason.as_deref().unwrap_or_default();
            let (base, sum) = (document.money(tax.base_minor), document.money(tax.tax_minor));
            said.push(format!("tax    {sum} = {base} x {} {reason}", tax.rate));
        }
        said.push(format!("total  {} {}", document.money(totals.total_minor), document.currency));
        if totals.from_wallet_minor != 0 {
            said.push(format!("wallet {}", document.money(-totals.from_wallet_minor)));
        }
        said.push(format!("due    {}", document.money(totals.due_minor)));
        said.extend(document.lacks.iter().map(|lack| format!("lacks: {lack}")));
        said
    }
}

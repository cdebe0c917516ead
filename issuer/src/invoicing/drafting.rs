//! From what periods still come to, to drafts: one invoice, and a credit note for each invoice of which something is given back
//! (R12). Pure; called where periods are closed, and for the taxes of what is issued.

use super::document::{
    Credited, Days, Document, DocumentKind, DocumentLine, DocumentTax, Instants, Reason, Status, Totals,
};
use super::error::InvoiceError;
use crate::billing::{
    Base, Billed, Differences, Exact, Kind, LineKey, On, Shares, TaxRule, parts, settle_bases,
};
use crate::storage::TenantRow;
use brink_license::UnixSeconds;
use brink_license::usage::Quantity;
use std::collections::BTreeMap;

/// What a period still comes to.
pub(super) struct OfPeriod {
    pub(super) period: Days,
    pub(super) differences: Differences,
}

/// What drafts have in common.
pub(super) struct Drafting<'d> {
    pub(super) tenant: &'d TenantRow,
    /// The period that is closed.
    pub(super) period: Days,
    pub(super) now: UnixSeconds,
    /// What was drafted and issued before, the oldest first.
    pub(super) documents: &'d [Document],
    /// Taxes of an invoice that is issued today.
    pub(super) taxes: &'d [TaxRule],
    pub(super) lacks: &'d [String],
}

/// What is billed of each key of a period. What is void was never billed, but counts as a revision.
pub(super) fn billed(documents: &[Document], period: Days) -> BTreeMap<LineKey, Billed> {
    let mut found: BTreeMap<LineKey, Billed> = BTreeMap::new();
    for document in documents {
        for line in document.lines.iter().filter(|line| line.period.from == period.from) {
            let discount = || (line.kind == Kind::Discount).then(|| Shares::Recorded(BTreeMap::new()));
            let entry = found.entry(line.key.clone()).or_insert_with(|| Billed {
                price: line.price.clone(),
                net_minor: 0,
                lines: 0,
                discount: discount(),
            });
            // Not how many there are: what was discarded leaves a hole, and its number may be in a later document.
            entry.lines = entry.lines.max(line.revision.saturating_add(1));
            if document.status == Status::Void {
                continue;
            }
            entry.net_minor = entry.net_minor.saturating_add(line.net_minor);
            if let Some(Shares::Recorded(shares)) = &mut entry.discount {
                for reason in &line.detail {
                    if let Reason::Share { key, minor } = reason {
                        *shares.entry(key.clone()).or_default() += minor;
                    }
                }
            }
        }
    }
    found
}

/// Where a line goes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Invoice,
    /// Onto a credit note for this invoice.
    Credit(String),
}

/// The drafts: none where nothing is left to invoice.
pub(super) fn draft(with: &Drafting<'_>, all: &[OfPeriod]) -> Result<Vec<Document>, InvoiceError> {
    let mut found: BTreeMap<Part, Vec<DocumentLine>> = BTreeMap::new();
    for one in all {
        let mut revisions: BTreeMap<LineKey, u32> = BTreeMap::new();
        let part_of = |base: &Base| match credited(with.documents, one.period, &base.key) {
            Some(invoice) if base.minor < 0 => Part::Credit(invoice.id.clone()),
            Some(_) | None => Part::Invoice,
        };
        for (part, differences) in parts(&one.differences, part_of) {
            let bases: BTreeMap<&LineKey, i64> =
                differences.bases.iter().map(|base| (&base.key, base.minor)).collect();
            let lines = found.entry(part).or_default();
            for line in &differences.lines {
                let base = bases.get(&line.key).copied().unwrap_or(0);
                let made = revisions.entry(line.key.clone()).or_insert(line.revision);
                let line = DocumentLine { revision: *made, ..DocumentLine::of(line, one.period, base) };
                *made += 1;
                lines.push(line);
            }
        }
    }
    found.into_iter().map(|(part, lines)| document(with, part, lines)).collect()
}

/// The invoice that a line of a period is on first, and that counts.
fn credited<'d>(documents: &'d [Document], period: Days, key: &LineKey) -> Option<&'d Document> {
    let counts =
        |document: &&Document| document.kind == DocumentKind::Invoice && document.status != Status::Void;
    let revision = |document: &'d Document| {
        let of_key = |line: &&DocumentLine| line.period.from == period.from && line.key == *key;
        Some((document.lines.iter().filter(of_key).map(|line| line.revision).min()?, document))
    };
    let first = documents.iter().filter(counts).filter_map(revision).min_by_key(|(revision, _)| *revision);
    first.map(|(_, document)| document)
}

fn document(with: &Drafting<'_>, part: Part, lines: Vec<DocumentLine>) -> Result<Document, InvoiceError> {
    let original = match &part {
        Part::Invoice => None,
        Part::Credit(id) => with.documents.iter().find(|document| document.id == *id),
    };
    let rules = original.map_or_else(|| with.taxes.to_vec(), |original| rules_of(&original.taxes));
    let (taxes, totals) =
        taxed(&lines, &rules).ok_or_else(|| InvoiceError::TooLarge(with.tenant.id.clone()))?;
    Ok(Document {
        id: crate::minting::fresh_token_id()?.as_str().to_owned(),
        kind: if original.is_some() { DocumentKind::CreditNote } else { DocumentKind::Invoice },
        status: Status::Draft,
        number: None,
        credits: original
            .map(|original| Credited { id: original.id.clone(), number: original.number.clone() }),
        tenant: with.tenant.id.clone(),
        currency: with.tenant.currency,
        timezone: with.tenant.zone.name().to_owned(),
        period: with.period,
        instants: Some(Instants::of(with.period, with.tenant.zone)),
        created_at: with.now,
        issued_at: None,
        issued_on: None,
        due_on: None,
        payment_terms: None,
        paid_at: None,
        paid_by: None,
        voided_at: None,
        seller: None,
        buyer: None,
        lines,
        taxes,
        totals,
        lacks: with.lacks.to_vec(),
    })
}

/// The rules that taxes of a document were taken by: a credit note gives back what its invoice took (R14).
pub(super) fn rules_of(taxes: &[DocumentTax]) -> Vec<TaxRule> {
    let rule = |tax: &DocumentTax| TaxRule {
        rate: Quantity::parse(&tax.rate).map_or_else(|_| Exact::zero(), Exact::from),
        reason: tax.reason.clone(),
        on: tax.on.as_ref().map_or(On::All, |prices| On::Prices(prices.iter().cloned().collect())),
    };
    taxes.iter().map(rule).collect()
}

/// Taxes and totals of lines; `None` beyond an `i64`. The wallet pays when a document is issued.
pub(super) fn taxed(lines: &[DocumentLine], rules: &[TaxRule]) -> Option<(Vec<DocumentTax>, Totals)> {
    let base = |(place, line): (usize, &DocumentLine)| Base {
        key: place.to_string().into(),
        price: line.price.clone(),
        minor: line.base_minor,
    };
    let bases: Vec<Base> = lines.iter().enumerate().map(base).collect();
    let settlement = settle_bases(&bases, rules, 0).ok()?;
    let mut taxes = Vec::new();
    for tax in settlement.taxes {
        let of_rate = || rules.iter().filter(|rule| rule.rate == tax.rate);
        let on = of_rate().try_fold(Vec::new(), |mut all, rule| match &rule.on {
            On::All => None,
            On::Prices(prices) => {
                all.extend(prices.iter().cloned());
                Some(all)
            }
        });
        let shares = tax.shares.iter().filter_map(|(key, minor)| Some((key.parse().ok()?, *minor)));
        taxes.push(DocumentTax {
            rate: tax.rate.shown(),
            reason: tax.reason,
            on,
            base_minor: tax.base_minor,
            tax_minor: tax.tax_minor,
            shares: shares.collect(),
        });
    }
    let totals = Totals {
        net_minor: settlement.net_minor,
        tax_minor: settlement.tax_minor,
        total_minor: settlement.total_minor,
        from_wallet_minor: 0,
        due_minor: settlement.total_minor,
    };
    Some((taxes, totals))
}

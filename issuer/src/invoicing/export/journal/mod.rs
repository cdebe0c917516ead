//! A double-entry journal in the form of hledger: what was invoiced, credited, paid, voided and put into wallets. Every
//! transaction balances to nothing. Drafts are not in it.
//!
//! Debits are above zero. An invoice is owed by its customer (`assets:receivable`) and, for what the wallet pays of it, by
//! us no more (`liabilities:wallet`); what it gives us stands below `income` by price and below `liabilities:tax` by rate.
//! What a document gives back goes into the wallet. A payment moves what is owed to the bank; a void undoes the issue on the
//! day of the void.

mod text;

use super::{ExportError, check_sums};
use crate::calendar::{local_day, parse_zone};
use crate::currency::Currency;
use crate::invoicing::document::{Document, Status};
use brink_license::{TenantId, UnixSeconds};
use chrono::NaiveDate;
use std::collections::BTreeMap;
use text::{account, tag, words};

const BANK: &str = "assets:bank";

/// What moved a wallet without any document: what came by the bank, or below zero what went back by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalletEntry {
    /// The day in the zone of the customer.
    pub at: NaiveDate,
    /// Above zero is more in the wallet.
    pub minor: i64,
    /// Whose.
    pub tenant: TenantId,
    /// Of the amount.
    pub currency: Currency,
    /// In the words of whoever recorded it.
    pub reason: String,
}

struct Transaction {
    on: NaiveDate,
    code: Option<String>,
    /// Of one code on one day: the issue stands before its payment and its void.
    step: u8,
    description: String,
    tags: Vec<(&'static str, String)>,
    currency: Currency,
    /// By account; they add up to nothing, and none of them is nothing.
    postings: BTreeMap<String, i64>,
}

/// The whole journal, by day.
pub fn write<'d>(
    documents: impl IntoIterator<Item = &'d Document>,
    wallets: &[WalletEntry],
) -> Result<String, ExportError> {
    let mut all = wallets.iter().map(wallet).collect::<Result<Vec<_>, _>>()?;
    for document in documents {
        all.extend(transactions(document)?);
    }
    all.retain(|one| !one.postings.is_empty());
    all.sort_by(|one, other| (one.on, &one.code, one.step).cmp(&(other.on, &other.code, other.step)));
    Ok(text::journal(&all))
}

fn wallet(entry: &WalletEntry) -> Result<Transaction, ExportError> {
    let mut postings = Postings::default();
    postings.add(BANK, entry.minor.into());
    postings.add(&account("liabilities:wallet", entry.tenant.as_str()), -i128::from(entry.minor));
    Ok(Transaction {
        on: entry.at,
        code: None,
        step: 0,
        description: format!("Wallet of {} | {}", words(entry.tenant.as_str()), words(&entry.reason)),
        tags: vec![("kind", "wallet".to_owned()), ("tenant", tag(entry.tenant.as_str()))],
        currency: entry.currency,
        postings: postings
            .finish()
            .ok_or_else(|| ExportError::TooLarge(format!("the wallet of {}", entry.tenant.as_str())))?,
    })
}

/// What became of a document, in order.
fn transactions(document: &Document) -> Result<Vec<Transaction>, ExportError> {
    if document.status == Status::Draft {
        return Ok(Vec::new());
    }
    check_sums(document)?;
    let lacks = |lacks| ExportError::Lacks {
        document: document.name().to_owned(),
        status: document.status.as_str(),
        lacks,
    };
    let issued_on = document.issued_on.ok_or_else(|| lacks("issued_on"))?;
    if document.number.is_none() {
        return Err(lacks("number"));
    }
    if document.status == Status::Paid && document.paid_at.is_none() {
        return Err(lacks("paid_at"));
    }
    if document.status == Status::Void && document.voided_at.is_none() {
        return Err(lacks("voided_at"));
    }
    let mut all = vec![issue(document, issued_on)?];
    if let Some(at) = document.paid_at {
        all.push(payment(document, day_of(document, at)?)?);
    }
    if let Some(at) = document.voided_at {
        all.push(void(document, issued_on, day_of(document, at)?)?);
    }
    Ok(all)
}

fn day_of(document: &Document, at: UnixSeconds) -> Result<NaiveDate, ExportError> {
    let zone = parse_zone(&document.timezone)
        .map_err(|error| ExportError::Zone { document: document.name().to_owned(), error })?;
    Ok(local_day(at, zone))
}

fn issue(document: &Document, on: NaiveDate) -> Result<Transaction, ExportError> {
    let tenant = document.tenant.as_str();
    let (wallet, totals) = (account("liabilities:wallet", tenant), &document.totals);
    let mut postings = Postings::default();
    postings.add(&wallet, totals.from_wallet_minor.into());
    // What is below nothing is paid out to the wallet and owed by nobody.
    let receivable = account("assets:receivable", tenant);
    postings.add(if totals.due_minor < 0 { &wallet } else { &receivable }, totals.due_minor.into());
    for line in &document.lines {
        postings.add(&account("income", &line.price), -i128::from(line.net_minor));
    }
    for tax in &document.taxes {
        postings.add(&account("liabilities:tax", &tax.rate), -i128::from(tax.tax_minor));
    }
    let happened = document.kind.title().to_lowercase();
    booked(document, on, (0, "issue", &happened), postings)
}

fn payment(document: &Document, on: NaiveDate) -> Result<Transaction, ExportError> {
    // What was below nothing went into the wallet at issue, and no bank has to do with it.
    let due = i128::from(document.totals.due_minor.max(0));
    let mut postings = Postings::default();
    postings.add(BANK, due);
    postings.add(&account("assets:receivable", document.tenant.as_str()), -due);
    let by = document.paid_by.as_deref().map(words).unwrap_or_default();
    booked(document, on, (1, "payment", format!("payment {by}").trim_end()), postings)
}

fn void(document: &Document, issued_on: NaiveDate, on: NaiveDate) -> Result<Transaction, ExportError> {
    let mut reverse = Postings::default();
    for (account, minor) in issue(document, issued_on)?.postings {
        reverse.add(&account, -i128::from(minor));
    }
    let happened = format!("void of {}", document.kind.title().to_lowercase());
    booked(document, on, (2, "void", &happened), reverse)
}

fn booked(
    document: &Document,
    on: NaiveDate,
    (step, event, happened): (u8, &'static str, &str),
    postings: Postings,
) -> Result<Transaction, ExportError> {
    let payee = document.buyer.as_ref().map(|buyer| words(&buyer.legal_name)).filter(|name| !name.is_empty());
    let payee = payee.unwrap_or_else(|| words(document.tenant.as_str()));
    let mut tags = vec![
        ("period", format!("{}/{}", document.period.from, document.period.to)),
        ("kind", document.kind.as_str().to_owned()),
        ("event", event.to_owned()),
        ("tenant", tag(document.tenant.as_str())),
    ];
    if let Some(credits) = &document.credits {
        tags.push(("credits", tag(credits.number.as_deref().unwrap_or(&credits.id))));
    }
    Ok(Transaction {
        on,
        code: Some(text::code(document.name())),
        step,
        description: format!("{payee} | {happened}"),
        tags,
        currency: document.currency,
        postings: postings.finish().ok_or_else(|| ExportError::TooLarge(document.name().to_owned()))?,
    })
}

#[derive(Default)]
struct Postings(BTreeMap<String, i128>);

impl Postings {
    fn add(&mut self, account: &str, minor: i128) {
        *self.0.entry(account.to_owned()).or_default() += minor;
    }

    /// `None` where one is beyond an `i64`.
    fn finish(self) -> Option<BTreeMap<String, i64>> {
        let moved = self.0.into_iter().filter(|(_, minor)| *minor != 0);
        moved.map(|(account, minor)| Some((account, i64::try_from(minor).ok()?))).collect()
    }
}

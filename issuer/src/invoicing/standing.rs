//! What becomes of a document: a draft is issued or discarded, what is issued is paid or void (R18). Numbers are given in the
//! transaction that issues, so that none is missing and none is there twice.

use super::document::{Credited, Document, DocumentKind, Status};
use super::drafting::{rules_of, taxed};
use super::error::InvoiceError;
use super::profile::{SellerProfile, TenantProfile};
use super::{Invoicing, check_reason, note};
use crate::admin::ran;
use crate::calendar::{local_day, local_midnight, rfc3339};
use crate::reports::period::Bound;
use crate::secret::{hex, sha256};
use crate::storage::{DocumentChange, DocumentView, NewDocumentChange, NewWalletEntry, StorageError};
use brink_license::UnixSeconds;
use chrono::Days;

/// Digits that a number has at least, so that numbers sort as texts for long.
const NUMBER_DIGITS: usize = 6;

/// How a document is then, and what that changes.
type Planned = (Document, Option<NewDocumentChange>);

impl Status {
    /// The words in messages.
    #[must_use]
    pub const fn said(self) -> &'static str {
        match self {
            Self::Draft => "a draft",
            Self::Issued => "issued",
            Self::Paid => "paid",
            Self::Void => "void",
        }
    }
}

impl Invoicing {
    /// Gives a draft its number, with both profiles as they are today; the wallet pays what it can. What is issued already is
    /// answered as it is.
    pub fn issue(&self, name: &str) -> Result<Document, InvoiceError> {
        self.change(name, &|view, now| {
            if matches!(view.document.status, Status::Issued | Status::Paid) {
                return Ok((view.document.clone(), None));
            }
            must_be(
                &view.document,
                &[Status::Draft],
                "which is over",
                "close the period anew with `invoice close-period`",
            )?;
            self.issued(view, now)
        })
    }

    /// Records that an invoice was paid at an instant or on a day of the tenant, by what the bank calls it.
    pub fn pay(&self, name: &str, at: Option<Bound>, by: Option<&str>) -> Result<Document, InvoiceError> {
        by.map_or(Ok(()), check_reason)?;
        self.change(name, &|view, now| {
            let document = &view.document;
            let at = match at {
                None => now,
                Some(Bound::Instant(at)) => at,
                // A bank says days: of the day of issue it is no earlier than that.
                Some(Bound::Day(day)) => {
                    let begins = local_midnight(day, view.tenant.zone);
                    let issued = document.issued_at.filter(|_| document.issued_on == Some(day));
                    issued.map_or(begins, |issued| issued.max(begins))
                }
            };
            if document.status == Status::Paid && document.paid_by.as_deref() == by {
                return Ok((document.clone(), None));
            }
            must_be(document, &[Status::Issued], "so that it cannot be paid", "pay what is issued")?;
            if document.kind == DocumentKind::CreditNote {
                return Err(standing(document, "and went into the wallet", "pay the invoice"));
            }
            if at > now {
                return Err(InvoiceError::Future(rfc3339(at)));
            }
            check_not_before(document, at)?;
            let paid = Document {
                status: Status::Paid,
                paid_at: Some(at),
                paid_by: by.map(str::to_owned),
                ..document.clone()
            };
            let detail = serde_json::json!({ "number": paid.number, "at": rfc3339(at), "by": by });
            let note = self.note_of(&paid, now, "invoice.pay", detail);
            let change = DocumentChange::Stands(Box::new(paid.clone()));
            Ok((paid, Some(NewDocumentChange { change, wallet: None, note })))
        })
    }

    /// Takes back what was issued; its number stays, what it billed is billed again with the next period that is closed, and
    /// what the wallet paid goes back.
    pub fn void(&self, name: &str, reason: &str) -> Result<Document, InvoiceError> {
        check_reason(reason)?;
        self.change(name, &|view, now| {
            let document = &view.document;
            if document.status == Status::Void {
                return Ok((document.clone(), None));
            }
            must_be(
                document,
                &[Status::Issued],
                "so that it cannot be voided",
                "discard a draft; credit what was paid",
            )?;
            check_uncredited(view)?;
            let void = Document { status: Status::Void, voided_at: Some(now), ..document.clone() };
            let detail = serde_json::json!({ "number": void.number, "reason": reason });
            let note = self.note_of(&void, now, "invoice.void", detail);
            let back = match document.kind {
                DocumentKind::Invoice if document.totals.due_minor < 0 => document.totals.due_minor,
                DocumentKind::Invoice => document.totals.from_wallet_minor,
                // Negative: what it had put into the wallet.
                DocumentKind::CreditNote => document.totals.due_minor,
            };
            if view.wallet_minor.saturating_add(back) < 0 {
                return Err(InvoiceError::WalletEmpty {
                    tenant: document.tenant.clone(),
                    balance: document.money(view.wallet_minor),
                    asked: document.money(-back),
                });
            }
            let wallet = entry(document, back, format!("{} is void", document.name()), &note);
            let change = DocumentChange::Stands(Box::new(void.clone()));
            Ok((void, Some(NewDocumentChange { change, wallet, note })))
        })
    }

    /// Takes a draft away.
    pub fn discard(&self, name: &str, reason: &str) -> Result<Document, InvoiceError> {
        check_reason(reason)?;
        self.change(name, &|view, now| {
            let document = &view.document;
            must_be(document, &[Status::Draft], "so that it cannot be discarded", "void what is issued")?;
            check_uncredited(view)?;
            let note =
                self.note_of(document, now, "invoice.discard", serde_json::json!({ "reason": reason }));
            let change = NewDocumentChange { change: DocumentChange::Discard, wallet: None, note };
            Ok((document.clone(), Some(change)))
        })
    }

    fn issued(&self, view: &DocumentView, now: UnixSeconds) -> Result<Planned, InvoiceError> {
        let draft = &view.document;
        let seller = view.seller.as_ref().ok_or(InvoiceError::NoProfile(None))?;
        let seller = SellerProfile::read(seller.body.as_bytes())?;
        let whose = || InvoiceError::NoProfile(Some(draft.tenant.clone()));
        let buyer = view.buyer.as_ref().ok_or_else(whose)?;
        let buyer = TenantProfile::kept(&buyer.body)?;
        let (prefix, rules) = match (draft.kind, &view.credited) {
            (DocumentKind::Invoice, _) | (DocumentKind::CreditNote, None) => {
                (&seller.invoice_prefix, buyer.taxes())
            }
            (DocumentKind::CreditNote, Some(credited)) => {
                (&seller.credit_note_prefix, rules_of(&credited.taxes))
            }
        };
        if let Some(credited) = view.credited.as_ref().filter(|credited| credited.number.is_none()) {
            let (name, credited) = (draft.id.clone(), credited.id.clone());
            return Err(InvoiceError::NotIssued { name, credited });
        }
        let too_large = || InvoiceError::TooLarge(draft.tenant.clone());
        let (taxes, mut totals) = taxed(&draft.lines, &rules).ok_or_else(too_large)?;
        totals.from_wallet_minor = view.wallet_minor.min(totals.total_minor).max(0);
        totals.due_minor = totals.total_minor.checked_sub(totals.from_wallet_minor).ok_or_else(too_large)?;
        let on = local_day(now, view.tenant.zone);
        let due_days = u64::from(buyer.due_days.unwrap_or(seller.due_days));
        let ordinal = view.last_number.saturating_add(1);
        let credits = view.credited.as_ref();
        let issued = Document {
            status: Status::Issued,
            number: Some(format!("{prefix}{ordinal:0NUMBER_DIGITS$}")),
            credits: credits.map(|of| Credited { id: of.id.clone(), number: of.number.clone() }),
            issued_at: Some(now),
            issued_on: Some(on),
            due_on: on.checked_add_days(Days::new(due_days)).filter(|_| draft.kind == DocumentKind::Invoice),
            payment_terms: Some(buyer.payment_terms.clone().unwrap_or_else(|| seller.payment_terms.clone())),
            seller: Some(seller.party()),
            buyer: Some(buyer.party()),
            taxes,
            totals,
            ..draft.clone()
        };
        let body = serde_json::to_vec(&issued).map_err(|e| StorageError::Engine(Box::new(e)))?;
        let detail = serde_json::json!({
            "number": issued.number, "total": issued.money(totals.total_minor), "currency": issued.currency,
            "sha256": hex(&sha256(&body)),
        });
        let note = self.note_of(&issued, now, "invoice.issue", detail);
        let into = match issued.kind {
            // Below zero only where more was given back by others than was paid to them.
            DocumentKind::Invoice if totals.due_minor < 0 => -totals.due_minor,
            DocumentKind::Invoice => -totals.from_wallet_minor,
            DocumentKind::CreditNote => -totals.due_minor,
        };
        let wallet = entry(&issued, into, issued.name().to_owned(), &note);
        let change = DocumentChange::Issue { document: Box::new(issued.clone()), ordinal };
        Ok((issued, Some(NewDocumentChange { change, wallet, note })))
    }

    fn change(
        &self,
        name: &str,
        planned: &dyn Fn(&DocumentView, UnixSeconds) -> Result<Planned, InvoiceError>,
    ) -> Result<Document, InvoiceError> {
        let now = self.clock.now();
        let mut outcome = None;
        self.storage.change_document(name, &mut |view| match planned(view, now) {
            Ok((document, change)) => {
                outcome = Some(Ok(document));
                change
            }
            Err(refusal) => {
                outcome = Some(Err(refusal));
                None
            }
        })?;
        ran(outcome)?
    }

    fn note_of(
        &self,
        document: &Document,
        now: UnixSeconds,
        action: &'static str,
        detail: serde_json::Value,
    ) -> crate::storage::AuditNote {
        note((Some(&document.tenant), now, &self.actor), action, document.id.clone(), detail)
    }
}

/// An entry of the wallet, where there is anything to enter.
fn entry(
    document: &Document,
    minor: i64,
    reason: String,
    note: &crate::storage::AuditNote,
) -> Option<NewWalletEntry> {
    (minor != 0).then(|| NewWalletEntry {
        minor,
        document: Some(document.id.clone()),
        reason,
        note: note.clone(),
    })
}

fn standing(document: &Document, problem: &'static str, mend: &'static str) -> InvoiceError {
    let (name, status) = (document.name().to_owned(), document.status.said());
    InvoiceError::Standing { name, status, problem, mend }
}

fn must_be(
    document: &Document,
    one_of: &[Status],
    problem: &'static str,
    mend: &'static str,
) -> Result<(), InvoiceError> {
    if one_of.contains(&document.status) { Ok(()) } else { Err(standing(document, problem, mend)) }
}

fn check_uncredited(view: &DocumentView) -> Result<(), InvoiceError> {
    let Some(note) = view.notes.first() else { return Ok(()) };
    Err(InvoiceError::Credited { name: view.document.name().to_owned(), note: note.clone() })
}

fn check_not_before(document: &Document, at: UnixSeconds) -> Result<(), InvoiceError> {
    let Some(issued) = document.issued_at.filter(|issued| at < *issued) else { return Ok(()) };
    let name = document.name().to_owned();
    Err(InvoiceError::BeforeIssue { name, issued: rfc3339(issued), asked: rfc3339(at) })
}

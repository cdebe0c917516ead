//! From a document to the requests that say it to Stripe, in their order. PURE: what is at Stripe already is not known here,
//! and ids that Stripe gives are filled in by whoever performs them.

use super::error::StripeError;
use super::money::{Counted, counted};
use super::request::{Form, METADATA_CHARS_MAX, Request, Step, cut, metadata};
use crate::calendar;
use crate::invoicing::document::{Days, Document, DocumentKind, DocumentLine, DocumentTax, Party, Status};
use brink_license::UnixSeconds;
use chrono_tz::Tz;
use std::fmt::Write as _;

/// Items of one invoice at Stripe.
pub const ITEMS_MAX: usize = 250;
/// Stripe takes longer descriptions, and shows no more on a line.
const DESCRIPTION_CHARS_MAX: usize = 500;
/// Of a memo at Stripe.
const MEMO_CHARS_MAX: usize = 5000;
/// A last day to pay that ends sooner may be over when Stripe looks at it, and Stripe refuses what is over.
const DUE_AHEAD_SECONDS: i64 = 3600;

/// One item of an invoice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Which it is, within the document.
    pub line: String,
    /// In Stripe's units.
    pub amount: i64,
    /// Adds it.
    pub request: Request,
}

/// How an invoice ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It is to be paid.
    Open,
    /// It was paid.
    Paid,
    /// It counts no more.
    Void,
}

/// An invoice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvoicePlan {
    /// Makes the draft.
    pub draft: Request,
    /// In the order of the document: lines, taxes, the wallet.
    pub items: Vec<Item>,
    /// What they add up to, in Stripe's units: what is left to pay.
    pub total: i64,
    /// How it ends.
    pub end: End,
}

/// A credit note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreditPlan {
    /// The id of the invoice that it is for.
    pub invoice: String,
    /// Its number, or its id.
    pub invoice_name: String,
    /// Makes it.
    pub request: Request,
    /// In Stripe's units, above zero.
    pub amount: i64,
    /// Whether it counts no more.
    pub is_void: bool,
}

/// Which of both it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exported {
    /// An invoice.
    Invoice(InvoicePlan),
    /// A credit note.
    CreditNote(CreditPlan),
}

/// What is said of one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The id of the document.
    pub document: String,
    /// Its number.
    pub name: String,
    /// Three small letters.
    pub currency: String,
    /// The tenant.
    pub tenant: String,
    /// Makes the customer, where there is none.
    pub customer: Request,
    /// The rest.
    pub exported: Exported,
}

/// What is said of a document at an instant, which only decides whether its last day to pay is over.
pub fn plan(document: &Document, now: UnixSeconds) -> Result<Plan, StripeError> {
    if document.status == Status::Draft {
        return Err(StripeError::Draft(document.id.clone()));
    }
    let speaker = Speaker::of(document)?;
    let exported = match document.kind {
        DocumentKind::Invoice => Exported::Invoice(speaker.invoice(now)?),
        DocumentKind::CreditNote => Exported::CreditNote(speaker.credit_note()?),
    };
    Ok(Plan {
        document: document.id.clone(),
        name: document.name().to_owned(),
        currency: speaker.currency(),
        tenant: document.tenant.to_string(),
        customer: customer(document),
        exported,
    })
}

fn customer(document: &Document) -> Request {
    let tenant = document.tenant.to_string();
    let buyer = document.buyer.as_ref();
    let name = buyer.map_or(tenant.as_str(), |buyer| buyer.legal_name.as_str());
    let mut form = Form::default()
        .with("name", cut(name, DESCRIPTION_CHARS_MAX))
        .maybe("email", buyer.and_then(|buyer| buyer.email.clone()));
    for (name, line) in buyer.map(address).unwrap_or_default() {
        form = form.with(name, line);
    }
    let form = form.marked(metadata::TENANT, &tenant);
    let form = match buyer {
        // Stripe's own field wants to know the kind of the number, which the document does not say.
        Some(buyer) if !buyer.tax_id.is_empty() => form.marked("brink_tax_id", &buyer.tax_id),
        Some(_) | None => form,
    };
    Request::new(Step::Customer, &tenant, form.0)
}

/// Lines as they are: which of them is a town is not said.
fn address(buyer: &Party) -> Vec<(&'static str, String)> {
    let Some((first, rest)) = buyer.address.split_first() else { return Vec::new() };
    let mut lines = vec![("address[line1]", cut(first, DESCRIPTION_CHARS_MAX))];
    if !rest.is_empty() {
        lines.push(("address[line2]", cut(&rest.join(", "), DESCRIPTION_CHARS_MAX)));
    }
    lines
}

struct Speaker<'d> {
    document: &'d Document,
    counted: Counted,
    zone: Tz,
}

impl<'d> Speaker<'d> {
    fn of(document: &'d Document) -> Result<Self, StripeError> {
        let counted = counted(document.currency).ok_or_else(|| StripeError::Currency {
            name: document.name().to_owned(),
            currency: document.currency.code(),
        })?;
        let zone = calendar::parse_zone(&document.timezone).map_err(|error| StripeError::Document {
            name: document.name().to_owned(),
            what: error.to_string(),
        })?;
        Ok(Self { document, counted, zone })
    }

    fn currency(&self) -> String {
        self.document.currency.code().to_ascii_lowercase()
    }

    fn say(&self, minor: i64, item: &str) -> Result<i64, StripeError> {
        self.counted.say(minor).ok_or_else(|| StripeError::Unsayable {
            name: self.document.name().to_owned(),
            item: item.to_owned(),
            amount: format!("{} {}", self.document.money(minor), self.document.currency),
        })
    }

    fn broken(&self, what: impl Into<String>) -> StripeError {
        StripeError::Document { name: self.document.name().to_owned(), what: what.into() }
    }

    fn invoice(&self, now: UnixSeconds) -> Result<InvoicePlan, StripeError> {
        let document = self.document;
        let mut items = Vec::new();
        for (place, line) in document.lines.iter().enumerate() {
            let name = format!("line {place} {}", line.key);
            items.push(self.item(&name, &line.description, (line.net_minor, line_days(line)))?);
        }
        for (place, tax) in document.taxes.iter().enumerate() {
            items.push(self.item(
                &format!("tax {place}"),
                &tax_name(tax),
                (tax.tax_minor, document.period),
            )?);
        }
        let totals = document.totals;
        if totals.from_wallet_minor != 0 {
            let taken = totals
                .from_wallet_minor
                .checked_neg()
                .ok_or_else(|| self.broken("the wallet pays too much"))?;
            items.push(self.item("wallet", "Paid from your wallet", (taken, document.period))?);
        }
        if totals.due_minor < 0 {
            // The wallet is kept here. Without this Stripe would keep the same money once more, as a balance of the customer.
            let kept =
                totals.due_minor.checked_neg().ok_or_else(|| self.broken("the wallet gets too much"))?;
            items.push(self.item("to wallet", "Kept in your wallet", (kept, document.period))?);
        }
        if items.len() > ITEMS_MAX {
            return Err(StripeError::Items {
                name: document.name().to_owned(),
                found: items.len(),
                max: ITEMS_MAX,
            });
        }
        let total = self.say(totals.due_minor.max(0), "what is due")?;
        let sum: i128 = items.iter().map(|item| i128::from(item.amount)).sum();
        if sum != i128::from(total) {
            return Err(self.broken(format!(
                "its lines, taxes and wallet come to {sum} and not to {total} in Stripe's units"
            )));
        }
        Ok(InvoicePlan { draft: self.draft(now), items, total, end: self.end() })
    }

    fn end(&self) -> End {
        match self.document.status {
            Status::Draft | Status::Issued => End::Open,
            Status::Paid => End::Paid,
            Status::Void => End::Void,
        }
    }

    fn draft(&self, now: UnixSeconds) -> Request {
        let document = self.document;
        let form = Form::default()
            .with("auto_advance", "false")
            .with("collection_method", "send_invoice")
            .with("currency", self.currency())
            .with("pending_invoice_items_behavior", "exclude")
            // A discount that Stripe knows of the customer would come on top.
            .with("discounts", "")
            .maybe("number", document.number.clone())
            .maybe("effective_at", document.issued_at.map(seconds))
            .with("description", self.description());
        let due = document.due_on.map(|day| self.end_of(day));
        let form = match due {
            Some(due) if now.saturating_add(DUE_AHEAD_SECONDS) < due => form.with("due_date", seconds(due)),
            // Stripe wants a day and refuses one that is over; the true one is in the description.
            Some(_) | None => form.with("days_until_due", "1"),
        };
        let form = form
            .marked(metadata::INVOICE, &document.id)
            .marked(metadata::NUMBER, document.name())
            .marked(metadata::TENANT, document.tenant.as_ref());
        Request::new(Step::Invoice, &document.id, form.0)
    }

    fn description(&self) -> String {
        let Days { from, to } = self.document.period;
        let last = to.pred_opt().unwrap_or(to);
        let mut text = format!("{} to {}", from, last);
        if let Some(due) = self.document.due_on {
            let _ = write!(text, "; due on {due}");
        }
        if let Some(terms) = &self.document.payment_terms {
            let _ = write!(text, " ({terms})");
        }
        cut(&text, DESCRIPTION_CHARS_MAX)
    }

    fn item(&self, line: &str, description: &str, of: (i64, Days)) -> Result<Item, StripeError> {
        let (minor, days) = of;
        let amount = self.say(minor, line)?;
        let begins = calendar::local_midnight(days.from, self.zone);
        // The last second that it is for, so that Stripe shows the last day and not the one after it.
        let ends =
            calendar::local_midnight(days.to, self.zone).saturating_add(-1).as_i64().max(begins.as_i64());
        let form = Form::default()
            .with("amount", amount.to_string())
            .with("currency", self.currency())
            .with("description", cut(description, DESCRIPTION_CHARS_MAX))
            .with("discountable", "false")
            .with("period[start]", seconds(begins))
            .with("period[end]", ends.to_string())
            .marked(metadata::INVOICE, &self.document.id)
            .marked(metadata::LINE, line);
        let line = cut(line, METADATA_CHARS_MAX);
        Ok(Item { line, amount, request: Request::new(Step::Item, &self.document.id, form.0) })
    }

    fn end_of(&self, day: chrono::NaiveDate) -> UnixSeconds {
        calendar::local_midnight(day.succ_opt().unwrap_or(day), self.zone).saturating_add(-1)
    }

    fn credit_note(&self) -> Result<CreditPlan, StripeError> {
        let document = self.document;
        let credited = document
            .credits
            .as_ref()
            .ok_or_else(|| self.broken("it does not say of which invoice it gives back"))?;
        let lines: i128 = document.lines.iter().map(|line| i128::from(line.net_minor)).sum();
        let taxes: i128 = document.taxes.iter().map(|tax| i128::from(tax.tax_minor)).sum();
        let total = document.totals.total_minor;
        if lines + taxes != i128::from(total) {
            return Err(self.broken("its lines and taxes do not come to its total"));
        }
        let given = total.checked_neg().filter(|given| *given > 0);
        let given =
            given.ok_or_else(|| self.broken("a credit note gives something back, and this one does not"))?;
        let amount = self.say(given, "the total")?;
        let form = Form::default()
            .with("amount", amount.to_string())
            // It is in the wallet, which is kept here: nothing for Stripe to send back or to keep.
            .with("out_of_band_amount", amount.to_string())
            .with("email_type", "none")
            .maybe("effective_at", document.issued_at.map(seconds))
            .with("memo", self.memo())
            .marked(metadata::CREDIT_NOTE, &document.id)
            .marked(metadata::NUMBER, document.name())
            .marked(metadata::TENANT, document.tenant.as_ref());
        Ok(CreditPlan {
            invoice: credited.id.clone(),
            invoice_name: credited.number.clone().unwrap_or_else(|| credited.id.clone()),
            request: Request::new(Step::CreditNote, &document.id, form.0),
            amount,
            is_void: document.status == Status::Void,
        })
    }

    /// The lines in words: those of Stripe's credit notes cannot be negative, and ours can, where a discount is taken back.
    fn memo(&self) -> String {
        let document = self.document;
        let mut text = document.name().to_owned();
        for line in &document.lines {
            let _ = write!(text, "\n{}: {}", line.description, document.money(line.net_minor));
        }
        for tax in &document.taxes {
            let _ = write!(text, "\n{}: {}", tax_name(tax), document.money(tax.tax_minor));
        }
        cut(&text, MEMO_CHARS_MAX)
    }
}

fn seconds(at: UnixSeconds) -> String {
    at.as_i64().to_string()
}

fn line_days(line: &DocumentLine) -> Days {
    line.days
}

/// `Tax 8.25 %`, from `0.0825`: the point goes two places to the right.
fn tax_name(tax: &DocumentTax) -> String {
    let (whole, places) = tax.rate.split_once('.').unwrap_or((&tax.rate, ""));
    let places = format!("{places:0<2}");
    let (moved, rest) = places.split_at_checked(2).unwrap_or((&places, ""));
    let whole = format!("{whole}{moved}");
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let rest = rest.trim_end_matches('0');
    let percent = if rest.is_empty() { whole.to_owned() } else { format!("{whole}.{rest}") };
    match &tax.reason {
        Some(reason) => format!("Tax {percent} % ({reason})"),
        None => format!("Tax {percent} %"),
    }
}

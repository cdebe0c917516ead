//! All of an invoice but its lines: what it is, who pays whom, and what it comes to.

use super::cells::{Cell, Column, Style};
use super::flow::{Flow, LEFT, RIGHT, Row};
use crate::calendar::rfc3339;
use crate::invoicing::document::{Document, DocumentTax, Party, Status};
use crate::invoicing::export::last_day;

const LABEL: Column = Column::left(LEFT, 100.0);
const VALUE: Column = Column::left(LEFT + 104.0, RIGHT - LEFT - 104.0);
const SELLER: Column = Column::left(LEFT, 235.0);
const BUYER: Column = Column::left(LEFT + 258.0, 235.0);
/// What an amount below the lines is.
const SUM_LABEL: Column = Column::left(LEFT + 190.0, 195.0);
const SUM: Column = Column::right(RIGHT - 100.0, 100.0);

pub(super) fn facts(flow: &mut Flow<'_>, document: &Document) {
    let period = format!("{} – {}", document.period.from, last_day(document.period));
    let mut facts = vec![
        ("Number", document.number.clone().unwrap_or_else(|| format!("none, draft {}", document.id))),
        ("For invoice", document.credits.as_ref().map(credited).unwrap_or_default()),
        ("Date of issue", document.issued_on.map(|day| day.to_string()).unwrap_or_default()),
        ("Due date", document.due_on.map(|day| day.to_string()).unwrap_or_default()),
        ("Period", period),
        ("Customer", document.tenant.as_str().to_owned()),
        ("Currency", document.currency.code().to_owned()),
    ];
    facts.retain(|(_, value)| !value.is_empty());
    for (label, value) in facts {
        let label = Cell::new(LABEL).with(flow.fonts(), Style::BODY, label);
        let value = Cell::new(VALUE).with(flow.fonts(), Style::STRONG, &value);
        flow.row(&Row::new(vec![label, value], 0.0));
    }
    flow.space(14.0);
}

fn credited(credits: &crate::invoicing::document::Credited) -> String {
    credits.number.clone().unwrap_or_else(|| format!("draft {}", credits.id))
}

pub(super) fn parties(flow: &mut Flow<'_>, document: &Document) {
    let both = [("Seller", SELLER, &document.seller), ("Buyer", BUYER, &document.buyer)];
    let cells: Vec<Cell> = both
        .into_iter()
        .filter_map(|(what, column, party)| Some(party_cell(flow, what, column, party.as_ref()?)))
        .collect();
    if !cells.is_empty() {
        flow.row(&Row::new(cells, 14.0));
    }
}

fn party_cell(flow: &Flow<'_>, what: &str, column: Column, party: &Party) -> Cell {
    let fonts = flow.fonts();
    let mut cell = Cell::new(column).with(fonts, Style::SMALL, what);
    cell = cell.with(fonts, Style::STRONG, &party.legal_name);
    for line in &party.address {
        cell = cell.with(fonts, Style::BODY, line);
    }
    cell = cell.with(fonts, Style::BODY, &format!("Tax ID: {}", party.tax_id));
    match &party.email {
        Some(email) => cell.with(fonts, Style::BODY, email),
        None => cell,
    }
}

pub(super) fn totals(flow: &mut Flow<'_>, document: &Document) {
    let totals = &document.totals;
    let taxes = document.taxes.iter().map(|tax| (tax_label(document, tax), tax.tax_minor));
    let mut rows: Vec<Row> =
        vec![sum(flow, document, Style::BODY, ("Subtotal".to_owned(), totals.net_minor))];
    rows.extend(taxes.map(|tax| sum(flow, document, Style::BODY, tax)));
    rows.push(sum(
        flow,
        document,
        Style::STRONG,
        (format!("Total {}", document.currency), totals.total_minor),
    ));
    if totals.from_wallet_minor != 0 {
        let taken = totals.from_wallet_minor.saturating_neg();
        rows.push(sum(flow, document, Style::BODY, ("From the wallet".to_owned(), taken)));
    }
    let due = format!("{} {}", due_label(document), document.currency);
    // A credit note gives what is below nothing, and people read it above.
    rows.push(sum(flow, document, Style::STRONG, (due, totals.due_minor.saturating_abs())));
    flow.keep(rows.iter().map(|row| row.height() + row.gap).sum::<f32>() + 8.0);
    flow.space(4.0);
    for row in rows {
        flow.row(&row);
    }
    flow.space(12.0);
}

fn due_label(document: &Document) -> &'static str {
    match document.status {
        _ if document.totals.due_minor < 0 => "Into the wallet",
        Status::Draft | Status::Issued => "Amount due",
        Status::Paid => "Paid",
        Status::Void => "Void, was due",
    }
}

fn sum(flow: &Flow<'_>, document: &Document, style: Style, (label, minor): (String, i64)) -> Row {
    let label = Cell::new(SUM_LABEL).with(flow.fonts(), style, &label);
    let amount = Cell::new(SUM).with_one(flow.fonts(), style, &document.money(minor));
    Row::new(vec![label, amount], 2.0)
}

fn tax_label(document: &Document, tax: &DocumentTax) -> String {
    let reason = tax.reason.as_deref().unwrap_or("Tax");
    let on = tax.on.as_deref().map(|prices| format!(", on {}", prices.join(", "))).unwrap_or_default();
    format!("{reason} {} % of {}{on}", percent(&tax.rate), document.money(tax.base_minor))
}

/// A rate of one in hundredths: the point two places to the right, and no zeros that say nothing.
fn percent(rate: &str) -> String {
    let (whole, places) = rate.split_once('.').unwrap_or((rate, ""));
    let padded = format!("{places:0<2}");
    let (Some(two), Some(rest)) = (padded.get(..2), padded.get(2..)) else { return format!("100 × {rate}") };
    let digits = format!("{whole}{two}");
    let digits = digits.trim_start_matches('0');
    let digits = if digits.is_empty() { "0" } else { digits };
    let rest = rest.trim_end_matches('0');
    if rest.is_empty() { digits.to_owned() } else { format!("{digits}.{rest}") }
}

pub(super) fn remarks(flow: &mut Flow<'_>, document: &Document) {
    let whole = Column::left(LEFT, RIGHT - LEFT);
    let mut said = Vec::new();
    said.extend(
        document.payment_terms.as_ref().map(|terms| (Style::BODY, format!("Payment terms: {terms}"))),
    );
    if let Some(at) = document.paid_at {
        let by = document.paid_by.as_deref().map(|by| format!(", {by}")).unwrap_or_default();
        said.push((Style::BODY, format!("Paid: {}{by}", rfc3339(at))));
    }
    said.extend(document.voided_at.map(|at| (Style::BODY, format!("Voided: {}", rfc3339(at)))));
    for party in [&document.seller, &document.buyer].into_iter().flatten() {
        said.extend(party.remarks.iter().map(|remark| (Style::BODY, remark.clone())));
    }
    said.extend(document.lacks.iter().map(|lack| (Style::SMALL, format!("Usage may be incomplete: {lack}"))));
    for (style, text) in said {
        let cell = Cell::new(whole).with(flow.fonts(), style, &text);
        flow.row(&Row::new(vec![cell], 3.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_shown_in_hundredths() {
        for (rate, shown) in [
            ("0.19", "19"),
            ("0.0825", "8.25"),
            ("0.1", "10"),
            ("0.100", "10"),
            ("0", "0"),
            ("0.005", "0.5"),
            ("1", "100"),
            ("1.2", "120"),
            ("0.00001", "0.001"),
        ] {
            assert_eq!(percent(rate), shown, "{rate}");
        }
    }
}

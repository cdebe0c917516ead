//! The lines of an invoice. Its head stands again on every page.

use super::cells::{Cell, Column, Style};
use super::flow::{Flow, LEFT, RIGHT, Row};
use crate::billing::Kind;
use crate::invoicing::document::{Days, Document, DocumentLine};
use crate::invoicing::export::last_day;

const DESCRIPTION: Column = Column::left(LEFT, 190.0);
const DAYS: Column = Column::left(LEFT + 196.0, 98.0);
const QUANTITY: Column = Column::right(LEFT + 298.0, 58.0);
const UNIT_PRICE: Column = Column::right(LEFT + 362.0, 62.0);
const NET: Column = Column::right(RIGHT - 64.0, 64.0);

pub(super) fn lines(flow: &mut Flow<'_>, document: &Document) {
    flow.begin_table(head(flow, document));
    for line in &document.lines {
        let row = row(flow, document, line);
        flow.row(&row);
    }
    flow.end_table();
    flow.rule(LEFT, 0.7);
}

fn head(flow: &Flow<'_>, document: &Document) -> Row {
    let of = |column: Column, text: &str| Cell::new(column).with(flow.fonts(), Style::HEAD, text);
    let net = format!("Net {}", document.currency);
    let cells = vec![
        of(DESCRIPTION, "Description"),
        of(DAYS, "Days"),
        of(QUANTITY, "Quantity"),
        of(UNIT_PRICE, "Unit price"),
        of(NET, &net),
    ];
    Row::new(cells, 2.0)
}

fn row(flow: &Flow<'_>, document: &Document, line: &DocumentLine) -> Row {
    let fonts = flow.fonts();
    let mut description = Cell::new(DESCRIPTION).with(fonts, Style::TABLE, &line.description);
    for note in notes(document, line) {
        description = description.with(fonts, Style::SMALL, &note);
    }
    let price = line.unit_price.as_ref().map(|price| match price.per.get() {
        1 => price.amount.to_string(),
        per => format!("{} / {per}", price.amount),
    });
    let one = |column: Column, text: &str| Cell::new(column).with_one(fonts, Style::TABLE, text);
    let cells = vec![
        description,
        one(DAYS, &days(line.days)),
        one(QUANTITY, &line.quantity),
        one(UNIT_PRICE, price.as_deref().unwrap_or_default()),
        one(NET, &document.money(line.net_minor)),
    ];
    Row::new(cells, 3.0)
}

fn days(days: Days) -> String {
    let last = last_day(days);
    if last == days.from { days.from.to_string() } else { format!("{} – {last}", days.from) }
}

/// What makes quantity times price the net: parts of a period, and corrections.
fn notes(document: &Document, line: &DocumentLine) -> Vec<String> {
    let mut notes = Vec::new();
    if let (Some(unit_days), Some(period_days)) = (line.unit_days, line.period_days) {
        notes.push(format!("{unit_days} unit days of a period of {period_days} days"));
    }
    match line.kind {
        Kind::Adjustment => notes.push(format!("more for {}", days(line.period))),
        Kind::Credit => notes.push(format!("less for {}", days(line.period))),
        Kind::Recurring | Kind::Usage | Kind::Discount if line.period != document.period => {
            notes.push(format!("for {}", days(line.period)));
        }
        Kind::Recurring | Kind::Usage | Kind::Discount => {}
    }
    notes
}

//! What stands on an invoice, from its title to its remarks.

use super::cells::{Cell, Column, Style};
use super::face::Fonts;
use super::flow::{Flow, LEFT, Layout, RIGHT, Row};
use super::{parts, table};
use crate::invoicing::document::{Document, Status};

pub(super) fn layout(document: &Document, fonts: &Fonts) -> Layout {
    let name = name(document);
    let whole = Column::left(LEFT, RIGHT - LEFT);
    let running = Cell::new(whole).with_one(fonts, Style::SMALL, &name);
    // One line, whatever it is called: it stands on every page.
    let running = Cell { lines: running.lines.into_iter().take(1).collect(), ..running };
    let mut flow = Flow::new(fonts, Row::new(vec![running], 12.0));
    let heading = Cell::new(whole).with(fonts, Style::TITLE, document.kind.title());
    flow.row(&Row::new(vec![heading], 8.0));
    parts::facts(&mut flow, document);
    parts::parties(&mut flow, document);
    table::lines(&mut flow, document);
    parts::totals(&mut flow, document);
    parts::remarks(&mut flow, document);
    flow.finish(&name, stamp(document.status))
}

/// `Invoice INV-1`; a draft has no number.
pub(super) fn name(document: &Document) -> String {
    match &document.number {
        Some(number) => format!("{} {number}", document.kind.title()),
        None => format!("{} (draft {})", document.kind.title(), document.id),
    }
}

const fn stamp(status: Status) -> Option<&'static str> {
    match status {
        Status::Draft => Some("DRAFT"),
        Status::Void => Some("VOID"),
        Status::Issued | Status::Paid => None,
    }
}

//! A quote's answer, for programs and for people. Called by the command line.

use crate::billing::Differences;
use crate::billing::exact::Exact;
use crate::billing::line::{Detail, Kind, Line};
use crate::billing::money::show;
use crate::billing::period::Period;
use crate::billing::tax::{Settlement, TaxLine};
use crate::calendar::rfc3339;
use crate::currency::Currency;
use serde_json::{Value, json};

/// What a file comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    /// Of every amount.
    pub currency: Currency,
    /// The version of the catalogue.
    pub catalogue: u64,
    /// Of which days.
    pub period: Period,
    /// What is still to be invoiced.
    pub lines: Differences,
    /// What that comes to.
    pub settlement: Settlement,
}

/// A whole number as such, anything else as a decimal in quotes: a reader would make a float of it.
fn number(exact: &Exact) -> Value {
    exact.to_whole().map_or_else(|| exact.shown().into(), Into::into)
}

impl Quote {
    /// One JSON document. The members of a line that add up stand first.
    #[must_use]
    pub fn document(&self) -> Value {
        let money = |minor| show(minor, self.currency);
        let period = &self.period;
        let settlement = &self.settlement;
        json!({
            "currency": self.currency,
            "timezone": period.zone.name(),
            "catalogue": self.catalogue,
            "period": { "from": period.from.to_string(), "to": period.to.to_string(), "starts": rfc3339(period.starts()),
                "ends": rfc3339(period.ends()), "days": period.length() },
            "lines": self.lines.lines.iter().map(|line| self.line(line)).collect::<Vec<_>>(),
            "net": money(settlement.net_minor),
            "taxes": settlement.taxes.iter().map(|tax| self.tax(tax)).collect::<Vec<_>>(),
            "tax": money(settlement.tax_minor),
            "total": money(settlement.total_minor),
            "wallet": money(settlement.from_wallet_minor),
            "due": money(settlement.due_minor),
        })
    }

    fn line(&self, line: &Line) -> Value {
        let rate = line.unit_price.as_ref();
        json!({
            "price": line.price,
            "kind": line.kind,
            "quantity": number(&line.quantity),
            "unit_days": line.unit_days,
            "period_days": line.period_days,
            "net": show(line.net_minor, self.currency),
            "key": line.key,
            "description": line.description,
            "from": line.days.0.to_string(),
            "to": line.days.1.to_string(),
            "unit_price": rate.map(|rate| json!({ "amount": rate.amount, "per": rate.per })),
            "revision": line.revision,
            "detail": line.detail.iter().map(|detail| self.detail(detail)).collect::<Vec<_>>(),
        })
    }

    fn detail(&self, detail: &Detail) -> Value {
        let money = |minor: i64| show(minor, self.currency);
        match detail {
            Detail::Days { from, to, peak, granted, resources } => json!({
                "from": from.to_string(), "to": to.to_string(), "peak": peak, "granted": granted, "resources": resources,
            }),
            Detail::Started { on, quantity, year } => {
                json!({ "on": on.to_string(), "quantity": quantity, "year": year })
            }
            Detail::Used { quantity, included, charged } => json!({
                "quantity": number(quantity), "included": number(included), "charged": number(charged),
            }),
            Detail::Share { key, minor } => json!({ "key": key, "net": money(*minor) }),
            Detail::Billed { desired, before } => {
                json!({ "desired": money(*desired), "billed": money(*before) })
            }
        }
    }

    fn tax(&self, tax: &TaxLine) -> Value {
        let share =
            |(key, minor): &(Box<str>, i64)| json!({ "key": key, "tax": show(*minor, self.currency) });
        json!({
            "rate": tax.rate.shown(),
            "reason": tax.reason,
            "base": show(tax.base_minor, self.currency),
            "tax": show(tax.tax_minor, self.currency),
            "shares": tax.shares.iter().map(share).collect::<Vec<_>>(),
        })
    }

    /// A table for people: its heading, and its rows. What was billed before has a column where anything was.
    #[must_use]
    pub fn table(&self) -> (Vec<String>, Vec<Vec<String>>) {
        let mut heading = ["price", "kind", "quantity", "unit days", "at", "net"].map(str::to_owned).to_vec();
        let is_any_billed = self.lines.lines.iter().any(|line| billed(line).is_some());
        let before_net = heading.len() - 1;
        let row = |line: &Line| {
            let mut row = vec![
                line.key.to_string(),
                kind(line.kind).into(),
                line.quantity.shown(),
                line.unit_days.map(|days| days.to_string()).unwrap_or_default(),
                line.unit_price.as_ref().map(ToString::to_string).unwrap_or_default(),
                show(line.net_minor, self.currency),
            ];
            if is_any_billed {
                let before = billed(line).map(|minor| show(minor, self.currency));
                row.insert(before_net, before.unwrap_or_default());
            }
            row
        };
        let mut rows: Vec<_> = self.lines.lines.iter().map(row).collect();
        if is_any_billed {
            heading.insert(before_net, "billed".into());
        }
        let columns = heading.len();
        let mut sum = |name: String, minor: i64| {
            let mut row = vec![String::new(); columns];
            row[0] = name;
            row[columns - 1] = show(minor, self.currency);
            rows.push(row);
        };
        let settlement = &self.settlement;
        sum("net".into(), settlement.net_minor);
        for tax in &settlement.taxes {
            sum(format!("tax {}", tax.rate.shown()), tax.tax_minor);
        }
        sum("total".into(), settlement.total_minor);
        if settlement.from_wallet_minor != 0 {
            sum("wallet".into(), -settlement.from_wallet_minor);
        }
        sum("due".into(), settlement.due_minor);
        (heading, rows)
    }
}

/// What of a line was billed before, where anything was.
fn billed(line: &Line) -> Option<i64> {
    line.detail.iter().find_map(|detail| match detail {
        Detail::Billed { before, .. } => Some(*before),
        Detail::Days { .. } | Detail::Started { .. } | Detail::Used { .. } | Detail::Share { .. } => None,
    })
}

const fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Recurring => "recurring",
        Kind::Usage => "usage",
        Kind::Adjustment => "adjustment",
        Kind::Credit => "credit",
        Kind::Discount => "discount",
    }
}

//! What is still to be invoiced: what a period comes to, less what of it was invoiced (R12). Called by whoever makes an
//! invoice or a quote.

use super::allocation::allocate_by;
use super::exact::Exact;
use super::line::{Detail, Kind, Line, LineKey};
use super::period::Period;
use super::tax::On;
use super::{RatingError, Scope, Terms};
use std::collections::{BTreeMap, BTreeSet};

/// What earlier invoices have of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Billed {
    /// The price or the discount.
    pub price: Box<str>,
    /// The sum of all lines of the key, in minor units; at least zero, and at most zero of a discount.
    pub net_minor: i64,
    /// How many lines there are.
    pub lines: u32,
    /// What of it each line bears, where it was a discount.
    pub discount: Option<Shares>,
}

/// Which lines bear what was billed of a discount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shares {
    /// These, as it is on record.
    Recorded(BTreeMap<LineKey, i64>),
    /// Those that it is on, by what they were billed at; by what they come to where nothing was billed of them.
    Over(On),
}

/// What taxes are taken of, by line: its difference and that of the discounts on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// Of which line.
    pub key: LineKey,
    /// Its price.
    pub price: Box<str>,
    /// In minor units.
    pub minor: i64,
}

/// The lines of an invoice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Differences {
    /// None of them is of nothing.
    pub lines: Vec<Line>,
    /// By key; adds up to the lines.
    pub bases: Vec<Base>,
    /// What discounts take from each line now, less what they took before; of each discount it adds up to its line.
    pub moved: Vec<Moved>,
    /// Lines of nothing: what they bear of discounts may be another all the same.
    pub(super) level: Vec<Line>,
}

/// What a discount takes more from a line, or less.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The key of the discount.
    pub discount: LineKey,
    /// From which line; its own where none bears it.
    pub key: LineKey,
    /// In minor units, negative where it takes more.
    pub minor: i64,
}

/// `desired - billed` for every key of either: what nothing is desired of any more is given back. Where both are the same
/// there is no line.
pub fn difference(
    terms: Terms<'_>,
    period: &Period,
    desired: Vec<Line>,
    billed: &BTreeMap<LineKey, Billed>,
) -> Result<Differences, RatingError> {
    let scope = Scope { terms, period };
    let mut all = desired;
    let known: BTreeSet<LineKey> = all.iter().map(|line| line.key.clone()).collect();
    for (key, earlier) in billed.iter().filter(|(key, _)| !known.contains(*key)) {
        all.push(blank(scope, key, earlier)?);
    }
    // One order for all, because of equal remainders the first line is given to.
    all.sort_by(|one, other| place(one).cmp(&place(other)));
    let mut bases = Bases::of(&all);
    let (mut lines, mut level) = (Vec::new(), Vec::new());
    for line in &all {
        let earlier = billed.get(&line.key);
        let before = earlier.map_or(0, |earlier| earlier.net_minor);
        let too_large = || RatingError::TooLarge(line.key.clone());
        let minor = line.net_minor.checked_sub(before).ok_or_else(too_large)?;
        match line.kind {
            Kind::Discount => bases.discount(line, &all, billed).ok_or_else(too_large)?,
            Kind::Recurring | Kind::Usage | Kind::Adjustment | Kind::Credit => {
                bases.add(&line.key, minor).ok_or_else(too_large)?;
            }
        }
        let mut line = line.clone();
        if let Some(earlier) = earlier {
            line.kind = if line.kind == Kind::Discount {
                Kind::Discount
            } else if minor > 0 {
                Kind::Adjustment
            } else {
                Kind::Credit
            };
            line.revision = earlier.lines;
            line.detail.push(Detail::Billed { desired: line.net_minor, before });
            line.exact = line.exact.minus(&Exact::whole(before));
        }
        line.net_minor = minor;
        if minor == 0 { level.push(line) } else { lines.push(line) }
    }
    let moved = bases.moved.into_iter().filter(|(_, minor)| *minor != 0);
    let moved = moved.map(|((discount, key), minor)| Moved { discount, key, minor }).collect();
    Ok(Differences { lines, bases: bases.all, moved, level })
}

/// The line of a key that nothing is desired of any more. What was a discount is one, whatever is agreed today.
fn blank(scope: Scope<'_>, key: &LineKey, billed: &Billed) -> Result<Line, RatingError> {
    let kind = if billed.discount.is_some() { Kind::Discount } else { Kind::Credit };
    let line = scope.line_of_period(&billed.price, kind, Exact::zero())?;
    // A discount is called as it was agreed.
    let description = if billed.discount.is_some() { billed.price.to_string() } else { line.description };
    Ok(Line { key: key.clone(), description, ..line })
}

/// Charges by their prices, whether anything is desired of them or not; then discounts by their names.
fn place(line: &Line) -> (bool, &str, &str) {
    (line.kind == Kind::Discount, &line.price, &line.key)
}

struct Bases {
    all: Vec<Base>,
    places: BTreeMap<LineKey, usize>,
    /// By discount and line.
    moved: BTreeMap<(LineKey, LineKey), i64>,
}

impl Bases {
    fn of(lines: &[Line]) -> Self {
        let base = |line: &Line| Base { key: line.key.clone(), price: line.price.clone(), minor: 0 };
        let places = lines.iter().enumerate().map(|(place, line)| (line.key.clone(), place)).collect();
        Self { all: lines.iter().map(base).collect(), places, moved: BTreeMap::new() }
    }

    /// `None` beyond an `i64`, or for a line that is none of these.
    fn add(&mut self, key: &str, minor: i64) -> Option<()> {
        let base = self.all.get_mut(*self.places.get(key)?)?;
        base.minor = base.minor.checked_add(minor)?;
        Some(())
    }

    /// The same of what a discount takes.
    fn take(&mut self, discount: &LineKey, key: &LineKey, minor: i64) -> Option<()> {
        let moved = self.moved.entry((discount.clone(), key.clone())).or_default();
        *moved = moved.checked_add(minor)?;
        self.add(key, minor)
    }

    /// What a discount takes from each line now, less what it took before. What no line bears stays with its own: so does
    /// what was taken from a line that is neither desired nor billed any more.
    fn discount(&mut self, line: &Line, all: &[Line], billed: &BTreeMap<LineKey, Billed>) -> Option<()> {
        let mut rest = line.net_minor;
        for detail in &line.detail {
            if let Detail::Share { key, minor } = detail {
                self.take(&line.key, key, *minor)?;
                rest = rest.checked_sub(*minor)?;
            }
        }
        if let Some(earlier) = billed.get(&line.key) {
            for (key, minor) in before(earlier, all, billed)? {
                if !self.places.contains_key(&key) {
                    continue;
                }
                self.take(&line.key, &key, minor.checked_neg()?)?;
                rest = rest.checked_add(minor)?;
            }
            rest = rest.checked_sub(earlier.net_minor)?;
        }
        self.take(&line.key, &line.key, rest)
    }
}

/// What each line bore of a discount.
fn before(earlier: &Billed, all: &[Line], billed: &BTreeMap<LineKey, Billed>) -> Option<Vec<(LineKey, i64)>> {
    let on = match &earlier.discount {
        None => return Some(Vec::new()),
        Some(Shares::Recorded(shares)) => {
            return Some(shares.iter().map(|(key, minor)| (key.clone(), *minor)).collect());
        }
        Some(Shares::Over(on)) => on,
    };
    let charges: Vec<&Line> =
        all.iter().filter(|line| line.kind != Kind::Discount && on.covers(&line.price)).collect();
    let was = |line: &&Line| billed.get(&line.key).map_or(0, |earlier| earlier.net_minor);
    let mut weights: Vec<i64> = charges.iter().map(was).collect();
    if weights.iter().all(|weight| *weight == 0) {
        weights = charges.iter().map(|line| line.net_minor).collect();
    }
    if weights.is_empty() {
        return Some(Vec::new());
    }
    let parts = allocate_by(earlier.net_minor, &weights)?;
    Some(charges.iter().map(|line| line.key.clone()).zip(parts).collect())
}

/// What was billed of a price as a whole, set against the lines that it comes to: each takes as much as it comes to, the
/// last takes what is left. So what is missing is charged where it arose, and one line at most is below what was billed.
pub fn spread(desired: &[Line], price: &str, (net_minor, lines): (i64, u32)) -> Vec<(LineKey, Billed)> {
    let of_price: Vec<&Line> = desired.iter().filter(|line| &*line.price == price).collect();
    let billed = |net_minor| Billed { price: price.into(), net_minor, lines, discount: None };
    let Some((last, others)) = of_price.split_last() else {
        return vec![(price.into(), billed(net_minor))];
    };
    let mut left = net_minor;
    let mut found = Vec::new();
    for line in others {
        let part = line.net_minor.min(left);
        left -= part;
        found.push((line.key.clone(), billed(part)));
    }
    found.push((last.key.clone(), billed(left)));
    found
}

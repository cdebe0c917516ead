//! What is still to be invoiced: what a period comes to, less what of it was invoiced (R12). Called by whoever makes an
//! invoice or a quote.

use super::RatingError;
use super::allocation::allocate_by;
use super::line::{Detail, Kind, Line, LineKey};
use super::tax::On;
use std::collections::{BTreeMap, BTreeSet};

/// What earlier invoices have of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Billed {
    /// The price or the discount.
    pub price: Box<str>,
    /// The sum of all lines of the key, in minor units; at least zero, at most zero of a discount.
    pub net_minor: i64,
    /// How many lines there are.
    pub lines: u32,
    /// What of it each line bears; of a discount alone.
    pub shares: Shares,
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
}

/// `desired - billed` for every key of either. `blank` makes the line of a key that nothing is desired of any more.
/// With what they come to among the billed ones there is no line.
pub fn difference(
    desired: Vec<Line>,
    billed: &BTreeMap<LineKey, Billed>,
    blank: impl Fn(&LineKey, &Billed) -> Result<Line, RatingError>,
) -> Result<Differences, RatingError> {
    let mut all = desired;
    let known: BTreeSet<LineKey> = all.iter().map(|line| line.key.clone()).collect();
    for (key, earlier) in billed.iter().filter(|(key, _)| !known.contains(*key)) {
        all.push(blank(key, earlier)?);
    }
    // One order for all, because of equal remainders the first line is given to.
    all.sort_by(|one, other| place(one).cmp(&place(other)));
    let mut bases = Bases::of(&all);
    let mut lines = Vec::new();
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
        if minor == 0 {
            continue;
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
        }
        line.net_minor = minor;
        lines.push(line);
    }
    Ok(Differences { lines, bases: bases.0 })
}

/// Charges by their prices, whether anything is desired of them or not; then discounts by their names.
fn place(line: &Line) -> (bool, &str, &str) {
    (line.kind == Kind::Discount, &line.price, &line.key)
}

struct Bases(Vec<Base>);

impl Bases {
    fn of(lines: &[Line]) -> Self {
        let base = |line: &Line| Base { key: line.key.clone(), price: line.price.clone(), minor: 0 };
        Self(lines.iter().map(base).collect())
    }

    fn add(&mut self, key: &str, minor: i64) -> Option<()> {
        let base = self.0.iter_mut().find(|base| &*base.key == key)?;
        base.minor = base.minor.checked_add(minor)?;
        Some(())
    }

    /// What a discount takes from each line now, less what it took before. What no line bears stays with its own.
    fn discount(&mut self, line: &Line, all: &[Line], billed: &BTreeMap<LineKey, Billed>) -> Option<()> {
        let mut rest = line.net_minor;
        for detail in &line.detail {
            if let Detail::Share { key, minor } = detail {
                self.add(key, *minor)?;
                rest = rest.checked_sub(*minor)?;
            }
        }
        if let Some(earlier) = billed.get(&line.key) {
            for (key, minor) in before(earlier, all, billed)? {
                self.add(&key, minor.checked_neg()?)?;
                rest = rest.checked_add(minor)?;
            }
            rest = rest.checked_sub(earlier.net_minor)?;
        }
        self.add(&line.key, rest)
    }
}

/// What each line bore of a discount.
fn before(earlier: &Billed, all: &[Line], billed: &BTreeMap<LineKey, Billed>) -> Option<Vec<(LineKey, i64)>> {
    let on = match &earlier.shares {
        Shares::Recorded(shares) => {
            return Some(shares.iter().map(|(key, minor)| (key.clone(), *minor)).collect());
        }
        Shares::Over(on) => on,
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
    let billed = |net_minor| Billed {
        price: price.into(),
        net_minor,
        lines,
        shares: Shares::Recorded(BTreeMap::new()),
    };
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

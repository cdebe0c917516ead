//! Differences in parts: what belongs on an invoice, and what on a credit note. Called by whoever makes these.

use super::difference::{Base, Differences};
use super::exact::Exact;
use super::line::{Detail, Kind, Line, LineKey};
use std::collections::{BTreeMap, BTreeSet};

/// The parts that `part_of` tells apart, each with its own lines and bases; all together are the whole. A line goes with its
/// base, and what discounts move goes with the line that it is moved from or to: of a discount each part has its share. What
/// bears more or less of a discount and is the same otherwise has a line of nothing, so that every base has its line.
#[must_use]
pub fn parts<P: Ord + Clone>(whole: &Differences, part_of: impl Fn(&Base) -> P) -> BTreeMap<P, Differences> {
    let places: BTreeMap<&LineKey, P> = whole.bases.iter().map(|base| (&base.key, part_of(base))).collect();
    let mut found: BTreeMap<P, Differences> = BTreeMap::new();
    for base in whole.bases.iter().filter(|base| base.minor != 0) {
        part(&mut found, &places[&base.key]).bases.push(base.clone());
    }
    for moved in &whole.moved {
        part(&mut found, &places[&moved.key]).moved.push(moved.clone());
    }
    let is_moved: BTreeSet<&LineKey> =
        whole.bases.iter().filter(|base| base.minor != 0).map(|base| &base.key).collect();
    let level = whole.level.iter().filter(|line| is_moved.contains(&line.key));
    for line in whole.lines.iter().chain(level).filter(|line| line.kind != Kind::Discount) {
        part(&mut found, &places[&line.key]).lines.push(line.clone());
    }
    for line in whole.lines.iter().chain(&whole.level).filter(|line| line.kind == Kind::Discount) {
        for differences in found.values_mut() {
            differences.lines.extend(share(line, differences));
        }
    }
    found
}

fn part<'f, P: Ord + Clone>(found: &'f mut BTreeMap<P, Differences>, place: &P) -> &'f mut Differences {
    let none = || Differences { lines: Vec::new(), bases: Vec::new(), moved: Vec::new(), level: Vec::new() };
    found.entry(place.clone()).or_insert_with(none)
}

/// What of a discount is in a part. Its shares are what this line moves, so that those of all its lines add up to what it takes.
fn share(line: &Line, part: &Differences) -> Option<Line> {
    let moved: Vec<_> = part.moved.iter().filter(|moved| moved.discount == line.key).collect();
    if moved.is_empty() {
        return None;
    }
    let net_minor = moved.iter().map(|moved| moved.minor).sum();
    let shares = moved.iter().map(|moved| Detail::Share { key: moved.key.clone(), minor: moved.minor });
    let others = line.detail.iter().filter(|detail| !matches!(detail, Detail::Share { .. })).cloned();
    let detail = shares.chain(others).collect();
    Some(Line { net_minor, exact: Exact::whole(net_minor), detail, ..line.clone() })
}

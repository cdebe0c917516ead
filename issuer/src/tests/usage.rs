//! Usage of devices, from their journals into the books.

mod aside;
mod epochs;
mod flows;
mod lives;
mod refused;

use crate::testkit::{Bench, Edge, units};
use brink_license::usage::Entry;
use std::collections::BTreeMap;

/// What is on record, by meter and resource.
pub(super) type Sums = BTreeMap<(String, String), u128>;

pub(super) fn sums(bench: &Bench) -> Sums {
    let mut sums = Sums::new();
    for row in bench.ask("SELECT meter, resource, quantity FROM usage_rollups", &[]) {
        *sums.entry((row[0].clone(), row[1].clone())).or_default() += units(&row[2]);
    }
    sums
}

/// One number out of the database.
fn number(bench: &Bench, sql: &str) -> i64 {
    bench.number(sql)
}

/// Every text of a column.
fn texts(bench: &Bench, sql: &str) -> Vec<String> {
    bench.texts(sql)
}

/// What stands in the journal, by meter and resource, as far as it is kept.
fn recorded(edge: &Edge) -> Sums {
    let mut sums = Sums::new();
    let chains = &edge.journal.as_ref().unwrap().chains;
    for kept in chains.iter().flat_map(|chain| &chain.kept) {
        let mut add = |meter: &str, resource: Option<&brink_license::ResourceId>, quantity| {
            let resource = resource.map(ToString::to_string).unwrap_or_default();
            *sums.entry((meter.to_owned(), resource)).or_default() += u128::from(quantity);
        };
        match &kept.record.entry {
            Entry::Usage(usage) => add(usage.meter.as_str(), usage.resource.as_ref(), usage.quantity),
            Entry::Fold(fold) => {
                fold.named().for_each(|(meter, sum)| add(meter.as_str(), sum.resource.as_ref(), sum.quantity))
            }
            Entry::Recover(_) | Entry::Close => {}
        }
    }
    sums
}

/// The sums that are kept are those of the records that are kept.
fn agrees(bench: &Bench, edge: &Edge) {
    let meters = &bench.issuer.catalog.meters;
    let differing = crate::usage::recount(&*bench.admin.storage, &edge.id(), meters).unwrap();
    assert_eq!(differing, []);
    bench.admin.verify_usage(Some(&edge.id())).unwrap();
}

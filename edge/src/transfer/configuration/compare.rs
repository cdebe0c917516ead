//! Both ends held against each other: every row of the old file has its row in the target or its place in `transfer_rejects`,
//! and nothing of this source is there that the old file does not account for.

use super::Configuration;
use super::rows::{Part, Row};
pub(in crate::transfer) use super::settle::Tally;
use super::settle::{self, Settled};
use super::target::{self, Held};
use crate::database::DatabaseError;
use crate::transfer::cell::{Origin, RowDigest};
use std::collections::BTreeMap;
use tokio_postgres::{Client, IsolationLevel};

/// On which end a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::transfer) enum Side {
    /// Only in the old file.
    Source,
    /// Only in the target.
    Target,
    /// On both, and not the same.
    Both,
}

/// A row that is not the same on both ends.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::transfer) struct Difference {
    /// The target's table.
    pub(in crate::transfer) table: &'static str,
    /// The camera that it hangs on, or the key; of a row in `transfer_rejects` the camera, if there is one.
    pub(in crate::transfer) owner: String,
    /// What it is called: the key, the camera, a component's number, the zone; `cameras 12/0` for a row in `transfer_rejects`.
    pub(in crate::transfer) name: String,
    /// Where it is.
    pub(in crate::transfer) side: Side,
}

/// Rows by table and camera; of keys, which have no camera, under `None`.
pub(in crate::transfer) type Tallies = BTreeMap<(&'static str, Option<String>), Tally>;

/// What was found.
#[derive(Clone, Debug, Default)]
pub(in crate::transfer) struct Comparison {
    /// In the order of tables, cameras and names.
    pub(in crate::transfer) differences: Vec<Difference>,
    /// What the old file accounts for.
    pub(in crate::transfer) source: Tallies,
    /// What is in the target.
    pub(in crate::transfer) target: Tallies,
}

/// A row as it is compared.
struct Item {
    /// The table, its place in the order, and what no two rows share.
    key: (usize, Vec<u8>),
    table: &'static str,
    owner: String,
    name: String,
    /// Whether its owner is a camera.
    camera: Option<String>,
    digest: RowDigest,
}

/// `transfer_rejects` comes behind the other tables.
const REJECTS: &str = "transfer_rejects";

/// Compares them, the target as it is at one moment.
pub(in crate::transfer) async fn compare(
    client: &mut Client,
    origin: &Origin,
    configuration: &Configuration,
) -> Result<Comparison, DatabaseError> {
    let tx = client
        .build_transaction()
        .isolation_level(IsolationLevel::RepeatableRead)
        .read_only(true)
        .start()
        .await?;
    let mut held = target::read(&tx, origin.number).await?;
    let settled = configuration.settle(std::mem::take(&mut held.occupied));
    Ok(against(settled.items(), held.items()))
}

fn against(source: Vec<Item>, target: Vec<Item>) -> Comparison {
    let mut comparison =
        Comparison { differences: Vec::new(), source: tallies(&source), target: tallies(&target) };
    let mut there: BTreeMap<_, _> = target.into_iter().map(|item| (item.key.clone(), item)).collect();
    let mut differences = Vec::new();
    for item in source {
        match there.remove(&item.key) {
            Some(other) if other.digest == item.digest && other.owner == item.owner => {}
            Some(_) => differences.push(item.difference(Side::Both)),
            None => differences.push(item.difference(Side::Source)),
        }
    }
    differences.extend(there.into_values().map(|item| item.difference(Side::Target)));
    differences.sort_by(|(one_at, one), (other_at, other)| (one_at, one).cmp(&(other_at, other)));
    comparison.differences = differences.into_iter().map(|(_, difference)| difference).collect();
    comparison
}

fn tallies(items: &[Item]) -> Tallies {
    let mut tallies = Tallies::new();
    for item in items {
        tallies.entry((item.table, item.camera.clone())).or_default().add(item.digest);
    }
    tallies
}

impl Item {
    fn of(row: &Row) -> Self {
        let owner = row.owner();
        let camera = (row.part != Part::Config).then(|| owner.clone());
        let at = Part::ALL.iter().position(|part| *part == row.part).unwrap_or_default();
        let (table, name) = (row.part.name(), row.name());
        Self { key: (at, row.key()), table, owner, name, camera, digest: row.digest() }
    }

    fn of_reject((table, rowid, part): (&str, i64, i32), camera: Option<&str>, digest: RowDigest) -> Self {
        let name = format!("{table} {rowid}/{part}");
        let (owner, camera) = (camera.unwrap_or_default().to_owned(), camera.map(str::to_owned));
        let key = (Part::ALL.len(), name.clone().into_bytes());
        Self { key, table: REJECTS, owner, name, camera, digest }
    }

    fn difference(self, side: Side) -> (usize, Difference) {
        (self.key.0, Difference { table: self.table, owner: self.owner, name: self.name, side })
    }
}

impl Settled {
    fn items(&self) -> Vec<Item> {
        let rows = self.keys.iter().chain(self.cameras.iter().flat_map(|camera| &camera.rows));
        let rejects = self.rejects.iter().map(|reject| {
            let key = (reject.table, reject.rowid, reject.part);
            Item::of_reject(key, reject.camera.as_deref(), settle::digest(reject))
        });
        rows.map(Item::of).chain(rejects).collect()
    }
}

impl Held {
    fn items(&self) -> Vec<Item> {
        let rows = self.keys.iter().chain(self.cameras.values().flatten());
        let rejects = self.rejects.iter().map(|reject| {
            let (table, rowid, part) = &reject.key;
            Item::of_reject((table, *rowid, *part), reject.camera.as_deref(), reject.digest)
        });
        rows.map(Item::of).chain(rejects).collect()
    }
}

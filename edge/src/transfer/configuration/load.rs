//! A configuration into the target, in one transaction: what is the same already is not touched, so that nobody sees a camera
//! go and come back, and moments stay those of the old rows, which an UPDATE would replace.

use super::Configuration;
use super::rows::{Part, Row};
use super::settle::{self, Occupied, Settled, Tally};
use super::target;
use crate::database::DatabaseError;
use crate::transfer::cell::{self, Cell, Origin};
use crate::transfer::copy::{Copying, PIECE};
use crate::transfer::rejects::Reject;
use bytes::Bytes;
use std::collections::{BTreeMap, HashSet};
use tokio_postgres::{Client, Error, IsolationLevel, Transaction};

const REJECT_COLUMNS: &str = "source, table_name, rowid, part, reason, detail, camera_id, content";

/// How many rows of a table are there, and how many cannot be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::transfer) struct Counts {
    /// Rows in the target.
    pub(in crate::transfer) copied: u64,
    /// Rows in `transfer_rejects`.
    pub(in crate::transfer) rejected: u64,
}

/// A table of the old file, with the tables that it goes to.
#[derive(Clone, Copy)]
struct Group {
    /// As `transfer_progress` has it.
    name: &'static str,
    parts: &'static [Part],
    /// The one that gets a row for each of the old rows.
    first: Part,
}

const GROUPS: [Group; 2] = [
    Group { name: "config", parts: &[Part::Config], first: Part::Config },
    Group { name: "camera_config", parts: &Part::OF_CAMERAS, first: Part::Cameras },
];

/// Makes the target's rows of this source those of the configuration, and says how many there are, by table. What was written
/// before and is still the same is not written again, even if somebody changed it there since.
pub(in crate::transfer) async fn replace(
    client: &mut Client,
    origin: &Origin,
    configuration: &Configuration,
) -> Result<BTreeMap<&'static str, Counts>, DatabaseError> {
    let tx = client.build_transaction().isolation_level(IsolationLevel::ReadCommitted).start().await?;
    let held = target::read(&tx, origin.number).await?;
    let mut settled = configuration.settle(held.occupied);
    if !pending(&tx, origin, &settled).await?.is_empty() {
        // Nobody takes a name between the look and the writing.
        tx.batch_execute(
            "LOCK TABLE config, cameras, camera_components, line_zones, polygon_zones IN SHARE ROW EXCLUSIVE MODE",
        )
        .await?;
        let held = target::read(&tx, origin.number).await?;
        settled = configuration.settle(held.occupied);
        for group in pending(&tx, origin, &settled).await? {
            match group.first {
                Part::Config => keys(&tx, &held.keys, &settled).await?,
                Part::Cameras | Part::Components | Part::Lines | Part::Polygons => {
                    cameras(&tx, &held.cameras, &settled).await?;
                }
            }
            rejects(&tx, origin, (group, &settled)).await?;
            progress(&tx, origin, (group, &settled)).await?;
        }
        tx.commit().await?;
    }
    Ok(Part::ALL.into_iter().map(|part| (part.name(), settled.counts(part))).collect())
}

impl Configuration {
    /// How many rows there would be, in a database in which nobody else has one.
    pub(in crate::transfer) fn counts(&self) -> BTreeMap<&'static str, Counts> {
        let settled = self.settle(Occupied::default());
        Part::ALL.into_iter().map(|part| (part.name(), settled.counts(part))).collect()
    }
}

impl Settled {
    fn rows(&self, part: Part) -> impl Iterator<Item = &Row> {
        let all = self.keys.iter().chain(self.cameras.iter().flat_map(|camera| &camera.rows));
        all.filter(move |row| row.part == part)
    }

    fn rejects(&self, group: Group) -> impl Iterator<Item = &Reject> {
        let tables: Vec<_> = group.parts.iter().map(|part| part.name()).collect();
        self.rejects.iter().filter(move |reject| tables.contains(&reject.table))
    }

    fn counts(&self, part: Part) -> Counts {
        let rejected = self.rejects.iter().filter(|reject| reject.table == part.name()).count();
        Counts { copied: self.rows(part).count() as u64, rejected: rejected as u64 }
    }

    fn digest(&self, group: Group) -> Vec<u8> {
        let rows = group.parts.iter().flat_map(|part| self.rows(*part)).map(Row::digest);
        Tally::of(rows.chain(self.rejects(group).map(settle::digest))).to_bytes()
    }
}

/// What is not in the target as it is to be.
async fn pending(tx: &Transaction<'_>, origin: &Origin, settled: &Settled) -> Result<Vec<Group>, Error> {
    let sql = "SELECT table_name, digest FROM transfer_progress WHERE source = $1 AND state = 'done'";
    let mut done: BTreeMap<String, Option<Vec<u8>>> = BTreeMap::new();
    for row in tx.query(sql, &[&origin.number]).await? {
        done.insert(row.try_get(0)?, row.try_get(1)?);
    }
    let is_done = |group: &Group| done.get(group.name).cloned().flatten() == Some(settled.digest(*group));
    Ok(GROUPS.into_iter().filter(|group| !is_done(group)).collect())
}

async fn keys(tx: &Transaction<'_>, held: &[Row], settled: &Settled) -> Result<(), Error> {
    let wanted: HashSet<_> = settled.keys.iter().map(Row::digest).collect();
    let (kept, gone): (Vec<&Row>, Vec<&Row>) = held.iter().partition(|row| wanted.contains(&row.digest()));
    let gone: Vec<_> = gone.into_iter().map(Row::owner).collect();
    // Under the lock these are the source's still.
    tx.execute("DELETE FROM config WHERE key = ANY($1)", &[&gone]).await?;
    let kept: HashSet<_> = kept.into_iter().map(Row::digest).collect();
    copy(tx, Part::Config, settled.keys.iter().filter(|row| !kept.contains(&row.digest()))).await
}

async fn cameras(
    tx: &Transaction<'_>,
    held: &BTreeMap<String, Vec<Row>>,
    settled: &Settled,
) -> Result<(), Error> {
    let there: BTreeMap<&str, Tally> =
        held.iter().map(|(id, rows)| (id.as_str(), target::tally(rows))).collect();
    let new: Vec<_> = settled
        .cameras
        .iter()
        .filter(|camera| there.get(camera.id.as_str()) != Some(&target::tally(&camera.rows)))
        .collect();
    let (new_ids, ids): (HashSet<&str>, HashSet<&str>) = (
        new.iter().map(|camera| camera.id.as_str()).collect(),
        settled.cameras.iter().map(|camera| camera.id.as_str()).collect(),
    );
    let gone: Vec<&str> = there.into_keys().filter(|id| new_ids.contains(id) || !ids.contains(id)).collect();
    // Under the lock these are the source's still; what hangs on them goes with them.
    tx.execute("DELETE FROM cameras WHERE camera_id = ANY($1)", &[&gone]).await?;
    for part in Part::OF_CAMERAS {
        copy(tx, part, new.iter().flat_map(|camera| &camera.rows).filter(|row| row.part == part)).await?;
    }
    Ok(())
}

async fn rejects(
    tx: &Transaction<'_>,
    origin: &Origin,
    (group, settled): (Group, &Settled),
) -> Result<(), Error> {
    let tables: Vec<_> = group.parts.iter().map(|part| part.name()).collect();
    let sql = "DELETE FROM transfer_rejects WHERE source = $1 AND table_name = ANY($2)";
    tx.execute(sql, &[&origin.number, &tables]).await?;
    let rows = settled.rejects(group).map(|reject| {
        vec![
            Cell::Int(origin.number),
            Cell::Text(reject.table),
            Cell::Big(reject.rowid),
            Cell::Int(reject.part),
            Cell::Text(reject.reason),
            Cell::Text(&reject.detail),
            reject.camera.as_deref().map_or(Cell::Null, Cell::Text),
            Cell::Bytes(&reject.content),
        ]
    });
    copy_cells(tx, ("transfer_rejects", REJECT_COLUMNS), rows).await
}

async fn progress(
    tx: &Transaction<'_>,
    origin: &Origin,
    (group, settled): (Group, &Settled),
) -> Result<(), Error> {
    let sql = "INSERT INTO transfer_progress (source, table_name, copied, rejected, digest, state)
               VALUES ($1, $2, $3, $4, $5, 'done')
               ON CONFLICT (source, table_name) DO UPDATE SET copied = excluded.copied, rejected = excluded.rejected,
                   digest = excluded.digest, state = excluded.state, updated_at = now()";
    let counts = settled.counts(group.first);
    let (copied, rejected) = (counts.copied.cast_signed(), counts.rejected.cast_signed());
    tx.execute(sql, &[&origin.number, &group.name, &copied, &rejected, &settled.digest(group)]).await?;
    Ok(())
}

async fn copy<'r>(
    tx: &Transaction<'_>,
    part: Part,
    rows: impl Iterator<Item = &'r Row>,
) -> Result<(), Error> {
    copy_cells(tx, (part.name(), &part.names()), rows.map(Row::cells)).await
}

async fn copy_cells<'r>(
    tx: &Transaction<'_>,
    (table, columns): (&str, &str),
    rows: impl Iterator<Item = Vec<Cell<'r>>>,
) -> Result<(), Error> {
    let mut rows = rows.peekable();
    if rows.peek().is_none() {
        return Ok(());
    }
    let mut copying = Copying::begin(tx, table, columns).await?;
    let mut encoded = Vec::new();
    for row in rows {
        cell::encode(&row, &mut encoded);
        if encoded.len() >= PIECE {
            copying.send(Bytes::from(std::mem::take(&mut encoded))).await?;
        }
    }
    copying.send(Bytes::from(encoded)).await?;
    copying.finish().await
}

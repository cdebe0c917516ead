//! What is in the target: the rows of one source, and the names that others have.

use super::rows::{Field, Part, Row};
use super::settle::{Occupied, Tally};
use crate::transfer::cell::{self, Cell, RowDigest};
use std::collections::{BTreeMap, HashSet};
use tokio_postgres::{Error, Transaction};

/// A row of `transfer_rejects`.
#[derive(Debug)]
pub(super) struct HeldReject {
    /// The table that it was meant for, and its numbers.
    pub(super) key: (String, i64, i32),
    /// The camera.
    pub(super) camera: Option<String>,
    /// Of all of it.
    pub(super) digest: RowDigest,
}

/// What is there.
#[derive(Debug)]
pub(super) struct Held {
    /// The source's keys.
    pub(super) keys: Vec<Row>,
    /// The source's cameras, with whatever hangs on them.
    pub(super) cameras: BTreeMap<String, Vec<Row>>,
    /// The source's rows that PostgreSQL cannot hold.
    pub(super) rejects: Vec<HeldReject>,
    /// Names of others.
    pub(super) occupied: Occupied,
}

/// Reads it all. Of one moment, if the transaction is.
pub(super) async fn read(tx: &Transaction<'_>, source: i32) -> Result<Held, Error> {
    let keys = rows(tx, Part::Config, source).await?;
    let mut cameras: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for part in Part::OF_CAMERAS {
        for row in rows(tx, part, source).await? {
            cameras.entry(row.owner()).or_default().push(row);
        }
    }
    let mut occupied = Occupied { keys: names(tx, source).await?, ..Occupied::default() };
    for part in Part::OF_CAMERAS {
        for row in others(tx, part, source).await? {
            let Field(id) = row.try_get(0)?;
            occupied.ids.insert((part, id.to_vec()));
            match part {
                Part::Cameras => occupied.cameras.insert(row.try_get(1)?),
                Part::Lines => occupied.lines.insert(row.try_get(1)?),
                Part::Polygons => occupied.polygons.insert(row.try_get(1)?),
                Part::Config | Part::Components => continue,
            };
        }
    }
    Ok(Held { keys, cameras, rejects: rejects(tx, source).await?, occupied })
}

async fn rows(tx: &Transaction<'_>, part: Part, source: i32) -> Result<Vec<Row>, Error> {
    let sql = format!("SELECT {} FROM {} WHERE {}", part.names(), part.name(), part.ours());
    tx.query(&sql, &[&source]).await?.iter().map(|row| Row::received(part, row)).collect()
}

/// Keys of others.
async fn names(tx: &Transaction<'_>, source: i32) -> Result<HashSet<String>, Error> {
    let sql = format!("SELECT key FROM config WHERE ({}) IS NOT TRUE", Part::Config.ours());
    tx.query(&sql, &[&source]).await?.iter().map(|row| row.try_get(0)).collect()
}

/// The uuid and the name of each row of others.
async fn others(tx: &Transaction<'_>, part: Part, source: i32) -> Result<Vec<tokio_postgres::Row>, Error> {
    let name = match part {
        Part::Config | Part::Cameras | Part::Components => "camera_id",
        Part::Lines | Part::Polygons => "zone_id",
    };
    let sql = format!("SELECT id, {name} FROM {} WHERE ({}) IS NOT TRUE", part.name(), part.ours());
    tx.query(&sql, &[&source]).await
}

async fn rejects(tx: &Transaction<'_>, source: i32) -> Result<Vec<HeldReject>, Error> {
    let sql = "SELECT table_name, rowid, part, reason, detail, camera_id, content FROM transfer_rejects
               WHERE source = $1 AND table_name = ANY($2)";
    let tables = Part::ALL.map(Part::name);
    tx.query(sql, &[&source, &tables.as_slice()]).await?.iter().map(held_reject).collect()
}

fn held_reject(row: &tokio_postgres::Row) -> Result<HeldReject, Error> {
    let table: &str = row.try_get(0)?;
    let (rowid, part): (i64, i32) = (row.try_get(1)?, row.try_get(2)?);
    let camera: Option<&str> = row.try_get(5)?;
    let digest = cell::digest(&[
        Cell::Text("transfer_rejects"),
        Cell::Text(table),
        Cell::Big(rowid),
        Cell::Int(part),
        Cell::Text(row.try_get(3)?),
        Cell::Text(row.try_get(4)?),
        camera.map_or(Cell::Null, Cell::Text),
        Cell::Bytes(row.try_get(6)?),
    ]);
    Ok(HeldReject { key: (table.to_owned(), rowid, part), camera: camera.map(str::to_owned), digest })
}

/// Of rows, whatever their order.
pub(super) fn tally(rows: &[Row]) -> Tally {
    Tally::of(rows.iter().map(Row::digest))
}

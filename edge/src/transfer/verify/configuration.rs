//! The configuration of both ends, whose rows are few and are compared at once.

use super::super::cell::Origin;
use super::super::configuration::Configuration;
use super::super::configuration::compare::{Side, Tallies, compare};
use super::super::configuration::dump::{dump_source, dump_target, dump_unpacked};
use super::super::dump::Dump;
use super::super::error::TransferError;
use super::super::snapshot::Snapshot;
use super::found::{CameraFound, TableFound};
use super::merge::FIRST_MAX;
use std::collections::BTreeMap;
use tokio_postgres::Client;

/// Where rows that are set aside stand.
const REJECTS: &str = "transfer_rejects";

/// Compares them, and writes both ends into the dump.
pub(super) async fn verify(
    client: &mut Client,
    snapshot: &Snapshot,
    origin: &Origin,
    dump: Option<&Dump>,
) -> Result<BTreeMap<String, TableFound>, TransferError> {
    snapshot.check_configuration()?;
    let configuration = Configuration::read(snapshot, origin)?;
    if let Some(dump) = dump {
        dump.whole("source", &dump_source(snapshot)?)?;
        dump.whole("unpacked", &dump_unpacked(&configuration))?;
        dump.whole("target", &dump_target(client, origin).await?)?;
    }
    let compared = compare(client, origin, &configuration).await?;
    let mut found: BTreeMap<String, TableFound> = BTreeMap::new();
    count(&mut found, &compared.source, |camera, (rows, digest)| {
        (camera.source_rows, camera.source_digest) = (rows, digest);
    });
    count(&mut found, &compared.target, |camera, (rows, digest)| {
        (camera.target_rows, camera.target_digest) = (rows, digest);
    });
    for difference in compared.differences {
        let table = found.entry(difference.table.to_owned()).or_default();
        let (count, words) = match difference.side {
            Side::Source => (&mut table.only_in_source, "is only in the file"),
            Side::Target => (&mut table.only_in_target, "is only in the database"),
            Side::Both => (&mut table.differing, "is not the same on both ends"),
        };
        *count += 1;
        if table.first.len() < FIRST_MAX {
            table.first.push(format!("{} {} {words}", difference.owner, difference.name));
        }
    }
    for (name, table) in &mut found {
        let rows = table.cameras.values().map(|camera| camera.source_rows).sum::<u64>();
        let equal = rows - (table.only_in_source + table.differing).min(rows);
        (table.equal, table.rejected) = if name == REJECTS { (0, equal) } else { (equal, 0) };
    }
    Ok(found)
}

/// How many rows of a file are in the database, or set aside there.
pub(super) async fn rows(client: &mut Client, origin: &Origin) -> Result<u64, TransferError> {
    Ok(compare(client, origin, &Configuration::default()).await?.differences.len() as u64)
}

/// Rows that hang on no camera are counted under an empty name.
fn count(
    found: &mut BTreeMap<String, TableFound>,
    tallies: &Tallies,
    set: impl Fn(&mut CameraFound, (u64, u128)),
) {
    for ((table, camera), tally) in tallies {
        let table = found.entry((*table).to_owned()).or_default();
        let camera = table.cameras.entry(camera.clone().unwrap_or_default()).or_default();
        set(camera, (tally.count, tally.digest));
    }
}

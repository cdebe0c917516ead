//! Numbered migrations through refinery, one program at a time, all of them or none.

use super::DatabaseError;
use deadpool_postgres::ClientWrapper;
use refinery_core::{Migration, Runner};
use tokio_postgres::Client;

/// Every migration, oldest first. Files are never edited once released: refinery compares their checksums.
const MIGRATIONS: &[(&str, &str)] = &[
    ("V1__cameras", include_str!("../../../migrations/edge/mirror/V1__cameras.sql")),
    ("V2__summaries", include_str!("../../../migrations/edge/mirror/V2__summaries.sql")),
    ("V3__licensing", include_str!("../../../migrations/edge/mirror/V3__licensing.sql")),
    (
        "V4__partitions_and_views",
        include_str!("../../../migrations/edge/mirror/V4__partitions_and_views.sql"),
    ),
    ("V5__mirror", include_str!("../../../migrations/edge/mirror/V5__mirror.sql")),
    ("V6__transfer", include_str!("../../../migrations/edge/mirror/V6__transfer.sql")),
];

/// Which migrations ran. Beside the tables, whose names are those of the old scripts; this one is ours.
const HISTORY: &str = "brink_schema_history";

/// The advisory lock of those who migrate: "edge" in ASCII.
const LOCK: i64 = 0x65_64_67_65;

/// The one in which every text has a place.
const ENCODING: &str = "UTF8";

/// Tables of the first migration: where one is and no history, they are another program's.
const OCCUPIED: &str = "
    SELECT string_agg(c.relname, ', ' ORDER BY c.relname) FROM pg_class c
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
      AND c.relname IN ('config', 'cameras', 'camera_components', 'line_zones', 'polygon_zones', 'telemetry_events', 'frames',
                        'telemetry_aggregates', 'edge_devices', 'camera_licenses', 'feature_entitlements', 'usage_events',
                        'billing_sync_status', 'license_validation_log', 'growth_pack_features')";

/// What a migration did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migrated {
    /// The newest migration before; 0 for none.
    pub from: i64,
    /// The newest now.
    pub to: i64,
    /// Partitions that were made for the months ahead, beside those of the migrations themselves.
    pub partitions: i32,
}

fn known() -> Result<Vec<Migration>, DatabaseError> {
    let known = MIGRATIONS.iter().map(|(name, sql)| Migration::unapplied(name, sql));
    known.collect::<Result<_, _>>().map_err(|error| DatabaseError::Migration(error.to_string()))
}

fn newest() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// Refuses tables of another program: older ones are for `migrate`, newer ones for a newer program.
pub(super) async fn check(client: &Client) -> Result<(), DatabaseError> {
    let (found, known) = (version(client).await?, newest());
    match found {
        0 => match occupied(client).await? {
            Some(taken) => Err(DatabaseError::Occupied(taken)),
            None => Err(DatabaseError::NoSchema),
        },
        found if found < known => Err(DatabaseError::SchemaOlder { found, known }),
        found if found > known => Err(DatabaseError::SchemaNewer { found, known }),
        _ => Ok(()),
    }
}

/// The connection is not used again, so that its lock goes with it.
pub(super) async fn migrate(mut client: ClientWrapper) -> Result<Migrated, DatabaseError> {
    // As long as it takes: another program may be at it.
    client.batch_execute("SET statement_timeout = 0; SET lock_timeout = 0").await?;
    client.execute("SELECT pg_advisory_lock($1)", &[&LOCK]).await?;
    let (from, to) = (version(&client).await?, newest());
    if from > to {
        return Err(DatabaseError::SchemaNewer { found: from, known: to });
    }
    if from == 0 {
        let encoding: String = client.query_one("SHOW server_encoding", &[]).await?.try_get(0)?;
        if encoding != ENCODING {
            return Err(DatabaseError::Encoding(encoding));
        }
        if let Some(taken) = occupied(&client).await? {
            return Err(DatabaseError::Occupied(taken));
        }
    }
    if from < to {
        let known = known()?;
        let mut runner = Runner::new(&known).set_grouped(true);
        runner.set_migration_table_name(HISTORY);
        let ran = runner.run_async(&mut *client).await;
        ran.map_err(|error| DatabaseError::Migration(whole(&error)))?;
    }
    let made = client.query_one("SELECT ensure_future_partitions()", &[]).await?;
    Ok(Migrated { from, to, partitions: made.try_get(0)? })
}

/// Tables of others that have the names of ours.
async fn occupied(client: &Client) -> Result<Option<String>, DatabaseError> {
    Ok(client.query_one(OCCUPIED, &[]).await?.try_get(0)?)
}

/// An error with everything that is behind it.
fn whole(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut behind = error.source();
    while let Some(error) = behind {
        said = format!("{said}: {error}");
        behind = error.source();
    }
    said
}

/// The newest migration that ran; 0 in an empty database.
async fn version(client: &Client) -> Result<i64, DatabaseError> {
    // In the schema where they would be made, and in no other of the path.
    let is_there = format!("SELECT to_regclass(format('%I.%I', current_schema(), '{HISTORY}')) IS NOT NULL");
    if !client.query_one(&is_there, &[]).await?.try_get::<_, bool>(0)? {
        return Ok(0);
    }
    let newest = format!("SELECT coalesce(max(version), 0)::bigint FROM {HISTORY}");
    Ok(client.query_one(&newest, &[]).await?.try_get(0)?)
}

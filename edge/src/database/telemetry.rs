//! Events and frames: written in batches, and read by camera. How long they are kept is [`super::upkeep`]'s.

use super::{Database, DatabaseError};
use serde_json::Value;
use tokio_postgres::GenericClient;

/// Something that a camera saw.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The camera.
    pub camera_id: String,
    /// Whose; `None` where nobody said.
    pub tenant_id: Option<String>,
    /// When, in milliseconds since 1970.
    pub timestamp: i64,
    /// 0 detection, 1 tracking, 2 counting, and what the product adds.
    pub event_type: i32,
    /// What saw it.
    pub source_id: String,
    /// Anything else.
    pub properties: Value,
    /// The frame that it was seen in.
    pub frame_id: Option<i64>,
}

/// A picture of a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The camera.
    pub camera_id: String,
    /// Whose; `None` where nobody said.
    pub tenant_id: Option<String>,
    /// When, in milliseconds since 1970.
    pub timestamp: i64,
    /// The encoded picture.
    pub thumbnail: Vec<u8>,
    /// Pixels.
    pub width: i32,
    /// Pixels.
    pub height: i32,
}

/// Telemetry in the device's PostgreSQL.
#[derive(Clone, Debug)]
pub struct Telemetry(Database);

impl Telemetry {
    /// In this database.
    #[must_use]
    pub const fn of(database: Database) -> Self {
        Self(database)
    }

    /// Writes events, all of them or none, in one statement. Answers their numbers, in their order.
    pub async fn record(&self, events: &[Event]) -> Result<Vec<i64>, DatabaseError> {
        let column = |of: fn(&Event) -> &str| events.iter().map(of).collect::<Vec<_>>();
        let cameras = column(|event| &event.camera_id);
        let sources = column(|event| &event.source_id);
        let tenants: Vec<_> = events.iter().map(|event| event.tenant_id.as_deref()).collect();
        let moments: Vec<_> = events.iter().map(|event| event.timestamp).collect();
        let kinds: Vec<_> = events.iter().map(|event| event.event_type).collect();
        let properties: Vec<_> = events.iter().map(|event| &event.properties).collect();
        let frames: Vec<_> = events.iter().map(|event| event.frame_id).collect();
        let sql = "
            WITH given AS (
                SELECT nextval('telemetry_events_id') AS id, g.* FROM unnest($1::text[], $2::text[], $3::bigint[], $4::integer[],
                    $5::text[], $6::jsonb[], $7::bigint[]) WITH ORDINALITY
                    AS g (camera_id, tenant_id, timestamp, event_type, source_id, properties, frame_id, at)),
            written AS (
                INSERT INTO telemetry_events (id, camera_id, tenant_id, timestamp, event_type, source_id, properties, frame_id)
                SELECT id, camera_id, tenant_id, timestamp, event_type, source_id, properties, frame_id FROM given)
            SELECT id FROM given ORDER BY at";
        let connection = self.0.connection().await?;
        let statement = connection.prepare_cached(sql).await?;
        let rows = connection
            .query(&statement, &[&cameras, &tenants, &moments, &kinds, &sources, &properties, &frames])
            .await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// Writes frames, all of them or none, in one statement. Answers their numbers, in their order.
    pub async fn keep(&self, frames: &[Frame]) -> Result<Vec<i64>, DatabaseError> {
        let cameras: Vec<_> = frames.iter().map(|frame| frame.camera_id.as_str()).collect();
        let tenants: Vec<_> = frames.iter().map(|frame| frame.tenant_id.as_deref()).collect();
        let moments: Vec<_> = frames.iter().map(|frame| frame.timestamp).collect();
        let thumbnails: Vec<_> = frames.iter().map(|frame| frame.thumbnail.as_slice()).collect();
        let widths: Vec<_> = frames.iter().map(|frame| frame.width).collect();
        let heights: Vec<_> = frames.iter().map(|frame| frame.height).collect();
        let sql = "
            WITH given AS (
                SELECT nextval('frames_id') AS id, g.* FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bytea[],
                    $5::integer[], $6::integer[]) WITH ORDINALITY
                    AS g (camera_id, tenant_id, timestamp, thumbnail, width, height, at)),
            written AS (
                INSERT INTO frames (id, camera_id, tenant_id, timestamp, thumbnail, width, height, size_bytes)
                SELECT id, camera_id, tenant_id, timestamp, thumbnail, width, height, length(thumbnail) FROM given)
            SELECT id FROM given ORDER BY at";
        let connection = self.0.connection().await?;
        let statement = connection.prepare_cached(sql).await?;
        let rows = connection
            .query(&statement, &[&cameras, &tenants, &moments, &thumbnails, &widths, &heights])
            .await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// The latest events of a camera, the newest first; at most so many.
    pub async fn latest(&self, camera_id: &str, at_most: u32) -> Result<Vec<Event>, DatabaseError> {
        let sql = "
            SELECT camera_id, tenant_id, timestamp, event_type, source_id, properties, frame_id FROM telemetry_events
            WHERE camera_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2";
        let connection = self.0.connection().await?;
        let statement = connection.prepare_cached(sql).await?;
        let rows = connection.query(&statement, &[&camera_id, &i64::from(at_most)]).await?;
        let of = |row: &tokio_postgres::Row| {
            Ok(Event {
                camera_id: row.try_get(0)?,
                tenant_id: row.try_get(1)?,
                timestamp: row.try_get(2)?,
                event_type: row.try_get(3)?,
                source_id: row.try_get(4)?,
                properties: row.try_get(5)?,
                frame_id: row.try_get(6)?,
            })
        };
        rows.iter().map(of).collect()
    }
}

/// Makes the partition of a month, counted from year 0, if it is not there.
pub(crate) async fn make_month(
    client: &impl GenericClient,
    table: &str,
    month: i64,
) -> Result<(), DatabaseError> {
    let day = format!("{:04}-{:02}-01", month.div_euclid(12), month.rem_euclid(12) + 1);
    client.query_one("SELECT create_monthly_partition($1, $2::text::date)", &[&table, &day]).await?;
    Ok(())
}

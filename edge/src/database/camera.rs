//! Cameras as the product runs them: one row each, with the pipeline as JSON.

use super::{Database, DatabaseError};
use serde_json::Value;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

/// A camera.
#[derive(Clone, Debug, PartialEq)]
pub struct Camera {
    /// Its name among all cameras of the device.
    pub camera_id: String,
    /// Whose; `None` where nobody said.
    pub tenant_id: Option<String>,
    /// What people call it.
    pub name: String,
    /// Where its stream is.
    pub url: String,
    /// `stopped`, `starting`, `running`, `error` or `paused`.
    pub status: String,
    /// What is done with what it sees.
    pub pipeline_config: Value,
    /// Whether it is in use.
    pub is_active: bool,
}

impl Camera {
    fn of(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            camera_id: row.try_get(0)?,
            tenant_id: row.try_get(1)?,
            name: row.try_get(2)?,
            url: row.try_get(3)?,
            status: row.try_get(4)?,
            pipeline_config: row.try_get(5)?,
            is_active: row.try_get(6)?,
        })
    }
}

/// Cameras in the device's PostgreSQL.
#[derive(Clone, Debug)]
pub struct Cameras(Database);

impl Cameras {
    /// In this database.
    #[must_use]
    pub const fn of(database: Database) -> Self {
        Self(database)
    }

    /// Writes cameras, all of them or none: new ones, and what changed of those that are there. Answers how many rows that
    /// were. Of two with one name in the same batch nobody could say which counts: that is refused.
    pub async fn put(&self, cameras: &[Camera]) -> Result<u64, DatabaseError> {
        let column = |of: fn(&Camera) -> &str| cameras.iter().map(of).collect::<Vec<_>>();
        let (ids, names) = (column(|camera| &camera.camera_id), column(|camera| &camera.name));
        let (urls, statuses) = (column(|camera| &camera.url), column(|camera| &camera.status));
        let tenants: Vec<_> = cameras.iter().map(|camera| camera.tenant_id.as_deref()).collect();
        let pipelines: Vec<_> = cameras.iter().map(|camera| &camera.pipeline_config).collect();
        let active: Vec<_> = cameras.iter().map(|camera| camera.is_active).collect();
        let sql = "
            INSERT INTO cameras (camera_id, tenant_id, name, url, status, pipeline_config, is_active)
            SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[], $7::boolean[])
            ON CONFLICT (camera_id) DO UPDATE SET tenant_id = excluded.tenant_id, name = excluded.name, url = excluded.url,
                status = excluded.status, pipeline_config = excluded.pipeline_config, is_active = excluded.is_active
            WHERE (cameras.tenant_id, cameras.name, cameras.url, cameras.status, cameras.pipeline_config, cameras.is_active)
                IS DISTINCT FROM (excluded.tenant_id, excluded.name, excluded.url, excluded.status, excluded.pipeline_config,
                                  excluded.is_active)";
        let connection = self.0.connection().await?;
        let statement = connection.prepare_cached(sql).await?;
        let values: [&(dyn ToSql + Sync); 7] =
            [&ids, &tenants, &names, &urls, &statuses, &pipelines, &active];
        Ok(connection.execute(&statement, &values).await?)
    }

    /// Every camera, by name.
    pub async fn all(&self) -> Result<Vec<Camera>, DatabaseError> {
        let sql = "SELECT camera_id, tenant_id, name, url, status, pipeline_config, is_active FROM cameras ORDER BY camera_id";
        let connection = self.0.connection().await?;
        let statement = connection.prepare_cached(sql).await?;
        connection.query(&statement, &[]).await?.iter().map(Camera::of).collect()
    }

    /// Takes a camera out, with its components and zones; what it saw stays. Whether it was there.
    pub async fn remove(&self, camera_id: &str) -> Result<bool, DatabaseError> {
        let connection = self.0.connection().await?;
        let statement = connection.prepare_cached("DELETE FROM cameras WHERE camera_id = $1").await?;
        Ok(connection.execute(&statement, &[&camera_id]).await? > 0)
    }
}

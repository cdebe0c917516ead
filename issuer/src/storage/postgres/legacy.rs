//! What old clients need.

use super::columns::{column, damaged, parsed, seconds, status, tier_text, uint};
use super::connection::Tx;
use super::usage::{Brought, issuers_own, record};
use super::{PostgresStorage, StorageError, codes, locks, note, tenants};
use crate::access::KeyId;
use crate::amount::Amount;
use crate::storage::columns::Columns as _;
use crate::storage::legacy::{contact, legacy_device};
use crate::storage::{
    Contact, Heartbeat, LEGACY_EPOCH, LegacyAsked, LegacyBooks, LegacyDevice, LegacyName, LegacyPolicy,
    LegacyPosting, LegacyView, NewLegacyDevice, NewLegacyPolicy, Plan, Seat, UsageView,
};
use brink_license::{CameraId, DeviceId, Slug, TenantId, UnixSeconds};
use std::collections::BTreeMap;
use std::ops::Range;
use tokio_postgres::Row;

impl LegacyBooks for PostgresStorage {
    fn legacy_policy(&self, tenant: &TenantId) -> Result<LegacyPolicy, StorageError> {
        self.read(async |tx| policy(tx, tenant).await)
    }

    fn set_legacy_policy(
        &self,
        tenant: &TenantId,
        plan: Plan<'_, LegacyPolicy, NewLegacyPolicy>,
    ) -> Result<(), StorageError> {
        self.write(async |tx| {
            locks::tenant(tx, tenant).await?;
            tenants::row(tx, tenant).await?;
            let Some(new) = plan(&policy(tx, tenant).await?) else { return Ok(()) };
            let sql = "INSERT INTO legacy_policies (tenant, auto_seat, auto_trial, suspended) VALUES ($1, $2, $3, $4)
                       ON CONFLICT (tenant) DO UPDATE SET auto_seat = excluded.auto_seat,
                         auto_trial = excluded.auto_trial, suspended = excluded.suspended";
            let LegacyPolicy { auto_seat, auto_trial, suspended } = new.policy;
            tx.execute(sql, &[&tenant.as_str(), &auto_seat, &auto_trial, &suspended]).await?;
            note(tx, &new.note).await
        })
    }

    fn legacy_names(
        &self,
        key: &KeyId,
        names: &[&str],
    ) -> Result<(BTreeMap<String, DeviceId>, u64), StorageError> {
        self.read(async |tx| {
            let sql = "SELECT l.name, l.device FROM legacy_devices l
                       JOIN devices d ON d.id = l.device AND d.retired_at IS NULL
                       WHERE l.api_key = $1 AND l.name = ANY($2)";
            let rows = tx.rows(sql, &[&key.as_str(), &names]).await?;
            let found =
                rows.iter().map(|row| Ok((column::<&str>(row, "name")?.to_owned(), parsed(row, "device")?)));
            let found = found.collect::<Result<BTreeMap<_, _>, StorageError>>()?;
            let sql = "SELECT count(*) AS names FROM legacy_devices WHERE api_key = $1";
            Ok((found, uint(&tx.one(sql, &[&key.as_str()]).await?, "names")?))
        })
    }

    fn legacy_answer(
        &self,
        key: &KeyId,
        body_sha256: &[u8; 32],
        since: UnixSeconds,
    ) -> Result<Option<String>, StorageError> {
        self.read(async |tx| answered(tx, key, body_sha256, since).await)
    }

    fn make_legacy_device(&self, name: &LegacyName, new: &NewLegacyDevice) -> Result<DeviceId, StorageError> {
        self.write(async |tx| {
            // Whoever comes first with a name makes its device; the others find it.
            locks::tenant(tx, &name.tenant).await?;
            make(tx, name, new).await
        })
    }

    fn legacy_devices(&self, tenant: &TenantId) -> Result<Vec<LegacyDevice>, StorageError> {
        self.read(async |tx| listed(tx, tenant).await)
    }

    fn seat_of(&self, tenant: &TenantId, camera: &CameraId) -> Result<Option<Seat>, StorageError> {
        self.read(async |tx| {
            let sql = format!("{SEATS} WHERE c.tenant = $1 AND c.camera = $2");
            let row = tx.optional(&sql, &[&tenant.as_str(), &camera.as_str()]).await?;
            row.as_ref().map(seat).transpose()
        })
    }

    fn seated(&self, tenant: &TenantId) -> Result<Vec<(CameraId, Seat, UnixSeconds)>, StorageError> {
        self.read(async |tx| {
            let sql = format!("{SEATS} WHERE c.tenant = $1 ORDER BY c.camera");
            let rows = tx.rows(&sql, &[&tenant.as_str()]).await?;
            rows.iter()
                .map(|row| Ok((parsed(row, "camera")?, seat(row)?, seconds(row, "assigned_at")?)))
                .collect()
        })
    }

    fn settle_legacy(
        &self,
        asked: &LegacyAsked,
        plan: Plan<'_, LegacyView, LegacyPosting>,
    ) -> Result<(), StorageError> {
        self.write(async |tx| {
            // The same body is of the same devices: whoever sends it twice at once waits here, and then finds its answer.
            let devices: Vec<&DeviceId> = asked.devices.iter().collect();
            locks::devices(tx, &devices).await?;
            let view = view(tx, asked).await?;
            let Some(posting) = plan(&view) else { return Ok(()) };
            post(tx, (asked, &view), &posting).await
        })
    }

    fn note_heartbeat(&self, beat: &Heartbeat) -> Result<(), StorageError> {
        self.write(async |tx| {
            locks::devices(tx, &[&beat.device]).await?;
            heartbeat(tx, beat).await
        })
    }

    fn contacts(&self, device: &DeviceId, limit: u32) -> Result<Vec<Contact>, StorageError> {
        self.read(async |tx| contacts(tx, device, limit).await)
    }

    fn used_in(
        &self,
        tenant: &TenantId,
        quarters: Range<i64>,
    ) -> Result<BTreeMap<Slug, Amount>, StorageError> {
        self.read(async |tx| {
            let sql = "SELECT meter, sum(quantity)::text AS quantity FROM (
                         SELECT meter, quantity FROM usage_rollups WHERE tenant = $1 AND quarter >= $2 AND quarter < $3
                         UNION ALL
                         SELECT meter, quantity FROM usage_corrections
                         WHERE tenant = $1 AND quarter >= $2 AND quarter < $3) u
                       GROUP BY meter";
            let rows = tx.rows(sql, &[&tenant.as_str(), &quarters.start, &quarters.end]).await?;
            rows.iter().map(|row| Ok((parsed(row, "meter")?, row.amount("quantity")?))).collect()
        })
    }
}

async fn policy(tx: &Tx<'_>, tenant: &TenantId) -> Result<LegacyPolicy, StorageError> {
    let sql = "SELECT auto_seat, auto_trial, suspended FROM legacy_policies WHERE tenant = $1";
    let Some(row) = tx.optional(sql, &[&tenant.as_str()]).await? else { return Ok(LegacyPolicy::default()) };
    Ok(LegacyPolicy {
        auto_seat: column(&row, "auto_seat")?,
        auto_trial: column(&row, "auto_trial")?,
        suspended: column(&row, "suspended")?,
    })
}

async fn device_of(tx: &Tx<'_>, name: &LegacyName) -> Result<Option<DeviceId>, StorageError> {
    let sql =
        "SELECT l.device FROM legacy_devices l JOIN devices d ON d.id = l.device AND d.retired_at IS NULL
               WHERE l.api_key = $1 AND l.name = $2";
    let found = tx.optional(sql, &[&name.api_key.as_str(), &name.name]).await?;
    found.map(|row| parsed(&row, "device")).transpose()
}

async fn make(tx: &Tx<'_>, name: &LegacyName, new: &NewLegacyDevice) -> Result<DeviceId, StorageError> {
    if let Some(device) = device_of(tx, name).await? {
        return Ok(device);
    }
    let sql = "SELECT count(*) AS devices FROM legacy_devices WHERE api_key = $1 AND name <> $2";
    let others = uint(&tx.one(sql, &[&name.api_key.as_str(), &name.name]).await?, "devices")?;
    let is_full = others >= u64::from(new.max) && !name.name.is_empty();
    let nameless = LegacyName { name: String::new(), ..name.clone() };
    let name = if is_full { &nameless } else { name };
    if is_full && let Some(device) = device_of(tx, name).await? {
        return Ok(device);
    }
    let Some((device, _)) = new.code.devices.first() else {
        return Err(damaged("legacy_devices.device", "a code without a device"));
    };
    codes::insert(tx, &new.code).await?;
    let sql =
        "INSERT INTO legacy_devices (api_key, name, tenant, device, made_at) VALUES ($1, $2, $3, $4, $5)
               ON CONFLICT (api_key, name) DO UPDATE SET device = excluded.device, made_at = excluded.made_at";
    let (key, tenant, made_at) = (name.api_key.as_str(), name.tenant.as_str(), new.code.created_at.as_i64());
    tx.execute(sql, &[&key, &name.name, &tenant, &device.as_str(), &made_at]).await?;
    note(tx, &new.note).await?;
    Ok(device.clone())
}

async fn listed(tx: &Tx<'_>, tenant: &TenantId) -> Result<Vec<LegacyDevice>, StorageError> {
    let sql = "SELECT l.device, l.api_key, l.name, l.made_at, d.cameras_named, h.from_at, h.last_at, h.beats,
                      h.interval_seconds, h.tier, h.cameras
               FROM legacy_devices l JOIN devices d ON d.id = l.device
               LEFT JOIN LATERAL (SELECT * FROM heartbeats b WHERE b.device = l.device
                                  ORDER BY from_at DESC LIMIT 1) h ON true
               WHERE l.tenant = $1 ORDER BY l.device";
    let rows = tx.rows(sql, &[&tenant.as_str()]).await?;
    let device = |row| {
        let was_heard = column::<Option<i64>>(row, "from_at")?.is_some();
        legacy_device(row, was_heard.then(|| contact(row)).transpose()?)
    };
    rows.iter().map(device).collect()
}

const SEATS: &str = "
    SELECT c.camera, c.device, c.packs, c.assigned_at, d.status, d.retired_at, d.revoked_at
    FROM cameras c JOIN devices d ON d.id = c.device";

fn seat(row: &Row) -> Result<Seat, StorageError> {
    let packs = serde_json::from_str(column::<&str>(row, "packs")?);
    Ok(Seat {
        device: parsed(row, "device")?,
        status: status(row)?,
        packs: packs.map_err(|e| damaged("cameras.packs", e))?,
    })
}

async fn answered(
    tx: &Tx<'_>,
    key: &KeyId,
    body_sha256: &[u8; 32],
    since: UnixSeconds,
) -> Result<Option<String>, StorageError> {
    let sql = "SELECT answer FROM legacy_batches WHERE api_key = $1 AND body_sha256 = $2 AND at > $3";
    let found = tx.optional(sql, &[&key.as_str(), &&body_sha256[..], &since.as_i64()]).await?;
    found.map(|row| Ok(column::<&str>(&row, "answer")?.to_owned())).transpose()
}

async fn view(tx: &Tx<'_>, asked: &LegacyAsked) -> Result<LegacyView, StorageError> {
    if let Some(answer) = answered(tx, &asked.api_key, &asked.body_sha256, asked.since).await? {
        return Ok(LegacyView { answered: Some(answer), usage: BTreeMap::new() });
    }
    Ok(LegacyView { answered: None, usage: issuers_own(tx, &asked.devices, LEGACY_EPOCH).await? })
}

async fn post(
    tx: &Tx<'_>,
    (asked, view): (&LegacyAsked, &LegacyView),
    posting: &LegacyPosting,
) -> Result<(), StorageError> {
    let nothing = UsageView::default();
    let brought = posting.usage.iter().map(|(device, usage)| Brought {
        device,
        before: view.usage.get(device).unwrap_or(&nothing),
        usage,
    });
    record(tx, &brought.collect::<Vec<_>>()).await?;
    let key = asked.api_key.as_str();
    let sql = "DELETE FROM legacy_batches WHERE api_key = $1 AND at <= $2";
    tx.execute(sql, &[&key, &asked.kept_since.as_i64()]).await?;
    let sql = "INSERT INTO legacy_batches (api_key, body_sha256, answer, at) VALUES ($1, $2, $3, $4)
               ON CONFLICT (api_key, body_sha256) DO UPDATE SET answer = excluded.answer, at = excluded.at";
    tx.execute(sql, &[&key, &&asked.body_sha256[..], &posting.answer, &posting.at.as_i64()]).await.map(drop)
}

async fn heartbeat(tx: &Tx<'_>, beat: &Heartbeat) -> Result<(), StorageError> {
    let newest = contacts(tx, &beat.device, 1).await?.pop();
    let to_write = newest.and_then(|newest| newest.with(beat)).unwrap_or_else(|| Contact::begun(beat));
    let sql = "INSERT INTO heartbeats (device, from_at, last_at, beats, interval_seconds, tier, cameras)
               VALUES ($1, $2, $3, $4, $5, $6, $7)
               ON CONFLICT (device, from_at) DO UPDATE SET last_at = excluded.last_at, beats = excluded.beats,
                 interval_seconds = excluded.interval_seconds, tier = excluded.tier, cameras = excluded.cameras";
    tx.execute(
        sql,
        &[
            &beat.device.as_str(),
            &to_write.from.as_i64(),
            &to_write.last.as_i64(),
            &i64::try_from(to_write.beats).unwrap_or(i64::MAX),
            &i64::from(to_write.interval_seconds),
            &tier_text(to_write.tier),
            &i64::from(to_write.cameras),
        ],
    )
    .await
    .map(drop)
}

async fn contacts(tx: &Tx<'_>, device: &DeviceId, limit: u32) -> Result<Vec<Contact>, StorageError> {
    let sql = "SELECT from_at, last_at, beats, interval_seconds, tier, cameras FROM heartbeats
               WHERE device = $1 ORDER BY from_at DESC LIMIT $2";
    tx.rows(sql, &[&device.as_str(), &i64::from(limit)]).await?.iter().map(contact).collect()
}

//! What old clients need.

use super::books::sums;
use super::columns::{column, damaged, parsed, seconds, status, tier_text};
use super::{SqliteStorage, StorageError, codes, note, tenants, usage};
use crate::access::KeyId;
use crate::amount::Amount;
use crate::storage::legacy::{contact, legacy_device};
use crate::storage::{
    Contact, Heartbeat, LEGACY_EPOCH, LegacyAsked, LegacyBooks, LegacyDevice, LegacyName, LegacyPolicy,
    LegacyPosting, LegacyView, NewLegacyDevice, NewLegacyPolicy, Plan, Seat, SumScope,
};
use brink_license::{CameraId, DeviceId, Slug, TenantId, UnixSeconds};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};

impl LegacyBooks for SqliteStorage {
    fn legacy_policy(&self, tenant: &TenantId) -> Result<LegacyPolicy, StorageError> {
        self.read(|tx| policy(tx, tenant))
    }

    fn set_legacy_policy(
        &self,
        tenant: &TenantId,
        plan: Plan<'_, LegacyPolicy, NewLegacyPolicy>,
    ) -> Result<(), StorageError> {
        self.write(|tx| {
            tenants::row(tx, tenant)?;
            let Some(new) = plan(&policy(tx, tenant)?) else { return Ok(()) };
            let sql = "INSERT INTO legacy_policies (tenant, auto_seat, auto_trial, suspended) VALUES (?1, ?2, ?3, ?4)
                       ON CONFLICT (tenant) DO UPDATE SET auto_seat = excluded.auto_seat,
                         auto_trial = excluded.auto_trial, suspended = excluded.suspended";
            let LegacyPolicy { auto_seat, auto_trial, suspended } = new.policy;
            tx.execute(sql, params![tenant.as_str(), auto_seat, auto_trial, suspended])?;
            note(tx, &new.note)
        })
    }

    fn legacy_names(
        &self,
        key: &KeyId,
        names: &[&str],
    ) -> Result<(BTreeMap<String, DeviceId>, u64), StorageError> {
        self.read(|tx| {
            let mut found = BTreeMap::new();
            for name in names {
                if let Some(device) = device_of(tx, (key, name))? {
                    found.insert((*name).to_owned(), device);
                }
            }
            let sql = "SELECT count(*) AS names FROM legacy_devices WHERE api_key = ?1";
            let count: i64 = tx.prepare_cached(sql)?.query_row([key.as_str()], |row| row.get(0))?;
            Ok((found, u64::try_from(count).unwrap_or_default()))
        })
    }

    fn legacy_answer(
        &self,
        key: &KeyId,
        body_sha256: &[u8; 32],
        since: UnixSeconds,
    ) -> Result<Option<String>, StorageError> {
        self.read(|tx| answered(tx, key, body_sha256, since))
    }

    fn make_legacy_device(&self, name: &LegacyName, new: &NewLegacyDevice) -> Result<DeviceId, StorageError> {
        self.write(|tx| make(tx, name, new))
    }

    fn legacy_devices(&self, tenant: &TenantId) -> Result<Vec<LegacyDevice>, StorageError> {
        self.read(|tx| listed(tx, tenant))
    }

    fn seat_of(&self, tenant: &TenantId, camera: &CameraId) -> Result<Option<Seat>, StorageError> {
        self.read(|tx| {
            let sql = format!("{SEATS} WHERE c.tenant = ?1 AND c.camera = ?2");
            let mut statement = tx.prepare_cached(&sql)?;
            let mut rows = statement.query([tenant.as_str(), camera.as_str()])?;
            rows.next()?.map(seat).transpose()
        })
    }

    fn seated(&self, tenant: &TenantId) -> Result<Vec<(CameraId, Seat, UnixSeconds)>, StorageError> {
        self.read(|tx| {
            let sql = format!("{SEATS} WHERE c.tenant = ?1 ORDER BY c.camera");
            let mut statement = tx.prepare_cached(&sql)?;
            let mut rows = statement.query([tenant.as_str()])?;
            let mut seats = Vec::new();
            while let Some(row) = rows.next()? {
                seats.push((parsed(row, "camera")?, seat(row)?, seconds(row, "assigned_at")?));
            }
            Ok(seats)
        })
    }

    fn settle_legacy(
        &self,
        asked: &LegacyAsked,
        plan: Plan<'_, LegacyView, LegacyPosting>,
    ) -> Result<(), StorageError> {
        self.write(|tx| {
            let Some(posting) = plan(&view(tx, asked)?) else { return Ok(()) };
            post(tx, asked, &posting)
        })
    }

    fn note_heartbeat(&self, beat: &Heartbeat) -> Result<(), StorageError> {
        self.write(|tx| heartbeat(tx, beat))
    }

    fn contacts(&self, device: &DeviceId, limit: u32) -> Result<Vec<Contact>, StorageError> {
        self.read(|tx| contacts(tx, device, limit))
    }

    fn used_in(
        &self,
        tenant: &TenantId,
        quarters: Range<i64>,
    ) -> Result<BTreeMap<Slug, Amount>, StorageError> {
        let scope = SumScope { tenant: tenant.clone(), quarters, meter: None, device: None };
        self.read(|tx| {
            let mut used: BTreeMap<Slug, Amount> = BTreeMap::new();
            let mut add = |sum: crate::storage::UsageSum| {
                let entry = used.entry(sum.meter).or_default();
                *entry = entry.saturating_plus(sum.amount);
                ControlFlow::Continue(())
            };
            sums::recorded(tx, &scope, &mut add)?;
            sums::corrected(tx, &scope, &mut add)?;
            Ok(used)
        })
    }
}

fn policy(tx: &Connection, tenant: &TenantId) -> Result<LegacyPolicy, StorageError> {
    let sql = "SELECT auto_seat, auto_trial, suspended FROM legacy_policies WHERE tenant = ?1";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query([tenant.as_str()])?;
    let Some(row) = rows.next()? else { return Ok(LegacyPolicy::default()) };
    Ok(LegacyPolicy {
        auto_seat: column(row, "auto_seat")?,
        auto_trial: column(row, "auto_trial")?,
        suspended: column(row, "suspended")?,
    })
}

fn device_of(tx: &Connection, (key, name): (&KeyId, &str)) -> Result<Option<DeviceId>, StorageError> {
    let sql =
        "SELECT l.device FROM legacy_devices l JOIN devices d ON d.id = l.device AND d.retired_at IS NULL
               WHERE l.api_key = ?1 AND l.name = ?2";
    let found = tx
        .prepare_cached(sql)?
        .query_row([key.as_str(), name], |row| Ok(parsed(row, "device")))
        .optional()?;
    found.transpose()
}

fn make(tx: &Connection, name: &LegacyName, new: &NewLegacyDevice) -> Result<DeviceId, StorageError> {
    if let Some(device) = device_of(tx, (&name.api_key, &name.name))? {
        return Ok(device);
    }
    let sql = "SELECT count(*) FROM legacy_devices WHERE api_key = ?1 AND name <> ?2";
    let count: u32 = tx.query_row(sql, [name.api_key.as_str(), &name.name], |row| row.get(0))?;
    if count >= new.max && !name.name.is_empty() {
        return make(tx, &LegacyName { name: String::new(), ..name.clone() }, new);
    }
    let Some((device, _)) = new.code.devices.first() else {
        return Err(damaged("legacy_devices.device", "a code without a device"));
    };
    codes::insert(tx, &new.code)?;
    let sql =
        "INSERT INTO legacy_devices (api_key, name, tenant, device, made_at) VALUES (?1, ?2, ?3, ?4, ?5)
               ON CONFLICT (api_key, name) DO UPDATE SET device = excluded.device, made_at = excluded.made_at";
    let made_at = new.code.created_at.as_i64();
    tx.execute(
        sql,
        params![name.api_key.as_str(), name.name, name.tenant.as_str(), device.as_str(), made_at],
    )?;
    note(tx, &new.note)?;
    Ok(device.clone())
}

fn listed(tx: &Connection, tenant: &TenantId) -> Result<Vec<LegacyDevice>, StorageError> {
    let sql = "SELECT l.device, l.api_key, l.name, l.made_at, d.cameras_named
               FROM legacy_devices l JOIN devices d ON d.id = l.device WHERE l.tenant = ?1 ORDER BY l.device";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query([tenant.as_str()])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let newest = contacts(tx, &parsed(row, "device")?, 1)?.pop();
        found.push(legacy_device(row, newest)?);
    }
    Ok(found)
}

const SEATS: &str = "
    SELECT c.camera, c.device, c.packs, c.assigned_at, d.status, d.retired_at, d.revoked_at
    FROM cameras c JOIN devices d ON d.id = c.device";

fn seat(row: &Row<'_>) -> Result<Seat, StorageError> {
    let packs = serde_json::from_str(&column::<String>(row, "packs")?);
    Ok(Seat {
        device: parsed(row, "device")?,
        status: status(row)?,
        packs: packs.map_err(|e| damaged("cameras.packs", e))?,
    })
}

fn answered(
    tx: &Connection,
    key: &KeyId,
    body_sha256: &[u8; 32],
    since: UnixSeconds,
) -> Result<Option<String>, StorageError> {
    let sql = "SELECT answer FROM legacy_batches WHERE api_key = ?1 AND body_sha256 = ?2 AND at > ?3";
    let values = params![key.as_str(), body_sha256, since.as_i64()];
    Ok(tx.prepare_cached(sql)?.query_row(values, |row| row.get(0)).optional()?)
}

fn view(tx: &Connection, asked: &LegacyAsked) -> Result<LegacyView, StorageError> {
    let answered = answered(tx, &asked.api_key, &asked.body_sha256, asked.since)?;
    if answered.is_some() {
        return Ok(LegacyView { answered, usage: BTreeMap::new() });
    }
    let on_record = |device: &DeviceId| {
        Ok::<_, StorageError>((device.clone(), usage::issuers_own(tx, device, LEGACY_EPOCH)?))
    };
    Ok(LegacyView { answered, usage: asked.devices.iter().map(on_record).collect::<Result<_, _>>()? })
}

fn post(tx: &Connection, asked: &LegacyAsked, posting: &LegacyPosting) -> Result<(), StorageError> {
    for (device, brought) in &posting.usage {
        usage::record(tx, device, brought)?;
    }
    let key = asked.api_key.as_str();
    let sql = "DELETE FROM legacy_batches WHERE api_key = ?1 AND at <= ?2";
    tx.prepare_cached(sql)?.execute(params![key, asked.kept_since.as_i64()])?;
    let sql = "INSERT INTO legacy_batches (api_key, body_sha256, answer, at) VALUES (?1, ?2, ?3, ?4)
               ON CONFLICT (api_key, body_sha256) DO UPDATE SET answer = excluded.answer, at = excluded.at";
    let at = posting.at.as_i64();
    tx.prepare_cached(sql)?.execute(params![key, asked.body_sha256, posting.answer, at])?;
    Ok(())
}

fn heartbeat(tx: &Connection, beat: &Heartbeat) -> Result<(), StorageError> {
    let newest = contacts(tx, &beat.device, 1)?.pop();
    let to_write = newest.and_then(|newest| newest.with(beat)).unwrap_or_else(|| Contact::begun(beat));
    let sql = "INSERT INTO heartbeats (device, from_at, last_at, beats, interval_seconds, tier, cameras)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
               ON CONFLICT (device, from_at) DO UPDATE SET last_at = excluded.last_at, beats = excluded.beats,
                 interval_seconds = excluded.interval_seconds, tier = excluded.tier, cameras = excluded.cameras";
    tx.prepare_cached(sql)?.execute(params![
        beat.device.as_str(),
        to_write.from.as_i64(),
        to_write.last.as_i64(),
        i64::try_from(to_write.beats).unwrap_or(i64::MAX),
        to_write.interval_seconds,
        tier_text(to_write.tier),
        to_write.cameras,
    ])?;
    Ok(())
}

fn contacts(tx: &Connection, device: &DeviceId, limit: u32) -> Result<Vec<Contact>, StorageError> {
    let sql = "SELECT from_at, last_at, beats, interval_seconds, tier, cameras FROM heartbeats
               WHERE device = ?1 ORDER BY from_at DESC LIMIT ?2";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query(params![device.as_str(), limit])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(contact(row)?);
    }
    Ok(found)
}

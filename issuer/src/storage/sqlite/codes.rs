//! Activation codes, the devices they will activate, and their redemption.

use super::columns::{int, parsed, seconds, tier_text, uint32};
use super::{StorageError, devices, note, past};
use crate::storage::{Activation, ActivationView, Actor, AuditNote, CodeRow, DeviceView, NewCode};
use brink_license::{DeviceId, Kid, UnixSeconds};
use rusqlite::{Connection, OptionalExtension, params};

pub(super) fn create(tx: &Connection, code: &NewCode, actor: &Actor) -> Result<(), StorageError> {
    insert(tx, code)?;
    let (tenant, tier, expires) = (code.tenant.as_str(), tier_text(code.tier), code.expires_at.as_i64());
    let first = code.devices.first().map(|(device, _)| device.to_string()).unwrap_or_default();
    let uses = code.devices.len();
    note(
        tx,
        &AuditNote {
            tenant: Some(code.tenant.clone()),
            at: code.created_at,
            actor: actor.clone(),
            action: "device.code",
            subject: first,
            detail: serde_json::json!({ "tenant": tenant, "tier": tier, "uses": uses, "expires_at": expires }),
        },
    )
}

/// A code and its devices; what the audit says of it is up to whoever makes it.
pub(super) fn insert(tx: &Connection, code: &NewCode) -> Result<(), StorageError> {
    let uses = int(code.devices.len() as u64);
    let (tenant, tier, expires) = (code.tenant.as_str(), tier_text(code.tier), code.expires_at.as_i64());
    let created = code.created_at.as_i64();
    let sql = "INSERT INTO activation_codes (code_sha256, tenant, tier, uses, expires_at, created_at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    tx.execute(sql, params![code.code_sha256, tenant, tier, uses, expires, created])?;
    let sql = "INSERT INTO devices (id, tenant, tier, licence_id, code_sha256, code_ordinal, code_expires_at, status,
                 created_at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'pending', ?8)";
    let mut statement = tx.prepare_cached(sql)?;
    for (ordinal, (device, licence)) in (0_i64..).zip(&code.devices) {
        let (device, licence) = (device.as_str(), licence.as_str());
        statement.execute(params![
            device,
            tenant,
            tier,
            licence,
            code.code_sha256,
            ordinal,
            expires,
            created
        ])?;
    }
    Ok(())
}

pub(super) fn view(
    tx: &Connection,
    code: &[u8; 32],
    jkt: &Kid,
    now: UnixSeconds,
) -> Result<ActivationView, StorageError> {
    let taken = past::is_known_key(tx, jkt)?;
    if let Some((row, device)) = past::code(tx, code)? {
        let redeemed = past::is_redeemed(tx, code, jkt)?;
        return Ok(ActivationView {
            code: Some(row),
            key_taken: taken && !redeemed,
            redeemed,
            device: Some(devices::view(tx, &device, now)?),
        });
    }
    let redeemed = redeemed(tx, code, jkt)?;
    let device = match &redeemed {
        Some(device) => Some(device.clone()),
        None => next_of(tx, code)?,
    };
    Ok(ActivationView {
        code: row(tx, code)?,
        key_taken: taken && redeemed.is_none(),
        redeemed: redeemed.is_some(),
        device: device.map(|device| devices::view(tx, &device, now)).transpose()?,
    })
}

fn row(tx: &Connection, code: &[u8; 32]) -> Result<Option<CodeRow>, StorageError> {
    let sql = "SELECT uses, expires_at, (SELECT count(*) FROM code_redemptions r WHERE r.code_sha256 = c.code_sha256)
                 AS used
               FROM activation_codes c WHERE code_sha256 = ?1";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query([code])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some(CodeRow {
        uses: uint32(row, "uses")?,
        used: uint32(row, "used")?,
        expires_at: seconds(row, "expires_at")?,
        anew: None,
    }))
}

fn redeemed(tx: &Connection, code: &[u8; 32], jkt: &Kid) -> Result<Option<DeviceId>, StorageError> {
    let sql = "SELECT device FROM code_redemptions WHERE code_sha256 = ?1 AND jkt = ?2";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query(params![code, jkt.to_string()])?;
    rows.next()?.map(|row| parsed(row, "device")).transpose()
}

/// The first device of the code that nobody has got.
fn next_of(tx: &Connection, code: &[u8; 32]) -> Result<Option<DeviceId>, StorageError> {
    let sql = "SELECT id FROM devices WHERE code_sha256 = ?1 AND status = 'pending' AND retired_at IS NULL
         ORDER BY code_ordinal LIMIT 1";
    let found = tx.prepare_cached(sql)?.query_row([code], |row| Ok(parsed(row, "id"))).optional()?;
    found.transpose()
}

/// Ties the key to the device. The same key showing the same code again changes nothing here.
pub(super) fn redeem(
    tx: &Connection,
    code: &[u8; 32],
    (before, activation): (&DeviceView, &Activation),
    now: UnixSeconds,
) -> Result<(), StorageError> {
    let (device, jkt) = (before.device.id.as_str(), activation.key.kid().to_string());
    if let Some(end) = activation.ends {
        past::end_epoch(tx, code, (before, activation, end), now)?;
    } else if past::code(tx, code)?.is_none() {
        add_redemption(tx, code, (device, &jkt), now)?;
    }
    let sql = "UPDATE devices SET status = iif(status = 'pending', 'active', status), public_key = ?2, jkt = ?3, epoch = ?4, activated_at = ?5
               WHERE id = ?1";
    tx.execute(sql, params![device, activation.key.as_bytes(), jkt, activation.epoch, now.as_i64()])?;
    Ok(())
}

fn add_redemption(
    tx: &Connection,
    code: &[u8; 32],
    (device, jkt): (&str, &str),
    now: UnixSeconds,
) -> Result<(), StorageError> {
    let sql = "INSERT INTO code_redemptions (code_sha256, jkt, device, redeemed_at) VALUES (?1, ?2, ?3, ?4)
               ON CONFLICT (code_sha256, jkt) DO NOTHING";
    tx.execute(sql, params![code, jkt, device, now.as_i64()])?;
    Ok(())
}

//! Activation codes, the devices they will activate, and their redemption.

use super::columns::{int, parsed, seconds, tier_text, uint32};
use super::connection::Tx;
use super::{StorageError, devices, note, past};
use crate::storage::{Activation, ActivationView, Actor, AuditNote, CodeRow, DeviceView, NewCode};
use brink_license::{DeviceId, Kid, TenantId, UnixSeconds};

pub(super) async fn create(tx: &Tx<'_>, code: &NewCode, actor: &Actor) -> Result<(), StorageError> {
    insert(tx, code).await?;
    let (tenant, tier, expires) = (code.tenant.as_str(), tier_text(code.tier), code.expires_at.as_i64());
    let first = code.devices.first().map(|(device, _)| device.to_string()).unwrap_or_default();
    let uses = code.devices.len();
    let line = AuditNote {
        tenant: Some(code.tenant.clone()),
        at: code.created_at,
        actor: actor.clone(),
        action: "device.code",
        subject: first,
        detail: serde_json::json!({ "tenant": tenant, "tier": tier, "uses": uses, "expires_at": expires }),
    };
    note(tx, &line).await
}

/// A code and its devices; what the audit says of it is up to whoever makes it.
pub(super) async fn insert(tx: &Tx<'_>, code: &NewCode) -> Result<(), StorageError> {
    let uses = int(code.devices.len() as u64);
    let (tenant, tier, expires) = (code.tenant.as_str(), tier_text(code.tier), code.expires_at.as_i64());
    let (created, digest) = (code.created_at.as_i64(), &code.code_sha256[..]);
    let sql = "INSERT INTO activation_codes (code_sha256, tenant, tier, uses, expires_at, created_at)
               VALUES ($1, $2, $3, $4, $5, $6)";
    tx.execute(sql, &[&digest, &tenant, &tier, &uses, &expires, &created]).await?;
    let sql = "INSERT INTO devices (id, tenant, tier, licence_id, code_sha256, code_ordinal, code_expires_at, status,
                 created_at)
               SELECT n.id, $2, $3, n.licence, $1, n.place - 1, $4, 'pending', $5
               FROM unnest($6::text[], $7::text[]) WITH ORDINALITY AS n (id, licence, place)";
    let (ids, licences): (Vec<&str>, Vec<&str>) =
        code.devices.iter().map(|(device, licence)| (device.as_str(), licence.as_str())).unzip();
    tx.execute(sql, &[&digest, &tenant, &tier, &expires, &created, &ids, &licences]).await.map(drop)
}

/// Whose code it is; neither kind changes hands.
pub(super) async fn tenant_of(tx: &Tx<'_>, code: &[u8; 32]) -> Result<Option<TenantId>, StorageError> {
    let sql = "SELECT tenant FROM activation_codes WHERE code_sha256 = $1
               UNION ALL
               SELECT d.tenant FROM reactivation_codes c JOIN devices d ON d.id = c.device WHERE c.code_sha256 = $1";
    let found = tx.optional(sql, &[&&code[..]]).await?;
    found.map(|row| parsed(&row, "tenant")).transpose()
}

/// Behind the lock of the code's tenant; the device that it is about is locked too.
pub(super) async fn view(
    tx: &Tx<'_>,
    code: &[u8; 32],
    jkt: &Kid,
    now: UnixSeconds,
) -> Result<ActivationView, StorageError> {
    let (taken, anew) = tokio::try_join!(past::is_known_key(tx, jkt), past::code(tx, code))?;
    if let Some((row, device)) = anew {
        let redeemed = past::is_redeemed(tx, code, jkt).await?;
        return Ok(ActivationView {
            code: Some(row),
            key_taken: taken && !redeemed,
            redeemed,
            device: Some(devices::locked_view(tx, &device, now).await?),
        });
    }
    let (code_row, redeemed, next) =
        tokio::try_join!(row(tx, code), redeemed(tx, code, jkt), next_of(tx, code))?;
    let device = match redeemed.clone().or(next) {
        Some(device) => Some(devices::locked_view(tx, &device, now).await?),
        None => None,
    };
    Ok(ActivationView {
        code: code_row,
        key_taken: taken && redeemed.is_none(),
        redeemed: redeemed.is_some(),
        device,
    })
}

async fn row(tx: &Tx<'_>, code: &[u8; 32]) -> Result<Option<CodeRow>, StorageError> {
    let sql = "SELECT uses, expires_at,
                 (SELECT count(*) FROM code_redemptions r WHERE r.code_sha256 = c.code_sha256) AS used
               FROM activation_codes c WHERE code_sha256 = $1";
    let Some(row) = tx.optional(sql, &[&&code[..]]).await? else { return Ok(None) };
    Ok(Some(CodeRow {
        uses: uint32(&row, "uses")?,
        used: uint32(&row, "used")?,
        expires_at: seconds(&row, "expires_at")?,
        anew: None,
    }))
}

async fn redeemed(tx: &Tx<'_>, code: &[u8; 32], jkt: &Kid) -> Result<Option<DeviceId>, StorageError> {
    let sql = "SELECT device FROM code_redemptions WHERE code_sha256 = $1 AND jkt = $2";
    let found = tx.optional(sql, &[&&code[..], &jkt.to_string()]).await?;
    found.map(|row| parsed(&row, "device")).transpose()
}

/// The first device of the code that nobody has got.
async fn next_of(tx: &Tx<'_>, code: &[u8; 32]) -> Result<Option<DeviceId>, StorageError> {
    let sql = "SELECT id FROM devices WHERE code_sha256 = $1 AND status = 'pending' AND retired_at IS NULL
               ORDER BY code_ordinal LIMIT 1";
    let found = tx.optional(sql, &[&&code[..]]).await?;
    found.map(|row| parsed(&row, "id")).transpose()
}

/// Ties the key to the device. The same key showing the same code again changes nothing here.
pub(super) async fn redeem(
    tx: &Tx<'_>,
    code: &[u8; 32],
    (before, activation): (&DeviceView, &Activation),
    now: UnixSeconds,
) -> Result<(), StorageError> {
    let (device, jkt) = (before.device.id.as_str(), activation.key.kid().to_string());
    if let Some(end) = activation.ends {
        past::end_epoch(tx, code, (before, activation, end), now).await?;
    } else if past::code(tx, code).await?.is_none() {
        let sql =
            "INSERT INTO code_redemptions (code_sha256, jkt, device, redeemed_at) VALUES ($1, $2, $3, $4)
                   ON CONFLICT (code_sha256, jkt) DO NOTHING";
        tx.execute(sql, &[&&code[..], &jkt, &device, &now.as_i64()]).await?;
    }
    let sql = "UPDATE devices SET status = CASE status WHEN 'pending' THEN 'active' ELSE status END, public_key = $2,
                 jkt = $3, epoch = $4, activated_at = $5
               WHERE id = $1";
    let (key, epoch) = (&activation.key.as_bytes()[..], i64::from(activation.epoch));
    tx.execute(sql, &[&device, &key, &jkt, &epoch, &now.as_i64()]).await.map(drop)
}

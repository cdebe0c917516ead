//! Rows of either database as what they stand for. The names of the columns are those of both.

use super::columns::{
    Columns, bytes32, column, damaged, enforce, moment, optional_moment, optional_seconds, optional_uint,
    parsed, ratchet, seconds, status, tier, uint, uint32,
};
use super::{
    Actor, ApiKeyRow, AuditEntry, BookedRecord, CorrectionRow, CursorRow, DeviceFacts, DeviceListed,
    DeviceRow, ExchangeState, Extension, IssuedDocument, IssuedKind, LicenceRow, LossRow, Made, Origin,
    QuarantineRow, Seal, StorageError, SubscriptionRow, Terms, TrialReminder, TrialWindow, UsageSum,
    Withdrawn,
};
use crate::access::KeyId;
use crate::amount::Amount;
use crate::audit::ChainHead;
use crate::timeline::Delta;
use brink_license::usage::Head;
use brink_license::{DeviceId, Kid, PublicKey, TenantId};
use std::collections::BTreeMap;

/// Where a chain of the audit stands.
pub(super) fn head_of(row: &impl Columns) -> Result<ChainHead, StorageError> {
    Ok(ChainHead { seq: uint(row, "seq")?, hash: bytes32(row, "hash")? })
}

/// Whose chain; the issuer's own has the empty name.
pub(super) fn chain_of(row: &impl Columns) -> Result<Option<TenantId>, StorageError> {
    let text: &str = column(row, "tenant")?;
    let tenant = (!text.is_empty()).then(|| text.parse()).transpose();
    tenant.map_err(|e| damaged("audit.tenant", e))
}

/// A line of the audit; `place` is its place within the chain.
pub(super) fn entry(row: &impl Columns) -> Result<AuditEntry, StorageError> {
    Ok(AuditEntry {
        tenant: chain_of(row)?,
        seq: optional_uint(row, "seq")?,
        order: column(row, "place")?,
        at: seconds(row, "at")?,
        actor: column(row, "actor")?,
        action: column(row, "action")?,
        subject: column(row, "subject")?,
        detail: column(row, "detail")?,
        hash: column(row, "hash")?,
    })
}

pub(super) fn seal(row: &impl Columns) -> Result<Seal, StorageError> {
    Ok(Seal {
        tenant: chain_of(row)?,
        head: head_of(row)?,
        kid: parsed(row, "kid")?,
        iat: seconds(row, "iat")?,
        token: column(row, "token")?,
    })
}

pub(super) fn document(row: &impl Columns) -> Result<IssuedDocument, StorageError> {
    let (kind, device): (&str, &str) = (column(row, "kind")?, column(row, "device")?);
    let known = IssuedKind::ALL.into_iter().find(|known| known.as_str() == kind);
    let device = (!device.is_empty()).then(|| device.parse()).transpose();
    Ok(IssuedDocument {
        tenant: parsed(row, "tenant")?,
        device: device.map_err(|e| damaged("issued.device", e))?,
        kind: known.ok_or_else(|| damaged("issued.kind", format!("{kind:?} is not known")))?,
        epoch: uint32(row, "epoch")?,
        number: uint(row, "number")?,
        id: column(row, "jti")?,
        kid: parsed(row, "kid")?,
        iat: seconds(row, "iat")?,
        until: optional_seconds(row, "until")?,
        token: column(row, "token")?,
    })
}

/// A record, with the reason of its quarantine where it is in it.
pub(super) fn booked(row: &impl Columns) -> Result<BookedRecord, StorageError> {
    Ok(BookedRecord {
        device: parsed(row, "device")?,
        epoch: uint32(row, "epoch")?,
        seq: uint(row, "seq")?,
        from_seq: uint(row, "from_seq")?,
        tenant: parsed(row, "tenant")?,
        received_ms: column(row, "received_at")?,
        event_ms: column(row, "event_ms")?,
        floor_ms: column(row, "floor_ms")?,
        quarantined: column(row, "quarantined")?,
        reason: column(row, "reason")?,
        bytes: column(row, "bytes")?,
    })
}

pub(super) fn correction(row: &impl Columns) -> Result<CorrectionRow, StorageError> {
    Ok(CorrectionRow {
        id: column(row, "id")?,
        device: parsed(row, "device")?,
        meter: parsed(row, "meter")?,
        resource: column(row, "resource")?,
        quarter: column(row, "quarter")?,
        amount: row.amount("quantity")?,
        reason: column(row, "reason")?,
        actor: column(row, "actor")?,
        at: moment(row, "at")?,
    })
}

pub(super) fn quarantined(row: &impl Columns) -> Result<QuarantineRow, StorageError> {
    Ok(QuarantineRow {
        id: column(row, "id")?,
        record: booked(row)?,
        reason: column(row, "reason")?,
        detail: column(row, "detail")?,
        at: moment(row, "at")?,
        replayed_at: optional_moment(row, "replayed_at")?,
    })
}

pub(super) fn loss(row: &impl Columns) -> Result<LossRow, StorageError> {
    Ok(LossRow {
        device: parsed(row, "device")?,
        epoch: uint32(row, "epoch")?,
        from_seq: uint(row, "from_seq")?,
        to_seq: uint(row, "to_seq")?,
        reason: column(row, "reason")?,
        at: moment(row, "at")?,
    })
}

/// A rollup; or a correction, which is of no use and no record.
pub(super) fn usage_sum(row: &impl Columns) -> Result<UsageSum, StorageError> {
    let is_recorded = column::<Option<i64>>(row, "count")?.is_some();
    Ok(UsageSum {
        tenant: parsed(row, "tenant")?,
        quarter: column(row, "quarter")?,
        device: parsed(row, "device")?,
        meter: parsed(row, "meter")?,
        resource: column(row, "resource")?,
        origin: if is_recorded { Origin::Recorded } else { Origin::Corrected },
        amount: if is_recorded {
            Amount::saturating_of(row.units("quantity")?)
        } else {
            row.amount("quantity")?
        },
        count: if is_recorded { uint(row, "count")? } else { 0 },
        records: if is_recorded { uint(row, "records")? } else { 0 },
    })
}

pub(super) fn api_key(row: &impl Columns) -> Result<ApiKeyRow, StorageError> {
    let tenant: Option<&str> = column(row, "tenant")?;
    let tenant = tenant.map(|text| TenantId::parse(text).map_err(|e| damaged("admin_keys.tenant", e)));
    Ok(ApiKeyRow {
        id: KeyId::parse(column(row, "id")?).ok_or_else(|| damaged("admin_keys.id", "is no id of a key"))?,
        secret_sha256: bytes32(row, "secret_sha256")?,
        name: column(row, "name")?,
        scopes: parsed(row, "scopes")?,
        tenant: tenant.transpose()?,
        created_at: seconds(row, "created_at")?,
        created_by: column(row, "created_by")?,
        expires_at: optional_seconds(row, "expires_at")?,
        last_used_at: optional_seconds(row, "last_used_at")?,
        revoked_at: optional_seconds(row, "revoked_at")?,
    })
}

pub(super) fn device(row: &impl Columns) -> Result<DeviceRow, StorageError> {
    Ok(DeviceRow {
        id: parsed(row, "id")?,
        tenant: parsed(row, "tenant")?,
        tier: tier(row)?,
        replaced_by: replaced_by(row)?,
        licence_id: parsed(row, "licence_id")?,
        status: status(row)?,
        code_expires_at: seconds(row, "code_expires_at")?,
        key: public_key(row)?,
        epoch: uint32(row, "epoch")?,
        licence_seq: uint(row, "licence_seq")?,
        reported_seq: uint(row, "reported_seq")?,
        reported_keyset: uint(row, "reported_keyset")?,
        reactivate_from: optional_seconds(row, "reactivate_from")?,
        withdrawn: withdrawn(row)?,
        exchange: ExchangeState {
            ctr: uint(row, "ctr")?,
            receipt_seq: uint(row, "receipt_seq")?,
            ratchet_current: ratchet(row, "ratchet_current")?,
            ratchet_previous: ratchet(row, "ratchet_previous")?,
            exchanged_at: optional_seconds(row, "exchanged_at")?,
            restored_by: optional_uint(row, "restored_by")?,
        },
    })
}

pub(super) fn licence(row: &impl Columns) -> Result<LicenceRow, StorageError> {
    Ok(LicenceRow {
        epoch: uint32(row, "epoch")?,
        seq: uint(row, "seq")?,
        jti: parsed(row, "jti")?,
        kid: parsed(row, "kid")?,
        iat: seconds(row, "iat")?,
        nbf: seconds(row, "nbf")?,
        exp: seconds(row, "exp")?,
        grace_seconds: uint(row, "grace_seconds")?,
        named_seats: uint(row, "named_seats")?,
        any_seats: uint(row, "any_seats")?,
        quota_ppm: uint(row, "quota_ppm")?,
        content_sha256: bytes32(row, "content_sha256")?,
        token: column(row, "token")?,
    })
}

pub(super) fn public_key(row: &impl Columns) -> Result<Option<PublicKey>, StorageError> {
    let key =
        column::<Option<[u8; 32]>>(row, "public_key")?.map(|bytes| PublicKey::from_bytes(&bytes)).transpose();
    key.map_err(|e| damaged("devices.public_key", e))
}

pub(super) fn extension(row: &impl Columns) -> Result<Extension, StorageError> {
    Ok(Extension {
        number: uint(row, "number")?,
        kid: parsed(row, "kid")?,
        iat: seconds(row, "iat")?,
        until: seconds(row, "until")?,
        token: column(row, "token")?,
    })
}

pub(super) fn replaced_by(row: &impl Columns) -> Result<Option<DeviceId>, StorageError> {
    let text: Option<&str> = column(row, "replaced_by")?;
    text.map(|text| DeviceId::parse(text).map_err(|e| damaged("devices.replaced_by", e))).transpose()
}

/// What stays withdrawn.
pub(super) fn withdrawn(row: &impl Columns) -> Result<Option<Withdrawn>, StorageError> {
    let (epoch, seq) = (optional_uint(row, "revoked_epoch")?, optional_uint(row, "revoked_seq")?);
    Ok(epoch.zip(seq).map(|(epoch, seq)| Withdrawn { epoch, seq }))
}

/// A version of a subscription, without its packs: each database has a table of them.
pub(super) fn version(row: &impl Columns) -> Result<SubscriptionRow, StorageError> {
    Ok(SubscriptionRow {
        version: uint32(row, "version")?,
        terms: Terms {
            cameras: uint32(row, "cameras")?,
            trial: trial(row)?,
            enforce: enforce(row)?,
            days: uint32(row, "days")?,
            grace_days: uint32(row, "grace_days")?,
            offline_max_days: uint32(row, "offline_max_days")?,
            packs: BTreeMap::new(),
            items: BTreeMap::new(),
            prices: BTreeMap::new(),
            catalog_version: uint(row, "catalog_version")?,
        }
        .with_sold(column(row, "sold")?)?,
        made: made(row)?,
        effective_at: seconds(row, "effective_at")?,
        set_at: seconds(row, "set_at")?,
        set_by: column::<Option<String>>(row, "set_by")?.map(Actor),
        reason: column(row, "reason")?,
    })
}

fn made(row: &impl Columns) -> Result<Made, StorageError> {
    let of = optional_version(row, "of_version")?.ok_or_else(|| damaged("of_version", "is NULL"));
    match column(row, "made")? {
        "set" => Ok(Made::Set),
        "change" => {
            let delta = Delta::from_text(column(row, "delta")?);
            delta.map(Made::Change).map_err(|e| damaged("subscriptions.delta", e))
        }
        "cancel" => of.map(|of| Made::Cancel { of }),
        "again" => of.map(|of| Made::Again { of }),
        other => Err(damaged("subscriptions.made", other)),
    }
}

/// The number of a version, where there is one.
pub(super) fn optional_version(row: &impl Columns, name: &str) -> Result<Option<u32>, StorageError> {
    let number = column::<Option<i64>>(row, name)?;
    number.map(u32::try_from).transpose().map_err(|e| damaged(name, e))
}

fn trial(row: &impl Columns) -> Result<Option<TrialWindow>, StorageError> {
    let window = (optional_seconds(row, "trial_started_at")?, optional_seconds(row, "trial_ends_at")?);
    Ok(match window {
        (Some(started_at), Some(ends_at)) => Some(TrialWindow { started_at, ends_at }),
        (Some(_), None) | (None, Some(_)) | (None, None) => None,
    })
}

pub(super) fn trial_reminder(row: &impl Columns) -> Result<TrialReminder, StorageError> {
    Ok(TrialReminder {
        trial: trial(row)?.ok_or_else(|| damaged("trial_reminders", "has no trial"))?,
        days: uint32(row, "days")?,
        due_at: seconds(row, "due_at")?,
        at: seconds(row, "at")?,
        skipped_for: optional_uint(row, "skipped_for")?
            .map(u32::try_from)
            .transpose()
            .map_err(|e| damaged("trial_reminders.skipped_for", e))?,
    })
}

pub(super) fn facts(row: &impl Columns) -> Result<DeviceFacts, StorageError> {
    Ok(DeviceFacts {
        code_expires_at: seconds(row, "code_expires_at")?,
        agent_version: column(row, "agent_version")?,
        keyset_version: uint(row, "reported_keyset")?,
        minted_at: optional_seconds(row, "minted_at")?,
        usage_behind: uint(row, "behind")?,
        usage_told_at: optional_moment(row, "told_ms")?,
        usage_forked_at: optional_moment(row, "forked_ms")?,
        journal_recoveries: uint32(row, "recoveries")?,
        suspected_at: optional_seconds(row, "suspected_at")?,
    })
}

/// A line of the list, but for its earlier epochs.
pub(super) fn listed(row: &impl Columns) -> Result<DeviceListed, StorageError> {
    let activated_at = optional_seconds(row, "activated_at")?;
    let exchanged_at = optional_seconds(row, "exchanged_at")?;
    Ok(DeviceListed {
        device: parsed(row, "id")?,
        past: Vec::new(),
        created_at: seconds(row, "created_at")?,
        reactivate_from: optional_seconds(row, "reactivate_from")?,
        tier: tier(row)?,
        status: status(row)?,
        replaced_by: replaced_by(row)?,
        cameras: uint(row, "cameras_named")?,
        seated: uint(row, "seated")?,
        last_seen_at: exchanged_at.max(activated_at),
        epoch: uint32(row, "epoch")?,
        licence_seq: optional_uint(row, "newest")?,
        reported_seq: uint(row, "reported_seq")?,
        exp: optional_seconds(row, "exp")?,
        ends_at: optional_seconds(row, "ends")?,
        extended_until: optional_seconds(row, "extended")?,
        seats_held: uint(row, "held")?,
        held_until: seconds(row, "held_until")?,
        overlap: optional_seconds(row, "overlap_from")?.is_some(),
    })
}

pub(super) fn cursor(row: &impl Columns) -> Result<CursorRow, StorageError> {
    let acknowledged = match optional_uint(row, "acknowledged_seq")? {
        Some(seq) => Some(Head { seq, hash: bytes32(row, "acknowledged_hash")? }),
        None => None,
    };
    Ok(CursorRow {
        epoch: uint32(row, "epoch")?,
        tenant: parsed(row, "tenant")?,
        jkt: Kid::from_digest(bytes32(row, "jkt")?),
        head: Head { seq: uint(row, "seq")?, hash: bytes32(row, "hash")? },
        event_ms: column(row, "event_ms")?,
        closed: column(row, "closed")?,
        incomplete: column(row, "incomplete")?,
        forked_at: column(row, "forked_at")?,
        acknowledged,
        reported: Head { seq: uint(row, "reported_seq")?, hash: bytes32(row, "reported_hash")? },
        recoveries: uint32(row, "recoveries")?,
        received_ms: column(row, "received_at")?,
    })
}

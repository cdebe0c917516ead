//! What settling with a device records, in the order in which it depends on itself.

use super::columns::{
    self, bytes32, column, int, kind_text, optional_bytes32, optional_seconds, seconds, uint,
};
use super::connection::{Asks, Tx};
use super::{StorageError, audit, devices, note, past, seats, standing};
use crate::storage::{
    Answer, AnswerKind, AnswerMark, Answered, Consequence, LicenceRow, Posting, Reaction, Report, Seen,
};
use brink_license::{DeviceId, Kid, UnixSeconds};
use tokio_postgres::Row;

/// Whether it rests on what the tenant's other devices have, or changes what they may count on. Such a posting is recorded
/// behind the tenant's lock alone.
pub(super) const fn concerns_others(posting: &Posting) -> bool {
    posting.licence.is_some() || posting.seats.is_some() || posting.consequence.is_some()
}

/// All but what it brought of usage.
pub(super) async fn record(
    tx: &Tx<'_>,
    (device, epoch): (&DeviceId, u32),
    now: UnixSeconds,
    posting: &Posting,
) -> Result<(), StorageError> {
    if let Some(report) = &posting.report {
        set_report(tx, device, report).await?;
    }
    if let Some(floor) = posting.licence_floor {
        let sql = "UPDATE devices SET licence_seq = greatest(licence_seq, $2) WHERE id = $1";
        tx.execute(sql, &[&device.as_str(), &int(floor)]).await?;
    }
    if let Some(licence) = &posting.licence {
        add_licence(tx, device, licence).await?;
    }
    if let Some(answer) = &posting.answer {
        keep_answer(tx, device, now, answer).await?;
    }
    if posting.report.is_some() || posting.licence.is_some() {
        devices::project_held(tx, (device, epoch), now).await?;
    }
    if let Some(report) = &posting.seats {
        seats::record(tx, device, report).await?;
    }
    for reaction in &posting.reactions {
        remember(tx, device, reaction).await?;
    }
    // Before the notes: whoever holds the head of a chain takes no other lock.
    if let Some(Consequence::Reactivate(line)) = &posting.consequence {
        let sql = "UPDATE devices SET reactivate_from = $2 WHERE id = $1";
        tx.execute(sql, &[&device.as_str(), &line.at.as_i64()]).await?;
    }
    audit::notes(tx, &posting.notes).await?;
    match &posting.consequence {
        None => Ok(()),
        Some(Consequence::Suspend(change)) => {
            standing::change(tx, &devices::row(tx, device).await?, change).await
        }
        Some(Consequence::Reactivate(line)) => note(tx, line).await,
    }
}

async fn remember(tx: &Tx<'_>, device: &DeviceId, reaction: &Reaction) -> Result<(), StorageError> {
    let sql = "INSERT INTO reactions (device, reason, at, proof_sha256) VALUES ($1, $2, $3, $4)
               ON CONFLICT (device, reason) DO UPDATE SET at = excluded.at, proof_sha256 = excluded.proof_sha256";
    let (at, proof) = (reaction.at.as_i64(), &reaction.proof_sha256[..]);
    tx.execute(sql, &[&device.as_str(), &reaction.reason, &at, &proof]).await.map(drop)
}

async fn set_report(tx: &Tx<'_>, device: &DeviceId, report: &Report) -> Result<(), StorageError> {
    let sql = "UPDATE devices SET reported_seq = $2, reported_keyset = $3, agent_version = $4 WHERE id = $1";
    let (seq, keyset) = (int(report.licence_seq), int(report.keyset_version));
    tx.execute(sql, &[&device.as_str(), &seq, &keyset, &report.agent_version]).await.map(drop)
}

async fn add_licence(tx: &Tx<'_>, device: &DeviceId, licence: &LicenceRow) -> Result<(), StorageError> {
    let sql = "
        INSERT INTO licences (device, epoch, seq, tenant, jti, kid, iat, nbf, exp, grace_seconds, named_seats, any_seats,
          quota_ppm, content_sha256, token)
        SELECT id, $2, $3, tenant, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14 FROM devices WHERE id = $1";
    let (id, epoch, seq) = (device.as_str(), i64::from(licence.epoch), int(licence.seq));
    let (jti, kid, iat) = (licence.jti.as_str(), licence.kid.to_string(), licence.iat.as_i64());
    let (nbf, exp, grace) = (licence.nbf.as_i64(), licence.exp.as_i64(), int(licence.grace_seconds));
    let (named, any, quota) = (int(licence.named_seats), int(licence.any_seats), int(licence.quota_ppm));
    let (digest, token) = (&licence.content_sha256[..], &licence.token);
    tx.execute(
        sql,
        &[&id, &epoch, &seq, &jti, &kid, &iat, &nbf, &exp, &grace, &named, &any, &quota, &digest, token],
    )
    .await?;
    tx.execute("UPDATE devices SET licence_seq = $2 WHERE id = $1", &[&id, &seq]).await.map(drop)
}

async fn keep_answer(
    tx: &Tx<'_>,
    device: &DeviceId,
    now: UnixSeconds,
    answer: &Answer,
) -> Result<(), StorageError> {
    let Answer { mark, seen, .. } = answer;
    let exchanged_at = match mark.kind {
        AnswerKind::Activate => None,
        AnswerKind::Exchange => Some(now.as_i64()),
    };
    let sql = "UPDATE devices SET ctr = $2, receipt_seq = $3, ratchet_current = $4, ratchet_previous = $5,
                 exchanged_at = coalesce($6, exchanged_at), restored_by = $7
               WHERE id = $1";
    let used = answer.ratchet_used.as_deref().map(|ratchet| &ratchet[..]);
    let (id, ctr, receipt_seq) = (device.as_str(), int(mark.ctr), int(answer.receipt_seq));
    let (next, restored) = (&answer.ratchet_next[..], answer.restored_by.map(int));
    tx.execute(sql, &[&id, &ctr, &receipt_seq, &next, &used, &exchanged_at, &restored]).await?;
    let sql = "INSERT INTO answers (device, kind, ctr, body_sha256, bytes, nonce, at, boot_id, proof)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
               ON CONFLICT (device, kind) DO UPDATE SET ctr = excluded.ctr, body_sha256 = excluded.body_sha256,
                 bytes = excluded.bytes, nonce = excluded.nonce, at = excluded.at, boot_id = excluded.boot_id,
                 proof = excluded.proof";
    let (kind, at, body) = (kind_text(mark.kind), seen.at.as_i64(), &mark.body_sha256[..]);
    let nonce = mark.nonce.as_ref().map(|nonce| &nonce[..]);
    tx.execute(sql, &[&id, &kind, &ctr, &body, &answer.bytes, &nonce, &at, &seen.boot_id, &seen.proof])
        .await?;
    past::keep_request(tx, device, answer).await
}

/// An activation request can be answered again for as long as its answer is kept, that is, until its device is retired
/// or activated anew. Where that is due, nothing is answered again.
pub(super) async fn answered(
    tx: &impl Asks,
    jkt: &Kid,
    mark: &AnswerMark,
) -> Result<Option<Vec<u8>>, StorageError> {
    let sql = "SELECT a.bytes FROM answers a JOIN devices d ON d.id = a.device
               WHERE d.retired_at IS NULL AND d.reactivate_from IS NULL AND d.jkt = $1 AND a.kind = $2 AND a.ctr = $3
                 AND a.body_sha256 = $4 AND (a.nonce IS NULL OR a.nonce = $5)";
    let (kind, body) = (kind_text(mark.kind), &mark.body_sha256[..]);
    let nonce = mark.nonce.as_ref().map(|nonce| &nonce[..]);
    let found = tx.first(sql, &[&jkt.to_string(), &kind, &int(mark.ctr), &body, &nonce]).await?;
    found.map(|row| column(&row, "bytes")).transpose()
}

/// The requests that are answered, without their answers.
pub(super) async fn answers(tx: &Tx<'_>, device: &DeviceId) -> Result<Vec<Answered>, StorageError> {
    let sql = "SELECT kind, ctr, body_sha256, nonce, at, boot_id, proof FROM answers WHERE device = $1 ORDER BY kind";
    tx.rows(sql, &[&device.as_str()]).await?.iter().map(one_answered).collect()
}

fn one_answered(row: &Row) -> Result<Answered, StorageError> {
    let (kind, body_sha256) = (columns::kind(row)?, bytes32(row, "body_sha256")?);
    let mark =
        AnswerMark { kind, ctr: uint(row, "ctr")?, body_sha256, nonce: optional_bytes32(row, "nonce")? };
    let boot_id: Option<String> = column(row, "boot_id")?;
    let seen = match optional_seconds(row, "at")?.zip(boot_id) {
        Some((at, boot_id)) => Some(Seen { at, boot_id, proof: column(row, "proof")? }),
        None => None,
    };
    Ok(Answered { mark, seen })
}

/// What the device was reacted to.
pub(super) async fn reactions(tx: &Tx<'_>, device: &DeviceId) -> Result<Vec<Reaction>, StorageError> {
    let sql = "SELECT reason, at, proof_sha256 FROM reactions WHERE device = $1 ORDER BY reason";
    let rows = tx.rows(sql, &[&device.as_str()]).await?;
    let reaction = |row| {
        let (reason, at) = (column(row, "reason")?, seconds(row, "at")?);
        Ok(Reaction { reason, at, proof_sha256: bytes32(row, "proof_sha256")? })
    };
    rows.iter().map(reaction).collect()
}

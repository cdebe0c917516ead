//! What settling with a device records, in the order in which it depends on itself.

use super::columns::{self, bytes32, column, int, kind_text, optional_seconds, seconds, uint};
use super::connection::{Asks, Tx};
use super::devices::Change;
use super::{StorageError, audit, devices, note, past, seats, standing};
use crate::calendar::month_start;
use crate::storage::{
    Answer, AnswerMark, Answered, Consequence, DeviceView, LicenceRow, Posting, Reaction, Seen,
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
    (view, epoch): (&DeviceView, u32),
    now: UnixSeconds,
    posting: &Posting,
) -> Result<(), StorageError> {
    let device = &view.device.id;
    if let Some(licence) = &posting.licence {
        add_licence(tx, device, licence).await?;
    }
    let change = Change {
        report: posting.report.as_ref(),
        licence_floor: posting.licence_floor,
        licence_seq: posting.licence.as_ref().map(|licence| licence.seq),
        answer: posting.answer.as_ref(),
    };
    let changes = posting.report.is_some() || posting.licence.is_some() || posting.licence_floor.is_some();
    if changes || posting.answer.is_some() {
        let month = month_start(now, view.tenant.zone);
        devices::change(tx, (device, epoch), (now, month), &change).await?;
    }
    if let Some(answer) = &posting.answer {
        keep_answer(tx, device, answer).await?;
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
    .await
    .map(drop)
}

async fn keep_answer(tx: &Tx<'_>, device: &DeviceId, answer: &Answer) -> Result<(), StorageError> {
    let Answer { mark, seen, .. } = answer;
    let (id, ctr) = (device.as_str(), int(mark.ctr));
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
    let mark = AnswerMark {
        kind,
        ctr: uint(row, "ctr")?,
        body_sha256,
        nonce: column::<Option<[u8; 32]>>(row, "nonce")?,
    };
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

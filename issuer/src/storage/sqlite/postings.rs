//! What settling with a device records, in the order in which it depends on itself.

use super::columns::{self, bytes32, column, int, kind_text, optional_seconds, seconds, uint};
use super::{StorageError, devices, note, past, seats, standing, usage};
use crate::storage::{
    Answer, AnswerKind, AnswerMark, Answered, Consequence, LicenceRow, Posting, Reaction, Report, Seen,
};
use brink_license::{DeviceId, Kid, UnixSeconds};
use rusqlite::{Connection, OptionalExtension, params};

pub(super) fn record(
    tx: &Connection,
    (device, epoch): (&DeviceId, u32),
    now: UnixSeconds,
    posting: &Posting,
) -> Result<(), StorageError> {
    if let Some(report) = &posting.report {
        set_report(tx, device, report)?;
    }
    if let Some(floor) = posting.licence_floor {
        let sql = "UPDATE devices SET licence_seq = max(licence_seq, ?2) WHERE id = ?1";
        tx.prepare_cached(sql)?.execute(params![device.as_str(), int(floor)])?;
    }
    if let Some(licence) = &posting.licence {
        add_licence(tx, device, licence)?;
    }
    if let Some(answer) = &posting.answer {
        keep_answer(tx, device, now, answer)?;
    }
    if posting.report.is_some() || posting.licence.is_some() {
        devices::project_held(tx, (device, epoch), now)?;
    }
    if let Some(report) = &posting.seats {
        seats::record(tx, device, report)?;
    }
    if let Some(brought) = &posting.usage {
        usage::record(tx, device, brought)?;
    }
    posting.reactions.iter().try_for_each(|reaction| remember(tx, device, reaction))?;
    posting.notes.iter().try_for_each(|line| note(tx, line))?;
    match &posting.consequence {
        None => Ok(()),
        Some(Consequence::Suspend(change)) => standing::change(tx, &devices::row(tx, device)?, change),
        Some(Consequence::Reactivate(line)) => {
            let sql = "UPDATE devices SET reactivate_from = ?2 WHERE id = ?1";
            tx.execute(sql, params![device.as_str(), line.at.as_i64()])?;
            note(tx, line)
        }
    }
}

fn remember(tx: &Connection, device: &DeviceId, reaction: &Reaction) -> Result<(), StorageError> {
    let sql = "INSERT INTO reactions (device, reason, at, proof_sha256) VALUES (?1, ?2, ?3, ?4)
               ON CONFLICT (device, reason) DO UPDATE SET at = excluded.at, proof_sha256 = excluded.proof_sha256";
    let values = params![device.as_str(), reaction.reason, reaction.at.as_i64(), reaction.proof_sha256];
    tx.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

fn set_report(tx: &Connection, device: &DeviceId, report: &Report) -> Result<(), StorageError> {
    let sql = "UPDATE devices SET reported_seq = ?2, reported_keyset = ?3, agent_version = ?4 WHERE id = ?1";
    let (licence, keyset) = (int(report.licence_seq), int(report.keyset_version));
    let values = params![device.as_str(), licence, keyset, report.agent_version];
    tx.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

fn add_licence(tx: &Connection, device: &DeviceId, licence: &LicenceRow) -> Result<(), StorageError> {
    let sql = "
        INSERT INTO licences (device, epoch, seq, tenant, jti, kid, iat, nbf, exp, grace_seconds, named_seats, any_seats,
          quota_ppm, content_sha256, token)
        SELECT id, ?2, ?3, tenant, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14 FROM devices WHERE id = ?1";
    tx.prepare_cached(sql)?.execute(params![
        device.as_str(),
        licence.epoch,
        int(licence.seq),
        licence.jti.as_str(),
        licence.kid.to_string(),
        licence.iat.as_i64(),
        licence.nbf.as_i64(),
        licence.exp.as_i64(),
        int(licence.grace_seconds),
        int(licence.named_seats),
        int(licence.any_seats),
        int(licence.quota_ppm),
        licence.content_sha256,
        licence.token,
    ])?;
    let sql = "UPDATE devices SET licence_seq = ?2 WHERE id = ?1";
    tx.prepare_cached(sql)?.execute(params![device.as_str(), int(licence.seq)])?;
    Ok(())
}

fn keep_answer(
    tx: &Connection,
    device: &DeviceId,
    now: UnixSeconds,
    answer: &Answer,
) -> Result<(), StorageError> {
    let Answer { mark, seen, .. } = answer;
    let exchanged_at = match mark.kind {
        AnswerKind::Activate => None,
        AnswerKind::Exchange => Some(now.as_i64()),
    };
    let sql = "UPDATE devices SET ctr = ?2, receipt_seq = ?3, ratchet_current = ?4, ratchet_previous = ?5,
                 exchanged_at = coalesce(?6, exchanged_at), restored_by = ?7
               WHERE id = ?1";
    let used = answer.ratchet_used.as_deref();
    let (ctr, receipt_seq) = (int(mark.ctr), int(answer.receipt_seq));
    let (next, restored) = (*answer.ratchet_next, answer.restored_by.map(int));
    let values = params![device.as_str(), ctr, receipt_seq, next, used, exchanged_at, restored];
    tx.prepare_cached(sql)?.execute(values)?;
    let sql =
        "INSERT OR REPLACE INTO answers (device, kind, ctr, body_sha256, bytes, nonce, at, boot_id, proof)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    let (kind, at) = (kind_text(mark.kind), seen.at.as_i64());
    let (device_text, boot_id, proof) = (device.as_str(), &seen.boot_id, &seen.proof);
    let values =
        params![device_text, kind, ctr, mark.body_sha256, answer.bytes, mark.nonce, at, boot_id, proof];
    tx.prepare_cached(sql)?.execute(values)?;
    past::keep_request(tx, device, answer)
}

/// An activation request can be answered again for as long as its answer is kept, that is, until its device is retired
/// or activated anew. Where that is due, nothing is answered again.
pub(super) fn answered(
    tx: &Connection,
    jkt: &Kid,
    mark: &AnswerMark,
) -> Result<Option<Vec<u8>>, StorageError> {
    let sql = "SELECT a.bytes FROM answers a JOIN devices d ON d.id = a.device
               WHERE d.retired_at IS NULL AND d.reactivate_from IS NULL AND d.jkt = ?1 AND a.kind = ?2 AND a.ctr = ?3
                 AND a.body_sha256 = ?4 AND (a.nonce IS NULL OR a.nonce = ?5)";
    let values = params![jkt.to_string(), kind_text(mark.kind), int(mark.ctr), mark.body_sha256, mark.nonce];
    Ok(tx.prepare_cached(sql)?.query_row(values, |row| row.get(0)).optional()?)
}

/// The requests that are answered, without their answers.
pub(super) fn answers(tx: &Connection, device: &DeviceId) -> Result<Vec<Answered>, StorageError> {
    let sql = "SELECT kind, ctr, body_sha256, nonce, at, boot_id, proof FROM answers WHERE device = ?1";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query([device.as_str()])?;
    let mut answers = Vec::new();
    while let Some(row) = rows.next()? {
        let (kind, body_sha256) = (columns::kind(row)?, bytes32(row, "body_sha256")?);
        let mark = AnswerMark { kind, ctr: uint(row, "ctr")?, body_sha256, nonce: column(row, "nonce")? };
        let boot_id: Option<String> = column(row, "boot_id")?;
        let seen = match optional_seconds(row, "at")?.zip(boot_id) {
            Some((at, boot_id)) => Some(Seen { at, boot_id, proof: column(row, "proof")? }),
            None => None,
        };
        answers.push(Answered { mark, seen });
    }
    Ok(answers)
}

/// What the device was reacted to.
pub(super) fn reactions(tx: &Connection, device: &DeviceId) -> Result<Vec<Reaction>, StorageError> {
    let sql = "SELECT reason, at, proof_sha256 FROM reactions WHERE device = ?1";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query([device.as_str()])?;
    let mut reactions = Vec::new();
    while let Some(row) = rows.next()? {
        let (reason, at) = (column(row, "reason")?, seconds(row, "at")?);
        reactions.push(Reaction { reason, at, proof_sha256: bytes32(row, "proof_sha256")? });
    }
    Ok(reactions)
}

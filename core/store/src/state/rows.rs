//! Reading `state.db`. Whatever a row cannot be is damage, named by its column.

use super::fault::{Damage, Fault};
use super::held::{AcceptedMarks, Held, Identity, NumberMark, Pending, PendingKind, Ratchet, Refused};
use super::{Inbox, REFUSALS_KEPT, clock_reset, notices, schema, seats, settled};
use brink_license::clock::{BootId, Reading};
use brink_license::token::SeqMark;
use brink_license::{DeviceId, IssuerName, Kid, TenantId, UnixSeconds};
use rusqlite::{Connection, OptionalExtension, Row};

/// The version that brought the table of notices.
const NOTICES_SINCE: i64 = 2;
/// The version that brought the row of unnamed seats.
const SEATS_SINCE: i64 = 3;
/// The version that brought clock resets.
const CLOCK_RESETS_SINCE: i64 = 4;
/// The version that brought what is settled of usage.
const SETTLED_SINCE: i64 = 5;

/// One consistent look: the caller holds a transaction.
pub(super) fn read_held(conn: &Connection) -> Result<Held, Fault> {
    let mut held = conn.query_row(
        "SELECT issuer, trust_sha256, jkt, issuer_url, tenant, device, epoch FROM install WHERE one = 1",
        [],
        |row| Ok(read_install(row)),
    )??;
    held.marks = conn.query_row(
        "SELECT licence_epoch, licence_seq, licence_sha256, licence_kid, keyset_version, keyset_sha256, \
         receipt_seq, receipt_sha256 FROM marks WHERE one = 1",
        [],
        |row| Ok(read_marks(row)),
    )??;
    conn.query_row("SELECT ctr, ratchet, next_after, presence FROM exchange WHERE one = 1", [], |row| {
        Ok(read_exchange(row, &mut held))
    })??;
    held.pending = read_pending(conn)?;
    held.refusals = read_refusals(conn)?;
    if schema::version(conn)? >= NOTICES_SINCE {
        held.notices = notices::read(conn)?;
    }
    if schema::version(conn)? >= SEATS_SINCE {
        held.seats = seats::read(conn)?;
    }
    if schema::version(conn)? >= CLOCK_RESETS_SINCE {
        held.challenge = clock_reset::read_challenge(conn)?;
        held.clock_reset = clock_reset::read_reset(conn)?;
    }
    if schema::version(conn)? >= SETTLED_SINCE {
        held.settled = settled::read(conn)?;
    }
    Ok(held)
}

fn read_install(row: &Row<'_>) -> Result<Held, Fault> {
    let names = (row.get::<_, Option<String>>(4)?, row.get::<_, Option<String>>(5)?, optional_uint(row, 6)?);
    let identity = match names {
        (Some(tenant), Some(device), Some(epoch)) => Some(Identity {
            tenant: TenantId::parse(&tenant).map_err(|_| Damage("tenant"))?,
            device: DeviceId::parse(&device).map_err(|_| Damage("device"))?,
            epoch: u32::try_from(epoch).map_err(|_| Damage("epoch"))?,
        }),
        (None, None, None) => None,
        (_, _, _) => return Err(Damage("identity").into()),
    };
    Ok(Held {
        issuer: IssuerName::parse(&row.get::<_, String>(0)?).map_err(|_| Damage("issuer"))?,
        trust_sha256: row.get(1)?,
        jkt: Kid::from_digest(row.get(2)?),
        issuer_url: row.get(3)?,
        identity,
        marks: AcceptedMarks::default(),
        ctr: 0,
        ratchet: None,
        presence: None,
        pending: None,
        next_exchange_after: None,
        refusals: Vec::new(),
        notices: Vec::new(),
        seats: None,
        challenge: None,
        clock_reset: None,
        settled: Vec::new(),
    })
}

fn read_marks(row: &Row<'_>) -> Result<AcceptedMarks, Fault> {
    let licence = match (optional_uint(row, 0)?, optional_uint(row, 1)?, row.get(2)?, row.get(3)?) {
        (Some(epoch), Some(seq), Some(sha256), Some(kid)) => Some(SeqMark {
            epoch: u32::try_from(epoch).map_err(|_| Damage("licence_epoch"))?,
            seq,
            sha256,
            kid: Kid::from_digest(kid),
        }),
        (None, None, None, None) => None,
        (_, _, _, _) => return Err(Damage("licence mark").into()),
    };
    Ok(AcceptedMarks { licence, keyset: number_mark(row, 4)?, receipt: number_mark(row, 6)? })
}

fn number_mark(row: &Row<'_>, at: usize) -> Result<Option<NumberMark>, Fault> {
    match (optional_uint(row, at)?, row.get(at + 1)?) {
        (Some(number), Some(sha256)) => Ok(Some(NumberMark { number, sha256 })),
        (None, None) => Ok(None),
        (_, _) => Err(Damage("mark").into()),
    }
}

fn read_exchange(row: &Row<'_>, held: &mut Held) -> Result<(), Fault> {
    held.ctr = uint(row, 0)?;
    held.ratchet = row.get::<_, Option<[u8; 32]>>(1)?.map(Ratchet);
    held.next_exchange_after = row.get::<_, Option<i64>>(2)?.map(UnixSeconds::new);
    held.presence = row.get(3)?;
    Ok(())
}

fn read_pending(conn: &Connection) -> Result<Option<Pending>, Fault> {
    let sql = "SELECT kind, ctr, nonce, bytes, wall, boot_id, boottime FROM pending WHERE one = 1";
    conn.query_row(sql, [], |row| Ok(pending_of(row))).optional()?.transpose()
}

fn pending_of(row: &Row<'_>) -> Result<Pending, Fault> {
    Ok(Pending {
        kind: PendingKind::parse(&row.get::<_, String>(0)?).ok_or(Damage("kind"))?,
        ctr: uint(row, 1)?,
        nonce: row.get(2)?,
        bytes: row.get(3)?,
        created: Reading {
            wall: UnixSeconds::new(row.get(4)?),
            boot: BootId::parse(&row.get::<_, String>(5)?).ok_or(Damage("boot_id"))?,
            boottime: row.get(6)?,
        },
    })
}

fn read_refusals(conn: &Connection) -> Result<Vec<Refused>, Fault> {
    let mut statement = conn.prepare("SELECT at, code, what FROM refusals ORDER BY number DESC LIMIT ?1")?;
    let rows = statement.query_map([REFUSALS_KEPT], |row| {
        Ok(Refused { at: UnixSeconds::new(row.get(0)?), code: row.get(1)?, what: row.get(2)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn read_inbox(conn: &Connection) -> Result<Option<Inbox>, Fault> {
    let bytes: Option<Vec<u8>> =
        conn.query_row("SELECT documents FROM inbox WHERE one = 1", [], |row| row.get(0)).optional()?;
    let inbox = bytes.map(|bytes| Inbox::decode(&bytes).ok_or(Damage("inbox")));
    Ok(inbox.transpose()?)
}

pub(super) fn uint(row: &Row<'_>, at: usize) -> Result<u64, Fault> {
    optional_uint(row, at)?.ok_or_else(|| Damage("number").into())
}

fn optional_uint(row: &Row<'_>, at: usize) -> Result<Option<u64>, Fault> {
    let value: Option<i64> = row.get(at)?;
    Ok(value.map(|value| u64::try_from(value).map_err(|_| Damage("number"))).transpose()?)
}

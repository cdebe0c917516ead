//! `usage_events` and the cursors of what is copied in its order: each step is one transaction, which reads where it stands
//! and writes what comes next with where it stands then.

use super::DatabaseError;
use deadpool_postgres::{Object, Transaction};

/// What is copied in its order, and whose: a chain of the journal, or the validation log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Source {
    /// `usage` or `log`.
    pub(crate) kind: &'static str,
    /// The device.
    pub(crate) device: String,
    /// Its activation; 0 for the log.
    pub(crate) epoch: i32,
}

/// Where a copy stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// The last number that is here; 0 for none.
    pub(crate) seq: i64,
    /// What tells that entry from another under its number, where it is known.
    pub(crate) link: Option<Vec<u8>>,
    /// Up to where the issuer has taken it.
    pub(crate) settled: i64,
    /// Whose usage it is; empty where nobody knows.
    pub(crate) tenant: String,
}

/// A use, or one sum of many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UsageRow {
    /// The number of its record.
    pub(crate) seq: i64,
    /// Its place among the sums of one record.
    pub(crate) part: i32,
    /// The meter.
    pub(crate) event_type: String,
    /// By which camera, or what else.
    pub(crate) resource_id: Option<String>,
    /// What that is, where it is known.
    pub(crate) resource_type: Option<&'static str>,
    /// Exact, as a decimal.
    pub(crate) quantity: String,
    /// Empty for a meter that only a licence knows.
    pub(crate) unit: &'static str,
    /// JSON.
    pub(crate) metadata: String,
    /// Milliseconds since 1970.
    pub(crate) at_ms: i64,
}

/// Rows that are not what the device has any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Removal {
    /// The first number.
    pub(crate) from: i64,
    /// The last.
    pub(crate) to: i64,
    /// Those that the issuer has stay, and all up to this number; `None` where every row goes.
    pub(crate) unless: Option<i64>,
}

/// Numbers that nobody can copy any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    /// The first.
    pub(crate) from: i64,
    /// The last.
    pub(crate) to: i64,
    /// `left` or `damaged`.
    pub(crate) reason: &'static str,
}

/// What comes next of one source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Step {
    /// What goes first.
    pub(crate) removals: Vec<Removal>,
    /// From this number on nothing is said to be gone any more: what the chain has there comes anew.
    pub(crate) ungap_from: Option<i64>,
    /// What is not there to be copied.
    pub(crate) gaps: Vec<Gap>,
    /// What comes.
    pub(crate) rows: Vec<UsageRow>,
    /// Where it stands then; its settled number is the one that rows are marked by.
    pub(crate) cursor: Cursor,
    /// Up to where the issuer has taken it: what comes up to there is marked as it comes.
    pub(crate) settled: i64,
}

const BEGIN: &str =
    "INSERT INTO mirror_cursors (source, device_id, epoch) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
const STANDS: &str = "SELECT seq, digest, settled, tenant_id FROM mirror_cursors
    WHERE source = $1 AND device_id = $2 AND epoch = $3 FOR UPDATE";
const ADVANCE: &str =
    "UPDATE mirror_cursors SET seq = $4, digest = $5, settled = $6, tenant_id = $7, updated_at = now()
    WHERE source = $1 AND device_id = $2 AND epoch = $3";
const REMOVE: &str = "DELETE FROM usage_events WHERE device_id = $1 AND device_epoch = $2
    AND journal_seq > 0 AND journal_seq BETWEEN $3 AND $4 AND NOT ($5 AND (synced_to_billing OR journal_seq <= $6))";
/// Numbers of rows that stayed are none of it.
const GAP: &str = "INSERT INTO mirror_gaps (source, device_id, epoch, first_seq, last_seq, reason)
    SELECT $1, $2, $3, gap.first_seq, $5, $6
    FROM (SELECT greatest($4, 1 + (SELECT max(journal_seq) FROM usage_events WHERE $1 = 'usage' AND device_id = $2
            AND device_epoch = $3 AND journal_seq > 0 AND journal_seq BETWEEN $4 AND $5))::bigint AS first_seq) AS gap
    WHERE gap.first_seq <= $5
    ON CONFLICT (source, device_id, epoch, first_seq) DO UPDATE SET last_seq = greatest(mirror_gaps.last_seq, excluded.last_seq)";
const UNGAP: &str = "WITH gone AS (DELETE FROM mirror_gaps WHERE source = $1 AND device_id = $2 AND epoch = $3 AND first_seq >= $4)
    UPDATE mirror_gaps SET last_seq = $4 - 1
    WHERE source = $1 AND device_id = $2 AND epoch = $3 AND first_seq < $4 AND last_seq >= $4";
const INSERT: &str = "INSERT INTO usage_events (tenant_id, device_id, device_epoch, synced_to_billing, journal_seq, journal_part,
        event_type, resource_id, resource_type, quantity, unit, metadata, event_time)
    SELECT $1, $2, $3, e.seq <= $4, e.seq, e.part, e.event_type, e.resource_id, e.resource_type, e.quantity::numeric, e.unit,
        e.metadata::jsonb, timestamptz 'epoch' + e.at_ms * interval '1 millisecond'
    FROM unnest($5::bigint[], $6::integer[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[],
        $13::bigint[]) AS e (seq, part, event_type, resource_id, resource_type, quantity, unit, metadata, at_ms)";
const MARK: &str = "UPDATE usage_events SET synced_to_billing = true, last_sync_attempt = now()
    WHERE device_id = $1 AND device_epoch = $2 AND NOT synced_to_billing
        AND journal_seq > 0 AND journal_seq > $3 AND journal_seq <= $4";
/// An issuer whose database was put back asks for some of them again.
const UNMARK: &str = "UPDATE usage_events SET synced_to_billing = false
    WHERE device_id = $1 AND device_epoch = $2 AND synced_to_billing AND journal_seq > 0 AND journal_seq > $3";

/// Takes the next step of a source: `next` gets where the copy stands and says what comes; `None` for nothing. Answers where it
/// stands after that.
pub(crate) async fn take<E: From<DatabaseError>>(
    connection: &mut Object,
    source: &Source,
    next: impl FnOnce(&Cursor) -> Result<Option<Step>, E>,
) -> Result<Cursor, E> {
    let transaction = connection.transaction().await.map_err(DatabaseError::from)?;
    let stands = begun(&transaction, source).await?;
    let Some(step) = next(&stands)? else { return Ok(stands) };
    carry(&transaction, source, (&stands, &step)).await?;
    advance(&transaction, source, &step.cursor).await?;
    transaction.commit().await.map_err(DatabaseError::from)?;
    Ok(step.cursor)
}

/// Where a copy stands; nobody else moves it until the transaction ends.
pub(super) async fn begun(
    transaction: &Transaction<'_>,
    Source { kind, device, epoch }: &Source,
) -> Result<Cursor, DatabaseError> {
    let begin = transaction.prepare_cached(BEGIN).await?;
    transaction.execute(&begin, &[kind, device, epoch]).await?;
    let stands = transaction.prepare_cached(STANDS).await?;
    let row = transaction.query_one(&stands, &[kind, device, epoch]).await?;
    Ok(Cursor {
        seq: row.try_get(0)?,
        link: row.try_get(1)?,
        settled: row.try_get(2)?,
        tenant: row.try_get(3)?,
    })
}

/// Writes where a copy stands.
pub(super) async fn advance(
    transaction: &Transaction<'_>,
    Source { kind, device, epoch }: &Source,
    Cursor { seq, link, settled, tenant }: &Cursor,
) -> Result<(), DatabaseError> {
    let advance = transaction.prepare_cached(ADVANCE).await?;
    transaction.execute(&advance, &[kind, device, epoch, seq, link, settled, tenant]).await?;
    Ok(())
}

/// Says what cannot be copied.
pub(super) async fn say_gaps(
    transaction: &Transaction<'_>,
    Source { kind, device, epoch }: &Source,
    gaps: &[Gap],
) -> Result<(), DatabaseError> {
    let say = transaction.prepare_cached(GAP).await?;
    for Gap { from, to, reason } in gaps {
        transaction.execute(&say, &[kind, device, epoch, from, to, reason]).await?;
    }
    Ok(())
}

async fn carry(
    transaction: &Transaction<'_>,
    source: &Source,
    (stands, step): (&Cursor, &Step),
) -> Result<(), DatabaseError> {
    let Source { kind, device, epoch } = source;
    let remove = transaction.prepare_cached(REMOVE).await?;
    for Removal { from, to, unless } in &step.removals {
        let (keeps, upto) = (unless.is_some(), unless.unwrap_or_default());
        transaction.execute(&remove, &[device, epoch, from, to, &keeps, &upto]).await?;
    }
    if let Some(from) = &step.ungap_from {
        let ungap = transaction.prepare_cached(UNGAP).await?;
        transaction.execute(&ungap, &[kind, device, epoch, from]).await?;
    }
    say_gaps(transaction, source, &step.gaps).await?;
    if !step.rows.is_empty() {
        insert(transaction, source, step).await?;
    }
    let (was, settled) = (stands.settled, step.cursor.settled);
    if settled > was {
        let mark = transaction.prepare_cached(MARK).await?;
        transaction.execute(&mark, &[device, epoch, &was, &settled]).await?;
    }
    if settled < was {
        let unmark = transaction.prepare_cached(UNMARK).await?;
        transaction.execute(&unmark, &[device, epoch, &settled]).await?;
    }
    Ok(())
}

async fn insert(
    transaction: &Transaction<'_>,
    Source { device, epoch, .. }: &Source,
    Step { rows, cursor, settled, .. }: &Step,
) -> Result<(), DatabaseError> {
    let seqs: Vec<i64> = rows.iter().map(|row| row.seq).collect();
    let parts: Vec<i32> = rows.iter().map(|row| row.part).collect();
    let types: Vec<&str> = rows.iter().map(|row| row.event_type.as_str()).collect();
    let resources: Vec<Option<&str>> = rows.iter().map(|row| row.resource_id.as_deref()).collect();
    let kinds: Vec<Option<&str>> = rows.iter().map(|row| row.resource_type).collect();
    let quantities: Vec<&str> = rows.iter().map(|row| row.quantity.as_str()).collect();
    let units: Vec<&str> = rows.iter().map(|row| row.unit).collect();
    let metadata: Vec<&str> = rows.iter().map(|row| row.metadata.as_str()).collect();
    let times: Vec<i64> = rows.iter().map(|row| row.at_ms).collect();
    let tenant = &cursor.tenant;
    let insert = transaction.prepare_cached(INSERT).await?;
    transaction
        .execute(
            &insert,
            &[
                tenant,
                device,
                epoch,
                settled,
                &seqs,
                &parts,
                &types,
                &resources,
                &kinds,
                &quantities,
                &units,
                &metadata,
                &times,
            ],
        )
        .await?;
    Ok(())
}

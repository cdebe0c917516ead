//! Columns to values and back. A value that this program would not have written is damage, said with its column.

use super::StorageError;
use crate::calendar::parse_zone;
use crate::currency::Currency;
use crate::storage::{AnswerKind, ClonePolicy, DeviceStatus, TenantRow, Tier};
use brink_license::UnixSeconds;
use brink_license::token::Enforce;
use std::str::FromStr;
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;
use zeroize::Zeroizing;

pub(super) fn damaged(column: &str, problem: impl ToString) -> StorageError {
    StorageError::Damaged { what: format!("{column}: {}", problem.to_string()) }
}

/// A column of PostgreSQL's own types.
pub(super) fn column<'r, T: FromSql<'r>>(row: &'r Row, name: &str) -> Result<T, StorageError> {
    row.try_get(name).map_err(|e| damaged(name, e))
}

pub(super) fn uint(row: &Row, name: &str) -> Result<u64, StorageError> {
    u64::try_from(column::<i64>(row, name)?).map_err(|e| damaged(name, e))
}

pub(super) fn uint32(row: &Row, name: &str) -> Result<u32, StorageError> {
    u32::try_from(column::<i64>(row, name)?).map_err(|e| damaged(name, e))
}

pub(super) fn seconds(row: &Row, name: &str) -> Result<UnixSeconds, StorageError> {
    column(row, name).map(UnixSeconds::new)
}

pub(super) fn optional_seconds(row: &Row, name: &str) -> Result<Option<UnixSeconds>, StorageError> {
    Ok(column::<Option<i64>>(row, name)?.map(UnixSeconds::new))
}

pub(super) fn optional_uint(row: &Row, name: &str) -> Result<Option<u64>, StorageError> {
    let value = column::<Option<i64>>(row, name)?;
    value.map(u64::try_from).transpose().map_err(|e| damaged(name, e))
}

/// A text column that parses: ids, prices, kids.
pub(super) fn parsed<T: FromStr<Err: std::fmt::Display>>(row: &Row, name: &str) -> Result<T, StorageError> {
    column::<&str>(row, name)?.parse().map_err(|e| damaged(name, e))
}

pub(super) fn bytes32(row: &Row, name: &str) -> Result<[u8; 32], StorageError> {
    column::<&[u8]>(row, name)?.try_into().map_err(|e| damaged(name, e))
}

pub(super) fn optional_bytes32(row: &Row, name: &str) -> Result<Option<[u8; 32]>, StorageError> {
    let bytes = column::<Option<&[u8]>>(row, name)?;
    bytes.map(<[u8; 32]>::try_from).transpose().map_err(|e| damaged(name, e))
}

pub(super) fn ratchet(row: &Row, name: &str) -> Result<Option<Zeroizing<[u8; 32]>>, StorageError> {
    Ok(optional_bytes32(row, name)?.map(Zeroizing::new))
}

/// PostgreSQL's integers are signed; nothing that we count comes near their end, and a bound column would refuse it.
pub(super) fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

const ALL_POLICIES: [ClonePolicy; 3] = [ClonePolicy::Alert, ClonePolicy::Reactivate, ClonePolicy::Suspend];

pub(super) fn tenant(row: &Row) -> Result<TenantRow, StorageError> {
    Ok(TenantRow {
        id: parsed(row, "tenant")?,
        name: column(row, "name")?,
        zone: parse_zone(column::<&str>(row, "timezone")?).map_err(|e| damaged("tenants.timezone", e))?,
        currency: parsed::<Currency>(row, "currency")?,
        clones: named(row, "clones", &ALL_POLICIES, ClonePolicy::as_str)?,
        created_at: seconds(row, "created_at")?,
    })
}

pub(super) const fn enforce_text(enforce: Enforce) -> &'static str {
    match enforce {
        Enforce::Observe => "observe",
        Enforce::Warn => "warn",
        Enforce::Degrade => "degrade",
        Enforce::Deny => "deny",
    }
}

pub(super) fn enforce(row: &Row) -> Result<Enforce, StorageError> {
    let all = [Enforce::Observe, Enforce::Warn, Enforce::Degrade, Enforce::Deny];
    named(row, "enforce", &all, enforce_text)
}

pub(super) const fn tier_text(tier: Tier) -> &'static str {
    match tier {
        Tier::Basic => "basic",
        Tier::Managed => "managed",
    }
}

pub(super) fn tier(row: &Row) -> Result<Tier, StorageError> {
    named(row, "tier", &[Tier::Basic, Tier::Managed], tier_text)
}

/// Where it stood when it was retired or revoked stays in the row; what counts is that it is, and retirement is for good.
pub(super) fn status(row: &Row) -> Result<DeviceStatus, StorageError> {
    if optional_seconds(row, "retired_at")?.is_some() {
        return Ok(DeviceStatus::Retired);
    }
    if optional_seconds(row, "revoked_at")?.is_some() {
        return Ok(DeviceStatus::Revoked);
    }
    let all = [DeviceStatus::Pending, DeviceStatus::Active, DeviceStatus::Suspended];
    named(row, "status", &all, DeviceStatus::as_str)
}

pub(super) const fn kind_text(kind: AnswerKind) -> &'static str {
    match kind {
        AnswerKind::Activate => "activate",
        AnswerKind::Exchange => "exchange",
    }
}

pub(super) fn kind(row: &Row) -> Result<AnswerKind, StorageError> {
    named(row, "kind", &[AnswerKind::Activate, AnswerKind::Exchange], kind_text)
}

fn named<T: Copy>(
    row: &Row,
    name: &str,
    all: &[T],
    text_of: fn(T) -> &'static str,
) -> Result<T, StorageError> {
    let text: &str = column(row, name)?;
    let found = all.iter().copied().find(|value| text_of(*value) == text);
    found.ok_or_else(|| damaged(name, format!("{text:?} is not known")))
}

//! Columns to values and back, for both databases: an adapter says how it hands a column over, and what it means is said here
//! once. A value that this program would not have written is damage, said with its column.

use super::{AnswerKind, ClonePolicy, DeviceStatus, StorageError, TenantRow, Tier};
use crate::amount::Amount;
use crate::calendar::parse_zone;
use crate::currency::Currency;
use brink_license::UnixSeconds;
use brink_license::token::Enforce;
use std::str::FromStr;
use zeroize::Zeroizing;

/// A row of one of the databases.
pub(super) trait Columns {
    /// A whole number; `None` for NULL.
    fn integer(&self, name: &str) -> Result<Option<i64>, StorageError>;

    /// A text; `None` for NULL.
    fn text(&self, name: &str) -> Result<Option<&str>, StorageError>;

    /// Bytes; `None` for NULL.
    fn blob(&self, name: &str) -> Result<Option<&[u8]>, StorageError>;

    /// True or false.
    fn flag(&self, name: &str) -> Result<bool, StorageError>;

    /// A quantity in units of 10^-12.
    fn units(&self, name: &str) -> Result<u128, StorageError>;

    /// The same with its sign.
    fn amount(&self, name: &str) -> Result<Amount, StorageError>;
}

/// What a column can be read as.
pub(super) trait FromColumn<'r>: Sized {
    /// Reads it.
    fn read(row: &'r impl Columns, name: &str) -> Result<Self, StorageError>;
}

impl FromColumn<'_> for Option<i64> {
    fn read(row: &impl Columns, name: &str) -> Result<Self, StorageError> {
        row.integer(name)
    }
}

impl FromColumn<'_> for i64 {
    fn read(row: &impl Columns, name: &str) -> Result<Self, StorageError> {
        present(row.integer(name)?, name)
    }
}

impl<'r> FromColumn<'r> for Option<&'r str> {
    fn read(row: &'r impl Columns, name: &str) -> Result<Self, StorageError> {
        row.text(name)
    }
}

impl<'r> FromColumn<'r> for &'r str {
    fn read(row: &'r impl Columns, name: &str) -> Result<Self, StorageError> {
        present(row.text(name)?, name)
    }
}

impl FromColumn<'_> for Option<String> {
    fn read(row: &impl Columns, name: &str) -> Result<Self, StorageError> {
        Ok(row.text(name)?.map(str::to_owned))
    }
}

impl FromColumn<'_> for String {
    fn read(row: &impl Columns, name: &str) -> Result<Self, StorageError> {
        present(row.text(name)?, name).map(str::to_owned)
    }
}

impl FromColumn<'_> for Vec<u8> {
    fn read(row: &impl Columns, name: &str) -> Result<Self, StorageError> {
        present(row.blob(name)?, name).map(<[u8]>::to_vec)
    }
}

impl<const N: usize> FromColumn<'_> for Option<[u8; N]> {
    fn read(row: &impl Columns, name: &str) -> Result<Self, StorageError> {
        row.blob(name)?.map(<[u8; N]>::try_from).transpose().map_err(|e| damaged(name, e))
    }
}

impl<const N: usize> FromColumn<'_> for [u8; N] {
    fn read(row: &impl Columns, name: &str) -> Result<Self, StorageError> {
        present(Option::<[u8; N]>::read(row, name)?, name)
    }
}

impl FromColumn<'_> for bool {
    fn read(row: &impl Columns, name: &str) -> Result<Self, StorageError> {
        row.flag(name)
    }
}

fn present<T>(value: Option<T>, name: &str) -> Result<T, StorageError> {
    value.ok_or_else(|| damaged(name, "is NULL"))
}

pub(super) fn damaged(column: &str, problem: impl ToString) -> StorageError {
    StorageError::Damaged { what: format!("{column}: {}", problem.to_string()) }
}

pub(super) fn column<'r, T: FromColumn<'r>>(row: &'r impl Columns, name: &str) -> Result<T, StorageError> {
    T::read(row, name)
}

pub(super) fn uint(row: &impl Columns, name: &str) -> Result<u64, StorageError> {
    u64::try_from(column::<i64>(row, name)?).map_err(|e| damaged(name, e))
}

pub(super) fn uint32(row: &impl Columns, name: &str) -> Result<u32, StorageError> {
    u32::try_from(column::<i64>(row, name)?).map_err(|e| damaged(name, e))
}

pub(super) fn seconds(row: &impl Columns, name: &str) -> Result<UnixSeconds, StorageError> {
    column(row, name).map(UnixSeconds::new)
}

pub(super) fn optional_seconds(row: &impl Columns, name: &str) -> Result<Option<UnixSeconds>, StorageError> {
    Ok(column::<Option<i64>>(row, name)?.map(UnixSeconds::new))
}

/// The tables of usage hold milliseconds.
pub(super) fn moment(row: &impl Columns, name: &str) -> Result<UnixSeconds, StorageError> {
    present(optional_moment(row, name)?, name)
}

pub(super) fn optional_moment(row: &impl Columns, name: &str) -> Result<Option<UnixSeconds>, StorageError> {
    Ok(row.integer(name)?.map(|at| UnixSeconds::new(at.div_euclid(1000))))
}

pub(super) fn optional_uint(row: &impl Columns, name: &str) -> Result<Option<u64>, StorageError> {
    let value = column::<Option<i64>>(row, name)?;
    value.map(u64::try_from).transpose().map_err(|e| damaged(name, e))
}

/// A text column that parses: ids, prices, kids.
pub(super) fn parsed<T: FromStr<Err: std::fmt::Display>>(
    row: &impl Columns,
    name: &str,
) -> Result<T, StorageError> {
    column::<&str>(row, name)?.parse().map_err(|e| damaged(name, e))
}

pub(super) fn bytes32(row: &impl Columns, name: &str) -> Result<[u8; 32], StorageError> {
    column(row, name)
}

pub(super) fn ratchet(row: &impl Columns, name: &str) -> Result<Option<Zeroizing<[u8; 32]>>, StorageError> {
    Ok(column::<Option<[u8; 32]>>(row, name)?.map(Zeroizing::new))
}

/// The integers of both databases are signed; nothing that we count comes near their end, and a bound column would refuse it.
pub(super) fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

const ALL_POLICIES: [ClonePolicy; 3] = [ClonePolicy::Alert, ClonePolicy::Reactivate, ClonePolicy::Suspend];

pub(super) fn tenant(row: &impl Columns) -> Result<TenantRow, StorageError> {
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

const ALL_ENFORCEMENTS: [Enforce; 4] = [Enforce::Observe, Enforce::Warn, Enforce::Degrade, Enforce::Deny];

/// The core only ever writes it into tokens of its own.
pub(crate) fn enforce_of(text: &str) -> Option<Enforce> {
    ALL_ENFORCEMENTS.into_iter().find(|enforce| enforce_text(*enforce) == text)
}

pub(super) fn enforce(row: &impl Columns) -> Result<Enforce, StorageError> {
    named(row, "enforce", &ALL_ENFORCEMENTS, enforce_text)
}

pub(super) const fn tier_text(tier: Tier) -> &'static str {
    match tier {
        Tier::Basic => "basic",
        Tier::Managed => "managed",
    }
}

pub(super) fn tier(row: &impl Columns) -> Result<Tier, StorageError> {
    named(row, "tier", &[Tier::Basic, Tier::Managed], tier_text)
}

/// Where it stood when it was retired or revoked stays in the row; what counts is that it is, and retirement is for good.
pub(super) fn status(row: &impl Columns) -> Result<DeviceStatus, StorageError> {
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

pub(super) fn kind(row: &impl Columns) -> Result<AnswerKind, StorageError> {
    named(row, "kind", &[AnswerKind::Activate, AnswerKind::Exchange], kind_text)
}

fn named<T: Copy>(
    row: &impl Columns,
    name: &str,
    all: &[T],
    text_of: fn(T) -> &'static str,
) -> Result<T, StorageError> {
    let text: &str = column(row, name)?;
    let found = all.iter().copied().find(|value| text_of(*value) == text);
    found.ok_or_else(|| damaged(name, format!("{text:?} is not known")))
}

//! One value on its way: out of SQLite, where anything may lie in any column, into what a PostgreSQL column holds; and back
//! out of PostgreSQL for comparing. Pure.

use super::json::{self, JsonFault};
use rusqlite::types::ValueRef;
use sha2::{Digest, Sha256};

/// How far the number of a file stands above the numbers of its rows.
pub(super) const FILE_SHIFT: u32 = 40;
/// The highest number that a row of a file may have.
pub(super) const ROW_MAX: i64 = (1 << FILE_SHIFT) - 1;
/// Bytes of a text in an index: a third of a page, less what stands beside it (PostgreSQL, "Index Row Size").
const INDEXED_BYTES_MAX: usize = 2600;
/// Bytes of any value: PostgreSQL's limit of a field is 1 GiB.
pub(super) const FIELD_BYTES_MAX: usize = (1 << 30) - (1 << 16);
/// 2000-01-01 in milliseconds since 1970, which PostgreSQL counts from.
pub(super) const PG_EPOCH_MS: i64 = 946_684_800_000;
/// What a `timestamptz` reaches, in milliseconds since 1970: 4714-11-24 BC to 294276-12-31.
const MOMENT_MS: std::ops::Range<i64> = -210_866_803_200_000..9_224_318_016_000_000;

/// What a column takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The row's number; the file's goes above it.
    Id,
    /// The number of a frame of the same file, or none.
    FrameId,
    /// The camera.
    Camera,
    /// Text in an index.
    Text,
    /// The same, or none.
    TextOrNull,
    /// JSON.
    Json,
    /// 64 bits.
    Big,
    /// The same, or none.
    BigOrNull,
    /// 32 bits.
    Int,
    /// The same, or none.
    IntOrNull,
    /// Bytes, or none.
    Bytes,
    /// Milliseconds since 1970; where there is none, those of this earlier column.
    Created(usize),
    /// How many bytes an earlier column has. Nothing is read for it.
    SizeOf(usize),
    /// The tenant of the whole transfer. Nothing is read for it.
    Tenant,
}

/// A value as PostgreSQL holds it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Cell<'v> {
    /// NULL
    Null,
    /// bigint
    Big(i64),
    /// integer
    Int(i32),
    /// text
    Text(&'v str),
    /// jsonb
    Json(&'v str),
    /// bytea
    Bytes(&'v [u8]),
    /// timestamptz, in microseconds since 2000
    Moment(i64),
}

/// Why PostgreSQL cannot hold a value. A stable word each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// NULL where there is always something.
    Null,
    /// Another kind of value than the column's.
    StorageClass,
    /// A number that the column does not reach.
    Range,
    /// A moment that no calendar of PostgreSQL has.
    Moment,
    /// A row's or a frame's number that leaves no room for the file's.
    Number,
    /// No UTF-8.
    Utf8,
    /// U+0000 in a text.
    Nul,
    /// Longer than an index or a field holds.
    Long,
    /// JSON that `jsonb` refuses.
    Json(JsonFault),
    /// What a camera must have and has not.
    Missing(&'static str),
    /// Another camera or zone has the name already, which the transfer did not make.
    Taken,
    /// The server itself refused it.
    Server,
}

impl Reason {
    /// The stable word.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Reason::Null => "null",
            Reason::StorageClass => "storage_class",
            Reason::Range => "out_of_range",
            Reason::Moment => "moment_out_of_range",
            Reason::Number => "number_out_of_range",
            Reason::Utf8 => "invalid_utf8",
            Reason::Nul => "nul_character",
            Reason::Long => "too_long",
            Reason::Json(fault) => fault.as_str(),
            Reason::Missing(what) => what,
            Reason::Taken => "taken",
            Reason::Server => "refused_by_server",
        }
    }
}

/// What all rows of a file share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    /// The file's number.
    pub(super) number: i32,
    /// The tenant that its rows are given.
    pub(super) tenant: Option<String>,
}

impl Origin {
    /// A row's number among those of all files.
    pub(super) fn id(&self, row: i64) -> Option<i64> {
        (1..=ROW_MAX).contains(&row).then(|| (i64::from(self.number) << FILE_SHIFT) | row)
    }

    /// The numbers of this file's rows: the first, and the last.
    pub(super) fn ids(&self) -> (i64, i64) {
        let first = i64::from(self.number) << FILE_SHIFT;
        (first, first | ROW_MAX)
    }
}

/// Reads a value for its column. `before` are the columns of the row that stand before it.
pub(super) fn convert<'v>(
    kind: Kind,
    value: ValueRef<'v>,
    before: &[Cell<'v>],
    origin: &'v Origin,
) -> Result<Cell<'v>, Reason> {
    match kind {
        Kind::Id => origin.id(integer(value)?).map(Cell::Big).ok_or(Reason::Number),
        Kind::FrameId if value == ValueRef::Null => Ok(Cell::Null),
        Kind::FrameId => origin.id(integer(value)?).map(Cell::Big).ok_or(Reason::Number),
        Kind::TextOrNull | Kind::BigOrNull | Kind::IntOrNull | Kind::Bytes if value == ValueRef::Null => {
            Ok(Cell::Null)
        }
        Kind::Camera | Kind::Text | Kind::TextOrNull => {
            let text = text(value)?;
            if text.len() > INDEXED_BYTES_MAX { Err(Reason::Long) } else { Ok(Cell::Text(text)) }
        }
        Kind::Json => {
            let text = text(value)?;
            json::check(text).map(|()| Cell::Json(text)).map_err(Reason::Json)
        }
        Kind::Big | Kind::BigOrNull => integer(value).map(Cell::Big),
        Kind::Int | Kind::IntOrNull => {
            i32::try_from(integer(value)?).map(Cell::Int).map_err(|_| Reason::Range)
        }
        Kind::Bytes => match value {
            ValueRef::Blob(bytes) if bytes.len() > FIELD_BYTES_MAX => Err(Reason::Long),
            ValueRef::Blob(bytes) => Ok(Cell::Bytes(bytes)),
            ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) | ValueRef::Text(_) => {
                Err(Reason::StorageClass)
            }
        },
        Kind::Created(fallback) if value == ValueRef::Null => match before.get(fallback) {
            Some(Cell::Big(ms)) => moment(*ms),
            Some(_) | None => Err(Reason::Null),
        },
        Kind::Created(_) => moment(integer(value)?),
        Kind::SizeOf(column) => Ok(match before.get(column) {
            Some(Cell::Bytes(bytes)) => i32::try_from(bytes.len()).map_or(Cell::Null, Cell::Int),
            Some(_) | None => Cell::Null,
        }),
        Kind::Tenant => Ok(origin.tenant.as_deref().map_or(Cell::Null, Cell::Text)),
    }
}

fn integer(value: ValueRef<'_>) -> Result<i64, Reason> {
    match value {
        ValueRef::Integer(number) => Ok(number),
        ValueRef::Null => Err(Reason::Null),
        ValueRef::Real(_) | ValueRef::Text(_) | ValueRef::Blob(_) => Err(Reason::StorageClass),
    }
}

/// Text that PostgreSQL holds.
pub(super) fn text(value: ValueRef<'_>) -> Result<&str, Reason> {
    let bytes = match value {
        ValueRef::Text(bytes) => bytes,
        ValueRef::Null => return Err(Reason::Null),
        ValueRef::Integer(_) | ValueRef::Real(_) | ValueRef::Blob(_) => return Err(Reason::StorageClass),
    };
    if bytes.len() > FIELD_BYTES_MAX {
        return Err(Reason::Long);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Reason::Utf8)?;
    if bytes.contains(&0) { Err(Reason::Nul) } else { Ok(text) }
}

fn moment(ms: i64) -> Result<Cell<'static>, Reason> {
    if MOMENT_MS.contains(&ms) { Ok(Cell::Moment((ms - PG_EPOCH_MS) * 1000)) } else { Err(Reason::Moment) }
}

/// In milliseconds since 1970.
pub(super) fn ms_of(moment: i64) -> i64 {
    moment.div_euclid(1000) + PG_EPOCH_MS
}

/// The month of a moment, counted from year 0, by UTC.
pub(super) fn month_of(moment: i64) -> i64 {
    use chrono::{DateTime, Datelike};
    let seconds = moment.div_euclid(1_000_000) + PG_EPOCH_MS / 1000;
    DateTime::from_timestamp(seconds, 0)
        .map_or(i64::MAX, |at| i64::from(at.year()) * 12 + i64::from(at.month0()))
}

/// Appends a row as `COPY .. WITH (FORMAT binary)` takes it.
pub(super) fn encode(row: &[Cell<'_>], out: &mut Vec<u8>) {
    out.extend(u16::try_from(row.len()).unwrap_or(u16::MAX).to_be_bytes());
    for cell in row {
        let mut field = |bytes: &[u8]| {
            out.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
            out.extend_from_slice(bytes);
        };
        match cell {
            Cell::Null => out.extend((-1_i32).to_be_bytes()),
            Cell::Big(number) | Cell::Moment(number) => field(&number.to_be_bytes()),
            Cell::Int(number) => field(&number.to_be_bytes()),
            Cell::Text(text) => field(text.as_bytes()),
            Cell::Bytes(bytes) => field(bytes),
            Cell::Json(text) => {
                out.extend(u32::try_from(text.len() + 1).unwrap_or(u32::MAX).to_be_bytes());
                // The version of jsonb's binary form.
                out.push(1);
                out.extend_from_slice(text.as_bytes());
            }
        }
    }
}

/// Reads a field that PostgreSQL sent in binary; `None` where it is nothing that the column holds.
pub(super) fn decode(kind: Kind, field: Option<&[u8]>) -> Option<Cell<'_>> {
    let Some(bytes) = field else { return Some(Cell::Null) };
    Some(match kind {
        Kind::Id | Kind::FrameId | Kind::Big | Kind::BigOrNull => {
            Cell::Big(i64::from_be_bytes(bytes.try_into().ok()?))
        }
        Kind::Int | Kind::IntOrNull | Kind::SizeOf(_) => {
            Cell::Int(i32::from_be_bytes(bytes.try_into().ok()?))
        }
        Kind::Created(_) => Cell::Moment(i64::from_be_bytes(bytes.try_into().ok()?)),
        Kind::Camera | Kind::Text | Kind::TextOrNull | Kind::Tenant => {
            Cell::Text(std::str::from_utf8(bytes).ok()?)
        }
        Kind::Json => Cell::Json(std::str::from_utf8(bytes.strip_prefix(&[1])?).ok()?),
        Kind::Bytes => Cell::Bytes(bytes),
    })
}

/// Of a row's content; the same on both ends.
pub(super) type RowDigest = u128;

/// The digest of a row.
pub(super) fn digest(row: &[Cell<'_>]) -> RowDigest {
    let mut hash = Sha256::new();
    for cell in row {
        let mut part = |kind: u8, bytes: &[u8]| {
            hash.update([kind]);
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        };
        match cell {
            Cell::Null => part(0, &[]),
            Cell::Big(number) => part(1, &number.to_be_bytes()),
            Cell::Int(number) => part(2, &number.to_be_bytes()),
            Cell::Text(text) => part(3, text.as_bytes()),
            // Checked when it was read, and made by the server on the other end.
            Cell::Json(text) => part(4, &json::digest(text).unwrap_or_default()),
            Cell::Bytes(bytes) => part(5, bytes),
            Cell::Moment(moment) => part(6, &moment.to_be_bytes()),
        }
    }
    shortened(hash.finalize().into())
}

/// The first half of a SHA-256, as a number that sums are made of.
pub(super) fn shortened(digest: [u8; 32]) -> RowDigest {
    digest[..16].try_into().map_or(0, u128::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin() -> Origin {
        Origin { number: 3, tenant: Some("tenant-123".to_owned()) }
    }

    #[test]
    fn what_a_column_cannot_hold_has_its_reason() {
        let origin = origin();
        let long = "x".repeat(INDEXED_BYTES_MAX + 1);
        let cases: [(Kind, ValueRef<'_>, Reason); 15] = [
            (Kind::Id, ValueRef::Integer(0), Reason::Number),
            (Kind::Id, ValueRef::Integer(-1), Reason::Number),
            (Kind::Id, ValueRef::Integer(ROW_MAX + 1), Reason::Number),
            (Kind::FrameId, ValueRef::Integer(0), Reason::Number),
            (Kind::Camera, ValueRef::Null, Reason::Null),
            (Kind::Text, ValueRef::Integer(1), Reason::StorageClass),
            (Kind::Text, ValueRef::Text(b"\xff"), Reason::Utf8),
            (Kind::Text, ValueRef::Text(b"a\0b"), Reason::Nul),
            (Kind::Text, ValueRef::Text(long.as_bytes()), Reason::Long),
            (Kind::Json, ValueRef::Text(b"\"\\u0000\""), Reason::Json(JsonFault::Nul)),
            (Kind::Big, ValueRef::Text(b"12"), Reason::StorageClass),
            (Kind::Int, ValueRef::Integer(1 << 31), Reason::Range),
            (Kind::Bytes, ValueRef::Text(b"x"), Reason::StorageClass),
            (Kind::Created(0), ValueRef::Integer(i64::MAX), Reason::Moment),
            (Kind::Created(0), ValueRef::Real(0.5), Reason::StorageClass),
        ];
        for (kind, value, reason) in cases {
            assert_eq!(convert(kind, value, &[], &origin), Err(reason), "{kind:?} {value:?}");
        }
    }

    #[test]
    fn rows_of_two_files_never_meet_and_each_is_found_again() {
        let (one, other) = (origin(), Origin { number: 4, tenant: None });
        assert_eq!(one.id(ROW_MAX), Some(one.ids().1));
        assert!(one.ids().1 < other.ids().0);
        assert_eq!(one.id(7).unwrap() & ROW_MAX, 7);
        assert_eq!(
            convert(Kind::FrameId, ValueRef::Integer(7), &[], &one),
            Ok(Cell::Big(one.id(7).unwrap()))
        );
        // The highest file number and row number are exact in JSON.
        assert!(Origin { number: 8191, tenant: None }.ids().1 < 1 << 53);
    }

    #[test]
    fn a_moment_that_is_not_there_is_that_of_the_event() {
        let origin = origin();
        let before = [Cell::Big(PG_EPOCH_MS + 5)];
        assert_eq!(convert(Kind::Created(0), ValueRef::Null, &before, &origin), Ok(Cell::Moment(5000)));
        assert_eq!(
            convert(Kind::Created(0), ValueRef::Integer(0), &before, &origin),
            Ok(Cell::Moment(-PG_EPOCH_MS * 1000))
        );
        for edge in [MOMENT_MS.start, MOMENT_MS.end - 1] {
            assert!(convert(Kind::Created(0), ValueRef::Integer(edge), &[], &origin).is_ok());
        }
        assert_eq!(month_of(0), 2000 * 12);
        assert_eq!(month_of(-1), 1999 * 12 + 11);
    }

    #[test]
    fn a_row_that_comes_back_is_the_row_that_went() {
        let row = [
            Cell::Big(-5),
            Cell::Null,
            Cell::Text("é"),
            Cell::Json("{\"a\":1}"),
            Cell::Int(9),
            Cell::Bytes(&[0, 255]),
            Cell::Moment(7),
        ];
        let kinds =
            [Kind::Id, Kind::TextOrNull, Kind::Text, Kind::Json, Kind::Int, Kind::Bytes, Kind::Created(0)];
        let mut out = Vec::new();
        encode(&row, &mut out);
        assert_eq!(out[..2], [0, 7]);
        let (mut rest, mut back) = (&out[2..], Vec::new());
        for kind in kinds {
            let length = i32::from_be_bytes(rest[..4].try_into().unwrap());
            let field = usize::try_from(length).ok().map(|length| &rest[4..4 + length]);
            rest = &rest[4 + field.map_or(0, <[u8]>::len)..];
            back.push(decode(kind, field).unwrap());
        }
        assert_eq!(back, row);
        assert_eq!(digest(&back), digest(&row));
        back[3] = Cell::Json("{ \"a\" : 1.0 }");
        assert_eq!(digest(&back), digest(&row), "the same to jsonb");
        back[3] = Cell::Json("{\"a\":2}");
        assert_ne!(digest(&back), digest(&row));
    }
}

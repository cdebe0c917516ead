//! Rows of the five tables that the configuration goes to: what columns they have, and a row as it is here and as it is there.

use crate::transfer::cell::{self, Cell, RowDigest};
use sha2::{Digest, Sha256};
use tokio_postgres::types::{FromSql, Type as SqlType};

/// A table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Part {
    /// Keys and their values.
    Config,
    /// Cameras.
    Cameras,
    /// What a camera is made of.
    Components,
    /// Lines that are crossed.
    Lines,
    /// Areas that are entered.
    Polygons,
}

/// What a column takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    /// text
    Text,
    /// jsonb
    Json,
    /// integer
    Int,
    /// timestamptz
    Moment,
    /// uuid, boolean and double precision, which have one width each.
    Fixed,
}

use Takes::{Fixed, Int, Json, Moment, Text};

const CONFIG: [(&str, Takes); 7] = [
    ("key", Text),
    ("value", Text),
    ("value_type", Text),
    ("category", Text),
    ("description", Text),
    ("created_at", Moment),
    ("updated_at", Moment),
];
const CAMERAS: [(&str, Takes); 11] = [
    ("id", Fixed),
    ("camera_id", Text),
    ("tenant_id", Text),
    ("name", Text),
    ("url", Text),
    ("status", Text),
    ("pipeline_config", Json),
    ("metadata", Json),
    ("is_active", Fixed),
    ("created_at", Moment),
    ("updated_at", Moment),
];
const COMPONENTS: [(&str, Takes); 9] = [
    ("id", Fixed),
    ("camera_id", Text),
    ("component_type", Text),
    ("component_subtype", Text),
    ("component_config", Json),
    ("execution_order", Int),
    ("is_enabled", Fixed),
    ("created_at", Moment),
    ("updated_at", Moment),
];
const LINES: [(&str, Takes); 15] = [
    ("id", Fixed),
    ("camera_id", Text),
    ("zone_id", Text),
    ("name", Text),
    ("line_start_x", Fixed),
    ("line_start_y", Fixed),
    ("line_end_x", Fixed),
    ("line_end_y", Fixed),
    ("direction", Text),
    ("enabled_classes", Json),
    ("trigger_distance", Int),
    ("is_active", Fixed),
    ("metadata", Json),
    ("created_at", Moment),
    ("updated_at", Moment),
];
const POLYGONS: [(&str, Takes); 13] = [
    ("id", Fixed),
    ("camera_id", Text),
    ("zone_id", Text),
    ("name", Text),
    ("polygon_points", Json),
    ("zone_type", Text),
    ("enabled_classes", Json),
    ("trigger_threshold", Int),
    ("dwell_time_seconds", Int),
    ("is_active", Fixed),
    ("metadata", Json),
    ("created_at", Moment),
    ("updated_at", Moment),
];

impl Part {
    /// All of them.
    pub(super) const ALL: [Self; 5] =
        [Part::Config, Part::Cameras, Part::Components, Part::Lines, Part::Polygons];
    /// Those of cameras, in the order in which they are written.
    pub(super) const OF_CAMERAS: [Self; 4] = [Part::Cameras, Part::Components, Part::Lines, Part::Polygons];

    /// The table's name.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Part::Config => "config",
            Part::Cameras => "cameras",
            Part::Components => "camera_components",
            Part::Lines => "line_zones",
            Part::Polygons => "polygon_zones",
        }
    }

    /// Its columns, as rows have them.
    pub(super) const fn columns(self) -> &'static [(&'static str, Takes)] {
        match self {
            Part::Config => &CONFIG,
            Part::Cameras => &CAMERAS,
            Part::Components => &COMPONENTS,
            Part::Lines => &LINES,
            Part::Polygons => &POLYGONS,
        }
    }

    /// Names of its columns.
    pub(super) fn names(self) -> String {
        self.columns().iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }

    /// Which rows are a source's, whose number is `$1`: keys by what the transfer wrote beside them, cameras by their
    /// metadata, and whatever hangs on such a camera.
    pub(super) const fn ours(self) -> &'static str {
        match self {
            Part::Config => "category = 'transfer' AND description = 'transferred from source ' || $1::int",
            Part::Cameras => "metadata -> 'transfer' = to_jsonb($1::int)",
            Part::Components | Part::Lines | Part::Polygons => {
                "camera_id IN (SELECT camera_id FROM cameras WHERE metadata -> 'transfer' = to_jsonb($1::int))"
            }
        }
    }

    /// The column that tells rows of the table apart for people.
    const fn named_by(self) -> usize {
        match self {
            Part::Config => 0,
            Part::Cameras => 1,
            Part::Components => 5,
            Part::Lines | Part::Polygons => 2,
        }
    }
}

/// A value as its column holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// NULL
    Null,
    /// text
    Text(String),
    /// jsonb
    Json(String),
    /// integer
    Int(i32),
    /// timestamptz, in microseconds since 2000
    Moment(i64),
    /// uuid, boolean and double precision, as they are sent.
    Fixed(Vec<u8>),
}

impl Value {
    /// text
    pub(super) fn text(text: &str) -> Self {
        Value::Text(text.to_owned())
    }

    /// jsonb
    pub(super) fn json(text: &str) -> Self {
        Value::Json(text.to_owned())
    }

    /// boolean
    pub(super) fn boolean(is: bool) -> Self {
        Value::Fixed(vec![u8::from(is)])
    }

    /// double precision
    pub(super) fn double(number: f64) -> Self {
        Value::Fixed(number.to_be_bytes().to_vec())
    }

    /// A uuid that is the same for the same things (RFC 9562, 5.8): a table, and what the row is called in it.
    pub(super) fn uuid(part: Part, name: &[&str]) -> Self {
        let mut hash = Sha256::new_with_prefix(b"brink transfer uuid 1");
        for word in [part.name()].iter().chain(name) {
            hash.update((word.len() as u64).to_be_bytes());
            hash.update(word);
        }
        let mut bytes = hash.finalize()[..16].to_vec();
        bytes[6] = bytes[6] & 0x0f | 0x80;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Value::Fixed(bytes)
    }

    fn cell(&self) -> Cell<'_> {
        match self {
            Value::Null => Cell::Null,
            Value::Text(text) => Cell::Text(text),
            Value::Json(text) => Cell::Json(text),
            Value::Int(number) => Cell::Int(*number),
            Value::Moment(moment) => Cell::Moment(*moment),
            Value::Fixed(bytes) => Cell::Bytes(bytes),
        }
    }

    /// What the server sent. What is nothing for the column stays bytes, which equal no value of it.
    fn received(takes: Takes, field: Option<&[u8]>) -> Self {
        let Some(bytes) = field else { return Value::Null };
        let utf8 = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
        let value = match takes {
            Takes::Text => utf8(bytes).map(Value::Text),
            Takes::Json => bytes.strip_prefix(&[1]).and_then(utf8).map(Value::Json),
            Takes::Int => bytes.try_into().ok().map(|number| Value::Int(i32::from_be_bytes(number))),
            Takes::Moment => bytes.try_into().ok().map(|moment| Value::Moment(i64::from_be_bytes(moment))),
            Takes::Fixed => None,
        };
        value.unwrap_or_else(|| Value::Fixed(bytes.to_vec()))
    }
}

/// A row.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// Of which table.
    pub(super) part: Part,
    /// One value for each of its columns.
    pub(super) values: Vec<Value>,
}

/// A field as the server sent it in binary.
pub(super) struct Field<'r>(pub(super) &'r [u8]);

impl<'r> FromSql<'r> for Field<'r> {
    fn from_sql(_: &SqlType, raw: &'r [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(raw))
    }

    fn accepts(_: &SqlType) -> bool {
        true
    }
}

impl Row {
    /// A row of a query for [`Part::names`].
    pub(super) fn received(part: Part, row: &tokio_postgres::Row) -> Result<Self, tokio_postgres::Error> {
        let mut values = Vec::with_capacity(part.columns().len());
        for (at, (_, takes)) in part.columns().iter().enumerate() {
            let field: Option<Field<'_>> = row.try_get(at)?;
            values.push(Value::received(*takes, field.map(|field| field.0)));
        }
        Ok(Self { part, values })
    }

    /// The values as they are sent.
    pub(super) fn cells(&self) -> Vec<Cell<'_>> {
        self.values.iter().map(Value::cell).collect()
    }

    /// The camera that it hangs on, or the key.
    pub(super) fn owner(&self) -> String {
        match self.part {
            Part::Config => self.shown(0),
            Part::Cameras | Part::Components | Part::Lines | Part::Polygons => self.shown(1),
        }
    }

    /// What it is called in its table, for people.
    pub(super) fn name(&self) -> String {
        self.shown(self.part.named_by())
    }

    /// What no two rows of its table share: the uuid, or the key.
    pub(super) fn key(&self) -> Vec<u8> {
        match self.values.first() {
            Some(Value::Fixed(bytes)) => bytes.clone(),
            Some(Value::Text(text)) => text.clone().into_bytes(),
            Some(Value::Null | Value::Json(_) | Value::Int(_) | Value::Moment(_)) | None => Vec::new(),
        }
    }

    /// The uuid that it gets where its own is taken.
    pub(super) fn next_id(&self) -> Value {
        let spelled: String = self.key().into_iter().map(|byte| format!("{byte:02x}")).collect();
        Value::uuid(self.part, &["next", &spelled, "of", &self.owner()])
    }

    fn shown(&self, at: usize) -> String {
        match self.values.get(at) {
            Some(Value::Text(text)) => text.clone(),
            Some(Value::Int(number)) => number.to_string(),
            Some(Value::Null | Value::Json(_) | Value::Moment(_) | Value::Fixed(_)) | None => String::new(),
        }
    }

    /// Of its content and its table.
    pub(super) fn digest(&self) -> RowDigest {
        let mut cells = vec![Cell::Text(self.part.name())];
        cells.extend(self.values.iter().map(Value::cell));
        cell::digest(&cells)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_of_its_version_and_of_nothing_else() {
        let Value::Fixed(uuid) = Value::uuid(Part::Cameras, &["gate"]) else { panic!() };
        assert_eq!((uuid.len(), uuid[6] >> 4, uuid[8] >> 6), (16, 8, 2));
        assert_eq!(Value::uuid(Part::Cameras, &["gate"]), Value::Fixed(uuid));
        assert_ne!(Value::uuid(Part::Cameras, &["a", "bc"]), Value::uuid(Part::Cameras, &["ab", "c"]));
        assert_ne!(Value::uuid(Part::Cameras, &["a"]), Value::uuid(Part::Lines, &["a"]));
    }
}

//! A key of the old configuration and its value.

use super::camera::{as_text, moment};
use super::rows::{Part, Row, Value};
use super::view::Json;
use crate::transfer::cell::{self, Kind, Origin, Reason};
use crate::transfer::json;

/// A row of `config`, or which of its columns PostgreSQL cannot hold.
pub(super) fn read(
    row: &rusqlite::Row<'_>,
    origin: &Origin,
) -> rusqlite::Result<Result<Row, (Reason, &'static str)>> {
    let (key, value, at) = (row.get_ref(1)?, row.get_ref(2)?, row.get_ref(3)?);
    let read = || {
        let key = as_text(cell::convert(Kind::Text, key, &[], origin).map_err(|reason| (reason, "key"))?);
        let value = cell::text(value).map_err(|reason| (reason, "value"))?;
        let moment = moment(at, origin).map_err(|reason| (reason, "updated_at"))?;
        let values = vec![
            Value::text(key),
            Value::text(value),
            Value::text(value_type(value)),
            Value::text("transfer"),
            Value::Text(format!("transferred from source {}", origin.number)),
            Value::Moment(moment),
            Value::Moment(moment),
        ];
        Ok(Row { part: Part::Config, values })
    };
    Ok(read())
}

/// What a value looks like. One that is no JSON, or that `jsonb` refuses, is text as it stands.
fn value_type(value: &str) -> &'static str {
    if json::check(value).is_err() {
        return "string";
    }
    let view = Json::of(value);
    if view.boolean().is_some() {
        "bool"
    } else if view.text().parse::<i64>().is_ok() {
        "int"
    } else if view.is_number() {
        "float"
    } else {
        "json"
    }
}

#[cfg(test)]
mod tests {
    use super::value_type;

    #[test]
    fn a_value_has_the_type_that_it_looks_like() {
        for (value, expected) in [
            ("", "string"),
            ("Werk Süd", "string"),
            ("\"quoted\"", "json"),
            ("\"\\u0000\"", "string"),
            ("{\"a\": 1}", "json"),
            ("[]", "json"),
            ("null", "json"),
            ("true", "bool"),
            (" false\n", "bool"),
            ("8090", "int"),
            ("-1", "int"),
            ("+1", "string"),
            ("007", "string"),
            ("0.5", "float"),
            ("1e2", "float"),
            ("99999999999999999999", "float"),
            ("1e999999", "string"),
        ] {
            assert_eq!(value_type(value), expected, "{value:?}");
        }
    }
}

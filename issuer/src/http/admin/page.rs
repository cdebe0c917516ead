//! Lists, page by page. A cursor says behind what the next page begins. It is opaque to its holder and means nothing but a
//! place: whoever makes one up begins somewhere else in what they may see anyway, so it is not signed.

use super::failure::Failure;
use brink_license::b64;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::borrow::Cow;
use utoipa::openapi::schema::{Array, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

/// Rows of a page unless said otherwise.
const ROWS_DEFAULT: u32 = 50;
/// Rows of a page at most: what one answer holds in memory.
pub(super) const ROWS_MAX: u32 = 200;
/// Longest cursor: two ids and a few numbers.
const CURSOR_BYTES_MAX: usize = 2048;
/// What a cursor of today begins with; another one is of another version.
const VERSION: &str = "1.";

/// A page of a list.
#[derive(Debug, Serialize)]
pub(super) struct Page<T> {
    /// The rows.
    items: Vec<T>,
    /// What to send as `cursor` for the next page; `null` where this is the last one.
    next: Option<String>,
}

/// By hand, because each kind of page needs a name of its own, which the derived one lacks.
impl<T: ToSchema> PartialSchema for Page<T> {
    fn schema() -> RefOr<Schema> {
        let items = Array::new(Ref::from_schema_name(T::name()));
        let next =
            ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::String, Type::Null])).description(
                Some("What to send as `cursor` for the next page; null where this is the last one."),
            );
        ObjectBuilder::new()
            .description(Some("A page of a list."))
            .property("items", items)
            .required("items")
            .property("next", next)
            .required("next")
            .into()
    }
}

impl<T: ToSchema> ToSchema for Page<T> {
    fn name() -> Cow<'static, str> {
        Cow::Owned(format!("{}Page", T::name()))
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(schemas);
    }
}

/// Which page.
#[derive(Debug)]
pub(super) struct Asked<Place> {
    /// Behind this place.
    pub(super) after: Option<Place>,
    rows: usize,
}

impl<Place: Serialize + DeserializeOwned> Asked<Place> {
    /// From the two parameters that every list takes.
    pub(super) fn read(limit: Option<u32>, cursor: Option<&str>) -> Result<Self, Failure> {
        let limit = limit.unwrap_or(ROWS_DEFAULT);
        if !(1..=ROWS_MAX).contains(&limit) {
            let detail = format!("limit {limit} is out of bounds: 1 to {ROWS_MAX}");
            return Err(Failure::malformed("OUT_OF_BOUNDS", detail));
        }
        let after = cursor.map(|text| read(text).ok_or_else(bad_cursor)).transpose()?;
        Ok(Self { after, rows: usize::try_from(limit).unwrap_or(1) })
    }

    /// How many rows to read: one more than are shown says whether there is another page.
    pub(super) fn limit(&self) -> u32 {
        self.rows().saturating_add(1)
    }

    /// Rows that are shown at most.
    pub(super) fn rows(&self) -> u32 {
        u32::try_from(self.rows).unwrap_or(ROWS_MAX)
    }

    /// The page of what was read page by page already.
    pub(super) fn read_already<T>(items: Vec<T>, next: Option<&Place>) -> Result<Page<T>, Failure> {
        Ok(Page { items, next: next.map(written).transpose()? })
    }

    /// The page of these rows.
    pub(super) fn page<Row, T>(
        &self,
        mut rows: Vec<Row>,
        place: impl Fn(&Row) -> Place,
        shown: impl FnMut(Row) -> T,
    ) -> Result<Page<T>, Failure> {
        let has_more = rows.len() > self.rows;
        rows.truncate(self.rows);
        let next = rows.last().filter(|_| has_more).map(place).map(|place| written(&place)).transpose()?;
        Ok(Page { items: rows.into_iter().map(shown).collect(), next })
    }
}

fn written(place: &impl Serialize) -> Result<String, Failure> {
    let json = serde_json::to_string(place).map_err(|_| Failure::internal())?;
    Ok(b64::encode(format!("{VERSION}{json}").as_bytes()))
}

fn read<Place: DeserializeOwned>(text: &str) -> Option<Place> {
    if text.len() > CURSOR_BYTES_MAX {
        return None;
    }
    let bytes = b64::decode(text.as_bytes())?;
    serde_json::from_slice(bytes.strip_prefix(VERSION.as_bytes())?).ok()
}

fn bad_cursor() -> Failure {
    Failure::invalid("BAD_CURSOR", "this is no cursor of this list; take `next` of the page before as it is")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_behind_its_row_and_nothing_else_is_one() {
        let asked = Asked::<(i64, String)>::read(Some(2), None).unwrap();
        assert_eq!(asked.limit(), 3);
        let rows = |count: i64| (0..count).map(|at| (at, "ä/\u{1F600}".to_owned())).collect::<Vec<_>>();
        let page = asked.page(rows(3), Clone::clone, |row| row.0).unwrap();
        assert_eq!(page.items, [0, 1]);
        let next = page.next.unwrap();
        let asked = Asked::<(i64, String)>::read(None, Some(&next)).unwrap();
        assert_eq!(asked.after, Some((1, "ä/\u{1F600}".to_owned())));
        assert_eq!(asked.page(rows(2), Clone::clone, |row| row.0).unwrap().next, None);
        let other = b64::encode(b"2.[1,\"a\"]");
        let wrong = b64::encode(b"1.{\"a\":1}");
        for text in ["", "1", "!", &next[1..], &format!("{next}="), &other, &wrong, &"A".repeat(5000)] {
            assert!(Asked::<(i64, String)>::read(None, Some(text)).is_err(), "{text}");
        }
        for limit in [0, 201, u32::MAX] {
            assert!(Asked::<i64>::read(Some(limit), None).is_err());
        }
    }
}

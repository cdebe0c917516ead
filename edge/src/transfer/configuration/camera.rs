//! A camera's JSON, unpacked: the camera, what it is made of, and its zones.

use super::rows::{Part, Row, Value};
use super::view::{Json, Members};
use super::zones::{self, Fault, Found, Zone};
use crate::transfer::cell::{self, Cell, Kind, Origin, Reason};
use rusqlite::types::ValueRef;

/// A row of `camera_config` whose columns PostgreSQL can hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written<'r> {
    /// The camera's id.
    pub(super) id: &'r str,
    /// The camera.
    pub(super) config: &'r str,
    /// In microseconds since 2000.
    pub(super) moment: i64,
}

/// What became of it.
#[derive(Debug)]
pub(super) struct Unpacked {
    /// The camera.
    pub(super) camera: Row,
    /// Source, processors, sinks.
    pub(super) components: Vec<Row>,
    /// In their order.
    pub(super) zones: Vec<Zone>,
    /// Zones that are none.
    pub(super) faults: Vec<Fault>,
}

/// Unpacks it, or says what a camera must have and this has not, and where.
pub(super) fn unpack(written: Written<'_>, origin: &Origin) -> Result<Unpacked, (Reason, &'static str)> {
    let whole = Json::of(written.config);
    if !whole.is_object() {
        return Err((Reason::Missing("no_object"), "config"));
    }
    let url = url(whole).ok_or((Reason::Missing("no_url"), "config.source.url"))?;
    let tenant = tenant(whole, origin)?;
    let (components, unread) = components(written, whole);
    let mut found = Found::default();
    let camera = zones::Camera { id: written.id, moment: written.moment, source: origin.number };
    let processors = whole.member("processors").and_then(Json::items).unwrap_or_default();
    for (index, processor) in processors.into_iter().enumerate() {
        found.add(camera, index, processor);
    }
    let mut metadata = Members::of_source(origin.number);
    if let Some(other) = whole.member("id").filter(|id| id.string().as_deref() != Some(written.id)) {
        metadata = metadata.with("id", other.text());
    }
    let name = whole.member("name").and_then(Json::word);
    if name.is_none() {
        metadata = metadata.with("name_missing", "true");
    }
    if !unread.is_empty() {
        metadata = metadata.with("unread", &serde_json::to_string(&unread).unwrap_or_default());
    }
    let values = vec![
        Value::uuid(Part::Cameras, &[written.id]),
        Value::text(written.id),
        tenant.map_or(Value::Null, Value::Text),
        Value::Text(name.unwrap_or_else(|| written.id.to_owned())),
        Value::Text(url),
        Value::text("stopped"),
        Value::json(written.config),
        Value::Json(metadata.finish()),
        Value::boolean(is_enabled(whole)),
        Value::Moment(written.moment),
        Value::Moment(written.moment),
    ];
    let camera = Row { part: Part::Cameras, values };
    Ok(Unpacked { camera, components, zones: found.zones, faults: found.faults })
}

/// Unpacks any text that PostgreSQL can hold; how many rows and faults it makes, and `None` of any other text.
pub(in crate::transfer) fn probe(text: &str) -> Option<[usize; 2]> {
    crate::transfer::json::check(text).ok()?;
    let origin = Origin { number: 1, tenant: None };
    Some(match unpack(Written { id: "probe", config: text, moment: 0 }, &origin) {
        Ok(unpacked) => [1 + unpacked.components.len() + unpacked.zones.len(), unpacked.faults.len()],
        Err(_) => [0, 1],
    })
}

fn is_enabled(of: Json<'_>) -> bool {
    of.member("enabled").and_then(Json::boolean).unwrap_or(true)
}

/// Where its pictures come from: an address, or a file.
fn url(whole: Json<'_>) -> Option<String> {
    let text = |of: Json<'_>, names: &[&str]| {
        names.iter().filter_map(|name| of.member(name)?.string()).find(|url| !url.is_empty())
    };
    let source = whole.member("source");
    source
        .and_then(|source| text(source, &["url", "uri", "path"]))
        .or_else(|| source.and_then(Json::string).filter(|url| !url.is_empty()))
        .or_else(|| text(whole, &["url", "uri"]))
}

/// The camera's own, or that of the transfer.
fn tenant(whole: Json<'_>, origin: &Origin) -> Result<Option<String>, (Reason, &'static str)> {
    let Some(own) = whole.member("tenant_id").and_then(Json::word) else { return Ok(origin.tenant.clone()) };
    cell::convert(Kind::Text, ValueRef::Text(own.as_bytes()), &[], origin)
        .map_err(|reason| (reason, "config.tenant_id"))?;
    Ok(Some(own))
}

/// One row for the source, for each processor and for each sink, numbered across all of them; and which of the lists are none.
fn components(written: Written<'_>, whole: Json<'_>) -> (Vec<Row>, Vec<&'static str>) {
    let mut rows = Vec::new();
    let mut unread = Vec::new();
    if let Some(source) = whole.member("source") {
        rows.push(component(written, "source", source, 0));
    }
    for (list, kind) in [("processors", "processor"), ("sinks", "sink")] {
        let Some(member) = whole.member(list) else { continue };
        let Some(items) = member.items() else {
            unread.push(list);
            continue;
        };
        for item in items {
            rows.push(component(written, kind, item, rows.len()));
        }
    }
    (rows, unread)
}

fn component(written: Written<'_>, kind: &'static str, item: Json<'_>, order: usize) -> Row {
    let subtype = item.member("type").and_then(Json::word).unwrap_or_else(|| "unknown".to_owned());
    let values = vec![
        Value::uuid(Part::Components, &[written.id, &order.to_string()]),
        Value::text(written.id),
        Value::text(kind),
        Value::Text(subtype),
        Value::json(item.text()),
        Value::Int(i32::try_from(order).unwrap_or(i32::MAX)),
        Value::boolean(is_enabled(item)),
        Value::Moment(written.moment),
        Value::Moment(written.moment),
    ];
    Row { part: Part::Components, values }
}

/// A row's columns, or which of them PostgreSQL cannot hold.
pub(super) fn columns<'r>(
    row: &'r rusqlite::Row<'_>,
    origin: &'r Origin,
) -> rusqlite::Result<Result<Written<'r>, (Reason, &'static str)>> {
    let (id, config, at) = (row.get_ref(1)?, row.get_ref(2)?, row.get_ref(3)?);
    let read = || {
        let id =
            as_text(cell::convert(Kind::Camera, id, &[], origin).map_err(|reason| (reason, "camera_id"))?);
        let config =
            as_text(cell::convert(Kind::Json, config, &[], origin).map_err(|reason| (reason, "config"))?);
        let moment = moment(at, origin).map_err(|reason| (reason, "updated_at"))?;
        Ok(Written { id, config, moment })
    };
    Ok(read())
}

/// What a cell of text or JSON holds.
pub(super) const fn as_text(cell: Cell<'_>) -> &str {
    match cell {
        Cell::Text(text) | Cell::Json(text) => text,
        Cell::Null | Cell::Big(_) | Cell::Int(_) | Cell::Bytes(_) | Cell::Moment(_) => "",
    }
}

/// Seconds since 1970, in microseconds since 2000.
pub(super) fn moment(value: ValueRef<'_>, origin: &Origin) -> Result<i64, Reason> {
    let value = match value {
        ValueRef::Integer(seconds) => ValueRef::Integer(seconds.checked_mul(1000).ok_or(Reason::Moment)?),
        ValueRef::Null => return Err(Reason::Null),
        other @ (ValueRef::Real(_) | ValueRef::Text(_) | ValueRef::Blob(_)) => other,
    };
    match cell::convert(Kind::Created(0), value, &[], origin)? {
        Cell::Moment(moment) => Ok(moment),
        Cell::Null | Cell::Big(_) | Cell::Int(_) | Cell::Text(_) | Cell::Json(_) | Cell::Bytes(_) => {
            Err(Reason::StorageClass)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin() -> Origin {
        Origin { number: 3, tenant: Some("tenant-123".to_owned()) }
    }

    fn unpacked(config: &str) -> Result<Unpacked, (Reason, &'static str)> {
        unpack(Written { id: "gate", config, moment: 7 }, &origin())
    }

    fn shown(row: &Row, column: &str) -> String {
        let at = row.part.columns().iter().position(|(name, _)| *name == column).unwrap();
        match &row.values[at] {
            Value::Text(text) | Value::Json(text) => text.clone(),
            Value::Int(number) => number.to_string(),
            Value::Fixed(bytes) => format!("{bytes:?}"),
            other @ (Value::Null | Value::Moment(_)) => format!("{other:?}"),
        }
    }

    #[test]
    fn what_a_camera_is_made_of_keeps_every_digit() {
        let config = r#" {"id": "gate", "name": 12.10, "tenant_id": 7, "enabled": false,
            "source": {"type": "rtsp", "url": "", "uri": "rtsp://gate", "gain": 0.1000},
            "processors": [{"type": "tracking", "big": 123456789012345678901234567890}, null],
            "sinks": [{"type": "file", "enabled": false, "config": {"rate": 1e400}}]} "#;
        let found = unpacked(config).unwrap();
        let camera = &found.camera;
        assert_eq!(camera.values.len(), camera.part.columns().len());
        assert_eq!(shown(camera, "pipeline_config"), config);
        assert_eq!((shown(camera, "name"), shown(camera, "tenant_id")), ("12.10".to_owned(), "7".to_owned()));
        assert_eq!(
            (shown(camera, "url"), shown(camera, "is_active")),
            ("rtsp://gate".to_owned(), "[0]".to_owned())
        );
        assert_eq!(shown(camera, "metadata"), r#"{"transfer": 3}"#);
        let of = |column| found.components.iter().map(|row| shown(row, column)).collect::<Vec<_>>();
        assert_eq!(of("component_type"), ["source", "processor", "processor", "sink"]);
        assert_eq!(of("component_subtype"), ["rtsp", "tracking", "unknown", "file"]);
        assert_eq!(of("execution_order"), ["0", "1", "2", "3"]);
        assert_eq!(of("is_enabled"), ["[1]", "[1]", "[1]", "[0]"]);
        assert_eq!(
            of("component_config")[1],
            r#"{"type": "tracking", "big": 123456789012345678901234567890}"#
        );
        assert_eq!(
            of("component_config")[3],
            r#"{"type": "file", "enabled": false, "config": {"rate": 1e400}}"#
        );
    }

    #[test]
    fn what_is_missing_is_said_beside_it() {
        let found =
            unpacked(r#"{"id": 5.0, "name": "", "url": "file:a", "processors": {}, "sinks": null}"#).unwrap();
        assert_eq!(
            shown(&found.camera, "metadata"),
            r#"{"transfer": 3, "id": 5.0, "name_missing": true, "unread": ["processors"]}"#
        );
        assert_eq!(
            (shown(&found.camera, "name"), shown(&found.camera, "tenant_id")),
            ("gate".into(), "tenant-123".into())
        );
        assert_eq!(found.components.len(), 0);
    }

    #[test]
    fn without_an_address_there_is_no_camera() {
        for config in [
            r#"{}"#,
            r#"{"source": {"url": 5}}"#,
            r#"{"source": {"url": ""}, "url": null}"#,
            r#"{"source": []}"#,
        ] {
            assert_eq!(unpacked(config).unwrap_err().0, Reason::Missing("no_url"), "{config}");
        }
        assert_eq!(unpacked("[]").unwrap_err().0, Reason::Missing("no_object"));
        let long = format!(r#"{{"url": "u", "tenant_id": "{}"}}"#, "x".repeat(3000));
        assert_eq!(unpacked(&long).unwrap_err(), (Reason::Long, "config.tenant_id"));
        assert_eq!(shown(&unpacked(r#"{"source": "rtsp://a"}"#).unwrap().camera, "url"), "rtsp://a");
    }

    #[test]
    fn seconds_become_moments() {
        let origin = origin();
        assert_eq!(moment(ValueRef::Integer(946_684_801), &origin), Ok(1_000_000));
        for (value, reason) in [
            (ValueRef::Integer(i64::MAX), Reason::Moment),
            (ValueRef::Integer(9_224_318_016_000), Reason::Moment),
            (ValueRef::Null, Reason::Null),
            (ValueRef::Text(b"1"), Reason::StorageClass),
            (ValueRef::Real(1.0), Reason::StorageClass),
        ] {
            assert_eq!(moment(value, &origin), Err(reason), "{value:?}");
        }
    }
}

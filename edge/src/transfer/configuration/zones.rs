//! Lines and areas out of a camera's processors, in each shape in which they were written.
//!
//! A zone has no id that is sure to be the only one: what it asks for is kept, and [`Zone::row`] is given what it gets.

use super::rows::{Part, Row, Value};
use super::view::{Json, Members, quoted};
use crate::transfer::cell::Reason;

/// Bytes of an id or a type, which are in indexes: a longer id is replaced, with room for the camera's before it.
pub(super) const WORD_BYTES_MAX: usize = 2000;
/// Corners without which there is nothing inside.
const CORNERS_MIN: usize = 3;
const DIRECTIONS: [&str; 5] = ["both", "up", "down", "left", "right"];
/// What 001's tables have where nothing is said.
const TRIGGER_DISTANCE: i32 = 50;
const TRIGGER_THRESHOLD: i32 = 1;
const ZONE_TYPE: &str = "occupancy";

/// What all zones of a camera share.
#[derive(Clone, Copy, Debug)]
pub(super) struct Camera<'c> {
    /// Its id.
    pub(super) id: &'c str,
    /// When it was last written, in microseconds since 2000.
    pub(super) moment: i64,
    /// The source's number.
    pub(super) source: i32,
}

/// A zone but for its id.
#[derive(Clone, Debug)]
pub(super) struct Zone {
    /// Lines or polygons.
    pub(super) part: Part,
    /// The id that it asks for.
    pub(super) wanted: String,
    camera: String,
    moment: i64,
    /// From the name to `is_active`.
    values: Vec<Value>,
    metadata: Members,
}

impl Zone {
    /// The row, with the id that is left for it.
    pub(super) fn row(&self, id: &str) -> Row {
        let mut metadata = self.metadata.clone();
        if id != self.wanted {
            metadata = metadata.with("zone_id", &quoted(&self.wanted));
        }
        let mut values = vec![Value::uuid(self.part, &[id]), Value::text(&self.camera), Value::text(id)];
        values.extend(self.values.iter().cloned());
        values.extend([
            Value::Json(metadata.finish()),
            Value::Moment(self.moment),
            Value::Moment(self.moment),
        ]);
        Row { part: self.part, values }
    }

    /// The camera that it hangs on.
    pub(super) fn camera(&self) -> &str {
        &self.camera
    }
}

/// A zone that is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// Lines or polygons.
    pub(super) part: Part,
    /// Which of the camera's zones in this table, from 1 on.
    pub(super) number: i32,
    /// Why.
    pub(super) reason: Reason,
    /// Where in the camera: `processors[2].config.zones[0]`.
    pub(super) place: String,
}

/// What is in a camera's processors.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// In their order.
    pub(super) zones: Vec<Zone>,
    /// In their order.
    pub(super) faults: Vec<Fault>,
    lines: i32,
    polygons: i32,
}

/// A zone where it stands.
struct Place<'p> {
    zone: Json<'p>,
    path: String,
    /// The id where it names none.
    id: String,
}

impl Found {
    /// Adds those of one processor.
    pub(super) fn add(&mut self, camera: Camera<'_>, index: usize, processor: Json<'_>) {
        let kind = processor.member("type").and_then(Json::string).unwrap_or_default().to_ascii_lowercase();
        let part = if kind.contains("line_zone") {
            Part::Lines
        } else if kind.contains("polygon_zone") {
            Part::Polygons
        } else {
            return;
        };
        let inner = processor.member("config").and_then(|config| config.member("zones"));
        let lists = [(".config", inner), ("", processor.member("zones"))];
        let mut count = 0;
        for (prefix, list) in lists {
            let Some(list) = list else { continue };
            let path = format!("processors[{index}]{prefix}.zones");
            let Some(zones) = list.items() else {
                self.fault(part, Reason::Missing("zone_incomplete"), path);
                continue;
            };
            for (at, zone) in zones.into_iter().enumerate() {
                let id = format!("{}/{index}/{count}", camera.id);
                self.one(camera, part, &Place { zone, path: format!("{path}[{at}]"), id });
                count += 1;
            }
        }
    }

    fn one(&mut self, camera: Camera<'_>, part: Part, place: &Place<'_>) {
        match read(camera, part, place) {
            Ok(zone) => {
                *self.counter(part) += 1;
                self.zones.push(zone);
            }
            Err((reason, member)) => self.fault(part, reason, format!("{}{member}", place.path)),
        }
    }

    fn fault(&mut self, part: Part, reason: Reason, place: String) {
        let number = self.counter(part);
        *number += 1;
        let number = *number;
        self.faults.push(Fault { part, number, reason, place });
    }

    const fn counter(&mut self, part: Part) -> &mut i32 {
        match part {
            Part::Lines => &mut self.lines,
            Part::Config | Part::Cameras | Part::Components | Part::Polygons => &mut self.polygons,
        }
    }
}

fn read(camera: Camera<'_>, part: Part, place: &Place<'_>) -> Result<Zone, (Reason, &'static str)> {
    let zone = place.zone;
    let mut metadata = Members::of_source(camera.source);
    let wanted = zone.any(&["id", "zone_id"]).and_then(Json::word).unwrap_or_else(|| place.id.clone());
    let name = zone.member("name").and_then(Json::word).unwrap_or_else(|| {
        metadata = metadata.clone().with("name_missing", "true");
        wanted.clone()
    });
    let mut values = vec![Value::Text(name)];
    let shape = match part {
        Part::Lines => {
            let (direction, unknown) = direction(zone);
            if let Some(unknown) = unknown {
                metadata = metadata.with("direction", unknown.text());
            }
            line(zone, direction)
        }
        Part::Config | Part::Cameras | Part::Components | Part::Polygons => polygon(zone)?,
    };
    values.extend(shape.ok_or((Reason::Missing("zone_incomplete"), ""))?);
    let is_active = zone.any(&["enabled", "is_active"]).and_then(Json::boolean);
    values.push(Value::boolean(is_active.unwrap_or(true)));
    let metadata = metadata.with("zone", zone.text());
    Ok(Zone { part, wanted, camera: camera.id.to_owned(), moment: camera.moment, values, metadata })
}

/// The direction, and what stands there where nobody knows it.
fn direction(zone: Json<'_>) -> (&'static str, Option<Json<'_>>) {
    let Some(written) = zone.member("direction") else { return ("both", None) };
    let word = written.string();
    match DIRECTIONS.into_iter().find(|known| word.as_deref() == Some(*known)) {
        Some(known) => (known, None),
        None => ("both", Some(written)),
    }
}

/// From `line_start_x` to `trigger_distance`.
fn line(zone: Json<'_>, direction: &str) -> Option<Vec<Value>> {
    let end_of = |point: &str, names: [&str; 4]| {
        let number = |names: &[&str]| zone.any(names).and_then(Json::double);
        let [x, y] = match zone.member(point).and_then(coordinates) {
            Some((numbers, _)) => numbers,
            None => [number(&names[..2])?, number(&names[2..])?],
        };
        Some([Value::double(x), Value::double(y)])
    };
    let start = end_of("start", ["start_x", "line_start_x", "start_y", "line_start_y"])?;
    let end = end_of("end", ["end_x", "line_end_x", "end_y", "line_end_y"])?;
    let mut values: Vec<_> = start.into_iter().chain(end).collect();
    let distance = zone.member("trigger_distance").and_then(Json::int).unwrap_or(TRIGGER_DISTANCE);
    values.extend([Value::text(direction), classes(zone), Value::Int(distance)]);
    Some(values)
}

/// From `polygon_points` to `dwell_time_seconds`; `None` without corners.
fn polygon(zone: Json<'_>) -> Result<Option<Vec<Value>>, (Reason, &'static str)> {
    let kind = zone.any(&["zone_type", "type"]).and_then(Json::word).unwrap_or_else(|| ZONE_TYPE.to_owned());
    if kind.len() > WORD_BYTES_MAX {
        return Err((Reason::Long, ".type"));
    }
    let corners =
        zone.any(&["polygon", "points", "polygon_points"]).and_then(Json::items).unwrap_or_default();
    let points: Option<Vec<_>> = corners
        .iter()
        .map(|corner| coordinates(*corner).map(|(_, [x, y])| format!("{{\"x\": {x}, \"y\": {y}}}")))
        .collect();
    let Some(points) = points.filter(|points| points.len() >= CORNERS_MIN) else { return Ok(None) };
    let int = |name| zone.member(name).and_then(Json::int);
    Ok(Some(vec![
        Value::Json(format!("[{}]", points.join(", "))),
        Value::Text(kind),
        classes(zone),
        Value::Int(int("trigger_threshold").unwrap_or(TRIGGER_THRESHOLD)),
        int("dwell_time_seconds").map_or(Value::Null, Value::Int),
    ]))
}

fn classes(zone: Json<'_>) -> Value {
    let written = zone.any(&["enabled_classes", "classes"]).filter(|classes| classes.items().is_some());
    Value::json(written.map_or("[]", Json::text))
}

/// `{"x": 1, "y": 2}` or `[1, 2]`: as numbers, and as they were written.
fn coordinates(point: Json<'_>) -> Option<([f64; 2], [&str; 2])> {
    let (x, y) = match point.items() {
        Some(items) => match items[..] {
            [x, y] => (x, y),
            _ => return None,
        },
        None => (point.member("x")?, point.member("y")?),
    };
    Some(([x.double()?, y.double()?], [x.text(), y.text()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAMERA: Camera<'_> = Camera { id: "gate", moment: 7, source: 1 };

    fn found(processor: &str) -> Found {
        let mut found = Found::default();
        found.add(CAMERA, 2, Json::of(processor));
        found
    }

    fn value(row: &Row, column: &str) -> Value {
        let at = row.part.columns().iter().position(|(name, _)| *name == column).unwrap();
        row.values[at].clone()
    }

    #[test]
    fn a_line_is_read_in_each_shape() {
        let shapes = [
            r#"{"start": {"x": 0.1, "y": 2}, "end": {"x": 3e9, "y": -4.25}}"#,
            r#"{"start": [0.1, 2], "end": [3e9, -4.25]}"#,
            r#"{"start_x": 0.1, "start_y": 2, "end_x": 3e9, "end_y": -4.25}"#,
            r#"{"line_start_x": 0.1, "line_start_y": 2, "line_end_x": 3e9, "line_end_y": -4.25}"#,
        ];
        for (shape, nested) in shapes.iter().flat_map(|shape| [(shape, true), (shape, false)]) {
            let zones = format!(r#""zones": [{shape}]"#);
            let zones = if nested { format!(r#""config": {{{zones}}}"#) } else { zones };
            let found = found(&format!(r#"{{"type": "line_zone_manager", {zones}}}"#));
            assert_eq!((found.zones.len(), found.faults.len()), (1, 0), "{shape}");
            let row = found.zones[0].row(&found.zones[0].wanted);
            assert_eq!(row.values.len(), row.part.columns().len());
            assert_eq!(value(&row, "zone_id"), Value::text("gate/2/0"));
            for (column, number) in
                [("line_start_x", 0.1), ("line_start_y", 2.0), ("line_end_x", 3e9), ("line_end_y", -4.25)]
            {
                assert_eq!(value(&row, column), Value::double(number), "{shape} {column}");
            }
            let metadata = format!(r#"{{"transfer": 1, "name_missing": true, "zone": {shape}}}"#);
            assert_eq!(value(&row, "metadata"), Value::Json(metadata));
        }
    }

    #[test]
    fn corners_keep_their_digits() {
        let found = found(
            r#"{"type": "polygon_zone", "zones": [
                {"id": 5, "name": "Area", "points": [[0.10, 1e1], {"x": 12345678901234567890.5, "y": -0}, [3, 4]], "type": "heatmap",
                 "dwell_time_seconds": 30, "classes": ["a"], "enabled": false}]}"#,
        );
        let row = found.zones[0].row("5");
        let points = r#"[{"x": 0.10, "y": 1e1}, {"x": 12345678901234567890.5, "y": -0}, {"x": 3, "y": 4}]"#;
        assert_eq!(value(&row, "polygon_points"), Value::json(points));
        assert_eq!(value(&row, "zone_type"), Value::text("heatmap"));
        assert_eq!(value(&row, "enabled_classes"), Value::json(r#"["a"]"#));
        assert_eq!(value(&row, "dwell_time_seconds"), Value::Int(30));
        assert_eq!(value(&row, "is_active"), Value::boolean(false));
        assert_eq!(row.values.len(), row.part.columns().len());
    }

    #[test]
    fn a_zone_without_coordinates_leaves_the_others() {
        let processor = r#"{"type": "polygon_zones", "config": {"zones": [
            {"polygon": []}, {"polygon": [[0, 0], [1, 1]]}, {"polygon": [[0, 0], [1, "1"], [2, 2]]}, 7,
            {"polygon": [[0, 0], [1e999, 1], [2, 2]]}, {"id": "kept", "polygon": [[0, 0], [1, 1], [2, 2]]}]}, "zones": "none"}"#;
        let found = found(&processor.replace("polygon_zones", "polygon_zone_manager"));
        let faults: Vec<_> = found.faults.iter().map(|fault| (fault.number, fault.place.as_str())).collect();
        assert_eq!(
            faults,
            [
                (1, "processors[2].config.zones[0]"),
                (2, "processors[2].config.zones[1]"),
                (3, "processors[2].config.zones[2]"),
                (4, "processors[2].config.zones[3]"),
                (5, "processors[2].config.zones[4]"),
                (7, "processors[2].zones"),
            ]
        );
        assert_eq!(found.zones[0].wanted, "kept");
    }

    #[test]
    fn a_direction_that_nobody_knows_is_kept_beside() {
        for (written, direction, kept) in [
            (r#""left""#, "left", ""),
            (r#""sideways""#, "both", r#", "direction": "sideways""#),
            ("5.10", "both", r#", "direction": 5.10"#),
            ("null", "both", ""),
        ] {
            let zone = format!(r#"{{"name": "n", "start": [0, 0], "end": [1, 1], "direction": {written}}}"#);
            let found = found(&format!(r#"{{"type": "LINE_ZONE", "zones": [{zone}]}}"#));
            let row = found.zones[0].row("other");
            assert_eq!(value(&row, "direction"), Value::text(direction));
            let metadata = format!(r#"{{"transfer": 1{kept}, "zone": {zone}, "zone_id": "gate/2/0"}}"#);
            assert_eq!(value(&row, "metadata"), Value::Json(metadata));
        }
    }
}

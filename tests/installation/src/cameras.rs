//! Cameras as the configuration holds them: see the crate's documentation for their shape.

use fastrand::Rng;
use serde_json::{Value, json};

/// Characters of names of places, some of which are awkward in the names of files.
const PLACES: [&str; 8] = ["entrance", "dock", "parking", "hall", "gate", "lobby", "yard", "corridor"];

/// The id of the ordinary camera of that number.
pub(crate) fn id(rng: &mut Rng, number: u32) -> String {
    match number % 3 {
        0 => format!("cam_{number:04}"),
        1 => format!("{}-{number}", PLACES[rng.usize(..PLACES.len())]),
        _ => format!("{:08x}-{:04x}-4000-8000-{number:012x}", rng.u32(..), rng.u16(..)),
    }
}

/// A whole camera; every third has zones as older versions wrote them.
pub(crate) fn complete(rng: &mut Rng, id: &str, number: u32) -> Value {
    let mut processors = vec![json!({
        "id": "detector", "type": "object_detection", "enabled": true,
        "config": {"model": "yolov8n", "confidence_threshold": 0.45, "classes": ["person", "car", "truck"]}
    })];
    if number % 3 == 2 {
        processors.push(older_lines(id));
        processors.push(older_polygons(id));
    } else {
        processors.push(json!({"id": "tracker", "type": "tracking", "config": {"max_age": 30}}));
        processors.push(lines(rng, id));
        processors.push(polygons(rng, id));
    }
    let mut camera = json!({
        "id": id, "name": format!("Camera {number} – {}", PLACES[rng.usize(..PLACES.len())]),
        "enabled": !number.is_multiple_of(5),
        "source": source(rng, number),
        "processors": processors,
        "sinks": [
            {"id": "db", "type": "database", "config": {
                "store_thumbnails": true, "thumbnail_width": 320, "thumbnail_height": 180,
                "retention_days": 30, "store_detection_events": true, "store_tracking_events": number.is_multiple_of(2),
                "store_counting_events": true}},
            {"id": "file", "type": "file", "config": {"path": "/var/lib/tapi/recordings", "fps": 12.5}}
        ]
    });
    if number.is_multiple_of(4) {
        camera["tenant_id"] = json!("tenant-123");
    }
    camera
}

fn source(rng: &mut Rng, number: u32) -> Value {
    match number % 4 {
        3 => json!({"type": "file", "url": "file:///srv/clips/loop.mp4", "loop": true}),
        _ => {
            let host = format!("192.0.2.{}", rng.u8(1..));
            json!({"type": "rtsp", "url": format!("rtsp://{host}:554/stream{number}"), "width": 1920, "height": 1080,
                   "fps": 25, "use_hw_accel": false})
        }
    }
}

fn lines(rng: &mut Rng, id: &str) -> Value {
    let line = |rng: &mut Rng, at: u8, direction: &str| {
        let (x, y) = (f64::from(rng.u32(..3840)) / 2.0, f64::from(rng.u32(..2160)) / 2.0);
        json!({"id": format!("{id}-line-{at}"), "name": format!("Line {at}"),
               "start": {"x": x, "y": y}, "end": {"x": 0.125, "y": 1079.875},
               "direction": direction, "classes": ["person", "bicycle"], "trigger_distance": 50, "enabled": true})
    };
    let zones = [line(rng, 1, "both"), line(rng, 2, "up")];
    json!({"id": "lines", "type": "line_zone_manager", "config": {"draw_zones": true, "zones": zones}})
}

fn polygons(rng: &mut Rng, id: &str) -> Value {
    let mut corner = |x: u32, y: u32| json!({"x": f64::from(x + rng.u32(..400)) / 4.0, "y": f64::from(y + rng.u32(..400)) / 4.0});
    let area = [corner(0, 0), corner(7000, 0), corner(7000, 4000), corner(0, 4000)];
    let whole = [json!({"x": 0, "y": 0}), json!({"x": 1920, "y": 0}), json!({"x": 960, "y": 1080})];
    json!({"id": "areas", "type": "polygon_zone_manager", "config": {"zones": [
        {"id": format!("{id}-area-1"), "name": "Queue", "polygon": area, "type": "dwell",
         "dwell_time_seconds": 30, "classes": [], "trigger_threshold": 2},
        {"id": format!("{id}-area-2"), "name": "Keep out", "polygon": whole, "type": "restricted"}
    ]}})
}

/// Flat coordinates, and zones that lie in the processor itself.
fn older_lines(id: &str) -> Value {
    json!({"id": "lines", "type": "line_zone_manager", "zones": [
        {"id": format!("{id}-line-1"), "name": "Gate", "start_x": 100, "start_y": 200.5, "end_x": 900, "end_y": 200.5,
         "direction": "left", "enabled_classes": ["person"]}
    ]})
}

/// Corners under another name.
fn older_polygons(id: &str) -> Value {
    json!({"id": "areas", "type": "polygon_zone_manager", "zones": [
        {"id": format!("{id}-area-1"), "name": "Ramp", "zone_type": "occupancy",
         "points": [{"x": 10, "y": 10}, {"x": 300.25, "y": 12}, {"x": 200, "y": 400}]}
    ]})
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn ids_are_apart() {
        let mut rng = Rng::with_seed(1);
        let ids: BTreeSet<_> = (0..300).map(|number| id(&mut rng, number)).collect();
        assert_eq!(ids.len(), 300);
    }

    #[test]
    fn both_shapes_are_there() {
        let mut rng = Rng::with_seed(1);
        let all: Vec<_> = (0..6).map(|n| complete(&mut rng, "c", n).to_string()).collect();
        for word in ["\"start\":{", "\"start_x\":", "\"polygon\":[", "\"points\":[", "\"tenant_id\""] {
            assert!(all.iter().any(|camera| camera.contains(word)), "{word}");
        }
    }
}

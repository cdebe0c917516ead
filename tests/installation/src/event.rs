//! Ordinary events: what cameras see all day.

use fastrand::Rng;
use std::fmt::Write as _;

/// What a detector knows; the first ones are seen most.
pub(crate) const CLASSES: [&str; 9] =
    ["person", "car", "bicycle", "truck", "bus", "motorcycle", "dog", "forklift", "Fußgänger"];
/// Detection, tracking, counting, dwelling, entering and leaving.
pub(crate) const KINDS: u8 = 6;

const LABELS: [&str; 5] = [
    r#"Zufahrt \"Süd\""#,
    r"Rampe 3\nTor B",
    r"caf\u00e9 / 東京駅 🚗",
    r"C:\\frames\\last.jpg",
    r"naïve \ud83d\ude80\t2 m",
];
const DIRECTIONS: [&str; 4] = ["up", "down", "left", "right"];

/// What is stored of one event beside its camera and its moment.
pub(crate) struct Event {
    pub(crate) kind: u8,
    pub(crate) source: &'static str,
}

const SOURCES: [&str; 6] =
    ["object_detector", "tracker", "line_zone_manager", "polygon_zone_manager", "rtsp_source", "detector-2"];

pub(crate) fn class(rng: &mut Rng) -> &'static str {
    // Squared, so that people and cars are most of it.
    let part = rng.f64();
    CLASSES[((part * part * CLASSES.len() as f64) as usize).min(CLASSES.len() - 1)]
}

/// The next event; its properties, about 80 to 200 bytes of JSON, take the place of what `properties` held.
pub(crate) fn next(rng: &mut Rng, properties: &mut String) -> Event {
    let kind = [0, 0, 0, 0, 1, 1, 1, 2, 3, 4, 5][rng.usize(..11)];
    let source = SOURCES[if rng.u8(..) < 20 { rng.usize(4..) % 6 } else { usize::from(kind.min(3)) }];
    properties.clear();
    // Writing to a String does not fail.
    let _ = match kind {
        0 => detection(rng, properties),
        1 => tracking(rng, properties),
        2 => counting(rng, properties),
        _ => zone(rng, properties),
    };
    Event { kind, source }
}

fn detection(rng: &mut Rng, to: &mut String) -> std::fmt::Result {
    let (class, track, confidence) = (class(rng), rng.u32(1..500_000), rng.u32(300..1000));
    let (x, y, width, height) = (rng.u32(..1800), rng.u32(..1000), rng.u32(10..400), rng.u32(10..600));
    write!(to, r#"{{"class_name":"{class}","track_id":{track},"confidence":0.{confidence},"#)?;
    write!(to, r#""bbox":{{"x":{x},"y":{y},"width":{width},"height":{height}}}"#)?;
    match rng.u8(..) {
        0..=9 => write!(to, r#","label":"{}"}}"#, LABELS[rng.usize(..LABELS.len())]),
        10..=29 => {
            let (hue, sure) = (rng.u32(..360), rng.u32(500..1000));
            write!(
                to,
                r#","attributes":{{"colour":{{"hue":{hue},"sure":0.{sure}}},"tags":["day",null,true]}}}}"#
            )
        }
        _ => write!(to, r#","class_id":{}}}"#, rng.u8(..80)),
    }
}

fn tracking(rng: &mut Rng, to: &mut String) -> std::fmt::Result {
    let (class, track, age) = (class(rng), rng.u32(1..500_000), rng.u32(1..900));
    let (x, y) = (rng.u32(..1920), rng.u32(..1080));
    let (dx, dy) = (rng.i32(-400..400), rng.u32(..1000));
    write!(to, r#"{{"track_id":"{track}","class_name":"{class}","age":{age},"#)?;
    write!(to, r#""center":[{x}.5,{y}],"velocity":{{"dx":{dx}e-2,"dy":0.{dy:03}}},"state":"confirmed"}}"#)
}

fn counting(rng: &mut Rng, to: &mut String) -> std::fmt::Result {
    let (class, zone, direction) = (class(rng), rng.u8(1..5), DIRECTIONS[rng.usize(..4)]);
    let (track, seen, out) = (rng.u32(1..500_000), rng.u32(..4000), rng.u32(..4000));
    write!(to, r#"{{"class_name":"{class}","zone_id":"line-{zone}","direction":"{direction}","#)?;
    write!(to, r#""track_id":{track},"counts":{{"in":{seen},"out":{out}}}}}"#)
}

fn zone(rng: &mut Rng, to: &mut String) -> std::fmt::Result {
    let (class, zone, track) = (class(rng), rng.u8(1..4), rng.u32(1..500_000));
    let (inside, dwell) = (rng.u8(..20), rng.u32(..600_000));
    write!(to, r#"{{"class_name":"{class}","zone_id":"area-{zone}","track_id":{track},"#)?;
    write!(to, r#""occupancy":{inside},"dwell_ms":{dwell},"inside":{}}}"#, inside > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_json_of_the_usual_length() {
        let mut rng = Rng::with_seed(3);
        let mut properties = String::new();
        let mut lengths = Vec::new();
        for _ in 0..5000 {
            assert!(next(&mut rng, &mut properties).kind < KINDS);
            serde_json::from_str::<serde_json::Value>(&properties).expect(&properties);
            lengths.push(properties.len());
        }
        let middle = lengths.iter().sum::<usize>() / lengths.len();
        assert!((80..200).contains(&middle), "{middle}");
        assert!(lengths.iter().all(|length| (60..260).contains(length)), "{lengths:?}");
    }
}

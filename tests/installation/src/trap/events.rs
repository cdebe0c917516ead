//! Events to stumble over.

use super::{EVENTS, Setting, Snare};
use crate::cell::Cell;
use crate::moments::YEAR_60000_MS;

fn held(trap: &'static str, setting: Setting) -> Snare {
    super::held(EVENTS, trap, vec![setting])
}

fn rejected(trap: &'static str, setting: Setting) -> Snare {
    super::rejected(EVENTS, trap, vec![setting])
}

fn json(text: impl Into<Vec<u8>>) -> Setting {
    ("properties", Cell::Text(text.into()))
}

/// JSON that SQLite takes for valid. Bytes from 0x80 on it does not look at, and after the value it stops at U+0000.
pub(super) fn properties() -> Vec<Snare> {
    let nested = format!("{}1{}", r#"{"a":"#.repeat(200), "}".repeat(200));
    let arrays = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let long = format!(r#"{{"class_name":"person","note":"{}"}}"#, "lang ".repeat(200_000));
    vec![
        rejected("json_u0000", json(r#"{"class_name":"person","note":"x\u0000y"}"#)),
        rejected("json_u0000_in_key", json(r#"{"x\u0000":1}"#)),
        rejected("json_high_surrogate", json(r#"{"class_name":"\ud800"}"#)),
        rejected("json_low_surrogate", json(r#"{"class_name":"person","note":"\udc00 alone"}"#)),
        rejected("json_surrogates_turned", json(r#"{"note":"\ude00\ud83d"}"#)),
        rejected("json_surrogate_in_key", json(r#"{"\ud800":1}"#)),
        rejected("json_u0000_in_lost_duplicate", json(r#"{"a":"\u0000","a":1}"#)),
        rejected("json_number_1e200000", json(r#"{"class_name":"car","speed":1e200000}"#)),
        rejected("json_number_1e-20000", json(r#"{"class_name":"car","speed":1e-20000}"#)),
        rejected("json_number_long", json(format!(r#"{{"n":1{}}}"#, "0".repeat(140_000)))),
        rejected("json_invalid_utf8", json(b"{\"class_name\":\"caf\xe9\"}".to_vec())),
        rejected("json_cut_utf8", json(b"{\"class_name\":\"person\",\"note\":\"\xe6\x9d\"}".to_vec())),
        rejected("json_surrogate_as_bytes", json(b"{\"note\":\"\xed\xa0\x80\"}".to_vec())),
        rejected("json_with_nul_after", json(b"{\"class_name\":\"person\"}\0rest".to_vec())),
        rejected("properties_blob", ("properties", Cell::Blob(br#"{"class_name":"person"}"#.to_vec()))),
        held("json_number_1e400", json(r#"{"class_name":"car","speed":1e400}"#)),
        held("json_number_negative_zero", json(r#"{"class_name":"car","speed":-0,"angle":-0.0}"#)),
        held("json_number_1.00", json(r#"{"class_name":"car","speed":1.00,"angle":1E+2}"#)),
        held("json_number_beyond_i64", json(r#"{"track_id":99999999999999999999999999}"#)),
        held("json_duplicate_keys", json(r#"{"class_name":"car","class_name":"bus"}"#)),
        held("json_duplicate_keys_escaped", json(r#"{"a":1,"\u0061":2,"":3}"#)),
        held("json_nested_objects_200", json(nested)),
        held("json_nested_arrays_200", json(arrays)),
        held("json_very_long", json(long)),
        held("json_scalar", json("17")),
        held("json_null", json("null")),
        held("json_array", json(r#"[{"class_name":"person"}]"#)),
        held("json_with_spaces", json(" \n{ \"class_name\" :\t\"person\" } \r\n")),
        held("json_delete_character", json("{\"class_name\":\"x\x7fy\"}")),
        held("json_escapes", json(r#"{"class_name":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00","a":"\u2028"}"#)),
        held("json_class_is_no_text", json(r#"{"class_name":{"a":[1]},"track_id":null}"#)),
    ]
}

/// Text that is none, in the columns of text.
pub(super) fn texts() -> Vec<Snare> {
    vec![
        rejected("source_id_invalid_utf8", ("source_id", Cell::text(b"d\xe9tecteur".to_vec()))),
        rejected("source_id_overlong_utf8", ("source_id", Cell::text(b"a\xc0\x80b".to_vec()))),
        rejected("source_id_with_nul", ("source_id", Cell::text("detector\0\0"))),
        rejected("source_id_blob", ("source_id", Cell::Blob(b"detector".to_vec()))),
        rejected("camera_id_invalid_utf8", ("camera_id", Cell::text(b"cam\xff".to_vec()))),
        rejected("camera_id_with_nul", ("camera_id", Cell::text("cam\0era"))),
        rejected("camera_id_blob", ("camera_id", Cell::Blob(b"cam".to_vec()))),
        held("source_id_very_long", ("source_id", Cell::text("quelle-".repeat(15_000)))),
        held("source_id_of_spaces", ("source_id", Cell::text(" "))),
        held("source_id_looks_like_copy", ("source_id", Cell::text("\\N\t\\.\r\n\\"))),
        held("camera_id_of_another_camera", ("camera_id", Cell::text("cam-from-elsewhere"))),
        held("camera_id_was_number", ("camera_id", Cell::Int(42))),
    ]
}

/// Values of another class than the column's. A check of a lower bound lets text and BLOBs through: they sort higher.
pub(super) fn classes() -> Vec<Snare> {
    vec![
        rejected("timestamp_text", ("timestamp", Cell::text("2025-03-01 12:00:00"))),
        rejected("timestamp_real", ("timestamp", Cell::Real(1_748_736_000_000.5))),
        rejected("timestamp_real_beyond_i64", ("timestamp", Cell::Real(1e300))),
        rejected("timestamp_blob", ("timestamp", Cell::Blob(vec![0]))),
        rejected("event_type_text", ("event_type", Cell::text("detection"))),
        rejected("event_type_real", ("event_type", Cell::Real(0.5))),
        rejected("event_type_blob", ("event_type", Cell::Blob(Vec::new()))),
        rejected("event_type_beyond_i32", ("event_type", Cell::Int(3_000_000_000))),
        rejected("frame_id_text", ("frame_id", Cell::text("frame 1"))),
        rejected("frame_id_real", ("frame_id", Cell::Real(1.25))),
        rejected("frame_id_blob", ("frame_id", Cell::Blob(vec![1]))),
        rejected("created_at_text", ("created_at", Cell::text("2025-03-01T12:00:00Z"))),
        rejected("created_at_real", ("created_at", Cell::Real(1_748_736_000_000.25))),
        rejected("created_at_blob", ("created_at", Cell::Blob(vec![1, 2]))),
        held("event_type_unknown", ("event_type", Cell::Int(2_147_483_647))),
        held("timestamp_whole_real", ("timestamp", Cell::Real(1_748_736_000_000.0))),
        held("timestamp_digits", ("timestamp", Cell::text("1748736000000"))),
    ]
}

/// Moments at the bounds of what clocks, columns and PostgreSQL can say.
pub(super) fn moments() -> Vec<Snare> {
    let created = |moment| ("created_at", Cell::Int(moment));
    let seen = |moment| ("timestamp", Cell::Int(moment));
    vec![
        held("created_at_null", ("created_at", Cell::Null)),
        held("created_at_zero", created(0)),
        held("created_at_negative", created(-86_400_000)),
        held("created_at_before_our_era", created(-100_000_000_000_000)),
        held("created_at_year_60000", created(YEAR_60000_MS)),
        held("created_at_in_seconds", created(1_748_736_000)),
        rejected("created_at_largest", created(i64::MAX)),
        rejected("created_at_smallest", created(i64::MIN)),
        rejected("created_at_year_296000", created(9_278_600_000_000_000)),
        rejected("created_at_before_4713_bc", created(-300_000_000_000_000)),
        held("timestamp_one", seen(1)),
        held("timestamp_year_60000", seen(YEAR_60000_MS)),
        held("timestamp_largest", seen(i64::MAX)),
    ]
}

/// Ids that leave no room for a file's number beside them.
pub(super) fn ids() -> Vec<Snare> {
    let id = |number| ("id", Cell::Int(number));
    vec![
        rejected("id_negative", id(-7)),
        rejected("id_smallest", id(i64::MIN)),
        rejected("id_zero", id(0)),
        held("id_last", id((1 << 40) - 1)),
        rejected("id_2^40", id(1 << 40)),
        rejected("id_beyond_2^53", id((1 << 53) + 1)),
    ]
}

/// Frames that events name, with the same bounds.
pub(super) fn references() -> Vec<Snare> {
    let frame = |number| ("frame_id", Cell::Int(number));
    vec![
        held("frame_of_this_file", frame(6)),
        held("frame_removed_by_retention", frame(2)),
        held("frame_never_there", frame(1_000_000_000)),
        held("frame_none", ("frame_id", Cell::Null)),
        rejected("frame_id_zero", frame(0)),
        rejected("frame_id_negative", frame(-1)),
        rejected("frame_id_2^40", frame(1 << 40)),
        rejected("frame_id_largest", frame(i64::MAX)),
    ]
}

//! Frames and summaries to stumble over.

use super::{FRAMES, Snare, held, rejected};
use crate::cell::Cell;
use crate::moments::YEAR_60000_MS;

/// What a frame's columns let through.
pub(super) fn frames() -> Vec<Snare> {
    vec![
        rejected(FRAMES, "thumbnail_text", vec![("thumbnail", Cell::text("no picture"))]),
        rejected(FRAMES, "thumbnail_integer", vec![("thumbnail", Cell::Int(17))]),
        rejected(FRAMES, "width_text", vec![("width", Cell::text("wide"))]),
        rejected(FRAMES, "height_real", vec![("height", Cell::Real(180.5))]),
        rejected(FRAMES, "frame_camera_invalid_utf8", vec![("camera_id", Cell::text(b"\x80".to_vec()))]),
        rejected(FRAMES, "frame_camera_with_nul", vec![("camera_id", Cell::text("a\0b"))]),
        rejected(FRAMES, "frame_timestamp_text", vec![("timestamp", Cell::text("noon"))]),
        rejected(FRAMES, "frame_created_at_largest", vec![("created_at", Cell::Int(i64::MAX))]),
        held(FRAMES, "frame_created_at_null", vec![("created_at", Cell::Null)]),
        held(FRAMES, "frame_created_at_year_60000", vec![("created_at", Cell::Int(YEAR_60000_MS))]),
        held(FRAMES, "frame_of_another_camera", vec![("camera_id", Cell::text("cam-from-elsewhere"))]),
        held(FRAMES, "thumbnail_empty", vec![("thumbnail", Cell::Blob(Vec::new()))]),
        held(
            FRAMES,
            "thumbnail_none",
            vec![("thumbnail", Cell::Null), ("width", Cell::Null), ("height", Cell::Null)],
        ),
    ]
}

/// What the tables of sums let through, which check less.
pub(super) fn summaries() -> Vec<Snare> {
    let (summary, buckets, classes) = ("analytics_summary", "time_series_buckets", "class_distribution");
    let (dwell, kinds) = ("dwell_times", "event_type_counts");
    let nameless = || vec![("class_name", Cell::Null), ("bucket_timestamp", Cell::Int(1_748_736_000_000))];
    let value = |text: &[u8]| vec![("summary_value", Cell::text(text.to_vec()))];
    vec![
        // The same key three times: in a primary key of SQLite no NULL is like another one.
        held(buckets, "bucket_without_class", nameless()),
        held(buckets, "bucket_without_class", nameless()),
        held(buckets, "bucket_without_class", nameless()),
        rejected(buckets, "bucket_class_with_nul", vec![("class_name", Cell::text("per\0son"))]),
        rejected(buckets, "bucket_class_invalid_utf8", vec![("class_name", Cell::text(b"\xfe".to_vec()))]),
        rejected(buckets, "bucket_count_text", vec![("event_count", Cell::text("many"))]),
        rejected(buckets, "bucket_timestamp_real", vec![("bucket_timestamp", Cell::Real(0.25))]),
        held(buckets, "bucket_count_negative", vec![("event_count", Cell::Int(-3))]),
        rejected(summary, "summary_u0000", value(br#"{"peak":"\u0000"}"#)),
        rejected(summary, "summary_invalid_utf8", value(b"{\"peak\":\"\xff\"}")),
        rejected(summary, "summary_surrogate", value(br#"["\udfff"]"#)),
        rejected(summary, "summary_key_blob", vec![("summary_key", Cell::Blob(vec![1, 2, 3]))]),
        held(summary, "summary_key_empty", vec![("summary_key", Cell::text(""))]),
        held(summary, "summary_scalar", value(b"12.50")),
        rejected(classes, "class_with_nul", vec![("class_name", Cell::text("\0"))]),
        rejected(classes, "class_blob", vec![("class_name", Cell::Blob(b"person".to_vec()))]),
        rejected(classes, "class_total_real", vec![("total_count", Cell::Real(2.5))]),
        held(classes, "class_empty", vec![("class_name", Cell::text(""))]),
        held(classes, "class_total_null", vec![("total_count", Cell::Null)]),
        rejected(dwell, "track_invalid_utf8", vec![("track_id", Cell::text(b"t\xc3(".to_vec()))]),
        rejected(dwell, "first_seen_text", vec![("first_seen", Cell::text("soon"))]),
        // The difference does not fit an integer, so the generated column is a real.
        rejected(
            dwell,
            "dwell_beyond_i64",
            vec![("first_seen", Cell::Int(-9)), ("last_seen", Cell::Int(i64::MAX))],
        ),
        held(dwell, "dwell_negative", vec![("last_seen", Cell::Int(1_700_000_000_000))]),
        held(dwell, "dwell_count_null", vec![("detection_count", Cell::Null)]),
        rejected(kinds, "kind_text", vec![("event_type", Cell::text("unknown"))]),
        rejected(kinds, "kind_beyond_i32", vec![("event_type", Cell::Int(1 << 33))]),
        rejected(kinds, "kind_total_text", vec![("total_count", Cell::text("1 000"))]),
        held(kinds, "kind_negative", vec![("event_type", Cell::Int(-1))]),
        held(kinds, "kind_of_no_camera", vec![("camera_id", Cell::text(""))]),
    ]
}

/// A frame whose id leaves no room for a file's number, and one below all others.
pub(super) fn ids() -> Vec<Snare> {
    vec![
        rejected(FRAMES, "frame_row_id_negative", vec![("id", Cell::Int(-3))]),
        rejected(FRAMES, "frame_row_id_2^40", vec![("id", Cell::Int(1 << 40))]),
    ]
}

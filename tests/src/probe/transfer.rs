//! What old files hold.

use serde_json::Value;

/// A camera as an old configuration holds it. What PostgreSQL can hold is unpacked whatever it is, and has the same digest in
/// every other writing of it.
pub fn old_camera(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let digest = brink_edge::transfer::probe_json(text);
    let unpacked = brink_edge::transfer::probe_camera(text);
    assert_eq!(digest.is_ok(), unpacked.is_some(), "it is held and not unpacked, or the other way round");
    let Ok(value) = serde_json::from_str::<Value>(text) else { return };
    // A reader of floats keeps no other number.
    let is_exact = !text.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E')) && digest.is_ok();
    if is_exact && !has_floats(&value) {
        assert_eq!(
            brink_edge::transfer::probe_json(&value.to_string()),
            digest,
            "another writing is another value"
        );
        let pretty = serde_json::to_string_pretty(&value).expect("a value is written");
        assert_eq!(brink_edge::transfer::probe_json(&pretty), digest, "space is no part of a value");
    }
}

fn has_floats(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(items) => items.iter().any(has_floats),
        Value::Object(members) => members.values().any(has_floats),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}

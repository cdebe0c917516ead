//! Cameras as old configurations hold them.

pub(super) fn old() -> Vec<Vec<u8>> {
    let cameras = [
        r#"{"id":"gate","name":"Gate","source":{"type":"rtsp","url":"rtsp://192.0.2.1/1"},"processors":[{"type":"line_zone_manager",
            "config":{"zones":[{"id":"a","start":{"x":0.5,"y":1},"end":{"x":2,"y":3},"direction":"up","classes":["person"]}]}}],"sinks":[]}"#,
        r#"{"source":"rtsp://x","enabled":false,"processors":[{"type":"polygon_zone_manager","zones":[{"points":[[0,0],[1,0],[1,1]],
            "zone_type":"dwell","dwell_time_seconds":30}]}],"sinks":[{"type":"database","config":{"retention_days":30}}],"tenant_id":7}"#,
        r#"{"id":"\ud83d\ude00","source":{"url":"file:///x"},"processors":{},"n":[-0,1.00,12345678901234567890]}"#,
        r#"{"name":"nowhere"}"#,
        "[\"\\ud800\"]",
    ];
    cameras.map(|camera| camera.as_bytes().to_vec()).to_vec()
}

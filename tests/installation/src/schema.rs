//! The tables as the product before this one makes them.

/// One file a camera. The order of the columns, the checks and the generated column are the product's.
pub(crate) const TELEMETRY_TABLES: &str = "
CREATE TABLE IF NOT EXISTS telemetry_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    camera_id TEXT NOT NULL CHECK (length(camera_id) > 0),
    timestamp INTEGER NOT NULL CHECK (timestamp > 0),
    event_type INTEGER NOT NULL CHECK (event_type >= 0),
    source_id TEXT NOT NULL CHECK (length(source_id) > 0),
    properties TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(properties)),
    frame_id INTEGER,
    created_at INTEGER DEFAULT (CAST(strftime('%s', 'now') AS INTEGER) * 1000)
);
CREATE TABLE IF NOT EXISTS frames (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    camera_id TEXT NOT NULL CHECK (length(camera_id) > 0),
    timestamp INTEGER NOT NULL CHECK (timestamp > 0),
    thumbnail BLOB,
    width INTEGER CHECK (width > 0),
    height INTEGER CHECK (height > 0),
    created_at INTEGER DEFAULT (CAST(strftime('%s', 'now') AS INTEGER) * 1000)
);
CREATE TABLE IF NOT EXISTS analytics_summary (
    camera_id TEXT NOT NULL,
    summary_key TEXT NOT NULL,
    summary_value TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(summary_value)),
    last_updated INTEGER DEFAULT (CAST(strftime('%s', 'now') AS INTEGER) * 1000),
    PRIMARY KEY (camera_id, summary_key)
);
CREATE TABLE IF NOT EXISTS time_series_buckets (
    camera_id TEXT NOT NULL,
    bucket_timestamp INTEGER NOT NULL,
    bucket_size INTEGER NOT NULL,
    event_type INTEGER NOT NULL,
    class_name TEXT,
    event_count INTEGER DEFAULT 0,
    last_updated INTEGER DEFAULT (CAST(strftime('%s', 'now') AS INTEGER) * 1000),
    PRIMARY KEY (camera_id, bucket_timestamp, bucket_size, event_type, class_name)
);
CREATE TABLE IF NOT EXISTS class_distribution (
    camera_id TEXT NOT NULL,
    class_name TEXT NOT NULL,
    event_type INTEGER NOT NULL,
    total_count INTEGER DEFAULT 0,
    last_updated INTEGER DEFAULT (CAST(strftime('%s', 'now') AS INTEGER) * 1000),
    PRIMARY KEY (camera_id, class_name, event_type)
);
CREATE TABLE IF NOT EXISTS dwell_times (
    camera_id TEXT NOT NULL,
    track_id TEXT NOT NULL,
    class_name TEXT NOT NULL,
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    detection_count INTEGER DEFAULT 1,
    dwell_time_ms INTEGER GENERATED ALWAYS AS (last_seen - first_seen) STORED,
    last_updated INTEGER DEFAULT (CAST(strftime('%s', 'now') AS INTEGER) * 1000),
    PRIMARY KEY (camera_id, track_id, class_name)
);
CREATE TABLE IF NOT EXISTS event_type_counts (
    camera_id TEXT NOT NULL,
    event_type INTEGER NOT NULL,
    total_count INTEGER DEFAULT 0,
    recent_count_24h INTEGER DEFAULT 0,
    last_updated INTEGER DEFAULT (CAST(strftime('%s', 'now') AS INTEGER) * 1000),
    last_24h_updated INTEGER DEFAULT (CAST(strftime('%s', 'now') AS INTEGER) * 1000),
    PRIMARY KEY (camera_id, event_type)
);
";

/// Made after the rows here, which is many times faster and leaves the same file.
pub(crate) const TELEMETRY_INDEXES: &str = "
CREATE INDEX IF NOT EXISTS events_camera_time ON telemetry_events (camera_id, timestamp);
CREATE INDEX IF NOT EXISTS events_type ON telemetry_events (event_type, timestamp);
CREATE INDEX IF NOT EXISTS events_source ON telemetry_events (source_id);
CREATE INDEX IF NOT EXISTS events_class ON telemetry_events (json_extract(properties, '$.class_name'));
CREATE INDEX IF NOT EXISTS events_track ON telemetry_events (json_extract(properties, '$.track_id'));
CREATE INDEX IF NOT EXISTS events_created ON telemetry_events (created_at);
CREATE INDEX IF NOT EXISTS events_frame ON telemetry_events (frame_id) WHERE frame_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS frames_camera_time ON frames (camera_id, timestamp);
CREATE INDEX IF NOT EXISTS frames_created ON frames (created_at);
CREATE INDEX IF NOT EXISTS summary_updated ON analytics_summary (last_updated);
CREATE INDEX IF NOT EXISTS buckets_time ON time_series_buckets (bucket_timestamp);
CREATE INDEX IF NOT EXISTS classes_total ON class_distribution (total_count);
CREATE INDEX IF NOT EXISTS dwell_longest ON dwell_times (dwell_time_ms);
CREATE INDEX IF NOT EXISTS counts_updated ON event_type_counts (last_updated);
";

/// One file an installation; moments are in seconds.
pub(crate) const CONFIGURATION_TABLES: &str = "
CREATE TABLE IF NOT EXISTS config (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    updated_at INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS camera_config (
    camera_id TEXT PRIMARY KEY,
    config TEXT NOT NULL,
    updated_at INTEGER NOT NULL
);
";

/// The tables of a telemetry file, in the order in which they are made.
pub(crate) const TELEMETRY: [&str; 7] = [
    "telemetry_events",
    "frames",
    "analytics_summary",
    "time_series_buckets",
    "class_distribution",
    "dwell_times",
    "event_type_counts",
];

/// As the product opens a telemetry file.
pub(crate) const PRODUCT_PRAGMAS: &str = "
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
PRAGMA cache_size = 10000;
PRAGMA mmap_size = 268435456;
";

/// While a file is made nobody reads it, and one that was cut off is made again.
pub(crate) const MAKING_PRAGMAS: &str = "
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA cache_size = -65536;
PRAGMA temp_store = MEMORY;
";

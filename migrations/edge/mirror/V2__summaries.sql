-- What the old files keep beside events and frames, one table for each of theirs. Their keys are not unique there (a class
-- that is NULL is equal to none), so each row has the number of its file times 2^40 and its own.

CREATE SEQUENCE summaries_id AS bigint MAXVALUE 1099511627775;

CREATE TABLE analytics_summary (
    id            bigint PRIMARY KEY DEFAULT nextval('summaries_id'),
    camera_id     text NOT NULL,
    tenant_id     text,
    summary_key   text NOT NULL,
    summary_value jsonb NOT NULL DEFAULT '{}',
    last_updated  bigint
);
CREATE INDEX analytics_summary_key ON analytics_summary (camera_id, summary_key);

CREATE TABLE time_series_buckets (
    id               bigint PRIMARY KEY DEFAULT nextval('summaries_id'),
    camera_id        text NOT NULL,
    tenant_id        text,
    bucket_timestamp bigint NOT NULL,
    bucket_size      bigint NOT NULL,
    event_type       integer NOT NULL,
    class_name       text,
    event_count      bigint DEFAULT 0,
    last_updated     bigint
);
CREATE INDEX time_series_buckets_key ON time_series_buckets (camera_id, bucket_timestamp, bucket_size, event_type);

CREATE TABLE class_distribution (
    id           bigint PRIMARY KEY DEFAULT nextval('summaries_id'),
    camera_id    text NOT NULL,
    tenant_id    text,
    class_name   text,
    event_type   integer NOT NULL,
    total_count  bigint DEFAULT 0,
    last_updated bigint
);
CREATE INDEX class_distribution_key ON class_distribution (camera_id, class_name, event_type);

CREATE TABLE dwell_times (
    id              bigint PRIMARY KEY DEFAULT nextval('summaries_id'),
    camera_id       text NOT NULL,
    tenant_id       text,
    track_id        text,
    class_name      text,
    first_seen      bigint,
    last_seen       bigint,
    detection_count bigint DEFAULT 1,
    -- Exact where the two lie further apart than a bigint reaches.
    dwell_time_ms   numeric GENERATED ALWAYS AS (last_seen::numeric - first_seen::numeric) STORED,
    last_updated    bigint
);
CREATE INDEX dwell_times_key ON dwell_times (camera_id, track_id, class_name);

CREATE TABLE event_type_counts (
    id               bigint PRIMARY KEY DEFAULT nextval('summaries_id'),
    camera_id        text NOT NULL,
    tenant_id        text,
    event_type       integer NOT NULL,
    total_count      bigint DEFAULT 0,
    recent_count_24h bigint DEFAULT 0,
    last_updated     bigint,
    last_24h_updated bigint
);
CREATE INDEX event_type_counts_key ON event_type_counts (camera_id, event_type);

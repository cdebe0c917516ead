-- Partitions by month, made ahead; what nobody made one for lies in the default partition until somebody does.

-- Makes the partition of the month that a day lies in. What the default partition holds of that month moves into it. Answers
-- whether it was made now.
CREATE FUNCTION create_monthly_partition(of_table text, day date) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    -- Months are those of UTC, wherever the server is.
    first  timestamptz := date_trunc('month', day::timestamp) AT TIME ZONE 'UTC';
    next   timestamptz := (date_trunc('month', day::timestamp) + interval '1 month') AT TIME ZONE 'UTC';
    name   text := format('%s_y%sm%s', of_table, to_char(first AT TIME ZONE 'UTC', 'FMYYYY'), to_char(first AT TIME ZONE 'UTC', 'MM'));
    column_name text;
    held   bigint;
BEGIN
    IF to_regclass(quote_ident(name)) IS NOT NULL THEN
        RETURN false;
    END IF;
    SELECT a.attname INTO STRICT column_name
    FROM pg_partitioned_table p JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = p.partattrs[0]
    WHERE p.partrelid = to_regclass(quote_ident(of_table));
    -- Who comes at the same time waits here and finds it made.
    EXECUTE format('LOCK TABLE %I IN SHARE UPDATE EXCLUSIVE MODE', of_table);
    IF to_regclass(quote_ident(name)) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('SELECT count(*) FROM (SELECT FROM %I WHERE %I >= $1 AND %I < $2 LIMIT 1) found',
                   of_table || '_default', column_name, column_name) INTO held USING first, next;
    IF held = 0 THEN
        EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)', name, of_table, first, next);
        RETURN true;
    END IF;
    EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', of_table);
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', name, of_table);
    EXECUTE format('WITH moved AS (DELETE FROM %I WHERE %I >= $1 AND %I < $2 RETURNING *) INSERT INTO %I OVERRIDING SYSTEM VALUE SELECT * FROM moved',
                   of_table || '_default', column_name, column_name, name) USING first, next;
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', of_table, name, first, next);
    RETURN true;
END $$;

-- Every month from one day's to another's. Answers how many were made.
CREATE FUNCTION create_monthly_partitions(of_table text, from_day date, to_day date) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    month date := date_trunc('month', from_day::timestamp)::date;
    made  integer := 0;
BEGIN
    WHILE month <= to_day LOOP
        IF create_monthly_partition(of_table, month) THEN
            made := made + 1;
        END IF;
        month := (month + interval '1 month')::date;
    END LOOP;
    RETURN made;
END $$;

-- This month and the three after it, of every table that has partitions.
CREATE FUNCTION ensure_future_partitions(today date DEFAULT (now() AT TIME ZONE 'UTC')::date) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    of_table text;
    made     integer := 0;
BEGIN
    FOREACH of_table IN ARRAY ARRAY['telemetry_events', 'frames', 'usage_events', 'license_validation_log'] LOOP
        made := made + create_monthly_partitions(of_table, today, (today + interval '3 months')::date);
    END LOOP;
    RETURN made;
END $$;

-- Drops every month of a table that ended before a moment. Answers their names. Rows of the default partition stay: of them
-- nobody knows which month was meant.
CREATE FUNCTION drop_partitions_before(of_table text, moment timestamptz) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    found record;
BEGIN
    FOR found IN
        SELECT c.relname::text AS name, substring(c.relname FROM '_y(\d+)m\d\d$')::integer AS year,
               substring(c.relname FROM '_y\d+m(\d\d)$')::integer AS month
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = to_regclass(quote_ident(of_table)) AND c.relname ~ '_y\d+m\d\d$'
        ORDER BY 1
    LOOP
        IF (make_date(found.year, found.month, 1)::timestamp + interval '1 month') AT TIME ZONE 'UTC' <= moment THEN
            EXECUTE format('DROP TABLE %I', found.name);
            RETURN NEXT found.name;
        END IF;
    END LOOP;
END $$;

CREATE FUNCTION cleanup_old_telemetry(retention_days integer DEFAULT 90) RETURNS integer LANGUAGE sql AS $$
    SELECT count(*)::integer FROM drop_partitions_before('telemetry_events', now() - make_interval(days => retention_days))
$$;
CREATE FUNCTION cleanup_old_frames(retention_days integer DEFAULT 30) RETURNS integer LANGUAGE sql AS $$
    SELECT count(*)::integer FROM drop_partitions_before('frames', now() - make_interval(days => retention_days))
$$;

SELECT ensure_future_partitions();

-- One row of each side before they meet: events, lines and polygons are never multiplied with each other.
CREATE MATERIALIZED VIEW camera_status_summary AS
    SELECT c.camera_id, c.name, c.status, c.tenant_id,
           coalesce(e.event_count_24h, 0) AS event_count_24h, e.last_event_time,
           (SELECT count(*) FROM line_zones z WHERE z.camera_id = c.camera_id) AS line_zone_count,
           (SELECT count(*) FROM polygon_zones z WHERE z.camera_id = c.camera_id) AS polygon_zone_count
    FROM cameras c
    LEFT JOIN (SELECT camera_id, count(*) AS event_count_24h, max(created_at) AS last_event_time
               FROM telemetry_events WHERE created_at > now() - interval '24 hours' GROUP BY camera_id) e USING (camera_id);
CREATE UNIQUE INDEX camera_status_summary_key ON camera_status_summary (camera_id);

CREATE MATERIALIZED VIEW tenant_usage_summary AS
    SELECT tenant_id, event_type, (event_time AT TIME ZONE 'UTC')::date AS usage_date, count(*) AS event_count,
           sum(quantity) AS total_quantity, sum(cost) AS total_cost,
           count(*) FILTER (WHERE NOT synced_to_billing) AS pending_sync_count
    FROM usage_events WHERE event_time > now() - interval '30 days'
    GROUP BY 1, 2, 3;
CREATE UNIQUE INDEX tenant_usage_summary_key ON tenant_usage_summary (tenant_id, event_type, usage_date);

CREATE MATERIALIZED VIEW tenant_license_summary AS
    SELECT l.tenant_id, l.license_mode, count(*) AS camera_count,
           count(*) FILTER (WHERE l.status = 'active') AS active_count,
           count(*) FILTER (WHERE l.status = 'suspended') AS suspended_count,
           count(*) FILTER (WHERE l.is_trial) AS trial_count,
           min(l.trial_end_date) FILTER (WHERE l.is_trial) AS earliest_trial_end,
           coalesce((SELECT jsonb_agg(DISTINCT pack ORDER BY pack)
                     FROM camera_licenses p, jsonb_array_elements_text(p.enabled_growth_packs) AS pack
                     WHERE p.tenant_id = l.tenant_id AND p.license_mode = l.license_mode), '[]') AS all_growth_packs
    FROM camera_licenses l GROUP BY l.tenant_id, l.license_mode;
CREATE UNIQUE INDEX tenant_license_summary_key ON tenant_license_summary (tenant_id, license_mode);

-- How the server is.
CREATE VIEW database_health AS
    SELECT 'connections' AS metric, count(*)::text AS value, now() AS checked_at FROM pg_stat_activity
    UNION ALL SELECT 'database_size_mb', (pg_database_size(current_database()) / 1048576)::text, now()
    UNION ALL SELECT 'cache_hit_ratio',
        coalesce(round(100.0 * sum(blks_hit) / nullif(sum(blks_hit) + sum(blks_read), 0), 2), 0)::text, now()
    FROM pg_stat_database;

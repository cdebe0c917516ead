"""Holds the two ends of a transfer against each other, as `brink-edge transfer verify --dump` wrote them.

    python3 tests/check_transfer_dumps.py DUMP DATA

DuckDB reads the CSV files, Python's own sqlite3 the old files: nothing here is of what made the transfer. Prints one JSON
document with what was counted, and ends with 1 where anything differs.
"""

import json
import pathlib
import sqlite3
import sys

import duckdb

# Columns that are the same text on both ends; JSON is compared by what is in it.
PLAIN = {
    "frames": ["camera_id", "timestamp", "thumbnail", "width", "height"],
    "telemetry_events": ["camera_id", "timestamp", "event_type", "source_id", "frame_id"],
    "analytics_summary": ["camera_id", "summary_key", "last_updated"],
    "time_series_buckets": ["camera_id", "bucket_timestamp", "bucket_size", "event_type", "class_name", "event_count",
                            "last_updated"],
    "class_distribution": ["camera_id", "class_name", "event_type", "total_count", "last_updated"],
    "dwell_times": ["camera_id", "track_id", "class_name", "first_seen", "last_seen", "detection_count", "last_updated"],
    "event_type_counts": ["camera_id", "event_type", "total_count", "recent_count_24h", "last_updated", "last_24h_updated"],
}
CREATED = {"frames", "telemetry_events"}
JSON = {"telemetry_events": "properties", "analytics_summary": "summary_value"}


def main(dump, data):
    duck = duckdb.connect()
    problems, counted = [], {}

    def same(what, one, other):
        if one != other:
            problems.append(f"{what}: {one!r} and {other!r}")

    for table, plain in PLAIN.items():
        for end in ("source", "target"):
            path = str(dump / f"{end}-{table}.csv").replace("'", "''")
            # Everything is text, and an empty field is none where an empty text is quoted.
            duck.execute(f"""CREATE TABLE {end}_{table} AS SELECT * FROM read_csv('{path}', header = true, all_varchar = true,
                delim = ',', quote = '"', escape = '"', nullstr = '', allow_quoted_nulls = false, max_line_size = 400000000,
                auto_detect = false, columns = {columns(dump / f'{end}-{table}.csv')})""")
        fates = dict(duck.execute(f"SELECT fate, count(*) FROM source_{table} GROUP BY fate").fetchall())
        copied = fates.pop("copied", 0)
        target = duck.execute(f"SELECT count(*) FROM target_{table}").fetchone()[0]
        same(f"{table}: rows", copied, target)
        moment = ", coalesce(created_at, timestamp) AS created" if table in CREATED else ""
        rows = {end: f"SELECT file, rowid, {', '.join(plain)}{moment} FROM {end}_{table} WHERE fate = 'copied'"
                for end in ("source", "target")}
        for one, other in (("source", "target"), ("target", "source")):
            only = duck.execute(f"SELECT count(*) FROM ({rows[one]} EXCEPT ALL {rows[other]})").fetchone()[0]
            same(f"{table}: rows of the {one} that are not in the {other}", only, 0)
        sums = {end: duck.execute(f"""SELECT sum(rowid::HUGEINT), {numbers(table, plain)} FROM {end}_{table}
            WHERE fate = 'copied'""").fetchone() for end in rows}
        same(f"{table}: sums", sums["source"], sums["target"])
        if table in JSON:
            inside(duck, table, JSON[table], same)
        of_sqlite(duck, table, data, same)
        counted[table] = {"copied": copied, "set_aside": sum(fates.values()), "reasons": fates,
                          "sums": [str(value) for value in sums["target"]]}
    print(json.dumps({"tables": counted, "problems": problems}, indent=1))
    return 1 if problems else 0


def columns(path):
    with path.open(encoding="utf-8") as file:
        names = file.readline().strip().split(",")
    return "{" + ", ".join(f"'{name}': 'VARCHAR'" for name in names) + "}"


def numbers(table, plain):
    texts = {"camera_id", "source_id", "summary_key", "class_name", "track_id", "thumbnail"}
    return ", ".join(f"sum({name}::HUGEINT)" for name in plain if name not in texts) or "0"


def inside(duck, table, column, same):
    """What stands in the JSON, value by value, whatever the order of its members. Of two with one name jsonb keeps the last,
    and this reader takes the first: such rows are left out, on both ends."""
    twice = f"""SELECT (file, rowid) FROM source_{table} WHERE fate = 'copied'
        AND len(json_keys({column})) <> len(list_distinct(json_keys({column})))"""
    found = {}
    for end in ("source", "target"):
        found[end] = duck.execute(f"""SELECT count(json_extract_string({column}, '$.class_name')),
            count(DISTINCT json_extract_string({column}, '$.class_name')),
            sum(hash(json_extract_string({column}, '$.class_name'))::HUGEINT),
            sum(hash(json_extract_string({column}, '$.track_id'))::HUGEINT),
            sum(TRY_CAST(json_extract_string({column}, '$.confidence') AS DECIMAL(18, 9)))
            FROM {end}_{table} WHERE fate = 'copied' AND (file, rowid) NOT IN ({twice})""").fetchone()
    same(f"{table}: what the JSON holds", found["source"], found["target"])


def of_sqlite(duck, table, data, same):
    """The dump of the source against the old files themselves."""
    for path in sorted(data.glob("telemetry*.db")):
        with sqlite3.connect(f"file:{uri(path)}?mode=ro", uri=True) as old:
            if not old.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", [table]).fetchone():
                continue
            count, smallest, largest = old.execute(f"SELECT count(*), min(rowid), max(rowid) FROM {table}").fetchone()
        dumped = duck.execute(f"""SELECT count(*), min(rowid::BIGINT), max(rowid::BIGINT) FROM source_{table}
            WHERE file = ?""", [path.name]).fetchone()
        same(f"{path.name} {table}", (count, smallest, largest), dumped)


def uri(path):
    from urllib.parse import quote
    return quote(str(path))


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])))

//! DuckDB reads the raw export, as CSV and as Parquet, and adds it up to every sum that is kept.

use std::process::Command;

use brink_tests::forge::Key;

use super::Office;

const PROGRAM: &str = r#"
import sys, sqlite3, json
from decimal import Decimal
import duckdb
csv, parquet, database = sys.argv[1:]
con = duckdb.connect()
types = {"tenant": "VARCHAR", "device": "VARCHAR", "epoch": "BIGINT", "seq": "BIGINT", "from_seq": "BIGINT",
  "kind": "VARCHAR", "meter": "VARCHAR", "resource": "VARCHAR", "quantity": "DECIMAL(38,12)", "count": "BIGINT",
  "event_time": "TIMESTAMPTZ", "received_at": "TIMESTAMPTZ", "quarter": "TIMESTAMPTZ", "quarantined": "BOOLEAN",
  "reason": "VARCHAR"}
con.execute(f"CREATE TABLE c AS SELECT * FROM read_csv('{csv}', header = true, columns = {types})")
# A name that a spreadsheet would compute has an apostrophe in front, in CSV alone.
con.execute("UPDATE c SET resource = substr(resource, 2) WHERE resource LIKE '''=%'")
con.execute(f"CREATE TABLE p AS SELECT * FROM read_parquet('{parquet}')")
found = {name: kind for name, kind, *_ in con.execute("DESCRIBE p").fetchall()}
wanted = {name: kind.replace("TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE") for name, kind in types.items()}
assert found == wanted, found
assert list(found) == [row[0] for row in con.execute("DESCRIBE c").fetchall()]
for one, other in (("c", "p"), ("p", "c")):
    absent = con.execute(f"SELECT count(*) FROM (SELECT * FROM {one} EXCEPT ALL SELECT * FROM {other})").fetchone()[0]
    assert absent == 0, f"{absent} rows of {one} are not in {other}"
sums = """SELECT tenant, epoch_ms(quarter) // 900000, device, meter, coalesce(resource, ''),
            sum(quantity), CAST(sum("count") AS BIGINT)
          FROM {} WHERE NOT quarantined AND quantity IS NOT NULL GROUP BY ALL"""
kept = {}
for tenant, quarter, device, meter, resource, quantity, count in sqlite3.connect(database).execute(
        "SELECT tenant, quarter, device, meter, resource, quantity, count FROM usage_rollups"):
    units = Decimal(int.from_bytes(quantity, "big")).scaleb(-12)
    kept[(tenant, quarter, device, meter, resource)] = (units, count)
for table in ("c", "p"):
    rows = con.execute(sums.format(table)).fetchall()
    counted = {tuple(row[:5]): (row[5], row[6]) for row in rows}
    assert counted == kept, (table, set(counted.items()) ^ set(kept.items()))
groups = con.execute(f"SELECT count(DISTINCT row_group_id) FROM parquet_metadata('{parquet}')").fetchone()[0]
rows, aside = con.execute("SELECT count(*), count(*) FILTER (quarantined AND reason = 'TOTAL') FROM p").fetchone()
kinds = sorted(row[0] for row in con.execute("SELECT DISTINCT kind FROM p").fetchall())
print(json.dumps({"sums": len(kept), "groups": groups, "rows": rows, "aside": aside, "kinds": kinds}))
"#;

/// Two devices over three days, with sums of many, a loss, a record that is set aside, and names that are hard on CSV.
fn used(office: &Office) {
    let mut one = office.meter(Key(61));
    for round in 0..60_u64 {
        for use_ in 0..3_u64 {
            let resource = ["=cam, \"1\"", "cam-2", ""][use_ as usize];
            one.uses("sms", resource, &format!("{round}.{use_}00000000001"));
        }
        office.pass(&mut one, 1700);
        if round % 20 == 7 {
            one.fold();
            office.exchange(&mut one);
        }
    }
    office.exchange(&mut one);
    one.recovers(9);
    one.uses("api_call", "cam-2", "99999999999999999999.5");
    one.contradicts("sms");
    office.exchange(&mut one);
    // More than one group of rows.
    let mut other = office.meter(Key(62));
    for use_ in 0..36_000_u64 {
        other.uses("api_call", &format!("cam-{}", use_ % 5), "0.000000000001");
        if use_ % 9000 == 8999 {
            office.pass(&mut other, 3600);
            office.exchange(&mut other);
        }
    }
}

#[test]
#[ignore = "needs DuckDB: scripts/test installs it beside the build and runs this"]
fn duckdb_adds_the_raw_export_up_to_every_sum() {
    let office = Office::new();
    used(&office);
    let (csv, parquet) = (office.world.path("raw.csv"), office.world.path("raw.parquet"));
    let program = office.program();
    for path in [&csv, &parquet] {
        let said = program.run(&["usage", "export", "--raw", "--json", "--out", path.to_str().unwrap()]);
        assert!(said.ok().json()["rows"].as_u64().unwrap() > 36_000);
    }
    let mut python = Command::new(brink_tests::python());
    let output = python.args(["-c", PROGRAM]).arg(&csv).arg(&parquet).arg(office.database()).output();
    let output = output.expect("python runs");
    assert!(output.status.success(), "DuckDB: {}", String::from_utf8_lossy(&output.stderr));
    let seen: serde_json::Value = serde_json::from_slice(&output.stdout).expect("what was seen as JSON");
    assert_eq!(seen["kinds"], serde_json::json!(["fold", "recover", "usage"]), "{seen}");
    assert_eq!((&seen["aside"], &seen["groups"]), (&1.into(), &2.into()), "{seen}");
    assert!(seen["sums"].as_u64().unwrap() > 100, "{seen}");
}

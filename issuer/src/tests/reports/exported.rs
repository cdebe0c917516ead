//! The raw export adds up to the sums.

use super::{bound, number};
use crate::amount::Amount;
use crate::reports::export::{ExportOrder, Format};
use crate::testkit::{Bench, DAY, Edge, TENANT};
use std::collections::BTreeMap;

fn used() -> (Bench, Edge) {
    let bench = Bench::with(10, &[]);
    let mut edge = bench.metering();
    bench.pass_with(&mut edge, DAY);
    for use_ in 0..40 {
        edge.journal().record("sms", ["=cam", "cam, \"2\"", ""][use_ % 3], 1250);
        bench.pass_with(&mut edge, 400);
    }
    edge.journal().fold(25);
    edge.exchange(&bench.issuer).unwrap();
    edge.journal().damage(0);
    edge.exchange(&bench.issuer).unwrap();
    (bench, edge)
}

fn order(from: Option<&str>, to: Option<&str>) -> ExportOrder {
    let tenant = Some(TENANT.parse().unwrap());
    ExportOrder { tenant, from: from.map(bound), to: to.map(bound) }
}

/// Of text without line ends in its cells.
fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut quoted) = (vec![String::new()], false);
    for one in line.chars() {
        match one {
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            other => cells.last_mut().unwrap().push(other),
        }
    }
    cells
}

#[test]
fn rows_add_up_to_the_sums_and_a_period_is_cut_by_quarters() {
    let (bench, edge) = used();
    let export = |order: &ExportOrder| {
        let mut csv = Vec::new();
        let rows = bench.admin.export_usage(order, Format::Csv, &mut csv).unwrap();
        (rows, String::from_utf8(csv).unwrap())
    };
    let (rows, text) = export(&order(None, None));
    let lines: Vec<_> = text.split_terminator("\r\n").map(cells).collect();
    assert_eq!(
        lines[0].join(" "),
        "tenant device epoch seq from_seq kind meter resource quantity count event_time \
         received_at quarter quarantined reason"
    );
    assert_eq!(rows as usize, lines.len() - 1);
    let mut sums: BTreeMap<(String, String), i128> = BTreeMap::new();
    for line in lines.iter().skip(1).filter(|line| line[13] == "false" && !line[8].is_empty()) {
        assert_eq!((line[0].as_str(), line[1].as_str()), (TENANT, edge.id().as_str()));
        let resource = line[7].trim_start_matches('\'').to_owned();
        *sums.entry((line[12].clone(), resource)).or_default() += line[8].parse::<Amount>().unwrap().units();
    }
    assert_eq!(sums.len() as i64, number(&bench, "SELECT count(*) FROM usage_rollups"));
    assert_eq!(sums.values().sum::<i128>(), "50".parse::<Amount>().unwrap().units());
    let kinds: Vec<_> = lines.iter().skip(1).map(|line| line[5].as_str()).collect();
    assert!(["usage", "fold", "recover"].iter().all(|kind| kinds.contains(kind)), "{kinds:?}");
    assert!(
        text.contains(",'=cam,") && text.contains(",\"cam, 2\"") || text.contains("\"cam, \"\"2\"\"\""),
        "{text}"
    );
    // Cut at any quarter, the two parts are the whole.
    let cut = lines[20][12].replace(".000Z", "Z");
    let (before, after) = (export(&order(None, Some(&cut))).0, export(&order(Some(&cut), None)).0);
    assert!(before > 0 && after > 0);
    assert_eq!(before + after, rows);
}

#[test]
fn what_cannot_be_written_is_said_and_ends_the_walk() {
    struct Full(usize);
    impl std::io::Write for Full {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let room = self.0.min(bytes.len());
            self.0 -= room;
            if room == 0 { Err(std::io::ErrorKind::StorageFull.into()) } else { Ok(room) }
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let (bench, _) = used();
    for format in [Format::Csv, Format::Parquet] {
        for room in [0, 3, 200, 900] {
            let error = bench.admin.export_usage(&order(None, None), format, &mut Full(room)).unwrap_err();
            assert_eq!((error.code(), error.is_failure()), ("FILE", true), "{format:?} {room}: {error}");
        }
    }
}

//! What is exported is what docs/OPERATING.md says, and no more.

use super::{Metrics, Scraped, Tally};
use crate::storage::{Pool, QuarantineReason, StorageError};
use axum::http::Method;
use brink_license::UnixSeconds;
use brink_license::token::BatchVerdict;
use std::collections::{BTreeMap, BTreeSet};

/// By name: its type, and the names of its labels.
type Described = BTreeMap<String, (String, BTreeSet<String>)>;

/// The table of docs/OPERATING.md.
fn documented() -> Described {
    let page = include_str!("../../../docs/OPERATING.md");
    let (_, section) = page.split_once("### Metrics of the issuer").unwrap();
    let section = section.split("\n#").next().unwrap();
    let plain = |cell: &str| cell.trim().trim_matches('`').to_owned();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let described = rows.map(|row| {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let labels = cells[3].split(',').map(plain).filter(|label| !label.is_empty());
        (plain(cells[1]), (cells[2].to_owned(), labels.collect()))
    });
    described.collect()
}

/// What a page of Prometheus text describes.
pub(crate) fn exported(page: &str) -> Described {
    let mut described = Described::new();
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            described.insert(name.to_owned(), (kind.to_owned(), BTreeSet::new()));
        } else if !line.starts_with('#') && !line.is_empty() {
            let end = line.find(['{', ' ']).unwrap();
            let sample = &line[..end];
            let suffixes = ["", "_bucket", "_sum", "_count"];
            let mut names = suffixes.iter().filter_map(|suffix| sample.strip_suffix(suffix));
            let name = names.find(|name| described.contains_key(*name)).unwrap_or_else(|| panic!("{line}"));
            let labels =
                line.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(labels, _)| labels);
            let names = labels.unwrap_or_default().split("\",").filter_map(|label| label.split_once("=\""));
            let names = names.map(|(name, _)| name.to_owned()).filter(|name| name != "le");
            described.get_mut(name).unwrap().1.extend(names);
        }
    }
    described
}

/// One of everything that can be counted.
fn counted() -> Metrics {
    let metrics = Metrics::default();
    let http = &metrics.http;
    http.begin("device", &Method::POST, "/v1/exchange").end(200);
    drop(http.begin("device", &Method::GET, "other"));
    http.refused("device", "BUSY");
    drop(http.connected("device"));
    http.connection_refused("device");
    http.handshake_failed("device", "timeout");
    http.certificate(Some(2_000_000_000), true);
    http.room_limit(("device", "large"), 16);
    drop((http.room_taken(("device", "large")), http.room_waiting(("device", "work"))));
    let tally = Tally {
        minted: true,
        booked: 3,
        quarantined: vec![QuarantineReason::Cap],
        usage_lag_seconds: Some(61.0),
        exchange_lag_seconds: Some(3.0),
        ..Tally::default()
    };
    metrics.exchanges.exchanged(&tally.with_verdict(Some(BatchVerdict::Taken)));
    metrics.exchanges.activated(&Tally::default());
    metrics.exchanges.replayed("exchange");
    metrics.exchanges.database_failed(&StorageError::Busy);
    metrics.exchanges.database_failed(&StorageError::UnknownDevice("dev-1".parse().unwrap()));
    metrics.trials.reminded(3);
    metrics.host.started(UnixSeconds::new(1_900_000_000));
    metrics.host.ready(true);
    metrics.host.look(&Scraped {
        now: UnixSeconds::new(1_900_000_001),
        keyset_version: 4,
        keyset_expires_at: UnixSeconds::new(2_000_000_000),
        pool: Pool { max: 8, in_use: 3, waiting: 2 },
        draining: false,
    });
    metrics
}

#[test]
fn every_metric_is_documented_with_its_type_and_labels_and_none_is_missing() {
    let (documented, exported) = (documented(), exported(&counted().text().unwrap()));
    assert!(documented.len() > 25, "{documented:?}");
    assert_eq!(exported, documented);
}

#[test]
fn what_is_counted_stands_on_the_page() {
    let page = counted().text().unwrap();
    for line in [
        "brink_issuer_http_requests_total{listener=\"device\",method=\"POST\",route=\"/v1/exchange\",status=\"200\"} 1",
        "brink_issuer_http_requests_total{listener=\"device\",method=\"GET\",route=\"other\",status=\"aborted\"} 1",
        "brink_issuer_http_requests_in_flight{listener=\"device\"} 0",
        "brink_issuer_usage_batches_total{verdict=\"taken\"} 1",
        "brink_issuer_usage_records_booked_total 3",
        "brink_issuer_usage_records_quarantined_total{reason=\"CAP\"} 1",
        "brink_issuer_usage_lag_seconds_bucket{le=\"60\"} 0",
        "brink_issuer_usage_lag_seconds_bucket{le=\"300\"} 1",
        "brink_issuer_trial_reminders_total{days=\"14\"} 0",
        "brink_issuer_trial_reminders_total{days=\"3\"} 1",
        "brink_issuer_database_errors_total{kind=\"BUSY\"} 1",
        "brink_issuer_database_connections_in_use 3",
        "brink_issuer_tls_certificate_expires_timestamp_seconds 2000000000",
        "process_start_time_seconds 1900000000",
    ] {
        assert!(page.lines().any(|found| found == line), "{line} in\n{page}");
    }
    assert!(!page.contains("UNKNOWN_DEVICE"), "that a device is unknown is no error of the database");
}

//! Reports, corrections, quarantine, export and the check of the books, over usage that came from devices.

mod buckets;
mod checked;
mod corrected;
mod drawn;
mod dropped;
mod evidence;
mod exported;
mod lacking;
mod replayed;

use crate::reports::period::Bound;
use crate::reports::report::{By, Report, ReportOrder};
use crate::testkit::{Bench, TENANT};
use chrono::DateTime;

/// What is reported of the bench's tenant.
fn report(bench: &Bench, (from, to): (&str, &str), by: &[By]) -> Report {
    let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
    let order =
        ReportOrder { tenant: TENANT.parse().unwrap(), from, to, by: by.to_vec(), meter: None, device: None };
    bench.admin.usage_report(&order).unwrap()
}

/// A year around everything that tests do.
const ALL: (&str, &str) = ("2026-01-01", "2027-01-01");

/// Recorded, corrections and net of one meter, in the year.
fn sums_of(bench: &Bench, meter: &str) -> [String; 3] {
    let totals = report(bench, ALL, &[]).totals;
    let Some(total) = totals.iter().find(|line| line.meter.as_str() == meter) else {
        return ["0", "0", "0"].map(str::to_owned);
    };
    let sums = total.sums;
    [sums.recorded, sums.corrections, sums.net().unwrap()].map(|amount| amount.to_string())
}

fn seconds(at: &str) -> i64 {
    DateTime::parse_from_rfc3339(at).unwrap().timestamp()
}

fn bound(text: &str) -> Bound {
    text.parse().unwrap()
}

fn number(bench: &Bench, sql: &str) -> i64 {
    bench.number(sql)
}

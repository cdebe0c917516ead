//! `brink-issuer upkeep`.

use super::error::CliError;
use super::opening::Target;
use super::output::Output;
use crate::calendar::rfc3339;
use crate::clock::SystemClock;
use crate::storage::Upkept;
use crate::upkeep::{RawRetention, keep_up};
use brink_license::UnixSeconds;
use clap::Args;
use serde_json::json;
use std::ops::Range;

/// How long records of usage are kept.
#[derive(Debug, Args)]
pub(super) struct Retention {
    /// Days that a record of usage is kept after it came, at least 435; sums and signatures stay for good. SQLite keeps all
    #[arg(long, value_name = "N", default_value_t)]
    pub(super) raw_retention_days: RawRetention,
}

#[derive(Debug, Args)]
pub(super) struct Upkeep {
    #[command(flatten)]
    pub(super) target: Target,
    #[command(flatten)]
    retention: Retention,
}

impl Upkeep {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let storage = self.target.data.storage()?;
        let done = keep_up(&*storage, &SystemClock, self.retention.raw_retention_days)?;
        let Some(done) = done else {
            let document = json!({ "elsewhere": true });
            return Ok(output.result(self.target.json, &document, "another process is at it")?);
        };
        Ok(output.result(self.target.json, &document(&done), &text(&done))?)
    }
}

/// The first moment, and the first one behind.
fn days(days: &Range<i32>) -> [String; 2] {
    [days.start, days.end].map(|day| rfc3339(UnixSeconds::new(i64::from(day) * 86_400)))
}

fn document(done: &Upkept) -> serde_json::Value {
    let dropped = done.dropped.iter().map(|dropped| {
        let [from, to] = days(&dropped.days);
        json!({ "from": from, "to": to, "records": dropped.records })
    });
    let made = done.made.iter().map(|made| {
        let [from, to] = days(made);
        json!({ "from": from, "to": to })
    });
    json!({
        "elsewhere": false, "postponed": done.postponed, "made": made.collect::<Vec<_>>(),
        "dropped": dropped.collect::<Vec<_>>(),
    })
}

fn text(done: &Upkept) -> String {
    let mut lines = Vec::new();
    if let (Some(first), Some(last)) = (done.made.first(), done.made.last()) {
        let ([from, _], [_, to]) = (days(first), days(last));
        lines.push(format!("partitions are made for what comes from {from} to {to}"));
    }
    for dropped in &done.dropped {
        let [from, to] = days(&dropped.days);
        lines.push(format!("dropped {} records that came from {from} to {to}", dropped.records));
    }
    if done.postponed {
        lines.push("others used the records for too long; run it again for what is left".to_owned());
    }
    if lines.is_empty() {
        lines.push("nothing was due".to_owned());
    }
    lines.join("\n")
}

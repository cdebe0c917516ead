//! `brink-issuer upkeep`.

use super::error::CliError;
use super::opening::Target;
use super::output::Output;
use crate::calendar::rfc3339;
use crate::clock::{Clock, SystemClock};
use crate::storage::Upkept;
use crate::trials::{Reminded, remind};
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
        let mut reminded = Vec::new();
        // One does not wait for the other.
        let said = remind(&*storage, SystemClock.now(), &mut |one| reminded.push(one.clone()));
        let done = keep_up(&*storage, &SystemClock, self.retention.raw_retention_days)?;
        said?;
        let mut document = match &done {
            Some(done) => document(done),
            None => json!({ "elsewhere": true }),
        };
        document["reminded"] = reminded.iter().map(reminded_document).collect();
        let mut lines: Vec<_> = reminded.iter().map(reminded_line).collect();
        match &done {
            Some(done) => lines.extend(self::lines(done)),
            None => lines.push("another process is at it".to_owned()),
        }
        if lines.is_empty() {
            lines.push("nothing was due".to_owned());
        }
        Ok(output.result(self.target.json, &document, &lines.join("\n"))?)
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

fn reminded_document(one: &Reminded) -> serde_json::Value {
    let Reminded { tenant, reminder, skipped } = one;
    json!({
        "tenant": tenant, "days": reminder.days, "skipped": skipped, "due_at": rfc3339(reminder.due_at),
        "trial_ends_at": rfc3339(reminder.trial.ends_at),
    })
}

fn reminded_line(one: &Reminded) -> String {
    let (tenant, ends_at) = (&one.tenant, rfc3339(one.reminder.trial.ends_at));
    match one.reminder.days {
        0 => format!("the trial of tenant {tenant} has ended, at {ends_at}"),
        days => format!("the trial of tenant {tenant} ends at {ends_at}: the reminder of {days} days before"),
    }
}

fn lines(done: &Upkept) -> Vec<String> {
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
    lines
}

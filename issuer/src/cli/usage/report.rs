//! `brink-issuer usage report`.

use crate::amount::TooLarge;
use crate::calendar::rfc3339;
use crate::cli::error::CliError;
use crate::cli::opening::Target;
use crate::cli::output::{Output, write_whole};
use crate::cli::table::Table;
use crate::reports::BooksError;
use crate::reports::chart::chart;
use crate::reports::period::Bound;
use crate::reports::report::{By, Report as Sums, ReportLine, ReportOrder};
use crate::storage::{ChainStanding, Lacks, LossRow, QuarantineRow};
use brink_license::{DeviceId, Slug, TenantId};
use clap::Args;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Names in a line for people; `--json` has them all.
const NAMED_MAX: usize = 5;

#[derive(Debug, Args)]
pub(in crate::cli) struct Report {
    #[command(flatten)]
    pub(super) target: Target,
    /// The tenant
    #[arg(long, value_name = "T")]
    tenant: TenantId,
    /// From this day of the tenant on, or from this instant: 2026-03-01 or 2026-03-01T00:15:00+01:00
    #[arg(long, value_name = "DATE")]
    from: Bound,
    /// Up to this day or instant, which is not part of it any more
    #[arg(long, value_name = "DATE")]
    to: Bound,
    /// What to tell apart, beside the meter; may be given several times
    #[arg(long, value_enum, value_delimiter = ',', default_value = "meter")]
    by: Vec<By>,
    /// This meter alone
    #[arg(long, value_name = "M")]
    meter: Option<Slug>,
    /// This device alone
    #[arg(long, value_name = "DEV")]
    device: Option<DeviceId>,
    /// Print CSV; what the sums may lack goes to standard error
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Draw it as SVG as well, a panel for each meter: by the time that --by tells apart, or by day where it tells nothing apart
    #[arg(long, value_name = "F")]
    plot: Option<PathBuf>,
}

impl Report {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let (tenant, from, to, mut by) = (self.tenant, self.from, self.to, self.by);
        let is_by_nothing = by.iter().all(|by| *by == By::Meter);
        if self.plot.is_some() && is_by_nothing {
            by = vec![By::Day];
        }
        let order = ReportOrder { tenant, from, to, by, meter: self.meter, device: self.device };
        let admin = self.target.data.admin()?;
        let mut report = admin.usage_report(&order)?;
        let lacks = lacks(&report);
        if let Some(path) = &self.plot {
            let svg = chart(&report, &admin.catalog.meters, lacks.clone())?.svg();
            write_whole(path, svg.as_bytes())
                .map_err(|error| CliError::File { path: path.clone(), error })?;
            if is_by_nothing {
                (report.by, report.lines) = (Vec::new(), report.totals.clone());
            }
        }
        let table = table(&report, self.csv)?;
        if self.csv {
            output.text(&table.csv())?;
            return Ok(lacks.iter().try_for_each(|line| output.warn(line))?);
        }
        let mut document = document(&report)?;
        let mut lines = vec![head(&report)];
        lines.extend(table.lines());
        lines.extend(lacks);
        if let Some(path) = &self.plot {
            document["plot"] = json!(path);
            lines.push(format!("drawn in {}", path.display()));
        }
        Ok(output.result(self.target.json, &document, &lines.join("\n"))?)
    }
}

fn head(report: &Sums) -> String {
    let (from, to) = (rfc3339(report.from), rfc3339(report.to));
    format!("tenant {} from {from} to {to}, days of {}", report.tenant, report.zone)
}

/// With totals where a line is not one itself; without them as CSV, where they would be added up once more.
fn table(report: &Sums, csv: bool) -> Result<Table, BooksError> {
    let keys = report.by.iter().map(|by| by.as_str().to_owned());
    let numbers = ["recorded", "corrections", "net", "uses"].map(str::to_owned);
    let heading = std::iter::once("meter".to_owned()).chain(keys).chain(numbers).collect();
    let mut rows = report.lines.iter().map(cells).collect::<Result<Vec<_>, _>>()?;
    if !csv && !report.by.is_empty() {
        for total in &report.totals {
            let mut row = cells(total)?;
            let blank = report.by.iter().enumerate().map(|(at, _)| if at == 0 { "total" } else { "" });
            row.splice(1..1, blank.map(str::to_owned));
            rows.push(row);
        }
    }
    Ok(Table { heading, rows, numbers_from: 1 + report.by.len() })
}

fn cells(line: &ReportLine) -> Result<Vec<String>, TooLarge> {
    let sums = &line.sums;
    let numbers = [
        sums.recorded.to_string(),
        sums.corrections.to_string(),
        sums.net()?.to_string(),
        sums.uses.to_string(),
    ];
    let names = std::iter::once(line.meter.to_string()).chain(line.keys.iter().cloned());
    Ok(names.chain(numbers).collect())
}

fn document(report: &Sums) -> Result<Value, BooksError> {
    let line = |line: &ReportLine| -> Result<Value, TooLarge> {
        let mut of = Map::new();
        of.insert("meter".into(), json!(line.meter));
        of.extend(report.by.iter().zip(&line.keys).map(|(by, key)| (by.as_str().to_owned(), json!(key))));
        of.insert("recorded".into(), json!(line.sums.recorded));
        of.insert("corrections".into(), json!(line.sums.corrections));
        of.insert("net".into(), json!(line.sums.net()?));
        of.insert("uses".into(), json!(line.sums.uses));
        Ok(Value::Object(of))
    };
    let lines = report.lines.iter().map(line).collect::<Result<Vec<_>, _>>()?;
    let totals = report.totals.iter().map(line).collect::<Result<Vec<_>, _>>()?;
    let Lacks { chains, losses, quarantined, unheard } = &report.lacks;
    Ok(json!({
        "tenant": report.tenant, "timezone": report.zone.name(), "from": rfc3339(report.from),
        "to": rfc3339(report.to), "by": report.by, "lines": lines, "totals": totals,
        "complete": report.is_complete(), "period_over": report.is_over,
        "chains": chains.iter().map(chain_document).collect::<Vec<_>>(),
        "losses": losses.iter().map(loss_document).collect::<Vec<_>>(),
        "quarantined": quarantined.iter().map(|row| {
            let QuarantineRow { id, record, reason, .. } = row;
            json!({ "id": id, "device": record.device, "epoch": record.epoch, "seq": record.seq, "reason": reason })
        }).collect::<Vec<_>>(),
        "unheard": unheard,
    }))
}

fn chain_document(chain: &ChainStanding) -> Value {
    json!({
        "device": chain.device, "epoch": chain.epoch, "seq": chain.seq, "reported_seq": chain.reported_seq,
        "heard_at": rfc3339(chain.received_at), "forked": chain.forked, "silent": chain.silent,
    })
}

fn loss_document(loss: &LossRow) -> Value {
    json!({
        "device": loss.device, "epoch": loss.epoch, "from_seq": loss.from_seq, "to_seq": loss.to_seq,
        "reason": loss.reason, "at": rfc3339(loss.at),
    })
}

/// What the sums may lack, a line for each kind.
fn lacks(report: &Sums) -> Vec<String> {
    let Lacks { chains, losses, quarantined, unheard } = &report.lacks;
    let mut lines = Vec::new();
    if !report.is_over {
        lines.push("incomplete: the period is not over yet".to_owned());
    }
    let waiting: Vec<_> = chains.iter().filter(|chain| chain.reported_seq > chain.seq).collect();
    if !waiting.is_empty() {
        let records: u64 = waiting.iter().map(|chain| chain.reported_seq - chain.seq).sum();
        let of = named(waiting.iter().map(|chain| {
            format!("{} has {} and {} are on record", chain.device, chain.reported_seq, chain.seq)
        }));
        lines.push(format!("incomplete: {records} records are still with their devices: {of}"));
    }
    let silent = chains.iter().filter(|chain| chain.silent);
    let silent: Vec<_> =
        silent.map(|chain| format!("{} since {}", chain.device, rfc3339(chain.received_at))).collect();
    if !silent.is_empty() {
        let (count, of) = (silent.len(), named(silent.into_iter()));
        lines.push(format!(
            "incomplete: {count} devices were not heard of since, and may have more to tell: {of}"
        ));
    }
    if !unheard.is_empty() {
        let of = named(unheard.iter().map(ToString::to_string));
        lines.push(format!("incomplete: {} devices have never told of usage: {of}", unheard.len()));
    }
    lines.extend(of_losses(losses));
    lines.extend(of_quarantine(quarantined));
    let forked = chains.iter().filter(|chain| chain.forked);
    let forked: Vec<_> = forked.map(|chain| chain.device.to_string()).collect();
    if !forked.is_empty() {
        let of = named(forked.into_iter());
        lines.push(format!("incomplete: chains contradict themselves and are taken no further: {of}"));
    }
    if lines.is_empty() {
        lines.push("complete: every device has told what it has".to_owned());
    }
    lines
}

fn of_losses(losses: &[LossRow]) -> Option<String> {
    let lost: u64 = losses.iter().map(|loss| loss.to_seq - loss.from_seq + 1).sum();
    let of = named(
        losses
            .iter()
            .map(|loss| format!("{} {} to {} ({})", loss.device, loss.from_seq, loss.to_seq, loss.reason)),
    );
    (lost > 0).then(|| format!("incomplete: {lost} records are lost and may be of this period: {of}"))
}

fn of_quarantine(quarantined: &[QuarantineRow]) -> Option<String> {
    let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
    quarantined.iter().for_each(|row| *reasons.entry(&row.reason).or_default() += 1);
    let of = named(reasons.iter().map(|(reason, count)| format!("{count} {reason}")));
    let count = quarantined.len();
    (count > 0).then(|| {
        format!(
            "incomplete: {count} records of this period are in quarantine: {of}; see usage quarantine list"
        )
    })
}

fn named(names: impl ExactSizeIterator<Item = String>) -> String {
    let more = names.len().saturating_sub(NAMED_MAX);
    let mut text = names.take(NAMED_MAX).collect::<Vec<_>>().join(", ");
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    text
}

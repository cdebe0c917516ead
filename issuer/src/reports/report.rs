//! The report: sums by whatever is asked for, corrections apart and in the net, and what they may lack.

use super::bucket::{Bucket, Grain, bucket};
use super::period::{Bound, begins, quarters};
use super::{BooksError, walk};
use crate::admin::Admin;
use crate::amount::{Amount, TooLarge};
use crate::catalog::Meters;
use crate::storage::{BookedRecord, Lacks, Origin, SumScope, UsageSum};
use crate::usage::parts;
use brink_license::usage::{Record, quarter_of};
use brink_license::{DeviceId, Slug, TenantId, UnixSeconds};
use chrono_tz::Tz;
use std::collections::BTreeMap;

/// A period that is not over yet has devices that were not heard of since its end: all of them. There, a day of silence
/// is what is said.
const SILENCE_SECONDS: i64 = 86_400;

/// By what sums are told apart, beside the meter: units of two meters never add up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// By nothing else.
    Meter,
    /// By device.
    Device,
    /// By camera, or what else used it.
    Camera,
    /// By month of the tenant.
    Month,
    /// By day of the tenant.
    Day,
    /// By hour of the tenant's clocks.
    Hour,
    /// By quarter of an hour.
    Quarter,
}

impl By {
    /// The word in headings and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Meter => "meter",
            Self::Device => "device",
            Self::Camera => "camera",
            Self::Month => "month",
            Self::Day => "day",
            Self::Hour => "hour",
            Self::Quarter => "quarter",
        }
    }

    fn key(self, sum: &UsageSum, zone: Tz) -> Bucket {
        let text = |label: &str| Bucket { order: 0, label: label.to_owned() };
        match self {
            Self::Meter => text(sum.meter.as_str()),
            Self::Device => text(sum.device.as_str()),
            Self::Camera => text(&sum.resource),
            Self::Month => bucket(Grain::Month, sum.quarter, zone),
            Self::Day => bucket(Grain::Day, sum.quarter, zone),
            Self::Hour => bucket(Grain::Hour, sum.quarter, zone),
            Self::Quarter => bucket(Grain::Quarter, sum.quarter, zone),
        }
    }
}

/// What to report.
#[derive(Clone, Debug)]
pub struct ReportOrder {
    /// Whose.
    pub tenant: TenantId,
    /// From here on.
    pub from: Bound,
    /// Up to here, exclusive.
    pub to: Bound,
    /// Told apart by these.
    pub by: Vec<By>,
    /// Of this meter alone.
    pub meter: Option<Slug>,
    /// Of this device alone.
    pub device: Option<DeviceId>,
}

/// Sums, with corrections apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// From records.
    pub recorded: Amount,
    /// Of corrections.
    pub corrections: Amount,
    /// How many uses were recorded.
    pub uses: u64,
}

impl Sums {
    fn add(&mut self, sum: &UsageSum) -> Result<(), TooLarge> {
        match sum.origin {
            Origin::Recorded => self.recorded = self.recorded.plus(sum.amount)?,
            Origin::Corrected => self.corrections = self.corrections.plus(sum.amount)?,
        }
        self.uses = self.uses.saturating_add(sum.count);
        self.net().map(drop)
    }

    /// Both together.
    pub fn net(&self) -> Result<Amount, TooLarge> {
        self.recorded.plus(self.corrections)
    }
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportLine {
    /// Of what.
    pub meter: Slug,
    /// By what, in the order in which it was asked for.
    pub keys: Vec<String>,
    /// How much.
    pub sums: Sums,
}

/// A report.
#[derive(Clone, Debug)]
pub struct Report {
    /// Whose.
    pub tenant: TenantId,
    /// The zone of its days.
    pub zone: Tz,
    /// From here on.
    pub from: UnixSeconds,
    /// Up to here, exclusive.
    pub to: UnixSeconds,
    /// By what, beside the meter.
    pub by: Vec<By>,
    /// By meter, and then by what was asked for.
    pub lines: Vec<ReportLine>,
    /// Of each meter.
    pub totals: Vec<ReportLine>,
    /// What it may lack.
    pub lacks: Lacks,
    /// Whether the period has ended.
    pub is_over: bool,
}

impl Report {
    /// Whether nothing is known to be absent and the period is over.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.is_over && self.lacks == Lacks::default()
    }
}

impl Admin {
    /// Adds up a period.
    pub fn usage_report(&self, order: &ReportOrder) -> Result<Report, BooksError> {
        self.usage_report_within(order, usize::MAX)
    }

    /// The same, unless it would have more lines.
    pub fn usage_report_within(&self, order: &ReportOrder, lines_max: usize) -> Result<Report, BooksError> {
        let (zone, now) = (self.storage.tenant_row(&order.tenant)?.zone, self.clock.now());
        let quarters = quarters(order.from, order.to, zone)?;
        let (from, to) = (begins(quarters.start), begins(quarters.end));
        if let Some(device) = &order.device {
            self.storage.device_key(device)?;
        }
        let meters = &self.catalog.meters;
        let meter = order.meter.as_ref().map(|meter| meters.meant(meter).clone());
        let (tenant, device) = (order.tenant.clone(), order.device.clone());
        let scope = SumScope { tenant, quarters, meter, device };
        let mut by: Vec<By> = order.by.iter().copied().filter(|by| *by != By::Meter).collect();
        let mut seen = Vec::new();
        by.retain(|one| {
            !seen.contains(one) && {
                seen.push(*one);
                true
            }
        });
        let mut adding = Adding { zone, by: &by, lines_max, lines: BTreeMap::new(), totals: BTreeMap::new() };
        let heard_since = to.min(now.saturating_add(-SILENCE_SECONDS));
        let mut lacks =
            walk(|sum| adding.add(&sum), |take| self.storage.usage_sums(&scope, heard_since, take))?;
        lacks.quarantined.retain(|row| may_lie_in(&row.record, &scope, meters));
        let (lines, totals) = adding.done();
        let is_over = to <= now;
        Ok(Report { tenant: scope.tenant, zone, from, to, by, lines, totals, lacks, is_over })
    }
}

/// Where the books would have it, by the meter's name there. What cannot be read might be of any meter.
fn may_lie_in(stored: &BookedRecord, scope: &SumScope, meters: &Meters) -> bool {
    let Ok(record) = Record::from_bytes(&stored.bytes) else {
        return scope.quarters.contains(&quarter_of(stored.event_ms));
    };
    let is_of = |meter| scope.meter.as_ref().is_none_or(|wanted| wanted == meter);
    let parts = parts(&record, stored.event_ms, stored.bounds(), meters);
    parts.iter().any(|(key, _)| is_of(&key.meter) && scope.quarters.contains(&key.quarter))
}

struct Adding<'b> {
    zone: Tz,
    by: &'b [By],
    lines_max: usize,
    lines: BTreeMap<(Slug, Vec<Bucket>), Sums>,
    totals: BTreeMap<Slug, Sums>,
}

impl Adding<'_> {
    fn add(&mut self, sum: &UsageSum) -> Result<(), BooksError> {
        let keys = self.by.iter().map(|by| by.key(sum, self.zone)).collect();
        self.lines.entry((sum.meter.clone(), keys)).or_default().add(sum)?;
        if self.lines.len() > self.lines_max {
            return Err(BooksError::TooManyLines(self.lines_max));
        }
        Ok(self.totals.entry(sum.meter.clone()).or_default().add(sum)?)
    }

    fn done(self) -> (Vec<ReportLine>, Vec<ReportLine>) {
        let line = |((meter, keys), sums): ((Slug, Vec<Bucket>), Sums)| {
            let keys = keys.into_iter().map(|key| key.label).collect();
            ReportLine { meter, keys, sums }
        };
        let total = |(meter, sums)| ReportLine { meter, keys: Vec::new(), sums };
        (self.lines.into_iter().map(line).collect(), self.totals.into_iter().map(total).collect())
    }
}

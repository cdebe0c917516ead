//! Sums of what devices used.

use crate::calendar::rfc3339;
use crate::http::admin::failure::{Failure, echoed};
use crate::http::admin::route::{Call, Handled};
use crate::reports::BooksError;
use crate::reports::period::Bound;
use crate::reports::report::{By, Report, ReportLine, ReportOrder};
use crate::storage::{ChainStanding, LossRow, QuarantineRow, StorageError};
use brink_license::{DeviceId, Slug, TenantId};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// Lines of a report: what one answer holds in memory. Whoever needs more takes the export.
const LINES_MAX: usize = 10_000;

/// What to add up.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct ReportQuery {
    /// From this day of the tenant on, or from this instant: 2026-03-01 or 2026-03-01T00:15:00+01:00.
    #[param(max_length = 64, pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}", example = "2026-03-01")]
    from: String,
    /// Up to this day or instant, which is not part of it any more.
    #[param(max_length = 64, pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}", example = "2026-04-01")]
    to: String,
    /// What to tell apart beside the meter, with commas between: device, camera, month, day, hour, quarter.
    #[param(max_length = 64, example = "device,day")]
    by: Option<String>,
    /// This meter alone.
    #[param(min_length = 1, max_length = 128)]
    meter: Option<String>,
    /// This device alone.
    #[param(min_length = 1, max_length = 255)]
    device: Option<String>,
}

/// A report.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct UsageReport {
    /// Whose.
    #[schema(value_type = String)]
    tenant: TenantId,
    /// The zone of its days.
    timezone: String,
    /// From here on, RFC 3339.
    #[schema(format = DateTime)]
    from: String,
    /// Up to here, exclusive, RFC 3339.
    #[schema(format = DateTime)]
    to: String,
    /// By meter, and then by what was asked for.
    lines: Vec<UsageLine>,
    /// Of each meter.
    totals: Vec<UsageLine>,
    /// Whether nothing is known to be absent and the period is over.
    complete: bool,
    /// Whether the period has ended.
    period_over: bool,
    /// Chains with something that is not on record, or that nobody has heard of since the period ended.
    chains: Vec<Chain>,
    /// Numbers that will never come, and that may lie in the period.
    losses: Vec<Loss>,
    /// Records that were set aside and may lie in the period.
    quarantined: Vec<Aside>,
    /// Devices in service that have never said anything of usage.
    #[schema(value_type = Vec<String>)]
    unheard: Vec<DeviceId>,
}

/// A line of a report. Quantities are exact decimals, as text.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct UsageLine {
    /// Of what.
    #[schema(value_type = String)]
    meter: Slug,
    /// By what, under the names that were asked for.
    keys: BTreeMap<&'static str, String>,
    /// From records.
    recorded: String,
    /// Of corrections.
    corrections: String,
    /// Both together.
    net: String,
    /// How many uses were recorded.
    uses: u64,
}

/// Where a chain stands.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct Chain {
    /// The device.
    #[schema(value_type = String)]
    device: DeviceId,
    /// The activation.
    epoch: u32,
    /// The last record that is on record.
    seq: u64,
    /// The last record that its device has.
    reported_seq: u64,
    /// When the device was last heard of, RFC 3339.
    #[schema(format = DateTime)]
    heard_at: String,
    /// Nothing more of it is taken.
    forked: bool,
    /// It was not heard of since the period ended.
    silent: bool,
}

/// Numbers that will never come.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct Loss {
    /// The device.
    #[schema(value_type = String)]
    device: DeviceId,
    /// The activation.
    epoch: u32,
    /// The first.
    from_seq: u64,
    /// The last.
    to_seq: u64,
    /// `recovered` or `restored`.
    reason: String,
    /// When the issuer learnt of it, RFC 3339.
    #[schema(format = DateTime)]
    at: String,
}

/// A record that is in no sum.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct Aside {
    /// Its number in the quarantine.
    id: i64,
    /// The device.
    #[schema(value_type = String)]
    device: DeviceId,
    /// The activation.
    epoch: u32,
    /// The record.
    seq: u64,
    /// Why, in one word.
    reason: String,
}

impl From<ChainStanding> for Chain {
    fn from(chain: ChainStanding) -> Self {
        let ChainStanding { device, epoch, seq, reported_seq, received_at, forked, silent } = chain;
        Self { device, epoch, seq, reported_seq, heard_at: rfc3339(received_at), forked, silent }
    }
}

impl From<LossRow> for Loss {
    fn from(loss: LossRow) -> Self {
        let LossRow { device, epoch, from_seq, to_seq, reason, at } = loss;
        Self { device, epoch, from_seq, to_seq, reason, at: rfc3339(at) }
    }
}

impl From<QuarantineRow> for Aside {
    fn from(row: QuarantineRow) -> Self {
        let QuarantineRow { id, record, reason, .. } = row;
        Self { id, device: record.device, epoch: record.epoch, seq: record.seq, reason }
    }
}

fn line(by: &[By], line: ReportLine) -> Result<UsageLine, Failure> {
    let net = line.sums.net().map_err(BooksError::from)?;
    Ok(UsageLine {
        meter: line.meter,
        keys: by.iter().map(|by| by.as_str()).zip(line.keys).collect(),
        recorded: line.sums.recorded.to_string(),
        corrections: line.sums.corrections.to_string(),
        net: net.to_string(),
        uses: line.sums.uses,
    })
}

fn by(text: Option<&str>) -> Result<Vec<By>, Failure> {
    let words = text.into_iter().flat_map(|text| text.split(','));
    let one = |word: &str| {
        By::from_str(word, false).map_err(|_| {
            let detail =
                format!("by {} is none of meter, device, camera, month, day, hour, quarter", echoed(word));
            Failure::malformed("BAD_BY", detail)
        })
    };
    words.map(one).collect()
}

/// A device of a filter. One of another tenant is answered like one that there is not.
pub(super) fn device_of(
    tenant: &TenantId,
    text: Option<&str>,
    storage: &dyn crate::storage::Storage,
) -> Result<Option<DeviceId>, Failure> {
    let Some(text) = text else { return Ok(None) };
    let bad = |_| Failure::malformed("BAD_ID", format!("{} cannot be the id of a device", echoed(text)));
    let device: DeviceId = text.parse().map_err(bad)?;
    let owner = storage.tenant_of(&device)?;
    if owner.as_ref() == Some(tenant) {
        return Ok(Some(device));
    }
    Err(StorageError::UnknownDevice(device).into())
}

pub(in crate::http::admin) fn report(call: Call<'_, TenantId, ReportQuery, ()>) -> Handled<UsageReport> {
    let Call { context, at, query, .. } = call;
    let bound = |text: &str| text.parse::<Bound>().map_err(|error| Failure::from(BooksError::from(error)));
    let meter = query.meter.as_deref().map(|text| {
        let bad = |_| Failure::malformed("BAD_ID", format!("{} cannot be the name of a meter", echoed(text)));
        text.parse::<Slug>().map_err(bad)
    });
    let order = ReportOrder {
        from: bound(&query.from)?,
        to: bound(&query.to)?,
        by: by(query.by.as_deref())?,
        meter: meter.transpose()?,
        device: device_of(&at, query.device.as_deref(), &*context.admin.storage)?,
        tenant: at,
    };
    let report = context.admin.usage_report_within(&order, LINES_MAX)?;
    Ok(shown(report)?.into())
}

fn shown(report: Report) -> Result<UsageReport, Failure> {
    let (complete, period_over) = (report.is_complete(), report.is_over);
    let lines = report.lines.into_iter().map(|one| line(&report.by, one));
    Ok(UsageReport {
        timezone: report.zone.name().to_owned(),
        from: rfc3339(report.from),
        to: rfc3339(report.to),
        lines: lines.collect::<Result<_, _>>()?,
        totals: report.totals.into_iter().map(|one| line(&[], one)).collect::<Result<_, _>>()?,
        complete,
        period_over,
        chains: report.lacks.chains.into_iter().map(Chain::from).collect(),
        losses: report.lacks.losses.into_iter().map(Loss::from).collect(),
        quarantined: report.lacks.quarantined.into_iter().map(Aside::from).collect(),
        unheard: report.lacks.unheard,
        tenant: report.tenant,
    })
}

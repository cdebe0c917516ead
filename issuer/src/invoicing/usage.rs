//! What was used on which local day, from the sums of the books; and the evidence that usage lines name. Called where periods are
//! closed and explained.

use super::error::InvoiceError;
use crate::amount::Amount;
use crate::billing::{Charge, Exact, Period, Tariff, Usage};
use crate::calendar::{local_day, local_midnight};
use crate::catalog::Meters;
use crate::reports::period::begins;
use crate::secret::sha256;
use crate::storage::{CostRow, Lacks, Storage, SumScope};
use brink_license::usage::QUARTER_MS;
use brink_license::{DeviceId, Slug, TenantId};
use chrono::NaiveDate;
use chrono_tz::Tz;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::{ControlFlow, Range};

/// What one device used of one meter on one local day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sum {
    amount: Amount,
    uses: u64,
}

/// What a tenant used, by meter, day and device.
#[derive(Debug)]
pub(super) struct UsageDays {
    sums: BTreeMap<Slug, BTreeMap<NaiveDate, BTreeMap<DeviceId, Sum>>>,
    /// What they may lack.
    pub(super) lacks: Lacks,
}

impl UsageDays {
    /// Everything on these local days, in one walk over the books; devices that were not heard of since the last of them may
    /// have more to tell.
    pub(super) fn load(
        storage: &dyn Storage,
        (tenant, zone): (&TenantId, Tz),
        days: Range<NaiveDate>,
        meters: &Meters,
    ) -> Result<Self, InvoiceError> {
        let quarter = |day| local_midnight(day, zone).as_i64().div_euclid(QUARTER_MS / 1000);
        let quarters = quarter(days.start)..quarter(days.end);
        let scope = SumScope { tenant: tenant.clone(), quarters, meter: None, device: None };
        let mut sums: BTreeMap<Slug, BTreeMap<NaiveDate, BTreeMap<DeviceId, Sum>>> = BTreeMap::new();
        let mut known: Option<(i64, NaiveDate)> = None;
        let mut is_too_large = false;
        let lacks = storage.usage_sums(&scope, local_midnight(days.end, zone), &mut |sum| {
            // They come in the order of their quarters.
            let day = known.filter(|(quarter, _)| *quarter == sum.quarter).map(|(_, day)| day);
            let day = day.unwrap_or_else(|| local_day(begins(sum.quarter), zone));
            known = Some((sum.quarter, day));
            let meter = meters.meant(&sum.meter).clone();
            let entry = sums.entry(meter).or_default().entry(day).or_default().entry(sum.device).or_default();
            let Ok(amount) = entry.amount.plus(sum.amount) else {
                is_too_large = true;
                return ControlFlow::Break(());
            };
            *entry = Sum { amount, uses: entry.uses.saturating_add(sum.count) };
            ControlFlow::Continue(())
        })?;
        if is_too_large {
            return Err(InvoiceError::TooLarge(tenant.clone()));
        }
        Ok(Self { sums, lacks })
    }

    /// What of a period is rated, by meter and day, and the digests of what that was added up from, by meter.
    pub(super) fn of_period(
        &self,
        tariff: &Tariff,
        period: &Period,
        costs: &[CostRow],
    ) -> (Vec<Usage>, Vec<([u8; 32], Slug)>) {
        let (mut entries, mut evidence) = (Vec::new(), Vec::new());
        for (_, charge) in tariff.charges() {
            let Some(meter) = charge.meter() else { continue };
            let body = self.body(meter, period);
            let digest = (!body.is_empty()).then(|| sha256(body.as_bytes()));
            for (day, amount) in self.by_day(meter, period) {
                entries.push(Usage {
                    meter: meter.clone(),
                    on: Some(day),
                    quantity: Exact::from(amount),
                    included: Exact::zero(),
                    cost: Exact::zero(),
                    evidence: digest,
                });
            }
            if matches!(charge, Charge::PassThrough { .. }) {
                let of_meter = costs.iter().filter(|cost| cost.meter == *meter && period.bills(cost.on));
                entries.extend(of_meter.map(|cost| Usage {
                    meter: meter.clone(),
                    on: Some(cost.on),
                    quantity: Exact::zero(),
                    included: Exact::zero(),
                    cost: Exact::from(cost.amount),
                    evidence: digest,
                }));
            }
            evidence.extend(digest.map(|digest| (digest, meter.clone())));
        }
        (entries, evidence)
    }

    fn of_meter<'s>(
        &'s self,
        meter: &'s Slug,
        period: &'s Period,
    ) -> impl Iterator<Item = (NaiveDate, &'s DeviceId, &'s Sum)> {
        let days = self.sums.get(meter).into_iter().flat_map(|days| days.range(period.billed().clone()));
        days.flat_map(|(day, devices)| devices.iter().map(|(device, sum)| (*day, device, sum)))
    }

    /// All of a meter in a period.
    pub(super) fn total(&self, meter: &Slug, period: &Period) -> Amount {
        self.by_day(meter, period).into_values().fold(Amount::ZERO, Amount::saturating_plus)
    }

    fn by_day(&self, meter: &Slug, period: &Period) -> BTreeMap<NaiveDate, Amount> {
        let mut days: BTreeMap<NaiveDate, Amount> = BTreeMap::new();
        for (day, _, sum) in self.of_meter(meter, period) {
            let entry = days.entry(day).or_default();
            *entry = entry.saturating_plus(sum.amount);
        }
        days
    }

    /// One line a day and device: `day device meter quantity uses`, sorted.
    pub(super) fn body(&self, meter: &Slug, period: &Period) -> String {
        let mut body = String::new();
        for (day, device, sum) in self.of_meter(meter, period) {
            // Writing into a text cannot fail.
            let _ = writeln!(body, "{day} {device} {meter} {} {}", sum.amount, sum.uses);
        }
        body
    }
}

/// What sums may lack, in words for whoever reads the invoice.
pub(super) fn lacks_in_words(lacks: &Lacks) -> Vec<String> {
    let mut words = Vec::new();
    for chain in &lacks.chains {
        let device = &chain.device;
        words.push(if chain.forked {
            format!("device {device} contradicted itself, nothing more of its usage is taken")
        } else if chain.reported_seq > chain.seq {
            format!("device {device} has {} records that have not come yet", chain.reported_seq - chain.seq)
        } else {
            format!("device {device} was not heard of since the period ended")
        });
    }
    words.extend(lacks.losses.iter().map(|loss| {
        format!("records {} to {} of device {} are lost", loss.from_seq, loss.to_seq, loss.device)
    }));
    words.extend(lacks.quarantined.iter().map(|row| {
        format!("number {} of device {} is in quarantine: {}", row.id, row.record.device, row.reason)
    }));
    words.extend(
        lacks.unheard.iter().map(|device| format!("device {device} has never said anything of usage")),
    );
    words
}

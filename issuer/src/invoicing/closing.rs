//! Closing periods: what a period of a tenant comes to, and what of earlier ones came late, becomes drafts; the next period is
//! billed in advance (R8). Computed outside of any transaction and recorded only if nobody else recorded something meanwhile,
//! so that any number of workers may close the same period: one does, the others find it closed.

use super::contract::{self, Contract, Sold};
use super::document::{Days, Document};
use super::drafting::{Drafting, OfPeriod, billed, draft};
use super::error::InvoiceError;
use super::profile::TenantProfile;
use super::usage::{UsageDays, lacks_in_words};
use super::{Invoicing, note};
use crate::billing::{
    Cycle, Discount, Exact, Line, Period, RatingError, Terms, Usage, advance, desired, difference,
};
use crate::calendar::local_day;
use crate::secret::hex;
use crate::storage::{BillingEvidence, BillingView, CameraEvent, DeviceLife, NewClosing};
use crate::usage::moment::LATE_DAYS_MAX;
use brink_license::{Slug, TenantId};
use chrono::{Days as Count, NaiveDate};
use std::collections::{BTreeMap, BTreeSet};

/// How often a closing is computed again because somebody else recorded something of the tenant's.
const ATTEMPTS: u32 = 10;

/// The digest of what a meter was added up from in a period.
type Evidence = ([u8; 32], Slug, Period);
/// What comes of closing, and what is recorded of it.
type Computed = (Closed, NewClosing);

/// What came of closing.
#[derive(Debug)]
pub struct Closed {
    /// The period.
    pub period: Days,
    /// Drafts; none where nothing was left to invoice.
    pub documents: Vec<Document>,
    /// What sums of usage may lack.
    pub lacks: Vec<String>,
}

/// Everything that a closing is computed from.
struct Books {
    view: BillingView,
    devices: Vec<DeviceLife>,
    cameras: Vec<CameraEvent>,
    profile: Option<TenantProfile>,
}

impl Books {
    fn sold(&self) -> Sold<'_> {
        Sold {
            tenant: &self.view.tenant,
            versions: &self.view.versions,
            devices: &self.devices,
            cameras: &self.cameras,
        }
    }

    fn cycle(&self) -> Cycle {
        self.profile.as_ref().map_or(Cycle::Calendar, TenantProfile::cycle)
    }

    fn discounts(&self, period: Days) -> Vec<Discount> {
        self.profile
            .as_ref()
            .map_or_else(Vec::new, |profile| profile.discounts(period, self.view.tenant.currency))
    }

    fn around(&self, day: NaiveDate) -> Result<Period, InvoiceError> {
        let found = Period::around(self.cycle(), day, self.view.tenant.zone);
        found.ok_or_else(|| InvoiceError::NoPeriod(day, self.view.tenant.id.clone()))
    }
}

const fn days(period: &Period) -> Days {
    Days { from: period.from, to: period.to }
}

impl Invoicing {
    /// Closes every period of a tenant that is over and not closed, up to that of a day, or up to the last that is over. What
    /// is closed already stays as it is, and is not answered.
    pub fn close(&self, tenant: &TenantId, through: Option<NaiveDate>) -> Result<Vec<Closed>, InvoiceError> {
        let mut closed = Vec::new();
        while let Some(one) = self.close_next(tenant, through)? {
            closed.push(one);
        }
        Ok(closed)
    }

    /// The first of these alone, so that whoever closes several knows what was closed before one failed.
    pub fn close_next(
        &self,
        tenant: &TenantId,
        through: Option<NaiveDate>,
    ) -> Result<Option<Closed>, InvoiceError> {
        self.recorded(tenant, &|books| {
            let Some(period) = self.next(books, through)? else { return Ok(None) };
            self.closing(books, &period).map(Some)
        })
    }

    /// Closes the period that was closed last once more: what was discarded since, and what came late. `None` where nothing
    /// was closed yet, or nothing came of it.
    pub fn close_again(&self, tenant: &TenantId) -> Result<Option<Closed>, InvoiceError> {
        self.recorded(tenant, &|books| {
            let Some(last) = books.view.closings.last() else { return Ok(None) };
            let made = self.closing(books, &books.around(last.period.from)?)?;
            Ok((!made.0.documents.is_empty()).then_some(made))
        })
    }

    /// Records what is computed, computed anew for as long as somebody else was faster.
    fn recorded(
        &self,
        tenant: &TenantId,
        computed: &dyn Fn(&Books) -> Result<Option<Computed>, InvoiceError>,
    ) -> Result<Option<Closed>, InvoiceError> {
        for _ in 0..ATTEMPTS {
            let Some((made, new)) = computed(&self.books(tenant)?)? else { return Ok(None) };
            if self.storage.close_period(tenant, &new)? {
                return Ok(Some(made));
            }
        }
        Err(InvoiceError::Contended(tenant.clone()))
    }

    /// What closing the next period would come to; nothing is recorded. `None` where every period that is over is closed.
    pub fn preview(
        &self,
        tenant: &TenantId,
        through: Option<NaiveDate>,
    ) -> Result<Option<Closed>, InvoiceError> {
        let books = self.books(tenant)?;
        let Some(period) = self.next(&books, through)? else { return Ok(None) };
        Ok(Some(self.closing(&books, &period)?.0))
    }

    fn books(&self, tenant: &TenantId) -> Result<Books, InvoiceError> {
        let view = self.storage.billing_view(tenant, self.counts_since(tenant)?)?;
        let profile = view.profile.as_ref().map(|row| TenantProfile::kept(&row.body)).transpose()?;
        let (devices, cameras) = (self.storage.device_lives(tenant)?, self.storage.camera_history(tenant)?);
        Ok(Books { view, devices, cameras, profile })
    }

    /// From when on documents count: what may be rated again when the oldest period that is still open is closed. A period is a
    /// month at most, and a month more is room for zones.
    fn counts_since(&self, tenant: &TenantId) -> Result<NaiveDate, InvoiceError> {
        let today = local_day(self.clock.now(), chrono_tz::Tz::UTC);
        let closings = self.storage.closings(tenant)?;
        let last = closings.last().map_or(today, |closing| closing.period.to.min(today));
        Ok(last.checked_sub_days(Count::new(LATE_DAYS_MAX + 62)).unwrap_or(NaiveDate::MIN))
    }

    /// The period that is closed next.
    fn next(&self, books: &Books, through: Option<NaiveDate>) -> Result<Option<Period>, InvoiceError> {
        let tenant = &books.view.tenant;
        let begins = contract::begins(books.sold());
        let begins = begins.ok_or_else(|| InvoiceError::NothingSold(tenant.id.clone()))?;
        let today = local_day(self.clock.now(), tenant.zone);
        if let Some(through) = through {
            let asked = books.around(through)?;
            if asked.to > today {
                return Err(InvoiceError::Running { tenant: tenant.id.clone(), period: days(&asked) });
            }
        }
        let next = books.around(books.view.closings.last().map_or(begins, |closing| closing.period.to))?;
        let is_due = next.to <= today && through.is_none_or(|through| next.from <= through);
        Ok(is_due.then_some(next))
    }

    fn closing(&self, books: &Books, period: &Period) -> Result<Computed, InvoiceError> {
        let (view, now) = (&books.view, self.clock.now());
        let oldest = period.from.checked_sub_days(Count::new(LATE_DAYS_MAX)).unwrap_or(NaiveDate::MIN);
        // Of a period that ended within these days something may still have come.
        let is_late = |days: &Days| days.to > oldest && days.from < period.from;
        let late = view.closings.iter().map(|closing| closing.period).filter(is_late).map(|days| days.from);
        let mut periods = late.map(|from| books.around(from)).collect::<Result<Vec<_>, _>>()?;
        periods.push(period.clone());
        let range = periods.first().map_or(period.from, |first| first.from)..period.to;
        let whose = (&view.tenant.id, view.tenant.zone);
        let used = UsageDays::load(&*self.storage, whose, range, &self.meters)?;
        let (mut all, mut evidence) = (Vec::new(), Vec::new());
        let mut catalogs = BTreeMap::new();
        for period in &periods {
            let Some(contract) = self.contract(books, period, &mut catalogs)? else { continue };
            let (one, found) = rated(books, &contract, &used)?;
            all.push(one);
            evidence.extend(found);
        }
        if let Some(contract) = self.contract(books, &books.around(period.to)?, &mut catalogs)? {
            all.push(in_advance(books, &contract)?);
        }
        let lacks = lacks_in_words(&used.lacks);
        let taxes = books.profile.as_ref().map_or_else(Vec::new, TenantProfile::taxes);
        let drafting = Drafting {
            tenant: &view.tenant,
            period: days(period),
            now,
            documents: &view.documents,
            taxes: &taxes,
            lacks: &lacks,
        };
        let documents = draft(&drafting, &all)?;
        let lines = documents.iter().flat_map(|document| &document.lines);
        let named: BTreeSet<&String> = lines.flat_map(|line| &line.evidence).collect();
        // Only now is it known which few of them are wanted whole.
        evidence.retain(|(digest, ..): &Evidence| named.contains(&hex(digest)));
        let evidence = evidence
            .into_iter()
            .map(|(digest, meter, period)| BillingEvidence { digest, body: used.body(&meter, &period) });
        let detail = serde_json::json!({
            "from": period.from.to_string(), "to": period.to.to_string(),
            "documents": documents.iter().map(|document| &document.id).collect::<Vec<_>>(), "lacks": lacks.len(),
        });
        let note =
            note((Some(&view.tenant.id), now, &self.actor), "period.close", period.from.to_string(), detail);
        let new = NewClosing {
            mark: view.mark,
            period: days(period),
            documents: documents.clone(),
            evidence: evidence.collect(),
            catalogs,
            accepts_catalogs: self.accepts_catalogs,
            note,
        };
        Ok((Closed { period: days(period), documents, lacks }, new))
    }

    /// What a period is rated by, with the very text of the catalogue that it was rated by before.
    fn contract(
        &self,
        books: &Books,
        period: &Period,
        catalogs: &mut BTreeMap<u64, [u8; 32]>,
    ) -> Result<Option<Contract>, InvoiceError> {
        let Some(contract) = contract::contract(books.sold(), &self.catalogs, period)? else {
            return Ok(None);
        };
        let version = contract.tariff.catalogue;
        let is_other = books.view.catalogs.get(&version).is_some_and(|known| *known != contract.catalog);
        if is_other && !self.accepts_catalogs {
            return Err(InvoiceError::CatalogueChanged { version });
        }
        catalogs.insert(version, contract.catalog);
        Ok(Some(contract))
    }
}

/// What a period still comes to.
fn rated(
    books: &Books,
    contract: &Contract,
    used: &UsageDays,
) -> Result<(OfPeriod, Vec<Evidence>), InvoiceError> {
    let period = &contract.period;
    let is_beyond = |(_, meter): &&(Slug, Slug)| {
        let included = contract.included.get(meter).cloned().unwrap_or_else(Exact::zero);
        let of_part = included.times(&Exact::whole(period.billed_days())).over(period.length()).ceiled();
        Exact::from(used.total(meter, period)) > of_part
    };
    if let Some((price, _)) = contract.unpriced.iter().find(is_beyond) {
        return Err(rating_failed(books, period, RatingError::UnknownPrice(price.clone())));
    }
    let (mut usage, evidence) = used.of_period(&contract.tariff, period, &books.view.costs);
    usage.extend(included(contract));
    let discounts = books.discounts(days(period));
    let lines = desired(terms(contract, &discounts), &usage, period);
    let lines = lines.map_err(|error| rating_failed(books, period, error))?;
    let evidence = evidence.into_iter().map(|(digest, meter)| (digest, meter, period.clone())).collect();
    Ok((left(books, contract, &discounts, lines)?, evidence))
}

/// What the next period comes to, as it begins.
fn in_advance(books: &Books, contract: &Contract) -> Result<OfPeriod, InvoiceError> {
    let discounts = books.discounts(days(&contract.period));
    let lines = advance(terms(contract, &discounts), &contract.period);
    let lines = lines.map_err(|error| rating_failed(books, &contract.period, error))?;
    left(books, contract, &discounts, lines)
}

/// What of lines is not billed yet.
fn left(
    books: &Books,
    contract: &Contract,
    discounts: &[Discount],
    lines: Vec<Line>,
) -> Result<OfPeriod, InvoiceError> {
    let period = days(&contract.period);
    let before = billed(&books.view.documents, period);
    let differences = difference(terms(contract, discounts), &contract.period, lines, &before);
    let differences = differences.map_err(|error| rating_failed(books, &contract.period, error))?;
    Ok(OfPeriod { period, differences })
}

fn terms<'c>(contract: &'c Contract, discounts: &'c [Discount]) -> Terms<'c> {
    let Contract { tariff, timeline, grants, .. } = contract;
    Terms { tariff, timeline, grants, discounts }
}

fn rating_failed(books: &Books, period: &Period, error: RatingError) -> InvoiceError {
    InvoiceError::Rating { tenant: books.view.tenant.id.clone(), period: days(period), error }
}

/// What is included of each meter that has a price.
fn included(contract: &Contract) -> Vec<Usage> {
    let has_price = |(meter, _): &(&Slug, &Exact)| contract.tariff.of_meter(meter).is_some();
    let entry = |(meter, units): (&Slug, &Exact)| Usage {
        meter: meter.clone(),
        on: Some(contract.period.billed().start),
        quantity: Exact::zero(),
        included: units.clone(),
        cost: Exact::zero(),
        evidence: None,
    };
    contract.included.iter().filter(has_price).map(entry).collect()
}

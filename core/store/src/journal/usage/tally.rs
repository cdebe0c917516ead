//! What one transaction knows of quotas: rows are read once, judged against by each use in its turn, and written at the end.

use super::super::JournalFault;
use super::quota_rows::{self, Found, Standing};
use super::terms::Terms;
use brink_license::usage::{Allowance, Quantity, Span, Spent};
use brink_license::{DeviceId, Slug, UnixSeconds};
use rusqlite::Connection;

/// The tallies of one transaction.
pub(super) struct Tallies<'c> {
    conn: &'c Connection,
    device: DeviceId,
    terms: Terms,
    now: UnixSeconds,
    /// Now, and as it is kept: read with the first row.
    standing: Option<(Standing, Standing)>,
    /// What the licence says of each meter that was asked for.
    allowances: Vec<(Slug, Option<Allowance>)>,
    tallies: Vec<Tally>,
}

struct Tally {
    meter: Slug,
    span: Span,
    spent: Spent,
    /// As its row says; `None` for one that is not there or not sound.
    kept: Option<Spent>,
}

/// Which of a transaction's tallies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TallyAt(usize);

impl<'c> Tallies<'c> {
    pub(super) fn new(conn: &'c Connection, device: DeviceId, (terms, now): (Terms, UnixSeconds)) -> Self {
        let (allowances, tallies) = (Vec::new(), Vec::new());
        Self { conn, device, terms, now, standing: None, allowances, tallies }
    }

    /// What is known of all quotas together.
    fn standing(&mut self) -> Result<&mut (Standing, Standing), JournalFault> {
        let standing = match self.standing {
            Some(standing) => standing,
            None => {
                let kept = quota_rows::standing(self.conn)?;
                (kept, kept)
            }
        };
        Ok(self.standing.insert(standing))
    }

    /// What the licence allows of a meter; `None` for one that it does not limit.
    pub(super) fn allowance(&mut self, meter: &Slug) -> Option<Allowance> {
        if let Some((_, known)) = self.allowances.iter().find(|(known, _)| known == meter) {
            return known.clone();
        }
        let found = self.terms.allowance(meter, self.now);
        self.allowances.push((meter.clone(), found.clone()));
        found
    }

    /// The tally of a meter and a span. A row that is not sound, or is not there and was, puts all firm quotas in doubt;
    /// what it said is counted again from the records.
    pub(super) fn of(&mut self, meter: &Slug, span: &Span) -> Result<TallyAt, JournalFault> {
        let known = self.tallies.iter().position(|tally| tally.meter == *meter && tally.span.key == span.key);
        if let Some(at) = known {
            return Ok(TallyAt(at));
        }
        self.standing()?;
        let (spent, kept) = match quota_rows::spent(self.conn, &self.device, meter, span)? {
            Found::Sound(spent) => (spent, Some(spent)),
            Found::Damaged => {
                self.standing()?.0.settled = false;
                (self.recounted(meter, span)?, None)
            }
            Found::Absent => (self.begun(meter, span)?, None),
        };
        self.tallies.push(Tally { meter: meter.clone(), span: span.clone(), spent, kept });
        Ok(TallyAt(self.tallies.len() - 1))
    }

    /// A span of which there is no row yet. Where one was lost, its meter is not the only one in doubt.
    fn begun(&mut self, meter: &Slug, span: &Span) -> Result<Spent, JournalFault> {
        let rows = quota_rows::rows_of(self.conn)?;
        if rows != self.standing()?.1.rows {
            self.standing()?.0 = Standing { settled: false, rows };
        } else if span.starts_at.is_none() && quota_rows::has_lease(self.conn, &self.device, (meter, span))? {
            // Another licence's life: records name tokens and not licences, but every licence has its row from its first
            // use on.
            return Ok(Spent::default());
        }
        self.recounted(meter, span)
    }

    fn recounted(&self, meter: &Slug, span: &Span) -> Result<Spent, JournalFault> {
        let used = quota_rows::recount(self.conn, &self.device, (meter, span))?;
        Ok(Spent { used, aside: Quantity::ZERO })
    }

    pub(super) fn spent(&self, at: TallyAt) -> Spent {
        self.tallies.get(at.0).map(|tally| tally.spent).unwrap_or_default()
    }

    pub(super) fn change(&mut self, at: TallyAt, change: impl FnOnce(&mut Spent)) {
        if let Some(tally) = self.tallies.get_mut(at.0) {
            change(&mut tally.spent);
        }
    }

    /// Whether records may be lost that the issuer has not heard of.
    pub(super) fn in_doubt(&self) -> bool {
        self.standing.is_some_and(|(now, _)| !now.settled)
    }

    /// Writes what changed, and says whether anything did.
    pub(super) fn finish(mut self) -> Result<bool, JournalFault> {
        let mut changed = false;
        for tally in self.tallies.iter().filter(|tally| tally.kept != Some(tally.spent)) {
            quota_rows::put_spent(self.conn, &self.device, (&tally.meter, &tally.span), &tally.spent)?;
            changed = true;
        }
        if self.tallies.iter().any(|tally| tally.kept.is_none()) {
            for tally in self.tallies.iter().filter(|tally| tally.kept.is_none()) {
                quota_rows::prune(self.conn, &self.device, (&tally.meter, &tally.span))?;
            }
            self.standing()?.0.rows = quota_rows::rows_of(self.conn)?;
        }
        if let Some((now, _)) = self.standing.filter(|(now, kept)| now != kept) {
            quota_rows::put_standing(self.conn, now)?;
            changed = true;
        }
        Ok(changed)
    }
}

//! The transaction of one group: each caller is judged in its turn, and what is allowed becomes records.

use super::super::{Journal, JournalFault};
use super::append::{Appender, begin};
use super::error::UsageError;
use super::rows;
use super::tally::{Tallies, TallyAt};
use super::terms::Terms;
use brink_license::UnixSeconds;
use brink_license::usage::{
    Allowance, DenialReason, Judged, Overage, Quantity, QuantityError, Span, Spent, Usage,
};
use brink_license::{ResourceId, Slug};
use std::path::Path;

/// What somebody asks of the journal.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) meter: Slug,
    pub(crate) resource: Option<ResourceId>,
    pub(crate) act: Act,
}

/// What is to be done.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Judge a use, and record it.
    Use(Quantity),
    /// Judge a use, and set as much aside.
    SetAside(Quantity),
    /// Set aside what is left of a firm quota, but no more than this.
    SetAsideUpTo(Quantity),
    /// Record work that was done, whatever the quota says; what was set aside for it is set free.
    Done { quantity: Quantity, count: u32, aside: Option<Aside> },
    /// Set free what was set aside.
    GiveBack(Aside),
}

/// A part of a quota that was set aside, durably.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Aside {
    pub(crate) span: Span,
    pub(crate) amount: Quantity,
}

/// Where a use went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The number of its record.
    pub seq: u64,
    /// What its meter has come to with that record.
    pub total: Quantity,
    /// How it stands to its quota.
    pub overage: Overage,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Came {
    /// It is a record, or part of one.
    Recorded(Recorded),
    /// It is set aside; `None` where nothing has to be.
    Aside(Option<Aside>),
    /// It is free again.
    GivenBack,
}

impl Came {
    /// What came of a use, or of work that was done: these become nothing else.
    pub(crate) fn recorded(self) -> Result<Recorded, UsageError> {
        match self {
            Came::Recorded(recorded) => Ok(recorded),
            Came::Aside(_) | Came::GivenBack => Err(UsageError::NotActivated),
        }
    }
}

pub(crate) type Outcome = Result<Came, UsageError>;

/// What becomes one record, and for whom.
struct Line {
    usage: Usage,
    tally: Option<TallyAt>,
    of: Vec<(usize, Overage)>,
}

struct Group<'c> {
    tallies: Tallies<'c>,
    lines: Vec<Line>,
    outcomes: Vec<Option<Outcome>>,
}

/// One transaction for a group, and to each what came of it. A group of which nothing is kept writes nothing.
pub(super) fn commit(
    journal: &Journal,
    directory: &Path,
    requests: &[&Request],
    terms: Terms,
) -> Result<Vec<Outcome>, UsageError> {
    let transaction = begin(journal, directory)?;
    let (chain, tip) = rows::tip(&transaction)?.ok_or(UsageError::NotActivated)?;
    let device = tip.genesis.device.clone();
    let mut appender = Appender::new(&transaction, chain, tip)?;
    appender.not_before(terms.now);
    let now = appender.seconds();
    let tallies = Tallies::new(&transaction, device, (terms, now));
    let mut group = Group { tallies, lines: Vec::new(), outcomes: vec![None; requests.len()] };
    for (at, request) in requests.iter().enumerate() {
        group.take(at, request)?;
    }
    let recorded = group.record(&mut appender)?;
    let Group { tallies, outcomes, .. } = group;
    let changed = tallies.finish()?;
    if recorded {
        appender.finish()?;
    }
    if recorded || changed {
        transaction.commit().map_err(JournalFault::from)?;
    }
    Ok(outcomes.into_iter().map(|outcome| outcome.unwrap_or(Err(UsageError::NotActivated))).collect())
}

/// How a quota stands: what is allowed, what is spent, and whether records may be lost.
pub(crate) type QuotaStanding = (Allowance, Spent, bool);

/// What the quotas of these meters come to now, without changing anything; nothing of a meter that the licence does not
/// limit.
pub(super) fn look(
    conn: &rusqlite::Connection,
    meters: &[Slug],
    terms: Terms,
) -> Result<Vec<QuotaStanding>, UsageError> {
    let (chain, tip) = rows::tip(conn)?.ok_or(UsageError::NotActivated)?;
    let device = tip.genesis.device.clone();
    let mut appender = Appender::new(conn, chain, tip)?;
    appender.not_before(terms.now);
    let mut tallies = Tallies::new(conn, device, (terms, appender.seconds()));
    let mut found = Vec::new();
    for meter in meters {
        if let Some(allowance) = tallies.allowance(meter) {
            let tally = tallies.of(meter, &allowance.span)?;
            found.push((allowance, tallies.spent(tally)));
        }
    }
    // One that is damaged puts all of them in doubt.
    let in_doubt = tallies.in_doubt();
    Ok(found.into_iter().map(|(allowance, spent)| (allowance, spent, in_doubt)).collect())
}

impl Group<'_> {
    fn take(&mut self, at: usize, request: &Request) -> Result<(), JournalFault> {
        let meter = &request.meter;
        match &request.act {
            Act::Use(quantity) => {
                let (tally, judged) = self.judge(meter, *quantity)?;
                match judged {
                    Judged::Allowed(overage) => self.line(at, request, (*quantity, 1), (tally, overage)),
                    Judged::Denied(denial) => self.answer(at, Err(UsageError::Denied(denial))),
                }
            }
            Act::SetAside(amount) => {
                let allowance = self.tallies.allowance(meter);
                let (tally, judged) = self.judge(meter, *amount)?;
                let outcome = match (judged, allowance.zip(tally)) {
                    (Judged::Denied(denial), _) => Err(UsageError::Denied(denial)),
                    (Judged::Allowed(_), Some((allowance, tally))) if allowance.is_firm() => {
                        Ok(Came::Aside(Some(self.set_aside(&allowance, tally, *amount))))
                    }
                    (Judged::Allowed(_), _) => Ok(Came::Aside(None)),
                };
                self.answer(at, outcome);
            }
            Act::SetAsideUpTo(most) => {
                let outcome = self.block(meter, *most)?;
                self.answer(at, outcome);
            }
            Act::Done { quantity, count, aside } => {
                let (tally, overage) = match aside {
                    Some(aside) => {
                        let tally = self.tallies.of(meter, &aside.span)?;
                        self.tallies.change(tally, |spent| spent.aside = spent.aside.less(aside.amount));
                        let beyond = *quantity > aside.amount;
                        (Some(tally), if beyond { Overage::Flagged } else { Overage::Within })
                    }
                    None => match self.judge(meter, *quantity)? {
                        (tally, Judged::Allowed(overage)) => (tally, overage),
                        (tally, Judged::Denied(_)) => (tally, Overage::Flagged),
                    },
                };
                self.line(at, request, (*quantity, *count), (tally, overage));
            }
            Act::GiveBack(aside) => {
                let tally = self.tallies.of(meter, &aside.span)?;
                self.tallies.change(tally, |spent| spent.aside = spent.aside.less(aside.amount));
                self.answer(at, Ok(Came::GivenBack));
            }
        }
        Ok(())
    }

    fn answer(&mut self, at: usize, outcome: Outcome) {
        if let Some(place) = self.outcomes.get_mut(at) {
            *place = Some(outcome);
        }
    }

    fn judge(&mut self, meter: &Slug, quantity: Quantity) -> Result<(Option<TallyAt>, Judged), JournalFault> {
        let Some(allowance) = self.tallies.allowance(meter) else {
            return Ok((None, Judged::Allowed(Overage::Within)));
        };
        let tally = self.tallies.of(meter, &allowance.span)?;
        let judged = allowance.judge(&self.tallies.spent(tally), quantity, self.tallies.in_doubt());
        Ok((Some(tally), judged))
    }

    fn set_aside(&mut self, allowance: &Allowance, tally: TallyAt, amount: Quantity) -> Aside {
        self.tallies.change(tally, |spent| {
            spent.aside = spent.aside.plus(amount).unwrap_or(Quantity::MAX);
        });
        Aside { span: allowance.span.clone(), amount }
    }

    fn block(&mut self, meter: &Slug, most: Quantity) -> Result<Outcome, JournalFault> {
        let Some(allowance) = self.tallies.allowance(meter).filter(Allowance::is_firm) else {
            return Ok(Ok(Came::Aside(None)));
        };
        let tally = self.tallies.of(meter, &allowance.span)?;
        let spent = self.tallies.spent(tally);
        let amount = allowance.remaining(&spent).min(most);
        match allowance.judge(&spent, amount, self.tallies.in_doubt()) {
            Judged::Allowed(_) if amount == Quantity::ZERO => {
                Ok(Err(UsageError::Denied(allowance.denial(&spent, DenialReason::Spent))))
            }
            Judged::Allowed(_) => Ok(Ok(Came::Aside(Some(self.set_aside(&allowance, tally, amount))))),
            Judged::Denied(denial) => Ok(Err(UsageError::Denied(denial))),
        }
    }

    /// Adds an allowed use to the record that it becomes. Equal meters and resources are added up, in the order in which
    /// they came first; a sum that would overflow begins another record.
    fn line(
        &mut self,
        at: usize,
        request: &Request,
        (quantity, count): (Quantity, u32),
        (tally, overage): (Option<TallyAt>, Overage),
    ) {
        if let Some(tally) = tally {
            self.tallies
                .change(tally, |spent| spent.used = spent.used.plus(quantity).unwrap_or(Quantity::MAX));
        }
        let (meter, resource) = (&request.meter, &request.resource);
        let same = self.lines.iter_mut().rev().find(|line| {
            line.usage.meter == *meter && line.usage.resource == *resource && line.tally == tally
        });
        if let Some(line) = same
            && let Ok(sum) = line.usage.quantity.plus(quantity)
        {
            line.usage.quantity = sum;
            line.usage.count = line.usage.count.saturating_add(count);
            line.of.push((at, overage));
            return;
        }
        let (meter, resource, total) = (meter.clone(), resource.clone(), Quantity::ZERO);
        let usage = Usage { meter, resource, quantity, count, total };
        self.lines.push(Line { usage, tally, of: vec![(at, overage)] });
    }

    /// Appends every line, and says whether there was any.
    fn record(&mut self, appender: &mut Appender<'_>) -> Result<bool, JournalFault> {
        let mut any = false;
        for line in std::mem::take(&mut self.lines) {
            let Line { usage, tally, of } = line;
            let (meter, quantity) = (usage.meter.clone(), usage.quantity);
            let recorded: Result<(u64, Usage), QuantityError> = appender.usage(usage)?;
            any |= recorded.is_ok();
            if let (Err(_), Some(tally)) = (&recorded, tally) {
                self.tallies.change(tally, |spent| spent.used = spent.used.less(quantity));
            }
            for (at, overage) in of {
                let outcome = match &recorded {
                    Ok((seq, usage)) => {
                        Ok(Came::Recorded(Recorded { seq: *seq, total: usage.total, overage }))
                    }
                    Err(problem) => {
                        Err(UsageError::Quantity { meter: meter.clone(), problem: problem.clone() })
                    }
                };
                self.answer(at, outcome);
            }
        }
        Ok(any)
    }
}

impl Appender<'_> {
    /// The guarded time in seconds.
    fn seconds(&self) -> UnixSeconds {
        UnixSeconds::new(self.at().est_ms.div_euclid(1000))
    }
}

//! The life of one device: it is activated, records and exchanges, meets its faults, and settles what is left.

use crate::device::{Device, Request, Taken, World};
use crate::faults::{AnswerFate, Fate, Faults};
use crate::journal::{Journal, Totals};
use crate::tally::{Kind, Tally};
use crate::uplink::{Issuers, Reply};
use crate::wrong::Wrong;
use brink_edge::schedule::backoff;
use brink_license::{DeviceId, TenantId};
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// Answers that a device gets after it was copied before the copy exchanges: the ratchet before the last is that of a
/// device which never got its answer, so one would not tell them apart.
const ANSWERS_BEFORE_COPY: u32 = 2;
/// What a copy's number is above its device's, so that it runs in a boot of its own.
const COPY_NUMBER: u32 = 1 << 31;
/// Turns vary by this part to either side, as intervals of agents do.
const JITTER: f64 = 0.2;
/// Refusals that say that two of one device were seen.
const SEEN_TWICE: [&str; 2] = ["CLONE_SUSPECTED", "STALE_COUNTER"];
/// The request was too large for somebody on the way.
const TOO_LARGE: u16 = 413;

/// What the fleet does at the moment. It only goes forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Devices are activated.
    Activating,
    /// They record and exchange.
    Running,
    /// They record nothing more and settle what is left.
    Draining,
    /// Whatever is left is left.
    Over,
}

/// How devices behave.
#[derive(Clone, Debug)]
pub struct Habits {
    /// Uses that a device records in each turn.
    pub records: u64,
    /// Uses that it has already when its life begins.
    pub backlog: u64,
    /// Records of one request at most.
    pub batch_max: u64,
    /// Between two turns; `None` for the next at once.
    pub interval: Option<Duration>,
    /// Turns of a life; `None` for as long as the fleet runs.
    pub turns: Option<u64>,
    /// What is done to its traffic.
    pub faults: Faults,
    /// What makes two runs alike.
    pub seed: u64,
}

/// What all lives share.
#[derive(Debug)]
pub struct Fleet {
    /// What devices have in common.
    pub world: World,
    /// How they behave.
    pub habits: Habits,
    /// Whom they ask.
    pub issuers: Issuers,
    /// What was seen.
    pub tally: Tally,
    /// What is going on.
    pub phase: watch::Sender<Phase>,
    /// Devices that still have turns before them.
    pub at_work: AtomicUsize,
    /// Rung when one of them has ended its turns, or its life.
    pub bell: Notify,
}

/// What is left of a life.
#[derive(Clone, Debug)]
pub struct Lived {
    /// Whose device it was, and which; `None` if it was never activated.
    pub identity: Option<(TenantId, DeviceId)>,
    /// What it recorded.
    pub totals: Totals,
    /// How many records that were.
    pub recorded: u64,
    /// How many of them no receipt has acknowledged.
    pub unsettled: u64,
    /// Whether a copy of it was refused as such.
    pub forked: bool,
}

/// Lives one life to its end.
pub async fn live(fleet: Arc<Fleet>, number: u32, code: Arc<str>) -> Lived {
    let seed = fleet.habits.seed.wrapping_add(u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut life = match Device::new(&fleet.world, number, seed) {
        Ok(device) => Life::begin(&fleet, device, (number, seed)),
        Err(wrong) => {
            fleet.tally.wrong(&number, &wrong);
            fleet.leaves_work();
            return Lived {
                identity: None,
                totals: Totals::default(),
                recorded: 0,
                unsettled: 0,
                forked: false,
            };
        }
    };
    let mut phase = fleet.phase.subscribe();
    let ended = tokio::select! {
        ended = life.through(&code) => Some(ended),
        _ = phase.wait_for(|phase| *phase == Phase::Over) => None,
    };
    life.buried(ended)
}

impl Fleet {
    fn leaves_work(&self) {
        self.at_work.fetch_sub(1, Ordering::AcqRel);
        self.bell.notify_one();
    }
}

/// A copy of the device that waits for its moment.
#[derive(Debug)]
struct Copied {
    device: Box<Device>,
    answers_left: u32,
}

struct Life {
    fleet: Arc<Fleet>,
    number: u32,
    device: Device,
    random: fastrand::Rng,
    works: bool,
    /// It will be copied.
    forks: bool,
    copy: Option<Copied>,
    forked: bool,
    /// A request and its answer, to arrive once more.
    late: Option<(Request, Bytes)>,
}

/// What came of a request.
enum Carried {
    Answered(Bytes),
    GivenUp,
    TooLarge,
}

impl Life {
    fn begin(fleet: &Arc<Fleet>, mut device: Device, (number, seed): (u32, u64)) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        device.carry_at_most(fleet.habits.batch_max);
        let forks = fleet.habits.faults.forks(&mut random);
        let (copy, late, works, forked) = (None, None, true, false);
        Self { fleet: Arc::clone(fleet), number, device, random, works, forks, copy, forked, late }
    }

    async fn through(&mut self, code: &str) -> Result<(), Wrong> {
        self.activate(code).await?;
        self.fleet.tally.count(|counts| counts.activated += 1);
        self.fleet.bell.notify_one();
        self.until(Phase::Running).await;
        self.record(self.fleet.habits.backlog);
        self.run().await?;
        self.leave_work();
        self.until(Phase::Draining).await;
        while self.unsettled() > 0 || self.copy.is_some() || self.late.is_some() {
            self.exchange().await?;
        }
        Ok(())
    }

    async fn until(&self, phase: Phase) {
        // The sender lives as long as the fleet.
        let _ = self.fleet.phase.subscribe().wait_for(|now| *now >= phase).await;
    }

    fn leave_work(&mut self) {
        if std::mem::take(&mut self.works) {
            self.fleet.leaves_work();
        }
    }

    /// What is left, with whatever was wrong counted.
    fn buried(mut self, ended: Option<Result<(), Wrong>>) -> Lived {
        self.leave_work();
        let identity = self.device.identity().map(|(tenant, device)| (tenant.clone(), device.clone()));
        let (recorded, unsettled) = (self.device.journal().map_or(0, Journal::recorded), self.unsettled());
        let wrong = match ended {
            Some(Ok(())) => (unsettled > 0).then_some(Wrong::NotDrained(unsettled)),
            Some(Err(wrong)) => Some(wrong),
            None if identity.is_none() => Some(Wrong::NotActivated),
            // Nothing of its own is left; only what was to be done to it.
            None => (unsettled > 0).then_some(Wrong::NotDrained(unsettled)),
        };
        match (&wrong, &identity) {
            (Some(wrong), Some((_, device))) => self.fleet.tally.wrong(device, wrong),
            (Some(wrong), None) => self.fleet.tally.wrong(&self.number, wrong),
            (None, _) => {}
        }
        let totals = self.device.journal().map_or(Totals::default(), |journal| *journal.totals());
        Lived { identity, totals, recorded, unsettled, forked: self.forked }
    }

    fn unsettled(&self) -> u64 {
        self.device.journal().map_or(0, Journal::unsettled)
    }

    fn record(&mut self, uses: u64) {
        self.device.record(uses, &self.fleet.world);
        self.fleet.tally.count(|counts| counts.recorded += uses);
    }

    async fn activate(&mut self, code: &str) -> Result<(), Wrong> {
        let request = self.device.activation(&self.fleet.world, code)?;
        match self.deliver(Kind::Activate, &request).await? {
            Carried::Answered(answer) => self.device.take(&answer, &self.fleet.world).map(drop),
            Carried::GivenUp | Carried::TooLarge => Err(Wrong::NotActivated),
        }
    }

    /// Turn by turn, until the turns are done or the fleet drains. Whatever an outage held up is recorded all the same.
    async fn run(&mut self) -> Result<(), Wrong> {
        let mut draining = self.fleet.phase.subscribe();
        let interval = self.fleet.habits.interval;
        let mut recorded_until = Instant::now();
        let mut next = recorded_until + interval.unwrap_or_default().mul_f64(self.random.f64());
        let mut turn = 0;
        while self.fleet.habits.turns.is_none_or(|turns| turn < turns) {
            tokio::select! {
                biased;
                _ = draining.wait_for(|phase| *phase >= Phase::Draining) => return Ok(()),
                () = sleep_until(next) => {}
            }
            let now = Instant::now();
            let missed = interval.map_or(1, |interval| whole_parts(now - recorded_until, interval).max(1));
            recorded_until = now;
            self.record(self.fleet.habits.records.saturating_mul(missed));
            self.exchange().await?;
            let pause = interval.unwrap_or_default().mul_f64(1.0 - JITTER + 2.0 * JITTER * self.random.f64());
            next = now + pause;
            turn += 1;
        }
        Ok(())
    }

    /// One exchange up to the answer that the device takes up, with everything that happens on the way.
    async fn exchange(&mut self) -> Result<(), Wrong> {
        loop {
            let fate = self.fleet.habits.faults.fate(&mut self.random);
            let request = self.device.exchange(&self.fleet.world)?;
            match self.carry(&request, fate).await? {
                Carried::Answered(answer) => return self.take((request, answer), fate.late).await,
                Carried::GivenUp => self.device.give_up(),
                Carried::TooLarge => self.device.halve(),
            }
        }
    }

    async fn take(&mut self, (request, answer): (Request, Bytes), late: bool) -> Result<(), Wrong> {
        let Taken { records, wrong } = self.device.take(&answer, &self.fleet.world)?;
        self.fleet.tally.count(|counts| {
            counts.exchanges += 1;
            counts.records += records;
        });
        if let Some(wrong) = wrong {
            return Err(wrong);
        }
        if let Some((earlier, answered)) = self.late.take() {
            self.arrives_late(&earlier, &answered).await?;
        }
        if late && self.fleet.phase.borrow().eq(&Phase::Running) {
            self.late = Some((request, answer));
        }
        self.mind_copy().await
    }

    /// Sends a request, with its copies, until its fate has come true.
    async fn carry(&mut self, request: &Request, fate: Fate) -> Result<Carried, Wrong> {
        let beside = if fate.at_once { self.copies(request, fate.copies) } else { Vec::new() };
        if let AnswerFate::Cut(after_ms) = fate.answer {
            let cut = timeout(Duration::from_millis(after_ms), self.post(Kind::Exchange, request));
            // Whatever came before the cut is thrown away with the rest.
            let _ = cut.await;
            self.fleet.tally.count(|counts| counts.lost += 1);
        }
        let carried = self.deliver(Kind::Exchange, request).await?;
        let Carried::Answered(answer) = carried else { return Ok(carried) };
        self.compare(&answer, beside).await?;
        if !fate.at_once {
            let behind = self.copies(request, fate.copies);
            self.compare(&answer, behind).await?;
        }
        match fate.answer {
            AnswerFate::Arrives | AnswerFate::Cut(_) => Ok(Carried::Answered(answer)),
            AnswerFate::GivenUp => {
                self.fleet.tally.count(|counts| counts.lost += 1);
                Ok(Carried::GivenUp)
            }
            AnswerFate::Repeated => {
                self.fleet.tally.count(|counts| counts.lost += 1);
                match self.deliver(Kind::Replay, request).await? {
                    Carried::Answered(again) if again != answer => Err(Wrong::TwoAnswers),
                    again @ (Carried::Answered(_) | Carried::GivenUp | Carried::TooLarge) => Ok(again),
                }
            }
        }
    }

    /// Sends the same bytes until somebody answers them, with the pauses of an agent.
    async fn deliver(&mut self, kind: Kind, request: &Request) -> Result<Carried, Wrong> {
        let mut failures = 0;
        loop {
            match self.post(kind, request).await {
                Reply::Answer(answer) => return Ok(Carried::Answered(answer)),
                Reply::Refused { status: TOO_LARGE, .. } => return Ok(Carried::TooLarge),
                Reply::Refused { status, code, detail } => {
                    return Err(Wrong::Refused { status, code, detail });
                }
                Reply::Later(failure) => {
                    failures += 1;
                    self.fleet.tally.count(|counts| counts.retries += 1);
                    sleep(backoff(failures, self.random.u64(..), failure.retry_after)).await;
                }
            }
        }
    }

    async fn post(&self, kind: Kind, request: &Request) -> Reply {
        post(&self.fleet, kind, request).await
    }

    /// The same bytes once more, so many times, each by itself.
    fn copies(&self, request: &Request, count: usize) -> Vec<JoinHandle<Reply>> {
        let copy = |_| {
            let (fleet, request) = (Arc::clone(&self.fleet), request.clone());
            tokio::spawn(async move { post(&fleet, Kind::Replay, &request).await })
        };
        (0..count).map(copy).collect()
    }

    /// Every answer to the same bytes is the same, whoever gives it.
    async fn compare(&self, answer: &Bytes, copies: Vec<JoinHandle<Reply>>) -> Result<(), Wrong> {
        for copy in copies {
            match copy.await {
                Ok(Reply::Answer(other)) if other == *answer => {}
                Ok(Reply::Answer(_)) => return Err(Wrong::TwoAnswers),
                Ok(Reply::Refused { status, code, detail }) => {
                    return Err(Wrong::Refused { status, code, detail });
                }
                // It did not get through, and nobody waits for it.
                Ok(Reply::Later(_)) => {}
                Err(error) => return Err(Wrong::Broken(error.to_string())),
            }
        }
        Ok(())
    }

    /// An earlier request that arrives once more is answered as before, or refused as one that was seen.
    async fn arrives_late(&self, request: &Request, answered: &Bytes) -> Result<(), Wrong> {
        match self.post(Kind::Replay, request).await {
            Reply::Answer(answer) if answer == *answered => Ok(()),
            Reply::Answer(_) => Err(Wrong::TwoAnswers),
            Reply::Refused { code, .. } if SEEN_TWICE.contains(&code.as_str()) => Ok(()),
            Reply::Refused { status, code, detail } => Err(Wrong::Refused { status, code, detail }),
            Reply::Later(_) => Ok(()),
        }
    }

    /// Copies the device after its first answer, and lets the copy exchange when it has become one too many.
    async fn mind_copy(&mut self) -> Result<(), Wrong> {
        if std::mem::take(&mut self.forks) {
            let device = Box::new(self.device.copied(COPY_NUMBER + self.number)?);
            self.copy = Some(Copied { device, answers_left: ANSWERS_BEFORE_COPY });
            return Ok(());
        }
        let Some(mut copy) = self.copy.take() else { return Ok(()) };
        copy.answers_left -= 1;
        if copy.answers_left > 0 {
            self.copy = Some(copy);
            return Ok(());
        }
        self.copy_exchanges(*copy.device).await
    }

    /// Each of both has to be told apart: a copy that counts as the device did, and one that is ahead of it.
    async fn copy_exchanges(&mut self, mut copy: Device) -> Result<(), Wrong> {
        let world = &self.fleet.world;
        copy.record(1, world);
        let mut request = copy.exchange(world)?;
        if self.random.bool() {
            for _ in 0..=ANSWERS_BEFORE_COPY * 4 {
                copy.give_up();
                request = copy.exchange(world)?;
            }
        }
        match self.deliver(Kind::Copy, &request).await {
            Err(Wrong::Refused { code, .. }) if SEEN_TWICE.contains(&code.as_str()) => {
                self.forked = true;
                self.fleet.tally.count(|counts| counts.forks += 1);
                Ok(())
            }
            Err(Wrong::Refused { status, code, .. }) => Err(Wrong::CopyUnseen { status, code }),
            Err(other) => Err(other),
            Ok(_) => Err(Wrong::CopyAnswered),
        }
    }
}

async fn post(fleet: &Fleet, kind: Kind, request: &Request) -> Reply {
    let seen = |reply: &Reply, took| fleet.tally.attempt(kind, reply, took);
    fleet.issuers.post(request.path, &request.bytes, &seen).await
}

/// How often `part` goes into `whole`.
fn whole_parts(whole: Duration, part: Duration) -> u64 {
    let parts = whole.as_nanos().checked_div(part.as_nanos()).unwrap_or(1);
    u64::try_from(parts).unwrap_or(u64::MAX)
}

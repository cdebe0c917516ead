//! The agent: the composition root of `brink-edge run`, and a loop over a closed set of events.
//!
//! The loop alone owns the store. Callers on `agent.sock`, the network and the signals have threads of their own and
//! speak to it by events, so that no slow network keeps a verb waiting.

mod event;
mod network;
mod recent;
mod telling;
mod usage;

use crate::api::Tally;
use crate::command::{Command, Reply};
use crate::error::EdgeError;
use crate::exchange::Device;
use crate::local::{LocalServer, Peer};
use crate::look::{self, Look};
use crate::metrics::Counters;
use crate::mirror::Standings;
use crate::quotas::QuotaLook;
use crate::schedule::{self, random};
use crate::uplink::{Delivery, UplinkError};
use crate::writer::{Departure, Step, Writer, reading};
use brink_license::clock::Reading;
use brink_store::{Held, Layout, Snapshot};
pub use event::Event;
use recent::Recent;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// How often the bundle is looked at and the schedule with it.
const TICK: Duration = Duration::from_secs(1);
/// How long a repair that did not help is waited for before the next, in seconds of boottime.
const REPAIR_PAUSE_SECONDS: i64 = 30;
/// How many failures a definite "no" counts for: asking again soon cannot help.
const REFUSED_FAILURES: u32 = 11;

/// The running agent.
#[derive(Debug)]
pub struct Agent {
    writer: Writer,
    look: Look,
    events: Sender<Event>,
    inbox: Receiver<Event>,
    /// Trusted for scheduled exchanges instead of Mozilla's certificates.
    ca_pem: Option<String>,
    in_flight: Option<InFlight>,
    schedule: Schedule,
    vain_repair_at: Option<i64>,
    seen: Option<Arc<Snapshot>>,
    recent: Recent,
    counters: Counters,
    quotas: QuotaLook,
    /// What the API counts.
    tally: Arc<Tally>,
    /// How the mirrors are.
    mirrors: Standings,
}

/// The request that is on its way, and who waits for its answer.
#[derive(Debug)]
struct InFlight {
    bytes: Vec<u8>,
    waiting: Vec<Sender<Reply>>,
}

/// When the agent exchanges by itself.
#[derive(Clone, Copy, Debug, Default)]
struct Schedule {
    /// In seconds of boottime; `None` until a licence says how often.
    due: Option<i64>,
    failures: u32,
}

impl Agent {
    /// Takes the lock and opens the store. Until [`Agent::run`] nobody is answered.
    pub fn open(
        layout: &Layout,
        ca_pem: Option<String>,
        journal_mib: Option<u32>,
    ) -> Result<Self, EdgeError> {
        let mut writer = Writer::open(layout)?;
        if let Some(mib) = journal_mib {
            writer.limit_journal(u64::from(mib) << 20);
        }
        let (events, inbox) = channel();
        let mut agent = Self {
            look: Look::new(layout)?,
            writer,
            events,
            inbox,
            ca_pem,
            in_flight: None,
            schedule: Schedule::default(),
            vain_repair_at: None,
            seen: None,
            recent: Recent::default(),
            counters: Counters::default(),
            quotas: QuotaLook::default(),
            tally: Arc::default(),
            mirrors: Standings::default(),
        };
        agent.tick(&reading()?);
        Ok(agent)
    }

    /// Where events go.
    #[must_use]
    pub fn events(&self) -> Sender<Event> {
        self.events.clone()
    }

    /// Where the API counts what it is asked, for this agent's page.
    #[must_use]
    pub fn tally(&self) -> Arc<Tally> {
        Arc::clone(&self.tally)
    }

    /// Where mirrors say how they are, for this agent's status and page.
    #[must_use]
    pub fn mirrors(&self) -> Standings {
        self.mirrors.clone()
    }

    /// Works until [`Event::Shutdown`]. The server is dropped first at the end, so that no caller is taken on and left.
    pub fn run(mut self, server: LocalServer) -> Result<(), EdgeError> {
        loop {
            let event = match self.inbox.recv_timeout(TICK) {
                Ok(event) => event,
                Err(RecvTimeoutError::Timeout) => Event::Tick,
                // The agent itself holds a sender.
                Err(RecvTimeoutError::Disconnected) => Event::Shutdown,
            };
            if matches!(event, Event::Shutdown) {
                break;
            }
            self.handle(event, &reading()?);
        }
        tracing::info!("ending");
        drop(server);
        self.writer.remember_at_the_end();
        Ok(())
    }

    fn handle(&mut self, event: Event, reading: &Reading) {
        match event {
            Event::Tick => self.tick(reading),
            Event::Command(command, peer, reply_to) => self.command(&command, (peer, reply_to), reading),
            Event::Came(departure, came) => self.came(&departure, came, reading),
            Event::Measure(page_to) => {
                // A scraper that went away does not want its page any more.
                let _ = page_to.send(self.measure(reading));
            }
            Event::Facts { with_log, answer } => {
                let _ = answer.send(Box::new(self.facts(with_log)));
            }
            Event::Shutdown => {}
        }
    }

    fn command(&mut self, command: &Command, (peer, reply_to): (Peer, Sender<Reply>), reading: &Reading) {
        tracing::debug!(verb = command.verb(), ?peer, "asked");
        // Who names neither address nor certificates means the agent's.
        let plain = matches!(command, Command::ExchangeOnline { issuer: None, ca_pem: None });
        if plain && let Some(reply) = self.recent.for_peer(peer, reading) {
            let _ = reply_to.send(reply);
            return;
        }
        let command = if plain { &self.plain_exchange() } else { command };
        let result = match command {
            Command::Status => Ok(self.status(reading)),
            Command::Check(question) => look::decide(&self.look.at(reading), question),
            // What is refused changes nothing, so this is asked before the request on its way is replaced.
            Command::ActivateOnline { code, again, .. } | Command::ActivateExport { code, again, .. }
                if self.in_flight.is_some() && (*again || !self.writer.waits_for(code)) =>
            {
                Err(EdgeError::AgentBusy)
            }
            Command::Init { .. }
            | Command::ActivateOnline { .. }
            | Command::ActivateExport { .. }
            | Command::ActivateImport { .. }
            | Command::ExchangeOnline { .. }
            | Command::ExchangeExport
            | Command::ExchangeImport { .. }
            | Command::SeatAssign { .. }
            | Command::SeatRelease { .. }
            | Command::SeatList
            | Command::Accept { .. }
            | Command::AcceptTyped { .. }
            | Command::ClockChallenge => match self.writer.begin(command, reading) {
                Ok(Step::Send(departure)) => return self.depart(departure, Some(reply_to)),
                Ok(Step::Done(reply)) => self.changed(command, reading).map(|()| reply),
                Err(error) => Err(error),
            },
        };
        if let Err(error) = &result {
            tracing::warn!(verb = command.verb(), code = %error.code(), %error, "refused");
        }
        // A caller that went away does not want its answer any more.
        let _ = reply_to.send(Reply::from(result));
    }

    /// What a verb that is done may have changed: whom to trust, and when to exchange.
    fn changed(&mut self, command: &Command, reading: &Reading) -> Result<(), EdgeError> {
        // Hosts may ask for seats, and must not come by another exchange that way.
        if command.is_about_seats() {
            return Ok(());
        }
        self.recent = Recent::default();
        if matches!(command, Command::Init { .. }) {
            self.look = Look::new(self.writer.layout())?;
            self.quotas = QuotaLook::default();
        }
        if matches!(command, Command::ActivateImport { .. } | Command::ExchangeImport { .. }) {
            self.succeeded(reading);
        }
        Ok(())
    }

    /// Sends a request from a thread of its own. Whoever asks for what is on its way already waits for that.
    fn depart(&mut self, departure: Departure, reply_to: Option<Sender<Reply>>) {
        if let Some(in_flight) = &mut self.in_flight {
            if in_flight.bytes == departure.outgoing.bytes {
                in_flight.waiting.extend(reply_to);
            } else if let Some(reply_to) = reply_to {
                let _ = reply_to.send(Reply::from(&EdgeError::AgentBusy));
            }
            return;
        }
        let bytes = departure.outgoing.bytes.clone();
        let events = self.events.clone();
        let thread = std::thread::Builder::new().name("brink-uplink".to_owned());
        let spawned = thread.spawn(move || {
            let came = departure.send();
            // An agent that has ended keeps the request and sends it again when it starts.
            let _ = events.send(Event::Came(Box::new(departure), came));
        });
        match spawned {
            Ok(_) => self.in_flight = Some(InFlight { bytes, waiting: reply_to.into_iter().collect() }),
            Err(reason) => {
                let error = EdgeError::System { doing: "start a thread for the network", reason };
                tracing::error!(%error, "not sent");
                if let Some(reply_to) = reply_to {
                    let _ = reply_to.send(Reply::from(&error));
                }
            }
        }
    }

    fn came(&mut self, departure: &Departure, came: Result<Delivery, UplinkError>, reading: &Reading) {
        let waiting = self.in_flight.take().map(|in_flight| in_flight.waiting).unwrap_or_default();
        let (retry_after, definite) = match &came {
            Ok(_) => (None, false),
            Err(error) => (error.retry_after(), error.is_definite()),
        };
        let result = self.writer.finish(departure, came, reading);
        match &result {
            Ok(_) => self.succeeded(reading),
            // Somebody carried the answer in by file: that was a success, and is counted.
            Err(EdgeError::Overtaken) => {}
            Err(error) => {
                tracing::warn!(code = %error.code(), %error, "the exchange did not succeed");
                self.failed(retry_after, definite, reading);
            }
        }
        self.recent.ended(&result, reading);
        let reply = Reply::from(result);
        for reply_to in waiting {
            let _ = reply_to.send(reply.clone());
        }
    }

    fn succeeded(&mut self, reading: &Reading) {
        let snapshot = self.look.at(reading);
        let Some(bundle) = snapshot.bundle() else { return };
        let next_after = bundle.receipt().map(|receipt| receipt.claims().next_after);
        let pause = if self.writer.resident().is_some_and(Device::has_more) {
            Duration::ZERO
        } else {
            schedule::interval(bundle.licence().claims().refresh, next_after, random())
        };
        self.schedule = Schedule { due: Some(later(reading, pause)), failures: 0 };
        self.counters.exchanges_accepted += 1;
        tracing::info!(seq = bundle.licence().claims().seq, next_in_seconds = pause.as_secs(), "exchanged");
    }

    fn failed(&mut self, retry_after: Option<Duration>, definite: bool, reading: &Reading) {
        let failures = self.schedule.failures.saturating_add(1);
        self.counters.exchanges_failed += 1;
        let failures = if definite { failures.max(REFUSED_FAILURES) } else { failures };
        let pause = schedule::backoff(failures, random(), retry_after);
        tracing::info!(failures, next_in_seconds = pause.as_secs(), "trying again later");
        self.schedule = Schedule { due: Some(later(reading, pause)), failures };
    }

    /// Keeps the bundle fresh and exchanges when it is time.
    fn tick(&mut self, reading: &Reading) {
        let snapshot = self.look.at(reading);
        let activated = self.writer.held().is_some_and(|held| held.identity.is_some());
        if activated && self.look.wants_repair(&snapshot) {
            self.repair(reading);
        }
        self.report(&snapshot);
        self.writer.remember_clock(reading);
        if let Some(room) = self.writer.mind_journal(reading) {
            self.counters.shrunk(room);
            self.mind_lag(&snapshot, reading);
        }
        if !self.writer.held().is_some_and(has_something_to_ask) {
            self.schedule = Schedule::default();
        } else if self.schedule.due.is_none() {
            self.schedule.due = self.first_due(&snapshot, reading);
        }
        if self.in_flight.is_none() && self.schedule.due.is_some_and(|due| reading.boottime >= due) {
            self.exchange(reading);
        }
    }

    /// Publishes a bundle that is gone, damaged or without presence in this boot. What did not help is not tried again
    /// at every tick.
    fn repair(&mut self, reading: &Reading) {
        let paused = |since: i64| reading.boottime < since.saturating_add(REPAIR_PAUSE_SECONDS);
        if self.vain_repair_at.is_some_and(paused) {
            return;
        }
        let was = self.look.refused().map(ToString::to_string);
        let repaired = self.writer.repair(reading);
        let after = self.look.at(reading);
        let helped = !self.look.wants_repair(&after);
        self.vain_repair_at = (!helped).then_some(reading.boottime);
        match repaired {
            Ok(()) => tracing::info!(?was, helped, "the bundle was published again"),
            Err(error) => tracing::error!(code = %error.code(), %error, "the bundle cannot be published"),
        }
    }

    /// Says when the state changes.
    fn report(&mut self, snapshot: &Arc<Snapshot>) {
        let (now, was) = (snapshot.standing().state, self.seen.as_ref().map(|seen| seen.standing().state));
        if was != Some(now) {
            let reason = snapshot.standing().reason.as_str();
            tracing::info!(state = now.as_str(), reason, "state");
            self.seen = Some(Arc::clone(snapshot));
        }
    }

    /// The first exchange of this process waits for the device's phase; an activation that was not answered, and a
    /// device whose licence is lost, do not wait.
    fn first_due(&self, snapshot: &Snapshot, reading: &Reading) -> Option<i64> {
        let identity = self.writer.held().and_then(|held| held.identity.as_ref());
        let pause = match (identity, snapshot.bundle()) {
            (Some(identity), Some(bundle)) => {
                let receipt = bundle.receipt().map(|receipt| receipt.claims().server_time);
                let since = receipt.map(|at| u64::try_from(snapshot.standing().now.since(at)).unwrap_or(0));
                schedule::first(bundle.licence().claims().refresh, since, schedule::phase(&identity.device))
            }
            (Some(_) | None, _) => Duration::ZERO,
        };
        Some(later(reading, pause))
    }

    /// With the issuer that the device was activated at, and the certificates that this agent was started with.
    fn plain_exchange(&self) -> Command {
        Command::ExchangeOnline { issuer: None, ca_pem: self.ca_pem.clone() }
    }

    fn exchange(&mut self, reading: &Reading) {
        match self.writer.begin(&self.plain_exchange(), reading) {
            Ok(Step::Send(departure)) => self.depart(departure, None),
            Ok(Step::Done(_)) => {}
            Err(error) => {
                tracing::warn!(code = %error.code(), %error, "cannot exchange");
                self.failed(None, false, reading);
            }
        }
    }
}

/// Whether there is an issuer to call and a reason to: a device to report on, or an activation that waits.
const fn has_something_to_ask(held: &Held) -> bool {
    held.issuer_url.is_some() && (held.identity.is_some() || held.pending.is_some())
}

/// `pause` after `reading`, in seconds of boottime, rounded up.
fn later(reading: &Reading, pause: Duration) -> i64 {
    let seconds = i64::try_from(pause.as_millis().div_ceil(1000)).unwrap_or(i64::MAX);
    reading.boottime.saturating_add(seconds)
}

#[cfg(test)]
mod tests;

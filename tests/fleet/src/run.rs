//! A whole run: lives begin together, go through the phases together, and are counted at their end.

use crate::clock::Clock;
use crate::codes::{self, Code, CodesError};
use crate::device::World;
use crate::journal::Names;
use crate::ledger::Ledger;
use crate::life::{Fleet, Habits, Lived, Phase, live};
use crate::tally::{Counts, Seen, Tally};
use crate::uplink::{Issuers, UplinkError};
use crate::wrong::Wrong;
use brink_license::keyset::TrustAnchor;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

/// How often the progress is shown.
const SHOWN_EVERY: Duration = Duration::from_millis(200);

/// What a run is made of.
#[derive(Debug)]
pub struct Order {
    /// What devices trust.
    pub anchor: TrustAnchor,
    /// Whom they ask.
    pub issuers: Issuers,
    /// What activates them.
    pub codes: Vec<Code>,
    /// How many there are.
    pub devices: u32,
    /// How they behave.
    pub habits: Habits,
    /// How long they record; `None` until each has had its turns.
    pub duration: Option<Duration>,
    /// How long to wait for the activations, and for what is left at the end.
    pub patience: Duration,
    /// The issuer's database was put back, so receipts may take back what they acknowledged.
    pub restored: bool,
}

/// Why a run does not begin.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The codes.
    #[error("{0}")]
    Codes(#[from] CodesError),
    /// The way to the issuers.
    #[error("{0}")]
    Uplink(#[from] UplinkError),
    /// The machine.
    #[error("{0}")]
    Machine(String),
}

/// One part of a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Part {
    /// How long it took.
    pub took: Duration,
    /// What was counted in it.
    pub counts: Counts,
}

/// What came of a run.
#[derive(Debug)]
pub struct Outcome {
    /// Activating, running and draining.
    pub parts: [Part; 3],
    /// Everything that was seen.
    pub seen: Seen,
    /// What was recorded.
    pub ledger: Ledger,
}

impl Outcome {
    /// Whether nothing was seen that must not be, and nothing is left.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.seen.wrongs.is_empty() && self.ledger.unsettled == 0
    }
}

/// Runs a fleet to its end. `show` is told how far it is, several times a second; when `interrupted` ends, the fleet
/// records nothing more and drains.
pub async fn run(
    order: Order,
    show: impl Fn(Phase, &Counts),
    interrupted: impl Future<Output = ()>,
) -> Result<Outcome, RunError> {
    let dealt = codes::deal(&order.codes, order.devices)?;
    let machine = |error: String| RunError::Machine(error);
    let world = World {
        anchor: order.anchor,
        clock: Clock::start().map_err(|error| machine(error.to_string()))?,
        names: Names::new().map_err(machine)?,
        restored: order.restored,
    };
    let fleet = Arc::new(Fleet {
        world,
        habits: order.habits,
        issuers: order.issuers,
        tally: Tally::new().map_err(machine)?,
        phase: watch::Sender::new(Phase::Activating),
        at_work: AtomicUsize::new(dealt.len()),
        bell: Notify::new(),
    });
    // Before the first of them begins: while others are still being made, it may be activated.
    let begun = Instant::now();
    let mut lives = JoinSet::new();
    for (number, code) in (0..).zip(dealt) {
        lives.spawn(live(Arc::clone(&fleet), number, code));
    }
    let going = fleet.through_the_phases((&mut lives, begun), (order.duration, order.patience), interrupted);
    let watching = async {
        loop {
            show(*fleet.phase.borrow(), &fleet.tally.counts());
            sleep(SHOWN_EVERY).await;
        }
    };
    let (parts, lived) = tokio::select! {
        ended = going => ended,
        () = watching => return Err(RunError::Machine("nobody watches".to_owned())),
    };
    let ledger = Ledger::of(&lived).map_err(machine)?;
    Ok(Outcome { parts, seen: fleet.tally.seen(), ledger })
}

impl Fleet {
    async fn through_the_phases(
        &self,
        (lives, begun): (&mut JoinSet<Lived>, Instant),
        (duration, patience): (Option<Duration>, Duration),
        interrupted: impl Future<Output = ()>,
    ) -> ([Part; 3], Vec<Lived>) {
        let _ = timeout(patience, self.activated()).await;
        let activating = Part { took: begun.elapsed(), counts: self.tally.counts() };
        self.phase.send_replace(Phase::Running);
        let bounded = async {
            match duration {
                Some(duration) => sleep(duration).await,
                None => std::future::pending().await,
            }
        };
        let running = async {
            tokio::select! {
                () = bounded => {}
                () = self.nobody_at_work() => {}
                () = interrupted => {}
            }
        };
        let running = self.part(running).await;
        self.phase.send_replace(Phase::Draining);
        let mut lived = Vec::new();
        let draining = self.part(timeout(patience, self.bury(lives, &mut lived))).await;
        self.phase.send_replace(Phase::Over);
        self.bury(lives, &mut lived).await;
        ([activating, running, draining], lived)
    }

    /// Does something and counts what came of it.
    async fn part<T>(&self, doing: impl Future<Output = T>) -> Part {
        let (begun, before) = (Instant::now(), self.tally.counts());
        doing.await;
        Part { took: begun.elapsed(), counts: self.tally.counts().since(&before) }
    }

    /// Every device that has not failed is activated.
    async fn activated(&self) {
        while self.tally.counts().activated < self.at_work.load(Ordering::Acquire) as u64 {
            self.bell.notified().await;
        }
    }

    async fn nobody_at_work(&self) {
        while self.at_work.load(Ordering::Acquire) > 0 {
            self.bell.notified().await;
        }
    }

    /// Waits for the lives that are left.
    async fn bury(&self, lives: &mut JoinSet<Lived>, lived: &mut Vec<Lived>) {
        while let Some(ended) = lives.join_next().await {
            match ended {
                Ok(life) => lived.push(life),
                Err(error) => self.tally.wrong(&"of no name", &Wrong::Broken(error.to_string())),
            }
        }
    }
}

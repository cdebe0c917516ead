//! The thread of a mirror: it looks, copies, and waits for the next turn; after a failure a little longer each time. It ends with
//! the agent, and nobody waits for it.

use super::content::Seen;
use super::facts::{Asked, Facts, ask};
use super::postgres::PostgresMirror;
use super::redis::RedisMirror;
use super::standing::{Kind, Standings};
use super::{Mirror, MirrorError, MirrorOptions, RedisFault};
use crate::agent::Event;
use crate::environment::ManagementTier;
use crate::look::Look;
use crate::quotas::QuotaLook;
use crate::schedule::{self, random};
use crate::view::View;
use crate::writer::reading;
use brink_license::UnixSeconds;
use brink_store::journal::{UsageBook, UsageError};
use brink_store::{GateStatus, Layout};
use std::sync::mpsc::Sender;
use std::time::Duration;

/// Between two turns: a change of the licence is copied within two of them.
const TURN: Duration = Duration::from_secs(2);
/// The shortest pause of a mirror whose documents live for seconds.
const TURN_MIN: Duration = Duration::from_millis(250);
/// The longest pause after failures.
const BACKOFF_MAX: Duration = Duration::from_secs(60);
/// Turns after which the validation log is asked for again, and after any that failed.
const LOG_TURNS: u32 = 5;

/// What a mirror has around it.
#[derive(Clone, Debug)]
pub struct Around {
    /// The device directory.
    pub layout: Layout,
    /// The agent's loop.
    pub agent: Sender<Event>,
    /// Where it says how it is.
    pub standings: Standings,
}

/// Starts the mirrors that there are, each on a thread of its own. Nothing is connected to before that. One that cannot be started
/// says so where every mirror says how it is: the agent goes on without it.
pub fn start(options: &MirrorOptions, around: &Around) {
    let tier = options.tier;
    match options.postgres.clone() {
        Some(Ok(postgres)) => {
            let address = postgres.url.to_string();
            let make = move || Ok(PostgresMirror::new(&postgres)?);
            on_a_thread((Kind::Postgres, address, TURN), around, (tier, make));
        }
        Some(Err(why)) => refuse((Kind::Postgres, "POSTGRES_HOST"), around, MirrorError::Address(why)),
        None => {}
    }
    match options.redis.clone() {
        Some(Ok(redis)) => {
            let address = redis.address.to_string();
            let shortest = redis.licence_ttl.min(redis.entitlement_ttl);
            let turn = (shortest / 4).clamp(TURN_MIN, TURN);
            let run = format!("{:016x}{:016x}", random(), random());
            let make = move || Ok(RedisMirror::new(&redis, run.clone())?);
            on_a_thread((Kind::Redis, address, turn), around, (tier, make));
        }
        Some(Err(why)) => refuse((Kind::Redis, "REDIS_HOST"), around, RedisFault::Address(why).into()),
        None => {}
    }
}

/// There is no such mirror in this run. `variable` stands where its address would.
fn refuse((kind, variable): (Kind, &str), around: &Around, why: MirrorError) {
    around.standings.begin(kind, variable.to_owned());
    note_end(kind, &around.standings, why);
}

/// Notes what a mirror does not go on after.
fn note_end(kind: Kind, standings: &Standings, why: MirrorError) {
    let ended = Err(why);
    standings.note(kind, &ended, (UnixSeconds::new(0), None));
    tell(kind, &ended);
}

fn on_a_thread<M: Mirror>(
    (kind, address, turn): (Kind, String, Duration),
    around: &Around,
    (tier, make): (ManagementTier, impl Fn() -> Result<M, MirrorError> + Send + 'static),
) {
    around.standings.begin(kind, address);
    let beside = around.clone();
    let started = tokio::runtime::Builder::new_current_thread().enable_all().build().and_then(|runtime| {
        std::thread::Builder::new().name(format!("brink-mirror-{}", kind.as_str())).spawn(move || {
            let _watch = Watch { kind, standings: beside.standings.clone() };
            let eye = Eye { look: None, quotas: QuotaLook::default(), tier };
            runtime.block_on(run((kind, turn), beside, eye, make));
        })
    });
    if let Err(reason) = started {
        note_end(kind, &around.standings, MirrorError::NoThread(reason));
    }
}

/// Says of a mirror whose thread ends by a panic that it does not copy any more.
struct Watch {
    kind: Kind,
    standings: Standings,
}

impl Drop for Watch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            note_end(self.kind, &self.standings, MirrorError::Ended);
        }
    }
}

/// Turns until the agent ends.
async fn run<M: Mirror>(
    (kind, turn): (Kind, Duration),
    around: Around,
    mut eye: Eye,
    make: impl Fn() -> Result<M, MirrorError>,
) {
    let (mut mirror, mut failures, mut turns) = (None, 0_u32, 0_u32);
    loop {
        let wants_log = turns.is_multiple_of(LOG_TURNS);
        let facts = match ask(&around.agent, wants_log && kind == Kind::Postgres) {
            Asked::Told(facts) => Some(facts),
            Asked::Silent => None,
            Asked::Ended => return,
        };
        let seen = eye.look(&around.layout, (facts, kind));
        let outcome = match (&seen, mirror.as_mut()) {
            (None, _) => {
                tokio::time::sleep(turn).await;
                continue;
            }
            (Some(seen), Some(mirror)) => Mirror::turn(mirror, seen).await,
            (Some(seen), None) => match make() {
                Ok(made) => mirror.insert(made).turn(seen).await,
                Err(error) => Err(error),
            },
        };
        let lag = seen.as_ref().zip(mirror.as_ref()).and_then(|(seen, mirror)| mirror.lag(seen));
        let now = seen.as_ref().map_or(UnixSeconds::new(0), Seen::now);
        if around.standings.note(kind, &outcome, (now, lag)) {
            tell(kind, &outcome);
        }
        failures = if outcome.is_ok() { 0 } else { failures.saturating_add(1) };
        turns = if outcome.is_ok() { turns.wrapping_add(1) } else { 0 };
        let pause = match &outcome {
            Ok(turned) if turned.more => Duration::ZERO,
            Ok(_) => turn,
            Err(_) => backoff(failures, random()),
        };
        tokio::time::sleep(pause).await;
    }
}

fn tell<T>(kind: Kind, outcome: &Result<T, MirrorError>) {
    let mirror = kind.as_str();
    match outcome {
        Ok(_) => tracing::info!(mirror, "the mirror copies"),
        Err(error) => {
            tracing::warn!(mirror, code = error.code(), %error, mend = error.mend(), "the mirror does not copy")
        }
    }
}

/// Looks at the device as any host does.
struct Eye {
    look: Option<Look>,
    quotas: QuotaLook,
    tier: ManagementTier,
}

impl Eye {
    /// `None` where there is nothing to look at: a directory without trust, or a machine that tells no time.
    fn look(&mut self, layout: &Layout, (facts, kind): (Option<Box<Facts>>, Kind)) -> Option<Seen> {
        self.mind_trust(layout);
        let (look, reading) = (self.look.as_mut()?, reading().ok()?);
        let snapshot = look.at(&reading);
        let view = View::new(GateStatus::of(&snapshot, look.refused()), true);
        let has_quotas = view.claims().is_some_and(|claims| !claims.quotas.is_empty());
        let quotas = Some(self.quotas.at(layout)).filter(|quotas| !has_quotas || !quotas.is_empty());
        let book = match kind {
            Kind::Postgres => UsageBook::open(&layout.journal()),
            // It copies no usage.
            Kind::Redis => Err(UsageError::Closed),
        };
        Some(Seen { view, quotas, facts, book, tier: self.tier })
    }

    /// As long as no licence was accepted, another issuer may be pinned.
    fn mind_trust(&mut self, layout: &Layout) {
        let Ok(trust) = layout.trust_anchor() else { return };
        if self.look.as_ref().is_none_or(|look| *look.anchor() != trust) {
            self.look = Look::new(layout).ok();
            self.quotas = QuotaLook::default();
        }
    }
}

/// After this many failures in a row: full jitter above a second, below a bound that doubles.
fn backoff(failures: u32, random: u64) -> Duration {
    schedule::jittered(failures, random, BACKOFF_MAX)
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn pauses_grow_to_a_minute_and_are_never_below_a_second() {
        for failures in 0..100 {
            for random in [0, 1, 999, 59_000, u64::MAX] {
                let pause = backoff(failures, random).as_millis();
                assert!((1000..=60_000).contains(&pause), "{failures} {pause}");
            }
        }
        assert!(backoff(1, u64::MAX).as_millis() <= 2000);
    }

    #[test]
    fn a_mirror_whose_thread_panics_is_down() {
        for panics in [false, true] {
            let standings = Standings::default();
            standings.begin(Kind::Redis, "redis://localhost:6379".to_owned());
            standings.note(Kind::Redis, &Ok(super::super::Turned::default()), (UnixSeconds::new(1), None));
            let watch = Watch { kind: Kind::Redis, standings: standings.clone() };
            let ended = std::thread::spawn(move || {
                let _watch = watch;
                assert!(!panics, "a fault");
            });
            assert_eq!(ended.join().is_err(), panics);
            let standing = standings.all().remove(0);
            let wanted = if panics { (State::Down, Some("MIRROR_ENDED")) } else { (State::Up, None) };
            assert_eq!((standing.state, standing.code.as_deref()), wanted);
        }
    }
}

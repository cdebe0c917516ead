//! What a server does beside answering: looks now and then whether something is due. No process leads; each thing is done by
//! whichever comes first, in a transaction that sees what the others have done.

use crate::audit::{Due, SealError};
use crate::issuer::Issuer;
use crate::trials::{self, Reminded};
use crate::upkeep::{self, RawRetention};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

/// How often it looks: what is done once a day is done within an hour of midnight, and soon after a start.
const EVERY: Duration = Duration::from_secs(3600);

/// Begins at once; ends with the runtime, or when it is aborted. What is being done then is a transaction, whole or not at all.
pub(super) fn start(issuer: Arc<Issuer>, retention: RawRetention) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut look = tokio::time::interval(EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            look.tick().await;
            let issuer = Arc::clone(&issuer);
            // A panic harms this round alone.
            let round = move || {
                seal(&issuer);
                remind(&issuer);
                look_after(&issuer, retention);
            };
            if let Err(error) = tokio::task::spawn_blocking(round).await {
                tracing::error!(%error, "what is done now and then was cut off");
            }
        }
    })
}

/// The heads of the audit, once a day.
fn seal(issuer: &Issuer) {
    match issuer.seal_audit(Due::Daily) {
        Ok(0) => {}
        Ok(chains) => tracing::info!(chains, "heads of the audit are signed"),
        Err(error @ SealError::NoKey) => tracing::warn!(%error, "the audit is not sealed"),
        Err(error) => tracing::error!(%error, "the audit could not be sealed; the next round tries again"),
    }
}

/// Whose trials end soon, or have ended.
fn remind(issuer: &Issuer) {
    let mut said = |reminded: &Reminded| {
        issuer.metrics.trials.reminded(reminded.reminder.days);
        upkeep::log_reminded(reminded);
    };
    if let Err(error) = trials::remind(&*issuer.storage, issuer.clock.now(), &mut said) {
        tracing::error!(%error, "not all that is to be said of trials is recorded; the next round tries again");
    }
}

/// The database: days have their partitions two weeks ahead, so that an hour more or less is nothing.
fn look_after(issuer: &Issuer, retention: RawRetention) {
    match upkeep::keep_up(&*issuer.storage, &*issuer.clock, retention) {
        Ok(Some(done)) => upkeep::log(&done),
        Ok(None) => tracing::debug!("another process looks after the database"),
        Err(error) => {
            tracing::error!(%error, "the database could not be looked after; the next round tries again")
        }
    }
}

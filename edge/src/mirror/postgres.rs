//! Into PostgreSQL: what is small is written whole where it changed, usage and the log once by their cursors.

mod chains;
mod upkeep;
mod whole;

use super::content::{Owner, Seen, rows};
use super::{Lag, Mirror, MirrorError, PostgresOptions, Turned};
use crate::database::upkeep::{Stands, gaps, partitions, stands};
use crate::database::usage::Source;
use crate::database::{Database, DatabaseError, Sizes, device, licence};
use brink_store::journal::{ChainPlace, UsageBook, UsageError};
use brink_store::machine::boottime_seconds;
use deadpool_postgres::Object;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use upkeep::Upkeep;

/// For one turn, whatever the server does with it: a server that hangs says nothing.
const TURN_MAX: Duration = Duration::from_secs(60);
/// For one statement: the server's own bound, below ours.
const STATEMENT_MAX: Duration = Duration::from_secs(45);
/// How often the device's row says that the agent is there, and rows are compared that should be as they were written.
const BEAT_SECONDS: i32 = 60;

/// The mirror.
pub(super) struct PostgresMirror {
    database: Database,
    connection: Option<Object>,
    upkeep: Upkeep,
    beat_at: Option<i64>,
    /// Where each chain stood when it was known last.
    reached: BTreeMap<Source, i64>,
    /// Devices whose licences this run has taken away.
    retired: BTreeSet<String>,
    patience: Duration,
}

impl PostgresMirror {
    /// Connects to nothing yet.
    pub(super) fn new(options: &PostgresOptions) -> Result<Self, DatabaseError> {
        // One copies, and one sums up beside it.
        let connections = options.connections.max(2);
        let sizes = Sizes { connections, connect: options.connect, statement: Some(STATEMENT_MAX) };
        let database = Database::at(&options.url, "brink-edge mirror", sizes)?;
        let upkeep = Upkeep::new(&database, options.retention);
        Ok(Self {
            database,
            connection: None,
            upkeep,
            beat_at: None,
            reached: BTreeMap::new(),
            retired: BTreeSet::new(),
            patience: TURN_MAX,
        })
    }

    async fn connected(&mut self, seen: &Seen) -> Result<Object, MirrorError> {
        if let Some(connection) = self.connection.take() {
            return Ok(connection);
        }
        let connection = self.database.checked().await?;
        // What comes may be of any month that the journal holds.
        let now = seen.view.standing().now.as_i64();
        partitions(&connection, now).await?;
        self.beat_at = None;
        Ok(connection)
    }

    async fn copy(&mut self, connection: &mut Object, seen: &Seen) -> Result<Turned, MirrorError> {
        let Some(owner) = seen.owner() else {
            stands(connection, &[]).await?;
            return Ok(Turned::default());
        };
        let places = match &seen.book {
            Ok(book) => chains::places(book)?,
            Err(_) => Vec::new(),
        };
        let mut devices: Vec<&str> = places.iter().map(|place| place.genesis.device.as_str()).collect();
        devices.push(&owner.device);
        let known = stands(connection, &devices).await?;
        // Before anything may fail: how far it is behind is known from here on without the server.
        for source in places.iter().map(chains::source) {
            let seq = chains::stood(&known, &source).map_or(0, |at| at.seq);
            self.reached.insert(source, seq);
        }
        let is_due = self.is_due();
        if is_due {
            self.retire(connection, (&owner, &known)).await?;
        }
        let mut turned = Turned::default();
        let told = if is_due { &[][..] } else { &known };
        turned.copied += whole::write(connection, (&owner, rows(seen, &owner)), told).await?;
        if is_due {
            self.beat_at = Some(boottime_seconds());
        }
        turned.copied += log(connection, &owner, seen).await?;
        match &seen.book {
            Ok(book) => self.copy_usage(connection, (seen, book), (&places, &known), &mut turned).await?,
            Err(UsageError::NotActivated) => {}
            Err(error) => return Err(error.clone().into()),
        }
        turned.gaps = u64::try_from(gaps(connection, &owner.device).await?).unwrap_or(0);
        self.upkeep.mind(seen.view.standing().now.as_i64());
        Ok(turned)
    }

    async fn copy_usage(
        &mut self,
        connection: &mut Object,
        (seen, book): (&Seen, &UsageBook),
        (places, known): (&[ChainPlace], &[Stands]),
        turned: &mut Turned,
    ) -> Result<(), MirrorError> {
        let copying = chains::Copying::new(seen, book);
        for place in places {
            let source = chains::source(place);
            let done = copying.chain(connection, (place, &source), known).await?;
            turned.copied += done.copied;
            turned.more |= done.more;
            self.reached.insert(source, done.seq);
        }
        Ok(())
    }

    /// Takes the licences away of devices that this one once was: each once, for two that say so of one another would never end.
    async fn retire(
        &mut self,
        connection: &mut Object,
        (owner, known): (&Owner, &[Stands]),
    ) -> Result<(), MirrorError> {
        let is_former = |at: &&Stands| at.source == "edge_devices" && at.device != owner.device;
        for Stands { device, .. } in known.iter().filter(is_former) {
            if !self.retired.contains(device) && device::retire(connection, device).await? {
                self.retired.insert(device.clone());
            }
        }
        Ok(())
    }

    /// Whether it is time to say that the agent is there, and to put right what somebody else has changed.
    fn is_due(&self) -> bool {
        self.beat_at.is_none_or(|at| boottime_seconds() >= at.saturating_add(i64::from(BEAT_SECONDS)))
    }
}

/// A connection that is not used again unless the turn comes to its end: whatever it is in the middle of ends with it.
struct Taken(Option<Object>);

impl Drop for Taken {
    fn drop(&mut self) {
        drop(self.0.take().map(Object::take));
    }
}

impl Mirror for PostgresMirror {
    async fn turn(&mut self, seen: &Seen) -> Result<Turned, MirrorError> {
        let patience = self.patience;
        let work = async {
            let mut taken = Taken(Some(self.connected(seen).await?));
            let Some(connection) = &mut taken.0 else { return Ok(Turned::default()) };
            let turned = self.copy(connection, seen).await?;
            self.connection = taken.0.take();
            Ok(turned)
        };
        let silent = |_| MirrorError::Silent(patience.as_secs());
        tokio::time::timeout(patience, work).await.map_err(silent).flatten()
    }

    fn lag(&self, seen: &Seen) -> Option<Lag> {
        chains::lag(seen.book.as_ref().ok()?, &self.reached)
    }
}

/// The next entries of the validation log, where the agent told them.
async fn log(connection: &mut Object, owner: &Owner, seen: &Seen) -> Result<u64, MirrorError> {
    let Some(log) = seen.facts.as_ref().and_then(|facts| facts.log.as_ref()) else { return Ok(0) };
    let source = Source { kind: "log", device: owner.device.clone(), epoch: 0 };
    let mut copied = 0;
    let next = |stands: &_| {
        let step = super::log::step(stands, log, &owner.tenant);
        copied = step.as_ref().map_or(0, |step| step.rows.len() as u64);
        Ok::<_, MirrorError>(step)
    };
    licence::take_log(connection, &source, next).await?;
    Ok(copied)
}

#[cfg(test)]
mod tests;

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

    /// Usage first: what has left the journal is lost, and all else is written whole. What one part cannot write keeps none of the
    /// others back.
    async fn copy(&mut self, connection: &mut Object, seen: &Seen) -> Result<Turned, MirrorError> {
        let Some(owner) = seen.owner() else {
            stands(connection, &[]).await?;
            return Ok(Turned::default());
        };
        let mut parts = Parts::default();
        let places = parts.note(places(seen))?;
        let mut devices: Vec<&str> = places.iter().map(|place| place.genesis.device.as_str()).collect();
        devices.push(&owner.device);
        let known = stands(connection, &devices).await?;
        // Before anything may fail: how far it is behind is known from here on without the server.
        for source in places.iter().map(chains::source) {
            let seq = chains::stood(&known, &source).map_or(0, |at| at.seq);
            self.reached.insert(source, seq);
        }
        let mut turned = Turned::default();
        if let Ok(book) = &seen.book {
            let of = (&places[..], &known[..]);
            parts.note(self.copy_usage(connection, (seen, book), of, &mut turned).await)?;
        }
        if self.is_due() {
            parts.note(self.retire(connection, (&owner, &known)).await)?;
        }
        turned.copied += parts.note(self.copy_whole(connection, (&owner, seen), &known).await)?;
        turned.copied += parts.note(log(connection, &owner, seen).await)?;
        let gaps = gaps(connection, &owner.device).await.map_err(MirrorError::from);
        turned.gaps = u64::try_from(parts.note(gaps)?).unwrap_or(0);
        self.upkeep.mind(seen.view.standing().now.as_i64());
        parts.failed.map_or(Ok(turned), Err)
    }

    async fn copy_whole(
        &mut self,
        connection: &mut Object,
        (owner, seen): (&Owner, &Seen),
        known: &[Stands],
    ) -> Result<u64, MirrorError> {
        let is_due = self.is_due();
        let told = if is_due { &[][..] } else { known };
        let copied = whole::write(connection, (owner, rows(seen, owner)), told).await?;
        if is_due {
            self.beat_at = Some(boottime_seconds());
        }
        Ok(copied)
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

/// What failed first of the parts of a turn.
#[derive(Default)]
struct Parts {
    failed: Option<MirrorError>,
}

impl Parts {
    /// Goes on behind a part that failed, with nothing of it; not where the connection is gone.
    fn note<T: Default>(&mut self, part: Result<T, MirrorError>) -> Result<T, MirrorError> {
        let is_gone =
            |error: &MirrorError| matches!(error, MirrorError::Database(DatabaseError::Unavailable(_)));
        match part {
            Ok(part) => Ok(part),
            Err(error) if is_gone(&error) => Err(self.failed.take().unwrap_or(error)),
            Err(error) => {
                self.failed.get_or_insert(error);
                Ok(T::default())
            }
        }
    }
}

/// The chains of the journal; a device that was never activated has none.
fn places(seen: &Seen) -> Result<Vec<ChainPlace>, MirrorError> {
    match &seen.book {
        Ok(book) => Ok(chains::places(book)?),
        Err(UsageError::NotActivated) => Ok(Vec::new()),
        Err(error) => Err(error.clone().into()),
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

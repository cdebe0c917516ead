//! Into Redis: one document for each key, written where it changed, again before it would run out, and all of them where somebody
//! emptied the server. Readers see the documents of before or those of now: all of a turn comes at once.

mod address;
mod fault;

pub use address::RedisAddress;
pub use fault::RedisFault;

use super::content::{Class, Document, Owner, Seen, documents};
use super::{Lag, Mirror, MirrorError, RedisOptions, Turned};
use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, Client, Pipeline, cmd, pipe};
use brink_license::UnixSeconds;
use brink_store::machine::boottime_seconds;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// For one command, or all of a turn.
const COMMAND_MAX: Duration = Duration::from_secs(5);
/// Keys of one question whether they are there.
const ASKED_MAX: usize = 1000;
/// A key is written again after this part of its time.
const REFRESH_PART: u64 = 3;

/// What the keys of documents begin with.
const OURS: [&str; 3] = ["license:", "entitlement:", "growth_packs:"];

/// The mirror.
pub(super) struct RedisMirror {
    client: Client,
    options: RedisOptions,
    connection: Option<MultiplexedConnection>,
    /// What this run names itself: another name beside the keys is another's work, or none.
    run: String,
    /// The device that this run wrote for last.
    device: Option<String>,
    written: HashMap<String, String>,
    written_at: i64,
    /// Whether the last turn came to its end.
    is_well: bool,
}

impl RedisMirror {
    /// Connects to nothing yet. `run` is a name that no other run has.
    pub(super) fn new(options: &RedisOptions, run: String) -> Result<Self, RedisFault> {
        let client = Client::open(options.address.info().clone())?;
        let (options, written) = (options.clone(), HashMap::new());
        Ok(Self {
            client,
            options,
            connection: None,
            run,
            device: None,
            written,
            written_at: 0,
            is_well: false,
        })
    }

    async fn connected(&mut self) -> Result<MultiplexedConnection, RedisFault> {
        if let Some(connection) = self.connection.take() {
            return Ok(connection);
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.options.connect))
            .set_response_timeout(Some(COMMAND_MAX));
        Ok(self.client.get_multiplexed_async_connection_with_config(&config).await?)
    }

    async fn copy(
        &mut self,
        connection: &mut MultiplexedConnection,
        (owner, documents): (&Owner, Vec<Document>),
        now: UnixSeconds,
    ) -> Result<u64, RedisFault> {
        let names = Names::of(&owner.device);
        let marker: Option<String> = cmd("GET").arg(&names.run).query_async(connection).await?;
        let is_ours = marker.as_deref() == Some(&self.run) && self.is_all_there(connection).await?;
        let is_due = boottime_seconds() >= self.written_at.saturating_add(self.refresh_seconds());
        let all = !is_ours || is_due;
        let is_new = |document: &&Document| all || self.written.get(&document.key) != Some(&document.text);
        let new: Vec<&Document> = documents.iter().filter(is_new).collect();
        let before = self.device.as_deref().filter(|device| *device != owner.device).map(Names::of);
        let mut known: HashSet<String> = match all {
            true => cmd("SMEMBERS").arg(&names.keys).query_async(connection).await?,
            false => HashSet::new(),
        };
        if !all || before.is_some() {
            known.extend(self.written.keys().cloned());
        }
        let wanted: HashSet<&str> = documents.iter().map(|document| document.key.as_str()).collect();
        let gone: Vec<String> = known.into_iter().filter(|key| !wanted.contains(key.as_str())).collect();
        if new.is_empty() && gone.is_empty() && before.is_none() {
            return Ok(0);
        }
        let mut turn = pipe();
        turn.atomic();
        new.iter().for_each(|document| self.put(&mut turn, document, now));
        remove(&mut turn, &names, &gone);
        if let Some(Names { keys, run }) = &before {
            turn.cmd("DEL").arg(keys).arg(run).ignore();
        }
        if !new.is_empty() {
            let keys: Vec<&str> = new.iter().map(|document| document.key.as_str()).collect();
            turn.cmd("SADD").arg(&names.keys).arg(keys).ignore();
        }
        turn.cmd("SET").arg(&names.run).arg(&self.run).ignore();
        turn.query_async::<()>(connection).await?;
        let copied = new.len() as u64;
        if all {
            self.written_at = boottime_seconds();
        }
        self.device = Some(owner.device.clone());
        self.written = documents.into_iter().map(|document| (document.key, document.text)).collect();
        Ok(copied)
    }

    /// A key that ran out of room, or that somebody removed, is one of all that are written again.
    async fn is_all_there(&self, connection: &mut MultiplexedConnection) -> Result<bool, RedisFault> {
        let keys: Vec<&String> = self.written.keys().collect();
        for some in keys.chunks(ASKED_MAX) {
            let there: usize = cmd("EXISTS").arg(some).query_async(connection).await?;
            if there < some.len() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What nobody may believe after its deadline is gone by then; what has none, after a while all the same.
    fn put(&self, turn: &mut Pipeline, document: &Document, now: UnixSeconds) {
        let most = match document.class {
            Class::Licence => self.options.licence_ttl,
            Class::Entitlement => self.options.entitlement_ttl,
        };
        let left =
            document.deadline.map_or(u64::MAX, |deadline| u64::try_from(deadline.since(now)).unwrap_or(0));
        let seconds = most.as_secs().min(left).max(1);
        turn.cmd("SET").arg(&document.key).arg(&document.text).arg("EX").arg(seconds).ignore();
    }

    fn refresh_seconds(&self) -> i64 {
        let shortest = self.options.licence_ttl.min(self.options.entitlement_ttl).as_secs();
        i64::try_from(shortest / REFRESH_PART).unwrap_or(i64::MAX)
    }

    async fn turn_at(&mut self, seen: &Seen) -> Result<u64, RedisFault> {
        let mut connection = self.connected().await?;
        let copied = match seen.owner() {
            Some(owner) => {
                let documents = documents(seen, &owner);
                self.copy(&mut connection, (&owner, documents), seen.now()).await?
            }
            None => {
                cmd("PING").query_async::<()>(&mut connection).await?;
                0
            }
        };
        self.connection = Some(connection);
        Ok(copied)
    }
}

/// Takes keys away that are wanted no more. Whatever stands in the list, what no document of the mirror's begins with is another's.
fn remove(turn: &mut Pipeline, names: &Names, gone: &[String]) {
    let is_ours = |key: &&String| OURS.iter().any(|begins| key.starts_with(begins));
    let ours: Vec<&String> = gone.iter().filter(is_ours).collect();
    if !ours.is_empty() {
        turn.cmd("DEL").arg(ours).ignore();
    }
    if !gone.is_empty() {
        turn.cmd("SREM").arg(&names.keys).arg(gone).ignore();
    }
}

/// The keys that are the mirror's own.
struct Names {
    /// Every key that it wrote.
    keys: String,
    /// Which run wrote last.
    run: String,
}

impl Names {
    fn of(device: &str) -> Self {
        Self { keys: format!("brink:{device}:keys"), run: format!("brink:{device}:run") }
    }
}

impl Mirror for RedisMirror {
    async fn turn(&mut self, seen: &Seen) -> Result<Turned, MirrorError> {
        let silent = |_| MirrorError::Silent(COMMAND_MAX.as_secs());
        let done = tokio::time::timeout(COMMAND_MAX, self.turn_at(seen)).await;
        let done = done.map_err(silent).and_then(|done| done.map_err(MirrorError::from));
        self.is_well = done.is_ok();
        if done.is_err() {
            // Whether the server did it nobody knows: the next turn writes all of it.
            self.written_at = i64::MIN;
        }
        done.map(|copied| Turned { copied, ..Turned::default() })
    }

    fn lag(&self, _: &Seen) -> Option<Lag> {
        self.is_well.then(Lag::default)
    }
}

#[cfg(test)]
mod tests;

//! The agent's side of `agent.sock`.

use super::line::read_line;
use super::permission::{Household, Peer};
use super::place::SocketPlace;
use super::{CALLER_TIMEOUT, VERB_TIMEOUT};
use crate::agent::Event;
use crate::command::{Command, Reply};
use crate::error::EdgeError;
use std::io::{self, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

/// Most callers at once that are hosts: a host's program opens one at a time, and no machine has this many hosts.
const HOSTS_MAX: usize = 24;
/// Most callers at once that own the device. Places of their own, so that hosts that hold all of theirs without a word
/// keep nobody from stopping them.
const OWNERS_MAX: usize = 8;

/// Listens on the socket and turns every line into an event. Only the holder of the lock may make one: it replaces
/// whatever an earlier agent left in its place. Dropped, it takes the socket away.
#[derive(Debug)]
pub struct LocalServer {
    socket: SocketPlace,
    ending: Arc<AtomicBool>,
    acceptor: Option<JoinHandle<()>>,
}

impl LocalServer {
    /// Binds, sets group and mode, and only then gives the socket its name, so that nobody reaches it before.
    pub fn bind(socket: &Path, group: Option<u32>, events: Sender<Event>) -> Result<Self, EdgeError> {
        let failed = |reason| EdgeError::Socket { socket: socket.to_owned(), reason };
        let (listener, socket) = SocketPlace::bind(socket, group).map_err(failed)?;
        let ending = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&ending);
        let acceptor = std::thread::Builder::new()
            .name("brink-local".to_owned())
            .spawn(move || accept(&listener, &events, &stop))
            .map_err(failed)?;
        Ok(Self { socket, ending, acceptor: Some(acceptor) })
    }

    /// Where it listens.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.socket.path().real()
    }
}

impl Drop for LocalServer {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Release);
        // Wakes the acceptor. If even that fails, the process is about to end anyway.
        let woken = UnixStream::connect(self.socket.path().usable()).is_ok();
        let ours = self.socket.take_away();
        if let (true, Some(acceptor)) = (woken && ours, self.acceptor.take()) {
            let _ = acceptor.join();
        }
    }
}

fn accept(listener: &UnixListener, events: &Sender<Event>, ending: &AtomicBool) {
    let (places, household) = (Places::default(), Household::own());
    for stream in listener.incoming() {
        if ending.load(Ordering::Acquire) {
            return;
        }
        let stream = match stream {
            Ok(stream) => stream,
            Err(error) => {
                tracing::warn!(%error, "agent.sock: a caller was lost");
                // Out of descriptors: without a pause this would spin.
                std::thread::park_timeout(std::time::Duration::from_millis(50));
                continue;
            }
        };
        let peer = household.peer(&stream);
        let place = places.take(peer);
        let events = events.clone();
        let serving = std::thread::Builder::new().name("brink-caller".to_owned());
        if let Err(error) = serving.spawn(move || serve(stream, place, (peer, household), &events)) {
            tracing::warn!(%error, "agent.sock: no thread for a caller");
        }
    }
}

/// How many places are taken.
#[derive(Default)]
struct Places {
    hosts: Arc<AtomicUsize>,
    owners: Arc<AtomicUsize>,
}

impl Places {
    fn take(&self, peer: Peer) -> Option<Place> {
        let (taken, most) = match peer {
            Peer::Host => (&self.hosts, HOSTS_MAX),
            Peer::Owner => (&self.owners, OWNERS_MAX),
        };
        let free = taken.fetch_add(1, Ordering::AcqRel) < most;
        let place = Place(Arc::clone(taken));
        free.then_some(place)
    }
}

/// One place among the callers, given back when dropped.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

fn serve(mut stream: UnixStream, place: Option<Place>, caller: (Peer, Household), events: &Sender<Event>) {
    let reply = match &place {
        Some(_) => hear(&mut stream, caller, events),
        None => Ok(Reply::from(&EdgeError::AgentBusy)),
    };
    let answered = reply.and_then(|reply| answer(&mut stream, &reply));
    if let Err(error) = answered {
        tracing::debug!(%error, "agent.sock: a caller went away");
    }
}

/// Reads the command, hands it to the agent if this caller may ask for it, and waits for what it came to.
fn hear(
    stream: &mut UnixStream,
    (peer, household): (Peer, Household),
    events: &Sender<Event>,
) -> io::Result<Reply> {
    stream.set_read_timeout(Some(CALLER_TIMEOUT))?;
    let line = read_line(stream)?;
    let command = match serde_json::from_slice::<Command>(&line) {
        Ok(command) => command,
        // The position is told, the content is not: it may be a code.
        Err(error) => {
            let place = format!("line {} column {}", error.line(), error.column());
            return Ok(Reply::from(&EdgeError::NotUnderstood(place)));
        }
    };
    if let Err(error) = household.check(peer, &command) {
        tracing::warn!(verb = command.verb(), %error, "refused");
        return Ok(Reply::from(&error));
    }
    let (reply_to, reply) = channel();
    if events.send(Event::Command(command, peer, reply_to)).is_err() {
        return Ok(Reply::from(&EdgeError::AgentEnding));
    }
    // The agent drops what it cannot answer any more when it ends.
    Ok(reply.recv_timeout(VERB_TIMEOUT).unwrap_or_else(|_| Reply::from(&EdgeError::AgentEnding)))
}

fn answer(stream: &mut UnixStream, reply: &Reply) -> io::Result<()> {
    stream.set_write_timeout(Some(CALLER_TIMEOUT))?;
    let mut line = serde_json::to_vec(reply)?;
    line.push(b'\n');
    stream.write_all(&line)
}

//! A thread of this process that does one thing again and again, until it is dropped.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// The thread. Dropping it ends the thread and waits for the tick under way; a fork of the process has none and must forget
/// it instead.
#[derive(Debug)]
pub(crate) struct Ticker {
    /// Dropping the sender ends the thread at once.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    /// Starts it; the first tick comes after one pause.
    pub(crate) fn start(
        name: &str,
        pause: Duration,
        tick: impl FnMut() + Send + 'static,
    ) -> io::Result<Self> {
        let (stop, stopped) = channel();
        let thread = std::thread::Builder::new().name(name.to_owned());
        let thread = thread.spawn(move || tick_until(&stopped, pause, tick))?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // One that panicked has said so, and has left everything to whoever dropped it.
            let _ = thread.join();
        }
    }
}

fn tick_until(stopped: &Receiver<()>, pause: Duration, mut tick: impl FnMut()) {
    while stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
        tick();
    }
}

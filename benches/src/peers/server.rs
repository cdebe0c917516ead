//! A server process that ends with the bench, and the wait until it answers.

use rustix::process::{Pid, Signal, kill_process};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const START_WITHIN: Duration = Duration::from_secs(20);
const END_WITHIN: Duration = Duration::from_secs(5);

pub struct Server {
    process: Child,
}

impl Server {
    pub fn start(command: &mut Command) -> Result<Self, String> {
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).stdin(Stdio::null()).spawn();
        let process = process.map_err(|e| format!("{}: {e}", command.get_program().display()))?;
        Ok(Self { process })
    }

    /// Tries until `connect` succeeds, the server has ended, or it has had its time.
    pub fn wait<T, E: ToString>(&mut self, mut connect: impl FnMut() -> Result<T, E>) -> Result<T, String> {
        let deadline = Instant::now() + START_WITHIN;
        loop {
            let error = match connect() {
                Ok(connected) => return Ok(connected),
                Err(error) => error.to_string(),
            };
            if let Ok(Some(status)) = self.process.try_wait() {
                return Err(format!("it ended with {status}"));
            }
            if Instant::now() > deadline {
                return Err(format!("no answer within {START_WITHIN:?}: {error}"));
            }
            std::thread::yield_now();
        }
    }
}

impl Server {
    /// Seconds of processor time of the processes that it has started: of those that run, and of those that have ended.
    pub fn cpu_seconds(&self) -> f64 {
        let own = self.process.id().to_string();
        let stat = std::fs::read_to_string(format!("/proc/{own}/stat")).unwrap_or_default();
        let ended = ticks_at(&stat, [13, 14]).map_or(0, |(_, ticks)| ticks);
        let processes = std::fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
        let ticks = processes.filter_map(|process| {
            let stat = std::fs::read_to_string(process.path().join("stat")).ok()?;
            ticks_of(&stat).filter(|(parent, _)| *parent == own).map(|(_, ticks)| ticks)
        });
        (ticks.sum::<u64>() + ended) as f64 / TICKS_A_SECOND
    }
}

/// The kernel's unit in `/proc`, which is fixed for programs.
pub const TICKS_A_SECOND: f64 = 100.0;

/// The parent of a process, and the ticks it has run, by its line in `/proc`.
pub fn ticks_of(stat: &str) -> Option<(&str, u64)> {
    ticks_at(stat, [11, 12])
}

fn ticks_at(stat: &str, places: [usize; 2]) -> Option<(&str, u64)> {
    // The name before may hold anything.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some((*fields.get(1)?, ticks(places[0])? + ticks(places[1])?))
}

impl Drop for Server {
    /// Asks it to end, since PostgreSQL leaves shared memory behind when it is killed, and kills it if it does not.
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.process), Signal::INT);
        let deadline = Instant::now() + END_WITHIN;
        while matches!(self.process.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::yield_now();
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

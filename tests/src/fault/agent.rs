//! An agent at work with a real issuer over the loopback, killed while it exchanges. One device, one history: what was
//! acknowledged in an earlier round must still hold in the last.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use brink_store::Gate;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::bench::{copy_tree, text};
use super::disk::{Disk, Kind};
use super::seen::{CAMERA, Numbers, of_gate, told, unharmed};
use super::strace::{self, Point};
use super::{Bench, Random, Tally};
use crate::{Device, Issuer, Ran, Running};

/// Longer than an exchange takes here, so that kills fall on every part of it.
const EXCHANGE_MICROSECONDS: usize = 60_000;

/// The device and its issuer.
struct Pair<'b> {
    bench: &'b Bench,
    issuer: Issuer,
    server: Option<Running>,
    url: String,
    device: Device,
    name: String,
    /// A host that is there all the time, unless the file system is taken away in between.
    host: Option<Gate>,
    /// The highest numbers that were acknowledged.
    acknowledged: Numbers,
    /// Whether the next licence is to have a camera more.
    more: bool,
}

/// Lets time pass.
fn pause(random: &mut Random) {
    let (_never, waiting) = channel::<()>();
    let microseconds = u64::try_from(random.below(EXCHANGE_MICROSECONDS)).expect("a count");
    let _ = waiting.recv_timeout(Duration::from_micros(microseconds));
}

impl<'b> Pair<'b> {
    fn new(bench: &'b Bench) -> Pair<'b> {
        let mut pair = Pair::at(bench, bench.copy(&bench.path("fresh")));
        let host = Gate::open(pair.device.bundle(), bench.anchor.clone()).expect("a gate opens");
        pair.host = Some(host);
        pair
    }

    /// With the device in a directory that was prepared, and nobody who watches.
    fn at(bench: &'b Bench, directory: PathBuf) -> Pair<'b> {
        let issuer = Issuer::at(bench.copy(&bench.path("offering")));
        let device = Device::at(directory);
        let (server, url) = issuer.serve();
        let said = device.run(&["activate", "--issuer", &url, "--code", &bench.code, "--json"]).ok().json();
        let name = said["device"].as_str().expect("a device").to_owned();
        let acknowledged = Numbers::default();
        Pair { bench, issuer, server: Some(server), url, device, name, host: None, acknowledged, more: false }
    }

    /// Something new to mint.
    fn change(&mut self) {
        let packs: &[&str] = if self.more { &["advanced_analytics"] } else { &[] };
        self.more = !self.more;
        self.issuer.assign(&self.name, &["cam-2"], packs);
        self.issuer.assign(&self.name, &[CAMERA], &["advanced_analytics"]);
    }

    fn exchange(&self) -> Command {
        self.device.command(&["exchange", "--issuer", &self.url, "--json"])
    }

    fn acknowledge(&mut self, ran: &Ran) {
        if ran.code != Some(0) {
            return;
        }
        let said: Value = serde_json::from_str(&ran.stdout).unwrap_or_default();
        let number = |value: &Value| value.as_u64().unwrap_or(0);
        let Numbers { licence, receipt, keyset } = &mut self.acknowledged;
        *licence = (*licence).max(number(&said["licence"]["seq"]));
        *receipt = (*receipt).max(number(&said["receipt"]["seq"]));
        *keyset = (*keyset).max(number(&said["keyset_version"]));
    }

    /// Starts an exchange, and in the middle of it something happens to the agent or to the issuer.
    fn disturb(
        &mut self,
        random: &mut Random,
        happen: impl FnOnce(&mut Self, &mut Random) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut exchange = self.exchange();
        let asked = exchange.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let asked = asked.map_err(|error| error.to_string())?;
        pause(random);
        happen(self, random)?;
        let output = asked.wait_with_output().map_err(|error| error.to_string())?;
        let ran = Ran {
            line: format!("{exchange:?}"),
            code: output.status.code(),
            signal: output.status.signal(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        };
        unharmed(&ran)?;
        self.acknowledge(&ran);
        Ok(())
    }

    /// An agent that has exchanged a few times already.
    fn work(&mut self, random: &mut Random) -> Running {
        let agent = self.device.agent();
        for _ in 0..random.below(3) {
            let ran = Ran::to_end(&mut self.exchange());
            self.acknowledge(&ran);
        }
        agent
    }

    /// Nothing that was acknowledged is lost, and everything goes on.
    fn judge(&mut self) -> Result<(), String> {
        self.at_least("status", told(&self.device)?.seen.numbers)?;
        let fresh = super::seen::through_a_gate(self.device.data(), &self.bench.anchor);
        self.at_least("a host that starts", fresh.numbers)?;
        if self.server.is_none() {
            let (server, url) = self.issuer.serve();
            (self.server, self.url) = (Some(server), url);
        }
        let ran = Ran::to_end(&mut self.exchange());
        unharmed(&ran)?;
        if ran.code != Some(0) {
            return Err(format!("the next exchange fails\n{ran}"));
        }
        self.acknowledge(&ran);
        self.at_least("status in the end", told(&self.device)?.seen.numbers)?;
        let watched = self.host.as_ref().map(of_gate);
        if watched.as_ref().is_some_and(|seen| seen.state != "granted") {
            return Err(format!("the host that was there sees {watched:?}"));
        }
        let log = fs::read_to_string(self.device.data().with_extension("log")).unwrap_or_default();
        if log.contains("panicked at") { Err(format!("the agent panicked\n{log}")) } else { Ok(()) }
    }

    fn at_least(&self, who: &str, seen: Numbers) -> Result<(), String> {
        let Numbers { licence, receipt, keyset } = self.acknowledged;
        if seen.licence >= licence && seen.receipt >= receipt && seen.keyset >= keyset {
            return Ok(());
        }
        Err(format!("{who} sees {seen:?}, and {:?} was acknowledged", self.acknowledged))
    }
}

/// At random moments.
pub(super) fn killed_at_random(bench: &Bench, random: &mut Random, rounds: usize) -> Tally {
    let mut pair = Pair::new(bench);
    let mut tally = Tally::default();
    for number in 0..rounds {
        if random.below(2) == 0 {
            pair.change();
        }
        let agent = pair.work(random);
        let disturbed = pair.disturb(random, |pair, random| {
            // Whoever is not killed ends as its service manager would have it.
            if random.below(3) == 0 {
                pair.server.take().expect("the issuer runs").kill();
                agent.stop();
            } else {
                agent.kill();
            }
            Ok(())
        });
        tally.count(format_args!("round {number}"), disturbed.and_then(|()| pair.judge()));
    }
    tally.notes.push(format!("{} receipts were acknowledged.", pair.acknowledged.receipt));
    tally
}

/// At random moments the power goes at the device, while the issuer goes on.
pub(super) fn cut_at_random(bench: &Bench, random: &mut Random, rounds: usize) -> Tally {
    let disk = Disk::make(&bench.path("agents-power"), Kind::Ext4 { mib: 64, block: 4096 });
    let disk = disk.expect("a file system of our own");
    let directory = disk.path().join("device");
    copy_tree(&bench.path("fresh"), &directory);
    disk.sync().expect("it syncs");
    let mut pair = Pair::at(bench, directory);
    let mut tally = Tally::default();
    for number in 0..rounds {
        if random.below(2) == 0 {
            pair.change();
        }
        let agent = pair.work(random);
        let disturbed = pair.disturb(random, |_, _| {
            // Who has no power sends nothing any more. A sync that was under way when the file system is shut down may
            // seem to have succeeded, and must not be acted upon.
            agent.freeze();
            disk.stop()?;
            agent.kill();
            Ok(())
        });
        let judged = disturbed.and_then(|()| disk.start_again()).and_then(|()| pair.judge());
        tally.count(format_args!("round {number}"), judged);
    }
    tally.notes.push(format!("{} receipts were acknowledged.", pair.acknowledged.receipt));
    tally
}

/// The program that strace watches: killing strace alone would leave it.
fn watched_by(strace: &Running) -> Option<Pid> {
    let id = strace.id();
    let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).ok()?;
    Pid::from_raw(children.split_whitespace().next()?.parse().ok()?)
}

impl Pair<'_> {
    /// Runs the agent under strace through one exchange, and ends it in whatever way is left.
    fn under_strace(&mut self, options: &[&str]) -> Result<(), String> {
        let run = self.device.command(&["run"]);
        let log = self.device.data().with_extension("log");
        let mut agent = Running::start(&mut strace::strace(options, &run), log);
        if agent.says("agent ready on ").is_some() {
            let ran = Ran::to_end(&mut self.exchange());
            unharmed(&ran)?;
            self.acknowledge(&ran);
        }
        if let Some(agent) = watched_by(&agent) {
            // Ended already is fine.
            let _ = kill_process(agent, Signal::TERM);
        }
        agent.until_gone();
        Ok(())
    }

    fn steps(&mut self) -> Result<Vec<Point>, String> {
        let log = self.bench.path("agent.strace");
        self.change();
        let trace = strace::trace();
        self.under_strace(&["-y", "-s", "1", "-o", text(&log), "-e", &trace])?;
        let lines = fs::read_to_string(&log).map_err(|error| error.to_string())?;
        Ok(strace::parse(&lines, self.device.data()))
    }
}

/// At every numbered step, from its start through an exchange to its end.
pub(super) fn killed_at_steps(bench: &Bench, random: &mut Random, rounds: usize) -> Tally {
    let mut pair = Pair::new(bench);
    let mut tally = Tally::default();
    let steps = match pair.steps() {
        Ok(steps) if !steps.is_empty() => steps,
        other => {
            tally.count("watching an agent", Err(format!("no steps: {other:?}")));
            return tally;
        }
    };
    for point in random.spread(&steps, rounds) {
        pair.change();
        let options = strace::killing(point, pair.device.data());
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let came_to = pair.under_strace(&options).and_then(|()| pair.judge());
        tally.count(point, came_to);
    }
    tally.notes.push(format!("{} numbered steps.", steps.len()));
    tally
}

//! What holds after every fault.

use std::path::Path;

use serde_json::Value;

use super::Bench;
use super::job::Job;
use super::seen::{Seen, of_gate, refusal, through_a_gate, told, unharmed};
use crate::{Device, Ran};

/// What `doctor` may complain of after a fault that is over: the machine, not the device.
const THE_MACHINES: [&str; 5] = ["disk_space", "block_size", "agent", "issuer", "read_only"];

impl Bench {
    /// Judges a directory in which `ran` was disturbed. In the order in which it can be seen:
    ///
    /// 1. The process did not crash.
    /// 2. A host that starts now sees the old or the new whole; the new, if it was acknowledged.
    /// 3. So does `status`, which names a clear state.
    /// 4. The same verb again leads to the new state, or says that it is there already.
    /// 5. `doctor` finds nothing of the device's that fails.
    /// 6. A host sees the new, and so does the host that was there all the time.
    /// 7. What was recorded is kept once, in a chain that is whole.
    pub(super) fn judge(&self, job: &Job, directory: &Path, ran: &Ran) -> Result<(), String> {
        unharmed(ran)?;
        let judged = self
            .judge_left(job, directory, job.acknowledged(ran))
            .and_then(|()| if job.records() { kept(directory, job.acknowledged(ran)) } else { Ok(()) });
        judged.map_err(|what| format!("{what}\nafter {ran}"))
    }

    /// The same where the process is not to be blamed for its end.
    pub(super) fn judge_left(&self, job: &Job, directory: &Path, acknowledged: bool) -> Result<(), String> {
        let device = Device::at(directory.to_owned());
        let host = brink_store::Gate::open(device.bundle(), self.anchor.clone()).expect("a gate opens");
        old_or_new("a host", &of_gate(&host), (&job.before.1, &job.after.1), acknowledged)?;
        let first = told(&device)?;
        old_or_new("status", &first.seen, (&job.before.0, &job.after.0), acknowledged)?;
        let waiting = self.request_that_waits(job, directory, acknowledged)?;
        let again = Ran::to_end(&mut job.command(directory));
        unharmed(&again)?;
        if !job.is_done(&again) {
            return Err(format!("it cannot be done again\n{again}"));
        }
        if let (Some(before), Ok(after)) = (waiting, std::fs::read(directory.with_extension("out")))
            && before != after
        {
            return Err("another request than the one that was handed out".to_owned());
        }
        same("status in the end", &told(&device)?.seen, &job.after.0)?;
        examined(&device, &job.after.0.state)?;
        same("a host in the end", &through_a_gate(directory, &self.anchor), &job.after.1)
    }

    /// The request that was handed out: it is stored before it leaves, so it is the same one for ever.
    fn request_that_waits(
        &self,
        job: &Job,
        directory: &Path,
        acknowledged: bool,
    ) -> Result<Option<Vec<u8>>, String> {
        if !job.exports() {
            return Ok(None);
        }
        match std::fs::read(directory.with_extension("out")) {
            Ok(bytes) if bytes.is_empty() => Err("an empty request was handed out".to_owned()),
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if acknowledged => Err(format!("the request that was handed out is gone: {error}")),
            Err(_) => Ok(None),
        }
    }
}

/// `doctor` runs, and complains of the machine only.
fn examined(device: &Device, state: &str) -> Result<(), String> {
    let ran = device.run(&["doctor", "--json"]);
    unharmed(&ran)?;
    let document: Value = serde_json::from_str(&ran.stdout).map_err(|error| format!("{error}\n{ran}"))?;
    let checks = document["checks"].as_array().ok_or_else(|| format!("no checks\n{ran}"))?;
    // A device that may not run has a licence that fails, and that is no fault of its store.
    let expected = |name: &str| THE_MACHINES.contains(&name) || (name == "licence" && state != "active");
    let fails =
        |check: &&Value| check["level"] == "fail" && !expected(check["name"].as_str().unwrap_or_default());
    checks.iter().find(fails).map_or(Ok(()), |check| Err(format!("doctor finds: {check}")))
}

/// `doctor` runs, whatever it finds.
pub(super) fn examinable(device: &Device) -> Result<(), String> {
    let ran = device.run(&["doctor", "--json"]);
    unharmed(&ran)?;
    if ran.stdout.contains("\"checks\"") { Ok(()) } else { refusal(&ran).map(|_| ()) }
}

fn old_or_new(
    who: &str,
    seen: &Seen,
    (before, after): (&Seen, &Seen),
    acknowledged: bool,
) -> Result<(), String> {
    if seen == after || (!acknowledged && seen == before) {
        return Ok(());
    }
    let was = if acknowledged { ", which was acknowledged" } else { "" };
    Err(format!("{who} sees {seen:?}, and not {before:?} or {after:?}{was}"))
}

pub(super) fn same(who: &str, seen: &Seen, wanted: &Seen) -> Result<(), String> {
    if seen == wanted { Ok(()) } else { Err(format!("{who} sees {seen:?} and not {wanted:?}")) }
}

/// The use that was recorded while it was disturbed, if that was acknowledged, and the one of the repetition.
fn kept(directory: &Path, acknowledged: bool) -> Result<(), String> {
    let device = Device::at(directory.to_owned());
    let walked = device.run(&["usage", "verify", "--json"]);
    if walked.code != Some(0) {
        return Err(format!("usage is not whole\n{walked}"));
    }
    let count = walked.json()["records"].as_u64().unwrap_or_default();
    let least = 1 + u64::from(acknowledged);
    if (least..=2).contains(&count) {
        Ok(())
    } else {
        Err(format!("{count} records, and at least {least} are due"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A verb whose outcome nobody sees could lose it, and every round would be sound.
    #[test]
    fn what_a_verb_changes_is_seen() {
        let bench = Bench::new();
        let unseen = ["activate --export", "exchange --export", "activate --again", "clock challenge"];
        let others = ["accept a clock reset", "the first verb of a boot", "usage record"];
        for job in &bench.jobs {
            let is_seen = job.before != job.after;
            assert_eq!(is_seen, ![&unseen[..], &others].concat().contains(&job.name), "{job:?}");
        }
    }

    #[test]
    fn the_judge_bites() {
        let bench = Bench::new();
        let job = bench.jobs.iter().find(|job| job.name == "exchange --import").unwrap();
        let says =
            |directory: &Path, acknowledged| bench.judge_left(job, directory, acknowledged).unwrap_err();

        let untouched = bench.copy(&job.template);
        assert!(says(&untouched, true).contains("which was acknowledged"), "an acknowledged answer is gone");
        let older = bench.copy(&bench.path("waiting"));
        assert!(says(&older, false).contains("a host sees"), "neither old nor new");
        let mixed = bench.copy(&bench.path("renewed"));
        std::fs::copy(job.template.join("licence.bundle"), mixed.join("licence.bundle")).unwrap();
        assert!(says(&mixed, true).contains("a host sees"), "an older bundle was put in place");
    }
}

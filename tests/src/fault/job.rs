//! One verb on one directory, and what is in force before and after it.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::bench::{Bench, text};
use super::seen::{SPARE, Seen};
use crate::{Device, Ran};

/// One verb on one directory.
#[derive(Clone, Debug)]
pub(super) struct Job {
    /// As the table names it.
    pub(super) name: &'static str,
    /// What a round's directory is a copy of.
    pub(super) template: PathBuf,
    /// The verb; `OUT` stands for a file beside the round's directory, and `NEW` for one that is another each time.
    arguments: Vec<String>,
    /// By `status` and through a gate, before and after.
    pub(super) before: (Seen, Seen),
    pub(super) after: (Seen, Seen),
    /// The refusals of a repetition that say that it was done already.
    done: &'static [&'static str],
}

impl Job {
    /// The verb in this directory.
    pub(super) fn command(&self, directory: &Path) -> Command {
        let (out, new) = (directory.with_extension("out"), directory.with_extension("new"));
        let spelled = |argument: &String| match argument.as_str() {
            "OUT" => text(&out).to_owned(),
            "NEW" => text(&new).to_owned(),
            other => other.to_owned(),
        };
        let arguments: Vec<String> = self.arguments.iter().map(spelled).collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        Device::at(directory.to_owned()).command(&arguments)
    }

    /// Whether it told its caller that it was done.
    pub(super) fn acknowledged(&self, ran: &Ran) -> bool {
        ran.code == Some(0) && ran.signal.is_none()
    }

    /// Whether a repetition ended well: done now, or done before.
    pub(super) fn is_done(&self, ran: &Ran) -> bool {
        let done_before = |code: String| self.done.contains(&code.as_str());
        self.acknowledged(ran) || super::seen::refusal(ran).is_ok_and(done_before)
    }

    /// Whether it records a use.
    pub(super) fn records(&self) -> bool {
        self.arguments.first().is_some_and(|verb| verb == "usage")
    }

    /// Whether it hands out a file.
    pub(super) fn exports(&self) -> bool {
        self.arguments.iter().any(|argument| argument == "OUT")
    }
}

/// A verb before it is known what it changes: name, where it starts, where it leads to, arguments, how a repetition ends.
type Line<'l> = (&'static str, &'l str, &'l str, Vec<&'l str>, &'static [&'static str]);

/// Every verb that writes, and the first one of a boot.
pub(super) fn jobs(bench: &Bench) -> Vec<Job> {
    let trust = bench.issuer.trust();
    let (activation, renewal) = (bench.path("activation.resp"), bench.path("renewal.resp"));
    let suspension = bench.path("suspension.resp");
    let code = bench.issuer.run(&["device", "code", "--tenant", "tenant-123", "--json"]).ok().json();
    let code = code["code"].as_str().expect("a code").to_owned();
    const TAKEN_UP: &[&str] = &["NOTHING_PENDING"];
    let lines: [Line<'_>; 9] = [
        ("init", "nothing", "fresh", vec!["init", "--trust", text(&trust)], &[]),
        ("activate --export", "fresh", "waiting", vec!["activate", "--code", &code, "--export", "OUT"], &[]),
        ("activate --import", "waiting", "active", vec!["activate", "--import", text(&activation)], TAKEN_UP),
        ("exchange --export", "active", "active", vec!["exchange", "--export", "OUT"], &[]),
        ("exchange --import", "asked", "renewed", vec!["exchange", "--import", text(&renewal)], TAKEN_UP),
        ("a suspension", "asked", "suspended", vec!["exchange", "--import", text(&suspension)], TAKEN_UP),
        (
            "activate --again",
            "active",
            "active",
            vec!["activate", "--again", "--code", &code, "--export", "OUT"],
            &[],
        ),
        (
            "usage record",
            "active",
            "active",
            vec!["usage", "record", "--meter", "sms", "--quantity", "1"],
            &[],
        ),
        ("the first verb of a boot", "elsewhere", "renewed", vec!["status"], &[]),
    ];
    let made = lines.into_iter().filter(|(_, from, ..)| bench.has(from));
    made.map(|line| job(bench, line)).chain(by_hand(bench)).collect()
}

/// What is carried to a device, or done on it, without an exchange.
fn by_hand(bench: &Bench) -> Vec<Job> {
    let (list, extension, reset) = (bench.path("list"), bench.path("extension"), bench.path("reset"));
    let lines: [Line<'_>; 6] = [
        ("accept a list", "active", "listed", vec!["accept", text(&list)], &[]),
        ("accept an extension", "active", "extended", vec!["accept", text(&extension)], &[]),
        ("clock challenge", "active", "active", vec!["clock", "challenge", "--out", "NEW"], &[]),
        ("accept a clock reset", "challenged", "active", vec!["accept", text(&reset)], &["WRONG_NONCE"]),
        ("seat assign", "active", "seated", vec!["seat", "assign", SPARE], &["CAMERA_SEATED"]),
        ("seat release", "seated", "active", vec!["seat", "release", SPARE], &["CAMERA_NOT_SEATED"]),
    ];
    lines.into_iter().map(|line| job(bench, line)).collect()
}

fn job(bench: &Bench, (name, from, to, arguments, done): Line<'_>) -> Job {
    let (template, reached) = (bench.path(from), bench.path(to));
    let mut arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
    arguments.push("--json".to_owned());
    let after = bench.in_force(&reached);
    // Nobody has looked yet, so a gate still sees another boot's presence.
    let before = if from == "elsewhere" { after.clone() } else { bench.in_force(&template) };
    Job { name, template, arguments, before, after, done }
}

//! Every fault, with its rounds.

use super::need::Need;
use super::{Bench, Random, Tally};

/// One fault of the programme.
pub struct Fault {
    /// As the table names it.
    pub name: &'static str,
    /// What is checked after each round.
    pub checked: &'static str,
    /// Rounds of the short run: all faults together take minutes.
    pub short: usize,
    /// For each hundred rounds of a long run: slow faults get fewer.
    pub per_hundred: usize,
    needs: &'static [Need],
    run: fn(&Bench, &mut Random, usize) -> Tally,
}

impl Fault {
    /// Tries it. The seed and the number of rounds replay it.
    pub fn run(&self, bench: &Bench, seed: u64, rounds: usize) -> Tally {
        match self.missing(bench) {
            Some(why) => Tally::not_run(why),
            None => (self.run)(bench, &mut Random::seeded(seed), rounds),
        }
    }

    /// Why it cannot be tried here.
    pub fn missing(&self, bench: &Bench) -> Option<String> {
        self.needs.iter().find_map(|need| need.missing(bench))
    }
}

/// The fault of this name.
pub fn fault(name: &str) -> &'static Fault {
    PROGRAMME.iter().find(|fault| fault.name == name).unwrap_or_else(|| panic!("no fault is called {name}"))
}

const JUDGED: &str = "No crash; old or new whole, new if acknowledged, for status and for a host; the same verb again ends \
                      in the new; doctor finds nothing that fails.";
const ROTTEN: &str = "No crash; what was in force or nothing, never older; a refusal has a code and is never \"a new \
                      install\"; a verb brings back what can be brought back.";

const ANSWERED: &str = "No crash; the answer's file whole or absent, there if acknowledged; the same request again gets the \
                        same bytes; the device takes them up.";
const CLOSED: &str = "No crash; the same run again ends in the invoices of a run that nobody disturbed, numbered without a gap; a third \
                      changes nothing; the audit is sound.";
const EXCHANGED: &str = "No crash; no number below one that was acknowledged, for status and for a host; the next exchange is \
                         answered, so the issuer takes nobody for a copy.";
const WATCHED: &str = "No crash of the agent; it answers; what was in force or nothing, never older; a host that was there sees \
                       what it saw; after the agent has ended, as above.";
const FULL: &str =
    "Meanwhile a host gets its answers and a refusal has a code; afterwards as above, without being told.";

/// In the order of the table.
pub const PROGRAMME: &[Fault] = &[
    Fault {
        name: "kill -9 at every numbered step of a verb",
        checked: JUDGED,
        short: 150,
        per_hundred: 100,
        needs: &[Need::Strace],
        run: super::steps::killed,
    },
    Fault {
        name: "a name that is not synced",
        checked: "Every file that a verb or the issuer renames: its directory is synced before the program ends.",
        short: 9,
        per_hundred: 9,
        needs: &[Need::Strace],
        run: super::steps::names,
    },
    Fault {
        name: "fsync fails (EIO)",
        checked: JUDGED,
        short: 70,
        per_hundred: 100,
        needs: &[Need::Strace],
        run: super::refused::syncing,
    },
    Fault {
        name: "write, open, rename, unlink, mode fail (ENOSPC, EIO, EDQUOT, EACCES, EPERM)",
        checked: JUDGED,
        short: 100,
        per_hundred: 100,
        needs: &[Need::Strace],
        run: super::refused::changing,
    },
    Fault {
        name: "1 to 8 bits flip in any file",
        checked: ROTTEN,
        short: 150,
        per_hundred: 100,
        needs: &[],
        run: super::at_rest::flipped,
    },
    Fault {
        name: "a torn write in any file: zeros, noise or older sectors",
        checked: ROTTEN,
        short: 100,
        per_hundred: 100,
        needs: &[],
        run: super::at_rest::torn,
    },
    Fault {
        name: "any file truncated",
        checked: ROTTEN,
        short: 80,
        per_hundred: 100,
        needs: &[],
        run: super::at_rest::truncated,
    },
    Fault {
        name: "any file deleted, or replaced by an older copy",
        checked: ROTTEN,
        short: 80,
        per_hundred: 100,
        needs: &[],
        run: super::at_rest::replaced,
    },
    Fault {
        name: "kill -9 at random: an agent or an issuer that exchange without pause",
        checked: EXCHANGED,
        short: 50,
        per_hundred: 100,
        needs: &[],
        run: super::agent::killed_at_random,
    },
    Fault {
        name: "kill -9 at every numbered step of a running agent",
        checked: EXCHANGED,
        short: 30,
        per_hundred: 100,
        needs: &[Need::Strace],
        run: super::agent::killed_at_steps,
    },
    Fault {
        name: "power cut at random under an agent that exchanges",
        checked: EXCHANGED,
        short: 25,
        per_hundred: 100,
        needs: &[Need::LoopDevice],
        run: super::agent::cut_at_random,
    },
    Fault {
        name: "any file flipped, torn, truncated, deleted or older under a running agent",
        checked: WATCHED,
        short: 60,
        per_hundred: 100,
        needs: &[],
        run: super::at_rest::under_an_agent,
    },
    Fault {
        name: "the issuer killed at every numbered step of an answer",
        checked: ANSWERED,
        short: 50,
        per_hundred: 100,
        needs: &[Need::Strace],
        run: super::served::killed,
    },
    Fault {
        name: "the issuer killed at every numbered step of closing periods",
        checked: CLOSED,
        short: 20,
        per_hundred: 60,
        needs: &[Need::Strace],
        run: super::closed::killed,
    },
    Fault {
        name: "the issuer's disk refuses",
        checked: ANSWERED,
        short: 30,
        per_hundred: 100,
        needs: &[Need::Strace],
        run: super::served::refused,
    },
    Fault {
        name: "power cut at the issuer right after an answer",
        checked: ANSWERED,
        short: 15,
        per_hundred: 100,
        needs: &[Need::LoopDevice],
        run: super::served::cut,
    },
    Fault {
        name: "power cut after and during a verb (ext4 without its log)",
        checked: JUDGED,
        short: 40,
        per_hundred: 100,
        needs: &[Need::Strace, Need::LoopDevice],
        run: super::power::cut,
    },
    Fault {
        name: "fsync fails, then a power cut",
        checked: JUDGED,
        short: 30,
        per_hundred: 100,
        needs: &[Need::Strace, Need::LoopDevice],
        run: super::power::cut_after_failed_sync,
    },
    Fault {
        name: "negative control: power cut with syncing left out",
        checked: "What was acknowledged must be lost: a round that loses nothing counts.",
        short: 6,
        per_hundred: 25,
        needs: &[Need::Strace, Need::LoopDevice],
        run: super::power::control,
    },
    Fault {
        name: "disk full: ext4 of 4 MiB, blocks of 4096",
        checked: FULL,
        short: 25,
        per_hundred: 100,
        needs: &[Need::LoopDevice],
        run: super::full::large_blocks,
    },
    Fault {
        name: "disk full: ext4 of 4 MiB, blocks of 1024",
        checked: FULL,
        short: 25,
        per_hundred: 100,
        needs: &[Need::LoopDevice],
        run: super::full::small_blocks,
    },
    Fault {
        name: "disk full: tmpfs of 2 MiB",
        checked: FULL,
        short: 25,
        per_hundred: 100,
        needs: &[Need::Tmpfs],
        run: super::full::memory,
    },
    Fault {
        name: "read-only file system",
        checked: FULL,
        short: 15,
        per_hundred: 100,
        needs: &[Need::LoopDevice],
        run: super::full::read_only,
    },
    Fault {
        name: "a directory that its user may not write in",
        checked: FULL,
        short: 6,
        per_hundred: 50,
        needs: &[Need::Root],
        run: super::full::forbidden,
    },
];

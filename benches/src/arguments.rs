//! What the caller wants measured, and for how long.

use crate::harness::Pace;

const USAGE: &str =
    "scripts/bench [--quick] [--only verify|decide|c-abi|threads|memory|change|usage|ingest]... [--write-docs]

  --quick       short windows: minutes become seconds, and the tails mean less
  --only PART   only this part; may be given again
  --write-docs  writes the table into docs/PERFORMANCE.md and the plot to docs/performance-decide.svg";

/// A part of the bench that can be asked for alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Bytes of a licence to its claims.
    Verify,
    /// Decisions by table size, in a row and singly.
    Decide,
    /// What the C ABI adds.
    CAbi,
    /// Two threads beside one.
    Threads,
    /// Bytes per camera.
    Memory,
    /// From a published bundle to new decisions.
    Change,
    /// Recording usage.
    Usage,
    /// Usage of devices into the issuer's books.
    Ingest,
}

impl Part {
    pub const ALL: [Part; 8] = [
        Part::Verify,
        Part::Decide,
        Part::CAbi,
        Part::Threads,
        Part::Memory,
        Part::Change,
        Part::Usage,
        Part::Ingest,
    ];

    const fn name(self) -> &'static str {
        match self {
            Part::Verify => "verify",
            Part::Decide => "decide",
            Part::CAbi => "c-abi",
            Part::Threads => "threads",
            Part::Memory => "memory",
            Part::Change => "change",
            Part::Usage => "usage",
            Part::Ingest => "ingest",
        }
    }
}

pub struct Arguments {
    pub parts: Vec<Part>,
    pub pace: Pace,
    pub write_docs: bool,
}

impl Arguments {
    /// Reads the command line; `Err` holds what to print.
    pub fn parse(mut given: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut read = Self { parts: Vec::new(), pace: Pace::FULL, write_docs: false };
        while let Some(word) = given.next() {
            match word.as_str() {
                "--quick" => read.pace = Pace::QUICK,
                "--write-docs" => read.write_docs = true,
                "--only" => {
                    let name = given.next().unwrap_or_default();
                    let part = Part::ALL.into_iter().find(|part| part.name() == name);
                    read.parts.push(part.ok_or_else(|| format!("no part is called '{name}'\n\n{USAGE}"))?);
                }
                "-h" | "--help" => return Err(USAGE.to_owned()),
                _ => return Err(format!("unknown argument '{word}'\n\n{USAGE}")),
            }
        }
        if read.parts.is_empty() {
            read.parts = Part::ALL.to_vec();
        } else if read.write_docs {
            return Err("--write-docs writes the whole table: leave --only out".to_owned());
        }
        Ok(read)
    }
}

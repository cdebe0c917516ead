//! What `doctor` says: a list of checks over facts that were gathered without changing anything.
//!
//! ```text
//! gather   the rim: looks at files, clocks, sockets and the network    facts    what it saw
//! files    owners, modes, links      disk     space, blocks, mounts      clock     the wall clock
//! memory   journal, anchor
//! store    key, state, vault, bundle terms    keyset, licence, presence  reach     agent, issuer and mirrors
//! ```

mod clock;
mod disk;
mod facts;
mod files;
mod gather;
mod memory;
mod reach;
mod store;
mod terms;

pub use facts::Facts;
pub use gather::Gatherer;

use crate::command::{EXIT_FAILED, Reply};
use serde::Serialize;

/// How a check came out. The order is that of severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// In order.
    Ok,
    /// Works, and somebody should look at it; or it may not be seen by this user.
    Warn,
    /// Does not work, or is about to break what was promised.
    Fail,
}

/// What is checked. The names are stable: scripts look for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// Owners, groups, modes and links of the device directory.
    Files,
    /// The pinned issuer.
    Trust,
    /// Room on the file system.
    DiskSpace,
    /// Its block size.
    BlockSize,
    /// Whether it may be written.
    ReadOnly,
    /// The machine's clock.
    Clock,
    /// The device's own key.
    DeviceKey,
    /// The exchange state.
    State,
    /// The request that waits for its answer.
    Pending,
    /// What was refused last.
    Refusals,
    /// The vault.
    Vault,
    /// The clock's marks, which hosts and agent write together.
    Journal,
    /// What remembers how far the device had come.
    Anchor,
    /// What hosts read.
    Bundle,
    /// The signing keys.
    Keyset,
    /// The licence in force.
    Licence,
    /// Whether the licence is at home in this boot.
    Presence,
    /// The agent.
    Agent,
    /// The way to the issuer.
    Issuer,
    /// The copies for other programs.
    Mirrors,
}

impl Check {
    const fn as_str(self) -> &'static str {
        match self {
            Check::Files => "files",
            Check::Trust => "trust",
            Check::DiskSpace => "disk_space",
            Check::BlockSize => "block_size",
            Check::ReadOnly => "read_only",
            Check::Clock => "clock",
            Check::DeviceKey => "device_key",
            Check::State => "state",
            Check::Pending => "pending",
            Check::Refusals => "refusals",
            Check::Vault => "vault",
            Check::Journal => "journal",
            Check::Anchor => "anchor",
            Check::Bundle => "bundle",
            Check::Keyset => "keyset",
            Check::Licence => "licence",
            Check::Presence => "presence",
            Check::Agent => "agent",
            Check::Issuer => "issuer",
            Check::Mirrors => "mirrors",
        }
    }
}

/// One line of the answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was checked.
    pub name: Check,
    /// How it came out.
    pub level: Level,
    /// What was seen, or what is wrong.
    pub found: String,
    /// What to do, as a command where there is one; `None` when all is well.
    pub mend: Option<String>,
}

impl Finding {
    fn ok(name: Check, found: impl Into<String>) -> Self {
        Self { name, level: Level::Ok, found: found.into(), mend: None }
    }

    fn warn(name: Check, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { name, level: Level::Warn, found: found.into(), mend: Some(mend.into()) }
    }

    fn fail(name: Check, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { name, level: Level::Fail, found: found.into(), mend: Some(mend.into()) }
    }

    /// This user may not see it, which is no fault of the device.
    fn hidden(name: Check, facts: &Facts) -> Self {
        Self::warn(name, "this user may not look at it", facts.as_owner())
    }
}

/// Every check, in the order in which they depend on each other. `files` may have several findings, each other one.
#[must_use]
pub fn examine(facts: &Facts) -> Vec<Finding> {
    let mut findings = files::files(facts);
    findings.extend([
        terms::trust(facts),
        disk::space(facts),
        disk::blocks(facts),
        disk::writable(facts),
        clock::clock(facts),
        store::device_key(facts),
        store::state(facts),
        store::pending(facts),
        store::refusals(facts),
        store::vault(facts),
        memory::journal(facts),
        memory::anchor(facts),
        store::bundle(facts),
        terms::keyset(facts),
        terms::licence(facts),
        terms::presence(facts),
        reach::agent(facts),
        reach::issuer(facts),
        reach::mirrors(facts),
    ]);
    findings
}

/// The answer: 0 when nothing fails, warnings or not; 1 when something does.
#[must_use]
pub fn reply(findings: &[Finding]) -> Reply {
    let worst = findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Ok);
    let document = serde_json::json!({ "level": worst, "checks": findings });
    let lines: Vec<_> = findings.iter().map(line).collect();
    let mut reply = Reply::done(document, lines.join("\n"));
    if worst == Level::Fail {
        reply.exit_code = EXIT_FAILED;
    }
    reply
}

fn line(finding: &Finding) -> String {
    let level = match finding.level {
        Level::Ok => "ok",
        Level::Warn => "warn",
        Level::Fail => "FAIL",
    };
    let mut line = format!("{level:<5} {:<11} {}", finding.name.as_str(), finding.found);
    if let Some(mend) = &finding.mend {
        line.push_str(&format!("\n{:<17} mend: {mend}", ""));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(level: Level) -> Finding {
        Finding { name: Check::DiskSpace, level, found: "x".into(), mend: None }
    }

    #[test]
    fn only_a_failure_fails() {
        for (levels, code, worst) in [
            (&[Level::Ok, Level::Ok][..], 0, "ok"),
            (&[Level::Ok, Level::Warn], 0, "warn"),
            (&[Level::Fail, Level::Warn], 1, "fail"),
        ] {
            let reply = reply(&levels.iter().copied().map(finding).collect::<Vec<_>>());
            assert_eq!((reply.exit_code, &reply.document["level"]), (code, &worst.into()));
        }
    }

    #[test]
    fn a_name_is_the_same_in_text_and_json() {
        for check in [Check::DiskSpace, Check::ReadOnly, Check::DeviceKey, Check::Issuer] {
            assert_eq!(serde_json::to_value(check).unwrap(), check.as_str());
        }
    }
}

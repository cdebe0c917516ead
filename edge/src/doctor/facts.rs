//! What is judged: plain values, so that every check is a function from them to a finding.

use crate::status::AgentSeen;
use crate::uplink::{Probed, UplinkError};
use brink_license::clock::{BootId, State};
use brink_license::{Flags, IssuerName, Kid, Reason, UnixSeconds};
use brink_store::Held;
use brink_store::anchor::Anchor;
use brink_store::journal::JournalFault;
use serde_json::Value;

/// What a look came to.
#[derive(Clone, Debug)]
pub(super) enum Sight<T> {
    Seen(T),
    /// This user may not look.
    Hidden,
    /// It cannot be used.
    Broken {
        problem: String,
        mend: String,
    },
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Disk {
    pub(super) free_bytes: u64,
    /// `None` where the file system does not count them.
    pub(super) free_files: Option<u64>,
    pub(super) block_bytes: u64,
    pub(super) read_only: bool,
}

#[derive(Clone, Debug)]
pub(super) enum StateSeen {
    Absent,
    Interrupted,
    Whole(Box<Held>),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum VaultSeen {
    NotYet,
    Present,
    Gone,
}

/// `journal.db`, and what SQLite keeps beside it.
#[derive(Clone, Debug)]
pub(super) struct JournalSeen {
    pub(super) is_there: bool,
    pub(super) fault: Option<JournalFault>,
    /// What hosts may not write although it is theirs.
    pub(super) closed_to_hosts: Option<String>,
    /// Of the file system that it lies on; `None` where that cannot be looked at.
    pub(super) block_bytes: Option<u64>,
}

/// The anchor, as anybody may read it.
#[derive(Clone, Debug)]
pub(super) struct AnchorSeen {
    /// What is wrong with the pair of slots.
    pub(super) problem: Option<String>,
    /// What the newest remembers.
    pub(super) newest: Option<Anchor>,
}

/// What the bundle puts in force, as a host reads it.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    pub(super) state: State,
    pub(super) reason: Reason,
    pub(super) now: UnixSeconds,
    pub(super) flags: Flags,
    /// Version, and until when.
    pub(super) keyset: Option<(u64, UnixSeconds)>,
    pub(super) licence: Option<Licence>,
    /// The issuer's time in the last receipt.
    pub(super) receipt: Option<UnixSeconds>,
    /// When cameras stop for want of presence.
    pub(super) unattested_at: Option<UnixSeconds>,
}

#[derive(Clone, Debug)]
pub(super) struct Licence {
    pub(super) seq: u64,
    pub(super) exp: UnixSeconds,
    pub(super) ends_at: UnixSeconds,
    pub(super) offline_until: UnixSeconds,
    /// Until where an extension moves the deadlines.
    pub(super) extended_until: Option<UnixSeconds>,
    pub(super) life_seconds: i64,
}

#[derive(Clone, Debug)]
pub(super) enum IssuerSeen {
    /// Somebody said not to ask.
    Offline,
    /// There is no address.
    ByFile,
    /// This user may not see the address.
    Unknown,
    Asked {
        url: String,
        came: Result<Probed, UplinkError>,
    },
}

/// Everything that is judged.
#[derive(Clone, Debug)]
pub struct Facts {
    pub(super) dir: String,
    /// The user that the directory belongs to.
    pub(super) owner: Option<u32>,
    pub(super) files: Vec<brink_store::Finding>,
    pub(super) trust: Result<IssuerName, String>,
    pub(super) disk: Sight<Disk>,
    pub(super) wall: UnixSeconds,
    pub(super) boot: BootId,
    pub(super) boottime: i64,
    pub(super) key: Sight<Option<Kid>>,
    pub(super) state: Sight<StateSeen>,
    pub(super) vault: Sight<VaultSeen>,
    pub(super) journal: Sight<JournalSeen>,
    pub(super) anchor: AnchorSeen,
    /// Why the file is not in force; `Broken` when there is none.
    pub(super) bundle: Sight<Option<String>>,
    pub(super) terms: Option<Terms>,
    pub(super) agent: AgentSeen,
    /// Its `status`.
    pub(super) agent_said: Option<Value>,
    pub(super) issuer: IssuerSeen,
}

impl Facts {
    /// A verb on this device, to type in.
    pub(super) fn verb(&self, verb: &str) -> String {
        format!("brink-edge {verb} --data {}", self.dir)
    }

    /// What a user does who may not look.
    pub(super) fn as_owner(&self) -> String {
        let owner = self.owner.map_or_else(String::new, |owner| format!(" or as user {owner}"));
        format!("as root{owner}: {}", self.verb("doctor"))
    }

    /// The issuer's last word on the time.
    pub(super) fn vouched(&self) -> Option<UnixSeconds> {
        self.terms.as_ref()?.receipt
    }

    /// A text of the agent's `status`.
    pub(super) fn agent_text(&self, pointer: &str) -> Option<&str> {
        self.agent_said.as_ref()?.pointer(pointer)?.as_str()
    }

    /// Whether the agent, which remembers more than a look, sees this flag.
    pub(super) fn agent_flags(&self, flag: Flags) -> bool {
        let flags = self.agent_said.as_ref().and_then(|said| said["flags"].as_array());
        flags.is_some_and(|seen| flag.names().any(|name| seen.iter().any(|found| found == name)))
    }
}

#[cfg(test)]
pub(super) fn another_boot() -> BootId {
    BootId::parse("0a1b2c3d-0000-4000-8000-00000000ff02").unwrap()
}

#[cfg(test)]
fn healthy_held(kid: Kid) -> Held {
    Held {
        issuer: IssuerName::parse("dev-acme").unwrap(),
        trust_sha256: [0; 32],
        jkt: kid,
        issuer_url: None,
        identity: Some(brink_store::Identity {
            tenant: "tenant-123".parse().unwrap(),
            device: "dev-1".parse().unwrap(),
            epoch: 1,
        }),
        marks: brink_store::AcceptedMarks::default(),
        ctr: 3,
        ratchet: None,
        presence: None,
        pending: None,
        next_exchange_after: None,
        refusals: Vec::new(),
        notices: Vec::new(),
        seats: None,
        challenge: None,
        clock_reset: None,
        settled: Vec::new(),
    }
}

#[cfg(test)]
impl Facts {
    /// A device without a fault, in the middle of its licence.
    pub(super) fn healthy() -> Self {
        const DAY: i64 = 86_400;
        let now = UnixSeconds::new(1_800_000_000);
        let kid = Kid::from_digest([1; 32]);
        let after = |days: i64| now.saturating_add(days * DAY);
        let licence = Licence {
            seq: 4,
            exp: after(20),
            ends_at: after(27),
            offline_until: after(40),
            extended_until: None,
            life_seconds: 30 * DAY,
        };
        Self {
            dir: "E".to_owned(),
            owner: Some(998),
            files: Vec::new(),
            trust: Ok(IssuerName::parse("dev-acme").unwrap()),
            disk: Sight::Seen(Disk {
                free_bytes: 1 << 30,
                free_files: None,
                block_bytes: 4096,
                read_only: false,
            }),
            wall: now,
            boot: BootId::parse("0a1b2c3d-0000-4000-8000-00000000ff01").unwrap(),
            boottime: 10 * DAY,
            key: Sight::Seen(Some(kid)),
            state: Sight::Seen(StateSeen::Whole(Box::new(healthy_held(kid)))),
            vault: Sight::Seen(VaultSeen::Present),
            journal: Sight::Seen(JournalSeen {
                is_there: true,
                fault: None,
                closed_to_hosts: None,
                block_bytes: Some(4096),
            }),
            anchor: AnchorSeen {
                problem: None,
                newest: Some(Anchor {
                    generation: 7,
                    device: kid,
                    accepted: brink_store::AcceptedMarks::default(),
                    notices: Vec::new(),
                    clock: None,
                    journal: None,
                }),
            },
            bundle: Sight::Seen(None),
            terms: Some(Terms {
                state: State::Active,
                reason: Reason::Granted,
                now,
                flags: Flags::NONE,
                keyset: Some((1, after(300))),
                licence: Some(licence),
                receipt: Some(after(-1)),
                unattested_at: None,
            }),
            agent: AgentSeen::Running,
            agent_said: None,
            issuer: IssuerSeen::ByFile,
        }
    }
}

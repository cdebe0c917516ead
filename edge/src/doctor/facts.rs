//! Gathering: the only part of `doctor` that looks at the outside. It takes no lock and changes nothing.

use crate::look::Look;
use crate::status::AgentSeen;
use crate::uplink::{HttpsUplink, IssuerUrl, Probed, UplinkError};
use brink_license::clock::{BootId, Reading, State};
use brink_license::{Flags, IssuerName, Kid, Reason, UnixSeconds};
use brink_signing::{DeviceKey, KeyFault, Signer};
use brink_store::{BundleError, Glimpse, Held, Installation, Layout, Snapshot, StoreError};
use rustix::fs::{StatVfsMountFlags, statvfs};
use serde_json::Value;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;

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
    /// Why the file is not in force; `Broken` when there is none.
    pub(super) bundle: Sight<Option<String>>,
    pub(super) terms: Option<Terms>,
    pub(super) agent: AgentSeen,
    /// Its `status`.
    pub(super) agent_said: Option<Value>,
    pub(super) issuer: IssuerSeen,
}

/// What to gather, beside what lies in the directory.
#[derive(Debug)]
pub struct Gatherer<'g> {
    /// Which device.
    pub layout: &'g Layout,
    /// The clocks now.
    pub reading: Reading,
    /// What is known of the agent, and its own `status`.
    pub agent: Result<Value, AgentSeen>,
    /// Leave the network alone.
    pub offline: bool,
    /// Trust these certificates instead of Mozilla's.
    pub ca_pem: Option<&'g str>,
}

impl Gatherer<'_> {
    /// Looks at everything.
    #[must_use]
    pub fn facts(&self) -> Facts {
        let (layout, reading) = (self.layout, &self.reading);
        let looked = Look::new(layout).map(|mut look| {
            let snapshot = look.at(reading);
            (look.anchor().issuer().clone(), bundle(layout, look.refused()), terms(&snapshot))
        });
        let (trust, bundle, terms) = match looked {
            Ok((issuer, bundle, terms)) => (Ok(issuer), bundle, Some(terms)),
            Err(error) => (Err(error.to_string()), Sight::Hidden, None),
        };
        let state = state(layout);
        let agent_said = self.agent.as_ref().ok().cloned();
        Facts {
            dir: layout.dir().display().to_string(),
            owner: layout.dir().metadata().ok().map(|metadata| metadata.uid()),
            files: layout.check(),
            trust,
            disk: disk(layout),
            wall: reading.wall,
            boot: reading.boot,
            boottime: reading.boottime,
            key: key(layout),
            vault: vault(layout),
            bundle,
            terms,
            issuer: self.issuer(&state, agent_said.as_ref()),
            state,
            agent: self.agent.as_ref().map_or_else(|seen| *seen, |_| AgentSeen::Running),
            agent_said,
        }
    }

    fn issuer(&self, state: &Sight<StateSeen>, agent_said: Option<&Value>) -> IssuerSeen {
        if self.offline {
            return IssuerSeen::Offline;
        }
        let url = match (state, agent_said) {
            (Sight::Seen(StateSeen::Whole(held)), _) => held.issuer_url.clone(),
            (_, Some(said)) => said.pointer("/exchange/issuer").and_then(Value::as_str).map(str::to_owned),
            (Sight::Seen(StateSeen::Absent), None) => None,
            (Sight::Seen(StateSeen::Interrupted) | Sight::Hidden | Sight::Broken { .. }, None) => {
                return IssuerSeen::Unknown;
            }
        };
        let Some(url) = url else { return IssuerSeen::ByFile };
        let uplink = IssuerUrl::parse(&url).and_then(|parsed| HttpsUplink::new(parsed, self.ca_pem));
        IssuerSeen::Asked { url, came: uplink.map(|uplink| uplink.probe()) }
    }
}

fn broken<T>(error: &StoreError, mend: &str) -> Sight<T> {
    match error {
        StoreError::Io { kind: ErrorKind::PermissionDenied, .. } => Sight::Hidden,
        error => Sight::Broken { problem: error.to_string(), mend: mend.to_owned() },
    }
}

/// What helps where the pair of key and state is no longer whole.
const START_OVER: &str = "put a good copy back, or: brink-edge activate --again, with a new code";

fn disk(layout: &Layout) -> Sight<Disk> {
    match statvfs(layout.dir()) {
        Ok(found) => Sight::Seen(Disk {
            free_bytes: found.f_bavail.saturating_mul(found.f_frsize),
            free_files: (found.f_files > 0).then_some(found.f_favail),
            block_bytes: found.f_bsize,
            read_only: found.f_flag.contains(StatVfsMountFlags::RDONLY),
        }),
        Err(rustix::io::Errno::ACCESS) => Sight::Hidden,
        Err(errno) => Sight::Broken {
            problem: format!("its file system cannot be looked at: {errno}"),
            mend: "see that the device directory exists".to_owned(),
        },
    }
}

fn key(layout: &Layout) -> Sight<Option<Kid>> {
    match layout.installation() {
        Ok(Installation::Absent | Installation::Unfinished) => return Sight::Seen(None),
        // Without its state a key can still be looked at; without itself it cannot.
        Ok(Installation::Complete) | Err(StoreError::StateLost { .. }) => {}
        Err(error) => return broken(&error, START_OVER),
    }
    match DeviceKey::open(layout.device_key()) {
        Ok(key) => Sight::Seen(Some(key.kid())),
        Err(error) => match error.fault() {
            // A key is opened by its owner alone: not even root is meant to work with it.
            KeyFault::Owner { .. } | KeyFault::Io { kind: ErrorKind::PermissionDenied, .. } => Sight::Hidden,
            KeyFault::Mode { .. } => Sight::Broken {
                problem: error.to_string(),
                mend: format!("chmod 0600 {}", layout.device_key().display()),
            },
            _ => Sight::Broken { problem: error.to_string(), mend: START_OVER.to_owned() },
        },
    }
}

fn state(layout: &Layout) -> Sight<StateSeen> {
    if let Err(error) = std::fs::File::open(layout.state_db())
        && error.kind() == ErrorKind::PermissionDenied
    {
        return Sight::Hidden;
    }
    match Held::glimpse(layout) {
        Ok(Glimpse::Absent) => Sight::Seen(StateSeen::Absent),
        Ok(Glimpse::Interrupted) => Sight::Seen(StateSeen::Interrupted),
        Ok(Glimpse::Whole(held)) => Sight::Seen(StateSeen::Whole(held)),
        Err(error) => broken(&error, START_OVER),
    }
}

/// Opening it takes the lock and may repair it, so all that is seen without is whether it is there.
fn vault(layout: &Layout) -> Sight<VaultSeen> {
    match layout.vault().symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => Sight::Seen(VaultSeen::Present),
        Ok(_) => Sight::Broken {
            problem: "it is not a directory".to_owned(),
            mend: format!("rm {}: it is built again", layout.vault().display()),
        },
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Sight::Hidden,
        Err(_) if layout.vault_is_gone() => Sight::Seen(VaultSeen::Gone),
        Err(_) => Sight::Seen(VaultSeen::NotYet),
    }
}

fn bundle(layout: &Layout, refused: Option<&BundleError>) -> Sight<Option<String>> {
    match (std::fs::File::open(layout.bundle()), refused) {
        (Err(error), _) if error.kind() == ErrorKind::PermissionDenied => Sight::Hidden,
        (Err(error), _) => Sight::Broken { problem: error.to_string(), mend: String::new() },
        (Ok(_), refused) => Sight::Seen(refused.map(|error| format!("{error} [{}]", error.code()))),
    }
}

fn terms(snapshot: &Snapshot) -> Terms {
    let (standing, bundle) = (snapshot.standing(), snapshot.bundle());
    let receipt = bundle.and_then(|bundle| bundle.receipt()).map(|receipt| receipt.claims().server_time);
    Terms {
        state: standing.state,
        reason: standing.reason,
        now: standing.now,
        flags: standing.flags,
        keyset: bundle.map(|bundle| (bundle.keyset().version(), bundle.keyset().expires_at())),
        licence: bundle.map(|bundle| {
            let claims = bundle.licence().claims();
            let contact = receipt.unwrap_or(claims.iat);
            Licence {
                seq: claims.seq,
                exp: claims.exp,
                ends_at: claims.ends_at(),
                offline_until: contact.saturating_add(i64::try_from(claims.offline_max).unwrap_or(i64::MAX)),
                life_seconds: claims.exp.since(claims.nbf),
            }
        }),
        receipt,
        unattested_at: (standing.flags.contains(Flags::UNATTESTED)).then_some(standing.window.unattested_at),
    }
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
            life_seconds: 30 * DAY,
        };
        let held = Held {
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
            state: Sight::Seen(StateSeen::Whole(Box::new(held))),
            vault: Sight::Seen(VaultSeen::Present),
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

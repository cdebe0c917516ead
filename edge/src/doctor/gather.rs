//! Gathering: the only part of `doctor` that looks at the outside. It takes no lock and changes nothing.

use super::facts::{
    AnchorSeen, Disk, Facts, IssuerSeen, JournalSeen, Licence, Sight, StateSeen, Terms, VaultSeen,
};
use crate::error::EdgeError;
use crate::exchange::DeviceError;
use crate::look::Look;
use crate::status::AgentSeen;
use crate::uplink::{HttpsUplink, IssuerUrl};
use brink_license::clock::Reading;
use brink_license::{Flags, Kid};
use brink_signing::{DeviceKey, KeyFault, Signer};
use brink_store::anchor::Slots;
use brink_store::journal::Journal;
use brink_store::{BundleError, Glimpse, Held, Installation, Layout, Snapshot, StoreError};
use rustix::fs::{StatVfsMountFlags, statvfs};
use serde_json::Value;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;

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
        let looked = Look::observing(layout).map(|mut look| {
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
            journal: journal(layout),
            anchor: anchor(layout),
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

/// Of key and state: starting over is named only where nothing else helps.
fn broken<T>(error: EdgeError) -> Sight<T> {
    let mend = if error.is_mended_by_starting_over() {
        "put a good copy back, or: brink-edge activate --again, with a new code"
    } else if matches!(&error, EdgeError::Store(StoreError::StateNewer { .. })) {
        "update brink-edge"
    } else {
        "mend what files, disk_space and read_only say, then look again"
    };
    Sight::Broken { problem: error.to_string(), mend: mend.to_owned() }
}

fn unless_hidden<T>(error: StoreError) -> Sight<T> {
    if matches!(&error, StoreError::Io { kind: ErrorKind::PermissionDenied, .. }) {
        return Sight::Hidden;
    }
    broken(error.into())
}

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
        Err(error) => return unless_hidden(error),
    }
    let error = match DeviceKey::open(layout.device_key()) {
        Ok(key) => return Sight::Seen(Some(key.kid())),
        Err(error) => error,
    };
    let fault = error.fault();
    // A key is opened by its owner alone: not even root is meant to work with it.
    if matches!(fault, KeyFault::Owner { .. } | KeyFault::Io { kind: ErrorKind::PermissionDenied, .. }) {
        return Sight::Hidden;
    }
    if matches!(fault, KeyFault::Mode { .. }) {
        let mend = format!("chmod 0600 {}", layout.device_key().display());
        return Sight::Broken { problem: error.to_string(), mend };
    }
    broken(DeviceError::from(error).into())
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
        Err(error) => unless_hidden(error),
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

fn journal(layout: &Layout) -> Sight<JournalSeen> {
    let path = Journal::path(&layout.journal());
    let is_there = match path.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => return Sight::Hidden,
        looked => looked.is_ok(),
    };
    Sight::Seen(JournalSeen {
        is_there,
        fault: if is_there { Journal::examine(&layout.journal()).err() } else { None },
        // The file itself is among the files that are checked.
        closed_to_hosts: ["db-wal", "db-shm"].into_iter().find_map(|extension| {
            let beside = path.with_extension(extension);
            let mode = beside.symlink_metadata().ok()?.mode();
            (mode & 0o060 != 0o060).then(|| beside.display().to_string())
        }),
        block_bytes: statvfs(layout.journal()).ok().map(|found| found.f_bsize),
    })
}

fn anchor(layout: &Layout) -> AnchorSeen {
    let slots = Slots::read(layout.dir());
    AnchorSeen { problem: slots.problem(), newest: slots.newest().cloned() }
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
                extended_until: bundle.notices().extended_until(claims),
                life_seconds: claims.exp.since(claims.nbf),
            }
        }),
        receipt,
        unattested_at: (standing.flags.contains(Flags::UNATTESTED)).then_some(standing.window.unattested_at),
    }
}

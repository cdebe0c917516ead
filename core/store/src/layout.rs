//! The device directory: where everything is, who may reach it, and what proves that it is not new.

mod access;

use crate::anchor::{FILES, Slots};
use crate::durable::{directory_of, exists, read_if_present, rename, sync_directory, write_atomically};
use crate::{StoreError, WriterLock};
use brink_license::keyset::TrustAnchor;
use std::path::{Path, PathBuf};

/// The group whose members' programs meter usage and speak to the agent.
const HOST_GROUP: &str = "brink";
/// Where the journal is, beside the bundle.
const JOURNAL_DIRECTORY: &str = "journal";
/// Largest trust file: sixteen thumbprints need about a kilobyte.
const TRUST_BYTES_MAX: usize = 16 * 1024;
/// How many stores that were set aside are looked for, so that a full directory ends in an error.
const RETIRED_MAX: u32 = 10_000;

/// The journal's directory, for whoever knows the bundle alone.
pub(crate) fn journal_beside(bundle: &Path) -> PathBuf {
    directory_of(bundle).join(JOURNAL_DIRECTORY)
}

/// The paths of one device directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    dir: PathBuf,
}

/// Whether a device lives in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Installation {
    /// Neither device key nor state: a new install.
    Absent,
    /// The state is there and the key still has its first name: making the pair was interrupted and is to be finished.
    Unfinished,
    /// Device key and state.
    Complete,
}

/// Something that is not as it should be, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where.
    pub path: PathBuf,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub mend: String,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}: {}", self.path.display(), self.problem, self.mend)
    }
}

impl Layout {
    /// The layout of `dir`. Nothing is touched.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// The directory itself, 0755.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// `trust.json`: root thumbprints and issuer, 0644.
    #[must_use]
    pub fn trust(&self) -> PathBuf {
        self.dir.join("trust.json")
    }

    /// `device.key`: the device's own key, 0600.
    #[must_use]
    pub fn device_key(&self) -> PathBuf {
        self.dir.join("device.key")
    }

    /// The first name of a device key, until its state exists as well.
    #[must_use]
    pub fn device_key_new(&self) -> PathBuf {
        self.dir.join("device.key.new")
    }

    /// `state.db`: exchange state, 0600.
    #[must_use]
    pub fn state_db(&self) -> PathBuf {
        self.dir.join("state.db")
    }

    /// `vault/`: accepted documents and their history, 0700.
    #[must_use]
    pub fn vault(&self) -> PathBuf {
        self.dir.join("vault")
    }

    /// `licence.bundle`: what hosts read, 0644.
    #[must_use]
    pub fn bundle(&self) -> PathBuf {
        self.dir.join("licence.bundle")
    }

    /// `agent.sock`: where a running agent listens, 0660.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.dir.join("agent.sock")
    }

    /// `agent.lock`: held by the one process that may write.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.dir.join("agent.lock")
    }

    /// `journal/`: shared with hosts, 2770.
    #[must_use]
    pub fn journal(&self) -> PathBuf {
        self.dir.join(JOURNAL_DIRECTORY)
    }

    /// Makes the directory, takes its lock and pins the trust anchor. Doing it again changes nothing; another anchor is
    /// taken only while no store exists. Answers what a person should know, for instance that the hosts' group is missing.
    pub fn init(&self, trust_json: &[u8]) -> Result<Vec<Finding>, StoreError> {
        self.parse_trust(trust_json)?;
        access::create_directory(&self.dir, access::DIR_MODE)?;
        self.init_locked(trust_json, &WriterLock::acquire(self)?)
    }

    /// The same for whoever has the lock: nobody makes a store under one anchor while another is being pinned.
    pub fn init_locked(&self, trust_json: &[u8], _lock: &WriterLock) -> Result<Vec<Finding>, StoreError> {
        let anchor = self.parse_trust(trust_json)?;
        let finding = access::create_journal(&self.journal(), HOST_GROUP)?;
        match read_if_present(&self.trust(), TRUST_BYTES_MAX)? {
            Some(held) if TrustAnchor::from_json(&held).as_ref() == Ok(&anchor) => {}
            Some(_) if self.has_store()? => return Err(StoreError::TrustPinned { path: self.trust() }),
            Some(_) | None => write_atomically(&self.trust(), trust_json, access::TRUST_MODE)?,
        }
        sync_directory(&self.dir)?;
        Ok(finding.into_iter().collect())
    }

    fn parse_trust(&self, bytes: &[u8]) -> Result<TrustAnchor, StoreError> {
        TrustAnchor::from_json(bytes)
            .map_err(|problem| StoreError::TrustRefused { path: self.trust(), problem })
    }

    /// What this device trusts.
    pub fn trust_anchor(&self) -> Result<TrustAnchor, StoreError> {
        let bytes = read_if_present(&self.trust(), TRUST_BYTES_MAX)?;
        self.parse_trust(&bytes.ok_or_else(|| StoreError::TrustMissing { path: self.trust() })?)
    }

    /// An existing device key or state proves that this is no new install, and so does an anchor, which only an open
    /// store makes.
    fn has_store(&self) -> Result<bool, StoreError> {
        Ok(exists(&self.device_key())? || exists(&self.state_db())? || self.has_anchor()?)
    }

    fn has_anchor(&self) -> Result<bool, StoreError> {
        let [one, other] = FILES.map(|name| self.dir.join(name));
        Ok(exists(&one)? || exists(&other)?)
    }

    /// Whether a device lives here. One half of the pair without the other is an error and never a new install.
    pub fn installation(&self) -> Result<Installation, StoreError> {
        match (exists(&self.device_key())?, exists(&self.state_db())?) {
            (false, false) if self.has_anchor()? => Err(StoreError::KeyLost { path: self.device_key() }),
            (false, false) => Ok(Installation::Absent),
            (true, true) => Ok(Installation::Complete),
            (true, false) => Err(StoreError::StateLost { path: self.state_db() }),
            (false, true) if exists(&self.device_key_new())? => Ok(Installation::Unfinished),
            (false, true) => Err(StoreError::KeyLost { path: self.device_key() }),
        }
    }

    /// Whether a device lives here whose vault is gone. Nothing that decides reads it, and opening the store builds it
    /// again.
    #[must_use]
    pub fn vault_is_gone(&self) -> bool {
        self.installation() == Ok(Installation::Complete) && exists(&self.vault()) == Ok(false)
    }

    /// What is wrong with the anchor of a device that lives here, as far as anybody can see. Opening the store mends it.
    #[must_use]
    pub fn anchor_problem(&self) -> Option<String> {
        let lives = self.installation() == Ok(Installation::Complete);
        lives.then(|| Slots::read(&self.dir).problem())?
    }

    /// Gives the device key its lasting name. The state names the key, so the key comes last: from here on the pair
    /// is complete.
    pub fn finish_installation(&self, _lock: &WriterLock) -> Result<(), StoreError> {
        rename(&self.device_key_new(), &self.device_key())
    }

    /// Removes a key that was made for a store that never came to be.
    pub fn discard_new_key(&self, _lock: &WriterLock) -> Result<(), StoreError> {
        let path = self.device_key_new();
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(StoreError::io(&path, "remove it")(error))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Moves a store out of the way of a re-activation that a person asked for, and says where to. The published
    /// bundle stays in force until the new activation replaces it. May be repeated after an interruption.
    pub fn set_aside_store(&self, _lock: &WriterLock) -> Result<PathBuf, StoreError> {
        let retired = self.free_name("retired", RETIRED_MAX)?;
        access::create_directory(&retired, access::PRIVATE_DIR_MODE)?;
        // The key goes last: until then the directory still proves that it is no new install.
        let [one, other] = FILES;
        let state = ["vault", "state.db-wal", "state.db-shm", "state.db"];
        for name in state.into_iter().chain([one, other, "device.key.new", "device.key"]) {
            let from = self.dir.join(name);
            if exists(&from)? {
                std::fs::rename(&from, retired.join(name)).map_err(StoreError::io(&from, "set it aside"))?;
            }
        }
        sync_directory(&retired)?;
        sync_directory(&self.dir)?;
        Ok(retired)
    }

    /// `STEM-1`, `STEM-2` and so on: the first name that is free.
    pub(crate) fn free_name(&self, stem: &str, max: u32) -> Result<PathBuf, StoreError> {
        for number in 1..=max {
            let candidate = self.dir.join(format!("{stem}-{number}"));
            if !exists(&candidate)? {
                return Ok(candidate);
            }
        }
        Err(StoreError::io(&self.dir, "find a free name")(std::io::ErrorKind::AlreadyExists.into()))
    }

    /// Compares owners and modes with what they should be.
    #[must_use]
    pub fn check(&self) -> Vec<Finding> {
        access::check(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_issuer::TestIssuer;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn trust(seed: u8) -> String {
        TestIssuer::new(seed).anchor().to_json().unwrap()
    }

    #[test]
    fn init_draws_the_directory_and_may_be_repeated() {
        let parent = tempfile::tempdir().unwrap();
        let layout = Layout::new(parent.path().join("edge"));
        for _ in 0..2 {
            layout.init(trust(1).as_bytes()).unwrap();
        }
        assert_eq!(mode(layout.dir()), 0o755);
        assert_eq!(mode(&layout.trust()), 0o644);
        assert_eq!(mode(&layout.journal()), 0o2770);
        assert_eq!(layout.installation(), Ok(Installation::Absent));
        assert_eq!(layout.trust_anchor().unwrap(), TestIssuer::new(1).anchor());
    }

    #[test]
    fn init_waits_for_nobody_and_changes_nothing_under_another_writer() {
        let parent = tempfile::tempdir().unwrap();
        let layout = Layout::new(parent.path().join("edge"));
        layout.init(trust(1).as_bytes()).unwrap();
        let lock = WriterLock::acquire(&layout).unwrap();
        assert_eq!(layout.init(trust(2).as_bytes()).unwrap_err().code(), "STORE_LOCKED");
        assert_eq!(layout.trust_anchor().unwrap(), TestIssuer::new(1).anchor());
        layout.init_locked(trust(2).as_bytes(), &lock).unwrap();
        assert_eq!(layout.trust_anchor().unwrap(), TestIssuer::new(2).anchor());
    }

    #[test]
    fn a_journal_that_is_a_link_is_refused_and_not_followed() {
        let parent = tempfile::tempdir().unwrap();
        let layout = Layout::new(parent.path().join("edge"));
        let elsewhere = parent.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        fs::set_permissions(&elsewhere, fs::Permissions::from_mode(0o700)).unwrap();
        fs::create_dir(layout.dir()).unwrap();
        for target in [elsewhere.as_path(), Path::new("nowhere")] {
            std::os::unix::fs::symlink(target, layout.journal()).unwrap();
            let refused = layout.init(trust(1).as_bytes()).unwrap_err();
            assert_eq!(refused, StoreError::NotADirectory { path: layout.journal() });
            assert!(refused.to_string().contains("remove it"), "{refused}");
            assert!(!layout.trust().exists(), "nothing was pinned");
            let findings = layout.check();
            assert!(findings.iter().any(|finding| finding.path == layout.journal()), "{findings:?}");
            fs::remove_file(layout.journal()).unwrap();
        }
        assert_eq!(mode(&elsewhere), 0o700, "what the link led to was left alone");
        fs::write(layout.journal(), b"x").unwrap();
        assert_eq!(layout.init(trust(1).as_bytes()).unwrap_err().code(), "NOT_A_DIRECTORY");
        fs::remove_file(layout.journal()).unwrap();
        layout.init(trust(1).as_bytes()).unwrap();
        assert_eq!(mode(&layout.journal()), 0o2770);
    }

    #[test]
    fn another_trust_is_taken_only_while_no_store_exists() {
        for proof in ["device.key", "state.db"] {
            let parent = tempfile::tempdir().unwrap();
            let layout = Layout::new(parent.path().join("edge"));
            layout.init(trust(1).as_bytes()).unwrap();
            layout.init(trust(2).as_bytes()).unwrap();
            fs::write(layout.dir().join(proof), b"x").unwrap();
            layout.init(trust(2).as_bytes()).unwrap();
            assert_eq!(layout.init(trust(1).as_bytes()).unwrap_err().code(), "TRUST_PINNED");
            assert_eq!(layout.trust_anchor().unwrap(), TestIssuer::new(2).anchor());
        }
    }

    #[test]
    fn a_bad_trust_file_makes_no_directory() {
        let parent = tempfile::tempdir().unwrap();
        let layout = Layout::new(parent.path().join("edge"));
        assert_eq!(layout.init(b"{}").unwrap_err().code(), "BAD_TRUST");
        assert!(!layout.dir().exists());
        fs::create_dir(layout.dir()).unwrap();
        assert_eq!(layout.trust_anchor().unwrap_err().code(), "TRUST_MISSING");
    }

    #[test]
    fn half_a_pair_is_named_and_never_a_new_install() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path());
        fs::write(layout.device_key(), b"x").unwrap();
        assert_eq!(layout.installation().unwrap_err().code(), "STATE_LOST");
        fs::remove_file(layout.device_key()).unwrap();
        fs::write(layout.state_db(), b"x").unwrap();
        assert_eq!(layout.installation().unwrap_err().code(), "KEY_LOST");
        fs::write(layout.device_key_new(), b"x").unwrap();
        assert_eq!(layout.installation(), Ok(Installation::Unfinished));
        let lock = WriterLock::acquire(&layout).unwrap();
        layout.finish_installation(&lock).unwrap();
        assert_eq!(layout.installation(), Ok(Installation::Complete));
        fs::remove_file(layout.device_key()).unwrap();
        fs::remove_file(layout.state_db()).unwrap();
        assert_eq!(layout.installation(), Ok(Installation::Absent));
        fs::write(dir.path().join(FILES[1]), b"x").unwrap();
        assert_eq!(
            layout.installation().unwrap_err().code(),
            "KEY_LOST",
            "only an open store makes an anchor"
        );
    }

    #[test]
    fn a_store_is_set_aside_whole_and_the_bundle_stays() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path());
        let lock = WriterLock::acquire(&layout).unwrap();
        for round in 1..=2 {
            for name in ["device.key", "state.db", "licence.bundle", FILES[0], FILES[1]] {
                fs::write(dir.path().join(name), b"x").unwrap();
            }
            fs::create_dir(layout.vault()).unwrap();
            let retired = layout.set_aside_store(&lock).unwrap();
            assert_eq!(retired, dir.path().join(format!("retired-{round}")));
            assert_eq!(layout.installation(), Ok(Installation::Absent));
            assert!(layout.bundle().exists() && retired.join("vault").exists());
            assert!(FILES.iter().all(|name| retired.join(name).exists() && !dir.path().join(name).exists()));
        }
    }

    #[test]
    fn a_directory_that_is_reached_by_a_link_is_looked_at_where_it_is() {
        let parent = tempfile::tempdir().unwrap();
        let layout = Layout::new(parent.path().join("edge"));
        layout.init(trust(1).as_bytes()).unwrap();
        let by_link = Layout::new(parent.path().join("link"));
        std::os::unix::fs::symlink(layout.dir(), by_link.dir()).unwrap();
        let problems =
            |layout: &Layout| layout.check().into_iter().map(|found| found.problem).collect::<Vec<_>>();
        assert_eq!(problems(&by_link), problems(&layout));
    }

    #[test]
    fn a_loose_mode_is_found_with_its_mend() {
        let parent = tempfile::tempdir().unwrap();
        let layout = Layout::new(parent.path().join("edge"));
        layout.init(trust(1).as_bytes()).unwrap();
        fs::write(layout.state_db(), b"x").unwrap();
        fs::set_permissions(layout.state_db(), fs::Permissions::from_mode(0o644)).unwrap();
        let findings = layout.check();
        let found = findings.iter().find(|finding| finding.path == layout.state_db()).unwrap();
        assert!(found.mend.contains("chmod 0600"), "{found}");
    }
}

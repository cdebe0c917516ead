//! Making an issuer: its keys, its first keyset manifest, its database, and what devices are provisioned with.

use crate::config::DataDir;
use crate::keys::{KEYS_SECONDS, KEYS_SKEW_SECONDS, KeysError, ROOT_THRESHOLD, ROOTS};
use crate::place::{DatabasePlace, create_secret};
use crate::secret::{NoRandom, Redacted, random, sha256};
use crate::storage::{AdminKeyRow, Founding, IssuerRow, StorageError};
use brink_license::keyset::{KeyRecord, KeyState, ManifestPayload, RootKeys, TrustAnchor, TrustError};
use brink_license::{IssuerName, PublicKey, UnixSeconds, keyset};
use brink_signing::{FileSigner, KeyFile, KeyUse, Passphrase, Protection, Signer, sign_manifest};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// What the first admin key may do: everything. Others are made from it with less.
const ADMIN_SCOPES: &str = "*";

/// The trust file until there is an issuer.
const UNBORN: &str = "trust.json.new";

/// Why no issuer was made.
#[derive(Debug, thiserror::Error)]
pub enum FoundingError {
    /// `--dev` for a name that does not say so.
    #[error(
        "--dev makes plaintext keys and one root, and is only for issuers whose name starts with dev-, not for \
             {0}; leave --dev out and give --passphrase-file F"
    )]
    NotDevelopment(IssuerName),
    /// Neither kind of key was chosen.
    #[error(
        "the keys of issuer {0} are encrypted: give --passphrase-file F or --passphrase-fd N, or --dev for an issuer \
             whose name starts with dev-"
    )]
    NoPassphrase(IssuerName),
    /// Something is there.
    #[error("{} exists and is not empty; an issuer is never overwritten, choose another directory", .0.display())]
    Exists(PathBuf),
    /// A directory or file could not be written.
    #[error("{}: {error}; check the path, its permissions and the space left", path.display())]
    Io {
        /// The path.
        path: PathBuf,
        /// The system's words.
        error: io::Error,
    },
    /// Keys.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The pinned roots.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The database.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Random numbers.
    #[error(transparent)]
    Random(#[from] NoRandom),
}

impl FoundingError {
    /// Whether the command line itself was wrong.
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        matches!(self, Self::NotDevelopment(_) | Self::NoPassphrase(_))
    }
}

/// What was made, to be shown once.
#[derive(Debug)]
pub struct Founded {
    /// The pinned roots.
    pub anchor: TrustAnchor,
    /// The root keys' files, which belong offline.
    pub root_files: Vec<PathBuf>,
    /// The first admin key, never to be seen again.
    pub admin_key: Redacted,
}

/// Makes the issuer directory. An existing directory is taken only if it is empty. Nothing is left behind when it
/// fails, and the trust file comes last, so that a directory without one is no issuer.
pub fn found(
    data: &DataDir,
    issuer: IssuerName,
    keys: (bool, Option<&Passphrase>),
    now: UnixSeconds,
) -> Result<Founded, FoundingError> {
    found_on(data, issuer, keys, &DatabasePlace::File(data.database()), now)
}

/// The same with a database of one's choice. Of a server's, its empty schema may be left behind.
pub fn found_on(
    data: &DataDir,
    issuer: IssuerName,
    (development, passphrase): (bool, Option<&Passphrase>),
    place: &DatabasePlace,
    now: UnixSeconds,
) -> Result<Founded, FoundingError> {
    let protection = match (development, passphrase) {
        (true, _) if !issuer.is_development() => return Err(FoundingError::NotDevelopment(issuer)),
        (true, _) => Protection::PlaintextForDevelopment,
        (false, Some(passphrase)) => Protection::Passphrase(passphrase),
        (false, None) => return Err(FoundingError::NoPassphrase(issuer)),
    };
    let created = make_directory(data.path())?;
    let issuer = IssuerRow { name: issuer, development, created_at: now };
    fill(data, (&issuer, protection), place).inspect_err(|_| clear(data.path(), created))
}

fn fill(
    data: &DataDir,
    (issuer, protection): (&IssuerRow, Protection<'_>),
    place: &DatabasePlace,
) -> Result<Founded, FoundingError> {
    let keys = Keys::generate(&data.keys(), issuer.development, protection)?;
    let manifest = keys.first_manifest(issuer)?;
    let anchor =
        TrustAnchor::new(issuer.name.clone(), keys.threshold, keys.roots.iter().map(Signer::kid).collect())?;
    let (admin_key, shown) = admin_key()?;
    let storage = place.create()?;
    // For people: a bare token can be verified with trust.json and this beside it. Devices get it by exchange.
    write_new(&data.keyset(), &[&manifest[..], b"\n"].concat())?;
    if let DatabasePlace::Server(url) = place {
        let path = data.database_url();
        let written = create_secret(&path, format!("{}\n", url.with_secrets()).as_bytes());
        written.map_err(|error| FoundingError::Io { path, error })?;
    }
    let json = anchor.to_json().map_err(KeysError::Encode)?;
    let unborn = data.path().join(UNBORN);
    write_new(&unborn, format!("{json}\n").as_bytes())?;
    // A database on a server cannot be taken away again, so that from here on only a name is changed.
    storage.found(&Founding { issuer: issuer.clone(), manifest, admin_key })?;
    drop(storage);
    let trust = data.trust();
    let renamed = fs::rename(&unborn, &trust).and_then(|()| File::open(data.path())?.sync_all());
    renamed.map_err(|error| FoundingError::Io { path: trust, error })?;
    Ok(Founded { anchor, root_files: keys.root_files, admin_key: shown })
}

struct Keys {
    roots: Vec<FileSigner>,
    root_files: Vec<PathBuf>,
    threshold: u32,
    signing: Vec<(keyset::KeyUse, PublicKey)>,
}

impl Keys {
    fn generate(folder: &Path, development: bool, protection: Protection<'_>) -> Result<Self, FoundingError> {
        make_directory(folder)?;
        let generate = |key_use: KeyUse, number| -> Result<(FileSigner, PathBuf), KeysError> {
            let file = KeyFile::at(folder.join(key_use.file_name(number)))?;
            Ok((file.generate(key_use, protection)?, file.path().to_owned()))
        };
        let (count, threshold) = if development { (1, 1) } else { (ROOTS, ROOT_THRESHOLD) };
        let roots =
            (1..=count).map(|number| generate(KeyUse::Root, number)).collect::<Result<Vec<_>, _>>()?;
        let (roots, root_files) = roots.into_iter().unzip();
        let uses = [
            (KeyUse::License, keyset::KeyUse::License),
            (KeyUse::Receipt, keyset::KeyUse::Receipt),
            (KeyUse::Audit, keyset::KeyUse::Audit),
        ];
        let mut signing = Vec::new();
        for (key_use, listed) in uses {
            signing.push((listed, generate(key_use, 1)?.0.public_key().clone()));
        }
        Ok(Self { roots, root_files, threshold, signing })
    }

    fn first_manifest(&self, issuer: &IssuerRow) -> Result<Vec<u8>, KeysError> {
        let now = issuer.created_at;
        let until = now.saturating_add(KEYS_SECONDS);
        let from = now.saturating_add(-KEYS_SKEW_SECONDS);
        let record = |(key_use, key): &(keyset::KeyUse, PublicKey)| {
            KeyRecord::new(key.clone(), *key_use, (from, until), KeyState::Active)
        };
        let root =
            RootKeys::new(self.threshold, self.roots.iter().map(|root| root.public_key().clone()).collect())?;
        let keys = self.signing.iter().map(record).collect();
        let payload = ManifestPayload::first(issuer.name.clone(), (now, until), root, keys);
        let signers: Vec<&dyn Signer> = self.roots.iter().map(|root| root as &dyn Signer).collect();
        Ok(sign_manifest(&payload.to_json_bytes()?, &signers)?)
    }
}

/// `brk_<id>_<secret>`: the id finds the row, the 256-bit secret is kept as its digest only.
fn admin_key() -> Result<(AdminKeyRow, Redacted), NoRandom> {
    let id = hex(&*random::<6>()?);
    let secret = zeroize::Zeroizing::new(hex(&*random::<32>()?));
    let row = AdminKeyRow {
        id: id.clone(),
        secret_sha256: sha256(secret.as_bytes()),
        scopes: ADMIN_SCOPES.to_owned(),
    };
    Ok((row, Redacted::new(format!("brk_{id}_{}", *secret))))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Makes a directory of mode 0700, or takes an empty one. Says whether it made it.
fn make_directory(path: &Path) -> Result<bool, FoundingError> {
    let fail = |error| FoundingError::Io { path: path.to_owned(), error };
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs::create_dir_all(parent).map_err(fail)?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let empty = fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
            if !empty {
                return Err(FoundingError::Exists(path.to_owned()));
            }
            fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(fail)?;
            Ok(false)
        }
        Err(error) => Err(fail(error)),
    }
}

/// Takes away what a failed start made. What cannot be removed is named by the next attempt.
fn clear(path: &Path, created: bool) {
    let database = ["issuer.db", "issuer.db-wal", "issuer.db-shm", "database.url"];
    for name in ["keys", "keyset.json", UNBORN, "trust.json"].into_iter().chain(database) {
        let entry = path.join(name);
        let _ = if entry.is_dir() { fs::remove_dir_all(&entry) } else { fs::remove_file(&entry) };
    }
    if created {
        let _ = fs::remove_dir(path);
    }
}

fn write_new(path: &Path, bytes: &[u8]) -> Result<(), FoundingError> {
    create_new(path, bytes).map_err(|error| FoundingError::Io { path: path.to_owned(), error })
}

/// Writes a file that everybody may read and that did not exist.
pub(crate) fn create_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests;

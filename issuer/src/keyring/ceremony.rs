//! What happens where the root keys are: reading what is to be signed, signing it, and joining the signatures. Needs no
//! database and no issuer directory.

use super::KeyringError;
use crate::keys::KeysError;
use brink_license::Kid;
use brink_license::keyset::{MANIFEST_BYTES_MAX, UnverifiedManifest};
use brink_signing::{KeyFile, KeyUse, Passphrase, Protection, Signer, sign_manifest};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// One root key's signature.
pub struct Signed {
    /// What was signed.
    pub manifest: UnverifiedManifest,
    /// By which key.
    pub kid: Kid,
    /// The file to carry back.
    pub bytes: Vec<u8>,
}

/// Signs a manifest with one root key. `None` for the passphrase means a plaintext key, which is for development only.
pub fn sign(
    manifest: &Path,
    root_key: &Path,
    passphrase: Option<&Passphrase>,
) -> Result<Signed, KeyringError> {
    let manifest = read(manifest)?;
    let issuer = &manifest.payload().iss;
    let protection = match passphrase {
        Some(passphrase) => Protection::Passphrase(passphrase),
        None if issuer.is_development() => Protection::PlaintextForDevelopment,
        None => return Err(KeyringError::NotDevelopment(issuer.clone())),
    };
    let key = KeyFile::at(root_key)?.load(KeyUse::Root, protection)?;
    let bytes = sign_manifest(manifest.payload_bytes(), &[&key])?;
    Ok(Signed { kid: key.kid(), manifest, bytes })
}

/// One manifest from the unsigned file and the signatures that came back.
pub(super) fn join(manifest: &Path, signatures: &[PathBuf]) -> Result<Vec<u8>, KeyringError> {
    let paths = std::iter::once(manifest).chain(signatures.iter().map(PathBuf::as_path));
    let parts = paths.map(read).collect::<Result<Vec<_>, _>>()?;
    let joined = UnverifiedManifest::joined(&parts).ok_or(KeyringError::Different)?;
    Ok(joined.map_err(KeysError::Encode)?)
}

fn read(path: &Path) -> Result<UnverifiedManifest, KeyringError> {
    let not = |error| KeyringError::NotAManifest { path: path.to_owned(), error };
    UnverifiedManifest::parse(&read_bounded(path)?).map_err(not)
}

/// One byte more than is allowed, so that the parser sees and says that it is too large.
pub(super) fn read_bounded(path: &Path) -> Result<Vec<u8>, KeyringError> {
    let mut bytes = Vec::new();
    let mut read = || File::open(path)?.take(MANIFEST_BYTES_MAX as u64 + 2).read_to_end(&mut bytes);
    read().map_err(|error| KeyringError::Io { path: path.to_owned(), error })?;
    Ok(bytes.trim_ascii_end().to_vec())
}

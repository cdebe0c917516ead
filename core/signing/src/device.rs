//! The device's own key: made on the device, in the clear so that the device starts without a person, 0600.

use crate::key_file::Protection;
use crate::key_pair::KeyPair;
use crate::pem;
use crate::secret_file::{self, Content};
use crate::{KeyFault, KeyFileError, SignError, Signer};
use brink_license::{Kid, PublicKey};
use hkdf::Hkdf;
use sha2::Sha256;
use std::path::Path;
use zeroize::Zeroizing;

/// Separates what is derived here from every other use of the seed; changing it changes every derived key.
const DERIVE_SALT: &[u8] = b"BRINK-DEVICE-DERIVE-V1";
/// The first line of a device key file, before its thumbprint.
const FIRST_LINE: &str = "Brink device key ";

/// A key that is bound to this device. A TPM can stand behind it: that is why deriving can fail.
pub trait DeviceSigner: Signer {
    /// A secret for one purpose on this device, for instance a MAC key: the same for the same label, and telling
    /// nothing about the key or about other labels.
    fn derive(&self, label: &[u8]) -> Result<Zeroizing<[u8; 32]>, SignError>;
}

/// A device key in a file: PKCS#8 version 1 in PEM, with its thumbprint in a line before it.
///
/// A device directory has no public half to compare with, and a flipped bit in the seed would make another device out
/// of this one. RFC 7468 section 5.2 lets text stand before the key, and OpenSSL skips it.
#[derive(Debug)]
pub struct DeviceKey {
    pair: KeyPair,
}

impl DeviceKey {
    /// Makes a new key at `path`. Refuses when there is one: an existing device key proves that this is no new install.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, KeyFileError> {
        let path = path.as_ref();
        let fail = |fault| KeyFileError::new(path, fault);
        let pair = KeyPair::generate().map_err(fail)?;
        let pem = pem::encode_plain(&pair).map_err(fail)?;
        let text = Zeroizing::new(format!("{FIRST_LINE}{}\n{}", pair.kid(), pem.as_str()));
        secret_file::create(path, Content::PrivateKey, text.as_bytes())?;
        Ok(Self { pair })
    }

    /// Opens the key at `path`, which nobody else may reach.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, KeyFileError> {
        let path = path.as_ref();
        let bytes = secret_file::read(path, Content::PrivateKey, pem::KEY_FILE_BYTES_MAX)?;
        Self::decode(&bytes).map_err(|fault| KeyFileError::new(path, fault))
    }

    fn decode(bytes: &[u8]) -> Result<Self, KeyFault> {
        let no_kid = || KeyFault::Damaged { what: "its first line does not name a device key" };
        let end = bytes.iter().position(|&byte| byte == b'\n').ok_or_else(no_kid)?;
        let (line, pem) = (&bytes[..end], &bytes[end + 1..]);
        let kid = std::str::from_utf8(line)
            .ok()
            .and_then(|line| line.strip_prefix(FIRST_LINE))
            .and_then(Kid::parse);
        let kid = kid.ok_or_else(no_kid)?;
        let pair = pem::decode(pem, Protection::PlaintextForDevelopment)?;
        if pair.kid() == kid { Ok(Self { pair }) } else { Err(KeyFault::Mismatch) }
    }
}

impl Signer for DeviceKey {
    fn public_key(&self) -> &PublicKey {
        self.pair.public()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        Ok(self.pair.sign(message))
    }
}

impl DeviceSigner for DeviceKey {
    /// HKDF-SHA256 (RFC 5869) over the seed, with the label as `info`.
    fn derive(&self, label: &[u8]) -> Result<Zeroizing<[u8; 32]>, SignError> {
        let mut secret = Zeroizing::new([0u8; 32]);
        Hkdf::<Sha256>::new(Some(DERIVE_SALT), self.pair.seed())
            .expand(label, &mut *secret)
            .map_err(|_| SignError::Internal { what: "deriving a device secret" })?;
        Ok(secret)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{KeyFile, KeyUse, Passphrase};
    use std::collections::HashSet;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    fn created() -> (tempfile::TempDir, PathBuf, DeviceKey) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("device.key");
        let key = DeviceKey::create(&path).unwrap();
        (dir, path, key)
    }

    #[test]
    fn a_device_key_comes_back_signs_and_derives_the_same() {
        let (dir, path, key) = created();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        let opened = DeviceKey::open(&path).unwrap();
        assert_eq!(opened.kid(), key.kid());
        assert!(key.public_key().verifies(b"proof", &opened.sign(b"proof").unwrap()));
        assert_eq!(opened.derive(b"anchor").unwrap(), key.derive(b"anchor").unwrap());
        assert_eq!(DeviceKey::create(&path).unwrap_err().code(), "KEYFILE_EXISTS");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn derived_secrets_differ_by_label_and_by_device_and_are_fixed_for_ever() {
        let key = DeviceKey { pair: KeyPair::from_seed(&[7; 32]).unwrap() };
        let other = DeviceKey { pair: KeyPair::from_seed(&[8; 32]).unwrap() };
        let mut seen = HashSet::new();
        for device in [&key, &other] {
            for label in [&b""[..], b"a", b"b", b"ab", b"anchor mac"] {
                assert!(seen.insert(*device.derive(label).unwrap()));
            }
        }
        assert!(!seen.contains(key.pair.seed()));
        // Computed with Python's hmac: a change here would orphan what is stored on devices.
        let hex: String =
            key.derive(b"anchor mac").unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "06c525b5041926e01e31a2d36233a125a2e5a1ba46eb749f358209794c445c54");
    }

    #[test]
    fn no_flipped_bit_makes_another_device() {
        let (_dir, path, key) = created();
        let good = fs::read(&path).unwrap();
        for bit in 0..good.len() * 8 {
            let mut flipped = good.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            if let Ok(opened) = DeviceKey::decode(&flipped) {
                assert_eq!(opened.kid(), key.kid(), "bit {bit}");
            }
        }
    }

    #[test]
    fn shared_linked_damaged_and_foreign_files_are_refused() {
        let (dir, path, _) = created();
        let good = fs::read_to_string(&path).unwrap();
        let code = || DeviceKey::open(&path).unwrap_err().code();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(code(), "KEYFILE_MODE");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let (_other_dir, other_path, _) = created();
        let other = fs::read_to_string(other_path).unwrap();
        let (first_line, _) = other.split_once('\n').unwrap();
        let pem = good.split_once('\n').unwrap().1;
        for (text, expected) in [
            (String::new(), "KEYFILE_DAMAGED"),
            (pem.to_owned(), "KEYFILE_DAMAGED"),
            (format!("{first_line}\n{pem}"), "KEYFILE_MISMATCH"),
            (good[..good.len() - 10].to_owned(), "KEYFILE_NOT_PKCS8"),
        ] {
            fs::write(&path, text).unwrap();
            assert_eq!(code(), expected);
        }
        fs::remove_file(&path).unwrap();
        assert_eq!(code(), "KEYFILE_MISSING");
        let elsewhere = dir.path().join("elsewhere");
        DeviceKey::create(&elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
        assert_eq!(code(), "KEYFILE_NOT_A_FILE");
    }

    #[test]
    fn an_issuer_key_is_not_a_device_key() {
        let dir = tempfile::tempdir().unwrap();
        let file = KeyFile::at(dir.path().join("license-1.key")).unwrap();
        file.generate(KeyUse::License, Protection::PlaintextForDevelopment).unwrap();
        assert_eq!(DeviceKey::open(file.path()).unwrap_err().code(), "KEYFILE_DAMAGED");
    }

    #[test]
    fn an_encrypted_key_under_a_device_line_is_named() {
        let pair = KeyPair::from_seed(&[7; 32]).unwrap();
        let secret = Passphrase::from_bytes(Zeroizing::new(b"x".to_vec())).unwrap();
        let pem = pem::encode_encrypted(&pair, &secret, pem::ScryptCost::TEST).unwrap();
        let text = format!("{FIRST_LINE}{}\n{}", pair.kid(), pem.as_str());
        assert_eq!(DeviceKey::decode(text.as_bytes()).unwrap_err(), KeyFault::Encrypted);
    }
}

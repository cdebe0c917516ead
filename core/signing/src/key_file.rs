//! Key files: `NAME.key`, a private key in PEM, and beside it `NAME.pub`, its public half in JSON.

use crate::key_pair::KeyPair;
use crate::pem::{self, ScryptCost};
use crate::secret_file::{self, Content};
use crate::{KeyFault, KeyFileError, KeyUse, Passphrase, SignError, Signer};
use brink_license::{Kid, PublicKey};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Largest public half: it takes about 130 bytes.
const PUBLIC_HALF_BYTES_MAX: usize = 1024;

/// How a key is protected at rest. Reading insists on it, so that nobody slips a plaintext key under a passphrase.
#[derive(Clone, Copy, Debug)]
pub enum Protection<'a> {
    /// Encrypted under this passphrase.
    Passphrase(&'a Passphrase),
    /// In the clear. Only for issuers whose name starts with exactly `dev-`, which is the caller's to check and to
    /// say loudly.
    PlaintextForDevelopment,
}

/// The place of a key: its file, and the public half beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFile {
    path: PathBuf,
    public_path: PathBuf,
}

impl KeyFile {
    /// A place, which must be called `NAME.key`; nothing is touched yet.
    pub fn at(path: impl Into<PathBuf>) -> Result<Self, KeyFileError> {
        let path = path.into();
        if path.extension().is_none_or(|extension| extension != "key") {
            return Err(KeyFileError::new(&path, KeyFault::FileName));
        }
        let public_path = path.with_extension("pub");
        Ok(Self { path, public_path })
    }

    /// `NAME.key`.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `NAME.pub`.
    #[must_use]
    pub fn public_path(&self) -> &Path {
        &self.public_path
    }

    /// Makes a new key and writes both files, mode 0600 and 0644. Never overwrites either.
    pub fn generate(&self, key_use: KeyUse, protection: Protection<'_>) -> Result<FileSigner, KeyFileError> {
        self.generate_at_cost(key_use, protection, ScryptCost::STANDARD)
    }

    fn generate_at_cost(
        &self,
        key_use: KeyUse,
        protection: Protection<'_>,
        cost: ScryptCost,
    ) -> Result<FileSigner, KeyFileError> {
        let fail = |fault| KeyFileError::new(&self.path, fault);
        secret_file::check_absent(&self.path)?;
        secret_file::check_absent(&self.public_path)?;
        let pair = KeyPair::generate().map_err(fail)?;
        let encoded = match protection {
            Protection::Passphrase(passphrase) => pem::encode_encrypted(&pair, passphrase, cost),
            Protection::PlaintextForDevelopment => pem::encode_plain(&pair),
        };
        let encoded = encoded.map_err(fail)?;
        let half = PublicHalf { key_use, public_key: pair.public().clone() };
        self.write(&half, encoded.as_bytes())?;
        Ok(FileSigner { pair, key_use })
    }

    /// The public half first: a crash in between leaves no key that could be loaded without its check.
    fn write(&self, half: &PublicHalf, encoded: &[u8]) -> Result<(), KeyFileError> {
        let json = half.to_json().map_err(|fault| KeyFileError::new(&self.public_path, fault))?;
        secret_file::create(&self.public_path, Content::PublicHalf, &json)?;
        secret_file::create(&self.path, Content::PrivateKey, encoded)
            .inspect_err(|_| secret_file::undo_create(&self.public_path))
    }

    /// Reads the key. It has to be for `key_use`, protected as told, reachable by nobody else, and the very key whose
    /// public half stands beside it: encryption alone would not notice a flipped bit.
    pub fn load(&self, key_use: KeyUse, protection: Protection<'_>) -> Result<FileSigner, KeyFileError> {
        let fail = |fault| KeyFileError::new(&self.path, fault);
        let encoded = secret_file::read(&self.path, Content::PrivateKey, pem::KEY_FILE_BYTES_MAX)?;
        let half = self.read_public()?;
        if half.key_use != key_use {
            return Err(fail(KeyFault::WrongUse { expected: key_use, found: half.key_use }));
        }
        let pair = pem::decode(&encoded, protection).map_err(fail)?;
        if *pair.public() != half.public_key {
            return Err(fail(KeyFault::Mismatch));
        }
        Ok(FileSigner { pair, key_use })
    }

    /// Reads the public half alone, which needs no passphrase.
    pub fn read_public(&self) -> Result<PublicHalf, KeyFileError> {
        let bytes = secret_file::read(&self.public_path, Content::PublicHalf, PUBLIC_HALF_BYTES_MAX)?;
        PublicHalf::from_json(&bytes).map_err(|fault| KeyFileError::new(&self.public_path, fault))
    }
}

/// What stands beside a private key: which key it is, and what for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicHalf {
    key_use: KeyUse,
    public_key: PublicKey,
}

/// The file: `{"kid","x","use"}`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PublicHalfJson {
    kid: Kid,
    x: String,
    #[serde(rename = "use")]
    key_use: KeyUse,
}

impl PublicHalf {
    /// What the key is for.
    #[must_use]
    pub const fn key_use(&self) -> KeyUse {
        self.key_use
    }

    /// The public key.
    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// Its thumbprint.
    #[must_use]
    pub const fn kid(&self) -> Kid {
        self.public_key.kid()
    }

    fn to_json(&self) -> Result<Vec<u8>, KeyFault> {
        let json = PublicHalfJson { kid: self.kid(), x: self.public_key.to_x(), key_use: self.key_use };
        let mut bytes =
            serde_json::to_vec(&json).map_err(|_| KeyFault::Damaged { what: "its encoding failed" })?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    fn from_json(bytes: &[u8]) -> Result<Self, KeyFault> {
        let damaged = |what| KeyFault::Damaged { what };
        let json: PublicHalfJson =
            serde_json::from_slice(bytes).map_err(|_| damaged("it is not {\"kid\",\"x\",\"use\"}"))?;
        let public_key = PublicKey::from_x(&json.x).map_err(|_| damaged("its x is not a usable key"))?;
        if public_key.kid() != json.kid {
            return Err(damaged("its kid is not the thumbprint of its x"));
        }
        Ok(Self { key_use: json.key_use, public_key })
    }
}

/// A key read from its file, held in memory.
#[derive(Debug)]
pub struct FileSigner {
    pair: KeyPair,
    key_use: KeyUse,
}

impl FileSigner {
    /// What the key is for.
    #[must_use]
    pub const fn key_use(&self) -> KeyUse {
        self.key_use
    }
}

impl Signer for FileSigner {
    fn public_key(&self) -> &PublicKey {
        self.pair.public()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        Ok(self.pair.sign(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use zeroize::Zeroizing;

    const PLAIN: Protection<'_> = Protection::PlaintextForDevelopment;

    fn passphrase(text: &str) -> Passphrase {
        Passphrase::from_bytes(Zeroizing::new(text.as_bytes().to_vec())).unwrap()
    }

    /// A directory with one encrypted receipt key in it.
    struct Fixture {
        dir: tempfile::TempDir,
        file: KeyFile,
        secret: Passphrase,
        made: FileSigner,
    }

    impl Fixture {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let file = KeyFile::at(dir.path().join("receipt-1.key")).unwrap();
            let secret = passphrase("correct horse");
            let made = file
                .generate_at_cost(KeyUse::Receipt, Protection::Passphrase(&secret), ScryptCost::TEST)
                .unwrap();
            Self { dir, file, secret, made }
        }

        fn load(&self) -> Result<FileSigner, KeyFileError> {
            self.file.load(KeyUse::Receipt, Protection::Passphrase(&self.secret))
        }

        fn code(&self) -> &'static str {
            self.load().unwrap_err().code()
        }

        fn rewrite_key(&self, bytes: &[u8]) {
            fs::write(self.file.path(), bytes).unwrap();
        }
    }

    #[test]
    fn a_key_comes_back_and_signs_what_its_public_half_verifies() {
        let fixture = Fixture::new();
        let loaded = fixture.load().unwrap();
        assert_eq!(loaded.kid(), fixture.made.kid());
        assert_eq!(loaded.key_use(), KeyUse::Receipt);
        let half = fixture.file.read_public().unwrap();
        assert_eq!((half.kid(), half.key_use()), (loaded.kid(), KeyUse::Receipt));
        let signature = loaded.sign(b"message").unwrap();
        assert!(half.public_key().verifies(b"message", &signature));
        assert!(!half.public_key().verifies(b"another", &signature));
        assert_eq!(signature, fixture.made.sign(b"message").unwrap());
    }

    #[test]
    fn the_files_have_their_modes_and_nothing_else_is_left() {
        let fixture = Fixture::new();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode(fixture.file.path()), 0o600);
        assert_eq!(mode(fixture.file.public_path()), 0o644);
        assert_eq!(fs::read_dir(fixture.dir.path()).unwrap().count(), 2);
        let json: serde_json::Value =
            serde_json::from_slice(&fs::read(fixture.file.public_path()).unwrap()).unwrap();
        assert_eq!(json["use"], "receipt");
        assert_eq!(json["kid"], fixture.made.kid().to_string());
        assert_eq!(json["x"], fixture.made.public_key().to_x());
    }

    #[test]
    fn a_plaintext_key_is_read_only_when_that_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let file = KeyFile::at(dir.path().join("license-1.key")).unwrap();
        let made = file.generate(KeyUse::License, PLAIN).unwrap();
        assert_eq!(file.load(KeyUse::License, PLAIN).unwrap().kid(), made.kid());
        let secret = passphrase("x");
        let refused = file.load(KeyUse::License, Protection::Passphrase(&secret)).unwrap_err();
        assert_eq!(refused.code(), "KEYFILE_PLAINTEXT");
        let fixture = Fixture::new();
        assert_eq!(fixture.file.load(KeyUse::Receipt, PLAIN).unwrap_err().code(), "KEYFILE_ENCRYPTED");
    }

    #[test]
    fn nothing_is_ever_overwritten() {
        let fixture = Fixture::new();
        let before = fs::read(fixture.file.path()).unwrap();
        let again = || fixture.file.generate(KeyUse::Receipt, PLAIN).unwrap_err();
        assert_eq!((again().code(), again().path()), ("KEYFILE_EXISTS", fixture.file.path()));
        assert_eq!(fs::read(fixture.file.path()).unwrap(), before);
        // A public half whose key was moved offline is kept as well.
        fs::remove_file(fixture.file.path()).unwrap();
        assert_eq!((again().code(), again().path()), ("KEYFILE_EXISTS", fixture.file.public_path()));
        assert_eq!(fixture.file.read_public().unwrap().kid(), fixture.made.kid());
    }

    #[test]
    fn of_many_that_generate_at_once_exactly_one_succeeds() {
        let dir = tempfile::tempdir().unwrap();
        let file = KeyFile::at(dir.path().join("audit-1.key")).unwrap();
        let made: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..8).map(|_| scope.spawn(|| file.generate(KeyUse::Audit, PLAIN).ok())).collect();
            threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(made.len(), 1);
        assert_eq!(file.load(KeyUse::Audit, PLAIN).unwrap().kid(), made[0].kid());
    }

    #[test]
    fn a_key_that_cannot_be_written_takes_its_public_half_back() {
        let fixture = Fixture::new();
        let half = fixture.file.read_public().unwrap();
        fs::remove_file(fixture.file.public_path()).unwrap();
        let before = fs::read(fixture.file.path()).unwrap();
        // As when another process made the key between the look and the write.
        assert_eq!(fixture.file.write(&half, b"other").unwrap_err().code(), "KEYFILE_EXISTS");
        assert!(!fixture.file.public_path().exists());
        assert_eq!(fs::read(fixture.file.path()).unwrap(), before);
    }

    #[test]
    fn another_use_is_refused() {
        let fixture = Fixture::new();
        let error = fixture.file.load(KeyUse::License, Protection::Passphrase(&fixture.secret)).unwrap_err();
        assert_eq!(error.code(), "KEYFILE_USE");
        assert!(
            error.to_string().contains("is a key for receipt, but a key for license is needed"),
            "{error}"
        );
    }

    #[test]
    fn a_wrong_passphrase_is_refused_and_told_nowhere() {
        let fixture = Fixture::new();
        let wrong = passphrase("wrong horse");
        let error = fixture.file.load(KeyUse::Receipt, Protection::Passphrase(&wrong)).unwrap_err();
        assert_eq!(error.code(), "KEYFILE_PASSPHRASE");
        let shown = format!("{error} {error:?} {:?} {:?}", fixture.made, Protection::Passphrase(&wrong));
        assert!(!shown.contains("horse"), "{shown}");
        assert!(error.to_string().starts_with(&fixture.file.path().display().to_string()), "{error}");
    }

    #[test]
    fn every_mode_that_lets_others_in_is_refused_with_its_mend() {
        let fixture = Fixture::new();
        for mode in [0o644, 0o640, 0o604, 0o660, 0o666, 0o601, 0o610, 0o620, 0o602, 0o777] {
            fs::set_permissions(fixture.file.path(), fs::Permissions::from_mode(mode)).unwrap();
            let error = fixture.load().unwrap_err();
            assert_eq!(error.code(), "KEYFILE_MODE");
            assert!(error.to_string().contains("chmod 600"), "{error}");
            assert!(error.to_string().contains(&format!("{mode:04o}")), "{error}");
        }
        fs::set_permissions(fixture.file.path(), fs::Permissions::from_mode(0o400)).unwrap();
        assert!(fixture.load().is_ok());
    }

    #[test]
    fn a_link_a_directory_and_an_absent_file_are_refused() {
        let fixture = Fixture::new();
        let elsewhere = fixture.dir.path().join("elsewhere");
        fs::rename(fixture.file.path(), &elsewhere).unwrap();
        assert_eq!(fixture.code(), "KEYFILE_MISSING");
        std::os::unix::fs::symlink(&elsewhere, fixture.file.path()).unwrap();
        assert_eq!(fixture.code(), "KEYFILE_NOT_A_FILE");
        fs::remove_file(fixture.file.path()).unwrap();
        fs::create_dir(fixture.file.path()).unwrap();
        assert_eq!(fixture.code(), "KEYFILE_NOT_A_FILE");
    }

    #[test]
    fn a_damaged_or_oversized_file_is_refused() {
        let fixture = Fixture::new();
        let good = fs::read(fixture.file.path()).unwrap();
        for (bytes, code) in [
            (&b""[..], "KEYFILE_NOT_PKCS8"),
            (&good[..good.len() / 2], "KEYFILE_NOT_PKCS8"),
            (&vec![b'A'; 5000], "KEYFILE_TOO_LARGE"),
        ] {
            fixture.rewrite_key(bytes);
            assert_eq!(fixture.code(), code);
        }
        fixture.rewrite_key(&good);
        assert!(fixture.load().is_ok());
    }

    #[test]
    fn a_public_half_that_is_absent_or_wrong_stops_the_load() {
        let fixture = Fixture::new();
        let public = fixture.file.public_path();
        let good = fs::read_to_string(public).unwrap();
        let other = Fixture::new();
        let (kid, x) = (fixture.made.kid().to_string(), fixture.made.public_key().to_x());
        let cases = [
            (fs::read_to_string(other.file.public_path()).unwrap(), "KEYFILE_MISMATCH"),
            (good.replace(&kid, &other.made.kid().to_string()), "KEYFILE_DAMAGED"),
            (good.replace(&x, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), "KEYFILE_DAMAGED"),
            (good.replace("receipt", "everything"), "KEYFILE_DAMAGED"),
            (good.replace("{", "{\"d\":1,"), "KEYFILE_DAMAGED"),
            (good.repeat(2), "KEYFILE_DAMAGED"),
            (good.repeat(20), "KEYFILE_TOO_LARGE"),
        ];
        for (text, code) in cases {
            fs::write(public, &text).unwrap();
            assert_eq!(fixture.code(), code, "{text}");
        }
        fs::remove_file(public).unwrap();
        let error = fixture.load().unwrap_err();
        assert_eq!((error.code(), error.path()), ("KEYFILE_MISSING", public));
    }

    #[test]
    fn no_flipped_bit_of_either_file_yields_another_key() {
        let fixture = Fixture::new();
        let (mut same, mut mismatched) = (0, 0);
        for path in [fixture.file.path(), fixture.file.public_path()] {
            let good = fs::read(path).unwrap();
            for bit in 0..good.len() * 8 {
                let mut flipped = good.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                fs::write(path, &flipped).unwrap();
                match fixture.load() {
                    Ok(loaded) => {
                        assert_eq!(loaded.kid(), fixture.made.kid());
                        same += 1;
                    }
                    Err(error) => mismatched += usize::from(error.fault() == &KeyFault::Mismatch),
                }
            }
            fs::write(path, &good).unwrap();
        }
        assert!(fixture.load().is_ok());
        // Only line ends can change without effect, and what encryption alone would have let through is caught.
        assert!(same < 50, "{same} flips changed nothing");
        // A flip in the block of the seed's first half mismatches whenever it leaves base64, as about five in eight of its
        // 171 bits do. How many depends on key and salt, which are new in every run: 96 were seen, and more.
        assert!(mismatched > 64, "{mismatched} flips were caught by the public half alone");
    }

    #[test]
    fn a_name_without_its_extension_is_refused() {
        for name in ["license", "license.pub", "license.pem", "key", ".key"] {
            assert_eq!(KeyFile::at(name).unwrap_err().code(), "KEYFILE_NAME", "{name}");
        }
        assert_eq!(KeyFile::at("a/b.key").unwrap().public_path(), Path::new("a/b.pub"));
    }
}

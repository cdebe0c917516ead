//! Why a key was not read, not written, or did not sign. No variant carries bytes of a key or of a passphrase.

use crate::KeyUse;
use brink_license::Kid;
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A refusal that names the file, what is wrong with it, and the mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFileError {
    path: PathBuf,
    fault: KeyFault,
}

impl KeyFileError {
    pub(crate) fn new(path: &Path, fault: KeyFault) -> Self {
        Self { path: path.to_owned(), fault }
    }

    /// The file: a private key, the public half beside it, or a passphrase.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is wrong with it.
    #[must_use]
    pub fn fault(&self) -> &KeyFault {
        &self.fault
    }

    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.fault.code()
    }
}

impl fmt::Display for KeyFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.fault)
    }
}

impl std::error::Error for KeyFileError {}

/// What is wrong with a file, phrased to follow its name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// There is no such file.
    #[error("does not exist; check the path, or restore the file from its backup")]
    Missing,
    /// The system refused an operation.
    #[error("cannot {doing}: {kind}; check the path, its permissions and the space left")]
    Io {
        /// What was attempted.
        doing: &'static str,
        /// The system's answer.
        kind: ErrorKind,
    },
    /// A symbolic link, directory, pipe or device.
    #[error("is {found}, not a regular file; name the file itself")]
    NotAFile {
        /// What it is.
        found: &'static str,
    },
    /// Someone besides the owner can reach it.
    #[error("has mode {mode:04o}, which lets group or others reach a secret; run chmod 600 on it")]
    Mode {
        /// The permission bits found.
        mode: u32,
    },
    /// Another user could replace or read it.
    #[error("belongs to uid {owner}, but this process runs as uid {euid}; chown it, or run as its owner")]
    Owner {
        /// The file's owner.
        owner: u32,
        /// Who asks.
        euid: u32,
    },
    /// Too large to be what it should be.
    #[error("is larger than {bytes_max} bytes; name the right file")]
    TooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// Creating would overwrite.
    #[error("exists already and is never overwritten; choose another name, or move it away")]
    Exists,
    /// The public half could not be placed beside a file of this name.
    #[error("is not a name for a key file; call it NAME.key")]
    FileName,
    /// Not PEM with a PKCS#8 label.
    #[error("is not a PKCS#8 private key in PEM; convert it with `openssl pkcs8 -topk8`")]
    NotPkcs8,
    /// The structure does not hold together.
    #[error("is damaged ({what}); restore it from its backup")]
    Damaged {
        /// The part that failed.
        what: &'static str,
    },
    /// A key for something else than Ed25519 signatures.
    #[error("holds a key of algorithm {oid}; only Ed25519 (1.3.101.112) signs here, so make a new key")]
    Algorithm {
        /// The algorithm found, as an object identifier.
        oid: String,
    },
    /// PKCS#8 version 2 (RFC 5958) with the public key inside.
    #[error("is PKCS#8 version 2, which OpenSSL 3.0 cannot read; write it again as version 1")]
    Version,
    /// Encrypted by another method than ours.
    #[error(
        "is not encrypted with scrypt and AES-256-CBC; convert it with `openssl pkcs8 -topk8 -v2 aes-256-cbc -scrypt`"
    )]
    Cipher,
    /// Opening it would take more memory or time than any key of ours.
    #[error(
        "asks for scrypt N={n} r={r} p={p}, which is out of bounds; it is damaged, or convert it with a lower cost"
    )]
    Cost {
        /// Cost parameter.
        n: u64,
        /// Block size.
        r: u16,
        /// Parallelization.
        p: u16,
    },
    /// A key at rest in the clear where that is not allowed.
    #[error(
        "is not encrypted; encrypt it with `openssl pkcs8 -topk8 -v2 aes-256-cbc -scrypt`, or make a new key"
    )]
    Plaintext,
    /// Encrypted where a plaintext key is expected.
    #[error("is encrypted and no passphrase was given; give its passphrase, or name the right file")]
    Encrypted,
    /// The wrong passphrase and a damaged ciphertext look the same.
    #[error("does not open; give its own passphrase, or restore it from its backup if it was changed")]
    Passphrase,
    /// A passphrase file or descriptor with nothing in it.
    #[error("holds no passphrase; write one line into it")]
    PassphraseEmpty,
    /// Not a descriptor of this process.
    #[error("is not an open descriptor; open it in the calling shell, for example `3<FILE`")]
    PassphraseDescriptor,
    /// The private key is not the one that the public half beside it, or its own first line, names.
    #[error(
        "is not the key that was saved under this name; restore the key and its public half from one backup"
    )]
    Mismatch,
    /// A key made for another purpose.
    #[error("is a key for {found}, but a key for {expected} is needed; name the right file")]
    WrongUse {
        /// What the call needs.
        expected: KeyUse,
        /// What the public half says.
        found: KeyUse,
    },
    /// The system's random source failed.
    #[error("was not made: the system gave no random numbers; try again when it does")]
    Random,
}

impl KeyFault {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            KeyFault::Missing => "KEYFILE_MISSING",
            KeyFault::Io { .. } => "KEYFILE_IO",
            KeyFault::NotAFile { .. } => "KEYFILE_NOT_A_FILE",
            KeyFault::Mode { .. } => "KEYFILE_MODE",
            KeyFault::Owner { .. } => "KEYFILE_OWNER",
            KeyFault::TooLarge { .. } => "KEYFILE_TOO_LARGE",
            KeyFault::Exists => "KEYFILE_EXISTS",
            KeyFault::FileName => "KEYFILE_NAME",
            KeyFault::NotPkcs8 => "KEYFILE_NOT_PKCS8",
            KeyFault::Damaged { .. } => "KEYFILE_DAMAGED",
            KeyFault::Algorithm { .. } => "KEYFILE_ALGORITHM",
            KeyFault::Version => "KEYFILE_VERSION",
            KeyFault::Cipher => "KEYFILE_CIPHER",
            KeyFault::Cost { .. } => "KEYFILE_COST",
            KeyFault::Plaintext => "KEYFILE_PLAINTEXT",
            KeyFault::Encrypted => "KEYFILE_ENCRYPTED",
            KeyFault::Passphrase => "KEYFILE_PASSPHRASE",
            KeyFault::PassphraseEmpty => "PASSPHRASE_EMPTY",
            KeyFault::PassphraseDescriptor => "PASSPHRASE_DESCRIPTOR",
            KeyFault::Mismatch => "KEYFILE_MISMATCH",
            KeyFault::WrongUse { .. } => "KEYFILE_USE",
            KeyFault::Random => "KEYFILE_RANDOM",
        }
    }

    /// The fault of a failed system call.
    pub(crate) fn io(doing: &'static str, kind: ErrorKind) -> Self {
        if kind == ErrorKind::NotFound { KeyFault::Missing } else { KeyFault::Io { doing, kind } }
    }
}

/// Why nothing was signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The key behind the port cannot be reached or refused: a KMS, a token, a TPM.
    #[error("key {kid} did not sign: {reason}; check the key's provider and try again")]
    Unavailable {
        /// The key.
        kid: Kid,
        /// The provider's words.
        reason: String,
    },
    /// A signature came back that the key does not verify: the port names one key and uses another.
    #[error("the signature made for key {kid} does not verify under it; check which key its provider uses")]
    WrongKey {
        /// The key that should have signed.
        kid: Kid,
    },
    /// No verifier would take a document of this size.
    #[error("the document would take {bytes} bytes of at most {bytes_max}; sign less in one document")]
    TooLarge {
        /// What it would take.
        bytes: usize,
        /// The limit of its type.
        bytes_max: usize,
    },
    /// A threshold counts distinct keys, so a key given twice is a mistake.
    #[error("key {kid} was given twice; give distinct keys")]
    DuplicateSigner {
        /// The key.
        kid: Kid,
    },
    /// A manifest without a signature is none.
    #[error("no key was given to sign with; give at least one")]
    NoSigner,
    /// What cannot fail has failed.
    #[error("{what} failed, which is a fault of the program; report it")]
    Internal {
        /// The step.
        what: &'static str,
    },
}

impl SignError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            SignError::Unavailable { .. } => "SIGNER_UNAVAILABLE",
            SignError::WrongKey { .. } => "SIGNER_WRONG_KEY",
            SignError::TooLarge { .. } => "DOCUMENT_TOO_LARGE",
            SignError::DuplicateSigner { .. } => "SIGNER_DUPLICATE",
            SignError::NoSigner => "SIGNER_NONE",
            SignError::Internal { .. } => "SIGNER_INTERNAL",
        }
    }
}

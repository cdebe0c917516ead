//! TLS of a listener: a certificate and its key from PEM files, taken up again when they change.

use crate::calendar::rfc3339;
use crate::clock::{Clock, Stopwatch, SystemClock};
use crate::metrics::Metrics;
use brink_license::UnixSeconds;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{InconsistentKeys, ServerConfig};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use x509_cert::der::Decode;
use zeroize::Zeroizing;

/// How often the files are looked at, at most: a handshake costs far more than that look.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Largest file that is read: a chain of four certificates has 8 KiB.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Warn this long before a certificate ends: whoever renews it has failed by then more than once.
const WARNING_SECONDS: i64 = 14 * 86_400;
/// Modes that let others at the key. A group may read it, as packages of certificates do.
const KEY_MODES_REFUSED: u32 = 0o037;
/// The one protocol spoken inside.
const ALPN: &[u8] = b"http/1.1";

/// Where a certificate and its key lie.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The certificate and what leads from it to its CA, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM, not encrypted.
    pub key: PathBuf,
}

/// Why a certificate is not taken up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file.
    #[error("{}: {error}; check the path and its permissions", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// The system's words.
        error: io::Error,
    },
    /// A file that holds something else.
    #[error("{} is larger than any certificate or key; name the PEM file itself", .0.display())]
    TooLarge(PathBuf),
    /// No certificate.
    #[error("{} holds no certificate that can be read ({problem}); give a PEM file that begins with the server's own, then those above it", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// In words.
        problem: String,
    },
    /// No key.
    #[error("{} holds no private key that can be used ({problem}); give an unencrypted PEM file: openssl pkey -in F -out G", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// In words.
        problem: String,
    },
    /// A key that others can read.
    #[error("{} has mode {mode:04o}, so that others can read or replace the key; chmod 600 {}", path.display(), path.display())]
    KeyMode {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// A key of another certificate.
    #[error("the key {} is not that of the certificate {}; give the two that were made together", key.display(), certificate.display())]
    Mismatch {
        /// The key's file.
        key: PathBuf,
        /// The certificate's.
        certificate: PathBuf,
    },
}

impl TlsError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::File { .. } | Self::TooLarge(_) => "TLS_FILE",
            Self::Certificate { .. } => "TLS_CERTIFICATE",
            Self::Key { .. } => "TLS_KEY",
            Self::KeyMode { .. } => "TLS_KEY_MODE",
            Self::Mismatch { .. } => "TLS_KEY_MISMATCH",
        }
    }
}

/// What tells one version of a file from the next.
type Version = (i64, i64, u64, u64);

struct Loaded {
    config: Arc<ServerConfig>,
    /// When it begins and ends.
    validity: (UnixSeconds, UnixSeconds),
}

struct Held {
    loaded: Loaded,
    /// The files that were tried last, good or not.
    tried: [Option<Version>; 2],
    looked: Stopwatch,
}

/// A certificate in use.
pub struct Tls {
    files: TlsFiles,
    metrics: Metrics,
    held: Mutex<Held>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads certificate and key. One that has ended is taken, and said: whoever renews it need not restart anything.
    pub fn load(files: TlsFiles, metrics: &Metrics) -> Result<Self, TlsError> {
        let tried = files.versions();
        let loaded = load(&files)?;
        metrics.http.certificate(Some(loaded.validity.1.as_i64()), false);
        warn_of_end(&files, &loaded);
        let held = Mutex::new(Held { loaded, tried, looked: Stopwatch::start() });
        Ok(Self { files, metrics: metrics.clone(), held })
    }

    /// When the certificate in use begins and ends.
    #[must_use]
    pub fn validity(&self) -> (UnixSeconds, UnixSeconds) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).loaded.validity
    }

    /// Reads the files again; one that is no good leaves the one in use.
    pub fn reload(&self) {
        self.take_up(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// What the next handshake is done with. Now and then this looks at two files.
    pub(super) fn current(&self) -> Arc<ServerConfig> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.looked.elapsed() >= LOOK_EVERY {
            held.looked = Stopwatch::start();
            if held.tried != self.files.versions() {
                self.take_up(&mut held);
            }
        }
        Arc::clone(&held.loaded.config)
    }

    fn take_up(&self, held: &mut Held) {
        // Before they are read: what changes meanwhile is read again.
        held.tried = self.files.versions();
        match load(&self.files) {
            Ok(loaded) => {
                tracing::info!(certificate = %self.files.certificate.display(), ends = %rfc3339(loaded.validity.1), "a certificate is in use");
                self.metrics.http.certificate(Some(loaded.validity.1.as_i64()), true);
                warn_of_end(&self.files, &loaded);
                held.loaded = loaded;
            }
            Err(error) => {
                tracing::error!(code = error.code(), %error, "the certificate was not taken up; the one before stays in use");
                self.metrics.http.certificate(None, true);
            }
        }
    }
}

impl TlsFiles {
    fn versions(&self) -> [Option<Version>; 2] {
        [&self.certificate, &self.key].map(|path| {
            let seen = fs::metadata(path).ok()?;
            Some((seen.mtime(), seen.mtime_nsec(), seen.len(), seen.ino()))
        })
    }
}

fn warn_of_end(files: &TlsFiles, loaded: &Loaded) {
    let left = loaded.validity.1.since(SystemClock.now());
    if left < WARNING_SECONDS {
        let (certificate, ends) = (files.certificate.display(), rfc3339(loaded.validity.1));
        tracing::warn!(%certificate, %ends, "the certificate has ended or ends soon; renew it");
    }
}

fn load(files: &TlsFiles) -> Result<Loaded, TlsError> {
    let (path, key_path) = (&files.certificate, &files.key);
    let refused = |problem: String| TlsError::Certificate { path: path.clone(), problem };
    let pem = read(path, |_| Ok(()))?;
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(&pem).collect::<Result<_, _>>().map_err(|e| refused(e.to_string()))?;
    let own = chain.first().ok_or_else(|| refused("there is none in it".to_owned()))?;
    let validity = validity(own).map_err(refused)?;
    let pem = read(key_path, |mode| match mode & KEY_MODES_REFUSED {
        0 => Ok(()),
        _ => Err(TlsError::KeyMode { path: key_path.clone(), mode }),
    })?;
    let unusable = |problem: String| TlsError::Key { path: key_path.clone(), problem };
    let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|e| unusable(e.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| unusable(e.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, key);
    let mut config = config.map_err(|error| {
        if error == rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) {
            return TlsError::Mismatch { key: key_path.clone(), certificate: path.clone() };
        }
        if let rustls::Error::InvalidCertificate(problem) = &error {
            return refused(format!("{problem:?}"));
        }
        unusable(error.to_string())
    })?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(Loaded { config: Arc::new(config), validity })
}

fn validity(certificate: &CertificateDer<'_>) -> Result<(UnixSeconds, UnixSeconds), String> {
    let read = x509_cert::Certificate::from_der(certificate).map_err(|error| error.to_string())?;
    let validity = read.tbs_certificate.validity;
    let seconds = |time: x509_cert::time::Time| {
        UnixSeconds::new(i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX))
    };
    Ok((seconds(validity.not_before), seconds(validity.not_after)))
}

/// The whole file, once its mode was looked at, on the open file and not on its name.
fn read(
    path: &Path,
    check: impl FnOnce(u32) -> Result<(), TlsError>,
) -> Result<Zeroizing<Vec<u8>>, TlsError> {
    let fail = |error| TlsError::File { path: path.to_owned(), error };
    let file = File::open(path).map_err(fail)?;
    let metadata = file.metadata().map_err(fail)?;
    check(metadata.permissions().mode() & 0o7777)?;
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(fail)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(TlsError::TooLarge(path.to_owned()));
    }
    Ok(bytes)
}

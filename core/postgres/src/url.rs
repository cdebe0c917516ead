//! Where the database is: `postgres://user@host:port/database`, and how its server proves who it is.
//!
//! A server on another machine has to show a certificate that leads to a root of this system, or to `sslrootcert=FILE`.
//! On this machine, and through a socket, nothing can be in between, so there TLS is on request (`sslmode=require`).

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::net::IpAddr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;
use zeroize::Zeroizing;

/// How long a server may take to answer at all.
pub const CONNECT_MAX: Duration = Duration::from_secs(5);

/// A connection over which nothing moves is asked whether it is there, and one whose bytes nobody takes is given up: a
/// server that lost its power says nothing.
const KEEPALIVE: Duration = Duration::from_secs(30);
const UNANSWERED_MAX: Duration = Duration::from_secs(20);

/// Why text is no address of a database. None of these shows the text, which may hold a password.
#[derive(Debug, thiserror::Error)]
pub enum UrlError {
    /// Another scheme.
    #[error("the database's URL does not start with postgres://; give postgres://USER@HOST/DATABASE")]
    Scheme,
    /// What the driver says.
    #[error("the database's URL: {0}; give postgres://USER@HOST/DATABASE")]
    Malformed(String),
    /// A part that has no default.
    #[error("the database's URL has no {0}; give postgres://USER@HOST/DATABASE")]
    Lacks(&'static str),
    /// Anybody in between could read and change what is kept.
    #[error(
        "the database's URL says sslmode={0} for another machine, where TLS is never left out; leave sslmode out, and name \
         the server's root with sslrootcert=FILE if this system does not know it"
    )]
    NoTls(String),
}

/// Why there can be no TLS: what is wrong with the roots, by the file that they are in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TlsError(pub String);

/// The address of a PostgreSQL database. Shown without its password.
#[derive(Clone)]
pub struct DatabaseUrl {
    /// As it was given, a password with it.
    text: Zeroizing<String>,
    config: Box<Config>,
    root: Option<PathBuf>,
}

impl FromStr for DatabaseUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let text = text.trim();
        let Some((scheme, _)) = text.split_once("://") else { return Err(UrlError::Scheme) };
        if !matches!(scheme, "postgres" | "postgresql") {
            return Err(UrlError::Scheme);
        }
        let (address, query) = text.split_once('?').unwrap_or((text, ""));
        let (mut kept, mut root, mut mode) = (Vec::new(), None, None);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslrootcert", path)) => {
                    root = Some(PathBuf::from(&*percent_decode_str(path).decode_utf8_lossy()))
                }
                Some(("sslmode", word)) => mode = Some(word.to_owned()),
                Some(_) | None => kept.push(pair),
            }
        }
        // The driver's own words name the option that it does not know, and no value.
        let parsed = format!("{address}?{}", kept.join("&")).parse::<Config>();
        let mut config = parsed.map_err(|e| UrlError::Malformed(words(&e)))?;
        if config.get_dbname().is_none_or(str::is_empty) {
            return Err(UrlError::Lacks("database"));
        }
        // In front of an @, where a password can be put beside it.
        if config.get_user().is_none_or(str::is_empty) || !address.contains('@') {
            return Err(UrlError::Lacks("user"));
        }
        if config.get_hosts().is_empty() {
            return Err(UrlError::Lacks("host"));
        }
        let is_near = config.get_hosts().iter().all(is_near);
        config.ssl_mode(ssl_mode(
            mode.as_deref(),
            is_near || root.is_some() && mode.is_none(),
            root.is_some(),
        )?);
        config.connect_timeout(CONNECT_MAX).keepalives_idle(KEEPALIVE).tcp_user_timeout(UNANSWERED_MAX);
        Ok(Self { text: Zeroizing::new(text.to_owned()), config: Box::new(config), root })
    }
}

/// The driver's error and what is behind it, which says where.
fn words(error: &tokio_postgres::Error) -> String {
    use std::error::Error as _;
    error.source().map_or_else(|| error.to_string(), ToString::to_string)
}

/// The words of libpq; whatever they ask for, a certificate that is shown is verified with its name.
fn ssl_mode(mode: Option<&str>, is_near: bool, has_root: bool) -> Result<SslMode, UrlError> {
    match mode {
        None if is_near && !has_root => Ok(SslMode::Disable),
        None | Some("require" | "verify-ca" | "verify-full") => Ok(SslMode::Require),
        Some("disable" | "allow" | "prefer") if is_near => Ok(SslMode::Disable),
        Some(mode @ ("disable" | "allow" | "prefer")) => Err(UrlError::NoTls(mode.to_owned())),
        Some(_) => Err(UrlError::Malformed("sslmode is none of disable, require and verify-full".to_owned())),
    }
}

fn is_near(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        }
    }
}

impl DatabaseUrl {
    /// The same with a password from elsewhere.
    #[must_use]
    pub fn with_password(mut self, password: &str) -> Self {
        self.config.password(password);
        if let Some((before, behind)) = self.text.split_once('@') {
            let password = utf8_percent_encode(password, NON_ALPHANUMERIC);
            self.text = Zeroizing::new(format!("{before}:{password}@{behind}"));
        }
        self
    }

    /// Whether it has a password.
    #[must_use]
    pub fn has_password(&self) -> bool {
        self.config.get_password().is_some()
    }

    /// All of it, for the file that keeps it.
    #[must_use]
    pub fn with_secrets(&self) -> &str {
        &self.text
    }

    /// The database's name on its server.
    #[must_use]
    pub fn database(&self) -> &str {
        self.config.get_dbname().unwrap_or_default()
    }

    /// Whom the server knows us as.
    #[must_use]
    pub fn user(&self) -> &str {
        self.config.get_user().unwrap_or_default()
    }

    /// The servers, by name or by the folder of their socket.
    #[must_use]
    pub fn hosts(&self) -> Vec<String> {
        let name = |host: &Host| match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(path) => path.display().to_string(),
        };
        self.config.get_hosts().iter().map(name).collect()
    }

    /// One for each server, or one for all, or none where it is the usual one.
    #[must_use]
    pub fn ports(&self) -> &[u16] {
        self.config.get_ports()
    }

    /// The same address for a program that uses libpq, as its environment has it: a password is in no argument.
    #[must_use]
    pub fn for_libpq(&self, application: &str) -> Vec<(&'static str, OsString)> {
        let list = |words: Vec<String>| OsString::from(words.join(","));
        let ports = self.ports().iter().map(ToString::to_string);
        let mut said = vec![
            ("PGHOST", list(self.hosts())),
            ("PGPORT", list(ports.collect())),
            ("PGUSER", OsString::from(self.user())),
            ("PGDATABASE", OsString::from(self.database())),
            ("PGAPPNAME", OsString::from(application)),
            ("PGCONNECT_TIMEOUT", OsString::from(CONNECT_MAX.as_secs().to_string())),
        ];
        if self.config.get_ssl_mode() == SslMode::Disable {
            said.push(("PGSSLMODE", OsString::from("disable")));
        } else {
            said.push(("PGSSLMODE", OsString::from("verify-full")));
            // From version 16 on libpq takes the roots of the system by this word.
            let root = self.root.as_ref().map_or_else(|| OsString::from("system"), |path| path.into());
            said.push(("PGSSLROOTCERT", root));
        }
        if let Some(password) = self.config.get_password() {
            said.push(("PGPASSWORD", OsStr::from_bytes(password).to_owned()));
        }
        said
    }

    /// For the driver.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// For the driver: the roots that a server has to lead to, none where TLS is not asked for.
    pub fn tls(&self) -> Result<MakeRustlsConnect, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| TlsError(e.to_string()))?;
        Ok(MakeRustlsConnect::new(builder.with_root_certificates(self.roots()?).with_no_client_auth()))
    }

    fn roots(&self) -> Result<RootCertStore, TlsError> {
        let mut roots = RootCertStore::empty();
        if self.config.get_ssl_mode() == SslMode::Disable {
            return Ok(roots);
        }
        let Some(path) = &self.root else {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            return Ok(roots);
        };
        let unusable = |problem: String| TlsError(format!("sslrootcert={}: {problem}", path.display()));
        for certificate in CertificateDer::pem_file_iter(path).map_err(|e| unusable(e.to_string()))? {
            let certificate = certificate.map_err(|e| unusable(e.to_string()))?;
            roots.add(certificate).map_err(|e| unusable(e.to_string()))?;
        }
        if roots.is_empty() {
            return Err(unusable("holds no certificate in PEM".to_owned()));
        }
        Ok(roots)
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts = self.hosts().into_iter().enumerate().map(|(at, name)| {
            let ports = self.ports();
            match ports.get(at).or_else(|| ports.first()) {
                Some(port) => format!("{name}:{port}"),
                None => name,
            }
        });
        let hosts = hosts.collect::<Vec<_>>().join(",");
        write!(f, "postgres://{}@{hosts}/{}", self.user(), self.database())
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(text: &str) -> SslMode {
        text.parse::<DatabaseUrl>().unwrap().config.get_ssl_mode()
    }

    #[test]
    fn what_is_no_address_is_refused_in_words_that_show_no_password() {
        for (text, word) in [
            ("", "postgres://"),
            ("mysql://brink:hunter2@db/issuer", "postgres://"),
            ("postgres://brink:hunter2@db", "database"),
            ("postgres://brink:hunter2@db/", "database"),
            ("postgres:///issuer", "user"),
            ("postgres://db/issuer?password=hunter2", "user"),
            ("postgres://brink:hunter2@db:hunter2/issuer", "URL"),
            ("postgres://brink:hunter2@db/issuer?sslmode=hunter2", "sslmode"),
            ("postgres://brink:hunter2@db/issuer?hunter=hunter2", "hunter"),
            ("postgres://brink:hunter2@db/issuer?sslmode=disable", "TLS"),
            ("postgres://brink:hunter2@db/issuer?sslmode=prefer", "sslmode=prefer"),
        ] {
            let error = text.parse::<DatabaseUrl>().unwrap_err();
            assert!(error.to_string().contains(word), "{text}: {error}");
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
    }

    #[test]
    fn tls_is_asked_of_every_server_on_another_machine() {
        let near = ["localhost", "127.0.0.1", "127.8.8.8", "%2Frun%2Fpostgresql"];
        for host in near {
            assert_eq!(mode(&format!("postgres://brink@{host}/issuer")), SslMode::Disable, "{host}");
            assert_eq!(
                mode(&format!("postgres://brink@{host}/issuer?sslmode=require")),
                SslMode::Require,
                "{host}"
            );
        }
        for host in ["db.example", "10.0.0.1", "localhost.example", "localhost,db.example"] {
            assert_eq!(mode(&format!("postgres://brink@{host}/issuer")), SslMode::Require, "{host}");
        }
        for words in ["sslmode=verify-full", "sslrootcert=/ca.pem", "sslmode=require&sslrootcert=/ca.pem"] {
            assert_eq!(
                mode(&format!("postgres://brink@localhost/issuer?{words}")),
                SslMode::Require,
                "{words}"
            );
        }
    }

    #[test]
    fn a_root_that_cannot_be_read_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("no certificate.pem");
        std::fs::write(&file, "nothing").unwrap();
        for path in [file, folder.path().join("absent.pem")] {
            let escaped = utf8_percent_encode(path.to_str().unwrap(), NON_ALPHANUMERIC);
            let url: DatabaseUrl = format!("postgres://a@b/c?sslrootcert={escaped}").parse().unwrap();
            let error = url.tls().map(drop).unwrap_err().to_string();
            assert!(error.contains(path.to_str().unwrap()), "{error}");
        }
    }
}

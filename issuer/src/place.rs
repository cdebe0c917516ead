//! Which database an issuer directory stands on: the file in it, or one on a PostgreSQL server that it names.

use crate::config::DataDir;
use crate::storage::postgres::{DatabaseUrl, PostgresStorage, UrlError};
use crate::storage::sqlite::SqliteStorage;
use crate::storage::{Storage, StorageError};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zeroize::Zeroizing;

/// A URL or a password is a line; what is longer is another file.
const SECRET_BYTES_MAX: u64 = 4096;

/// Where a database is.
#[derive(Clone, Debug)]
pub enum DatabasePlace {
    /// SQLite, in this file.
    File(PathBuf),
    /// PostgreSQL, at this address.
    Server(DatabaseUrl),
}

/// Why nobody can say where the database is. None of these shows a password.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// Not the address of a database.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The same, in the file that keeps it.
    #[error("{}: {error}", path.display())]
    UrlFile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: UrlError,
    },
    /// Whoever lists the processes of this machine would read it.
    #[error(
        "--database-url holds a password, which the list of processes shows to everybody; leave it out and give \
             --database-password-file F"
    )]
    PasswordShown,
    /// A password and no server.
    #[error(
        "--database-password-file is for a PostgreSQL server, and this issuer's database is a file; leave it out"
    )]
    NoServer,
    /// It could not be read.
    #[error("{}: {error}; check the path and its permissions", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's words.
        error: io::Error,
    },
    /// Others may read it.
    #[error("{} may be read by others (mode {mode:o}); chmod 600 it", path.display())]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Not one line.
    #[error("{} is not one line of text; write the one line into it", path.display())]
    NotALine {
        /// The file.
        path: PathBuf,
    },
}

impl PlaceError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Url(_) | Self::UrlFile { .. } => "DATABASE_URL",
            Self::PasswordShown => "PASSWORD_SHOWN",
            Self::NoServer => "USAGE",
            Self::Io { .. } | Self::NotALine { .. } => "FILE",
            Self::Mode { .. } => "FILE_MODE",
        }
    }

    /// Whether the command line itself was wrong.
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        matches!(self, Self::Url(_) | Self::PasswordShown | Self::NoServer)
    }
}

impl DatabasePlace {
    /// The server that the directory names, or else the file in it.
    pub fn of(data: &DataDir) -> Result<Self, PlaceError> {
        let path = data.database_url();
        if !path.exists() {
            return Ok(Self::File(data.database()));
        }
        match read_secret(&path)?.parse() {
            Ok(url) => Ok(Self::Server(url)),
            Err(error) => Err(PlaceError::UrlFile { path, error }),
        }
    }

    /// What the command line says, over what the directory says.
    pub fn chosen(
        data: &DataDir,
        url: Option<&str>,
        password_file: Option<&Path>,
    ) -> Result<Self, PlaceError> {
        let place = match url.map(str::parse::<DatabaseUrl>).transpose()? {
            Some(url) if url.has_password() => return Err(PlaceError::PasswordShown),
            Some(url) => Self::Server(url),
            None => Self::of(data)?,
        };
        match (place, password_file) {
            (place, None) => Ok(place),
            (Self::Server(url), Some(path)) => Ok(Self::Server(url.with_password(&read_secret(path)?))),
            (Self::File(_), Some(_)) => Err(PlaceError::NoServer),
        }
    }

    /// Opens an issuer's database.
    pub fn open(&self) -> Result<Arc<dyn Storage>, StorageError> {
        Ok(match self {
            Self::File(path) => Arc::new(SqliteStorage::open(path)?),
            Self::Server(url) => Arc::new(PostgresStorage::connect(url)?),
        })
    }

    /// Makes an empty one, for an issuer that is being founded.
    pub fn create(&self) -> Result<Arc<dyn Storage>, StorageError> {
        Ok(match self {
            Self::File(path) => Arc::new(SqliteStorage::create(path)?),
            Self::Server(url) => Arc::new(PostgresStorage::create(url)?),
        })
    }

    /// Brings its schema up to date. Answers the version before and after.
    pub fn migrate(&self) -> Result<(i64, i64), StorageError> {
        match self {
            Self::File(path) => SqliteStorage::migrate(path),
            Self::Server(url) => PostgresStorage::migrate(url),
        }
    }
}

/// The one line of a file that nobody else may read.
pub(crate) fn read_secret(path: &Path) -> Result<Zeroizing<String>, PlaceError> {
    let fail = |error| PlaceError::Io { path: path.to_owned(), error };
    let file = File::open(path).map_err(fail)?;
    let mode = file.metadata().map_err(fail)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(PlaceError::Mode { path: path.to_owned(), mode });
    }
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(SECRET_BYTES_MAX).read_to_end(&mut bytes).map_err(fail)?;
    let line = std::str::from_utf8(&bytes).ok().map(|text| text.strip_suffix('\n').unwrap_or(text));
    let line = line.filter(|line| !line.is_empty() && !line.contains(char::is_control));
    line.map(|line| Zeroizing::new(line.to_owned()))
        .ok_or_else(|| PlaceError::NotALine { path: path.to_owned() })
}

/// Writes a file that nobody else may read and that did not exist.
pub(crate) fn create_secret(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests;

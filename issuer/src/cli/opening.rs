//! Options that several verbs share, and what they open.

use super::error::CliError;
use super::input::read_bounded;
use crate::admin::Admin;
use crate::catalog::{Catalog, TEXT_BYTES_MAX, Versions};
use crate::clock::{Clock, SystemClock};
use crate::config::DataDir;
use crate::invoicing::Invoicing;
use crate::keyring::Keyring;
use crate::keys::load_keyset;
use crate::place::{DatabasePlace, PlaceError};
use crate::storage::{Actor, Storage};
use crate::{Issuer, OpenError};
use brink_signing::Passphrase;
use clap::Args;
use std::path::PathBuf;
use std::sync::Arc;

/// The issuer directory.
#[derive(Debug, Args)]
pub(super) struct Directory {
    /// The issuer directory, made by `init`
    #[arg(long, value_name = "D")]
    data: PathBuf,
    /// The database, postgres://USER@HOST/DATABASE, in place of the one that D/database.url names, or else D/issuer.db
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// A file of mode 0600 whose only line is the password of the database
    #[arg(long, value_name = "F")]
    database_password_file: Option<PathBuf>,
}

/// The issuer directory, and whether a program reads the result.
#[derive(Debug, Args)]
pub(super) struct Target {
    #[command(flatten)]
    pub(super) data: Directory,
    /// Print one JSON document
    #[arg(long)]
    pub(super) json: bool,
}

/// Where the passphrase comes from: never from an argument or the environment, which others can read.
#[derive(Debug, Args)]
pub(super) struct PassphraseSource {
    /// A file of mode 0600 whose only line is the passphrase of the keys
    #[arg(long, value_name = "F", conflicts_with = "passphrase_fd")]
    passphrase_file: Option<PathBuf>,
    /// An open descriptor to read the passphrase from, for example 3 with 3<F
    #[arg(long, value_name = "N")]
    passphrase_fd: Option<u32>,
}

/// Catalogues in place of the program's own.
#[derive(Debug, Default, Args)]
pub(super) struct Catalogs {
    /// A catalogue in place of the program's own; several are versions, and the one that was sold counts
    #[arg(long = "catalog", value_name = "C")]
    catalogs: Vec<PathBuf>,
}

impl Catalogs {
    pub(super) fn read(&self) -> Result<Versions, CliError> {
        if self.catalogs.is_empty() {
            return Ok(Versions::new(vec![Catalog::embedded()?])?);
        }
        let read = |path: &PathBuf| {
            let bytes = read_bounded(path, TEXT_BYTES_MAX)?;
            Catalog::read_bytes(&bytes).map_err(|error| CliError::CatalogFile { path: path.clone(), error })
        };
        Ok(Versions::new(self.catalogs.iter().map(read).collect::<Result<_, _>>()?)?)
    }
}

impl PassphraseSource {
    pub(super) fn read(&self) -> Result<Option<Passphrase>, CliError> {
        Ok(match (&self.passphrase_file, self.passphrase_fd) {
            (Some(path), _) => Some(Passphrase::from_file(path)?),
            (None, Some(number)) => Some(Passphrase::from_fd(number)?),
            (None, None) => None,
        })
    }
}

impl Directory {
    pub(super) fn directory(&self) -> DataDir {
        DataDir::new(&self.data)
    }

    pub(super) fn place(&self) -> Result<DatabasePlace, PlaceError> {
        let (url, password) = (self.database_url.as_deref(), self.database_password_file.as_deref());
        DatabasePlace::chosen(&self.directory(), url, password)
    }

    /// The database of this directory's issuer, and of no other.
    pub(super) fn storage(&self) -> Result<Arc<dyn Storage>, CliError> {
        let storage = self.place()?.open()?;
        let (issuer, manifests) = (storage.issuer()?, storage.manifests()?);
        load_keyset(&self.directory(), &issuer, &manifests).map_err(OpenError::Keys)?;
        Ok(storage)
    }

    pub(super) fn admin(&self) -> Result<Admin, CliError> {
        Ok(Admin {
            storage: self.storage()?,
            catalog: Catalog::embedded()?,
            clock: Arc::new(SystemClock),
            actor: actor(),
        })
    }

    pub(super) fn invoicing(&self, catalogs: &Catalogs) -> Result<Invoicing, CliError> {
        Ok(Invoicing {
            storage: self.storage()?,
            catalogs: catalogs.read()?,
            accepts_catalogs: false,
            meters: Catalog::embedded()?.meters,
            clock: Arc::new(SystemClock),
            actor: actor(),
        })
    }

    pub(super) fn keyring(&self) -> Result<Keyring, CliError> {
        Ok(Keyring::open(&self.directory(), self.storage()?, &SystemClock, Actor("cli".into()))?)
    }

    pub(super) fn issuer(&self, passphrase: &PassphraseSource) -> Result<Issuer, CliError> {
        let passphrase = passphrase.read()?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let parts = (self.storage()?, clock);
        let opened: Result<Issuer, OpenError> =
            Issuer::open(&self.directory(), parts, Catalog::embedded()?, passphrase);
        Ok(opened?)
    }
}

/// Who answers for a verb, as the system names them.
pub(super) fn actor() -> Actor {
    Actor(format!("cli:uid-{}", rustix::process::getuid().as_raw()))
}

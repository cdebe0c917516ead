//! Where a verb finds the device's PostgreSQL.

use crate::database::{Database, DatabaseError, Sizes};
use crate::error::EdgeError;
use crate::secret;
use brink_postgres::DatabaseUrl;
use clap::Args;
use std::future::Future;
use std::path::PathBuf;

#[derive(Clone, Debug, Args)]
pub(super) struct DatabaseArguments {
    /// The PostgreSQL: postgres://USER@HOST/DATABASE, without a password, which the list of processes would show
    #[arg(long, value_name = "URL")]
    to: String,
    /// The file whose only line is its password; readable by its owner alone
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

impl DatabaseArguments {
    /// Of a verb that can do without.
    pub(super) fn of(to: &str, password_file: Option<&PathBuf>) -> Self {
        Self { to: to.to_owned(), password_file: password_file.cloned() }
    }

    /// The address with its password.
    pub(super) fn url(&self) -> Result<DatabaseUrl, EdgeError> {
        // Not by clap, which would show what is wrong with a password in it.
        let to: DatabaseUrl = self.to.parse().map_err(DatabaseError::from)?;
        if to.has_password() {
            let said = "--to holds a password, which the list of processes shows to everybody: leave it out and give --password-file";
            return Err(EdgeError::Usage(said.to_owned()));
        }
        let Some(file) = &self.password_file else { return Ok(to) };
        let password = secret::read_password(file)?;
        Ok(to.with_password(password.reveal()))
    }

    /// For work that may take long.
    pub(super) fn patient(&self) -> Result<Database, EdgeError> {
        let sizes = Sizes { statement: None, ..Sizes::default() };
        Ok(Database::at(&self.url()?, "brink-edge", sizes)?)
    }
}

/// Runs what waits for servers, on this thread.
pub(super) fn wait_for<T, E>(work: impl Future<Output = Result<T, E>>) -> Result<T, EdgeError>
where
    E: Into<EdgeError>,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|reason| EdgeError::System { doing: "start a runtime", reason })?;
    runtime.block_on(work).map_err(Into::into)
}

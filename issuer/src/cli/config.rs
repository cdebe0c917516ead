//! `brink-issuer config`, and the one look at the process's environment.

use super::EXIT_CODES;
use super::error::CliError;
use super::input::read_bounded;
use super::output::Output;
use crate::config::DataDir;
use crate::environment::{Environment, TABLE};
use crate::place::DatabasePlace;
use brink_environment::EnvFile;
use brink_license::keyset::TrustAnchor;
use clap::{Args, Subcommand};
use serde_json::json;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// A file of variables beside the process's environment.
#[derive(Debug, Args)]
pub(super) struct EnvironmentFile {
    /// Read variables from this .env file too; the process's environment goes before it, and flags before both
    #[arg(long, value_name = "F")]
    env_file: Option<PathBuf>,
}

impl EnvironmentFile {
    /// Reads and judges all variables. Without a directory it is no development.
    fn read(&self, data: Option<&DataDir>, place: Option<&DatabasePlace>) -> Result<Environment, CliError> {
        let development = data.is_some_and(is_development);
        let Some(path) = &self.env_file else {
            return Ok(Environment::read(std::env::vars_os(), None, development, place));
        };
        let bytes = read_bounded(path, EnvFile::BYTES_MAX)?;
        if bytes.len() > EnvFile::BYTES_MAX {
            let error = io::Error::other(format!("it has more than {} bytes", EnvFile::BYTES_MAX));
            return Err(CliError::File { path: path.clone(), error });
        }
        let mode = path.metadata().map_or(0, |metadata| metadata.permissions().mode());
        let name = path.display().to_string();
        let file = EnvFile { name: &name, bytes: &bytes, is_open: EnvFile::is_open_by(mode) };
        Ok(Environment::read(std::env::vars_os(), Some(&file), development, place))
    }

    /// The same for a program that starts: refused with every error at once, and with warnings in the log.
    pub(super) fn at_start(&self, data: &DataDir, place: &DatabasePlace) -> Result<Environment, CliError> {
        let environment = self.read(Some(data), Some(place))?;
        let settings = &environment.settings;
        if let Some(refusal) = settings.refusal() {
            return Err(CliError::Environment(refusal));
        }
        for warning in settings.warnings() {
            tracing::warn!(code = warning.code.as_str(), "{warning}");
        }
        let idle = settings.idle();
        if !idle.is_empty() {
            tracing::info!(
                variables = idle.join(" "),
                "set, and without effect: see brink-issuer config show"
            );
        }
        Ok(environment)
    }

    /// What LOG_LEVEL says, before there is a log; what is wrong is said once there is one.
    pub(super) fn filter(&self) -> Option<String> {
        self.read(None, None).ok()?.filter()
    }
}

/// Whether the directory was made by `init --dev`, as its trust file says: one root key signs alone, which no other may do.
fn is_development(data: &DataDir) -> bool {
    let anchor = std::fs::read(data.trust()).ok().and_then(|bytes| TrustAnchor::from_json(&bytes).ok());
    anchor.is_some_and(|anchor| anchor.issuer().is_development() && anchor.threshold() == 1)
}

#[derive(Debug, Subcommand)]
pub(super) enum Config {
    /// Show every environment variable with what counts, where it comes from, and what is wrong; no secret is shown
    #[command(after_help = EXIT_CODES)]
    Show(Show),
    /// Print a .env file with every variable and its default
    #[command(after_help = EXIT_CODES)]
    Template(Template),
}

#[derive(Debug, Args)]
pub(super) struct Show {
    /// The issuer directory, which says whether this is development, and where the database is; without one it is not
    #[arg(long, value_name = "D")]
    data: Option<PathBuf>,
    #[command(flatten)]
    file: EnvironmentFile,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Template {
    /// Print what each variable does instead, as a table in Markdown
    #[arg(long)]
    markdown: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

impl Config {
    pub(super) const fn wants_json(&self) -> bool {
        match self {
            Config::Show(show) => show.json,
            Config::Template(template) => template.json,
        }
    }

    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        match self {
            Config::Show(show) => show.run(output),
            Config::Template(Template { markdown, json }) => {
                let text = if markdown { TABLE.page() } else { TABLE.template() };
                Ok(output.result(json, &json!({ "text": text }), text.trim_end())?)
            }
        }
    }
}

impl Show {
    /// With errors it is what no server starts with, and ends as wrong usage does.
    fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let data = self.data.map(DataDir::new);
        if let Some(data) = &data {
            // A directory that is named has to be one.
            let trust = data.trust();
            trust.metadata().map_err(|error| CliError::File { path: trust, error })?;
        }
        let place = data.as_ref().map(DatabasePlace::of).transpose()?;
        let settings = self.file.read(data.as_ref(), place.as_ref())?.settings;
        output.result(self.json, &settings.document(), &settings.lines())?;
        settings.refusal().map_or(Ok(()), |refusal| Err(CliError::EnvironmentShown(refusal.brief())))
    }
}

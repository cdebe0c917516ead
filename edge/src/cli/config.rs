//! `brink-edge config`, and the one look at the process's environment.

use super::EXIT_CODES;
use crate::command::{EXIT_USAGE, Reply, Report};
use crate::environment::{Environment, TABLE};
use crate::error::EdgeError;
use crate::uplink::read_bounded;
use brink_environment::{EnvFile, Settings};
use brink_store::Layout;
use clap::{Args, Subcommand};
use serde_json::json;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// A file of variables beside the process's environment.
#[derive(Clone, Debug, Args)]
pub(super) struct EnvironmentFile {
    /// Read variables from this .env file too; the process's environment goes before it, and flags before both
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,
}

impl EnvironmentFile {
    /// Reads and judges all variables. A device that trusts a development issuer is in development, and none is not.
    fn read(&self, layout: Option<&Layout>) -> Result<Environment, EdgeError> {
        let anchor = layout.and_then(|layout| layout.trust_anchor().ok());
        let development = anchor.is_some_and(|anchor| anchor.issuer().is_development());
        let Some(path) = &self.env_file else {
            return Ok(Environment::read(std::env::vars_os(), None, development));
        };
        let bytes = read_bounded(path, EnvFile::BYTES_MAX)?;
        let mode = path.metadata().map_or(0, |metadata| metadata.permissions().mode());
        let name = path.display().to_string();
        let file = EnvFile { name: &name, bytes: &bytes, is_open: EnvFile::is_open_by(mode) };
        Ok(Environment::read(std::env::vars_os(), Some(&file), development))
    }

    /// The same for a program that starts: refused with every error at once, and with warnings in the log.
    pub(super) fn at_start(&self, layout: &Layout) -> Result<Environment, EdgeError> {
        let environment = self.read(Some(layout))?;
        let settings = &environment.settings;
        if let Some(refusal) = settings.refusal() {
            return Err(EdgeError::Environment(refusal));
        }
        for warning in settings.warnings() {
            tracing::warn!(code = warning.code.as_str(), "{warning}");
        }
        let idle = settings.idle();
        if !idle.is_empty() {
            tracing::info!(variables = idle.join(" "), "set, and without effect: see brink-edge config show");
        }
        Ok(environment)
    }

    /// What counts before anything is judged; what is wrong is said by whoever starts.
    pub(super) fn glance(&self) -> Option<Environment> {
        self.read(None).ok()
    }

    /// What LOG_LEVEL says, before there is a log; what is wrong is said once there is one.
    pub(super) fn log_level(&self) -> Option<&'static str> {
        self.glance()?.log_level.set().copied()
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Show every environment variable with what counts, where it comes from, and what is wrong; no secret is shown
    #[command(after_help = EXIT_CODES)]
    Show(Show),
    /// Print a .env file with every variable and its default
    #[command(after_help = EXIT_CODES)]
    Template(Template),
}

#[derive(Debug, Args)]
pub(super) struct Show {
    /// The device directory, whose issuer says whether this is development; without one it is not
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(flatten)]
    file: EnvironmentFile,
}

#[derive(Debug, Args)]
pub(super) struct Template {
    /// Print what each variable does instead, as a table in Markdown
    #[arg(long)]
    markdown: bool,
}

pub(super) fn carry_out(verb: &Verb) -> Result<Reply, EdgeError> {
    match verb {
        Verb::Show(Show { data, file }) => {
            let layout = data.as_ref().map(Layout::new);
            if let Some(layout) = &layout {
                // A directory that is named has to be one.
                layout.trust_anchor()?;
            }
            Ok(shown(&file.read(layout.as_ref())?.settings))
        }
        Verb::Template(Template { markdown }) => {
            let text = if *markdown { TABLE.page() } else { TABLE.template() };
            Ok(Reply::done(json!({ "text": text }), text.trim_end()))
        }
    }
}

/// With errors it is what no agent starts with, and ends as wrong usage does.
fn shown(settings: &Settings) -> Reply {
    let reply = Reply::done(settings.document(), settings.lines());
    let Some(refusal) = settings.refusal() else { return reply };
    let error = EdgeError::Environment(refusal.clone());
    let report = Report { code: error.code().into_owned(), message: refusal.brief(), mend: error.mend() };
    Reply { exit_code: EXIT_USAGE, error: Some(report), ..reply }
}

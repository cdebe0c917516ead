//! The command line: one file per verb. Arguments in, one answer out; what is printed is [`crate::Output`]'s business.

mod accept;
mod activate;
mod agent_first;
mod api;
mod check;
mod clock;
mod config;
mod database;
mod doctor;
mod exchange;
mod init;
mod migrate;
mod mirror;
mod run;
mod seat;
mod status;
mod token;
mod transfer;
mod trust;
mod usage;

use crate::Output;
use crate::command::Reply;
use crate::environment::Environment;
use crate::error::EdgeError;
use clap::{Args, Parser, Subcommand};
use std::io;
use std::path::{Path, PathBuf};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

/// Ends every `--help`.
const EXIT_CODES: &str =
    "Exit codes: 0 allowed or done, 3 not allowed or not verified, 2 wrong usage, 1 failed.";

/// Licences at the edge: activates a device, exchanges with its issuer, and says what its cameras may do.
#[derive(Debug, Parser)]
#[command(name = "brink-edge", version, after_help = EXIT_CODES, arg_required_else_help = true)]
pub struct Cli {
    /// Print one JSON document on standard output
    #[arg(long, global = true)]
    json: bool,
    /// What to log on standard error: error, warn, info, debug, or a filter such as brink_edge=debug [default: info for
    /// run, where LOG_LEVEL says nothing else, and warn otherwise]
    #[arg(long, global = true, value_name = "LEVEL", value_parser = parse_filter)]
    log: Option<String>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Pin an issuer's trust.json in a new device directory
    #[command(after_help = EXIT_CODES)]
    Init(init::Arguments),
    /// Become a device, over the network or by files
    #[command(after_help = EXIT_CODES)]
    Activate(activate::Arguments),
    /// Report to the issuer and take up its answer, over the network or by files
    #[command(after_help = EXIT_CODES)]
    Exchange(exchange::Arguments),
    /// Take up what the issuer signed by itself: a list of revoked licences, an extension, a clock reset
    #[command(after_help = EXIT_CODES)]
    Accept(accept::Arguments),
    /// Put cameras on the licence's unnamed seats
    #[command(subcommand, after_help = EXIT_CODES)]
    Seat(seat::Verb),
    /// Run the agent: exchanges by itself, keeps the bundle fresh, answers the other verbs
    #[command(after_help = EXIT_CODES)]
    Run(Box<run::Arguments>),
    /// Record what is used, and look at what was
    #[command(subcommand, after_help = EXIT_CODES)]
    Usage(usage::Verb),
    /// Ask whether a camera may use a feature
    #[command(after_help = EXIT_CODES)]
    Check(check::Arguments),
    /// Show licence, deadlines, keyset and the store's health
    #[command(after_help = EXIT_CODES)]
    Status(status::Arguments),
    /// Set the device's mark of time back, by a file to the issuer's admin and one back
    #[command(subcommand, after_help = EXIT_CODES)]
    Clock(clock::Verb),
    /// Examine files, disk, clock, keys, licence, store, agent and issuer; changes nothing, and ends with 1 if something
    /// fails, with 0 if there are only warnings
    #[command(after_help = EXIT_CODES)]
    Doctor(doctor::Arguments),
    /// Make the tables of this device's PostgreSQL, or bring them up to date; run again it changes nothing
    #[command(after_help = EXIT_CODES)]
    Migrate(migrate::Arguments),
    /// Move tAPI's old SQLite files to this device's PostgreSQL, without losing a row
    #[command(subcommand, after_help = EXIT_CODES)]
    Transfer(transfer::Verb),
    /// Look at the environment variables that `run` understands
    #[command(subcommand, after_help = EXIT_CODES)]
    Config(config::Verb),
    /// Look into signed documents
    #[command(subcommand, after_help = EXIT_CODES)]
    Token(token::Verb),
    /// Prepare what a host compiles in
    #[command(subcommand, after_help = EXIT_CODES)]
    Trust(trust::Verb),
}

/// Which device.
#[derive(Clone, Debug, Args)]
struct DataDirectory {
    /// The device directory, for example /var/lib/brink
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
}

impl DataDirectory {
    fn layout(&self) -> brink_store::Layout {
        brink_store::Layout::new(&self.data)
    }
}

/// How to reach an issuer whose certificate no public authority signed.
#[derive(Clone, Debug, Args)]
struct CaFile {
    /// Trust the certificates in this PEM file instead of Mozilla's
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

/// Largest file of certificates.
const CA_BYTES_MAX: usize = 1024 * 1024;

impl CaFile {
    fn read(&self) -> Result<Option<String>, EdgeError> {
        let Some(path) = &self.ca_file else { return Ok(None) };
        let bytes = crate::uplink::read_bounded(path, CA_BYTES_MAX)?;
        let text = String::from_utf8(bytes);
        let text = text.map_err(|e| crate::uplink::UplinkError::BadCertificates(e.to_string()))?;
        Ok(Some(text))
    }
}

impl Cli {
    /// Reads the process's arguments; wrong ones end the process with 2, `--help` and `--version` with 0.
    #[must_use]
    pub fn from_arguments() -> Self {
        Self::parse()
    }

    /// Whether `--json` was given.
    #[must_use]
    pub const fn wants_json(&self) -> bool {
        self.json
    }

    /// The device directory of an agent that is to run; `None` for any other verb.
    #[must_use]
    pub fn agents_directory(&self) -> Option<&Path> {
        Some(self.run()?.directory())
    }

    /// What an agent that is to run is told by its environment, file included; what is wrong is said when it starts.
    #[must_use]
    pub fn environment(&self) -> Option<Environment> {
        self.run()?.environment()
    }

    /// Whether an agent is to run with an issuer in the same program, which this one has not.
    #[must_use]
    pub fn wants_mock(&self) -> bool {
        self.run().is_some_and(run::Arguments::is_mocked)
    }

    /// What to log where no flag says it.
    fn default_filter(&self) -> &'static str {
        self.run().map_or("warn", |arguments| arguments.log_level().unwrap_or("info"))
    }

    /// What an agent is to run with; `None` for any other verb.
    const fn run(&self) -> Option<&run::Arguments> {
        match &self.verb {
            Verb::Run(arguments) => Some(arguments),
            Verb::Init(_)
            | Verb::Activate(_)
            | Verb::Exchange(_)
            | Verb::Accept(_)
            | Verb::Seat(_)
            | Verb::Clock(_)
            | Verb::Usage(_)
            | Verb::Check(_)
            | Verb::Status(_)
            | Verb::Doctor(_)
            | Verb::Migrate(_)
            | Verb::Transfer(_)
            | Verb::Config(_)
            | Verb::Token(_)
            | Verb::Trust(_) => None,
        }
    }
}

/// At their finer levels these log what is on the wire: activation codes, tokens and ratchets.
const WIRE_LOGS: [&str; 3] = ["ureq=info", "ureq_proto=info", "rustls=info"];

fn parse_filter(text: &str) -> Result<String, String> {
    EnvFilter::try_new(text).map(|_| text.to_owned()).map_err(|e| e.to_string())
}

/// Logs go to standard error, so that standard output is the answer alone.
pub fn start_logging(cli: &Cli) -> Result<(), TryInitError> {
    let mut filter = EnvFilter::new(cli.log.as_deref().unwrap_or_else(|| cli.default_filter()));
    for directive in WIRE_LOGS.iter().filter_map(|directive| directive.parse().ok()) {
        filter = filter.add_directive(directive);
    }
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(false)
        .finish()
        .try_init()
}

/// Carries out a verb, prints what it came to, and gives the exit code. Fails only when it cannot print.
pub fn carry_out(cli: Cli, output: &mut Output<'_>) -> io::Result<u8> {
    let result = match cli.verb {
        Verb::Init(arguments) => init::carry_out(&arguments),
        Verb::Activate(arguments) => activate::carry_out(&arguments),
        Verb::Exchange(arguments) => exchange::carry_out(&arguments),
        Verb::Accept(arguments) => accept::carry_out(&arguments),
        Verb::Seat(verb) => seat::carry_out(&verb),
        Verb::Clock(verb) => clock::carry_out(&verb),
        Verb::Run(arguments) => run::carry_out(&arguments, output),
        Verb::Usage(verb) => usage::carry_out(&verb),
        Verb::Check(arguments) => check::carry_out(&arguments),
        Verb::Status(arguments) => status::carry_out(&arguments),
        Verb::Doctor(arguments) => doctor::carry_out(&arguments),
        Verb::Migrate(arguments) => migrate::carry_out(&arguments),
        Verb::Transfer(verb) => transfer::carry_out(&verb),
        Verb::Config(verb) => config::carry_out(&verb),
        Verb::Token(verb) => token::carry_out(&verb),
        Verb::Trust(verb) => trust::carry_out(&verb),
    };
    output.reply(&Reply::from(result))
}

#[cfg(test)]
mod tests;

//! The command line: one file per verb. Results go to stdout, logs and refusals to stderr.

mod audit;
mod backup;
mod camera;
mod ceremony;
mod code;
mod config;
mod device;
mod error;
mod exchange;
mod init;
mod input;
mod invoice;
mod key;
mod keys;
mod legacy;
mod license;
mod migrate;
mod opening;
mod output;
mod progress;
mod quote;
mod serve;
mod subscription;
mod table;
mod tenant;
mod upkeep;
mod usage;

use clap::{Parser, Subcommand};
use error::{CliError, Exit};
use output::Output;
use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

/// The last lines of every `--help`.
const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 understood but not allowed.";

/// Mints and renews Brink licences, and answers the devices that carry them.
#[derive(Debug, Parser)]
#[command(name = "brink-issuer", version, after_help = EXIT_CODES, disable_help_subcommand = true)]
struct Cli {
    /// What to log on stderr: error, warn, info, debug, or a filter such as brink_issuer=debug [default:
    /// warn,brink_issuer=info, where LOG_LEVEL says nothing else to serve]
    #[arg(long, global = true, value_name = "FILTER")]
    log: Option<String>,
    /// Write logs as JSON, one object per line
    #[arg(long, global = true)]
    log_json: bool,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make an issuer: keys, database, trust.json; prints the admin key once
    #[command(after_help = EXIT_CODES)]
    Init(init::Init),
    /// Bring the database's schema up to date, before a newer program is started on it
    #[command(after_help = EXIT_CODES)]
    Migrate(migrate::Migrate),
    /// Answer devices over HTTP
    #[command(after_help = EXIT_CODES)]
    Serve(serve::Serve),
    /// Customers
    #[command(subcommand, after_help = EXIT_CODES)]
    Tenant(tenant::Tenant),
    /// What customers have bought
    #[command(subcommand, after_help = EXIT_CODES)]
    Subscription(subscription::Subscription),
    /// Devices
    #[command(subcommand, after_help = EXIT_CODES)]
    Device(device::Device),
    /// Cameras on devices
    #[command(subcommand, after_help = EXIT_CODES)]
    Camera(camera::Camera),
    /// Licences
    #[command(subcommand, after_help = EXIT_CODES)]
    License(license::License),
    /// Keys of the admin API
    #[command(subcommand, after_help = EXIT_CODES)]
    Key(key::Key),
    /// Clients of the billing API of before Brink: what they may do by themselves, and since when they are online
    #[command(subcommand, after_help = EXIT_CODES)]
    Legacy(legacy::Legacy),
    /// Signing keys, root keys, and the manifest that lists them
    #[command(subcommand, after_help = EXIT_CODES)]
    Keys(keys::Keys),
    /// What devices used: reports, corrections, evidence, export, and the check of the books
    #[command(subcommand, after_help = EXIT_CODES)]
    Usage(usage::Usage),
    /// Who did what: list, check, export and seal it; and every document that was ever signed
    #[command(subcommand, after_help = EXIT_CODES)]
    Audit(audit::Audit),
    /// What customers owe: close periods, issue, explain, and what stands beside invoices
    #[command(subcommand, after_help = EXIT_CODES)]
    Invoice(invoice::Invoice),
    /// Look at the environment variables that `serve` understands
    #[command(subcommand, after_help = EXIT_CODES)]
    Config(config::Config),
    /// Rate a file of prices, changes and usage: what-if pricing, without a database
    #[command(after_help = EXIT_CODES)]
    Quote(quote::Quote),
    /// Say whose trials end, and look after the database: partitions of usage ahead of their days, and none kept for ever. `serve`
    /// does it every hour
    #[command(after_help = EXIT_CODES)]
    Upkeep(upkeep::Upkeep),
    /// Write the database as it is now into one file, while others go on with it; keys are not in it
    #[command(after_help = EXIT_CODES)]
    Backup(backup::BackUp),
    /// Put a backup where there is no database
    #[command(after_help = EXIT_CODES)]
    Restore(backup::Restore),
    /// Answer a request that came as a file: an exchange or an activation
    #[command(after_help = EXIT_CODES)]
    Exchange(exchange::Exchange),
}

/// The program: reads the arguments, does what they say, answers the exit code.
#[must_use]
pub fn main() -> ExitCode {
    // Not locked: other threads log to standard error while a server runs.
    let (mut out, mut err) = (io::stdout(), io::stderr());
    run(std::env::args_os(), &mut out, &mut err).into()
}

/// The same with any arguments and any writers, for a program that has an issuer in it. `arguments` start with the program's
/// name; answers the exit code.
#[must_use]
pub fn carry_out_from(
    arguments: impl IntoIterator<Item = OsString>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> u8 {
    run(arguments, out, err) as u8
}

pub(crate) fn run(
    arguments: impl IntoIterator<Item = OsString>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Exit {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return show_usage(&error, out, err),
    };
    let (json, mut output) = (cli.verb.wants_json(), Output::new(out, err));
    match start_logging(&cli).and_then(|()| carry_out(cli.verb, &mut output)) {
        Ok(()) => Exit::Done,
        Err(error) => {
            // Its document was written, and says what is wrong.
            let is_said = matches!(error, CliError::SomeFailed { .. } | CliError::EnvironmentShown(_));
            // A broken pipe leaves nobody to tell.
            let _ = output.refusal(json && !is_said, &error);
            error.exit()
        }
    }
}

impl Verb {
    /// Whether a program reads the result. A server's only result is the line that it listens.
    const fn wants_json(&self) -> bool {
        match self {
            Verb::Init(init) => init.target.json,
            Verb::Migrate(migrate) => migrate.target.json,
            Verb::Serve(_) => false,
            Verb::Tenant(tenant) => tenant.target().json,
            Verb::Subscription(subscription) => subscription.target().json,
            Verb::Device(device) => device.target().json,
            Verb::Camera(camera) => camera.target().json,
            Verb::License(license) => license.target().json,
            Verb::Key(key) => key.target().json,
            Verb::Legacy(legacy) => legacy.target().json,
            Verb::Keys(keys) => keys.wants_json(),
            Verb::Usage(usage) => usage.target().json,
            Verb::Audit(audit) => audit.target().json,
            Verb::Invoice(invoice) => invoice.target().json,
            Verb::Config(config) => config.wants_json(),
            Verb::Quote(quote) => quote.json,
            Verb::Upkeep(upkeep) => upkeep.target.json,
            Verb::Backup(backup) => backup.target.json,
            Verb::Restore(restore) => restore.target.json,
            Verb::Exchange(exchange) => exchange.target.json,
        }
    }
}

fn carry_out(verb: Verb, output: &mut Output<'_>) -> Result<(), CliError> {
    match verb {
        Verb::Init(init) => init.run(output),
        Verb::Migrate(migrate) => migrate.run(output),
        Verb::Serve(serve) => serve.run(output),
        Verb::Tenant(tenant) => tenant.run(output),
        Verb::Subscription(subscription) => subscription.run(output),
        Verb::Device(device) => device.run(output),
        Verb::Camera(camera) => camera.run(output),
        Verb::License(license) => license.run(output),
        Verb::Key(key) => key.run(output),
        Verb::Legacy(legacy) => legacy.run(output),
        Verb::Keys(keys) => keys.run(output),
        Verb::Usage(usage) => usage.run(output),
        Verb::Audit(audit) => audit.run(output),
        Verb::Invoice(invoice) => invoice.run(output),
        Verb::Config(config) => config.run(output),
        Verb::Quote(quote) => quote.run(output),
        Verb::Upkeep(upkeep) => upkeep.run(output),
        Verb::Backup(backup) => backup.run(output),
        Verb::Restore(restore) => restore.run(output),
        Verb::Exchange(exchange) => exchange.run(output),
    }
}

/// Help and version are answers, everything else that clap says is about wrong usage.
fn show_usage<'w>(error: &clap::Error, out: &'w mut dyn Write, err: &'w mut dyn Write) -> Exit {
    let (to, exit) = if error.use_stderr() { (err, Exit::Usage) } else { (out, Exit::Done) };
    let _ = write!(to, "{}", error.render());
    exit
}

/// What is logged where nobody says anything.
const LOG_DEFAULT: &str = "warn,brink_issuer=info";

/// At their finer levels these log what is on the wire: the key of Stripe.
const WIRE_LOGS: [&str; 3] = ["ureq=info", "ureq_proto=info", "rustls=info"];

fn filter(log: &str) -> Result<EnvFilter, CliError> {
    let asked = EnvFilter::try_new(log).map_err(|e| CliError::usage(format!("--log {log:?}: {e}")))?;
    let wires = WIRE_LOGS.iter().filter_map(|directive| directive.parse().ok());
    Ok(wires.fold(asked, EnvFilter::add_directive))
}

fn start_logging(cli: &Cli) -> Result<(), CliError> {
    let said = match (&cli.log, &cli.verb) {
        (Some(log), _) => Some(log.clone()),
        (None, Verb::Serve(serve)) => serve.environment.filter(),
        (None, _) => None,
    };
    let filter = filter(said.as_deref().unwrap_or(LOG_DEFAULT))?;
    let colours = io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(colours);
    // A second start in one process, as tests do, keeps the first.
    let _ = if cli.log_json { lines.json().try_init() } else { lines.try_init() };
    Ok(())
}

#[cfg(test)]
mod tests;

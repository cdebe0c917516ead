//! `brink-issuer audit`.

mod export;
mod issued;
mod list;
mod seal;
mod verify;

use super::EXIT_CODES;
use super::error::CliError;
use super::opening::Target;
use super::output::Output;
use crate::reports::period::Bound;
use crate::storage::Whose;
use brink_license::{TenantId, UnixSeconds};
use chrono::NaiveTime;
use clap::{Args, Subcommand};

/// Lines that are shown when nothing else is asked: what a person reads.
const LIMIT_DEFAULT: u32 = 100;
/// Lines that are held in memory for one answer; `audit export` writes all of them.
const LIMIT_MAX: i64 = 10_000;

#[derive(Debug, Subcommand)]
pub(super) enum Audit {
    /// Show lines, the newest first
    #[command(after_help = EXIT_CODES)]
    List(list::List),
    /// Show every licence, extension, list and clock reset that was ever signed, the newest first
    #[command(after_help = EXIT_CODES)]
    Issued(issued::Issued),
    /// Compute every hash again, look up every signed document in its line, verify every seal; exit 3 if anything differs
    #[command(after_help = EXIT_CODES)]
    Verify(verify::Verify),
    /// Write every line with its hash as JSON, one object a line
    #[command(after_help = EXIT_CODES)]
    Export(export::Export),
    /// Sign where the chains stand, and write the heads to keep elsewhere; `serve` signs them daily
    #[command(after_help = EXIT_CODES)]
    Seal(seal::Seal),
}

impl Audit {
    pub(super) const fn target(&self) -> &Target {
        match self {
            Audit::List(list) => &list.target,
            Audit::Issued(issued) => &issued.target,
            Audit::Verify(verify) => &verify.target,
            Audit::Export(export) => &export.target,
            Audit::Seal(seal) => &seal.target,
        }
    }

    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        match self {
            Audit::List(list) => list.run(output),
            Audit::Issued(issued) => issued.run(output),
            Audit::Verify(verify) => verify.run(output),
            Audit::Export(export) => export.run(output),
            Audit::Seal(seal) => seal.run(output),
        }
    }
}

/// Whose lines.
#[derive(Debug, Args)]
struct Of {
    /// Of this tenant alone
    #[arg(long, value_name = "T", conflicts_with = "issuer")]
    tenant: Option<TenantId>,
    /// Of what concerns the issuer as a whole alone
    #[arg(long)]
    issuer: bool,
}

impl Of {
    fn whose(self) -> Whose {
        match self.tenant {
            Some(tenant) => Whose::Tenant(tenant),
            None if self.issuer => Whose::Issuer,
            None => Whose::All,
        }
    }
}

/// A day begins at midnight UTC here: chains are nobody's alone.
fn moment(bound: Bound) -> UnixSeconds {
    match bound {
        Bound::Instant(at) => at,
        Bound::Day(day) => UnixSeconds::new(day.and_time(NaiveTime::MIN).and_utc().timestamp()),
    }
}

//! `brink-issuer usage`.

mod correct;
mod evidence;
mod export;
mod quarantine;
mod report;
mod verify;

use super::EXIT_CODES;
use super::error::CliError;
use super::opening::Target;
use super::output::Output;
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(super) enum Usage {
    /// Add up what a tenant used in a period, corrections apart, and say what the sums may lack
    #[command(after_help = EXIT_CODES)]
    Report(report::Report),
    /// Records that are in no sum, and why
    #[command(subcommand, after_help = EXIT_CODES)]
    Quarantine(quarantine::Quarantine),
    /// Add to what was used, or take away from it, with a reason. Records are never edited
    #[command(after_help = EXIT_CODES)]
    Correct(correct::Correct),
    /// What was corrected
    #[command(subcommand, after_help = EXIT_CODES)]
    Corrections(correct::Corrections),
    /// Write what device and issuer signed about a device's usage, for anybody with the public keys
    #[command(after_help = EXIT_CODES)]
    Evidence(evidence::Evidence),
    /// Write every record as one row, as CSV or Parquet
    #[command(after_help = EXIT_CODES)]
    Export(export::Export),
    /// Compute every hash, chain and sum again and name the first that differs (exit 3)
    #[command(after_help = EXIT_CODES)]
    Verify(verify::Verify),
}

impl Usage {
    pub(super) const fn target(&self) -> &Target {
        match self {
            Usage::Report(report) => &report.target,
            Usage::Quarantine(quarantine) => quarantine.target(),
            Usage::Correct(correct) => &correct.target,
            Usage::Corrections(corrections) => corrections.target(),
            Usage::Evidence(evidence) => &evidence.target,
            Usage::Export(export) => &export.target,
            Usage::Verify(verify) => &verify.target,
        }
    }

    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        match self {
            Usage::Report(report) => report.run(output),
            Usage::Quarantine(quarantine) => quarantine.run(output),
            Usage::Correct(correct) => correct.run(output),
            Usage::Corrections(corrections) => corrections.run(output),
            Usage::Evidence(evidence) => evidence.run(output),
            Usage::Export(export) => export.run(output),
            Usage::Verify(verify) => verify.run(output),
        }
    }
}

//! `brink-issuer invoice`.

mod account;
mod close;
mod export;
mod show;
mod standing;

use super::EXIT_CODES;
use super::error::CliError;
use super::opening::Target;
use super::output::Output;
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(super) enum Invoice {
    /// Draft what every period that is over and not closed comes to, with what came late of earlier ones and the next in advance
    #[command(after_help = EXIT_CODES)]
    ClosePeriod(close::ClosePeriod),
    /// List invoices and credit notes
    #[command(after_help = EXIT_CODES)]
    List(show::List),
    /// Show one
    #[command(after_help = EXIT_CODES)]
    Show(show::Show),
    /// Say why one is that much, down to days, cameras and devices
    #[command(after_help = EXIT_CODES)]
    Explain(show::Explain),
    /// Give drafts their numbers: what is issued never changes
    #[command(after_help = EXIT_CODES)]
    Issue(standing::Issue),
    /// Record that an invoice was paid
    #[command(after_help = EXIT_CODES)]
    Pay(standing::Pay),
    /// Take back what was issued; its number stays
    #[command(after_help = EXIT_CODES)]
    Void(standing::Void),
    /// Take a draft away
    #[command(after_help = EXIT_CODES)]
    Discard(standing::Discard),
    /// Write documents as JSON, CSV, a journal for hledger or PDF, or bring them to Stripe
    #[command(after_help = EXIT_CODES)]
    Export(export::Export),
    /// Show or set who invoices, or who is invoiced
    #[command(after_help = EXIT_CODES)]
    Profile(account::Profile),
    /// Show a customer's wallet, or put something into it
    #[command(after_help = EXIT_CODES)]
    Wallet(account::Wallet),
    /// Record what was paid to others for what a customer used and is passed through at cost
    #[command(after_help = EXIT_CODES)]
    Cost(account::Cost),
}

impl Invoice {
    pub(super) const fn target(&self) -> &Target {
        match self {
            Self::ClosePeriod(verb) => &verb.target,
            Self::List(verb) => &verb.target,
            Self::Show(verb) => &verb.target,
            Self::Explain(verb) => &verb.target,
            Self::Issue(verb) => &verb.target,
            Self::Pay(verb) => &verb.target,
            Self::Void(verb) => &verb.target,
            Self::Discard(verb) => &verb.target,
            Self::Export(verb) => &verb.target,
            Self::Profile(verb) => &verb.target,
            Self::Wallet(verb) => &verb.target,
            Self::Cost(verb) => &verb.target,
        }
    }

    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        match self {
            Self::ClosePeriod(verb) => verb.run(output),
            Self::List(verb) => verb.run(output),
            Self::Show(verb) => verb.run(output),
            Self::Explain(verb) => verb.run(output),
            Self::Issue(verb) => verb.run(output),
            Self::Pay(verb) => verb.run(output),
            Self::Void(verb) => verb.run(output),
            Self::Discard(verb) => verb.run(output),
            Self::Export(verb) => verb.run(output),
            Self::Profile(verb) => verb.run(output),
            Self::Wallet(verb) => verb.run(output),
            Self::Cost(verb) => verb.run(output),
        }
    }
}

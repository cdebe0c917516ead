//! `brink-edge usage`

use super::{DataDirectory, EXIT_CODES};
use crate::command::Reply;
use crate::error::EdgeError;
use crate::usage::{recorded, summary, verified};
use crate::writer::Writer;
use brink_license::usage::Quantity;
use brink_license::{ResourceId, Slug};
use brink_store::journal::{UsageBook, UsageError};
use brink_store::{Gate, Layout};
use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Record a use, durably and without the network; 3 where a quota of the licence does not allow it
    #[command(after_help = EXIT_CODES)]
    Record(Record),
    /// Show what each meter has come to, and how the quotas stand
    #[command(after_help = EXIT_CODES)]
    Summary(Look),
    /// Walk every record from the activation on, and name the first that was edited, removed or moved
    #[command(after_help = EXIT_CODES)]
    Verify(Look),
}

#[derive(Debug, Args)]
pub(super) struct Record {
    #[command(flatten)]
    data: DataDirectory,
    /// What is counted, for example api_call
    #[arg(long, value_name = "METER")]
    meter: String,
    /// How much: a decimal with at most 12 places
    #[arg(long, value_name = "Q", allow_hyphen_values = true)]
    quantity: String,
    /// Which camera used it, or what else
    #[arg(long, value_name = "R")]
    resource: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Look {
    #[command(flatten)]
    data: DataDirectory,
}

pub(super) fn carry_out(verb: &Verb) -> Result<Reply, EdgeError> {
    match verb {
        Verb::Record(Record { data, meter, quantity, resource }) => {
            let (meter, quantity) = (Slug::parse(meter)?, Quantity::parse(quantity)?);
            let resource = resource.as_deref().map(ResourceId::parse).transpose()?;
            let layout = data.layout();
            let Some(gate) = opened(&layout)? else { return Err(UsageError::NotActivated.into()) };
            let host = gate.meter()?;
            let done = mended(&layout, || host.record(&meter, resource.as_ref(), quantity))?;
            Ok(recorded(&meter, quantity, &done))
        }
        Verb::Summary(Look { data }) => {
            let layout = data.layout();
            let look = || Ok(UsageBook::open(&layout.journal())?.summary()?);
            let chains = mended(&layout, look)?;
            let quotas = match opened(&layout)? {
                Some(gate) if !chains.is_empty() => gate.meter()?.quotas()?,
                Some(_) | None => Vec::new(),
            };
            Ok(summary(&chains, &quotas))
        }
        Verb::Verify(Look { data }) => Ok(verified(UsageBook::open(&data.layout().journal())?.walk())),
    }
}

/// The gate of this device as any host opens it; `None` where there is nothing to trust yet.
fn opened(layout: &Layout) -> Result<Option<Gate>, EdgeError> {
    let anchor = match layout.trust_anchor() {
        Ok(anchor) => anchor,
        Err(_) if !layout.trust().exists() => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    Ok(Some(Gate::open(layout.bundle(), anchor)?))
}

/// What only the agent may mend or make, this process does where it may and no agent runs, and then tries again.
fn mended<T>(layout: &Layout, attempt: impl Fn() -> Result<T, UsageError>) -> Result<T, EdgeError> {
    match attempt() {
        Err(error @ (UsageError::Damaged(_) | UsageError::NotYet { .. } | UsageError::NotActivated)) => {
            match Writer::open(layout) {
                Ok(_) => Ok(attempt()?),
                Err(why) => {
                    tracing::debug!(%why, "the journal wants its agent");
                    Err(error.into())
                }
            }
        }
        done => Ok(done?),
    }
}

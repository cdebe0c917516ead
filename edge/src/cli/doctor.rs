//! `brink-edge doctor`

use super::{CaFile, DataDirectory, agent_first};
use crate::command::{Command, Reply};
use crate::doctor::{Gatherer, examine, reply};
use crate::error::EdgeError;
use crate::writer::reading;
use clap::Args;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    data: DataDirectory,
    /// Do not ask whether the issuer can be reached
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    ca: CaFile,
}

pub(super) fn carry_out(arguments: &Arguments) -> Result<Reply, EdgeError> {
    let (layout, ca_pem) = (arguments.data.layout(), arguments.ca.read()?);
    let agent = agent_first::glance(&layout, &Command::Status).map(|reply| reply.document);
    let gatherer = Gatherer {
        layout: &layout,
        reading: reading()?,
        agent,
        offline: arguments.offline,
        ca_pem: ca_pem.as_deref(),
    };
    Ok(reply(&examine(&gatherer.facts())))
}

//! `brink-edge accept`

use super::{DataDirectory, agent_first};
use crate::command::{Command, Reply};
use crate::error::EdgeError;
use crate::uplink::read_bounded;
use brink_license::Typ;
use clap::Args;
use std::path::PathBuf;

/// A small document and what an editor adds to it.
const NOTICE_BYTES_MAX: usize = Typ::Revocations.bytes_max() + 1024;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    data: DataDirectory,
    /// The file that the issuer's admin made
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(super) fn carry_out(arguments: &Arguments) -> Result<Reply, EdgeError> {
    let bytes = read_bounded(&arguments.file, NOTICE_BYTES_MAX)?;
    // A token has no byte beyond ASCII: what is replaced here is refused by name.
    let text = String::from_utf8_lossy(&bytes);
    // The white space around it is an editor's; the token itself is taken as it stands.
    let notice = text.trim_ascii().to_owned();
    agent_first::change(&arguments.data.layout(), &Command::Accept { notice })
}

//! `brink-edge clock`

use super::{DataDirectory, EXIT_CODES, agent_first};
use crate::command::{Command, Payload, Reply};
use crate::error::EdgeError;
use crate::uplink::{FileUplink, Uplink};
use brink_license::exchange::CLOCK_RESET_PATH;
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Write the file that asks the issuer's admin for a clock reset; set the clock right first
    #[command(after_help = EXIT_CODES)]
    Challenge(Challenge),
}

#[derive(Debug, Args)]
pub(super) struct Challenge {
    #[command(flatten)]
    data: DataDirectory,
    /// Where to write it; an earlier challenge cannot be answered any more
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

pub(super) fn carry_out(verb: &Verb) -> Result<Reply, EdgeError> {
    let Verb::Challenge(Challenge { data, out }) = verb;
    let mut reply = agent_first::change(&data.layout(), &Command::ClockChallenge)?;
    let Some(Payload(challenge)) = reply.file.take() else { return Ok(reply) };
    FileUplink::new(out).send(CLOCK_RESET_PATH, &challenge)?;
    reply.document["file"] = json!(out);
    reply.text = format!(
        "{}: {}\nnext: brink-issuer device clock-reset --challenge it; then brink-edge accept the answer, within three days \
         and before the machine is started again",
        out.display(),
        reply.text
    );
    Ok(reply)
}

//! The device's program: the agent, and every verb for people and scripts.

use std::io::{stderr, stdout};
use std::process::ExitCode;

use anyhow::Context as _;
use brink_edge::Output;
use brink_edge::cli::Cli;

fn main() -> anyhow::Result<ExitCode> {
    let cli = Cli::from_arguments();
    brink_edge::cli::start_logging(&cli).context("cannot start the log")?;
    let (mut out, mut err) = (stdout(), stderr());
    let mut output = Output::new(&mut out, &mut err, cli.wants_json());
    let code = brink_edge::cli::carry_out(cli, &mut output).context("cannot print the answer")?;
    Ok(ExitCode::from(code))
}

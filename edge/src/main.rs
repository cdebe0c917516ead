//! The device's program: the agent, and every verb for people and scripts.

use std::io::{ErrorKind, stderr, stdout};
use std::process::ExitCode;

use anyhow::Context as _;
use brink_edge::Output;
use brink_edge::cli::Cli;

fn main() -> anyhow::Result<ExitCode> {
    let cli = Cli::from_arguments();
    brink_edge::cli::start_logging(&cli).context("cannot start the log")?;
    brink_edge::panics::tell_sleds_apart();
    let (mut out, mut err) = (stdout(), stderr());
    let mut output = Output::new(&mut out, &mut err, cli.wants_json());
    match brink_edge::cli::carry_out(cli, &mut output) {
        // Whoever read the answer has seen enough of it.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(ExitCode::FAILURE),
        printed => Ok(ExitCode::from(printed.context("cannot print the answer")?)),
    }
}

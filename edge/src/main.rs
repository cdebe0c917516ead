//! The device's program: the agent, and every verb for people and scripts.

use std::io::{ErrorKind, stderr, stdout};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use anyhow::Context as _;
use brink_edge::Output;
use brink_edge::cli::Cli;

/// The program beside this one that has an issuer in it.
const MOCK: &str = "brink-edge-mock";

/// Goes on as that program, with the same arguments; answers why it cannot.
fn become_mock() -> anyhow::Error {
    let beside = match std::env::current_exe() {
        Ok(own) => own.with_file_name(MOCK),
        Err(error) => return error.into(),
    };
    let error = Command::new(&beside).args(std::env::args_os().skip(1)).exec();
    let mend = "install it there, or leave MOCK_BILLING_SERVICE out";
    anyhow::anyhow!("MOCK_BILLING_SERVICE=true starts {}: {error}; {mend}", beside.display())
}

fn main() -> anyhow::Result<ExitCode> {
    let cli = Cli::from_arguments();
    if cli.wants_mock() {
        return Err(become_mock());
    }
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

//! Says where a Docker engine answers, or why none does, for whoever wants to know before building what needs one.

use std::io::{self, Write};
use std::process::ExitCode;

fn main() -> io::Result<ExitCode> {
    match brink_databases::docker_engine() {
        Ok(socket) => {
            writeln!(io::stdout(), "{}", socket.display())?;
            Ok(ExitCode::SUCCESS)
        }
        Err(why) => {
            writeln!(io::stderr(), "no Docker engine: {why}")?;
            Ok(ExitCode::FAILURE)
        }
    }
}

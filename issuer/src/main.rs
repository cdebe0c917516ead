//! The `brink-issuer` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    brink_issuer::cli::main()
}

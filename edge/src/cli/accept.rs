//! `brink-edge accept`

use super::{DataDirectory, agent_first};
use crate::command::{Command, Reply};
use crate::error::EdgeError;
use crate::exchange::DeviceError;
use crate::uplink::read_bounded;
use brink_license::Typ;
use brink_license::token::{TYPED_BYTES_MAX, TypedError, TypedExtension, TypedLines};
use clap::Args;
use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

/// A small document and what an editor adds to it.
const NOTICE_BYTES_MAX: usize = Typ::Revocations.bytes_max() + 1024;
/// Says that the text is typed on standard input.
const STANDARD_INPUT: &str = "-";

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    data: DataDirectory,
    /// The file that the issuer's admin made
    #[arg(value_name = "FILE", required_unless_present = "text", conflicts_with = "text")]
    file: Option<PathBuf>,
    /// The five lines of an extension, as they were read out; `-` takes them from standard input, line by line
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    text: Option<String>,
}

pub(super) fn carry_out(arguments: &Arguments) -> Result<Reply, EdgeError> {
    let command = match (&arguments.file, &arguments.text) {
        (Some(file), _) => Command::Accept { notice: read_notice(file)? },
        (None, Some(text)) if text == STANDARD_INPUT => {
            let (input, asks) = (std::io::stdin(), std::io::stdin().is_terminal());
            typed(read_typed(input.lock(), asks.then_some(&mut std::io::stderr())))?
        }
        (None, Some(text)) => typed(TypedExtension::parse(text))?,
        (None, None) => return Err(EdgeError::Usage("give a file, or --text".to_owned())),
    };
    agent_first::change(&arguments.data.layout(), &command)
}

fn read_notice(file: &Path) -> Result<String, EdgeError> {
    let bytes = read_bounded(file, NOTICE_BYTES_MAX)?;
    // A token has no byte beyond ASCII: what is replaced here is refused by name.
    let text = String::from_utf8_lossy(&bytes);
    // The white space around it is an editor's; the token itself is taken as it stands.
    Ok(text.trim_ascii().to_owned())
}

/// What was typed is checked here, before anybody is asked, and travels in one spelling.
fn typed(typed: Result<TypedExtension, TypedError>) -> Result<Command, EdgeError> {
    let typed = typed.map_err(DeviceError::from)?;
    Ok(Command::AcceptTyped { text: typed.lines().join("\n") })
}

/// Reads line by line. Who sits at a terminal is told at once which line is wrong, and types that one again.
fn read_typed(input: impl BufRead, mut asks: Option<&mut dyn Write>) -> Result<TypedExtension, TypedError> {
    let mut lines = TypedLines::default();
    let mut input = input.take(TYPED_BYTES_MAX as u64 * 16);
    while !lines.is_complete() {
        let mut line = String::new();
        // What is no text, or cannot be read, ends the input as its end does.
        match input.read_line(&mut line) {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
        match (lines.push(&line), &mut asks) {
            (Ok(()), _) => {}
            (Err(problem), None) => return Err(problem),
            (Err(problem), Some(asks)) => {
                let _ = writeln!(asks, "{problem}; type that line again");
            }
        }
    }
    lines.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Five lines of zeros after the version: nobody signed them, but they are well typed.
    fn lines() -> Vec<String> {
        let mut typed: Vec<String> = Vec::new();
        for line in 0..5 {
            let body = format!("{}{}", if line == 0 { "04" } else { "00" }, "0".repeat(22));
            let fits = |last: &char| {
                let mut lines = TypedLines::default();
                typed.iter().for_each(|line| lines.push(line).unwrap());
                lines.push(&format!("{body}{last}")).is_ok()
            };
            let last = "0123456789ABCDEFGHJKMNPQRSTVWXYZ".chars().find(fits).unwrap();
            typed.push(format!("{body}{last}"));
        }
        typed
    }

    #[test]
    fn a_terminal_asks_for_the_wrong_line_again_and_a_pipe_ends_with_its_name() {
        let mut typed = lines();
        let sound = read_typed(typed.join("\n").as_bytes(), None).unwrap();
        typed.insert(2, "00000 00000 00000 00000 0000".to_owned());
        let typed = typed.join("\n");
        let expected = TypedError::Length { line: 3, found: 24 };
        assert_eq!(read_typed(typed.as_bytes(), None), Err(expected));
        let mut asked = Vec::new();
        assert_eq!(read_typed(typed.as_bytes(), Some(&mut asked)), Ok(sound));
        let asked = String::from_utf8(asked).unwrap();
        assert!(asked.starts_with("line 3 has 24 characters") && asked.lines().count() == 1, "{asked}");
        assert_eq!(read_typed(&b"\xff\n"[..], None), Err(TypedError::Lines { found: 0 }));
    }
}

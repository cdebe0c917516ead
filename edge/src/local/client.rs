//! The caller's side of `agent.sock`.

use super::SocketPath;
use super::line::read_line;
use crate::command::{Command, Reply};
use crate::error::EdgeError;
use std::io::{self, ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// Asks the agent of one device directory. `None` when nobody listens there: then there is no agent.
pub fn ask(socket: &Path, command: &Command, patience: Duration) -> Result<Option<Reply>, EdgeError> {
    let stream = SocketPath::new(socket).and_then(|path| UnixStream::connect(path.usable()));
    let stream = match stream {
        Ok(stream) => stream,
        Err(e) if e.kind() == ErrorKind::PermissionDenied && socket.exists() => {
            return Err(EdgeError::AgentForbidden { socket: socket.to_owned() });
        }
        // Absent, stale, or a directory that cannot even be looked into: whoever goes on finds out.
        Err(_) => return Ok(None),
    };
    let lost = |e: io::Error| EdgeError::AgentLost { socket: socket.to_owned(), reason: e.to_string() };
    talk(stream, command, patience).map(Some).map_err(lost)
}

fn talk(mut stream: UnixStream, command: &Command, patience: Duration) -> io::Result<Reply> {
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    let mut line = serde_json::to_vec(command)?;
    line.push(b'\n');
    // An agent that refuses at once closes before it has read everything; its answer says why.
    let written = stream.write_all(&line);
    let answer = match read_line(&mut stream) {
        Ok(answer) => answer,
        Err(e) => return Err(written.err().unwrap_or(e)),
    };
    serde_json::from_slice(&answer).map_err(io::Error::from)
}

//! One line of bounded length, read within a bounded time.

use super::{CALLER_TIMEOUT, LINE_BYTES_MAX};
use std::io::{self, ErrorKind, Read};

/// What is read at once.
const CHUNK_BYTES: usize = 64 * 1024;
/// A caller that sends this few bytes at a time is not one of ours.
const SMALL_READ_BYTES: usize = 512;
/// Most small reads: with [`CALLER_TIMEOUT`] for each, a caller that drips cannot hold its place for long.
const SMALL_READS_MAX: usize = 16;

/// Reads up to the first newline, without it. What follows the line is not looked at.
pub(super) fn read_line(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut small_reads = 0;
    loop {
        let count = match reader.read(&mut chunk) {
            Err(e) if e.kind() == ErrorKind::Interrupted => continue,
            other => other?,
        };
        if count == 0 {
            return Err(io::Error::new(ErrorKind::UnexpectedEof, "the line was not ended"));
        }
        if let Some(end) = chunk[..count].iter().position(|&byte| byte == b'\n') {
            line.extend_from_slice(&chunk[..end]);
            return check_length(line);
        }
        line.extend_from_slice(&chunk[..count]);
        line = check_length(line)?;
        small_reads += usize::from(count < SMALL_READ_BYTES);
        if small_reads > SMALL_READS_MAX {
            let seconds = CALLER_TIMEOUT.as_secs();
            let problem = format!("the line came in too many small pieces, each within {seconds} s");
            return Err(io::Error::new(ErrorKind::TimedOut, problem));
        }
    }
}

fn check_length(line: Vec<u8>) -> io::Result<Vec<u8>> {
    if line.len() <= LINE_BYTES_MAX {
        return Ok(line);
    }
    Err(io::Error::new(ErrorKind::InvalidData, format!("the line has more than {LINE_BYTES_MAX} bytes")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its bytes in pieces.
    struct Dripping<'b>(&'b [u8], usize);

    impl Read for Dripping<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(self.0.len()).min(buffer.len());
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    #[test]
    fn a_line_ends_at_the_newline_and_has_to() {
        assert_eq!(read_line(&mut &b"one\ntwo\n"[..]).unwrap(), b"one");
        assert_eq!(read_line(&mut &b"\n"[..]).unwrap(), b"");
        for cut in [&b""[..], b"one"] {
            assert_eq!(read_line(&mut &cut[..]).unwrap_err().kind(), ErrorKind::UnexpectedEof);
        }
    }

    #[test]
    fn length_and_pieces_are_bounded() {
        let mut line = vec![b'x'; LINE_BYTES_MAX];
        line.push(b'\n');
        assert_eq!(read_line(&mut &line[..]).unwrap().len(), LINE_BYTES_MAX);
        line.insert(0, b'x');
        assert_eq!(read_line(&mut &line[..]).unwrap_err().kind(), ErrorKind::InvalidData);
        assert_eq!(read_line(&mut io::repeat(b'x')).unwrap_err().kind(), ErrorKind::InvalidData);
        assert_eq!(read_line(&mut Dripping(&line, 4096)).unwrap_err().kind(), ErrorKind::InvalidData);
        assert_eq!(read_line(&mut Dripping(&line, 1)).unwrap_err().kind(), ErrorKind::TimedOut);
    }
}

//! Starts a PostgreSQL, prints its address on one line, and stops it when standard input ends.

use std::io::{self, Read, Write};

fn main() -> io::Result<()> {
    let server = brink_databases::Server::start();
    let mut out = io::stdout();
    out.write_all(format!("{}\n", server.url()).as_bytes())?;
    out.flush()?;
    io::stdin().read_to_end(&mut Vec::new())?;
    drop(server);
    Ok(())
}

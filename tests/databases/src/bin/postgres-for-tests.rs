//! Starts a PostgreSQL, prints its address on one line, and ends with standard input: the server goes with it.

use std::io::{self, Read, Write};

fn main() -> io::Result<()> {
    let mut out = io::stdout();
    out.write_all(format!("{}\n", brink_databases::server_url()).as_bytes())?;
    out.flush()?;
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

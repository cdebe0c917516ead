//! The issuer: made once, served by a thread of this process for as long as it lives.

use anyhow::{Context as _, bail};
use brink_edge::environment::MOCK_ISSUER;
use serde_json::Value;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

/// Cameras of the customer, and its pack.
const TERMS: [&str; 4] = ["--cameras", "10", "--pack", "advanced_analytics"];
/// It answers within milliseconds, or the port is taken.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// An issuer that answers.
pub(crate) struct Mock {
    /// Where.
    pub(crate) url: String,
    /// A file with the key that old clients show.
    pub(crate) key_file: PathBuf,
    directory: PathBuf,
}

/// Starts it, and makes it where it is not there.
pub(crate) fn start(directory: &Path, tenant: &str, key: &str) -> anyhow::Result<Mock> {
    let data = directory.join("issuer");
    let mock = |url| Mock { url, key_file: directory.join("billing.key"), directory: directory.to_owned() };
    if !data.exists() {
        fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
        // Whole or not at all: what was begun and broken off is begun again.
        let begun = directory.join("issuer.begun");
        let _ = fs::remove_dir_all(&begun);
        let key_file = mock(String::new()).key_file;
        write_secret(&key_file, key)?;
        found(&begun, tenant, &key_file)?;
        fs::rename(&begun, &data).context("cannot give the issuer its name")?;
    }
    // A device goes on to ask where it was activated.
    let remembered = directory.join("address");
    let address = fs::read_to_string(&remembered).unwrap_or_else(|_| "127.0.0.1:0".to_owned());
    let url = serve(&data, address.trim())?;
    fs::write(&remembered, url.trim_start_matches("http://"))
        .context("cannot remember the issuer's address")?;
    Ok(mock(url))
}

fn found(data: &Path, tenant: &str, key_file: &Path) -> anyhow::Result<()> {
    verb(data, &["init", "--issuer", MOCK_ISSUER, "--dev"])?;
    verb(data, &["tenant", "create", "--id", tenant, "--name", "Development"])?;
    verb(data, &[&["subscription", "set", "--tenant", tenant], &TERMS[..]].concat())?;
    let path = key_file.display().to_string();
    verb(data, &["key", "create", "--tenant", tenant, "--scope", "legacy", "--value-file", &path])?;
    Ok(())
}

impl Mock {
    /// A code that activates a device.
    pub(crate) fn code(&self, tenant: &str) -> anyhow::Result<String> {
        let said = verb(&self.data(), &["device", "code", "--tenant", tenant, "--json"])?;
        let said: Value = serde_json::from_slice(&said).context("the issuer said no JSON")?;
        let code = said["code"].as_str().map(str::to_owned);
        code.context("the issuer gave no code")
    }

    /// What devices pin.
    pub(crate) fn trust(&self) -> PathBuf {
        self.data().join("trust.json")
    }

    fn data(&self) -> PathBuf {
        self.directory.join("issuer")
    }
}

/// Carries out one verb of the issuer; answers what it printed.
fn verb(data: &Path, arguments: &[&str]) -> anyhow::Result<Vec<u8>> {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = carried_out(data, arguments, &mut out, &mut err);
    if code != 0 {
        bail!("the issuer refuses `{}`: {}", arguments.join(" "), String::from_utf8_lossy(&err).trim());
    }
    Ok(out)
}

fn carried_out(data: &Path, arguments: &[&str], out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let data = data.display().to_string();
    let all = [&["brink-issuer"], arguments, &["--data", &data]].concat();
    brink_issuer::cli::carry_out_from(all.into_iter().map(Into::into), out, err)
}

/// Serves in a thread, which ends with the process; answers where.
fn serve(data: &Path, address: &str) -> anyhow::Result<String> {
    let (lines, said) = channel();
    let (data, address) = (data.to_owned(), address.to_owned());
    let named = thread::Builder::new().name("mock-issuer".to_owned());
    let serving = named.spawn(move || {
        let mut out = Lines { sender: lines, line: Vec::new() };
        let mut err = io::stderr();
        carried_out(&data, &["serve", "--listen", &address], &mut out, &mut err)
    });
    serving.context("cannot start a thread for the issuer")?;
    loop {
        let line: String =
            said.recv_timeout(START_TIMEOUT).context("the issuer did not start; its log says why")?;
        if let Some(url) = line.strip_prefix("listening on ") {
            return Ok(url.to_owned());
        }
    }
}

fn write_secret(path: &Path, text: &str) -> anyhow::Result<()> {
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.with_context(|| format!("cannot write {}", path.display()))
}

/// Sends each line on.
struct Lines {
    sender: Sender<String>,
    line: Vec<u8>,
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for byte in bytes {
            if *byte == b'\n' {
                let line = String::from_utf8_lossy(&self.line).into_owned();
                self.line.clear();
                // Whoever has heard where it listens does not listen any more.
                let _ = self.sender.send(line);
            } else {
                self.line.push(*byte);
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

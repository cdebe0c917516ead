//! The device: made and activated where it is not there.

use super::issuer::Mock;
use anyhow::{Context as _, bail};
use brink_edge::Output;
use brink_edge::cli::{Cli, carry_out};
use brink_edge::environment::MOCK_ISSUER;
use clap::Parser as _;
use std::fs;
use std::path::Path;

/// A directory that trusts somebody else is none to experiment in.
pub(crate) fn check(data: &Path) -> anyhow::Result<()> {
    let Ok(trust) = fs::read(data.join("trust.json")) else { return Ok(()) };
    let trust: serde_json::Value = serde_json::from_slice(&trust).context("trust.json is no JSON")?;
    if trust["issuer"] == MOCK_ISSUER {
        return Ok(());
    }
    bail!(
        "MOCK_BILLING_SERVICE=true needs a device directory of its own: {} trusts the issuer {}; give another --data",
        data.display(),
        trust["issuer"]
    )
}

/// Makes and activates it, once.
pub(crate) fn make(data: &Path, issuer: &Mock, tenant: &str) -> anyhow::Result<()> {
    if data.join("trust.json").exists() {
        return Ok(());
    }
    let trust = issuer.trust().display().to_string();
    verb(data, &["init", "--trust", &trust])?;
    verb(data, &["activate", "--code", &issuer.code(tenant)?, "--issuer", &issuer.url])
}

fn verb(data: &Path, arguments: &[&str]) -> anyhow::Result<()> {
    let data = data.display().to_string();
    let cli = Cli::try_parse_from([&["brink-edge"], arguments, &["--data", &data]].concat())?;
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = carry_out(cli, &mut Output::new(&mut out, &mut err, false)).context("nothing was printed")?;
    if code != 0 {
        bail!("the device refuses `{}`: {}", arguments.join(" "), String::from_utf8_lossy(&err).trim());
    }
    Ok(())
}

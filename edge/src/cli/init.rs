//! `brink-edge init`

use super::{DataDirectory, agent_first};
use crate::command::{Command, Reply};
use crate::error::EdgeError;
use crate::uplink::read_bounded;
use brink_license::keyset::TrustAnchor;
use clap::Args;
use std::path::PathBuf;

/// Sixteen thumbprints need about a kilobyte.
const TRUST_BYTES_MAX: usize = 16 * 1024;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    data: DataDirectory,
    /// The issuer's trust.json, brought here by a way you trust
    #[arg(long, value_name = "FILE")]
    trust: PathBuf,
}

pub(super) fn carry_out(arguments: &Arguments) -> Result<Reply, EdgeError> {
    let bytes = read_bounded(&arguments.trust, TRUST_BYTES_MAX)?;
    let refused = |problem| EdgeError::Trust { path: arguments.trust.clone(), problem };
    TrustAnchor::from_json(&bytes).map_err(refused)?;
    // Strict JSON is UTF-8, so nothing is replaced here.
    let trust = String::from_utf8_lossy(&bytes).into_owned();
    agent_first::change(&arguments.data.layout(), &Command::Init { trust })
}

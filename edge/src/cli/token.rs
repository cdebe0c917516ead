//! `brink-edge token`

use super::EXIT_CODES;
use super::exchange::inspected;
use crate::command::Reply;
use crate::error::EdgeError;
use crate::inspect::{FILE_BYTES_MAX, Inspection, Trusted};
use crate::uplink::read_bounded;
use brink_license::keyset::{MANIFESTS_BYTES_MAX, TrustAnchor};
use brink_store::{BUNDLE_BYTES_MAX, Layout};
use clap::{Args, Subcommand};
use std::path::{Path, PathBuf};

const TRUST_BYTES_MAX: usize = 16 * 1024;
/// What may lie beside a trust file and hold manifests: an issuer's keyset, a device's bundle.
const BESIDE_TRUST: [&str; 2] = ["keyset.json", "licence.bundle"];

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Show a token, a keyset manifest, a bundle or an exchange file, and say plainly whether it verified
    #[command(after_help = EXIT_CODES)]
    Inspect(Inspect),
}

#[derive(Debug, Args)]
pub(super) struct Inspect {
    /// The document
    file: PathBuf,
    /// The pinned roots; without them nothing is verified. Manifests are taken from keyset.json and licence.bundle
    /// beside it
    #[arg(long, value_name = "TRUST.JSON")]
    trust: Option<PathBuf>,
    /// Manifests that lead from the roots to the signing keys: one, or one a line
    #[arg(long, value_name = "FILE", requires = "trust")]
    keyset: Vec<PathBuf>,
    /// A device directory whose bundle holds the manifests; its trust.json counts if --trust is not given
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

pub(super) fn carry_out(verb: &Verb) -> Result<Reply, EdgeError> {
    let Verb::Inspect(arguments) = verb;
    let bytes = read_bounded(&arguments.file, FILE_BYTES_MAX)?;
    let trusted = arguments.trusted()?;
    Ok(inspected(&Inspection::of(&bytes, trusted.as_ref())))
}

impl Inspect {
    fn trusted(&self) -> Result<Option<Trusted>, EdgeError> {
        let own = self.data.as_ref().map(Layout::new);
        let Some(path) = self.trust.clone().or_else(|| own.as_ref().map(Layout::trust)) else {
            return Ok(None);
        };
        let bytes = read_bounded(&path, TRUST_BYTES_MAX)?;
        let anchor = TrustAnchor::from_json(&bytes);
        let mut trusted =
            Trusted::new(anchor.map_err(|problem| EdgeError::Trust { path: path.clone(), problem })?);
        for keyset in &self.keyset {
            trusted.add_source(&read_bounded(keyset, MANIFESTS_BYTES_MAX)?);
        }
        if let Some(own) = &own {
            trusted.add_source(&read_bounded(&own.bundle(), BUNDLE_BYTES_MAX)?);
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        for name in BESIDE_TRUST {
            // Only a convenience: what is not there or cannot be read is done without.
            if let Ok(bytes) = read_bounded(&folder.join(name), BUNDLE_BYTES_MAX) {
                trusted.add_source(&bytes);
            }
        }
        Ok(Some(trusted))
    }
}

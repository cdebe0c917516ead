//! `brink-edge trust`

use super::EXIT_CODES;
use crate::command::Reply;
use crate::error::EdgeError;
use crate::uplink::read_bounded;
use brink_license::keyset::TrustAnchor;
use brink_store::write_atomically;
use clap::{Args, Subcommand};
use serde_json::json;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Sixteen thumbprints need about a kilobyte.
const TRUST_BYTES_MAX: usize = 16 * 1024;
/// Source code: for whoever may read its directory.
const HEADER_MODE: u32 = 0o644;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Write issuer and root keys as a C and C++ header for a host to compile in
    #[command(after_help = EXIT_CODES)]
    Header(Header),
}

#[derive(Debug, Args)]
pub(super) struct Header {
    /// The issuer's trust.json, brought here by a way you trust
    #[arg(long, value_name = "TRUST.JSON")]
    trust: PathBuf,
    /// Where to; else it is printed
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn carry_out(verb: &Verb) -> Result<Reply, EdgeError> {
    let Verb::Header(Header { trust, out }) = verb;
    let bytes = read_bounded(trust, TRUST_BYTES_MAX)?;
    let refused = |problem| EdgeError::Trust { path: trust.clone(), problem };
    let anchor = TrustAnchor::from_json(&bytes).map_err(refused)?;
    let header = header_of(&anchor);
    let mut document =
        json!({ "issuer": anchor.issuer(), "threshold": anchor.threshold(), "roots": anchor.roots() });
    let Some(path) = out else {
        document["header"] = json!(header);
        return Ok(Reply::done(document, header.trim_end()));
    };
    write_atomically(path, header.as_bytes(), HEADER_MODE)?;
    document["file"] = json!(path);
    Ok(Reply::done(document, format!("{}: the trust of {}", path.display(), anchor.issuer())))
}

/// Every text of an anchor is of letters, digits and `._:/-`, so it stands in a string literal as it is.
fn header_of(anchor: &TrustAnchor) -> String {
    let (issuer, threshold) = (anchor.issuer().as_str(), anchor.threshold());
    let roots = anchor.roots().iter().fold(String::new(), |mut roots, root| {
        let root = root.to_string();
        // Writing to a text cannot fail.
        let _ = writeln!(roots, "    {{\"{root}\", {}}},", root.len());
        roots
    });
    format!(
        "/* The issuer and the root keys that this program believes, for brink_gate_open.\n \
         * Written by: brink-edge trust header. A new root needs a new one, and the program built again. */\n\
         #ifndef BRINK_TRUST_H\n#define BRINK_TRUST_H\n\n#include <brink.h>\n\n\
         static const brink_text brink_trust_roots[] = {{\n{roots}}};\n\n\
         static const brink_trust BRINK_TRUST = {{\n    {{\"{issuer}\", {}}},\n    brink_trust_roots,\n    {},\n    \
         {threshold},\n}};\n\n#endif /* BRINK_TRUST_H */\n",
        issuer.len(),
        anchor.roots().len(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_has_the_issuer_every_root_and_the_threshold() {
        let roots = ["A".repeat(43), format!("{}8", "b".repeat(42))];
        let trust = json!({ "issuer": "acme:eu/1", "threshold": 2, "roots": roots });
        let anchor = TrustAnchor::from_json(trust.to_string().as_bytes()).unwrap();
        let header = header_of(&anchor);
        for line in ["{\"acme:eu/1\", 9},", "brink_trust_roots,\n    2,\n    2,\n}"] {
            assert!(header.contains(line), "{line} is missing in\n{header}");
        }
        for root in anchor.roots() {
            assert!(header.contains(&format!("    {{\"{root}\", 43}},\n")), "{root} is missing in\n{header}");
        }
        assert_eq!(header.matches("43},").count(), 2, "{header}");
    }
}

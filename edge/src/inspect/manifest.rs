//! Keyset manifests as files: one, or one a line.

use super::trusted::Unreachable;
use super::{Inspection, Part, Standing, Trusted};
use brink_license::Code;
use brink_license::b64;
use serde_json::{Value, json};

/// The manifests of a file. One manifest may be spread over lines; several stand one a line.
pub(super) fn split_manifests(bytes: &[u8]) -> Vec<Vec<u8>> {
    if serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok() {
        return vec![bytes.trim_ascii().to_vec()];
    }
    let lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    lines.filter(|line| line.starts_with(b"{")).map(<[u8]>::to_vec).collect()
}

/// The payload of an envelope, unverified.
fn payload_of(manifest: &[u8]) -> Option<Value> {
    let envelope: Value = serde_json::from_slice(manifest).ok()?;
    let payload = b64::decode(envelope.get("payload")?.as_str()?.as_bytes())?;
    serde_json::from_slice(&payload).ok()
}

/// The version that a manifest claims, unverified: for putting them in order.
pub(super) fn version_of(manifest: &[u8]) -> Option<u64> {
    payload_of(manifest)?.get("version")?.as_u64()
}

fn signers_of(manifest: &[u8]) -> Value {
    let envelope: Value = serde_json::from_slice(manifest).unwrap_or_default();
    let sigs = envelope.get("sigs").and_then(Value::as_array).cloned().unwrap_or_default();
    sigs.iter().filter_map(|sig| sig.get("kid").cloned()).collect()
}

pub(super) fn inspect(bytes: &[u8], trusted: Option<&Trusted>) -> Inspection {
    let manifests = split_manifests(bytes);
    if manifests.is_empty() {
        return Inspection::damaged("keyset manifest", Code::Malformed, &"not a keyset manifest");
    }
    let parts = parts_of(&manifests, trusted);
    Inspection { kind: "keyset manifest", parts }
}

/// One part for each manifest that a document carries. They stand or fall together: each is verified by the one
/// before it, the first by the pinned roots.
pub(super) fn parts_of(manifests: &[Vec<u8>], trusted: Option<&Trusted>) -> Vec<Part> {
    let standing = standing_of(manifests, trusted);
    let part = |manifest: &Vec<u8>| Part {
        what: "keyset manifest",
        standing: standing.clone(),
        content: json!({ "claims": payload_of(manifest), "signers": signers_of(manifest) }),
    };
    manifests.iter().map(part).collect()
}

fn standing_of(manifests: &[Vec<u8>], trusted: Option<&Trusted>) -> Standing {
    let Some(trusted) = trusted else {
        return Standing::Unchecked("no roots to check it with: give --trust trust.json".to_owned());
    };
    let newest = manifests.iter().filter_map(|manifest| version_of(manifest)).max();
    match trusted.keyset(manifests) {
        Ok(keyset) if Some(keyset.version()) >= newest => Standing::Verified(format!(
            "the pinned roots of {} lead to keyset version {}",
            keyset.issuer(),
            keyset.version()
        )),
        Ok(keyset) => Standing::Unchecked(format!(
            "the pinned roots lead to keyset version {} only: give the versions between with --keyset",
            keyset.version()
        )),
        Err(Unreachable(Some(error))) => Standing::refused(error.code(), &error),
        Err(Unreachable(None)) => Standing::Unchecked("there is no manifest in it".to_owned()),
    }
}

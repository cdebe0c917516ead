//! One keyset manifest: its payload, its envelope, and the signatures over it.
//!
//! The envelope is `{"payload":"<base64url>","sigs":[{"kid","sig"}]}` and not a JWT, so that it can never be taken for
//! one. What is signed is `"BRINK-KEYSET-V1\0" || u64le(length) || payload`.

use super::record::{KeyRecord, KeyState, KeyUse, ROOTS_MAX, RootKeys, check_distinct};
use super::{ManifestError, payload_sha256};
use crate::b64;
use crate::fields::{self, ClaimError, Fields};
use crate::id::IssuerName;
use crate::json::{Json, Limits, parse_object};
use crate::key::{Kid, PublicKey};
use crate::time::UnixSeconds;
use serde::{Serialize, Serializer};

/// Largest envelope.
pub const MANIFEST_BYTES_MAX: usize = 64 * 1024;
/// Most signing keys: a rotation a quarter for years, with room.
pub const KEYS_MAX: usize = 64;
/// Most signatures looked at: every old and every new root once.
const SIGNATURES_MAX: usize = 2 * ROOTS_MAX;
/// Separates manifest signatures from every other use of the root keys.
const CONTEXT: &[u8] = b"BRINK-KEYSET-V1\0";
const SCHEMA: u64 = 1;

/// What the root keys sign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ManifestPayload {
    schema: u64,
    /// The issuer.
    pub iss: IssuerName,
    /// Rises by one.
    pub version: u64,
    /// Never earlier than that of the version before.
    pub issued_at: UnixSeconds,
    /// From here on nothing new is accepted under it.
    pub expires_at: UnixSeconds,
    /// SHA-256 of the payload of the version before; `None` in version 1.
    #[serde(serialize_with = "as_optional_text")]
    pub prev_sha256: Option<[u8; 32]>,
    /// The root keys from here on.
    pub root: RootKeys,
    /// The signing keys from here on.
    pub keys: Vec<KeyRecord>,
}

fn as_optional_text<S: Serializer>(digest: &Option<[u8; 32]>, serializer: S) -> Result<S::Ok, S::Error> {
    match digest {
        Some(digest) => serializer.serialize_str(&b64::encode(digest)),
        None => serializer.serialize_none(),
    }
}

impl ManifestPayload {
    /// The first version of a keyset.
    #[must_use]
    pub const fn first(
        iss: IssuerName,
        validity: (UnixSeconds, UnixSeconds),
        root: RootKeys,
        keys: Vec<KeyRecord>,
    ) -> Self {
        let (issued_at, expires_at) = validity;
        Self { schema: SCHEMA, iss, version: 1, issued_at, expires_at, prev_sha256: None, root, keys }
    }

    /// The version after `keyset`, equal to it but for its number, link and validity.
    #[must_use]
    pub fn next(keyset: &super::Keyset, issued_at: UnixSeconds, expires_at: UnixSeconds) -> Self {
        let version = keyset.version().saturating_add(1);
        let prev_sha256 = Some(*keyset.sha256());
        Self { version, issued_at, expires_at, prev_sha256, ..keyset.payload.clone() }
    }

    /// The bytes to sign and to carry.
    pub fn to_json_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        let mut fields = Fields::new(parse_object(bytes, Limits::document(KEYS_MAX + ROOTS_MAX))?);
        if fields.uint("schema")? != SCHEMA {
            return Err(ManifestError::Malformed(
                "the manifest's schema is not 1: this reader is too old".into(),
            ));
        }
        let payload = Self {
            schema: SCHEMA,
            iss: fields.id("iss", IssuerName::parse)?,
            version: fields.uint("version")?,
            issued_at: fields.date("issued_at")?,
            expires_at: fields.date("expires_at")?,
            prev_sha256: read_prev(&mut fields)?,
            root: read_root(fields.require("root")?)?,
            keys: read_keys(fields.list("keys")?)?,
        };
        if payload.version == 0 || (payload.version == 1) != payload.prev_sha256.is_none() {
            return Err(ManifestError::Link { version: payload.version });
        }
        if payload.expires_at < payload.issued_at {
            return Err(ClaimError::new("expires_at", "is before issued_at").into());
        }
        Ok(payload)
    }
}

fn read_prev(fields: &mut Fields<'_>) -> Result<Option<[u8; 32]>, ManifestError> {
    match fields.require("prev_sha256")? {
        Json::Null => Ok(None),
        value @ (Json::Text(_) | Json::Bool(_) | Json::Int(_) | Json::Array(_) | Json::Object(_)) => {
            let text = fields::text("prev_sha256", value)?;
            let digest = b64::decode_array(text.as_bytes());
            Ok(Some(digest.ok_or_else(|| ClaimError::new("prev_sha256", "is not 32 bytes in base64url"))?))
        }
    }
}

/// A key whose `kid` is recomputed, not believed.
fn read_key(fields: &mut Fields<'_>) -> Result<PublicKey, ManifestError> {
    let written = fields.kid("kid")?;
    let x = fields.text("x")?;
    let key = PublicKey::from_x(&x).map_err(|problem| ManifestError::Key { x: x.into_owned(), problem })?;
    if key.kid() != written {
        return Err(ManifestError::KeySet { kid: written, problem: "is not the thumbprint of its x" });
    }
    Ok(key)
}

fn read_root(value: Json<'_>) -> Result<RootKeys, ManifestError> {
    let mut fields = Fields::of("root", value)?;
    let threshold = fields.u32("threshold")?;
    let mut keys = Vec::new();
    for item in fields.list("keys")? {
        keys.push(read_key(&mut Fields::of("root.keys", item)?)?);
    }
    RootKeys::new(threshold, keys)
}

const USES: [(&str, KeyUse); 3] =
    [("license", KeyUse::License), ("receipt", KeyUse::Receipt), ("audit", KeyUse::Audit)];
const STATES: [(&str, KeyState); 3] =
    [("active", KeyState::Active), ("retired", KeyState::Retired), ("revoked", KeyState::Revoked)];

fn read_keys(items: Vec<Json<'_>>) -> Result<Vec<KeyRecord>, ManifestError> {
    if items.len() > KEYS_MAX {
        return Err(ManifestError::Root("there are more than 64 signing keys"));
    }
    let mut keys = Vec::with_capacity(items.len());
    for item in items {
        let mut fields = Fields::of("keys", item)?;
        let key = read_key(&mut fields)?;
        fields.choice("crv", &[("Ed25519", ())])?;
        let key_use = fields.choice("use", &USES)?;
        let validity = (fields.date("nbf")?, fields.date("exp")?);
        keys.push(KeyRecord::new(key, key_use, validity, fields.choice("state", &STATES)?));
    }
    check_distinct(keys.iter().map(KeyRecord::kid))?;
    Ok(keys)
}

/// A parsed manifest whose signatures have not been counted yet.
pub(super) struct SignedManifest {
    pub(super) payload: ManifestPayload,
    pub(super) sha256: [u8; 32],
    pub(super) signed: Vec<u8>,
    pub(super) signatures: Vec<(Kid, [u8; 64])>,
}

impl SignedManifest {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        if bytes.len() > MANIFEST_BYTES_MAX {
            return Err(ManifestError::TooLarge { bytes: bytes.len(), bytes_max: MANIFEST_BYTES_MAX });
        }
        let limits = Limits { depth: 3, members: 2, items: SIGNATURES_MAX, text_bytes: MANIFEST_BYTES_MAX };
        let malformed = |e: &dyn std::fmt::Display| ManifestError::Malformed(e.to_string().into());
        let mut fields = Fields::new(parse_object(bytes, limits).map_err(|e| malformed(&e))?);
        let payload = fields.text("payload").map_err(|e| malformed(&e))?;
        let raw = b64::decode(payload.as_bytes());
        let raw = raw.ok_or(ManifestError::Malformed("the payload is not canonical base64url".into()))?;
        let signatures = read_signatures(&mut fields).map_err(|e| malformed(&e))?;
        fields.end("envelope").map_err(|e| malformed(&e))?;
        let payload = ManifestPayload::parse(&raw)?;
        Ok(Self { payload, sha256: payload_sha256(&raw), signed: manifest_signing_input(&raw), signatures })
    }

    /// Whether enough *distinct* keys of `root` signed. One key listed twice counts once.
    pub(super) fn check_signed_by(&self, root: &RootKeys) -> Result<(), ManifestError> {
        if self.signers_of(root).count() >= root.threshold() as usize {
            return Ok(());
        }
        Err(ManifestError::Threshold("fewer valid signatures by distinct keys than the threshold"))
    }
}

impl SignedManifest {
    /// The distinct keys of `root` that signed.
    pub(super) fn signers_of<'r>(&'r self, root: &'r RootKeys) -> impl Iterator<Item = Kid> + 'r {
        let signed = |key: &&PublicKey| {
            self.signatures
                .iter()
                .any(|(kid, signature)| *kid == key.kid() && key.verifies(&self.signed, signature))
        };
        root.keys().iter().filter(signed).map(PublicKey::kid)
    }

    /// The payload as it was carried.
    pub(super) fn payload_bytes(&self) -> &[u8] {
        // What is signed starts with the context and the payload's length.
        self.signed.get(CONTEXT.len() + size_of::<u64>()..).unwrap_or_default()
    }
}

fn read_signatures(fields: &mut Fields<'_>) -> Result<Vec<(Kid, [u8; 64])>, ClaimError> {
    let mut signatures = Vec::new();
    for item in fields.list("sigs")? {
        let mut sig = Fields::of("sigs", item)?;
        let kid = sig.kid("kid")?;
        let text = sig.text("sig")?;
        let bytes = b64::decode_array(text.as_bytes());
        signatures
            .push((kid, bytes.ok_or_else(|| ClaimError::new("sigs.sig", "is not 64 bytes in base64url"))?));
        sig.end("sigs")?;
    }
    Ok(signatures)
}

/// The bytes that a root key signs for this payload.
#[must_use]
pub fn manifest_signing_input(payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u64).to_le_bytes();
    [CONTEXT, &length, payload].concat()
}

/// The envelope from a payload and its signatures.
pub fn encode_manifest(payload: &[u8], signatures: &[(Kid, [u8; 64])]) -> Result<Vec<u8>, serde_json::Error> {
    #[derive(Serialize)]
    struct Sig {
        kid: Kid,
        sig: String,
    }
    #[derive(Serialize)]
    struct Envelope {
        payload: String,
        sigs: Vec<Sig>,
    }
    let sigs = signatures.iter().map(|(kid, sig)| Sig { kid: *kid, sig: b64::encode(sig) }).collect();
    serde_json::to_vec(&Envelope { payload: b64::encode(payload), sigs })
}

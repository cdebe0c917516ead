//! Reads any of our documents for a person: what it says, and whether that is to be believed.
//!
//! Only what carries a checked signature is called verified. Content is shown in either case, since a refused document
//! is the one that people want to look into; secrets (the ratchet, the activation code) are never shown.

mod carried;
mod manifest;
mod token;
mod trusted;

pub use trusted::Trusted;

use brink_license::exchange::{BODY_BYTES_MAX, REQUEST_BYTES_MAX};
use brink_license::keyset::MANIFESTS_BYTES_MAX;
use brink_store::BUNDLE_BYTES_MAX;
use serde_json::{Value, json};

/// Largest file that is looked into: the largest of our documents.
pub const FILE_BYTES_MAX: usize = REQUEST_BYTES_MAX;
const _: () = assert!(FILE_BYTES_MAX >= BUNDLE_BYTES_MAX && FILE_BYTES_MAX >= MANIFESTS_BYTES_MAX);
const _: () = assert!(BODY_BYTES_MAX > FILE_BYTES_MAX, "an inflated body has its own bound");

/// What stands in the place of a secret.
const REDACTED: &str = "(not shown)";

/// Whether a part is to be believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The signature was checked; by which key or keyset.
    Verified(String),
    /// Checked and refused.
    Refused {
        /// The stable code.
        code: String,
        /// In words.
        detail: String,
    },
    /// There was nothing to check it with.
    Unchecked(String),
}

impl Standing {
    /// A refusal by its code and words.
    fn refused(code: brink_license::Code, detail: &impl ToString) -> Self {
        Standing::Refused { code: code.to_string(), detail: detail.to_string() }
    }

    const fn is_verified(&self) -> bool {
        matches!(self, Standing::Verified(_))
    }

    fn code(&self) -> Option<&str> {
        match self {
            Standing::Refused { code, .. } => Some(code),
            Standing::Verified(_) | Standing::Unchecked(_) => None,
        }
    }

    fn detail(&self) -> &str {
        match self {
            Standing::Verified(detail) | Standing::Refused { detail, .. } | Standing::Unchecked(detail) => {
                detail
            }
        }
    }

    fn headline(&self) -> String {
        match self {
            Standing::Verified(by) => format!("VERIFIED: {by}"),
            Standing::Refused { code, detail } => format!("NOT VERIFIED: {detail} [{code}]"),
            Standing::Unchecked(why) => format!("NOT VERIFIED: {why}"),
        }
    }
}

/// One document in a file.
#[derive(Clone, Debug)]
struct Part {
    what: &'static str,
    standing: Standing,
    content: Value,
}

/// What a file holds.
#[derive(Clone, Debug)]
pub struct Inspection {
    kind: &'static str,
    parts: Vec<Part>,
}

impl Inspection {
    /// Looks into a file. `None` trust believes nothing.
    #[must_use]
    pub fn of(bytes: &[u8], trusted: Option<&Trusted>) -> Self {
        if bytes.starts_with(b"BRINKBND") {
            return carried::bundle(bytes, trusted);
        }
        if bytes.starts_with(b"BRINKREQ") {
            return carried::request(bytes, trusted);
        }
        if bytes.starts_with(b"BRINKRSP") {
            return carried::response(bytes, trusted);
        }
        if bytes.first() == Some(&b'{') {
            return manifest::inspect(bytes, trusted);
        }
        token::inspect(bytes, trusted)
    }

    fn damaged(kind: &'static str, code: brink_license::Code, detail: &impl ToString) -> Self {
        let standing = Standing::refused(code, detail);
        Self { kind, parts: vec![Part { what: kind, standing, content: Value::Null }] }
    }

    /// Whether everything in it was verified.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        !self.parts.is_empty() && self.parts.iter().all(|part| part.standing.is_verified())
    }

    /// The part that decides: the first that is not verified, or else the first.
    fn deciding(&self) -> Option<&Part> {
        self.parts.iter().find(|part| !part.standing.is_verified()).or_else(|| self.parts.first())
    }

    /// For scripts: `kind`, `verified`, `code`, `detail`, and `parts`; the members of a single part stand at the top.
    #[must_use]
    pub fn document(&self) -> Value {
        let deciding = self.deciding();
        let mut document = json!({
            "kind": self.kind,
            "verified": self.is_verified(),
            "code": deciding.and_then(|part| part.standing.code()),
            "detail": deciding.map(|part| part.standing.detail()),
        });
        match self.parts.as_slice() {
            [Part { content: Value::Object(members), .. }] => {
                for (name, value) in members {
                    document[name.as_str()] = value.clone();
                }
            }
            parts => document["parts"] = parts.iter().map(Part::document).collect(),
        }
        document
    }

    /// For people.
    #[must_use]
    pub fn text(&self) -> String {
        let verdict = if self.is_verified() { "VERIFIED" } else { "NOT VERIFIED" };
        let mut lines = vec![format!("{verdict}  {}", self.kind)];
        for part in &self.parts {
            lines.push(format!("{}: {}", part.what, part.standing.headline()));
            if !part.content.is_null() {
                lines.push(format!("{:#}", part.content));
            }
        }
        lines.join("\n")
    }
}

impl Part {
    fn document(&self) -> Value {
        json!({
            "what": self.what,
            "verified": self.standing.is_verified(),
            "code": self.standing.code(),
            "detail": self.standing.detail(),
            "content": self.content,
        })
    }
}

#[cfg(test)]
mod tests;

//! Versions of what can be changed, so that nobody overwrites what they have not seen (RFC 9110, section 13).

use super::failure::Failure;
use crate::secret::sha256;
use axum::http::{HeaderMap, header};
use brink_license::b64;
use serde::Serialize;

/// Bytes of a digest that an ETag has: it tells versions apart, and proves nothing.
const ETAG_BYTES: usize = 16;

/// The strong ETag of what is shown.
pub(super) fn etag(shown: &impl Serialize) -> Option<String> {
    let json = serde_json::to_vec(shown).ok()?;
    Some(format!("\"{}\"", b64::encode(&sha256(&json)[..ETAG_BYTES])))
}

/// What `If-Match` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum IfMatch {
    /// Nothing.
    #[default]
    Absent,
    /// Whatever is there.
    Anything,
    /// One of these.
    Any(Vec<String>),
}

impl IfMatch {
    pub(super) fn read(headers: &HeaderMap) -> Result<Self, Failure> {
        let mut tags = Vec::new();
        for value in headers.get_all(header::IF_MATCH) {
            let text = value.to_str().map_err(|_| malformed())?;
            tags.extend(text.split(',').map(|tag| tag.trim().to_owned()));
        }
        match tags.as_slice() {
            [] => Ok(Self::Absent),
            [star] if star == "*" => Ok(Self::Anything),
            tags if tags.iter().all(|tag| is_tag(tag)) => Ok(Self::Any(tags.to_vec())),
            _ => Err(malformed()),
        }
    }

    /// Whether what is there may be changed. A weak tag never matches: it does not say that nothing has changed.
    pub(super) fn allows(&self, current: Option<&str>) -> bool {
        match (self, current) {
            (Self::Absent, None) => true,
            (Self::Absent, Some(_)) | (Self::Anything | Self::Any(_), None) => false,
            (Self::Anything, Some(_)) => true,
            (Self::Any(tags), Some(current)) => tags.iter().any(|tag| tag == current),
        }
    }

    /// Why it may not.
    pub(super) fn refusal(&self, current: Option<String>) -> Failure {
        match self {
            Self::Absent => Failure::precondition_required(),
            Self::Anything | Self::Any(_) => Failure::stale(current),
        }
    }
}

fn is_tag(text: &str) -> bool {
    let opaque = text.strip_prefix("W/").unwrap_or(text);
    let inner = opaque.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.is_some_and(|inner| !inner.contains('"'))
}

fn malformed() -> Failure {
    Failure::malformed(
        "BAD_IF_MATCH",
        "If-Match takes `*`, or ETags in double quotes with commas between them",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn read(values: &[&str]) -> Result<IfMatch, Failure> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::IF_MATCH, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        IfMatch::read(&headers)
    }

    #[test]
    fn only_what_was_looked_at_may_be_changed() {
        let tag = etag(&serde_json::json!({ "name": "a" })).unwrap();
        let other = etag(&serde_json::json!({ "name": "b" })).unwrap();
        assert_ne!(tag, other);
        let both = read(&[&format!("{other} , {tag}")]).unwrap();
        assert!(both.allows(Some(&tag)) && !both.allows(None));
        assert!(read(&[&other, &tag]).unwrap().allows(Some(&tag)), "two headers are one list");
        assert!(!read(&[&other]).unwrap().allows(Some(&tag)));
        assert!(!read(&[&format!("W/{tag}")]).unwrap().allows(Some(&tag)));
        assert!(read(&["*"]).unwrap().allows(Some(&tag)) && !read(&["*"]).unwrap().allows(None));
        assert!(read(&[]).unwrap().allows(None) && !read(&[]).unwrap().allows(Some(&tag)));
        for wrong in ["", "a", "\"a", "\"a\"b\"", "*, \"a\"", "\u{e9}"] {
            assert!(read(&[wrong]).is_err(), "{wrong}");
        }
    }
}

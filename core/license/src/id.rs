//! Identifiers: slugs that we choose, and names that users choose.

use crate::Code;
use std::fmt;

/// Longest slug, feature, issuer or token id in bytes (docs/TOKEN.md, "Identifiers").
pub const SLUG_BYTES_MAX: usize = 128;
/// Longest tenant, device or camera id in bytes.
pub const NAME_BYTES_MAX: usize = 255;

/// Why a text is not an identifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Slugs match `[a-z0-9][a-z0-9._:/-]{0,127}`.
    #[error("{0:?} is not a slug: 1 to 128 of a-z, 0-9 and ._:/- , starting with a letter or digit")]
    Slug(String),
    /// Features are `category/name`.
    #[error("{0:?} is not a feature: write it as category/name, for example analytics/near_miss")]
    Feature(String),
    /// Names are 1 to 255 bytes of printable UTF-8.
    #[error("{0:?} is not an id: 1 to 255 bytes of text without control characters")]
    Name(String),
}

impl IdError {
    /// The stable code: always [`Code::BadId`].
    #[must_use]
    pub const fn code(&self) -> Code {
        Code::BadId
    }
}

/// The shortest prefix of a refused text that still lets its writer find it.
pub(crate) fn shown(text: &str) -> String {
    text.chars().take(64).collect()
}

/// A slash, and a byte that no slug has, in one sum: features are looked at by the hundred.
const SLASH: u64 = 1;
const FOREIGN: u64 = 1 << 32;
const WEIGHT: [u64; 256] = {
    let mut weights = [FOREIGN; 256];
    let mut byte = 0;
    while byte < 128 {
        match byte as u8 {
            b'/' => weights[byte] = SLASH,
            b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b':' | b'-' => weights[byte] = 0,
            _ => {}
        }
        byte += 1;
    }
    weights
};

/// The slashes of a slug; `None` for any other text.
fn slashes_of_slug(text: &str) -> Option<u64> {
    let bytes = text.as_bytes();
    if !matches!(bytes.first(), Some(b'a'..=b'z' | b'0'..=b'9')) || bytes.len() > SLUG_BYTES_MAX {
        return None;
    }
    let sum = bytes.iter().fold(0u64, |sum, b| sum.wrapping_add(WEIGHT[usize::from(*b)]));
    (sum < FOREIGN).then_some(sum)
}

fn check_slug(text: &str) -> Result<(), IdError> {
    slashes_of_slug(text).map(drop).ok_or_else(|| IdError::Slug(shown(text)))
}

fn check_feature(text: &str) -> Result<(), IdError> {
    match slashes_of_slug(text) {
        // A slug does not start with its slash.
        Some(SLASH) if !text.ends_with('/') => Ok(()),
        Some(_) | None => Err(IdError::Feature(shown(text))),
    }
}

fn check_name(text: &str) -> Result<(), IdError> {
    // Nearly every name is plain ASCII; looked at without branches, many bytes at once.
    let plain = text.bytes().fold(true, |all, b| all & (b' '..=b'~').contains(&b));
    if plain && (1..=NAME_BYTES_MAX).contains(&text.len()) {
        return Ok(());
    }
    // Invisible characters that make two names look alike are control characters for this purpose:
    // line and paragraph separators, bidirectional overrides and the byte order mark.
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
    };
    if text.is_empty() || text.len() > NAME_BYTES_MAX || text.chars().any(hidden) {
        return Err(IdError::Name(shown(text)));
    }
    Ok(())
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $check:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(Box<str>);

        impl $name {
            /// Checks the text and takes it as it is: nothing is trimmed or folded.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                Self::check(text)?;
                Ok(Self(text.into()))
            }

            /// Whether the text is one, without taking it.
            pub(crate) fn check(text: &str) -> Result<(), IdError> {
                $check(text)
            }

            /// The text, compared as bytes everywhere.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::parse(text)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = IdError;
            fn try_from(text: &str) -> Result<Self, IdError> {
                Self::parse(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

identifier! {
    /// The name of an issuer, pinned by every device: `acme`, `dev-acme`.
    IssuerName, check_slug
}
identifier! {
    /// A pack, meter or scope: `advanced_analytics`.
    Slug, check_slug
}
identifier! {
    /// A feature as hosts ask for it: `analytics/near_miss`.
    Feature, check_feature
}
identifier! {
    /// The id of a licence or of one token (`sub`, `jti`).
    TokenId, check_slug
}
identifier! {
    /// A customer, as its operator named it.
    TenantId, check_name
}
identifier! {
    /// A device, as the issuer named it.
    DeviceId, check_name
}
identifier! {
    /// A camera, as its operator named it: `cam-001`, `Cam 7`, 32 hexadecimal digits.
    CameraId, check_name
}
identifier! {
    /// What used something: a camera's id, or any other name that its operator counts by.
    ResourceId, check_name
}

impl IssuerName {
    /// Whether relaxed development rules may apply: the name starts with exactly `dev-`.
    #[must_use]
    pub fn is_development(&self) -> bool {
        self.0.starts_with("dev-")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_take_what_the_specification_names_and_nothing_else() {
        for good in ["a", "0", "dev-acme", "a.b_c:d/e-f", &"x".repeat(128)] {
            assert!(Slug::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "_a", "A", "a b", "a\n", "ä", "a\u{430}", &"x".repeat(129)] {
            assert!(Slug::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn features_have_one_slash_between_two_parts() {
        assert!(Feature::parse("analytics/near_miss").is_ok());
        for bad in ["", "analytics", "analytics/", "/near_miss", "a/b/c", "A/b", "a /b"] {
            assert!(Feature::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn names_are_printable_and_bounded() {
        for good in ["Cam 7", "tenant-123", "Größe", "' OR 1=1--", &"x".repeat(255)] {
            assert!(CameraId::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "a\0", "a\n", "a\u{7f}", "a\u{202e}b", &"x".repeat(256)] {
            assert!(CameraId::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn only_the_exact_prefix_is_development() {
        let named = |text| IssuerName::parse(text).map(|name| name.is_development());
        assert_eq!(named("dev-acme"), Ok(true));
        for other in ["dev", "dev.acme", "devacme", "acme-dev-", "xdev-"] {
            assert_eq!(named(other), Ok(false), "{other}");
        }
    }
}

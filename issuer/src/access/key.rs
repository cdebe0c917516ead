//! `brk_<id>_<secret>`: the id finds the row, the secret of 256 bits is kept as its digest only. A key of before Brink that goes on
//! to be used is all secret; its id is a part of its digest.

use crate::secret::{NoRandom, Redacted, random, sha256};
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Bytes of an id: no secret, and enough that two keys never have the same.
const ID_BYTES: usize = 6;
/// Bytes of a secret.
const SECRET_BYTES: usize = 32;
const PREFIX: &str = "brk_";
/// What stands before a key of before Brink where its id is made of it.
const IMPORTED_LABEL: &[u8] = b"brink/imported-key/v1\0";
/// Bytes of a key of before Brink: what one of them had at least, and a line of a header at most.
pub(super) const IMPORTED_BYTES: std::ops::RangeInclusive<usize> = 12..=512;

/// The public half of a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(Box<str>);

impl KeyId {
    /// Twelve hexadecimal digits; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        is_hex(text, ID_BYTES).then(|| Self(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl serde::Serialize for KeyId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// A key as its holder has it.
#[derive(Clone, Debug)]
pub struct ApiKey {
    id: KeyId,
    secret: Redacted,
    /// It is as it was before Brink.
    is_imported: bool,
}

impl ApiKey {
    /// A fresh one.
    pub fn generate() -> Result<Self, NoRandom> {
        let id = KeyId(hex(&*random::<ID_BYTES>()?).into());
        let secret = Redacted::new(hex(&*random::<SECRET_BYTES>()?));
        Ok(Self { id, secret, is_imported: false })
    }

    /// Reads what somebody shows; `None` for a text that is no key.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let id = KeyId::parse(id)?;
        let secret = is_hex(secret, SECRET_BYTES).then(|| Redacted::new(secret.to_owned()))?;
        Some(Self { id, secret, is_imported: false })
    }

    /// A key of before Brink: any visible ASCII of 12 to 512 bytes that is no key of ours; `None` for any other text.
    #[must_use]
    pub fn imported(text: &str) -> Option<Self> {
        let is_sound = IMPORTED_BYTES.contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic())
            && !text.starts_with(PREFIX);
        let digest = sha256(&Zeroizing::new([IMPORTED_LABEL, text.as_bytes()].concat()));
        let id = KeyId(hex(&digest[..ID_BYTES]).into());
        is_sound.then(|| Self { id, secret: Redacted::new(text.to_owned()), is_imported: true })
    }

    /// What finds its row.
    #[must_use]
    pub const fn id(&self) -> &KeyId {
        &self.id
    }

    /// What is stored instead of its secret.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        sha256(self.secret.reveal().as_bytes())
    }

    /// The whole, to be shown once.
    #[must_use]
    pub fn shown(&self) -> Redacted {
        if self.is_imported {
            return self.secret.clone();
        }
        Redacted::new(format!("{PREFIX}{}_{}", self.id, self.secret.reveal()))
    }

    /// The secret itself, for what is derived from it.
    #[must_use]
    pub(crate) const fn secret(&self) -> &Redacted {
        &self.secret
    }

    /// Whether this is the key with the stored digest. Takes as long wherever they differ, and as long where nothing is
    /// stored: then it is compared with what no secret hashes to.
    #[must_use]
    pub fn matches(&self, stored: Option<&[u8; 32]>) -> bool {
        let nothing = [0; 32];
        let same = self.digest().ct_eq(stored.unwrap_or(&nothing));
        bool::from(same) && stored.is_some()
    }
}

fn is_hex(text: &str, bytes: usize) -> bool {
    text.len() == 2 * bytes && text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().map(|byte| Zeroizing::new(format!("{byte:02x}")));
    digits.fold(String::with_capacity(2 * bytes.len()), |text, digit| text + &digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_back_from_what_is_shown_and_only_from_that() {
        let key = ApiKey::generate().unwrap();
        let shown = key.shown();
        let back = ApiKey::parse(shown.reveal()).unwrap();
        assert_eq!((back.id(), back.digest()), (key.id(), key.digest()));
        assert!(back.matches(Some(&key.digest())));
        assert_eq!(shown.reveal().len(), 4 + 12 + 1 + 64);
        let text = shown.reveal();
        let twisted = [
            String::new(),
            "brk_".into(),
            text.to_uppercase(),
            format!("{text} "),
            format!(" {text}"),
            format!("{text}0"),
            text[..text.len() - 1].to_owned(),
            text.replacen("brk_", "brk", 1),
            text.replacen("brk_", "brk_0", 1),
            text.replace('_', "-"),
        ];
        assert!(twisted.iter().all(|text| ApiKey::parse(text).is_none()));
        assert_eq!(format!("{key:?}").matches(&text[20..]).count(), 0, "it is in no log");
    }

    #[test]
    fn another_secret_is_another_key_and_nothing_stored_is_none() {
        let (one, other) = (ApiKey::generate().unwrap(), ApiKey::generate().unwrap());
        assert_ne!(one.id(), other.id());
        assert!(!one.matches(Some(&other.digest())));
        assert!(!one.matches(None));
        assert!(!one.matches(Some(&[0; 32])));
    }
}

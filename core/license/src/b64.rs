//! base64url without padding and with zero trailing bits (RFC 4648 section 5, RFC 7515 section 2).

use base64_simd::URL_SAFE_NO_PAD;

/// Encodes bytes.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode_to_string(bytes)
}

/// Decodes a whole text, or nothing: padding, other alphabets and non-zero trailing bits are refused.
#[must_use]
pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode_to_vec(text).ok()
}

/// Decodes exactly `N` bytes.
#[must_use]
pub fn decode_array<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    decode(text)?.try_into().ok()
}

/// Writes 32 bytes as text, for claims.
pub(crate) fn serialize<S: serde::Serializer>(bytes: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_the_canonical_spelling_decodes() {
        assert_eq!(decode(b"AA"), Some(vec![0]));
        for bad in [&b"AB"[..], b"AA==", b"A", b"A+8A", b"A/8A", b"AA\n", b" AA"] {
            assert_eq!(decode(bad), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn every_text_that_decodes_is_the_one_encoding(text in "[A-Za-z0-9_-]{0,64}") {
            if let Some(bytes) = decode(text.as_bytes()) {
                prop_assert_eq!(encode(&bytes), text);
            }
        }
    }
}

//! Signing whole documents: build the bytes, ask the key, check its answer, assemble.

use crate::{SignError, Signer};
use brink_license::jws::{assemble, signing_input};
use brink_license::keyset::{MANIFEST_BYTES_MAX, encode_manifest, manifest_signing_input};
use brink_license::{Kid, Typ};

/// What a signature adds to the signing input: a dot and 86 characters of base64url.
const SIGNATURE_PART_BYTES: usize = 87;

/// Makes a compact JWS. The payload is signed as it stands, byte for byte.
pub fn sign_document(signer: &dyn Signer, typ: Typ, payload_json: &[u8]) -> Result<String, SignError> {
    let input = signing_input(typ, &signer.kid(), payload_json);
    let bytes = input.len() + SIGNATURE_PART_BYTES;
    if bytes > typ.bytes_max() {
        return Err(SignError::TooLarge { bytes, bytes_max: typ.bytes_max() });
    }
    let signature = checked_signature(signer, input.as_bytes())?;
    Ok(assemble(&input, &signature))
}

/// Signs a keyset manifest with every key given, which must be distinct, and makes its envelope. Whether they meet the
/// threshold is for the verifier to say: root keys may be kept in different places and sign one after the other.
pub fn sign_manifest(payload: &[u8], signers: &[&dyn Signer]) -> Result<Vec<u8>, SignError> {
    let input = manifest_signing_input(payload);
    let mut signatures: Vec<(Kid, [u8; 64])> = Vec::with_capacity(signers.len());
    for signer in signers {
        let kid = signer.kid();
        if signatures.iter().any(|(seen, _)| *seen == kid) {
            return Err(SignError::DuplicateSigner { kid });
        }
        signatures.push((kid, checked_signature(*signer, &input)?));
    }
    if signatures.is_empty() {
        return Err(SignError::NoSigner);
    }
    let envelope = encode_manifest(payload, &signatures)
        .map_err(|_| SignError::Internal { what: "putting the manifest together" })?;
    if envelope.len() > MANIFEST_BYTES_MAX {
        return Err(SignError::TooLarge { bytes: envelope.len(), bytes_max: MANIFEST_BYTES_MAX });
    }
    Ok(envelope)
}

/// A signature that the named key verifies. A provider set up with another key shows here and not on ten thousand
/// devices, and a fault during signing cannot leak the key through a wrong signature.
fn checked_signature(signer: &dyn Signer, message: &[u8]) -> Result<[u8; 64], SignError> {
    let signature = signer.sign(message)?;
    if signer.public_key().verifies(message, &signature) {
        Ok(signature)
    } else {
        Err(SignError::WrongKey { kid: signer.kid() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key_pair::KeyPair;
    use brink_license::PublicKey;

    /// A key in memory, which may claim to be another and may be out of order.
    struct Held {
        named: KeyPair,
        used: KeyPair,
        in_order: bool,
    }

    impl Held {
        fn honest(seed: u8) -> Self {
            Self::claiming(seed, seed)
        }

        fn claiming(named: u8, used: u8) -> Self {
            let pair = |seed| KeyPair::from_seed(&[seed; 32]).unwrap();
            Self { named: pair(named), used: pair(used), in_order: true }
        }
    }

    impl Signer for Held {
        fn public_key(&self) -> &PublicKey {
            self.named.public()
        }

        fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
            if self.in_order {
                return Ok(self.used.sign(message));
            }
            Err(SignError::Unavailable { kid: self.kid(), reason: "the provider is away".into() })
        }
    }

    #[test]
    fn a_document_is_a_compact_jws_over_exactly_the_payload() {
        let signer = Held::honest(7);
        let token = sign_document(&signer, Typ::License, br#"{"ver":1}"#).unwrap();
        let input = signing_input(Typ::License, &signer.kid(), br#"{"ver":1}"#);
        let signature = signer.sign(input.as_bytes()).unwrap();
        assert_eq!(token, assemble(&input, &signature));
        assert!(token.starts_with(&input) && token.len() == input.len() + SIGNATURE_PART_BYTES);
    }

    #[test]
    fn a_key_that_is_not_the_one_it_names_signs_nothing() {
        let signer = Held::claiming(7, 8);
        let refused = Err(SignError::WrongKey { kid: signer.kid() });
        assert_eq!(sign_document(&signer, Typ::Receipt, b"{}"), refused);
        assert_eq!(sign_manifest(b"{}", &[&signer]).map(|_| String::new()), refused);
    }

    #[test]
    fn a_provider_that_fails_is_reported_in_its_words() {
        let signer = Held { in_order: false, ..Held::honest(7) };
        let error = sign_document(&signer, Typ::Receipt, b"{}").unwrap_err();
        assert_eq!(error.code(), "SIGNER_UNAVAILABLE");
        assert!(error.to_string().contains("the provider is away"), "{error}");
    }

    #[test]
    fn a_document_that_nobody_would_take_is_not_signed() {
        let signer = Held::honest(7);
        for typ in Typ::ALL {
            let header = signing_input(typ, &signer.kid(), b"").len();
            let room = (typ.bytes_max() - header - SIGNATURE_PART_BYTES) / 4 * 3;
            assert!(sign_document(&signer, typ, &vec![b' '; room]).unwrap().len() <= typ.bytes_max());
            let error = sign_document(&signer, typ, &vec![b' '; room + 3]).unwrap_err();
            assert_eq!(error.code(), "DOCUMENT_TOO_LARGE");
        }
        let error = sign_manifest(&vec![b' '; MANIFEST_BYTES_MAX], &[&signer]).unwrap_err();
        assert_eq!(error.code(), "DOCUMENT_TOO_LARGE");
    }

    #[test]
    fn a_manifest_takes_one_signature_of_each_distinct_key() {
        let (one, two) = (Held::honest(1), Held::honest(2));
        let envelope = sign_manifest(b"{}", &[&one, &two]).unwrap();
        let input = manifest_signing_input(b"{}");
        let signatures = [&one, &two].map(|signer| (signer.kid(), signer.sign(&input).unwrap()));
        assert_eq!(envelope, encode_manifest(b"{}", &signatures).unwrap());
        let twice = sign_manifest(b"{}", &[&one, &two, &one]).unwrap_err();
        assert_eq!(twice, SignError::DuplicateSigner { kid: one.kid() });
        assert_eq!(sign_manifest(b"{}", &[]).unwrap_err(), SignError::NoSigner);
    }
}

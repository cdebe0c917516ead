//! Private keys as PEM: PKCS#8 version 1 (RFC 5208, RFC 8410), in the clear or under PBES2 (RFC 8018).
//!
//! Version 1 carries no public key, so that OpenSSL 3.0 and Python's `cryptography` read what is written here.
//! PBES2 with AES-CBC is not authenticated, and an Ed25519 key in version 1 is a header of exactly one AES block
//! followed by the seed in the next two: a flipped bit there changes the key and nothing notices. Whoever calls
//! [`decode`] has to compare the public half with one kept elsewhere.

use crate::key_file::Protection;
use crate::key_pair::KeyPair;
use crate::{KeyFault, Passphrase};
use pkcs8::der::asn1::OctetStringRef;
use pkcs8::der::{Decode, ErrorKind};
use pkcs8::pkcs5::scrypt::Params;
use pkcs8::pkcs5::{self, EncryptionScheme, pbes2};
use pkcs8::{AlgorithmIdentifierRef, EncryptedPrivateKeyInfoRef, LineEnding, ObjectIdentifier};
use pkcs8::{PrivateKeyInfoRef, SecretDocument};
use zeroize::Zeroizing;

/// Largest key file: ours take about 400 bytes, and 4 KiB still lets an RSA-4096 key be refused by its right name.
pub(crate) const KEY_FILE_BYTES_MAX: usize = 4096;

/// `id-Ed25519` (RFC 8410 section 3).
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// An Ed25519 key in version 1 is always this long in DER; longer means attributes, which nothing here reads.
const DER_BYTES: usize = 48;
/// The seed stands in an OCTET STRING of its own, inside PKCS#8's (RFC 8410 section 7): tag and length.
const SEED_HEADER: [u8; 2] = [0x04, 0x20];
/// RFC 8018 asks for 8 bytes of salt at least; 16 make a repetition impossible.
const SALT_BYTES: usize = 16;
const IV_BYTES: usize = 16;

const LABEL_PLAIN: &str = "PRIVATE KEY";
const LABEL_ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";

/// How expensive it is to try a passphrase (RFC 7914 section 2).
#[derive(Clone, Copy, Debug)]
pub(crate) struct ScryptCost {
    log_n: u8,
    r: u32,
    p: u32,
}

impl ScryptCost {
    /// OpenSSL 3.0 refuses to open a key that takes more than 32 MiB of scrypt memory, which N=2^15 with r=8 exceeds
    /// by 2 KiB. So N=2^14 (16 MiB), and p=5 instead of memory: the OWASP password storage cheat sheet lists
    /// (2^14, 8, 5) as equal in strength to its first choice (2^17, 8, 1). OpenSSL's own default is p=1.
    pub(crate) const STANDARD: ScryptCost = ScryptCost { log_n: 14, r: 8, p: 5 };

    /// For tests that open thousands of files.
    #[cfg(test)]
    pub(crate) const TEST: ScryptCost = ScryptCost { log_n: 1, r: 1, p: 1 };
}

/// Most memory (128 * N * r) that opening a file may take: four times what OpenSSL would write, and far from an outage.
const SCRYPT_MEMORY_MAX: u64 = 64 * 1024 * 1024;
/// Most passes over that memory.
const SCRYPT_P_MAX: u16 = 16;

/// Writes a key in the clear.
pub(crate) fn encode_plain(key: &KeyPair) -> Result<Zeroizing<String>, KeyFault> {
    let encoded =
        with_private_key_info(key, |info| SecretDocument::encode_msg(&info).map_err(pkcs8::Error::from))?;
    to_pem(&encoded, LABEL_PLAIN)
}

/// Writes a key encrypted under a passphrase.
pub(crate) fn encode_encrypted(
    key: &KeyPair,
    passphrase: &Passphrase,
    cost: ScryptCost,
) -> Result<Zeroizing<String>, KeyFault> {
    let (mut salt, mut iv) = ([0u8; SALT_BYTES], [0u8; IV_BYTES]);
    getrandom::fill(&mut salt).map_err(|_| KeyFault::Random)?;
    getrandom::fill(&mut iv).map_err(|_| KeyFault::Random)?;
    let encrypted = with_private_key_info(key, |info| {
        let params =
            Params::new(cost.log_n, cost.r, cost.p).map_err(|_| pkcs8::Error::ParametersMalformed)?;
        let scheme = pbes2::Parameters::generate_scrypt_aes256cbc(params, &salt, iv)?;
        info.encrypt_with_params(scheme, passphrase.as_bytes())
    })?;
    to_pem(&encrypted, LABEL_ENCRYPTED)
}

fn with_private_key_info(
    key: &KeyPair,
    write: impl FnOnce(PrivateKeyInfoRef<'_>) -> pkcs8::Result<SecretDocument>,
) -> Result<SecretDocument, KeyFault> {
    let mut inner = Zeroizing::new([0u8; 34]);
    inner[..2].copy_from_slice(&SEED_HEADER);
    inner[2..].copy_from_slice(key.seed());
    OctetStringRef::new(&*inner)
        .map_err(pkcs8::Error::from)
        .and_then(|octets| {
            let algorithm = AlgorithmIdentifierRef { oid: ED25519, parameters: None };
            write(PrivateKeyInfoRef::new(algorithm, octets))
        })
        .map_err(|_| KeyFault::Damaged { what: "its encoding failed" })
}

fn to_pem(document: &SecretDocument, label: &'static str) -> Result<Zeroizing<String>, KeyFault> {
    document.to_pem(label, LineEnding::LF).map_err(|_| KeyFault::Damaged { what: "its PEM encoding failed" })
}

/// Reads one key. The caller compares its public half: see the module.
pub(crate) fn decode(pem: &[u8], protection: Protection<'_>) -> Result<KeyPair, KeyFault> {
    let text = std::str::from_utf8(pem).map_err(|_| KeyFault::NotPkcs8)?;
    let (label, document) = SecretDocument::from_pem(text).map_err(|_| KeyFault::NotPkcs8)?;
    match (label, protection) {
        (LABEL_ENCRYPTED, Protection::Passphrase(passphrase)) => decrypt(document.as_bytes(), passphrase),
        (LABEL_PLAIN, Protection::PlaintextForDevelopment) => parse(document.as_bytes()),
        (LABEL_ENCRYPTED, Protection::PlaintextForDevelopment) => Err(KeyFault::Encrypted),
        (LABEL_PLAIN, Protection::Passphrase(_)) => Err(KeyFault::Plaintext),
        (_, Protection::Passphrase(_) | Protection::PlaintextForDevelopment) => Err(KeyFault::NotPkcs8),
    }
}

fn decrypt(der: &[u8], passphrase: &Passphrase) -> Result<KeyPair, KeyFault> {
    let container = EncryptedPrivateKeyInfoRef::from_der(der).map_err(|error| {
        if matches!(error.kind(), ErrorKind::OidUnknown { .. }) {
            return KeyFault::Cipher;
        }
        KeyFault::Damaged { what: "its encryption header" }
    })?;
    check_scheme(&container.encryption_algorithm)?;
    let decrypted = container.decrypt(passphrase.as_bytes()).map_err(|error| {
        // A wrong key shows in the padding, or else in what should be an ASN.1 sequence.
        let wrong_key = pkcs8::Error::EncryptedPrivateKey(pkcs5::Error::DecryptFailed);
        if error == wrong_key || matches!(error, pkcs8::Error::Asn1(_)) {
            return KeyFault::Passphrase;
        }
        KeyFault::Damaged { what: "its encryption parameters" }
    })?;
    parse(decrypted.as_bytes()).map_err(|fault| {
        let unreadable = matches!(fault, KeyFault::Damaged { .. });
        if unreadable { KeyFault::Passphrase } else { fault }
    })
}

/// Bounds the cost before paying it: the parameters are as unauthenticated as the rest of the file. N=0 would also
/// trip an assertion in the `pkcs5` crate.
fn check_scheme(scheme: &EncryptionScheme) -> Result<(), KeyFault> {
    let Some(parameters) = scheme.pbes2() else { return Err(KeyFault::Cipher) };
    let Some(scrypt) = parameters.kdf.scrypt() else { return Err(KeyFault::Cipher) };
    if !matches!(parameters.encryption, pbes2::EncryptionScheme::Aes256Cbc { .. }) {
        return Err(KeyFault::Cipher);
    }
    let (n, r, p) = (scrypt.cost_parameter, scrypt.block_size, scrypt.parallelization);
    let memory = n.saturating_mul(128).saturating_mul(u64::from(r));
    if n < 2 || !n.is_power_of_two() || r == 0 || p == 0 || p > SCRYPT_P_MAX || memory > SCRYPT_MEMORY_MAX {
        return Err(KeyFault::Cost { n, r, p });
    }
    Ok(())
}

/// PKCS#8 version 1 with an Ed25519 seed and nothing else.
fn parse(der: &[u8]) -> Result<KeyPair, KeyFault> {
    let damaged = KeyFault::Damaged { what: "its PKCS#8 structure" };
    let Ok(info) = PrivateKeyInfoRef::from_der(der) else { return Err(damaged) };
    if info.algorithm.oid != ED25519 {
        return Err(KeyFault::Algorithm { oid: info.algorithm.oid.to_string() });
    }
    if info.public_key.is_some() {
        return Err(KeyFault::Version);
    }
    if der.len() != DER_BYTES || info.algorithm.parameters.is_some() {
        return Err(damaged);
    }
    let Some(seed) = info.private_key.as_bytes().strip_prefix(&SEED_HEADER) else { return Err(damaged) };
    let Ok(seed) = <&[u8; 32]>::try_from(seed) else { return Err(damaged) };
    KeyPair::from_seed(seed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn passphrase(bytes: &[u8]) -> Passphrase {
        Passphrase::from_bytes(Zeroizing::new(bytes.to_vec())).unwrap()
    }

    fn key(seed: u8) -> KeyPair {
        KeyPair::from_seed(&[seed; 32]).unwrap()
    }

    /// The DER of a hand-made PKCS#8 document as PEM in the clear.
    fn plain_pem(der: &[u8]) -> Vec<u8> {
        let document = SecretDocument::try_from(der).unwrap();
        document.to_pem(LABEL_PLAIN, LineEnding::LF).unwrap().as_bytes().to_vec()
    }

    fn fault(pem: &[u8], protection: Protection<'_>) -> KeyFault {
        decode(pem, protection).unwrap_err()
    }

    /// PKCS#8 version 1 of Ed25519 up to the seed (RFC 8410 section 10.3): exactly one AES block.
    const PREFIX: [u8; 16] =
        [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

    #[test]
    fn the_plain_form_is_version_1_to_the_byte() {
        let pem = encode_plain(&key(7)).unwrap();
        let (label, document) = SecretDocument::from_pem(&pem).unwrap();
        assert_eq!(label, "PRIVATE KEY");
        assert_eq!(document.as_bytes(), [&PREFIX[..], &[7; 32]].concat());
    }

    #[test]
    fn other_algorithms_and_versions_are_refused_by_name() {
        let plain = Protection::PlaintextForDevelopment;
        let good = [&PREFIX[..], &[7; 32]].concat();
        assert_eq!(decode(&plain_pem(&good), plain).unwrap().kid(), key(7).kid());

        for (last_arc, oid) in [(0x6e, "1.3.101.110"), (0x6f, "1.3.101.111"), (0x71, "1.3.101.113")] {
            let mut other = good.clone();
            other[11] = last_arc; // X25519, X448, Ed448
            assert_eq!(fault(&plain_pem(&other), plain), KeyFault::Algorithm { oid: oid.to_owned() });
        }
        // Version 2 with the public key inside, as ed25519-dalek's own encoder writes it.
        let mut v2 = [&PREFIX[..], &[7; 32], &[0x81, 0x21, 0x00], key(7).public().as_bytes()].concat();
        v2[1] = u8::try_from(v2.len()).unwrap() - 2;
        v2[4] = 1;
        assert_eq!(fault(&plain_pem(&v2), plain), KeyFault::Version);
        // Version 1 with an empty set of attributes.
        let mut attributes = [&good[..], &[0xa0, 0x00]].concat();
        attributes[1] += 2;
        assert_eq!(fault(&plain_pem(&attributes), plain).code(), "KEYFILE_DAMAGED");
        // A seed that is one byte short.
        let mut short = good[..47].to_vec();
        (short[1], short[13], short[15]) = (0x2d, 0x21, 0x1f);
        assert_eq!(fault(&plain_pem(&short), plain).code(), "KEYFILE_DAMAGED");
    }

    #[test]
    fn what_is_no_pkcs8_pem_is_refused() {
        let plain = Protection::PlaintextForDevelopment;
        let pem = encode_plain(&key(7)).unwrap();
        for other in [
            String::new(),
            pem.replace("PRIVATE", "PUBLIC"),
            pem.replace("PRIVATE", "RSA PRIVATE"),
            pem.repeat(2),
            pem.trim_end().trim_end_matches('-').to_owned(),
        ] {
            assert_eq!(fault(other.as_bytes(), plain), KeyFault::NotPkcs8, "{other}");
        }
        assert_eq!(fault(&[0xff, 0xfe], plain), KeyFault::NotPkcs8);
    }

    #[test]
    fn protection_and_file_have_to_agree() {
        let secret = passphrase(b"secret");
        let plain = encode_plain(&key(7)).unwrap();
        let encrypted = encode_encrypted(&key(7), &secret, ScryptCost::TEST).unwrap();
        assert_eq!(fault(plain.as_bytes(), Protection::Passphrase(&secret)), KeyFault::Plaintext);
        assert_eq!(fault(encrypted.as_bytes(), Protection::PlaintextForDevelopment), KeyFault::Encrypted);
    }

    #[test]
    fn an_encrypted_key_of_another_algorithm_is_named_and_not_taken_for_a_wrong_passphrase() {
        let secret = passphrase(b"secret");
        let mut x25519 = [&PREFIX[..], &[7; 32]].concat();
        x25519[11] = 0x6e;
        let info = PrivateKeyInfoRef::from_der(&x25519).unwrap();
        let params = Params::new(1, 1, 1).unwrap();
        let scheme = pbes2::Parameters::generate_scrypt_aes256cbc(params, &[1; 16], [2; 16]).unwrap();
        let encrypted = info.encrypt_with_params(scheme, "secret").unwrap();
        let pem = to_pem(&encrypted, LABEL_ENCRYPTED).unwrap();
        assert_eq!(fault(pem.as_bytes(), Protection::Passphrase(&secret)).code(), "KEYFILE_ALGORITHM");
    }

    #[test]
    fn other_ciphers_and_costs_out_of_bounds_are_refused_before_they_are_paid() {
        let scrypt = |log_n, r, p| {
            let params = Params::new(log_n, r, p).unwrap();
            pbes2::Parameters::generate_scrypt_aes256cbc(params, &[1; 16], [2; 16]).unwrap()
        };
        let check = |parameters: pbes2::Parameters| check_scheme(&EncryptionScheme::Pbes2(parameters));
        assert_eq!(check(scrypt(14, 8, 5)), Ok(()));
        assert_eq!(check(scrypt(16, 8, 16)), Ok(()), "64 MiB in 16 passes is the bound");
        assert_eq!(check(scrypt(17, 8, 1)), Err(KeyFault::Cost { n: 1 << 17, r: 8, p: 1 }));
        assert_eq!(check(scrypt(14, 8, 17)), Err(KeyFault::Cost { n: 1 << 14, r: 8, p: 17 }));
        assert_eq!(check(scrypt(40, 8, 1)).unwrap_err().code(), "KEYFILE_COST");
        for n in [0, 1, 3, u64::MAX] {
            let mut odd = scrypt(14, 8, 1);
            if let pbes2::Kdf::Scrypt(scrypt) = &mut odd.kdf {
                scrypt.cost_parameter = n;
            }
            assert_eq!(check(odd), Err(KeyFault::Cost { n, r: 8, p: 1 }));
        }
        let pbkdf2 = pbes2::Parameters::generate_pbkdf2_sha256_aes256cbc(2048, &[1; 16], [2; 16]).unwrap();
        assert_eq!(check(pbkdf2), Err(KeyFault::Cipher));
        let params = Params::new(14, 8, 5).unwrap();
        let aes128 = pbes2::Parameters::generate_scrypt_aes128cbc(params, &[1; 16], [2; 16]).unwrap();
        assert_eq!(check(aes128), Err(KeyFault::Cipher));
    }

    #[test]
    fn a_flipped_bit_can_change_the_key_which_is_why_the_public_half_is_compared() {
        let secret = passphrase(b"secret");
        let pem = encode_encrypted(&key(7), &secret, ScryptCost::TEST).unwrap();
        let (_, document) = SecretDocument::from_pem(&pem).unwrap();
        let mut der = document.as_bytes().to_vec();
        let second_block = der.len() - 48; // of four: the header, two of seed, padding
        der[second_block] ^= 1;
        let flipped = to_pem(&SecretDocument::try_from(der).unwrap(), LABEL_ENCRYPTED).unwrap();
        let changed = decode(flipped.as_bytes(), Protection::Passphrase(&secret)).unwrap();
        assert_ne!(changed.kid(), key(7).kid());
    }

    proptest! {
        #[test]
        fn every_key_comes_back_under_its_own_passphrase_only(
            seed in any::<[u8; 32]>(),
            right in proptest::collection::vec(any::<u8>(), 2..64),
            wrong in proptest::collection::vec(any::<u8>(), 2..64),
        ) {
            let (right, wrong) = (passphrase(&right), passphrase(&wrong));
            let pair = KeyPair::from_seed(&seed).unwrap();
            let pem = encode_encrypted(&pair, &right, ScryptCost::TEST).unwrap();
            prop_assert!(pem.len() <= KEY_FILE_BYTES_MAX);
            let opened = decode(pem.as_bytes(), Protection::Passphrase(&right)).unwrap();
            prop_assert_eq!(opened.seed(), &seed);
            if right.as_bytes() != wrong.as_bytes() {
                prop_assert_eq!(fault(pem.as_bytes(), Protection::Passphrase(&wrong)), KeyFault::Passphrase);
            }
            let plain = encode_plain(&pair).unwrap();
            let opened = decode(plain.as_bytes(), Protection::PlaintextForDevelopment).unwrap();
            prop_assert_eq!(opened.seed(), &seed);
        }

        #[test]
        fn no_document_makes_it_panic(der in proptest::collection::vec(any::<u8>(), 0..200), label in 0..2usize) {
            let label = [LABEL_PLAIN, LABEL_ENCRYPTED][label];
            let mut sequence = vec![0x30, 0x81, u8::try_from(der.len()).unwrap()];
            sequence.extend(&der);
            if let Ok(document) = SecretDocument::try_from(sequence) {
                let pem = document.to_pem(label, LineEnding::LF).unwrap();
                let secret = passphrase(b"secret");
                let _ = decode(pem.as_bytes(), Protection::PlaintextForDevelopment);
                let _ = decode(pem.as_bytes(), Protection::Passphrase(&secret));
            }
            let _ = decode(&der, Protection::PlaintextForDevelopment);
        }
    }
}

//! Cases that are tried rather than listed: every bit of one token, and what a refusal must not do.

use std::net::TcpListener;

use brink_license::keyset::{KeyUse, Keyset};
use brink_license::token::{Authority, LicenceClaims, LicenceExpected, verify};
use brink_license::{IssuerName, b64};

use super::raw::{self, LICENSE, header, key, licence, licensed};

struct Reader {
    keyset: Keyset,
    expected: LicenceExpected,
}

impl Reader {
    fn new() -> Reader {
        let keyset = Keyset::bootstrap(&raw::anchor(), &raw::main_manifests()).expect("a sound keyset");
        let issuer = IssuerName::parse(raw::ISSUER).expect("a slug");
        Reader { keyset, expected: LicenceExpected::of_issuer(issuer) }
    }

    fn accepts(&self, token: &[u8]) -> bool {
        verify::<LicenceClaims>(token, Authority::Issuer(&self.keyset, KeyUse::License), &self.expected)
            .is_ok()
    }
}

#[test]
fn every_flipped_bit_of_a_token_is_refused() {
    let reader = Reader::new();
    let token = licensed(&licence());
    assert!(reader.accepts(token.as_bytes()));
    let mut bytes = token.into_bytes();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            bytes[at] ^= 1 << bit;
            assert!(!reader.accepts(&bytes), "bit {bit} of character {at}");
            bytes[at] ^= 1 << bit;
        }
    }
}

#[test]
fn every_flipped_bit_of_what_a_token_spells_is_refused() {
    let reader = Reader::new();
    let token = licensed(&licence());
    let parts: Vec<_> =
        token.split('.').map(|part| b64::decode(part.as_bytes()).expect("base64url")).collect();
    for part in 0..parts.len() {
        for at in 0..parts[part].len() {
            for bit in 0..8 {
                let mut flipped = parts.clone();
                flipped[part][at] ^= 1 << bit;
                let spelled: Vec<_> = flipped.iter().map(|part| b64::encode(part)).collect();
                assert!(
                    !reader.accepts(spelled.join(".").as_bytes()),
                    "bit {bit} of byte {at} in part {part}"
                );
            }
        }
    }
}

#[test]
fn a_key_by_address_is_never_fetched() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.set_nonblocking(true).expect("a listener");
    let address = listener.local_addr().expect("an address");
    let signer = key("attacker");
    for member in ["jku", "x5u"] {
        let head = header(LICENSE, signer.kid()).also(member, &format!("\"http://{address}/keys\""));
        assert!(!Reader::new().accepts(raw::token(&head.text(), &licence().text(), &signer).as_bytes()));
    }
    assert!(listener.accept().is_err(), "somebody followed the address in a header");
}

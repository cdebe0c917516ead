//! The exchange documents: one request up, one response down, the same bytes by network or by file.
//!
//! Both start with eight magic bytes and a version byte, then postcard. What they carry is signed by itself: the
//! request's proof covers its body, the response's receipt and licence carry the issuer's signatures, and the receipt
//! the digest of the ratchet. Everything is bounded before it is allocated.

mod body;
mod codec;
mod held;
mod request;
mod response;

pub use body::{ClientReport, RequestBody, RequestKind, Section};
pub use codec::ExchangeError;
pub(crate) use codec::{from_postcard, to_postcard};
pub use held::NoticesHeld;
pub use request::{ExchangeRequest, body_sha256, ratchet_mac};
pub use response::ExchangeResponse;

/// Path of an activation: the `htu` of its proof.
pub const ACTIVATE_PATH: &str = "/v1/activate";
/// Path of an exchange: the `htu` of its proof.
pub const EXCHANGE_PATH: &str = "/v1/exchange";
/// Path in the proof of a clock challenge, which travels by file alone.
pub const CLOCK_RESET_PATH: &str = "/v1/clock-reset";
/// Media type of both documents.
pub const MEDIA_TYPE: &str = "application/vnd.brink.exchange";

/// Largest request as sent: the issuer accepts 4 MiB of compressed body and its envelope.
pub const REQUEST_BYTES_MAX: usize = 4 * 1024 * 1024 + 128 * 1024;
/// Largest response: a licence, its manifests and a receipt, with room.
pub const RESPONSE_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Largest request body once inflated, of a device that is known.
pub const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Largest body of an activation or a clock challenge once inflated: a code and a report. Anybody can send one, so it must cost little.
pub const ACTIVATION_BODY_BYTES_MAX: usize = 64 * 1024;
/// Most sections of one document: each kind at most once, with room for kinds to come.
pub const SECTIONS_MAX: usize = 64;
/// Most clock flags that a report names: there are fewer than twenty.
pub const CLOCK_FLAGS_MAX: usize = 64;
/// Longest text that a report or a code may be: a boot id takes 36 bytes, a code fewer.
pub const TEXT_BYTES_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Code;
    use proptest::prelude::*;

    fn body() -> RequestBody {
        RequestBody {
            kind: RequestKind::Activate { code: "ABCDE-FGHJK".into() },
            report: ClientReport { licence_seq: 7, boot_id: "b".into(), ..ClientReport::default() },
            last_receipt: Some("r".repeat(500)),
            sections: vec![Section { kind: 9, bytes: vec![1, 2, 3] }],
        }
    }

    fn request() -> ExchangeRequest {
        let body = body().encode().unwrap();
        ExchangeRequest { proof: "p".into(), device_key: [1; 32], ratchet_mac: Some([2; 32]), body }
    }

    fn response() -> ExchangeResponse {
        ExchangeResponse {
            receipt: "r".into(),
            next_ratchet: [3; 32],
            manifests: vec![vec![1], vec![2, 3]],
            licence: Some("l".into()),
            sections: Vec::new(),
        }
    }

    #[test]
    fn documents_come_back_as_they_went() {
        assert_eq!(RequestBody::decode(&request().body), Ok(body()));
        assert_eq!(ExchangeRequest::decode(&request().encode().unwrap()), Ok(request()));
        assert_eq!(ExchangeResponse::decode(&response().encode().unwrap()), Ok(response()));
    }

    #[test]
    fn every_cut_and_every_byte_more_is_refused() {
        let (request, response) = (request().encode().unwrap(), response().encode().unwrap());
        for bytes in [&request, &response] {
            for length in 0..bytes.len() {
                assert!(ExchangeRequest::decode(&bytes[..length]).is_err());
                assert!(ExchangeResponse::decode(&bytes[..length]).is_err());
            }
        }
        let longer = |bytes: &[u8]| [bytes, &[0]].concat();
        assert_eq!(ExchangeRequest::decode(&longer(&request)), Err(ExchangeError::Damaged("request")));
        assert_eq!(ExchangeResponse::decode(&longer(&response)), Err(ExchangeError::Damaged("response")));
        let body = body().encode().unwrap();
        assert!(RequestBody::decode(&longer(&body)).is_err());
        assert!((0..body.len()).all(|length| RequestBody::decode(&body[..length]).is_err()));
    }

    #[test]
    fn an_over_long_varint_is_refused() {
        let response = response().encode().unwrap();
        // The first length, that of the receipt, spelled with one byte more than it needs.
        assert_eq!(response[9], 1);
        let longer = [&response[..9], &[0x81, 0x00], &response[10..]].concat();
        assert_eq!(ExchangeResponse::decode(&longer), Err(ExchangeError::Damaged("response")));
    }

    #[test]
    fn other_documents_and_later_versions_are_named() {
        let mut request = request().encode().unwrap();
        assert_eq!(ExchangeResponse::decode(&request), Err(ExchangeError::NotOurs("response")));
        request[8] = 2;
        let refused = ExchangeRequest::decode(&request).unwrap_err();
        assert_eq!(refused.code(), Code::Unsupported);
        let mut body = body().encode().unwrap();
        body[0] = 0;
        assert_eq!(RequestBody::decode(&body).unwrap_err().code(), Code::Unsupported);
    }

    #[test]
    fn a_bomb_is_refused_before_it_is_unpacked() {
        let mut bomb = vec![1];
        bomb.extend(codec::deflate(&vec![0; BODY_BYTES_MAX + 1]));
        assert!(bomb.len() < 64 * 1024, "a few bytes that become many: {}", bomb.len());
        assert_eq!(RequestBody::decode(&bomb).unwrap_err().code(), Code::TooLarge);
        let too_long = vec![0; REQUEST_BYTES_MAX + 1];
        assert_eq!(ExchangeRequest::decode(&too_long).unwrap_err().code(), Code::TooLarge);
    }

    #[test]
    fn only_the_ratchet_that_was_given_makes_the_mac() {
        let mut request = request();
        request.ratchet_mac = Some(ratchet_mac(&[5; 32], &body_sha256(&request.body)));
        assert!(request.mac_is_of(&[5; 32]));
        assert!(!request.mac_is_of(&[6; 32]));
        request.body.push(0);
        assert!(!request.mac_is_of(&[5; 32]));
        request.ratchet_mac = None;
        assert!(!request.mac_is_of(&[5; 32]));
    }

    #[test]
    fn the_mac_is_hmac_sha256() {
        // RFC 4231 test case 2 has a shorter key; zero padding makes it the same key (RFC 2104 section 2).
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        let mut expected = <hmac::Hmac<sha2::Sha256> as hmac::KeyInit>::new_from_slice(b"Jefe").unwrap();
        hmac::Mac::update(&mut expected, &[9; 32]);
        let expected: [u8; 32] = hmac::Mac::finalize(expected).into_bytes().into();
        assert_eq!(ratchet_mac(&key, &[9; 32]), expected);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
            let _ = RequestBody::decode(&[&[1], &bytes[..]].concat());
            let _ = ExchangeRequest::decode(&[b"BRINKREQ\x01", &bytes[..]].concat());
            let _ = ExchangeResponse::decode(&[b"BRINKRSP\x01", &bytes[..]].concat());
        }
    }
}

//! A device made by hand: requests that the real agent would never write, and responses read without it.

use std::path::Path;

use brink_license::exchange::{
    ACTIVATE_PATH, ClientReport, ExchangeRequest, ExchangeResponse, RequestBody, RequestKind, body_sha256,
};
use brink_license::keyset::{KeyUse, Keyset, TrustAnchor};
use brink_license::token::{
    Authority, LicenceClaims, LicenceExpected, RequestClaims, VerifiedLicence, verify,
};
use brink_license::{DeviceId, IssuerName, Typ};

use crate::forge::Key;
use crate::{Issuer, Ran};

/// What a hand-made activation says; a test changes a part before it is sealed.
#[derive(Clone, Debug)]
pub struct Activation {
    /// The key that signs the proof.
    pub signer: Key,
    /// The key that the request carries.
    pub device_key: [u8; 32],
    /// The claims of the proof; `bh` is filled in when it is sealed, unless it was set.
    pub claims: RequestClaims,
    /// The body.
    pub body: RequestBody,
}

impl Activation {
    /// A sound activation of `key` with a code.
    pub fn new(issuer: &str, key: Key, code: &str) -> Activation {
        let claims = RequestClaims {
            ver: 1,
            iss: IssuerName::parse(issuer).expect("an issuer's name"),
            htm: "POST".into(),
            htu: ACTIVATE_PATH.into(),
            bh: [0; 32],
            dev: DeviceId::parse(&key.public().kid().to_string()).expect("a device id"),
            epoch: 0,
            ctr: 1,
            nonce: [key.0; 32],
        };
        let body = RequestBody {
            kind: RequestKind::Activate { code: code.to_owned() },
            report: ClientReport::default(),
            last_receipt: None,
            sections: Vec::new(),
        };
        Activation { signer: key, device_key: *key.public().as_bytes(), claims, body }
    }

    /// The bytes to send.
    pub fn seal(&self) -> Vec<u8> {
        let body = self.body.encode().expect("a body");
        let mut claims = self.claims.clone();
        if claims.bh == [0; 32] {
            claims.bh = body_sha256(&body);
        }
        let proof = self.signer.document(Typ::Request, &claims.to_json_bytes().expect("claims"));
        let request = ExchangeRequest { proof, device_key: self.device_key, ratchet_mac: None, body };
        request.encode().expect("a request")
    }
}

/// Gives request bytes to the issuer by file. The response is `None` if there is no such file afterwards.
pub fn answer_by_file(issuer: &Issuer, folder: &Path, request: &[u8]) -> (Ran, Option<ExchangeResponse>) {
    let (asked, answered) = (folder.join("by-hand.req"), folder.join("by-hand.resp"));
    std::fs::write(&asked, request).expect("a request file");
    let _ = std::fs::remove_file(&answered);
    let ran = issuer.exchange_file(&asked, &answered);
    let response = std::fs::read(&answered).ok();
    (ran, response.map(|bytes| ExchangeResponse::decode(&bytes).expect("a response")))
}

/// The licence of a response, verified from the issuer's trust file, with the keyset that verified it.
pub fn licence_of(issuer: &Issuer, response: &ExchangeResponse) -> (VerifiedLicence, Keyset) {
    let trust = std::fs::read(issuer.trust()).expect("trust.json");
    let anchor = TrustAnchor::from_json(&trust).expect("a sound anchor");
    let keyset = Keyset::bootstrap(&anchor, &response.manifests).expect("a sound keyset");
    let token = response.licence.as_ref().expect("a licence in the response");
    let expected = LicenceExpected::of_issuer(anchor.issuer().clone());
    let authority = Authority::Issuer(&keyset, KeyUse::License);
    let licence = verify::<LicenceClaims>(token.as_bytes(), authority, &expected).expect("a sound licence");
    (licence, keyset)
}

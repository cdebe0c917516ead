//! A device by hand, which may be in several places at once.

use brink_issuer::storage::AnswerKind;
use brink_issuer::{Issuer, Refusal};
use brink_license::exchange::{
    ClientReport, EXCHANGE_PATH, ExchangeRequest, ExchangeResponse, RequestBody, RequestKind, Section,
    body_sha256, ratchet_mac,
};
use brink_license::token::RequestClaims;
use brink_license::{DeviceId, IssuerName, Typ, b64};
use brink_tests::by_hand::Activation;
use brink_tests::forge::Key;

/// What a device remembers.
#[derive(Clone)]
pub(crate) struct Held {
    key: Key,
    pub(crate) device: DeviceId,
    pub(crate) licence_seq: u64,
    epoch: u32,
    ctr: u64,
    ratchet: [u8; 32],
    receipt: String,
}

/// The request that spends a code.
pub(crate) fn activation(key: Key, code: &str) -> Vec<u8> {
    Activation::new("dev-acme", key, code).seal()
}

fn claims(token: &str) -> serde_json::Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&b64::decode(payload.as_bytes()).unwrap()).unwrap()
}

/// Who the answer to an activation is for.
pub(crate) fn device_of(answer: &[u8]) -> DeviceId {
    let response = ExchangeResponse::decode(answer).unwrap();
    claims(&response.receipt)["dev"].as_str().unwrap().parse().unwrap()
}

impl Held {
    pub(crate) fn activated(issuer: &Issuer, key: Key, code: &str) -> Result<Self, Refusal> {
        let answer = issuer.answer(&activation(key, code), Some(AnswerKind::Activate))?;
        let response = ExchangeResponse::decode(&answer).unwrap();
        let told = claims(&response.receipt);
        Ok(Self {
            key,
            device: device_of(&answer),
            licence_seq: told["lic"]["seq"].as_u64().unwrap(),
            epoch: u32::try_from(told["epoch"].as_u64().unwrap()).unwrap(),
            ctr: 1,
            ratchet: response.next_ratchet,
            receipt: response.receipt,
        })
    }

    pub(crate) fn key(&self) -> Key {
        self.key
    }

    pub(crate) fn epoch(&self) -> u32 {
        self.epoch
    }

    /// What the receipt of its last answer says.
    pub(crate) fn told(&self) -> serde_json::Value {
        claims(&self.receipt)
    }

    /// Its next request.
    pub(crate) fn request(&mut self) -> Vec<u8> {
        self.request_with(Vec::new())
    }

    /// The same with more to say.
    pub(crate) fn request_with(&mut self, sections: Vec<Section>) -> Vec<u8> {
        self.ctr += 1;
        let report = ClientReport {
            licence_seq: self.licence_seq,
            keyset_version: 1,
            receipt_seq: claims(&self.receipt)["seq"].as_u64().unwrap(),
            boot_id: "boot-1".into(),
            ..ClientReport::default()
        };
        let last_receipt = Some(self.receipt.clone());
        let body = RequestBody { kind: RequestKind::Exchange, report, last_receipt, sections };
        let body = body.encode().unwrap();
        let said = RequestClaims {
            ver: 1,
            iss: IssuerName::parse("dev-acme").unwrap(),
            htm: "POST".into(),
            htu: EXCHANGE_PATH.into(),
            bh: body_sha256(&body),
            dev: self.device.clone(),
            epoch: self.epoch,
            ctr: self.ctr,
            nonce: [self.key.0; 32],
        };
        let proof = self.key.document(Typ::Request, &said.to_json_bytes().unwrap());
        let ratchet_mac = Some(ratchet_mac(&self.ratchet, &body_sha256(&body)));
        let device_key = *self.key.public().as_bytes();
        ExchangeRequest { proof, device_key, ratchet_mac, body }.encode().unwrap()
    }

    /// Takes an answer; says whether a licence came with it.
    pub(crate) fn take(&mut self, answer: &[u8]) -> bool {
        let response = ExchangeResponse::decode(answer).unwrap();
        let told = claims(&response.receipt);
        let seq = told["lic"]["seq"].as_u64().unwrap();
        assert!(seq >= self.licence_seq, "a licence never goes back");
        if response.licence.is_some() {
            assert!(seq > self.licence_seq, "nor is a number given twice");
            self.licence_seq = seq;
        }
        (self.ratchet, self.receipt) = (response.next_ratchet, response.receipt);
        response.licence.is_some()
    }

    pub(crate) fn exchange(&mut self, issuer: &Issuer) -> Result<bool, Refusal> {
        let request = self.request();
        let answer = issuer.answer(&request, Some(AnswerKind::Exchange))?;
        Ok(self.take(&answer))
    }
}

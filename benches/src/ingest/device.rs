//! A device that meters: real keys, real records on a real chain, real requests.

use brink_license::clock::BootId;
use brink_license::exchange::{
    ACTIVATE_PATH, ClientReport, EXCHANGE_PATH, ExchangeRequest, ExchangeResponse, RequestBody, RequestKind,
    body_sha256, ratchet_mac,
};
use brink_license::keyset::{KeyUse, Keyset, TrustAnchor};
use brink_license::token::{
    Authority, BatchVerdict, CheckpointClaims, ReceiptClaims, ReceiptExpected, RequestClaims,
    VerifiedReceipt, verify,
};
use brink_license::usage::{
    Batch, ChainReport, Entry, Genesis, Head, MeterTotal, Moment, Quantity, Record, Usage, UsageSection,
    batch_sha256,
};
use brink_license::{DeviceId, ResourceId, Slug, Typ};
use brink_signing::{DeviceKey, Signer, sign_document};
use std::collections::BTreeMap;
use std::path::Path;

/// Cameras of a device, each with uses of every meter: what a chatty site has in a quarter of an hour.
const CAMERAS: usize = 50;
const METERS: [&str; 2] = ["api_call", "frame"];
const NONCE: [u8; 32] = [7; 32];

pub struct Device {
    key: DeviceKey,
    anchor: TrustAnchor,
    keyset: Option<Keyset>,
    receipt: Option<VerifiedReceipt>,
    ratchet: Option<[u8; 32]>,
    ctr: u64,
    chain: Option<Genesis>,
    head: Head,
    totals: BTreeMap<Slug, MeterTotal>,
    wall_ms: i64,
    cameras: Vec<ResourceId>,
    meters: Vec<Slug>,
}

impl Device {
    /// With a fresh key in a file.
    pub fn new(key: &Path, anchor: TrustAnchor, wall_ms: i64) -> Self {
        let camera = |number: usize| ResourceId::parse(&format!("cam-{number:04}")).expect("a name");
        Self {
            key: DeviceKey::create(key).expect("a key"),
            anchor,
            keyset: None,
            receipt: None,
            ratchet: None,
            ctr: 0,
            chain: None,
            head: Head { seq: 0, hash: [0; 32] },
            totals: BTreeMap::new(),
            wall_ms,
            cameras: (0..CAMERAS).map(camera).collect(),
            meters: METERS.iter().map(|name| Slug::parse(name).expect("a name")).collect(),
        }
    }

    pub fn id(&self) -> &DeviceId {
        &self.receipt.as_ref().expect("an activation").claims().dev
    }

    /// The number of its last record.
    pub fn last_seq(&self) -> u64 {
        self.head.seq
    }

    pub fn activation(&mut self, code: &str) -> Vec<u8> {
        self.request(RequestKind::Activate { code: code.to_owned() }, None)
    }

    /// A request with so many new records; answers their bytes as well.
    pub fn exchange(&mut self, records: usize) -> (Vec<u8>, Vec<Vec<u8>>) {
        self.wall_ms += 1000;
        let before = self.head.seq;
        let records: Vec<Vec<u8>> = (0..records).map(|_| self.record()).collect();
        let genesis = self.chain.clone().expect("an activation");
        let claims = CheckpointClaims {
            ver: 1,
            iss: self.anchor.issuer().clone(),
            dev: self.id().clone(),
            epoch: genesis.epoch,
            jkt: self.key.kid(),
            seq: self.head.seq,
            hash: self.head.hash,
            batch: batch_sha256(&records),
        };
        let checkpoint = claims.to_json_bytes().expect("claims");
        let checkpoint = sign_document(&self.key, Typ::Checkpoint, &checkpoint).expect("a signature");
        let report = ChainReport {
            epoch: genesis.epoch,
            jkt: genesis.jkt,
            head: self.head,
            kept_from: before + 1,
            settled: before,
            recoveries: 0,
        };
        let batch = Some(Batch { epoch: genesis.epoch, records: records.clone(), checkpoint });
        let usage = UsageSection { sent: self.moment(), chains: vec![report], batch };
        (self.request(RequestKind::Exchange, Some(usage)), records)
    }

    fn moment(&self) -> Moment {
        let boot = BootId::parse("00000000-0000-4000-8000-000000000001").expect("a boot");
        Moment { boot, boottime_ms: self.wall_ms, wall_ms: self.wall_ms, est_ms: self.wall_ms }
    }

    fn record(&mut self) -> Vec<u8> {
        let (number, genesis) = (self.head.seq as usize, self.chain.clone().expect("an activation"));
        let meter = self.meters[number % METERS.len()].clone();
        let resource = Some(self.cameras[number / METERS.len() % CAMERAS].clone());
        let quantity = Quantity::whole(1 + self.head.seq % 9);
        let after = MeterTotal::with(self.totals.get(&meter), (quantity, 1), self.wall_ms).expect("a total");
        let usage = Usage { meter: meter.clone(), resource, quantity, count: 1, total: after.total };
        self.totals.insert(meter, after);
        let record = Record {
            device: genesis.device,
            epoch: genesis.epoch,
            seq: self.head.seq + 1,
            at: self.moment(),
            licence: None,
            entry: Entry::Usage(usage),
            prev: self.head.hash,
        };
        let bytes = record.to_bytes();
        self.head = Head { seq: record.seq, hash: record.link(&bytes) };
        bytes
    }

    fn request(&mut self, kind: RequestKind, usage: Option<UsageSection>) -> Vec<u8> {
        self.ctr += 1;
        let htu = if usage.is_some() { EXCHANGE_PATH } else { ACTIVATE_PATH };
        let told = self.receipt.as_ref().map(VerifiedReceipt::claims);
        let report = ClientReport {
            licence_seq: told.map_or(0, |told| told.lic.seq),
            keyset_version: self.keyset.as_ref().map_or(0, Keyset::version),
            receipt_seq: told.map_or(0, |told| told.seq),
            boot_id: "boot-1".into(),
            ..ClientReport::default()
        };
        let last_receipt = self.receipt.as_ref().map(|receipt| receipt.token().to_owned());
        let sections = usage.iter().map(|usage| usage.section().expect("a section")).collect();
        let body = RequestBody { kind, report, last_receipt, sections }.encode().expect("a body");
        let claims = RequestClaims {
            ver: 1,
            iss: self.anchor.issuer().clone(),
            htm: "POST".into(),
            htu: htu.into(),
            bh: body_sha256(&body),
            dev: told
                .map_or_else(|| self.key.kid().to_string().parse().expect("an id"), |told| told.dev.clone()),
            epoch: told.map_or(0, |told| told.epoch),
            ctr: self.ctr,
            nonce: NONCE,
        };
        let proof = sign_document(&self.key, Typ::Request, &claims.to_json_bytes().expect("claims"));
        let ratchet_mac = self.ratchet.map(|ratchet| ratchet_mac(&ratchet, &body_sha256(&body)));
        let device_key = *self.key.public_key().as_bytes();
        let proof = proof.expect("a signature");
        ExchangeRequest { proof, device_key, ratchet_mac, body }.encode().expect("a request")
    }

    /// Verifies an answer and takes it up; what it brought has to be on record.
    pub fn accept(&mut self, answer: &[u8]) {
        let response = ExchangeResponse::decode(answer).expect("an answer");
        let keyset = self.keyset.take();
        let keyset =
            keyset.unwrap_or_else(|| Keyset::bootstrap(&self.anchor, &response.manifests).expect("a keyset"));
        let expected = ReceiptExpected {
            issuer: self.anchor.issuer().clone(),
            device: None,
            epoch: None,
            pending: Some((NONCE, self.ctr)),
        };
        let authority = Authority::Issuer(&keyset, KeyUse::Receipt);
        let receipt = verify::<ReceiptClaims>(response.receipt.as_bytes(), authority, &expected);
        let receipt = receipt.expect("a receipt");
        if let Some(usage) = &receipt.claims().usage {
            assert_eq!((usage.batch, usage.quarantined), (BatchVerdict::Taken, 0));
            assert_eq!((usage.cursors[0].seq, usage.cursors[0].hash), (self.head.seq, self.head.hash));
        } else {
            let claims = receipt.claims();
            let genesis = Genesis::new(claims.dev.clone(), claims.epoch, self.key.kid());
            self.head = genesis.head();
            self.chain = Some(genesis);
        }
        self.ratchet = Some(response.next_ratchet);
        (self.keyset, self.receipt) = (Some(keyset), Some(receipt));
    }
}

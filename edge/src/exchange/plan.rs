//! From what is held to the next request. Pure: time, randomness and the machine's name are arguments.

use brink_license::exchange::{
    ACTIVATE_PATH, CLOCK_RESET_PATH, ClientReport, EXCHANGE_PATH, ExchangeError, ExchangeRequest,
    NoticesHeld, RequestBody, RequestKind, Section, body_sha256, ratchet_mac,
};
use brink_license::seating::SEATS_SECTION;
use brink_license::token::{CLAIMS_VERSION, Notice, RequestClaims};
use brink_license::usage::UsageSection;
use brink_license::{DeviceId, IdError, PublicKey, UnixSeconds};
use brink_store::{Documents, Held, Pending, PendingKind};

/// Where a request goes: the path of its proof.
#[must_use]
pub const fn path_of(kind: PendingKind) -> &'static str {
    match kind {
        PendingKind::Activate => ACTIVATE_PATH,
        PendingKind::Exchange => EXCHANGE_PATH,
    }
}

/// A request that lacks nothing but its proof's signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// What the device signs.
    pub claims: RequestClaims,
    /// The body as it is sent, which the proof covers.
    pub body: Vec<u8>,
    /// HMAC of the body under the ratchet; `None` before the first answer.
    pub ratchet_mac: Option<[u8; 32]>,
    device_key: [u8; 32],
}

/// Why a request cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The device's name cannot be spelled in a claim.
    #[error("the device's name: {0}")]
    Name(#[from] IdError),
    /// The body is beyond its limits.
    #[error("the request: {0}")]
    Body(#[from] ExchangeError),
}

/// A request to become a device.
pub fn activation(
    held: &Held,
    key: &PublicKey,
    code: &str,
    report: ClientReport,
    nonce: [u8; 32],
) -> Result<Draft, PlanError> {
    let kind = RequestKind::Activate { code: code.to_owned() };
    let body = RequestBody { kind, report, last_receipt: None, sections: Vec::new() };
    // The issuer has given no name yet, so the device names itself after its key.
    let name = DeviceId::parse(&key.kid().to_string())?;
    draft(ACTIVATE_PATH, held, key, &body, Sender { device: name, epoch: 0, nonce })
}

/// What a report shows of what is held.
#[derive(Clone, Copy, Debug, Default)]
pub struct Said<'s> {
    /// The documents in force.
    pub documents: Option<&'s Documents>,
    /// The notices that count.
    pub notices: &'s [Notice],
    /// Where usage stands.
    pub usage: Option<&'s UsageSection>,
}

/// A request to report and be answered; `None` for a device without a name.
pub fn exchange(
    held: &Held,
    key: &PublicKey,
    said: &Said<'_>,
    report: ClientReport,
    nonce: [u8; 32],
) -> Result<Option<Draft>, PlanError> {
    let Some(identity) = &held.identity else { return Ok(None) };
    let last_receipt = said.documents.and_then(|documents| documents.receipt.clone());
    let mut sections: Vec<Section> = NoticesHeld::of(said.notices).section()?.into_iter().collect();
    sections.extend(said.usage.map(UsageSection::section).transpose()?);
    let seats = held.seats.as_ref();
    sections
        .extend(seats.map(|seats| Section { kind: SEATS_SECTION, bytes: seats.token.clone().into_bytes() }));
    let body = RequestBody { kind: RequestKind::Exchange, report, last_receipt, sections };
    let sender = Sender { device: identity.device.clone(), epoch: identity.epoch, nonce };
    draft(EXCHANGE_PATH, held, key, &body, sender).map(Some)
}

/// A challenge for a clock reset; `None` for a device without a name. It takes no number: its nonce alone is spent.
pub fn clock_challenge(
    held: &Held,
    key: &PublicKey,
    report: ClientReport,
    (wall, now): (UnixSeconds, UnixSeconds),
    nonce: [u8; 32],
) -> Result<Option<Draft>, PlanError> {
    let Some(identity) = &held.identity else { return Ok(None) };
    let kind = RequestKind::ClockReset { wall, now };
    let body = RequestBody { kind, report, last_receipt: None, sections: Vec::new() };
    let sender = Sender { device: identity.device.clone(), epoch: identity.epoch, nonce };
    let draft = draft(CLOCK_RESET_PATH, held, key, &body, sender)?;
    // No exchange, so it shows nothing of the ratchet either.
    Ok(Some(Draft { ratchet_mac: None, ..draft }))
}

/// Who asks, and the nonce that has to come back.
struct Sender {
    device: DeviceId,
    epoch: u32,
    nonce: [u8; 32],
}

fn draft(
    htu: &str,
    held: &Held,
    key: &PublicKey,
    body: &RequestBody,
    sender: Sender,
) -> Result<Draft, PlanError> {
    let body = body.encode()?;
    let bh = body_sha256(&body);
    let claims = RequestClaims {
        ver: CLAIMS_VERSION,
        iss: held.issuer.clone(),
        htm: "POST".into(),
        htu: htu.into(),
        bh,
        dev: sender.device,
        epoch: sender.epoch,
        ctr: held.ctr.saturating_add(1),
        nonce: sender.nonce,
    };
    let ratchet_mac = held.ratchet.as_ref().map(|ratchet| ratchet_mac(&ratchet.0, &bh));
    Ok(Draft { claims, body, ratchet_mac, device_key: *key.as_bytes() })
}

impl Draft {
    /// The bytes to store and to send, once the device has signed the claims.
    pub fn encode(&self, proof: String) -> Result<Vec<u8>, ExchangeError> {
        let Draft { body, ratchet_mac, device_key, .. } = self.clone();
        ExchangeRequest { proof, device_key, ratchet_mac, body }.encode()
    }
}

/// What the device holds, as it reports it.
#[must_use]
pub fn report(held: &Held, licence_seq: Option<u64>, keyset_version: Option<u64>) -> ClientReport {
    ClientReport {
        licence_seq: licence_seq.unwrap_or(0),
        keyset_version: keyset_version.unwrap_or(0),
        receipt_seq: held.marks.receipt.map_or(0, |mark| mark.number),
        clock_flags: Vec::new(),
        boot_id: String::new(),
        agent_version: env!("CARGO_PKG_VERSION").into(),
    }
}

/// What a pending request asked, read back from its bytes; `None` if they cannot be read.
#[must_use]
pub fn asked(pending: &Pending) -> Option<RequestBody> {
    let request = ExchangeRequest::decode(&pending.bytes).ok()?;
    RequestBody::decode(&request.body).ok()
}

/// Whether the issuer's answer to `pending` would still fit: it sends only what is newer than what was reported, and
/// documents that were lost since would stay lost.
#[must_use]
pub fn is_current(pending: &Pending, now: &ClientReport) -> bool {
    asked(pending).is_some_and(|body| {
        body.report.licence_seq <= now.licence_seq && body.report.keyset_version <= now.keyset_version
    })
}

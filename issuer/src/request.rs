//! Opening a request, from what is cheap to what is not: its bytes, the proof by the key that it carries, and, once the
//! caller wants it, the body.

use crate::refusal::Refusal;
use crate::seat_reports;
use crate::secret::Redacted;
use crate::storage::{AnswerKind, AnswerMark};
use brink_license::exchange::{
    ACTIVATE_PATH, ACTIVATION_BODY_BYTES_MAX, BODY_BYTES_MAX, ClientReport, EXCHANGE_PATH, ExchangeRequest,
    NoticesHeld, RequestBody, RequestKind, body_sha256,
};
use brink_license::token::{RequestClaims, TokenError};
use brink_license::usage::UsageSection;
use brink_license::{IssuerName, PublicKey};

/// A request whose proof verified under the key that it carries. Its body is covered by the proof and still closed.
pub(crate) struct Signed {
    pub(crate) kind: AnswerKind,
    pub(crate) key: PublicKey,
    pub(crate) claims: RequestClaims,
    /// Which request this is, as its answer is kept by.
    pub(crate) mark: AnswerMark,
    sent: ExchangeRequest,
}

/// A request that was read.
pub(crate) struct Request {
    /// The activation code, if it is an activation.
    pub(crate) code: Option<Redacted>,
    /// What the proof covers.
    pub(crate) proven: Proven,
}

/// What the holder of the key has said. Whether that key is the one of the device is for the caller to compare.
pub(crate) struct Proven {
    pub(crate) key: PublicKey,
    pub(crate) claims: RequestClaims,
    pub(crate) report: ClientReport,
    pub(crate) last_receipt: Option<String>,
    pub(crate) notices: NoticesHeld,
    /// What it says of its unnamed seats, as it came.
    pub(crate) seats: Option<Vec<u8>>,
    /// What it says of usage.
    pub(crate) usage: Option<UsageSection>,
    pub(crate) mark: AnswerMark,
    pub(crate) sent: ExchangeRequest,
}

impl Proven {
    /// The number of the licence that the device holds; a device that is being activated holds none of ours.
    pub(crate) const fn licence_seq(&self) -> u64 {
        match self.mark.kind {
            AnswerKind::Activate => 0,
            AnswerKind::Exchange => self.report.licence_seq,
        }
    }
}

/// Decodes, checks the key, verifies the proof. Anybody can make a key, so nothing here takes more than what was sent.
pub(crate) fn open(issuer: &IssuerName, bytes: &[u8], door: Option<AnswerKind>) -> Result<Signed, Refusal> {
    let sent = ExchangeRequest::decode(bytes)?;
    let key = PublicKey::from_bytes(&sent.device_key)?;
    let (kind, claims) = verify_proof(issuer, &sent, &key, door)?;
    let body_sha256 = body_sha256(&sent.body);
    let mark = AnswerMark { kind, ctr: claims.ctr, body_sha256, nonce: Some(claims.nonce) };
    Ok(Signed { kind, key, claims, mark, sent })
}

impl Signed {
    /// Looks into the body. That of an activation may come from anybody and stays small; an exchange may be large, so
    /// the caller has compared its key with the one on record.
    pub(crate) fn read(self) -> Result<Request, Refusal> {
        let bytes_max = match self.kind {
            AnswerKind::Activate => ACTIVATION_BODY_BYTES_MAX,
            AnswerKind::Exchange => BODY_BYTES_MAX,
        };
        let body = RequestBody::decode_within(&self.sent.body, bytes_max)?;
        let code = match (self.kind, body.kind) {
            (AnswerKind::Activate, RequestKind::Activate { code }) => Some(Redacted::new(code)),
            (AnswerKind::Exchange, RequestKind::Exchange) => None,
            (AnswerKind::Activate, RequestKind::Exchange)
            | (AnswerKind::Exchange, RequestKind::Activate { .. })
            | (AnswerKind::Activate | AnswerKind::Exchange, RequestKind::ClockReset { .. }) => {
                return Err(Refusal::WrongKind);
            }
        };
        let notices = NoticesHeld::read(&body.sections)?;
        let usage = match self.kind {
            AnswerKind::Activate => None,
            AnswerKind::Exchange => UsageSection::read(&body.sections)?,
        };
        let proven = Proven {
            key: self.key,
            claims: self.claims,
            report: body.report,
            last_receipt: body.last_receipt,
            notices,
            seats: seat_reports::section(body.sections),
            usage,
            mark: self.mark,
            sent: self.sent,
        };
        Ok(Request { code, proven })
    }
}

/// The proof names the path it is for. By file there is no path, so the proof itself says which of the two it is.
fn verify_proof(
    issuer: &IssuerName,
    sent: &ExchangeRequest,
    key: &PublicKey,
    door: Option<AnswerKind>,
) -> Result<(AnswerKind, RequestClaims), Refusal> {
    let verify = |kind| -> Result<(AnswerKind, RequestClaims), TokenError> {
        let htu = match kind {
            AnswerKind::Activate => ACTIVATE_PATH,
            AnswerKind::Exchange => EXCHANGE_PATH,
        };
        Ok((kind, sent.verify_proof(key, issuer, htu)?.claims().clone()))
    };
    let proof = match door {
        Some(kind) => verify(kind)?,
        None => match verify(AnswerKind::Exchange) {
            Err(TokenError::WrongProof("htu")) => verify(AnswerKind::Activate)?,
            other => other?,
        },
    };
    Ok(proof)
}

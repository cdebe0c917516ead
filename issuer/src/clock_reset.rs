//! Clock resets: the answer to one challenge of one device, carried by file. It says what time it is here, once: the
//! device sets its mark of time back to that, and to nothing earlier.

use crate::answer::Answering;
use crate::issuer::Issuer;
use crate::refusal::Refusal;
use crate::secret::digest;
use crate::standing::is_reason;
use crate::storage::{
    Actor, AuditNote, ClockReset, ClockResetView, DeviceStatus, NewClockReset, StorageError,
};
use brink_license::exchange::{
    ACTIVATION_BODY_BYTES_MAX, CLOCK_RESET_PATH, ExchangeRequest, RequestBody, RequestKind,
};
use brink_license::token::{AUDIENCE_EDGE, CLAIMS_VERSION, ClockResetClaims, RequestClaims};
use brink_license::{DeviceId, PublicKey, Typ, UnixSeconds};
use brink_signing::sign_document;

/// What a challenge says, for the admin who answers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// The device.
    pub device: DeviceId,
    /// What its wall clock said.
    pub wall: UnixSeconds,
    /// What it took for now.
    pub device_time: UnixSeconds,
    /// The names of the flags of its clock.
    pub clock_flags: Vec<String>,
}

/// A challenge that was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClockAnswered {
    /// What it said.
    pub challenge: Challenge,
    /// The answer.
    pub reset: ClockReset,
    /// It was answered before: these are the very same bytes.
    pub again: bool,
}

/// A challenge whose proof verified under the key that it carries.
struct Opened {
    key: PublicKey,
    claims: RequestClaims,
    challenge: Challenge,
}

impl Issuer {
    /// Answers a device's clock challenge; the same one again gets the same answer.
    pub fn reset_clock(
        &self,
        challenge: &[u8],
        reason: Option<&str>,
        actor: &Actor,
    ) -> Result<ClockAnswered, Refusal> {
        if !reason.is_none_or(is_reason) {
            return Err(Refusal::Reason);
        }
        let opened = self.open_challenge(challenge)?;
        let answering = self.answering()?;
        let mut outcome = None;
        let (device, nonce) = (&opened.claims.dev, &opened.claims.nonce);
        let recorded = self.storage.reset_clock(device, nonce, &mut |view| {
            let (result, new) = match plan(&answering, view, (&opened, reason, actor)) {
                Ok((answered, new)) => (Ok(answered), new),
                Err(refusal) => (Err(refusal), None),
            };
            outcome = Some(result);
            new
        });
        match recorded {
            Err(StorageError::UnknownDevice(device)) => Err(Refusal::UnknownDevice(device)),
            Err(error) => Err(Refusal::Storage(error)),
            Ok(()) => crate::admin::ran(outcome)?,
        }
    }

    fn open_challenge(&self, bytes: &[u8]) -> Result<Opened, Refusal> {
        let sent = ExchangeRequest::decode(bytes)?;
        let key = PublicKey::from_bytes(&sent.device_key)?;
        let claims = sent.verify_proof(&key, &self.name, CLOCK_RESET_PATH)?.claims().clone();
        let body = RequestBody::decode_within(&sent.body, ACTIVATION_BODY_BYTES_MAX)?;
        let RequestKind::ClockReset { wall, now } = body.kind else { return Err(Refusal::WrongKind) };
        let challenge = Challenge {
            device: claims.dev.clone(),
            wall,
            device_time: now,
            clock_flags: body.report.clock_flags,
        };
        Ok(Opened { key, claims, challenge })
    }
}

fn plan(
    answering: &Answering<'_>,
    view: &ClockResetView,
    (opened, reason, actor): (&Opened, Option<&str>, &Actor),
) -> Result<(ClockAnswered, Option<NewClockReset>), Refusal> {
    let device = &view.device;
    if device.status == DeviceStatus::Retired {
        return Err(Refusal::retired(device));
    }
    if device.key.as_ref() != Some(&opened.key) {
        return Err(Refusal::OtherKey(device.id.clone()));
    }
    if device.epoch != opened.claims.epoch {
        let (found, current) = (opened.claims.epoch, device.epoch);
        return Err(Refusal::OtherEpoch { device: device.id.clone(), found, current });
    }
    let challenge = opened.challenge.clone();
    if let Some(reset) = view.answered.clone() {
        // One that no device takes any more is not given anew: the challenge is spent.
        let keyset = &answering.in_force.keyset;
        if keyset.has_revoked(&reset.kid) {
            return Err(Refusal::ChallengeSpent(device.id.clone()));
        }
        return Ok((ClockAnswered { challenge, reset, again: true }, None));
    }
    let reset = sign(answering, view, opened)?;
    let Challenge { wall, device_time, clock_flags, .. } = &challenge;
    let note = AuditNote {
        tenant: Some(device.tenant.clone()),
        at: answering.now,
        actor: actor.clone(),
        action: "device.clock_reset",
        subject: device.id.to_string(),
        detail: serde_json::json!({
            "wall": wall, "device_time": device_time, "clock_flags": clock_flags, "kid": reset.kid, "reason": reason,
            "sha256": digest(&reset.token),
        }),
    };
    let new = NewClockReset { reset: reset.clone(), note };
    Ok((ClockAnswered { challenge, reset, again: false }, Some(new)))
}

fn sign(answering: &Answering<'_>, view: &ClockResetView, opened: &Opened) -> Result<ClockReset, Refusal> {
    let (device, now) = (&view.device, answering.now);
    let claims = ClockResetClaims {
        ver: CLAIMS_VERSION,
        iss: answering.issuer.name.clone(),
        aud: AUDIENCE_EDGE.to_owned(),
        tenant: device.tenant.clone(),
        dev: device.id.clone(),
        epoch: device.epoch,
        jkt: opened.key.kid(),
        nonce: opened.claims.nonce,
        iat: now,
        server_time: now,
    };
    let payload = claims.to_json_bytes().map_err(|e| Refusal::Encode(e.to_string()))?;
    let signer = &answering.in_force.keys.receipt;
    Ok(ClockReset {
        kid: signer.kid(),
        iat: now,
        token: sign_document(&**signer, Typ::ClockReset, &payload)?,
    })
}

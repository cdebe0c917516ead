//! Composing an answer: licence, receipt, next ratchet, manifests. Pure but for signing and random bytes; what it
//! returns is recorded before it leaves.

use crate::desired::{Mint, REFRESH_SECONDS, desired};
use crate::issuer::Issuer;
use crate::minting::{MintError, Minter, fresh_token_id, occasion};
use crate::refusal::Refusal;
use crate::request::Proven;
use crate::secret::{random, sha256};
use crate::storage::{Actor, Answer, AuditNote, DeviceStatus, DeviceView, LicenceRow, Posting, Report};
use brink_license::exchange::ExchangeResponse;
use brink_license::keyset::{MANIFESTS_BYTES_MAX, WALK_MAX};
use brink_license::token::{
    AUDIENCE_EDGE, CLAIMS_VERSION, LicenceStanding, ReceiptClaims, ReceiptLicence, SEQ_JUMP_MAX,
};
use brink_license::{Typ, UnixSeconds};
use brink_signing::sign_document;
use zeroize::Zeroizing;

/// Seconds until a device confirms a licence that gives seats back: until it does, nobody else can have them.
const CONFIRM_SECONDS: u64 = 5;

/// The issuer at one moment.
#[derive(Clone, Copy)]
pub(crate) struct Answering<'a> {
    pub(crate) issuer: &'a Issuer,
    pub(crate) now: UnixSeconds,
}

impl Answering<'_> {
    /// What to record and what to send, for a device whose request was admitted. `ratchet_used` authenticated it.
    pub(crate) fn compose(
        &self,
        view: &DeviceView,
        proven: &Proven,
        ratchet_used: Option<Zeroizing<[u8; 32]>>,
    ) -> Result<Posting, Refusal> {
        let (minted, mut notes) = self.mint_if_needed(view, proven)?;
        let newest = minted.as_ref().or(view.latest.as_ref());
        let newest = newest.ok_or_else(|| self.unlicensable(view))?;
        let next = random::<32>()?;
        let receipt_seq = view.device.exchange.receipt_seq + 1;
        let receipt = self.receipt(view, proven, (newest, &next, receipt_seq))?;
        let licence = (newest.seq != proven.licence_seq()).then(|| newest.token.clone());
        let manifests = self.manifests_after(proven.report.keyset_version);
        let sections = Vec::new();
        let response = ExchangeResponse { receipt, next_ratchet: *next, manifests, licence, sections };
        let mark = proven.mark;
        let answer = Answer {
            kind: mark.kind,
            ctr: mark.ctr,
            body_sha256: mark.body_sha256,
            receipt_seq,
            ratchet_next: next,
            ratchet_used,
            bytes: response.encode()?,
        };
        let report = Report {
            // A device cannot hold more than it was given; believing it would free seats that it still uses.
            licence_seq: proven.licence_seq().min(view.device.licence_seq),
            keyset_version: proven.report.keyset_version.min(self.issuer.keyset.version()),
        };
        notes.extend(newer_than_ours(view, proven, self.now));
        Ok(Posting { report: Some(report), licence: minted, answer: Some(answer), notes })
    }

    /// A new token if there is something to say. A device that has a licence keeps it when none can be minted now.
    fn mint_if_needed(
        &self,
        view: &DeviceView,
        proven: &Proven,
    ) -> Result<(Option<LicenceRow>, Vec<AuditNote>), Refusal> {
        if view.device.status == DeviceStatus::Suspended {
            return Ok((None, Vec::new()));
        }
        match self.mint(view, proven.licence_seq()) {
            Ok(minted) => Ok(minted),
            Err(error) if view.latest.is_some() => {
                tracing::warn!(device = %view.device.id, %error, "no licence was minted");
                Ok((None, Vec::new()))
            }
            Err(error) => Err(Refusal::Unlicensable(error)),
        }
    }

    fn mint(
        &self,
        view: &DeviceView,
        reported_seq: u64,
    ) -> Result<(Option<LicenceRow>, Vec<AuditNote>), MintError> {
        let desired = desired(&self.mint_terms(), view)?;
        // A database that was restored from a backup may be behind what the device holds: never give a number twice.
        let ahead = reported_seq.saturating_sub(view.device.licence_seq);
        let lost = if ahead <= SEQ_JUMP_MAX / 2 { ahead } else { 0 };
        let why = occasion(&desired.draft, view.latest.as_ref(), self.now)?;
        if why.is_none() && lost == 0 {
            return Ok((None, Vec::new()));
        }
        let minter = Minter { keyset: &self.issuer.keyset, signer: &self.issuer.keys.license };
        let minted = minter.mint(&desired.draft, view.device.licence_seq + lost + 1, self.now)?;
        tracing::info!(device = %view.device.id, seq = minted.seq, jti = %minted.jti, kid = %minted.kid, "minting a licence");
        let note = self.note(
            view,
            "licence.mint",
            serde_json::json!({
                "seq": minted.seq, "jti": minted.jti, "kid": minted.kid, "why": why, "exp": minted.exp,
                "named": minted.named_seats, "any": minted.any_seats, "withheld": desired.seats.withheld,
            }),
        );
        Ok((Some(minted), vec![note]))
    }

    pub(crate) fn mint_terms(&self) -> Mint<'_> {
        let Issuer { name, catalog, keyset, .. } = self.issuer;
        Mint { issuer: name, catalog, keyset_version: keyset.version(), now: self.now }
    }

    pub(crate) fn note(
        &self,
        view: &DeviceView,
        action: &'static str,
        detail: serde_json::Value,
    ) -> AuditNote {
        let subject = view.device.id.to_string();
        AuditNote { at: self.now, actor: Actor(format!("device:{subject}")), action, subject, detail }
    }

    fn unlicensable(&self, view: &DeviceView) -> Refusal {
        let device = view.device.id.clone();
        Refusal::Unlicensable(MintError::Unmintable(crate::desired::Unmintable::NotActivated(device)))
    }

    fn receipt(
        &self,
        view: &DeviceView,
        proven: &Proven,
        (newest, next, seq): (&LicenceRow, &[u8; 32], u64),
    ) -> Result<String, Refusal> {
        let state = match view.device.status {
            DeviceStatus::Suspended => LicenceStanding::Suspended,
            DeviceStatus::Pending | DeviceStatus::Active => LicenceStanding::Active,
        };
        let gives_back = newest.seq != proven.licence_seq() && newest.seats() < view.seats_held;
        let claims = ReceiptClaims {
            ver: CLAIMS_VERSION,
            iss: self.issuer.name.clone(),
            aud: AUDIENCE_EDGE.to_owned(),
            jti: fresh_token_id()?,
            tenant: view.tenant.id.clone(),
            dev: view.device.id.clone(),
            epoch: view.device.epoch,
            nonce: proven.claims.nonce,
            ctr: proven.claims.ctr,
            seq,
            iat: self.now,
            server_time: self.now,
            ratchet_sha256: sha256(next),
            ks: self.issuer.keyset.version(),
            lic: ReceiptLicence { seq: newest.seq, jti: newest.jti.clone(), state },
            next_after: if gives_back { CONFIRM_SECONDS } else { REFRESH_SECONDS },
        };
        let payload = claims.to_json_bytes().map_err(|e| Refusal::Encode(e.to_string()))?;
        Ok(sign_document(&*self.issuer.keys.receipt, Typ::Receipt, &payload)?)
    }

    /// Versions that the device does not have, oldest first, as many as one answer may carry; it asks again for more.
    fn manifests_after(&self, version: u64) -> Vec<Vec<u8>> {
        let held = usize::try_from(version).unwrap_or(usize::MAX).min(self.issuer.manifests.len());
        let mut bytes = 0;
        let fits = |manifest: &&Vec<u8>| {
            bytes += manifest.len();
            bytes <= MANIFESTS_BYTES_MAX
        };
        self.issuer.manifests[held..].iter().take(WALK_MAX).take_while(fits).cloned().collect()
    }
}

/// The device holds a licence that this database never allotted: it was restored from a backup, or the device lies.
fn newer_than_ours(view: &DeviceView, proven: &Proven, now: UnixSeconds) -> Option<AuditNote> {
    let (held, allotted) = (proven.licence_seq(), view.device.licence_seq);
    if held <= allotted {
        return None;
    }
    tracing::warn!(device = %view.device.id, held, allotted, "the device holds a licence newer than any on record");
    Some(AuditNote {
        at: now,
        actor: Actor(format!("device:{}", view.device.id)),
        action: "licence.ahead",
        subject: view.device.id.to_string(),
        detail: serde_json::json!({ "reported_seq": held, "allotted_seq": allotted }),
    })
}

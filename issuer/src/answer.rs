//! Composing an answer: licence, receipt, next ratchet, manifests. Pure but for signing and random bytes; what it
//! returns is recorded before it leaves.

use crate::desired::{Mint, REFRESH_SECONDS, desired};
use crate::in_force::InForce;
use crate::issuer::Issuer;
use crate::minting::{MINTS_SECONDS, MintError, Minter, Occasion, fresh_token_id, occasion};
use crate::notices;
use crate::reaction::reaction;
use crate::refusal::Refusal;
use crate::request::Proven;
use crate::restored::Lost;
use crate::secret::{digest, random, sha256};
use crate::storage::{
    Actor, Answer, AuditNote, DeviceStatus, DeviceView, LicenceRow, Posting, Reaction, Report,
};
use crate::usage::Judged;
use brink_license::exchange::ExchangeResponse;
use brink_license::keyset::{MANIFESTS_BYTES_MAX, WALK_MAX};
use brink_license::token::{
    AUDIENCE_EDGE, CLAIMS_VERSION, LicenceStanding, ReceiptClaims, ReceiptLicence, ReceiptUsage, SEQ_JUMP_MAX,
};
use brink_license::{Typ, UnixSeconds};
use brink_signing::sign_document;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Longest version that is kept; our own has 5 characters, or 40 with a commit.
const VERSION_CHARS_MAX: usize = 64;
/// Seconds until a device confirms a licence that gives seats back: until it does, nobody else can have them.
const CONFIRM_SECONDS: u64 = 5;

/// The issuer at one moment.
pub(crate) struct Answering<'a> {
    pub(crate) issuer: &'a Issuer,
    pub(crate) in_force: Arc<InForce>,
    pub(crate) now: UnixSeconds,
}

/// By what a request was admitted.
pub(crate) struct Admitted {
    ratchet: Option<Zeroizing<[u8; 32]>>,
    lost: Option<Lost>,
}

impl Admitted {
    /// By its MAC; without one only at activation.
    pub(crate) const fn by_ratchet(ratchet: Option<Zeroizing<[u8; 32]>>) -> Self {
        Self { ratchet, lost: None }
    }

    /// By a receipt of ours that is not on record any more.
    pub(crate) const fn by_receipt(lost: Lost) -> Self {
        Self { ratchet: None, lost: Some(lost) }
    }

    /// Whether the database has lost what the device was answered last.
    pub(crate) const fn is_restored(&self) -> bool {
        self.lost.is_some()
    }

    fn lost(&self) -> Option<&Lost> {
        self.lost.as_ref()
    }
}

/// What an answer gives, beside its receipt.
struct Given<'v> {
    newest: &'v LicenceRow,
    /// The number up to which the receipt speaks of licences.
    licence_seq: u64,
    /// Whether the licence itself goes along.
    sends_licence: bool,
    /// Whether the device has every manifest after this answer.
    knows_keys: bool,
    ratchet: &'v [u8; 32],
    receipt_seq: u64,
    usage: Option<ReceiptUsage>,
}

impl Answering<'_> {
    /// What to record and what to send, for a device whose request was admitted. At activation there is no usage.
    pub(crate) fn compose(
        &self,
        view: &DeviceView,
        proven: &Proven,
        admitted: Admitted,
        usage: Option<&Judged>,
    ) -> Result<Posting, Refusal> {
        let lost = admitted.lost();
        let licence_floor = lost.and_then(Lost::licence_floor);
        let allotted =
            licence_floor.map_or(view.device.licence_seq, |floor| floor.max(view.device.licence_seq));
        let renews = usage.is_none_or(|usage| usage.contiguous);
        let Minted { licence: minted, mut notes, reactions } =
            self.mint_if_needed(view, proven, (allotted, renews))?;
        let newest = minted.as_ref().or(view.latest.as_ref());
        let newest = newest.ok_or_else(|| self.unlicensable(view))?;
        let next = random::<32>()?;
        let (manifests, knows_keys) = self.manifests_after(proven.report.keyset_version);
        // What is suspended gets nothing to run on, and what is older than what the device holds is of no use to it.
        let withheld = !view.device.status.may_be_licensed() || !knows_keys || self.is_compromised(newest);
        let sends_licence = !withheld && newest.seq > proven.licence_seq();
        let last = lost.map_or(view.device.exchange.receipt_seq, |lost| lost.last_receipt_seq(view));
        let given = Given {
            newest,
            // Numbers that were set aside belong to the licences that this database has lost.
            licence_seq: if sends_licence { newest.seq } else { newest.seq.max(allotted) },
            sends_licence,
            knows_keys,
            ratchet: &next,
            receipt_seq: last.saturating_add(1),
            usage: usage.and_then(|usage| usage.claim.clone()),
        };
        let receipt = self.receipt(view, proven, &given)?;
        let receipt_seq = given.receipt_seq;
        let licence = sends_licence.then(|| newest.token.clone());
        // Like a licence, a notice may need keys that come with a later answer, and one that does not verify spoils this one.
        let sections = match knows_keys {
            true => notices::sections(&view.notices, &proven.notices, &self.in_force.keyset),
            false => Vec::new(),
        };
        let response =
            ExchangeResponse { receipt: receipt.clone(), next_ratchet: *next, manifests, licence, sections };
        notes.extend(
            lost.and_then(|lost| lost.note(view, |detail| self.note(view, "database.restored", detail))),
        );
        let mark = proven.mark;
        let answer = Answer {
            mark,
            seen: crate::suspicion::seen(self, proven),
            receipt_seq,
            ratchet_next: next,
            restored_by: lost.map(Lost::receipt_seq),
            ratchet_used: admitted.ratchet,
            receipt,
            bytes: response.encode()?,
        };
        let report = Some(self.report(view, proven));
        let answer = Some(answer);
        Ok(Posting { report, licence_floor, licence: minted, answer, notes, reactions, ..Posting::default() })
    }

    /// A device cannot hold more than is on record; believing it would free seats that it may still use.
    fn report(&self, view: &DeviceView, proven: &Proven) -> Report {
        let on_record = view.latest.as_ref().map_or(0, |latest| latest.seq);
        Report {
            licence_seq: proven.licence_seq().min(on_record),
            keyset_version: proven.report.keyset_version.min(self.in_force.keyset.version()),
            agent_version: presentable(&proven.report.agent_version),
        }
    }

    /// A new token if there is something to say. A device that has a licence keeps it when none can be minted now.
    fn mint_if_needed(
        &self,
        view: &DeviceView,
        proven: &Proven,
        terms: (u64, bool),
    ) -> Result<Minted, Refusal> {
        if !view.device.status.may_be_licensed() {
            return Ok(Minted::default());
        }
        match self.mint(view, proven, terms) {
            Ok(minted) => Ok(minted),
            Err(error) if view.latest.is_some() => {
                tracing::warn!(device = %view.device.id, %error, "no licence was minted");
                Ok(Minted::default())
            }
            Err(error) => Err(Refusal::Unlicensable(error)),
        }
    }

    /// `renews` is false for a device that keeps its usage back: what it has lasts as long as it lasts.
    fn mint(
        &self,
        view: &DeviceView,
        proven: &Proven,
        (allotted, renews): (u64, bool),
    ) -> Result<Minted, MintError> {
        let desired = desired(&self.mint_terms(), view)?;
        let why = match occasion(&desired.draft, view.latest.as_ref(), self.now)? {
            None if has_withdrawn_newest(view) => Some(Occasion::Resumed),
            None if holds_what_is_lost(view, proven, allotted) => Some(Occasion::Restored),
            Some(Occasion::Renewal) if !renews => {
                tracing::warn!(device = %view.device.id, "no licence is renewed while usage is kept back");
                None
            }
            why => why,
        };
        let claim = self.claim_ahead(view, proven, allotted);
        if why.is_none() && claim.is_none() {
            return Ok(Minted::default());
        }
        let is_void =
            has_withdrawn_newest(view) || view.latest.as_ref().is_some_and(|row| self.is_compromised(row));
        if !is_void && self.has_minted_enough(view) {
            tracing::warn!(device = %view.device.id, "a licence is due, but the device has had too many lately");
            return Ok(Minted::default());
        }
        let minter = Minter { keyset: &self.in_force.keyset, signer: &self.in_force.keys.license };
        let last = claim.as_ref().map_or(allotted, |_| proven.licence_seq().max(allotted));
        let minted = minter.mint(&desired.draft, last.saturating_add(1), self.now)?;
        tracing::info!(device = %view.device.id, seq = minted.seq, jti = %minted.jti, kid = %minted.kid, "minting a licence");
        let mut notes = vec![self.note(
            view,
            "licence.mint",
            serde_json::json!({
                "seq": minted.seq, "jti": minted.jti, "kid": minted.kid, "why": why, "exp": minted.exp,
                "named": minted.named_seats, "any": minted.any_seats, "withheld": desired.seats.withheld,
                "epoch": minted.epoch, "sha256": digest(&minted.token),
            }),
        )];
        if claim.is_some() {
            let detail =
                serde_json::json!({ "reported_seq": proven.licence_seq(), "allotted_seq": allotted });
            notes.push(self.note(view, "licence.ahead", detail));
        }
        Ok(Minted { licence: Some(minted), notes, reactions: claim.into_iter().collect() })
    }

    /// The device says that it holds a number which was never allotted, and has no receipt for it. A stolen key may have
    /// signed such a licence, and one above it takes it out of force. Nothing vouches for that but the device, so it
    /// gets one only now and then.
    fn claim_ahead(&self, view: &DeviceView, proven: &Proven, allotted: u64) -> Option<Reaction> {
        let ahead = proven.licence_seq().saturating_sub(allotted);
        if ahead == 0 {
            return None;
        }
        tracing::warn!(device = %view.device.id, held = proven.licence_seq(), allotted, "the device claims a licence number that was never given");
        // Its own bound on jumps would refuse more.
        if ahead > SEQ_JUMP_MAX / 2 {
            return None;
        }
        reaction(view, "LICENCE_AHEAD", proven, self.now)
    }

    /// Whether no device would take this licence any more.
    fn is_compromised(&self, licence: &LicenceRow) -> bool {
        self.in_force.keyset.has_revoked(&licence.kid)
    }

    fn has_minted_enough(&self, view: &DeviceView) -> bool {
        view.mints_began.is_some_and(|began| (0..MINTS_SECONDS).contains(&self.now.since(began)))
    }

    pub(crate) fn mint_terms(&self) -> Mint<'_> {
        let Issuer { name, catalog, .. } = self.issuer;
        Mint { issuer: name, catalog, keyset_version: self.in_force.keyset.version(), now: self.now }
    }

    pub(crate) fn note(
        &self,
        view: &DeviceView,
        action: &'static str,
        detail: serde_json::Value,
    ) -> AuditNote {
        let subject = view.device.id.to_string();
        let (tenant, actor) = (Some(view.tenant.id.clone()), Actor(format!("device:{subject}")));
        AuditNote { tenant, at: self.now, actor, action, subject, detail }
    }

    fn unlicensable(&self, view: &DeviceView) -> Refusal {
        let device = view.device.id.clone();
        Refusal::Unlicensable(MintError::Unmintable(crate::desired::Unmintable::NotActivated(device)))
    }

    fn receipt(&self, view: &DeviceView, proven: &Proven, given: &Given<'_>) -> Result<String, Refusal> {
        let holds = if given.sends_licence { given.newest.seq } else { proven.licence_seq() };
        let state = match view.device.status {
            DeviceStatus::Suspended => LicenceStanding::Suspended,
            // None is answered: requests of a retired device are refused before.
            DeviceStatus::Retired => LicenceStanding::Revoked,
            DeviceStatus::Revoked => LicenceStanding::Revoked,
            // Until it has the licence that takes its place.
            DeviceStatus::Pending | DeviceStatus::Active if view.device.has_withdrawn(holds) => {
                LicenceStanding::Revoked
            }
            DeviceStatus::Pending | DeviceStatus::Active => LicenceStanding::Active,
        };
        let newest = given.newest;
        let gives_back = given.sends_licence && newest.seats() < view.seats_held;
        let soon = gives_back || !given.knows_keys;
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
            seq: given.receipt_seq,
            iat: self.now,
            server_time: self.now,
            ratchet_sha256: sha256(given.ratchet),
            ks: self.in_force.keyset.version(),
            lic: ReceiptLicence { seq: given.licence_seq, jti: newest.jti.clone(), state },
            next_after: if soon { CONFIRM_SECONDS } else { REFRESH_SECONDS },
            usage: given.usage.clone(),
        };
        let payload = claims.to_json_bytes().map_err(|e| Refusal::Encode(e.to_string()))?;
        Ok(sign_document(&*self.in_force.keys.receipt, Typ::Receipt, &payload)?)
    }

    /// The manifests that the device does not have, oldest first, and whether these are all. One that holds a version
    /// takes every later one in turn, as many as one answer may carry, and asks again for more. One that holds none
    /// starts at its pinned root, and needs those that changed the root and the newest only.
    fn manifests_after(&self, version: u64) -> (Vec<Vec<u8>>, bool) {
        let InForce { first_manifests, manifests, .. } = &*self.in_force;
        let all = if version == 0 { first_manifests } else { manifests };
        let held = usize::try_from(version).unwrap_or(usize::MAX).min(all.len());
        let mut bytes = 0;
        let fits = |manifest: &&Vec<u8>| {
            bytes += manifest.len();
            bytes <= MANIFESTS_BYTES_MAX
        };
        let wanted = &all[held..];
        let sent: Vec<Vec<u8>> = wanted.iter().take(WALK_MAX).take_while(fits).cloned().collect();
        let complete = sent.len() == wanted.len();
        (sent, complete)
    }
}

/// What minting brings, if anything.
#[derive(Default)]
struct Minted {
    licence: Option<LicenceRow>,
    notes: Vec<AuditNote>,
    reactions: Vec<Reaction>,
}

/// A version as somebody may show it on a terminal or a page: a device can send any text.
fn presentable(version: &str) -> Option<String> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '+' | '_' | '-');
    let is_version = (1..=VERSION_CHARS_MAX).contains(&version.len()) && version.chars().all(is_plain);
    is_version.then(|| version.to_owned())
}

/// Everything minted so far was withdrawn, and the device was resumed since.
pub(crate) fn has_withdrawn_newest(view: &DeviceView) -> bool {
    view.latest.as_ref().is_some_and(|latest| view.device.has_withdrawn(latest.seq))
}

/// The device holds a number that was allotted once, above every one on record: its licence went with a part of the
/// database, and only a newer one puts it on record again. Once it is there, no number lies between.
fn holds_what_is_lost(view: &DeviceView, proven: &Proven, allotted: u64) -> bool {
    let on_record = view.latest.as_ref().map_or(0, |latest| latest.seq);
    (on_record + 1..=allotted).contains(&proven.licence_seq())
}

//! What devices report of their unnamed seats: verified by the rule that they and every gate keep, kept to be shown,
//! and evidence where it breaks it. A report never decides whether a device is answered.

use crate::answer::Answering;
use crate::reaction::reaction;
use crate::request::Proven;
use crate::storage::{
    DeviceView, NewSeatReport, Posting, SeatConflict, SeatReport, SeatedCamera, StorageError,
};
use brink_license::keyset::KeyUse;
use brink_license::seating::{SEATS_SECTION, SeatRule};
use brink_license::token::{
    Authority, LicenceClaims, LicenceExpected, SeatsClaims, SeatsExpected, TokenError, Verified, verify,
};
use brink_license::{Code, b64};
use serde_json::json;

/// The reason of a reaction to a report that breaks a rule.
pub(crate) const REFUSED: &str = "SEATS_REFUSED";
/// The reason of a reaction to a camera that two devices have.
const CONFLICT: &str = "SEAT_CONFLICT";
/// Longest document that the audit keeps whole: some hundred cameras.
const TOKEN_KEPT_BYTES_MAX: usize = 16 * 1024;
/// Conflicts that one line of the audit names.
const CONFLICTS_NAMED_MAX: usize = 16;

/// What a request says of seats.
pub(crate) enum Reported {
    /// Nothing, or nothing that can be judged any more.
    Nothing,
    /// This.
    Seats(Box<Sound>),
    /// What the device did not sign for a licence of ours.
    Broken {
        /// Stable.
        code: Code,
        /// In words.
        problem: String,
        /// As it came.
        token: String,
    },
}

/// A document of the device's, and the licence that it speaks of.
pub(crate) struct Sound {
    document: Verified<SeatsClaims>,
    licence: LicenceClaims,
    conflicts: Vec<SeatConflict>,
}

/// Reads what a request says of seats, outside of its transaction: licences are insert-only, and conflicts are looked at
/// again whenever they are shown.
pub(crate) fn read(answering: &Answering<'_>, proven: &Proven) -> Result<Reported, StorageError> {
    let Some(bytes) = &proven.seats else { return Ok(Reported::Nothing) };
    let broken = |error: &TokenError| Reported::Broken {
        code: error.code(),
        problem: error.to_string(),
        token: String::from_utf8_lossy(bytes).into_owned(),
    };
    let (device, storage) = (&proven.claims.dev, &answering.issuer.storage);
    let expected = SeatsExpected {
        device: device.clone(),
        jkt: proven.key.kid(),
        epoch: Some(proven.claims.epoch),
        jti: None,
    };
    let document = match verify::<SeatsClaims>(bytes, Authority::Device(&proven.key), &expected) {
        Ok(document) => document,
        Err(error) => return Ok(broken(&error)),
    };
    let Some(row) = storage.minted(device, &document.claims().jti)? else {
        return Ok(broken(&TokenError::WrongDevice("jti")));
    };
    let expected = LicenceExpected::of_issuer(answering.issuer.name.clone());
    let authority = Authority::Issuer(&answering.in_force.keyset, KeyUse::License);
    // Nobody reads any more what a revoked key signed.
    let Ok(licence) = verify::<LicenceClaims>(row.token.as_bytes(), authority, &expected) else {
        return Ok(Reported::Nothing);
    };
    let cameras: Vec<_> = document.claims().cameras().cloned().collect();
    let conflicts = storage.seat_conflicts(device, &cameras)?;
    Ok(Reported::Seats(Box::new(Sound { document, licence: licence.claims().clone(), conflicts })))
}

/// Adds to what an answer records: the report, or that it broke a rule.
pub(crate) fn settle(
    answering: &Answering<'_>,
    (view, proven): (&DeviceView, &Proven),
    reported: &Reported,
    posting: &mut Posting,
) {
    match reported {
        Reported::Nothing => {}
        // A licence that was lost with a part of the database is no lie of the device's.
        Reported::Broken { .. } if was_restored(posting) => {}
        Reported::Broken { code, problem, token } => {
            evidence(answering, (view, proven), (*code, problem, token), posting);
        }
        Reported::Seats(sound) => match sound.judge(view, posting) {
            Ok(()) => keep(answering, (view, proven), sound, posting),
            Err(rule) => {
                let error = TokenError::from(rule);
                let token = sound.document.token();
                evidence(answering, (view, proven), (error.code(), &error.to_string(), token), posting);
            }
        },
    }
}

fn was_restored(posting: &Posting) -> bool {
    posting.answer.as_ref().is_some_and(|answer| answer.restored_by.is_some())
}

impl Sound {
    /// The rules of the document beside its licence and after the report before it.
    fn judge(&self, view: &DeviceView, posting: &Posting) -> Result<(), SeatRule> {
        let claims = self.document.claims();
        // The last receipt is the one before the receipt of this answer.
        let receipt = posting.answer.as_ref().map_or(0, |answer| answer.receipt_seq.saturating_sub(1));
        claims.judge(&self.licence, receipt)?;
        let last = view.seats.as_ref().filter(|last| last.epoch == claims.epoch && !was_restored(posting));
        let Some(last) = last.and_then(|last| read_back(view, last)) else { return Ok(()) };
        claims.follows(&last)?;
        // Under another licence cameras may have been named, or seats have become fewer.
        if claims.jti == last.jti && claims.counter > last.counter {
            claims.accounts_for(&last)
        } else {
            Ok(())
        }
    }
}

fn read_back(view: &DeviceView, last: &SeatReport) -> Option<SeatsClaims> {
    let key = view.device.key.as_ref()?;
    let expected = SeatsExpected {
        device: view.device.id.clone(),
        jkt: key.kid(),
        epoch: None,
        jti: Some(last.jti.clone()),
    };
    let document = verify::<SeatsClaims>(last.token.as_bytes(), Authority::Device(key), &expected);
    document.ok().map(|document| document.claims().clone())
}

fn keep(
    answering: &Answering<'_>,
    (view, proven): (&DeviceView, &Proven),
    sound: &Sound,
    posting: &mut Posting,
) {
    let (claims, token) = (sound.document.claims(), sound.document.token());
    if view.seats.as_ref().is_none_or(|last| last.token != token) {
        let report = SeatReport {
            epoch: claims.epoch,
            jti: claims.jti.clone(),
            reported_at: answering.now,
            token: token.to_owned(),
        };
        let seated = claims.seated.iter().flat_map(|group| {
            group
                .cameras
                .iter()
                .map(|camera| SeatedCamera { camera: camera.clone(), packs: group.packs.clone() })
        });
        posting.seats = Some(NewSeatReport { report, cameras: seated.collect() });
    }
    let conflicts = &sound.conflicts;
    if conflicts.is_empty() {
        return;
    }
    let Some(reaction) = reaction(view, CONFLICT, proven, answering.now) else { return };
    tracing::warn!(device = %view.device.id, count = conflicts.len(), "cameras on unnamed seats are elsewhere as well");
    let named = &conflicts[..conflicts.len().min(CONFLICTS_NAMED_MAX)];
    let detail = json!({ "count": conflicts.len(), "conflicts": named });
    posting.notes.push(answering.note(view, "seats.conflict", detail));
    posting.reactions.push(reaction);
}

fn evidence(
    answering: &Answering<'_>,
    (view, proven): (&DeviceView, &Proven),
    (code, problem, token): (Code, &str, &str),
    posting: &mut Posting,
) {
    let Some(reaction) = reaction(view, REFUSED, proven, answering.now) else { return };
    tracing::warn!(device = %view.device.id, %code, problem, "the report of unnamed seats is refused");
    let detail = json!({
        "code": code.as_str(),
        "problem": problem,
        "token_sha256": b64::encode(&crate::secret::sha256(token.as_bytes())),
        "token": (token.len() <= TOKEN_KEPT_BYTES_MAX).then_some(token),
    });
    posting.notes.push(answering.note(view, "seats.refused", detail));
    posting.reactions.push(reaction);
}

/// The document of seats among what a request brings.
pub(crate) fn section(sections: Vec<brink_license::exchange::Section>) -> Option<Vec<u8>> {
    sections.into_iter().find(|section| section.kind == SEATS_SECTION).map(|section| section.bytes)
}

//! From an answer's bytes to what may be put in force, or a refusal. Pure: nothing is stored, nothing is asked.
//!
//! The order: 1. decode; 2. walk the manifests; 3. the receipt, which must answer the pending request; 4. the ratchet
//! that it signed; 5. the keyset must not have expired, by the receipt's time or by ours; 6. the licence, bound to this device and not older than the one
//! accepted; 7. receipt and licence agree; 8. the notices, for the device that holds the licence.

use brink_license::exchange::{ExchangeError, ExchangeResponse};
use brink_license::keyset::{KeyUse, Keyset, ManifestError, TrustAnchor};
use brink_license::token::{
    Authority, LicenceClaims, LicenceExpected, NoticeKind, Notices, ReceiptClaims, ReceiptExpected, SeqMark,
    TokenError, VerifiedLicence, VerifiedReceipt, verify,
};
use brink_license::{Code, PublicKey, UnixSeconds};
use brink_store::{Documents, Held, Identity, Ratchet, publish_also};

/// What is held before the answer.
#[derive(Clone, Copy, Debug)]
pub struct Before<'b> {
    /// What is trusted.
    pub anchor: &'b TrustAnchor,
    /// The device's own key.
    pub device_key: &'b PublicKey,
    /// Marks, identity and the pending request.
    pub held: &'b Held,
    /// The documents in force, with their keyset and licence.
    pub documents: Option<&'b Documents>,
    /// Their keyset.
    pub keyset: Option<&'b Keyset>,
    /// Their licence, if its key still stands.
    pub licence: Option<&'b VerifiedLicence>,
}

/// An answer whose every part was verified.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// The keyset from now on.
    pub keyset: Keyset,
    /// The licence that the answer brought.
    pub new_licence: Option<VerifiedLicence>,
    /// The receipt.
    pub receipt: VerifiedReceipt,
    /// The next ratchet.
    pub ratchet: Ratchet,
    /// The device as the receipt names it.
    pub identity: Identity,
    /// Everything in force from now on.
    pub documents: Documents,
    /// The manifests that the answer brought, by version.
    pub manifests: Vec<(u64, Vec<u8>)>,
    /// The notices that the answer brought and that are newer than what is held.
    pub notices: Vec<(NoticeKind, String)>,
}

/// Why an answer is refused. What was accepted before stays in force.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer is refused: {problem}")]
pub struct Refusal {
    /// The first rule that it broke.
    pub problem: Problem,
    /// Its receipt answers the pending request, so sending that once more would bring the same again.
    pub answered: bool,
}

/// The rule that an answer broke.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Not a response document.
    #[error("{0}")]
    Response(#[from] ExchangeError),
    /// No request waits for it.
    #[error("no request waits for an answer: start an exchange first")]
    NothingPending,
    /// A manifest.
    #[error("{0}")]
    Manifest(#[from] ManifestError),
    /// The keyset was lost and the answer does not bring it.
    #[error("the keyset was lost and the answer does not bring it: start a new exchange")]
    NoKeyset,
    /// The receipt.
    #[error("receipt: {0}")]
    Receipt(TokenError),
    /// The ratchet.
    #[error("the ratchet is not the one that the receipt signed")]
    Ratchet,
    /// The licence.
    #[error("licence: {0}")]
    Licence(TokenError),
    /// There is no licence, neither held nor in the answer.
    #[error("the answer brings no licence and none is held")]
    NoLicence,
    /// A notice.
    #[error("{}: {problem}", kind.as_str())]
    Notice {
        /// Its kind.
        kind: NoticeKind,
        /// Why.
        problem: TokenError,
    },
    /// Receipt and licence contradict each other.
    #[error("receipt and licence disagree about {0}")]
    Disagree(&'static str),
}

impl Problem {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Problem::Response(error) => error.code(),
            Problem::NothingPending => Code::WrongNonce,
            Problem::Manifest(error) => error.code(),
            Problem::NoKeyset => Code::KeysetTooOld,
            Problem::Receipt(error) | Problem::Licence(error) | Problem::Notice { problem: error, .. } => {
                error.code()
            }
            Problem::Ratchet => Code::WrongRatchet,
            Problem::NoLicence | Problem::Disagree(_) => Code::BadClaims,
        }
    }
}

impl Refusal {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.problem.code()
    }

    fn answered(problem: impl Into<Problem>) -> Self {
        Self { problem: problem.into(), answered: true }
    }
}

impl<P: Into<Problem>> From<P> for Refusal {
    fn from(problem: P) -> Self {
        Self { problem: problem.into(), answered: false }
    }
}

/// Judges the answer to the pending request at the guarded time `now`.
pub fn accept(before: &Before<'_>, response: &[u8], now: UnixSeconds) -> Result<Accepted, Refusal> {
    // 1. Its form.
    let response = ExchangeResponse::decode(response).map_err(Problem::from)?;
    if before.held.pending.is_none() {
        return Err(Problem::NothingPending.into());
    }
    // 2. The keyset that everything else is verified with.
    let walked = walk(before, &response.manifests)
        .map_err(|problem| not_walked(before, &response.receipt, problem))?;
    // 3. The receipt answers our request.
    let receipt = receipt(before, &response.receipt, &walked.keyset)?;
    // From here on the issuer has answered, whatever the rest is worth.
    // 4. The ratchet.
    if !response.ratchet_is(&receipt.claims().ratchet_sha256) {
        return Err(Refusal::answered(Problem::Ratchet));
    }
    // 5. An expired keyset takes nothing new. A device whose clock is behind learns the time from this very receipt.
    let now = now.max(receipt.claims().server_time);
    walked.keyset.check_fresh(now).map_err(Refusal::answered)?;
    // 6. and 7. The licence.
    let new_licence = licence(before, response.licence.as_deref(), &walked.keyset, &receipt);
    let new_licence = new_licence.map_err(Refusal::answered)?;
    let held = before.documents.map(|documents| &documents.licence);
    let licence = new_licence.as_ref().map(|new| new.token().to_owned()).or_else(|| held.cloned());
    let licence = licence.ok_or_else(|| Refusal::answered(Problem::NoLicence))?;
    // 8. What else the issuer says.
    let in_force = new_licence.as_ref().or(before.licence);
    let notices = notices(before, &response, &walked.keyset, in_force).map_err(Refusal::answered)?;
    let claims = receipt.claims();
    Ok(Accepted {
        notices,
        identity: Identity { tenant: claims.tenant.clone(), device: claims.dev.clone(), epoch: claims.epoch },
        documents: Documents {
            manifests: walked.published,
            licence,
            receipt: Some(receipt.token().to_owned()),
        },
        keyset: walked.keyset,
        manifests: walked.arrived,
        ratchet: Ratchet(response.next_ratchet),
        new_licence,
        receipt,
    })
}

/// The keyset held still tells whether this was the answer to our request. An answer to another one brings manifests
/// that do not follow either, and the nonce says better why.
fn not_walked(before: &Before<'_>, token: &str, problem: Problem) -> Refusal {
    match before.keyset.map(|held| receipt(before, token, held)) {
        Some(Ok(_)) => Refusal::answered(problem),
        Some(Err(other @ Problem::Receipt(TokenError::WrongNonce))) => other.into(),
        Some(Err(_)) | None => problem.into(),
    }
}

/// Where the walk over the manifests ends.
struct Walked {
    keyset: Keyset,
    published: Vec<Vec<u8>>,
    arrived: Vec<(u64, Vec<u8>)>,
}

/// Version by version from the keyset held; from the pinned roots when none is held.
fn walk(before: &Before<'_>, manifests: &[Vec<u8>]) -> Result<Walked, Problem> {
    let (Some(held), Some(documents)) = (before.keyset, before.documents) else {
        return first_walk(before, manifests);
    };
    let mut walked =
        Walked { keyset: held.clone(), published: documents.manifests.clone(), arrived: Vec::new() };
    for manifest in manifests {
        walked.keyset = walked.keyset.accept_next(manifest)?;
        walked.published = publish_also(&walked.published, manifest)?;
        walked.arrived.push((walked.keyset.version(), manifest.clone()));
    }
    Ok(walked)
}

fn first_walk(before: &Before<'_>, manifests: &[Vec<u8>]) -> Result<Walked, Problem> {
    let newest = manifests.last().ok_or(Problem::NoKeyset)?;
    let keyset = Keyset::bootstrap(before.anchor, manifests)?;
    // A device that lost its documents still knows how far it had come.
    if let Some(mark) = before.held.marks.keyset {
        let (found, held) = (keyset.version(), mark.number);
        if found < held {
            return Err(ManifestError::Version { found, held }.into());
        }
        if found == held && *keyset.sha256() != mark.sha256 {
            return Err(ManifestError::Equivocation { version: held }.into());
        }
    }
    let mut published = Vec::new();
    for manifest in manifests {
        published = publish_also(&published, manifest)?;
    }
    let arrived = vec![(keyset.version(), newest.clone())];
    Ok(Walked { keyset, published, arrived })
}

/// Signed by the issuer, for this device and this request, and newer than the last.
fn receipt(before: &Before<'_>, token: &str, keyset: &Keyset) -> Result<VerifiedReceipt, Problem> {
    let held = before.held;
    let pending = held.pending.as_ref().ok_or(Problem::NothingPending)?;
    let expected = ReceiptExpected {
        issuer: before.anchor.issuer().clone(),
        device: held.identity.as_ref().map(|identity| identity.device.clone()),
        epoch: held.identity.as_ref().map(|identity| identity.epoch),
        pending: Some((pending.nonce, pending.ctr)),
    };
    let authority = Authority::Issuer(keyset, KeyUse::Receipt);
    let receipt = verify::<ReceiptClaims>(token.as_bytes(), authority, &expected);
    let receipt = receipt.map_err(Problem::Receipt)?;
    let claims = receipt.claims();
    if held.identity.as_ref().is_some_and(|identity| identity.tenant != claims.tenant) {
        return Err(Problem::Receipt(TokenError::WrongDevice("tenant")));
    }
    match held.marks.receipt {
        Some(mark) if claims.seq <= mark.number => {
            Err(Problem::Receipt(TokenError::Rollback { seq: claims.seq, held: mark.number }))
        }
        Some(_) | None => Ok(receipt),
    }
}

/// The licence of the answer, if it brings one: for the device that the receipt names, bound to our key, not older
/// than the one accepted, and the very one that the receipt speaks of.
fn licence(
    before: &Before<'_>,
    token: Option<&str>,
    keyset: &Keyset,
    receipt: &VerifiedReceipt,
) -> Result<Option<VerifiedLicence>, Problem> {
    let said = receipt.claims();
    let Some(token) = token else {
        check_kept(before, receipt, keyset)?;
        return Ok(None);
    };
    let expected = LicenceExpected {
        issuer: before.anchor.issuer().clone(),
        tenant: Some(said.tenant.clone()),
        device: Some(said.dev.clone()),
        epoch: Some(said.epoch),
        jkt: Some(before.device_key.kid()),
    };
    let authority = Authority::Issuer(keyset, KeyUse::License);
    let licence =
        verify::<LicenceClaims>(token.as_bytes(), authority, &expected).map_err(Problem::Licence)?;
    SeqMark::admit(before.held.marks.licence.as_ref(), &licence, keyset).map_err(Problem::Licence)?;
    if licence.claims().seq != said.lic.seq {
        return Err(Problem::Disagree("the licence's sequence number"));
    }
    if licence.claims().jti != said.lic.jti {
        return Err(Problem::Disagree("the licence's id"));
    }
    Ok(Some(licence))
}

/// Without a new licence the receipt speaks of the one held, or of a newer one that is held back.
fn check_kept(before: &Before<'_>, receipt: &VerifiedReceipt, keyset: &Keyset) -> Result<(), Problem> {
    let said = &receipt.claims().lic;
    let Some(mark) = before.held.marks.licence else { return Err(Problem::NoLicence) };
    // What a revoked key pushed ahead does not count.
    let counts = !keyset.has_revoked(&mark.kid);
    if counts && said.seq < mark.seq {
        return Err(Problem::Receipt(TokenError::Rollback { seq: said.seq, held: mark.seq }));
    }
    let same = before.licence.filter(|held| held.claims().seq == said.seq);
    if same.is_some_and(|held| held.claims().jti != said.jti) {
        return Err(Problem::Disagree("the licence's id"));
    }
    Ok(())
}

/// The notices of the answer that are newer than what is held. An issuer may send one again that the device has: it
/// does not know what a file has brought meanwhile. What is held counts as long as its key does: a thief may have numbered
/// it far ahead.
fn notices(
    before: &Before<'_>,
    response: &ExchangeResponse,
    keyset: &Keyset,
    licence: Option<&VerifiedLicence>,
) -> Result<Vec<(NoticeKind, String)>, Problem> {
    let Some(licence) = licence else { return Ok(Vec::new()) };
    let mut held = Notices::default();
    for notice in &before.held.notices {
        // One that does not verify any more is passed over.
        held.take_up(notice.kind, &notice.token, keyset, licence.claims()).ok();
    }
    let mut newer = Vec::new();
    for (kind, token) in response.notices()? {
        let taken = Notices::default().take_up(kind, token, keyset, licence.claims());
        let notice = taken.map_err(|problem| Problem::Notice { kind, problem })?;
        if held.number(kind).is_none_or(|held| held < notice.number) {
            newer.push((kind, notice.token));
        }
    }
    Ok(newer)
}

//! Documents verified again, and held against what was accepted before.

use crate::documents::{Documents, sha256};
use crate::state::{AcceptedMarks, Identity, NumberMark};
use brink_license::keyset::{KeyUse, Keyset, TrustAnchor};
use brink_license::token::{
    Authority, LicenceClaims, LicenceExpected, PresenceClaims, PresenceExpected, ReceiptClaims,
    ReceiptExpected, SeqMark, TokenError, VerifiedLicence, VerifiedPresence, VerifiedReceipt, verify,
};
use brink_license::{PublicKey, UnixSeconds};

/// Documents whose every signature this process verified, for this device.
#[derive(Clone, Debug)]
pub(super) struct InForce {
    pub(super) documents: Documents,
    pub(super) keyset: Keyset,
    /// `None` when the key that signed it was revoked: the text is still published, so that hosts see it revoked.
    pub(super) licence: Option<VerifiedLicence>,
    /// `None` when there is none, or when its key was revoked.
    pub(super) receipt: Option<VerifiedReceipt>,
    pub(super) identity: Identity,
    pub(super) marks: AcceptedMarks,
}

/// Why documents are not put in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// They verify, and something newer was accepted before.
    Behind,
    /// They do not verify for this device.
    Unverified(String),
}

impl std::fmt::Display for Unfit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Unfit::Behind => f.write_str("older than what was accepted"),
            Unfit::Unverified(problem) => write!(f, "does not verify: {problem}"),
        }
    }
}

fn unverified(problem: impl std::fmt::Display) -> Unfit {
    Unfit::Unverified(problem.to_string())
}

/// Against what documents are examined.
pub(super) struct Examiner<'e> {
    pub(super) anchor: &'e TrustAnchor,
    pub(super) device_key: &'e PublicKey,
    pub(super) identity: Option<&'e Identity>,
    pub(super) marks: &'e AcceptedMarks,
}

impl Examiner<'_> {
    /// Verifies everything from the pinned roots up, and refuses what is older than the marks.
    pub(super) fn examine(&self, documents: Documents) -> Result<InForce, Unfit> {
        let keyset = documents.keyset(self.anchor).map_err(unverified)?;
        let keyset_mark = self.follow_keyset(&keyset)?;
        let licence = self.verify_licence(&documents.licence, &keyset)?;
        let licence_mark = self.follow_licence(&documents.licence, licence.as_ref(), &keyset)?;
        let identity = self.identity_of(licence.as_ref())?;
        let receipt = verify_receipt(documents.receipt.as_deref(), &keyset, &identity)?;
        let receipt_mark = self.follow_receipt(documents.receipt.as_deref(), receipt.as_ref())?;
        let marks =
            AcceptedMarks { licence: Some(licence_mark), keyset: Some(keyset_mark), receipt: receipt_mark };
        Ok(InForce { documents, keyset, licence, receipt, identity, marks })
    }

    fn follow_keyset(&self, keyset: &Keyset) -> Result<NumberMark, Unfit> {
        let found = NumberMark { number: keyset.version(), sha256: *keyset.sha256() };
        follow("keyset version", self.marks.keyset, found)
    }

    fn verify_licence(&self, token: &str, keyset: &Keyset) -> Result<Option<VerifiedLicence>, Unfit> {
        let expected = LicenceExpected {
            issuer: self.anchor.issuer().clone(),
            tenant: self.identity.map(|identity| identity.tenant.clone()),
            device: self.identity.map(|identity| identity.device.clone()),
            epoch: self.identity.map(|identity| identity.epoch),
            jkt: Some(self.device_key.kid()),
        };
        let authority = Authority::Issuer(keyset, KeyUse::License);
        unless_revoked(verify::<LicenceClaims>(token.as_bytes(), authority, &expected))
    }

    fn follow_licence(
        &self,
        token: &str,
        licence: Option<&VerifiedLicence>,
        keyset: &Keyset,
    ) -> Result<SeqMark, Unfit> {
        match (licence, self.marks.licence) {
            (Some(licence), held) => {
                let admitted = SeqMark::admit(held.as_ref(), licence, keyset);
                admitted.map_err(|error| if is_behind(&error) { Unfit::Behind } else { unverified(error) })
            }
            // Nothing that a revoked key signed can be read; the very licence that was accepted may stay.
            (None, Some(held)) if held.sha256 == sha256(token) => Ok(held),
            (None, _) => Err(unverified("the key that signed the licence was revoked")),
        }
    }

    fn identity_of(&self, licence: Option<&VerifiedLicence>) -> Result<Identity, Unfit> {
        let learned = || {
            let claims = licence?.claims();
            Some(Identity { tenant: claims.tenant.clone(), device: claims.dev.clone(), epoch: claims.epoch })
        };
        self.identity.cloned().or_else(learned).ok_or_else(|| unverified("no document names this device"))
    }

    fn follow_receipt(
        &self,
        token: Option<&str>,
        receipt: Option<&VerifiedReceipt>,
    ) -> Result<Option<NumberMark>, Unfit> {
        match (token, receipt, self.marks.receipt) {
            (Some(token), Some(receipt), held) => {
                let found = NumberMark { number: receipt.claims().seq, sha256: sha256(token) };
                follow("receipt", held, found).map(Some)
            }
            (Some(token), None, Some(held)) if held.sha256 == sha256(token) => Ok(Some(held)),
            (Some(_), None, _) => Err(unverified("the key that signed the receipt was revoked")),
            (None, _, None) => Ok(None),
            (None, _, Some(_)) => Err(Unfit::Behind),
        }
    }
}

/// Older, and not another content under the number that is held.
fn is_behind(error: &TokenError) -> bool {
    matches!(error, TokenError::Rollback { seq, held } if seq < held)
}

/// A number that does not fall, and means the same content as long as it stays.
fn follow(what: &str, held: Option<NumberMark>, found: NumberMark) -> Result<NumberMark, Unfit> {
    match held {
        Some(held) if found.number < held.number => Err(Unfit::Behind),
        Some(held) if found.number == held.number && found.sha256 != held.sha256 => {
            Err(unverified(format!("another {what} {} is already held", held.number)))
        }
        Some(_) | None => Ok(found),
    }
}

fn verify_receipt(
    token: Option<&str>,
    keyset: &Keyset,
    identity: &Identity,
) -> Result<Option<VerifiedReceipt>, Unfit> {
    let Some(token) = token else { return Ok(None) };
    let expected = ReceiptExpected {
        issuer: keyset.issuer().clone(),
        device: Some(identity.device.clone()),
        epoch: Some(identity.epoch),
        pending: None,
    };
    let authority = Authority::Issuer(keyset, KeyUse::Receipt);
    unless_revoked(verify::<ReceiptClaims>(token.as_bytes(), authority, &expected))
}

fn unless_revoked<T>(verified: Result<T, TokenError>) -> Result<Option<T>, Unfit> {
    match verified {
        Ok(verified) => Ok(Some(verified)),
        Err(TokenError::KeyRevoked { .. }) => Ok(None),
        Err(error) => Err(unverified(error)),
    }
}

impl InForce {
    /// The presence, if it speaks of this licence: a bundle with any other is refused as a whole.
    pub(super) fn fitting_presence(
        &self,
        presence: Option<&str>,
        key: &PublicKey,
    ) -> Option<VerifiedPresence> {
        let claims = self.licence.as_ref()?.claims();
        let expected = PresenceExpected {
            device: claims.dev.clone(),
            epoch: claims.epoch,
            jkt: claims.cnf.jkt,
            jti: claims.jti.clone(),
        };
        verify::<PresenceClaims>(presence?.as_bytes(), Authority::Device(key), &expected).ok()
    }

    /// Of two that are not behind, the later.
    pub(super) fn later(self, other: Self) -> Self {
        let order = |one: &Self| {
            let licence = one.marks.licence.map(|mark| (mark.epoch, mark.seq));
            (one.keyset.version(), licence, one.marks.receipt.map(|mark| mark.number))
        };
        if order(&other) > order(&self) { other } else { self }
    }

    /// The latest moment that any of these documents vouches for.
    pub(super) fn floor(&self) -> UnixSeconds {
        let issued = self.keyset.issued_at();
        let licence = self.licence.as_ref().map_or(issued, |licence| licence.claims().iat);
        let receipt = self.receipt.as_ref().map_or(issued, |receipt| receipt.claims().server_time);
        issued.max(licence).max(receipt)
    }
}

//! The published bundle: the exact signed bytes that a host needs, in one file.
//!
//! Nothing in it is believed for being in it. The checksum tells damage from forgery; trust comes from verifying every
//! signature again, from the roots that the host pinned.

use crate::journal::Learned;
use brink_license::bounded;
use brink_license::exchange::SECTIONS_MAX;
use brink_license::keyset::{Keyset, MANIFESTS_BYTES_MAX, ManifestError, TrustAnchor};
use brink_license::seating::{SEATS_SECTION, VerifiedSeats};
use brink_license::token::{
    Authority, LicenceClaims, LicenceExpected, NoticeKind, Notices, PresenceClaims, PresenceExpected,
    ReceiptClaims, ReceiptExpected, TokenError, VerifiedLicence, VerifiedPresence, VerifiedReceipt, verify,
};
use brink_license::{Code, KeyError, PublicKey, Typ, UnixSeconds, keyset::KeyUse};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

const MAGIC: &[u8] = b"BRINKBND";
const VERSION: u8 = 1;
const DIGEST_BYTES: usize = 32;
/// Largest bundle: manifests, a licence and small documents, each within its own limit.
pub const BUNDLE_BYTES_MAX: usize = 2 * 1024 * 1024;
/// No manifest is shorter: its digests and one signature alone take more.
const MANIFEST_BYTES_MIN: usize = 256;
/// Most manifests: more would be beyond what all of them may take.
const MANIFESTS_MAX: usize = MANIFESTS_BYTES_MAX / MANIFEST_BYTES_MIN;
const LICENCE_BYTES_MAX: usize = Typ::License.bytes_max();
const RECEIPT_BYTES_MAX: usize = Typ::Receipt.bytes_max();
const PRESENCE_BYTES_MAX: usize = Typ::Presence.bytes_max();
/// Largest notice: they are all small documents.
const NOTICE_BYTES_MAX: usize = Typ::Revocations.bytes_max();
const _: () = assert!(
    MANIFESTS_BYTES_MAX
        + LICENCE_BYTES_MAX
        + RECEIPT_BYTES_MAX
        + PRESENCE_BYTES_MAX
        + Typ::Seats.bytes_max()
        + NoticeKind::ALL.len() * NOTICE_BYTES_MAX
        < BUNDLE_BYTES_MAX
);

/// The file's content. Texts are tokens as they were received.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    /// The manifests that changed the root, and the newest, in rising order.
    #[serde(deserialize_with = "bounded::pieces::<_, MANIFESTS_MAX>")]
    pub manifests: Vec<Vec<u8>>,
    /// The licence in force.
    #[serde(deserialize_with = "bounded::text::<_, LICENCE_BYTES_MAX>")]
    pub licence: String,
    /// The receipt accepted last.
    #[serde(deserialize_with = "bounded::optional_text::<_, RECEIPT_BYTES_MAX>")]
    pub receipt: Option<String>,
    /// The device's statement that this machine is its home.
    #[serde(deserialize_with = "bounded::optional_text::<_, PRESENCE_BYTES_MAX>")]
    pub presence: Option<String>,
    /// The device's public key; the licence names its thumbprint.
    pub device_key: [u8; 32],
    /// Notices by the number of their kind and the seats, at most one of each; unknown numbers are passed over.
    #[serde(deserialize_with = "bounded::list::<_, _, SECTIONS_MAX>")]
    pub sections: Vec<(u16, Vec<u8>)>,
}

/// Why a bundle was refused. The last good one stays in force.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// The file cannot be read.
    #[error("cannot read the bundle: {0}")]
    Unreadable(String),
    /// Other bytes altogether.
    #[error("not a Brink bundle")]
    NotOurs,
    /// A version that this program does not know.
    #[error("bundle version {0}, this program reads version 1: update it")]
    Version(u8),
    /// Above the limit.
    #[error("the bundle has more than {BUNDLE_BYTES_MAX} bytes")]
    TooLarge,
    /// The checksum does not match, or it is cut short.
    #[error("the bundle is damaged: run any brink-edge verb on the device to publish it again")]
    Damaged,
    /// A manifest.
    #[error("bundle: {0}")]
    Manifest(#[from] ManifestError),
    /// Reading it failed in a way that it must not.
    #[error("reading the bundle failed inside Brink, and the last good one stays in force: report it")]
    Internal,
    /// The device key.
    #[error("bundle: device key: {0}")]
    Key(#[from] KeyError),
    /// The licence.
    #[error("bundle: licence: {0}")]
    Licence(TokenError),
    /// The receipt.
    #[error("bundle: receipt: {0}")]
    Receipt(TokenError),
    /// The presence.
    #[error("bundle: presence: {0}")]
    Presence(TokenError),
    /// A notice.
    #[error("bundle: {}: {problem}", kind.as_str())]
    Notice {
        /// Its kind.
        kind: NoticeKind,
        /// Why.
        problem: TokenError,
    },
}

impl BundleError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            BundleError::Unreadable(_) | BundleError::Damaged => Code::BundleDamaged,
            BundleError::NotOurs => Code::Malformed,
            BundleError::Version(_) => Code::Unsupported,
            BundleError::TooLarge => Code::TooLarge,
            BundleError::Internal => Code::Internal,
            BundleError::Manifest(e) => e.code(),
            BundleError::Key(e) => e.code(),
            BundleError::Licence(e)
            | BundleError::Receipt(e)
            | BundleError::Presence(e)
            | BundleError::Notice { problem: e, .. } => e.code(),
        }
    }

    /// Whether the licence itself was withdrawn with its key: that is a state, not damage.
    #[must_use]
    pub const fn is_key_compromise(&self) -> bool {
        matches!(self, BundleError::Licence(TokenError::KeyRevoked { .. }))
    }
}

impl Bundle {
    /// The bytes of the file: magic, version, postcard, SHA-256 of all that.
    pub fn encode(&self) -> Result<Vec<u8>, BundleError> {
        let mut bytes = MAGIC.to_vec();
        bytes.push(VERSION);
        let mut bytes = postcard::to_extend(self, bytes).map_err(|_| BundleError::Damaged)?;
        let digest = Sha256::digest(&bytes);
        bytes.extend_from_slice(&digest);
        if bytes.len() > BUNDLE_BYTES_MAX {
            return Err(BundleError::TooLarge);
        }
        Ok(bytes)
    }

    /// Reads the bytes of a file. Nothing is verified yet.
    pub fn decode(bytes: &[u8]) -> Result<Self, BundleError> {
        if bytes.len() > BUNDLE_BYTES_MAX {
            return Err(BundleError::TooLarge);
        }
        let rest = bytes.strip_prefix(MAGIC).ok_or(BundleError::NotOurs)?;
        let (&version, rest) = rest.split_first().ok_or(BundleError::Damaged)?;
        if version != VERSION {
            return Err(BundleError::Version(version));
        }
        let (content, digest) = rest.split_last_chunk::<DIGEST_BYTES>().ok_or(BundleError::Damaged)?;
        if Sha256::digest(&bytes[..bytes.len() - DIGEST_BYTES]).as_slice() != digest {
            return Err(BundleError::Damaged);
        }
        let bundle: Self = postcard::from_bytes(content).map_err(|_| BundleError::Damaged)?;
        // Spelled as we spell it: postcard by itself ignores trailing bytes and takes over-long varints.
        if postcard::to_allocvec(&bundle).is_ok_and(|again| again == content) {
            return Ok(bundle);
        }
        Err(BundleError::Damaged)
    }

    /// Verifies everything in it again, from the pinned roots to the presence.
    pub fn verify(&self, anchor: &TrustAnchor) -> Result<VerifiedBundle, BundleError> {
        self.verify_under(self.keyset(anchor)?)
    }

    /// The keyset that its manifests lead to from the pinned roots. It counts even where the rest is refused.
    pub fn keyset(&self, anchor: &TrustAnchor) -> Result<Keyset, BundleError> {
        Ok(Keyset::bootstrap(anchor, &self.manifests)?)
    }

    /// Verifies the documents beside the manifests.
    pub fn verify_under(&self, keyset: Keyset) -> Result<VerifiedBundle, BundleError> {
        let device_key = PublicKey::from_bytes(&self.device_key)?;
        let expected = LicenceExpected {
            jkt: Some(device_key.kid()),
            ..LicenceExpected::of_issuer(keyset.issuer().clone())
        };
        let issuer = Authority::Issuer(&keyset, KeyUse::License);
        let licence = verify::<LicenceClaims>(self.licence.as_bytes(), issuer, &expected);
        let licence = licence.map_err(BundleError::Licence)?;
        let receipt = self.receipt.as_deref().map(|token| verify_receipt(token, &keyset, licence.claims()));
        let presence =
            self.presence.as_deref().map(|token| verify_presence(token, &device_key, licence.claims()));
        let receipt = receipt.transpose().map_err(BundleError::Receipt)?;
        let number = receipt.as_ref().map_or(0, |receipt| receipt.claims().seq);
        let seats =
            self.seats().map(|token| VerifiedSeats::verify(token?.as_bytes(), &device_key, &licence, number));
        Ok(VerifiedBundle {
            receipt,
            seats,
            presence: presence.transpose().map_err(BundleError::Presence)?,
            notices: self.verify_notices(&keyset, licence.claims())?,
            keyset,
            licence,
        })
    }

    /// The notices that it carries, as texts. A second one of a kind, or one that is no text, is no bundle of ours.
    pub fn notices(&self) -> Result<Vec<(NoticeKind, &str)>, BundleError> {
        let sections = self.sections.iter().map(|(number, bytes)| (*number, bytes.as_slice()));
        NoticeKind::in_sections(sections).ok_or(BundleError::Damaged)
    }

    /// The seats that it carries, as text; an error where there are two, or what is there is no text.
    pub fn seats(&self) -> Option<Result<&str, TokenError>> {
        let mut found = self.sections.iter().filter(|(number, _)| *number == SEATS_SECTION);
        let (_, bytes) = found.next()?;
        let text = std::str::from_utf8(bytes).map_err(|_| TokenError::Malformed("not text"));
        Some(if found.next().is_some() { Err(TokenError::Malformed("there are two")) } else { text })
    }

    fn verify_notices(&self, keyset: &Keyset, licence: &LicenceClaims) -> Result<Notices, BundleError> {
        let mut verified = Notices::default();
        for (kind, token) in self.notices()? {
            let taken = verified.take_up(kind, token, keyset, licence);
            taken.map_err(|problem| BundleError::Notice { kind, problem })?;
        }
        Ok(verified)
    }
}

fn verify_receipt(
    token: &str,
    keyset: &Keyset,
    licence: &LicenceClaims,
) -> Result<VerifiedReceipt, TokenError> {
    let expected = ReceiptExpected {
        issuer: licence.iss.clone(),
        device: Some(licence.dev.clone()),
        epoch: Some(licence.epoch),
        pending: None,
    };
    verify::<ReceiptClaims>(token.as_bytes(), Authority::Issuer(keyset, KeyUse::Receipt), &expected)
}

fn verify_presence(
    token: &str,
    key: &PublicKey,
    licence: &LicenceClaims,
) -> Result<VerifiedPresence, TokenError> {
    let expected = PresenceExpected {
        device: licence.dev.clone(),
        epoch: licence.epoch,
        jkt: licence.cnf.jkt,
        jti: licence.jti.clone(),
    };
    verify::<PresenceClaims>(token.as_bytes(), Authority::Device(key), &expected)
}

/// A bundle whose every signature was verified by this process.
#[derive(Clone, Debug)]
pub struct VerifiedBundle {
    keyset: Keyset,
    licence: VerifiedLicence,
    receipt: Option<VerifiedReceipt>,
    presence: Option<VerifiedPresence>,
    notices: Notices,
    seats: Option<Result<VerifiedSeats, TokenError>>,
}

impl VerifiedBundle {
    /// The keyset.
    #[must_use]
    pub const fn keyset(&self) -> &Keyset {
        &self.keyset
    }

    /// The licence.
    #[must_use]
    pub const fn licence(&self) -> &VerifiedLicence {
        &self.licence
    }

    /// The last receipt.
    #[must_use]
    pub const fn receipt(&self) -> Option<&VerifiedReceipt> {
        self.receipt.as_ref()
    }

    /// The presence.
    #[must_use]
    pub const fn presence(&self) -> Option<&VerifiedPresence> {
        self.presence.as_ref()
    }

    /// What the issuer said beside the licence.
    #[must_use]
    pub const fn notices(&self) -> &Notices {
        &self.notices
    }

    /// The cameras on unnamed seats; an error where the document is refused, which leaves everything else in force: a
    /// bundle of another version must not stop cameras that the licence names.
    #[must_use]
    pub fn seats(&self) -> Option<Result<&VerifiedSeats, &TokenError>> {
        self.seats.as_ref().map(Result::as_ref)
    }

    /// What its documents say of time.
    #[must_use]
    pub fn learned(&self) -> Learned {
        let receipt = self.receipt.as_ref().map(VerifiedReceipt::claims);
        Learned::of(self.licence.claims().cnf.jkt, self.floor(), receipt)
    }

    /// The latest moment that any of its documents vouches for: it is at least that late.
    #[must_use]
    pub fn floor(&self) -> UnixSeconds {
        let issued = self.licence.claims().iat.max(self.keyset.issued_at());
        let issued = self.notices.floor().map_or(issued, |notice| issued.max(notice));
        self.receipt.as_ref().map_or(issued, |receipt| issued.max(receipt.claims().server_time))
    }
}

//! Signed documents: from bytes that nobody vouches for to claims that can be used.
//!
//! The ten verification steps of docs/TOKEN.md carry their numbers here: 1 to 4 in [`UnverifiedToken::parse`],
//! 5 to 8 in [`UnverifiedToken::verify`], 9 in [`SeqMark::admit`], 10 in [`crate::clock`].

mod audit;
mod checkpoint;
mod clock_reset;
mod device;
mod error;
mod extension;
mod licence;
mod licence_parse;
mod notice;
mod receipt;
mod revocations;
mod seats;
mod seq;
mod typed;

pub use audit::{AUDIENCE_AUDIT, AuditHeadClaims, AuditHeadExpected};
pub use checkpoint::{CheckpointClaims, CheckpointExpected};
pub use clock_reset::{CHALLENGE_SECONDS_MAX, Challenged, ClockResetClaims, ClockResetExpected};
pub use device::{PresenceClaims, PresenceExpected, RequestClaims, RequestExpected};
pub use error::TokenError;
pub use extension::{
    EXTENSION_NUMBER_MAX, EXTENSION_SECONDS_MAX, ExtendedLicence, ExtensionClaims, ExtensionExpected,
};
pub use licence::{
    Confirmation, DeviceGrant, Enforce, Grant, LicenceClaims, LicenceExpected, Mode, Over, Period, Quota,
    Seats, Swap, ZoneOffset,
};
pub use licence_parse::{GRACE_SECONDS_MAX, LIFETIME_SECONDS_MAX, OFFLINE_SECONDS_MAX};
pub use notice::{Notice, NoticeKind, Notices};
pub use receipt::{
    BatchVerdict, Cursor, LicenceStanding, NEXT_AFTER_SECONDS_MAX, ReceiptClaims, ReceiptExpected,
    ReceiptLicence, ReceiptUsage,
};
pub use revocations::{REVOKED_MAX, RevocationsClaims, RevocationsExpected, RevokedLicence};
pub use seats::{Seated, SeatsClaims, SeatsExpected};
pub use seq::{SEQ_JUMP_MAX, SeqMark};
pub use typed::{TYPED_BYTES_MAX, TYPED_LINES, TypedError, TypedExtension, TypedLines};

use crate::fields::Fields;
use crate::id::IssuerName;
use crate::json::{Limits, parse_object};
use crate::jws::{Compact, Typ};
use crate::key::{Kid, PublicKey};
use crate::keyset::{KeyUse, Keyset};
use crate::time::UnixSeconds;

/// The audience of every document that an issuer signs for a device.
pub const AUDIENCE_EDGE: &str = "brink-edge";
/// The claims version that this crate writes and reads.
pub const CLAIMS_VERSION: u64 = 1;
/// Claims that this reader enforces when a document names them in `must`.
pub const MUST_KNOWN: [&str; 8] =
    ["device", "enforce", "grants", "offline_max", "quotas", "swap", "unattested", "zone"];

/// A kind of document that can be verified.
pub trait Document: Sized {
    /// Its `typ`.
    const TYP: Typ;
    /// What step 8 compares it with.
    type Expected;

    /// Step 7: claims from the payload of a verified signature.
    #[doc(hidden)]
    fn read(fields: Payload<'_>) -> Result<Self, TokenError>;

    /// Step 8: meant for us.
    #[doc(hidden)]
    fn check(&self, expected: &Self::Expected) -> Result<(), TokenError>;

    /// When it was issued, for documents whose key has a validity.
    #[doc(hidden)]
    fn issued_at(&self) -> Option<UnixSeconds>;
}

/// The parsed payload of a verified signature. Only this crate can look into it or make one.
pub struct Payload<'a>(pub(crate) Fields<'a>);

/// Whose signature is expected.
#[derive(Clone, Copy, Debug)]
pub enum Authority<'k> {
    /// A key of the issuer's keyset with this use.
    Issuer(&'k Keyset, KeyUse),
    /// The device's own key.
    Device(&'k PublicKey),
}

impl Authority<'_> {
    /// Step 5, then 6.
    fn check(self, token: &Compact<'_>) -> Result<Kid, TokenError> {
        let unknown = TokenError::UnknownKid { kid: token.kid };
        let kid = token.kid.ok_or_else(|| unknown.clone())?;
        let key = match self {
            Authority::Issuer(keyset, wanted) => {
                let record = keyset.key(&kid).ok_or(unknown)?;
                if record.key_use() != wanted {
                    return Err(TokenError::KeyUse { kid, found: record.key_use(), wanted });
                }
                if record.is_revoked() {
                    return Err(TokenError::KeyRevoked { kid });
                }
                record.public_key()
            }
            Authority::Device(key) if key.kid() == kid => key,
            Authority::Device(_) => return Err(unknown),
        };
        if !key.verifies(token.signing_input, &token.signature) {
            return Err(TokenError::BadSignature);
        }
        Ok(kid)
    }

    /// The last part of step 7: `iat` within the key's validity, never compared with now.
    fn check_issued_at(self, kid: Kid, issued_at: Option<UnixSeconds>) -> Result<(), TokenError> {
        match (self, issued_at) {
            (Authority::Issuer(keyset, _), Some(iat)) => match keyset.key(&kid) {
                Some(record) if record.is_valid_at(iat) => Ok(()),
                Some(_) | None => Err(TokenError::KeyExpired { kid }),
            },
            (Authority::Issuer(..) | Authority::Device(_), _) => Ok(()),
        }
    }
}

/// A token whose envelope is well formed (steps 1 to 4). Its claims cannot be reached.
#[derive(Debug)]
pub struct UnverifiedToken<'a>(Compact<'a>);

impl<'a> UnverifiedToken<'a> {
    /// Steps 1 to 4: envelope and header, for a call site that expects `expected`.
    pub fn parse(bytes: &'a [u8], expected: Typ) -> Result<Self, TokenError> {
        Compact::parse(bytes, expected).map(Self)
    }

    /// The key that the header names, if it names one at all. Unverified: good for look-up and logs only.
    #[must_use]
    pub fn kid(&self) -> Option<Kid> {
        self.0.kid
    }

    /// Steps 5 to 8: key, signature over the original bytes, claims, and that it is meant for us.
    pub fn verify<D: Document>(
        self,
        authority: Authority<'_>,
        expected: &D::Expected,
    ) -> Result<Verified<D>, TokenError> {
        let token = self.0;
        let kid = authority.check(&token)?;
        let payload = crate::b64::decode(token.payload.as_bytes()).ok_or(TokenError::BadBase64("payload"))?;
        let members = parse_object(&payload, Limits::document(D::TYP.items_max()))?;
        let claims = D::read(Payload(Fields::new(members)))?;
        authority.check_issued_at(kid, claims.issued_at())?;
        claims.check(expected)?;
        Ok(Verified { claims, kid, token: token.text.into() })
    }
}

/// Parses and verifies in one call (steps 1 to 8).
pub fn verify<D: Document>(
    bytes: &[u8],
    authority: Authority<'_>,
    expected: &D::Expected,
) -> Result<Verified<D>, TokenError> {
    UnverifiedToken::parse(bytes, D::TYP)?.verify(authority, expected)
}

/// Claims whose signature, bounds and addressee were checked, with the exact bytes that were signed. There is no
/// other way to one than [`UnverifiedToken::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified<D> {
    claims: D,
    kid: Kid,
    token: Box<str>,
}

impl<D> Verified<D> {
    /// The claims.
    #[must_use]
    pub const fn claims(&self) -> &D {
        &self.claims
    }

    /// The key that signed.
    #[must_use]
    pub const fn kid(&self) -> Kid {
        self.kid
    }

    /// The token as it was received.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }
}

/// A licence that a device may act on.
pub type VerifiedLicence = Verified<LicenceClaims>;
/// The issuer's acknowledgement of one exchange.
pub type VerifiedReceipt = Verified<ReceiptClaims>;
/// A device's proof over one request.
pub type VerifiedRequest = Verified<RequestClaims>;
/// The issuer's word that a device may set its mark of time back.
pub type VerifiedClockReset = Verified<ClockResetClaims>;
/// The issuer's word on where one of its audit chains stood.
pub type VerifiedAuditHead = Verified<AuditHeadClaims>;
/// A device's statement that a bundle is at home on a machine.
pub type VerifiedPresence = Verified<PresenceClaims>;

/// The issuer's name. Another spelling of it is a wrong issuer and not a bad claim.
fn read_issuer(fields: &mut Fields<'_>) -> Result<IssuerName, TokenError> {
    let text = fields.text("iss")?;
    IssuerName::parse(&text).map_err(|_| TokenError::NoIssuer(text.chars().take(64).collect()))
}

/// `ver` is the one that this crate knows.
fn check_version(fields: &mut Fields<'_>) -> Result<(), TokenError> {
    match fields.uint("ver")? {
        CLAIMS_VERSION => Ok(()),
        other => Err(TokenError::Unsupported(format!("claims version {other}"))),
    }
}

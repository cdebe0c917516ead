//! Minting: the only caller of the signer for licences.
//!
//! Tokens are written with `jsonwebtoken`, whose cryptography comes from a provider of ours over the [`Signer`] port.
//! Its factories are plain functions that are fed the bytes of a key. Ours are the bytes of the key's *name*, and the
//! signer itself is lent for the length of one `encode` on the calling thread: no process-wide table of keys, and a
//! key in a KMS signs as well as one in a file. Every fresh token passes the one strict verifier before it is
//! recorded, so what a device would refuse never leaves.

use crate::desired::{Draft, Unmintable};
use crate::secret::NoRandom;
use crate::storage::LicenceRow;
use brink_license::keyset::{KeyUse, Keyset};
use brink_license::token::{Authority, LicenceClaims, LicenceExpected, Seats, TokenError, verify};
use brink_license::{DeviceId, IdList, TokenId, Typ, UnixSeconds};
use brink_signing::{SignError, Signer};
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result as JwtResult};
use jsonwebtoken::{Algorithm, EncodingKey, Header, signature};
use std::cell::RefCell;
use std::sync::{Arc, OnceLock};

/// A licence is renewed when a tenth of its life can be gained: a device that exchanges now and then always holds
/// nine tenths, and one that exchanges every five minutes does not fill the ledger.
pub const RENEWAL_FRACTION: u64 = 10;

/// Most tokens of one device in [`MINTS_SECONDS`]: far above what its administrators change by hand, and a bound on what
/// devices can bring about with their reports, which move seats from one to the other. What is kept back comes later.
pub const MINTS_MAX: u32 = 100;
/// The time in which a device gets at most [`MINTS_MAX`] tokens.
pub const MINTS_SECONDS: i64 = 3600;

/// Why no token was minted.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// There is none to mint.
    #[error(transparent)]
    Unmintable(#[from] Unmintable),
    /// No reader would take it.
    #[error(
        "the licence of device {device} with {cameras} cameras would take {size} {unit}, at most {size_max} are \
             allowed; spread the cameras over more devices"
    )]
    TooLarge {
        /// The device.
        device: DeviceId,
        /// Cameras by name.
        cameras: usize,
        /// What it would take.
        size: usize,
        /// The bound.
        size_max: usize,
        /// Of what.
        unit: &'static str,
    },
    /// The key did not sign.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The fresh token does not verify: nothing was recorded.
    #[error(
        "the fresh licence of device {device} does not verify ({problem}); the keyset may have expired or lack the \
             license key"
    )]
    Unverifiable {
        /// The device.
        device: DeviceId,
        /// The verifier's words.
        problem: TokenError,
    },
    /// Another part of this program has set up `jsonwebtoken` for itself.
    #[error("minting is not set up: {0}")]
    Encoder(String),
    /// No random token id.
    #[error(transparent)]
    Random(#[from] NoRandom),
}

/// Why a token is minted now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Occasion {
    /// The first of its epoch.
    First,
    /// It says something new.
    Changed,
    /// It lasts longer.
    Renewal,
    /// The one before was withdrawn.
    Resumed,
    /// It replaces one that went with a part of the database.
    Restored,
}

impl Occasion {
    /// The word in the audit and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Changed => "changed",
            Self::Renewal => "renewal",
            Self::Resumed => "resumed",
            Self::Restored => "restored",
        }
    }
}

/// Whether a token is to be minted, and why. Near the end of a trial nothing is gained by renewing.
pub fn occasion(
    draft: &Draft,
    latest: Option<&LicenceRow>,
    now: UnixSeconds,
) -> Result<Option<Occasion>, MintError> {
    let Some(latest) = latest else { return Ok(Some(Occasion::First)) };
    if latest.content_sha256 != content_sha256(draft)? {
        return Ok(Some(Occasion::Changed));
    }
    let gained = draft.exp(now).since(latest.exp);
    let worthwhile = i64::try_from(draft.life_seconds / RENEWAL_FRACTION).unwrap_or(i64::MAX);
    Ok((gained >= worthwhile).then_some(Occasion::Renewal))
}

fn content_sha256(draft: &Draft) -> Result<[u8; 32], MintError> {
    draft.content_sha256().map_err(|e| MintError::Encoder(e.to_string()))
}

/// What mints: the keyset in force, and the license key.
#[derive(Clone, Copy)]
pub struct Minter<'a> {
    /// What the fresh token is verified with.
    pub keyset: &'a Keyset,
    /// The license key.
    pub signer: &'a Arc<dyn Signer>,
}

impl Minter<'_> {
    /// Mints the token with this number, to be recorded in the transaction that allots it.
    pub fn mint(&self, draft: &Draft, seq: u64, now: UnixSeconds) -> Result<LicenceRow, MintError> {
        let claims = draft.claims(fresh_token_id()?, seq, now)?;
        check_size(&claims)?;
        let token = encode(self.signer, Typ::License, &claims)?;
        check_bytes(&claims, &token)?;
        self.check_fresh(&claims, &token)?;
        let (named, any) = seats(&claims);
        Ok(LicenceRow {
            epoch: claims.epoch,
            seq,
            jti: claims.jti,
            kid: self.signer.kid(),
            iat: claims.iat,
            nbf: claims.nbf,
            exp: claims.exp,
            grace_seconds: claims.grace,
            named_seats: named,
            any_seats: any,
            quota_ppm: draft.quota_ppm,
            content_sha256: content_sha256(draft)?,
            token,
        })
    }

    /// Reads the token as the device will, and as exactly what was meant.
    fn check_fresh(&self, claims: &LicenceClaims, token: &str) -> Result<(), MintError> {
        let unverifiable = |problem| MintError::Unverifiable { device: claims.dev.clone(), problem };
        let expected = LicenceExpected {
            issuer: claims.iss.clone(),
            tenant: Some(claims.tenant.clone()),
            device: Some(claims.dev.clone()),
            epoch: Some(claims.epoch),
            jkt: Some(claims.cnf.jkt),
        };
        let authority = Authority::Issuer(self.keyset, KeyUse::License);
        let verified =
            verify::<LicenceClaims>(token.as_bytes(), authority, &expected).map_err(unverifiable)?;
        if verified.claims() == claims {
            return Ok(());
        }
        Err(MintError::Encoder("a claim reads back as another value".into()))
    }
}

/// A random id. Its text is a slug by construction.
pub(crate) fn fresh_token_id() -> Result<TokenId, NoRandom> {
    let bytes = crate::secret::random::<16>()?;
    let id = uuid::Builder::from_random_bytes(*bytes).into_uuid();
    TokenId::parse(&id.hyphenated().to_string()).map_err(|_| NoRandom)
}

fn seats(claims: &LicenceClaims) -> (u64, u64) {
    let sum = |(named, any), seats: &Seats| (named + seats.named() as u64, any + u64::from(seats.unnamed()));
    claims.grants.iter().map(|grant| &grant.seats).fold((0, 0), sum)
}

/// The bound on array items, counted as the strict reader counts them.
fn check_size(claims: &LicenceClaims) -> Result<(), MintError> {
    let grants: usize = claims.grants.iter().map(|grant| 1 + grant.seats.named() + grant.packs.len()).sum();
    let features: usize = claims.packs.values().map(IdList::len).sum();
    let zone = 3 * claims.zone.len();
    let items =
        grants + features + zone + claims.device.packs.len() + claims.quotas.len() + claims.must.len();
    within(claims, (items, Typ::License.items_max()), "array items")
}

fn check_bytes(claims: &LicenceClaims, token: &str) -> Result<(), MintError> {
    within(claims, (token.len(), Typ::License.bytes_max()), "bytes")
}

fn within(
    claims: &LicenceClaims,
    (size, size_max): (usize, usize),
    unit: &'static str,
) -> Result<(), MintError> {
    if size <= size_max {
        return Ok(());
    }
    let cameras = usize::try_from(seats(claims).0).unwrap_or(usize::MAX);
    Err(MintError::TooLarge { device: claims.dev.clone(), cameras, size, size_max, unit })
}

/// What a call of `encode` lends to the provider, and what it gets back from it.
struct Loan {
    signer: Arc<dyn Signer>,
    failure: Option<SignError>,
}

thread_local! {
    static LOAN: RefCell<Option<Loan>> = const { RefCell::new(None) };
}

fn encode(signer: &Arc<dyn Signer>, typ: Typ, claims: &LicenceClaims) -> Result<String, MintError> {
    install_provider()?;
    // serde writes nothing for absent members, so the header is exactly alg, kid and typ.
    let header = Header {
        typ: Some(typ.as_str().to_owned()),
        kid: Some(signer.kid().to_string()),
        ..Header::new(Algorithm::EdDSA)
    };
    let key = EncodingKey::from_ed_der(signer.kid().as_bytes());
    LOAN.set(Some(Loan { signer: Arc::clone(signer), failure: None }));
    let encoded = jsonwebtoken::encode(&header, claims, &key);
    let failure = LOAN.take().and_then(|loan| loan.failure);
    match (encoded, failure) {
        (_, Some(failure)) => Err(failure.into()),
        (Ok(token), None) => Ok(token),
        (Err(error), None) => Err(MintError::Encoder(error.to_string())),
    }
}

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: lent_signer,
    // This process verifies with the one strict verifier only.
    verifier_factory: |_, _| Err(ErrorKind::InvalidAlgorithm.into()),
    key_utils: KeyUtils::new_unimplemented(),
};

fn install_provider() -> Result<(), MintError> {
    static INSTALLED: OnceLock<bool> = OnceLock::new();
    if *INSTALLED.get_or_init(|| PROVIDER.install_default().is_ok()) {
        return Ok(());
    }
    Err(MintError::Encoder("another provider of jsonwebtoken is installed in this process".into()))
}

fn lent_signer(algorithm: &Algorithm, key: &EncodingKey) -> JwtResult<Box<dyn JwtSigner>> {
    let signer = LOAN.with_borrow(|loan| loan.as_ref().map(|loan| Arc::clone(&loan.signer)));
    match signer.filter(|signer| signer.kid().as_bytes() == key.as_bytes() && *algorithm == Algorithm::EdDSA)
    {
        Some(signer) => Ok(Box::new(PortSigner(signer))),
        None => Err(ErrorKind::InvalidAlgorithm.into()),
    }
}

struct PortSigner(Arc<dyn Signer>);

impl signature::Signer<Vec<u8>> for PortSigner {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        self.0.sign(message).map(Vec::from).map_err(|failure| {
            LOAN.with_borrow_mut(|loan| {
                if let Some(loan) = loan {
                    loan.failure = Some(failure);
                }
            });
            signature::Error::new()
        })
    }
}

impl JwtSigner for PortSigner {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

#[cfg(test)]
mod tests;

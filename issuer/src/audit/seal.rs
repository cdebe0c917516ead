//! Seals: the issuer's signed word, once a day, on where each chain stands. Whoever keeps one elsewhere can show later
//! that lines were changed or taken away, by whomever: the audit key signs nothing that is not in the chain.

use super::chain::ChainHead;
use crate::issuer::Issuer;
use crate::refusal::Refusal;
use crate::storage::{KeptHead, Seal, StorageError};
use brink_license::token::{AUDIENCE_AUDIT, AuditHeadClaims, CLAIMS_VERSION};
use brink_license::{TenantId, Typ, UnixSeconds};
use brink_signing::{Signer, sign_document};

/// Seals of one transaction: some ten milliseconds of signing while other writers wait.
const SEALS_MAX: usize = 500;
const DAY: i64 = 86_400;

/// Which chains are due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Those with lines that no seal covers, and none of today (UTC).
    Daily,
    /// Those with lines that no seal covers.
    Now,
}

impl Due {
    fn is(self, kept: &KeptHead, now: UnixSeconds) -> bool {
        let day = |at: UnixSeconds| at.as_i64().div_euclid(DAY);
        let is_new = kept.head.seq > kept.sealed;
        match self {
            Self::Daily => is_new && kept.sealed_at.is_none_or(|at| day(at) < day(now)),
            Self::Now => is_new,
        }
    }
}

/// Why nothing was sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// No key for it.
    #[error(
        "no active audit key lies here, so that heads of the audit cannot be signed; put keys/audit-N.key back, or make \
         one with `keys rotate --use audit`"
    )]
    NoKey,
    /// The issuer is not ready.
    #[error(transparent)]
    NotReady(#[from] Refusal),
}

impl From<StorageError> for SealError {
    fn from(error: StorageError) -> Self {
        Self::NotReady(error.into())
    }
}

impl Issuer {
    /// Signs where the chains stand, and records it. Says how many were sealed.
    pub fn seal_audit(&self, due: Due) -> Result<usize, SealError> {
        let mut sealed = 0;
        loop {
            let answering = self.answering()?;
            let Some(signer) = &answering.in_force.keys.audit else { return Err(SealError::NoKey) };
            let mut outcome = Ok(0);
            self.storage.seal_audit(&mut |heads| {
                let due = heads.iter().filter(|kept| due.is(kept, answering.now)).take(SEALS_MAX);
                let signed: Result<Vec<Seal>, Refusal> =
                    due.map(|kept| self.seal(&**signer, (&kept.tenant, kept.head), answering.now)).collect();
                match signed {
                    Ok(seals) => {
                        outcome = Ok(seals.len());
                        (!seals.is_empty()).then_some(seals)
                    }
                    Err(refusal) => {
                        outcome = Err(refusal);
                        None
                    }
                }
            })?;
            let count = outcome?;
            sealed += count;
            if count < SEALS_MAX {
                return Ok(sealed);
            }
        }
    }

    fn seal(
        &self,
        signer: &dyn Signer,
        (tenant, head): (&Option<TenantId>, ChainHead),
        now: UnixSeconds,
    ) -> Result<Seal, Refusal> {
        let claims = AuditHeadClaims {
            ver: CLAIMS_VERSION,
            iss: self.name.clone(),
            aud: AUDIENCE_AUDIT.to_owned(),
            tenant: tenant.clone(),
            seq: head.seq,
            hash: head.hash,
            iat: now,
        };
        let payload = claims.to_json_bytes().map_err(|e| Refusal::Encode(e.to_string()))?;
        let token = sign_document(signer, Typ::Audit, &payload)?;
        Ok(Seal { tenant: tenant.clone(), head, kid: signer.kid(), iat: now, token })
    }
}

//! From what somebody shows to who that is.

use super::key::{ApiKey, KeyId};
use super::scope::Scopes;
use crate::storage::{Actor, ApiKeyRow, Storage, StorageError};
use brink_license::{TenantId, UnixSeconds};

/// Seconds between two notes of when a key was used last: reading a list ten times a second is no reason to write.
const USED_SECONDS: i64 = 60;

/// Somebody whose key is in force.
#[derive(Clone, Debug)]
pub struct Credential {
    /// The key, which also opens what was remembered under it.
    pub key: ApiKey,
    /// What it may do.
    pub scopes: Scopes,
    /// The only tenant that there is for it.
    pub tenant: Option<TenantId>,
    /// Until when, exclusive.
    pub expires_at: Option<UnixSeconds>,
}

/// Why somebody is nobody here.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// No such key. Whether the id or the secret is wrong is nobody's business.
    #[error("the API key is not known here")]
    Unknown,
    /// The right key, too late.
    #[error("the API key {0} has expired; make another with `brink-issuer key create`")]
    Expired(KeyId),
    /// The right key, taken back.
    #[error("the API key {0} was revoked; make another with `brink-issuer key create`")]
    Revoked(KeyId),
    /// The database.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl Denied {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unknown => "API_KEY_UNKNOWN",
            Self::Expired(_) => "API_KEY_EXPIRED",
            Self::Revoked(_) => "API_KEY_REVOKED",
            Self::Storage(_) => "DATABASE",
        }
    }
}

impl Credential {
    /// How the audit calls it.
    #[must_use]
    pub fn actor(&self) -> Actor {
        Actor(format!("key:{}", self.key.id()))
    }

    /// Whether there is such a tenant for this credential, if there is one at all.
    #[must_use]
    pub fn sees(&self, tenant: &TenantId) -> bool {
        self.tenant.as_ref().is_none_or(|own| own == tenant)
    }
}

/// Looks a key up, and says who it is. An id is no secret, and still an unknown one costs what a wrong secret does; that a
/// key was revoked or has expired is told to nobody but its holder.
pub fn authenticate(storage: &dyn Storage, key: ApiKey, now: UnixSeconds) -> Result<Credential, Denied> {
    let row = storage.api_key(key.id())?;
    let is_known = key.matches(row.as_ref().map(|row| &row.secret_sha256));
    let Some(row) = row.filter(|_| is_known) else { return Err(Denied::Unknown) };
    if row.revoked_at.is_some() {
        return Err(Denied::Revoked(row.id));
    }
    if row.is_over(now) {
        return Err(Denied::Expired(row.id));
    }
    note_use(storage, &row, now);
    Ok(Credential { key, scopes: row.scopes, tenant: row.tenant, expires_at: row.expires_at })
}

/// Not worth refusing anybody for: a database that can only be read still answers questions.
fn note_use(storage: &dyn Storage, row: &ApiKeyRow, now: UnixSeconds) {
    if row.last_used_at.is_some_and(|last| (0..USED_SECONDS).contains(&now.since(last))) {
        return;
    }
    if let Err(error) = storage.touch_api_key(&row.id, now) {
        tracing::warn!(key = %row.id, %error, "when a key was used last is not on record");
    }
}

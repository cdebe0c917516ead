//! The port to API keys: found by their ids, never shown again.

use super::{AuditNote, Plan, StorageError};
use crate::access::{KeyId, Scopes};
use brink_license::{TenantId, UnixSeconds};

/// An API key as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyRow {
    /// The public part.
    pub id: KeyId,
    /// SHA-256 of the secret part.
    pub secret_sha256: [u8; 32],
    /// For people.
    pub name: String,
    /// What it may do.
    pub scopes: Scopes,
    /// The only tenant that there is for it.
    pub tenant: Option<TenantId>,
    /// When it was made.
    pub created_at: UnixSeconds,
    /// Who made it, as the audit calls them.
    pub created_by: String,
    /// When it ends, exclusive.
    pub expires_at: Option<UnixSeconds>,
    /// When it was used last, to a minute.
    pub last_used_at: Option<UnixSeconds>,
    /// When it was taken back.
    pub revoked_at: Option<UnixSeconds>,
}

impl ApiKeyRow {
    /// Whether it has ended by itself.
    #[must_use]
    pub fn is_over(&self, now: UnixSeconds) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// Where it stands in lists.
    #[must_use]
    pub fn place(&self) -> KeyPlace {
        KeyPlace { created_at: self.created_at, id: self.id.as_str().to_owned() }
    }
}

/// A key to add.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    /// The row.
    pub row: ApiKeyRow,
    /// What the audit says.
    pub note: AuditNote,
}

/// Where a key stands among all: by the moment it was made, then by its id.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct KeyPlace {
    /// When it was made.
    pub created_at: UnixSeconds,
    /// Its id.
    pub id: String,
}

/// What is asked of the API keys.
pub trait Credentials: Send + Sync {
    /// The key with this id.
    fn api_key(&self, id: &KeyId) -> Result<Option<ApiKeyRow>, StorageError>;

    /// Keys behind `after`, the oldest first, at most `limit`; with `tenant` those that are for it alone.
    fn api_keys(
        &self,
        tenant: Option<&TenantId>,
        after: Option<&KeyPlace>,
        limit: u32,
    ) -> Result<Vec<ApiKeyRow>, StorageError>;

    /// Adds a key. Its tenant is there, or it is refused.
    fn add_api_key(&self, key: &NewApiKey) -> Result<(), StorageError>;

    /// Takes a key back at `now`; the plan sees it, or `None` where there is none.
    fn revoke_api_key(
        &self,
        id: &KeyId,
        now: UnixSeconds,
        plan: Plan<'_, Option<ApiKeyRow>, AuditNote>,
    ) -> Result<(), StorageError>;

    /// Notes that a key was used.
    fn touch_api_key(&self, id: &KeyId, at: UnixSeconds) -> Result<(), StorageError>;
}

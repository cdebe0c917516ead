//! Making and revoking API keys. Nobody makes a key that may do more than they may themselves, for anybody else, or for
//! longer.

use super::credential::Credential;
use super::key::{ApiKey, IMPORTED_BYTES, KeyId};
use super::scope::{Scope, Scopes};
use crate::admin::{Admin, ran};
use crate::calendar::rfc3339;
use crate::secret::{NoRandom, Redacted};
use crate::storage::{ApiKeyRow, AuditNote, KeyPlace, NewApiKey, StorageError};
use brink_license::{TenantId, UnixSeconds};
use std::ops::RangeInclusive;

/// Longest name: a column of a list.
const NAME_CHARS_MAX: usize = 100;
/// Days that a key may live, if it is to end: ten years are for ever.
pub const EXPIRES_DAYS: RangeInclusive<u32> = 1..=3650;
const DAY: i64 = 86_400;
/// Keys that stand in the old product's templates and documentation.
const KNOWN_VALUES: [&str; 2] = ["your_api_key_here", "dev-api-key-123"];

/// A key to make.
#[derive(Clone, Debug, Default)]
pub struct KeyOrder {
    /// For people.
    pub name: String,
    /// What it may do.
    pub scopes: Scopes,
    /// The only tenant that there is to be for it.
    pub tenant: Option<TenantId>,
    /// Days until it ends; `None` for one that has to be revoked.
    pub expires_days: Option<u32>,
    /// One that is in use already, by clients of before Brink, in place of a fresh one.
    pub value: Option<Redacted>,
}

/// A key that was made, to be shown once.
#[derive(Debug)]
pub struct MadeKey {
    /// The key.
    pub key: Redacted,
    /// Its row.
    pub row: ApiKeyRow,
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub enum Grantor<'c> {
    /// Whoever may read the issuer directory may do everything.
    Operator,
    /// The holder of a key.
    Holder(&'c Credential),
}

/// Why no key was made or revoked.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// A key that may do nothing.
    #[error("no scope was given; a key without one opens nothing")]
    NoScope,
    /// A name that is no line.
    #[error(
        "a key's name has at most {NAME_CHARS_MAX} characters, and no control characters; give --name another text"
    )]
    Name,
    /// Too long, or not at all.
    #[error("--expires-days {0} is out of bounds: {min} to {max}", min = EXPIRES_DAYS.start(), max = EXPIRES_DAYS.end())]
    Days(u32),
    /// More than the maker may do.
    #[error(
        "the scope {0} is not among those of your own key, so you cannot give it away; ask somebody who has it"
    )]
    BeyondScopes(Scope),
    /// For more tenants than the maker's own.
    #[error("your own key is for tenant {0} alone, and so is every key that you make; give --tenant {0}")]
    BeyondTenant(TenantId),
    /// For longer than the maker's own.
    #[error("your own key ends at {0}, and no key that you make lasts longer; give fewer --expires-days")]
    BeyondExpiry(String),
    /// Old clients of nobody.
    #[error("the scope legacy is for the clients of one tenant; give --tenant T")]
    LegacyTenant,
    /// A key of before Brink for something else.
    #[error(
        "a key that is imported is as easy to guess as it always was, and may have the scope legacy alone"
    )]
    ImportedScopes,
    /// No key of before Brink.
    #[error(
        "the key to import is {min} to {max} visible ASCII characters and does not begin with brk_; see that the file holds it alone",
        min = IMPORTED_BYTES.start(), max = IMPORTED_BYTES.end()
    )]
    ImportedValue,
    /// A key that everybody knows.
    #[error(
        "the key to import stands in the old product's documentation, so that anybody can show it; make another one"
    )]
    ImportedKnown,
    /// It was imported before.
    #[error("the key to import is there already, as {0}; revoked keys do not come back")]
    ImportedBefore(KeyId),
    /// No such key.
    #[error("there is no API key {0}; `brink-issuer key list` shows all")]
    Unknown(KeyId),
    /// It was revoked before.
    #[error("the API key {key} was revoked at {at} already; nothing was changed")]
    Already {
        /// Which.
        key: KeyId,
        /// When.
        at: String,
    },
    /// The database.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Random numbers.
    #[error(transparent)]
    Random(#[from] NoRandom),
}

impl AccessError {
    /// Whether the order contradicts what is stored, rather than being wrong in itself.
    #[must_use]
    pub const fn is_of_state(&self) -> bool {
        matches!(self, Self::Already { .. } | Self::ImportedBefore(_))
    }

    /// Whether the one who asks lacks the right.
    #[must_use]
    pub const fn is_of_rights(&self) -> bool {
        matches!(self, Self::BeyondScopes(_) | Self::BeyondTenant(_) | Self::BeyondExpiry(_))
    }
}

impl Admin {
    /// Makes a key.
    pub fn create_key(&self, order: &KeyOrder, grantor: Grantor<'_>) -> Result<MadeKey, AccessError> {
        let now = self.clock.now();
        let expires_at = check(order, grantor, now)?;
        let key = match &order.value {
            None => ApiKey::generate()?,
            Some(value) => self.imported(value)?,
        };
        let row = ApiKeyRow {
            id: key.id().clone(),
            secret_sha256: key.digest(),
            name: order.name.trim().to_owned(),
            scopes: order.scopes.clone(),
            tenant: order.tenant.clone(),
            created_at: now,
            created_by: self.actor.0.clone(),
            expires_at,
            last_used_at: None,
            revoked_at: None,
        };
        let detail = serde_json::json!({
            "name": row.name, "scopes": row.scopes.to_string(), "tenant": row.tenant, "expires_at": row.expires_at,
            "imported": order.value.is_some(),
        });
        let note = self.note_on(&row, "key.create", detail);
        self.storage.add_api_key(&NewApiKey { row: row.clone(), note })?;
        Ok(MadeKey { key: key.shown(), row })
    }

    /// Whether a key of before Brink can be imported.
    pub fn check_imported(&self, value: &Redacted) -> Result<(), AccessError> {
        self.imported(value).map(drop)
    }

    /// A key of before Brink.
    fn imported(&self, value: &Redacted) -> Result<ApiKey, AccessError> {
        let key = ApiKey::imported(value.reveal()).ok_or(AccessError::ImportedValue)?;
        if KNOWN_VALUES.contains(&value.reveal()) && !self.storage.issuer()?.development {
            return Err(AccessError::ImportedKnown);
        }
        match self.storage.api_key(key.id())? {
            Some(row) => Err(AccessError::ImportedBefore(row.id)),
            None => Ok(key),
        }
    }

    /// Keys that the one who asks may know of, the oldest first.
    pub fn keys(
        &self,
        tenant: Option<&TenantId>,
        after: Option<&KeyPlace>,
        limit: u32,
    ) -> Result<Vec<ApiKeyRow>, StorageError> {
        self.storage.api_keys(tenant, after, limit)
    }

    /// Takes a key back: the next request with it is refused. Only one that `grantor` may know of.
    pub fn revoke_key(&self, id: &KeyId, grantor: Grantor<'_>) -> Result<ApiKeyRow, AccessError> {
        let now = self.clock.now();
        let mut outcome = None;
        self.storage.revoke_api_key(id, now, &mut |row| {
            let judged = judge(id, row.as_ref(), grantor);
            let note = judged
                .as_ref()
                .ok()
                .map(|row| self.note_on(row, "key.revoke", serde_json::json!({ "name": row.name })));
            outcome = Some(judged.map(|row| ApiKeyRow { revoked_at: Some(now), ..row }));
            note
        })?;
        ran(outcome)?
    }

    fn note_on(&self, row: &ApiKeyRow, action: &'static str, detail: serde_json::Value) -> AuditNote {
        let (at, actor, subject) = (self.clock.now(), self.actor.clone(), format!("key:{}", row.id));
        AuditNote { tenant: row.tenant.clone(), at, actor, action, subject, detail }
    }
}

fn judge(id: &KeyId, row: Option<&ApiKeyRow>, grantor: Grantor<'_>) -> Result<ApiKeyRow, AccessError> {
    let row = row.filter(|row| grantor.knows(row)).ok_or_else(|| AccessError::Unknown(id.clone()))?;
    match row.revoked_at {
        Some(at) => Err(AccessError::Already { key: id.clone(), at: rfc3339(at) }),
        None => Ok(row.clone()),
    }
}

impl Grantor<'_> {
    /// Whether a key is of a tenant that there is for the one who asks.
    #[must_use]
    pub fn knows(&self, row: &ApiKeyRow) -> bool {
        match self {
            Self::Operator => true,
            Self::Holder(credential) => credential.tenant.is_none() || credential.tenant == row.tenant,
        }
    }
}

/// When the key is to end.
fn check(
    order: &KeyOrder,
    grantor: Grantor<'_>,
    now: UnixSeconds,
) -> Result<Option<UnixSeconds>, AccessError> {
    if order.scopes.is_empty() {
        return Err(AccessError::NoScope);
    }
    let is_legacy = order.scopes.iter().eq([Scope::Legacy]);
    if order.value.is_some() && !is_legacy {
        return Err(AccessError::ImportedScopes);
    }
    if is_legacy && order.tenant.is_none() {
        return Err(AccessError::LegacyTenant);
    }
    let name = order.name.trim();
    if name.chars().count() > NAME_CHARS_MAX || name.chars().any(char::is_control) {
        return Err(AccessError::Name);
    }
    let days = order.expires_days;
    if let Some(days) = days.filter(|days| !EXPIRES_DAYS.contains(days)) {
        return Err(AccessError::Days(days));
    }
    let expires_at = days.map(|days| now.saturating_add(i64::from(days) * DAY));
    let Grantor::Holder(own) = grantor else { return Ok(expires_at) };
    if let Some(scope) = own.scopes.first_beyond(&order.scopes) {
        return Err(AccessError::BeyondScopes(scope));
    }
    match &own.tenant {
        Some(tenant) if order.tenant.as_ref() != Some(tenant) => {
            return Err(AccessError::BeyondTenant(tenant.clone()));
        }
        Some(_) | None => {}
    }
    match own.expires_at {
        Some(end) if expires_at.is_none_or(|asked| asked > end) => {
            Err(AccessError::BeyondExpiry(rfc3339(end)))
        }
        Some(_) | None => Ok(expires_at),
    }
}

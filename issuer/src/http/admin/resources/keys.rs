//! API keys, and the keyset that devices verify by.

use super::Paging;
use crate::access::{Grantor, KeyId, KeyOrder, Scope, Scopes};
use crate::calendar::rfc3339;
use crate::http::admin::failure::{Denial, Failure};
use crate::http::admin::input::whole_or_none;
use crate::http::admin::page::{Asked, Page};
use crate::http::admin::route::{Call, Context, Handled, NoQuery};
use crate::storage::{ApiKeyRow, KeyPlace};
use brink_license::TenantId;
use brink_license::keyset::{KeyRecord, KeyUse};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An API key, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct ApiKey {
    /// The digits after `brk_`.
    #[schema(value_type = String)]
    id: KeyId,
    /// For people.
    name: String,
    /// What it may do.
    #[schema(value_type = Vec<String>)]
    scopes: Vec<Scope>,
    /// The only tenant that there is for it; `null` for all.
    #[schema(value_type = Option<String>)]
    tenant: Option<TenantId>,
    /// When it was made, RFC 3339.
    #[schema(format = DateTime)]
    created_at: String,
    /// Who made it.
    created_by: String,
    /// When it ends, RFC 3339; `null` for one that has to be revoked.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// When it was used last, to a minute, RFC 3339.
    #[schema(format = DateTime)]
    last_used_at: Option<String>,
    /// When it was taken back, RFC 3339.
    #[schema(format = DateTime)]
    revoked_at: Option<String>,
}

/// A key to make: with no more than your own key may do, for no other tenant and for no longer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct NewApiKey {
    /// For people.
    #[serde(default)]
    #[schema(max_length = 100)]
    name: String,
    /// What it may do.
    #[schema(value_type = Vec<ScopeWord>, min_items = 1, max_items = 20)]
    scopes: Vec<Scope>,
    /// The only tenant that there is to be for it.
    #[schema(min_length = 1, max_length = 255)]
    tenant: Option<String>,
    /// Days until it ends; without, it has to be revoked.
    #[serde(default, deserialize_with = "whole_or_none")]
    #[schema(minimum = 1, maximum = 3650)]
    expires_days: Option<u32>,
}

/// One thing that a key may do; `*` is everything.
pub(in crate::http::admin) struct ScopeWord;

impl utoipa::PartialSchema for ScopeWord {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .enum_values(Some(Scope::all().map(Scope::as_str)))
            .into()
    }
}

impl ToSchema for ScopeWord {}

/// A key that was made, shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct MadeApiKey {
    /// The key. It is shown this once, and kept nowhere.
    key: String,
    /// What it is.
    api_key: ApiKey,
}

impl From<ApiKeyRow> for ApiKey {
    fn from(row: ApiKeyRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            scopes: row.scopes.iter().collect(),
            tenant: row.tenant,
            created_at: rfc3339(row.created_at),
            created_by: row.created_by,
            expires_at: row.expires_at.map(rfc3339),
            last_used_at: row.last_used_at.map(rfc3339),
            revoked_at: row.revoked_at.map(rfc3339),
        }
    }
}

/// The oldest first; for a key of one tenant those of that tenant.
pub(in crate::http::admin) fn list(call: Call<'_, (), Paging, ()>) -> Handled<Page<ApiKey>> {
    let Call { context, query, .. } = call;
    let asked = Asked::<KeyPlace>::read(query.limit, query.cursor.as_deref())?;
    let tenant = context.credential.tenant.as_ref();
    let rows = context.admin.keys(tenant, asked.after.as_ref(), asked.limit())?;
    Ok(asked.page(rows, ApiKeyRow::place, ApiKey::from)?.into())
}

pub(in crate::http::admin) fn create(call: Call<'_, (), (), NewApiKey>) -> Handled<MadeApiKey> {
    let NewApiKey { name, scopes, tenant, expires_days } = call.body;
    let tenant = tenant.as_deref().map(crate::http::admin::place::tenant).transpose()?;
    let order =
        KeyOrder { name, scopes: scopes.into_iter().collect::<Scopes>(), tenant, expires_days, value: None };
    let made = call.context.admin.create_key(&order, grantor(call.context))?;
    Ok(MadeApiKey { key: made.key.reveal().to_owned(), api_key: made.row.into() }.into())
}

pub(in crate::http::admin) fn show(call: Call<'_, KeyId, NoQuery, ()>) -> Handled<ApiKey> {
    let found = call.context.admin.storage.api_key(&call.at)?;
    let is_foreign = found.as_ref().is_some_and(|row| !grantor(call.context).knows(row));
    match found {
        Some(row) if !is_foreign => Ok(ApiKey::from(row).into()),
        Some(_) | None => Err(unknown(&call.at, is_foreign)),
    }
}

pub(in crate::http::admin) fn revoke(call: Call<'_, KeyId, (), ()>) -> Handled<ApiKey> {
    let Call { context, at, .. } = call;
    match context.admin.revoke_key(&at, grantor(context)) {
        Ok(row) => Ok(ApiKey::from(row).into()),
        Err(crate::access::AccessError::Unknown(key)) => {
            let is_foreign = context.admin.storage.api_key(&key)?.is_some();
            Err(unknown(&key, is_foreign))
        }
        Err(error) => Err(error.into()),
    }
}

fn unknown(key: &KeyId, is_foreign: bool) -> Failure {
    let failure = Failure::from(crate::access::AccessError::Unknown(key.clone()));
    if is_foreign { failure.denied(Denial::Foreign) } else { failure }
}

fn grantor(context: &Context) -> Grantor<'_> {
    Grantor::Holder(&context.credential)
}

/// The keyset that is in force.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct Keyset {
    /// Whose.
    issuer: String,
    /// Its version.
    version: u64,
    /// When it was issued, RFC 3339.
    #[schema(format = DateTime)]
    issued_at: String,
    /// From when on devices accept nothing new under it, RFC 3339.
    #[schema(format = DateTime)]
    expires_at: String,
    /// How many root keys sign together.
    root_threshold: u32,
    /// The root keys, by their thumbprints.
    root_keys: Vec<String>,
    /// The signing keys.
    keys: Vec<SigningKey>,
}

/// A signing key.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct SigningKey {
    /// Its thumbprint.
    kid: String,
    /// What it signs.
    #[serde(rename = "use")]
    key_use: String,
    /// `active`, `retired` or `revoked`.
    state: String,
    /// From when on its signatures count, RFC 3339.
    #[schema(format = DateTime)]
    valid_from: String,
    /// Until when, RFC 3339.
    #[schema(format = DateTime)]
    expires_at: String,
    /// Whether this issuer signs with it.
    signs: bool,
}

/// What every device knows; there is nothing secret about it.
pub(in crate::http::admin) fn keyset(call: Call<'_, (), NoQuery, ()>) -> Handled<Keyset> {
    let in_force = call.context.issuer.in_force.held();
    let keyset = &in_force.keyset;
    let signing = [in_force.keys.license.kid(), in_force.keys.receipt.kid()];
    let key = |record: &KeyRecord| SigningKey {
        kid: record.kid().to_string(),
        key_use: KeyUse::as_str(record.key_use()).to_owned(),
        state: record.state().as_str().to_owned(),
        valid_from: rfc3339(record.validity().0),
        expires_at: rfc3339(record.validity().1),
        signs: signing.contains(&record.kid()),
    };
    Ok(Keyset {
        issuer: keyset.issuer().to_string(),
        version: keyset.version(),
        issued_at: rfc3339(keyset.issued_at()),
        expires_at: rfc3339(keyset.expires_at()),
        root_threshold: keyset.root().threshold(),
        root_keys: keyset.root().keys().iter().map(|key| key.kid().to_string()).collect(),
        keys: keyset.keys().iter().map(key).collect(),
    }
    .into())
}

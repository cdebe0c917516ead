//! Tenants.

use super::Paging;
use crate::admin::TenantOrder;
use crate::calendar::rfc3339;
use crate::editing::TenantEdit;
use crate::http::admin::etag::etag;
use crate::http::admin::failure::{Failure, echoed};
use crate::http::admin::page::{Asked, Page};
use crate::http::admin::route::{Call, Handled, NoQuery, Reply};
use crate::storage::{ClonePolicy, TenantRow};
use brink_license::TenantId;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use utoipa::ToSchema;

/// Longest id that is made here.
const ID_BYTES_MAX: usize = 128;

/// A tenant.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct Tenant {
    /// The id, as it was chosen.
    #[schema(value_type = String, min_length = 1, max_length = 255)]
    id: TenantId,
    /// The name for people.
    name: String,
    /// The IANA time zone of its days and months.
    timezone: String,
    /// The ISO 4217 currency of its contract.
    currency: String,
    /// What happens when a device of its seems to run twice.
    clones: ClonePolicy,
    /// When it was created, RFC 3339.
    #[schema(format = DateTime)]
    created_at: String,
}

impl From<&TenantRow> for Tenant {
    fn from(row: &TenantRow) -> Self {
        Self {
            id: row.id.clone(),
            name: row.name.clone(),
            timezone: row.zone.name().to_owned(),
            currency: row.currency.code().to_owned(),
            clones: row.clones,
            created_at: rfc3339(row.created_at),
        }
    }
}

/// A tenant to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct NewTenant {
    /// The id, chosen by you: it stands in paths as it is.
    #[schema(
        min_length = 1,
        max_length = 128,
        pattern = "^[A-Za-z0-9][A-Za-z0-9._~-]{0,127}$",
        example = "acme"
    )]
    id: String,
    /// The name for people.
    #[schema(min_length = 1, max_length = 200, example = "Acme")]
    name: String,
    /// The IANA time zone of its days and months.
    #[serde(default = "utc")]
    #[schema(default = "UTC", examples("UTC", "Europe/Berlin"))]
    timezone: String,
    /// The ISO 4217 currency of its contract.
    #[serde(default = "usd")]
    #[schema(default = "USD", pattern = "^[A-Z]{3}$", examples("USD", "EUR"))]
    currency: String,
}

fn utc() -> String {
    "UTC".to_owned()
}

fn usd() -> String {
    "USD".to_owned()
}

/// What is to become of a tenant; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct TenantPatch {
    /// The name for people.
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
    /// What happens when a device of its seems to run twice.
    clones: Option<ClonePolicy>,
}

/// For a key of one tenant: that one.
pub(in crate::http::admin) fn list(call: Call<'_, (), Paging, ()>) -> Handled<Page<Tenant>> {
    let asked = Asked::<TenantId>::read(call.query.limit, call.query.cursor.as_deref())?;
    let storage = &call.context.admin.storage;
    let rows = match &call.context.credential.tenant {
        None => storage.tenants_page(asked.after.as_ref(), asked.limit())?,
        Some(own) if asked.after.is_none() => vec![storage.tenant_row(own)?],
        Some(_) => Vec::new(),
    };
    Ok(asked.page(rows, |row| row.id.clone(), |row| Tenant::from(&row))?.into())
}

pub(in crate::http::admin) fn create(call: Call<'_, (), (), NewTenant>) -> Handled<Tenant> {
    let NewTenant { id, name, timezone, currency } = call.body;
    let id = plain(&id)?;
    let row = call.context.admin.create_tenant(TenantOrder { id, name, timezone, currency })?;
    Ok(Reply::versioned(Tenant::from(&row)))
}

/// An id that needs no encoding in a path, and that no client takes for a step up. Those that were made on the command line
/// may have more in them.
fn plain(text: &str) -> Result<TenantId, Failure> {
    let mut bytes = text.bytes();
    let begins = bytes.next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    let goes_on = bytes.all(|byte| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte));
    let id = text.parse().ok().filter(|_| begins && goes_on && text.len() <= ID_BYTES_MAX);
    id.ok_or_else(|| {
        let detail = format!(
            "id {} is none for a path: 1 to {ID_BYTES_MAX} of A-Z, a-z, 0-9 and ._~- , starting with a letter or digit",
            echoed(text)
        );
        Failure::malformed("BAD_ID", detail)
    })
}

pub(in crate::http::admin) fn show(call: Call<'_, TenantId, NoQuery, ()>) -> Handled<Tenant> {
    let row = call.context.admin.storage.tenant_row(&call.at)?;
    Ok(Reply::versioned(Tenant::from(&row)))
}

pub(in crate::http::admin) fn change(call: Call<'_, TenantId, (), TenantPatch>) -> Handled<Tenant> {
    let Call { context, at, body, .. } = call;
    let found = RefCell::new(None);
    let expected = |row: &TenantRow| {
        let current = etag(&Tenant::from(row));
        let is_expected = context.if_match.allows(current.as_deref());
        found.replace(current);
        is_expected
    };
    let edit = TenantEdit { name: body.name, clones: body.clones };
    match context.admin.change_tenant(&at, &edit, &expected) {
        Ok(row) => Ok(Reply::versioned(Tenant::from(&row))),
        Err(crate::admin::AdminError::Stale) => Err(context.if_match.refusal(found.into_inner())),
        Err(error) => Err(error.into()),
    }
}

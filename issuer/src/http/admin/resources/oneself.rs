//! What a key is, to whoever has it, and what there is for it.

use crate::access::{KeyId, Scope};
use crate::calendar::rfc3339;
use crate::http::admin::document::document;
use crate::http::admin::route::{Call, Handled, NoQuery};
use brink_license::TenantId;
use serde::Serialize;
use utoipa::ToSchema;

/// The key that a request was sent with.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct Oneself {
    /// The digits after `brk_`.
    #[schema(value_type = String)]
    id: KeyId,
    /// What it may do.
    #[schema(value_type = Vec<String>)]
    scopes: Vec<Scope>,
    /// The only tenant that there is for it; `null` for all.
    #[schema(value_type = Option<String>)]
    tenant: Option<TenantId>,
    /// When it ends, RFC 3339.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// The issuer.
    issuer: String,
}

pub(in crate::http::admin) fn show(call: Call<'_, (), NoQuery, ()>) -> Handled<Oneself> {
    let credential = &call.context.credential;
    Ok(Oneself {
        id: credential.key.id().clone(),
        scopes: credential.scopes.iter().collect(),
        tenant: credential.tenant.clone(),
        expires_at: credential.expires_at.map(rfc3339),
        issuer: call.context.issuer.name().to_string(),
    }
    .into())
}

/// The document of this API.
pub(in crate::http::admin) fn openapi(_: Call<'_, (), NoQuery, ()>) -> Handled<serde_json::Value> {
    Ok(document().into())
}

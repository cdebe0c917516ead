//! The issuance log: every document that was ever signed for devices.

use crate::calendar::rfc3339;
use crate::http::admin::page::{Asked, Page};
use crate::http::admin::route::{Call, Context, Handled};
use crate::secret::digest;
use crate::storage::{IssuedDocument, IssuedKind, IssuedPlace, IssuedQuery, RevocationList};
use brink_license::{DeviceId, Kid, TenantId, UnixSeconds};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which documents.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct DocumentFilter {
    /// Of this kind alone.
    #[param(inline)]
    kind: Option<IssuedKind>,
    /// Include the documents themselves, on which whoever has the device could run.
    #[serde(default)]
    token: bool,
    /// Rows of the page, 50 unless said otherwise.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// `next` of the page before.
    #[param(max_length = 2048)]
    cursor: Option<String>,
}

/// A document that was signed.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct Document {
    /// Whose.
    #[schema(value_type = String)]
    tenant: TenantId,
    /// For which device; `null` for a list, which is for all of the tenant's.
    #[schema(value_type = Option<String>)]
    device: Option<DeviceId>,
    /// What it is.
    kind: IssuedKind,
    /// The activation that it is for; 0 for a list.
    epoch: u32,
    /// A licence's or an extension's number, a list's version; 0 for a clock reset.
    number: u64,
    /// A licence's token id, or the challenge of a clock reset; else empty.
    id: String,
    /// The key that signed.
    #[schema(value_type = String)]
    kid: Kid,
    /// When it was signed, RFC 3339.
    #[schema(format = DateTime)]
    issued_at: String,
    /// When it ends for good, if it does, RFC 3339.
    #[schema(format = DateTime)]
    until: Option<String>,
    /// SHA-256 of the document, as the audit names it.
    sha256: String,
    /// The document itself, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

impl Document {
    fn of(row: IssuedDocument, with_token: bool) -> Self {
        let IssuedDocument { tenant, device, kind, epoch, number, id, kid, iat, until, token } = row;
        let (issued_at, until, sha256) = (rfc3339(iat), until.map(rfc3339), digest(&token));
        let token = with_token.then_some(token);
        Self { tenant, device, kind, epoch, number, id, kid, issued_at, until, sha256, token }
    }

    pub(super) fn of_list(tenant: &TenantId, list: RevocationList) -> Self {
        let row = IssuedDocument {
            tenant: tenant.clone(),
            device: None,
            kind: IssuedKind::Revocations,
            epoch: 0,
            number: list.version,
            id: String::new(),
            kid: list.kid,
            iat: list.iat,
            until: Some(list.until),
            token: list.token,
        };
        Self::of(row, true)
    }
}

/// A place as a cursor has it.
#[derive(Serialize, Deserialize)]
struct Place(i64, String, String, String, u32, u64, String);

impl From<&IssuedDocument> for Place {
    fn from(row: &IssuedDocument) -> Self {
        let IssuedPlace { iat, tenant, device, kind, epoch, number, id } = row.place();
        Self(iat.as_i64(), tenant, device, kind, epoch, number, id)
    }
}

impl From<&Place> for IssuedPlace {
    fn from(Place(iat, tenant, device, kind, epoch, number, id): &Place) -> Self {
        let (iat, tenant, device) = (UnixSeconds::new(*iat), tenant.clone(), device.clone());
        Self { iat, tenant, device, kind: kind.clone(), epoch: *epoch, number: *number, id: id.clone() }
    }
}

/// The newest first.
pub(in crate::http::admin) fn of_tenant(
    call: Call<'_, TenantId, DocumentFilter, ()>,
) -> Handled<Page<Document>> {
    call.context.admin.storage.tenant_row(&call.at)?;
    list(call.context, call.query, IssuedQuery { tenant: Some(call.at), ..IssuedQuery::default() })
}

/// The newest first.
pub(in crate::http::admin) fn of_device(
    call: Call<'_, DeviceId, DocumentFilter, ()>,
) -> Handled<Page<Document>> {
    list(call.context, call.query, IssuedQuery { device: Some(call.at), ..IssuedQuery::default() })
}

fn list(context: &Context, filter: DocumentFilter, query: IssuedQuery) -> Handled<Page<Document>> {
    let asked = Asked::<Place>::read(filter.limit, filter.cursor.as_deref())?;
    let before = asked.after.as_ref().map(IssuedPlace::from);
    // A device that went to another tenant took nothing along that was signed for the one before.
    let tenant = query.tenant.or_else(|| context.credential.tenant.clone());
    let query = IssuedQuery { tenant, kind: filter.kind, before, limit: asked.limit(), ..query };
    let rows = context.admin.storage.issued(&query)?;
    Ok(asked.page(rows, |row| Place::from(row), |row| Document::of(row, filter.token))?.into())
}

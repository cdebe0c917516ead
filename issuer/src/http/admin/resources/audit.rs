//! The audit.

use crate::calendar::rfc3339;
use crate::http::admin::failure::Failure;
use crate::http::admin::input::instant;
use crate::http::admin::page::{Asked, Page};
use crate::http::admin::route::{Call, Context, Handled};
use crate::storage::{AuditEntry, AuditQuery, LinePlace, Whose};
use brink_license::{TenantId, UnixSeconds, b64};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Longest subject: the longest id, and what kind of thing it is of.
const SUBJECT_CHARS_MAX: usize = 300;
/// Longest action.
const ACTION_CHARS_MAX: usize = 64;

/// Which lines.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct AuditFilter {
    /// On this alone: the id of a device, a tenant, a key.
    #[param(min_length = 1, max_length = 300)]
    subject: Option<String>,
    /// Of this action alone, for example `device.retire`.
    #[param(min_length = 1, max_length = 64)]
    action: Option<String>,
    /// From this instant on, RFC 3339.
    #[param(format = DateTime, max_length = 64)]
    from: Option<String>,
    /// Before this instant, RFC 3339.
    #[param(format = DateTime, max_length = 64)]
    to: Option<String>,
    /// Rows of the page, 50 unless said otherwise.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// `next` of the page before.
    #[param(max_length = 2048)]
    cursor: Option<String>,
}

/// A line of the audit.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct Line {
    /// Whose chain; `null` for the issuer's own.
    #[schema(value_type = Option<String>)]
    tenant: Option<TenantId>,
    /// Its number in the chain; `null` for a line from before there were chains.
    seq: Option<u64>,
    /// When, RFC 3339.
    #[schema(format = DateTime)]
    at: String,
    /// Who.
    actor: String,
    /// What.
    action: String,
    /// On what.
    subject: String,
    /// Particulars.
    #[schema(value_type = Object)]
    detail: serde_json::Value,
    /// What it is kept with: SHA-256 over itself and the line before, base64url.
    hash: Option<String>,
}

impl From<AuditEntry> for Line {
    fn from(entry: AuditEntry) -> Self {
        let AuditEntry { tenant, seq, at, actor, action, subject, detail, hash, .. } = entry;
        // As it is stored: what is no JSON any more is shown as the text that it is.
        let detail = serde_json::from_str(&detail).unwrap_or(serde_json::Value::String(detail));
        let hash = hash.map(|hash| b64::encode(hash.as_ref()));
        Self { tenant, seq, at: rfc3339(at), actor, action, subject, detail, hash }
    }
}

/// A place as a cursor has it.
#[derive(Serialize, Deserialize)]
struct Place(i64, String, i64);

impl From<&AuditEntry> for Place {
    fn from(entry: &AuditEntry) -> Self {
        let LinePlace { at, chain, order } = entry.place();
        Self(at.as_i64(), chain, order)
    }
}

/// The newest first, of everybody; for a key of one tenant the lines of that tenant.
pub(in crate::http::admin) fn all(call: Call<'_, (), AuditFilter, ()>) -> Handled<Page<Line>> {
    let whose = call.context.credential.tenant.clone().map_or(Whose::All, Whose::Tenant);
    list(call.context, call.query, whose)
}

/// The newest first.
pub(in crate::http::admin) fn of_tenant(call: Call<'_, TenantId, AuditFilter, ()>) -> Handled<Page<Line>> {
    call.context.admin.storage.tenant_row(&call.at)?;
    list(call.context, call.query, Whose::Tenant(call.at))
}

fn within(name: &str, text: Option<&str>, chars_max: usize) -> Result<(), Failure> {
    if text.is_none_or(|text| (1..=chars_max).contains(&text.chars().count())) {
        return Ok(());
    }
    Err(Failure::malformed("OUT_OF_BOUNDS", format!("{name} takes 1 to {chars_max} characters")))
}

fn list(context: &Context, filter: AuditFilter, whose: Whose) -> Handled<Page<Line>> {
    let asked = Asked::<Place>::read(filter.limit, filter.cursor.as_deref())?;
    within("subject", filter.subject.as_deref(), SUBJECT_CHARS_MAX)?;
    within("action", filter.action.as_deref(), ACTION_CHARS_MAX)?;
    let bound = |name, text: Option<String>| -> Result<Option<UnixSeconds>, Failure> {
        text.map(|text| instant(name, &text)).transpose()
    };
    let before = asked.after.as_ref().map(|Place(at, chain, order)| LinePlace {
        at: UnixSeconds::new(*at),
        chain: chain.clone(),
        order: *order,
    });
    let query = AuditQuery {
        whose,
        subject: filter.subject,
        action: filter.action,
        from: bound("from", filter.from)?,
        to: bound("to", filter.to)?,
        before,
        limit: asked.limit(),
    };
    let rows = context.admin.storage.audit_lines(&query)?;
    Ok(asked.page(rows, |row| Place::from(row), Line::from)?.into())
}

//! Activation codes.

use super::Paging;
use crate::admin::CodeOrder;
use crate::calendar::rfc3339;
use crate::code::{CodeEnd, HOURS_DEFAULT};
use crate::http::admin::failure::Failure;
use crate::http::admin::input::{whole, whole_or_none};
use crate::http::admin::page::{Asked, Page};
use crate::http::admin::route::{Call, Handled};
use crate::reports::period::PeriodError;
use crate::secret::hex;
use crate::storage::{CodeListed, Place, Tier};
use brink_license::{DeviceId, TenantId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A code to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct NewCode {
    /// The class of its devices.
    #[serde(default = "basic")]
    tier: Tier,
    /// Devices that it activates.
    #[serde(default = "one", deserialize_with = "whole")]
    #[schema(minimum = 1, maximum = 10_000, default = 1)]
    uses: u32,
    /// Hours until it expires, 168 unless said otherwise.
    #[serde(default, deserialize_with = "whole_or_none")]
    #[schema(minimum = 1, maximum = 2160)]
    expires_hours: Option<u32>,
    /// Or until when it may be spent, at most 90 days ahead: an instant like 2026-03-01T18:00:00+01:00, or a day of the tenant,
    /// which counts to its end.
    #[schema(max_length = 64, example = "2026-03-01T18:00:00Z")]
    until: Option<String>,
}

const fn basic() -> Tier {
    Tier::Basic
}

const fn one() -> u32 {
    1
}

pub(super) const fn week() -> u32 {
    HOURS_DEFAULT
}

/// A code that was made, shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct MadeCode {
    /// The code. It is shown this once, and kept nowhere.
    code: String,
    /// The devices that it activates, in the order in which they will be given.
    #[schema(value_type = Vec<String>)]
    devices: Vec<DeviceId>,
    /// When it expires, RFC 3339.
    #[schema(format = DateTime)]
    expires_at: String,
}

impl From<crate::admin::MadeCode> for MadeCode {
    fn from(made: crate::admin::MadeCode) -> Self {
        let (code, expires_at) = (made.code.reveal().to_owned(), rfc3339(made.expires_at));
        Self { code, devices: made.devices, expires_at }
    }
}

/// A code of a list, by the beginning of its digest.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct Code {
    /// The first 16 hexadecimal digits of its SHA-256.
    id: String,
    /// The class of its devices.
    tier: Tier,
    /// Devices that it activates.
    uses: u32,
    /// Devices that it has activated.
    used: u32,
    /// When it expires, RFC 3339.
    #[schema(format = DateTime)]
    expires_at: String,
    /// When it was made, RFC 3339.
    #[schema(format = DateTime)]
    created_at: String,
}

/// Digits of a digest that tell codes apart for people.
const ID_DIGITS: usize = 16;

impl From<CodeListed> for Code {
    fn from(row: CodeListed) -> Self {
        Self {
            id: hex(&row.code_sha256)[..ID_DIGITS].to_owned(),
            tier: row.tier,
            uses: row.uses,
            used: row.used,
            expires_at: rfc3339(row.expires_at),
            created_at: rfc3339(row.created_at),
        }
    }
}

/// The oldest first.
pub(in crate::http::admin) fn list(call: Call<'_, TenantId, Paging, ()>) -> Handled<Page<Code>> {
    let Call { context, at, query, .. } = call;
    let asked = Asked::<Place>::read(query.limit, query.cursor.as_deref())?;
    let rows = context.admin.storage.codes_page(&at, asked.after.as_ref(), asked.limit())?;
    let place = |row: &CodeListed| Place { at: row.created_at.as_i64(), id: hex(&row.code_sha256) };
    Ok(asked.page(rows, place, Code::from)?.into())
}

pub(in crate::http::admin) fn create(call: Call<'_, TenantId, (), NewCode>) -> Handled<MadeCode> {
    let NewCode { tier, uses, expires_hours, until } = call.body;
    let expires = match (expires_hours, until) {
        (hours, None) => CodeEnd::Hours(hours.unwrap_or(HOURS_DEFAULT)),
        (None, Some(until)) => CodeEnd::Until(
            until
                .parse()
                .map_err(|error: PeriodError| Failure::invalid(error.code(), format!("until: {error}")))?,
        ),
        (Some(_), Some(_)) => {
            let detail = "expires_hours and until both say when the code ends; send one of them";
            return Err(Failure::invalid("TWO_ENDS", detail));
        }
    };
    let order = CodeOrder { tenant: call.at, tier, uses, expires };
    Ok(MadeCode::from(call.context.admin.create_code(&order)?).into())
}

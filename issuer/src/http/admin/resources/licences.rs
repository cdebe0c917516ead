//! Licences: what a device has and would get, and what an operator does with it.

use super::documents::Document;
use crate::calendar::rfc3339;
use crate::desired::Mint;
use crate::extension::{Extended, ExtensionOrder};
use crate::http::admin::failure::Failure;
use crate::http::admin::route::{Call, Context, Handled};
use crate::minting::MintError;
use crate::shown::{HOLDERS_SHOWN, ShownLicence, shown};
use crate::standing::{StandingOrder, Turn};
use crate::storage::DeviceStatus;
use brink_license::token::TypedExtension;
use brink_license::{DeviceId, Kid, TenantId, TokenId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// How much of a licence is shown.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct Detail {
    /// Include the token itself, which whoever holds it can read.
    #[serde(default)]
    token: bool,
}

/// Why an operator turns a licence.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct Reason {
    /// For the audit.
    #[schema(min_length = 1, max_length = 500, pattern = "^[ -~]*$")]
    reason: Option<String>,
}

/// How long a licence is to last beyond its end.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct NewExtension {
    /// Days from now.
    #[schema(minimum = 1, maximum = 14)]
    days: u32,
    /// For the audit.
    #[schema(min_length = 1, max_length = 500, pattern = "^[ -~]*$")]
    reason: Option<String>,
}

/// How a licence stood, and stands.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct Standing {
    /// The device.
    #[schema(value_type = String)]
    device: DeviceId,
    /// Before.
    was: DeviceStatus,
    /// Now. The word reaches the device with its next exchange.
    status: DeviceStatus,
}

/// An extension, which the next exchange brings too.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct Extension {
    /// The device.
    #[schema(value_type = String)]
    device: DeviceId,
    /// Its number.
    number: u64,
    /// Until when, RFC 3339.
    #[schema(format = DateTime)]
    until: String,
    /// The document, for `brink-edge accept`.
    token: String,
    /// The same in lines to read out, for `brink-edge accept --text -`; `null` where it does not fit into lines.
    lines: Option<Vec<String>>,
}

/// The newest token of a device.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct Minted {
    /// The device.
    #[schema(value_type = String)]
    device: DeviceId,
    /// Why it was minted; `null` where the one before still says everything, and this is that one.
    why: Option<&'static str>,
    /// Its number.
    seq: u64,
    /// Its id.
    #[schema(value_type = String)]
    jti: TokenId,
    /// The key that signed.
    #[schema(value_type = String)]
    kid: Kid,
    /// Until when, exclusive, RFC 3339.
    #[schema(format = DateTime)]
    expires_at: String,
    /// Cameras by name.
    named: u64,
    /// Unnamed seats.
    any: u64,
}

/// The list of a tenant's licences that should not run any more.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct Revocations {
    /// The tenant.
    #[schema(value_type = String)]
    tenant: TenantId,
    /// How many licences it names.
    named: usize,
    /// Whether the same was issued before, and this is that very list.
    again: bool,
    /// The list, for `brink-edge accept`.
    list: Document,
}

pub(in crate::http::admin) fn show(call: Call<'_, DeviceId, Detail, ()>) -> Handled<ShownLicence> {
    let Call { context, at, query, .. } = call;
    let (storage, now) = (&context.admin.storage, context.admin.clock.now());
    let view = storage.device(&at, now)?;
    let holders = storage.holders(&at, now, HOLDERS_SHOWN)?;
    let mint = Mint {
        issuer: context.issuer.name(),
        catalog: &context.admin.catalog,
        keyset_version: storage.newest_manifest()?,
        now,
    };
    let known = (holders, storage.seats(&at)?);
    let shown = shown(&mint, &view, known, query.token).map_err(|error: MintError| {
        tracing::error!(%error, "a licence cannot be shown");
        Failure::internal()
    })?;
    Ok(shown.into())
}

pub(in crate::http::admin) fn mint(call: Call<'_, DeviceId, (), ()>) -> Handled<Minted> {
    let Call { context, at, .. } = call;
    let admin = &context.admin;
    let crate::issuance::Issuance { licence, why } =
        context.issuer.mint(&*admin.storage, &at, &admin.actor)?;
    Ok(Minted {
        device: at,
        why: why.map(crate::minting::Occasion::as_str),
        seq: licence.seq,
        jti: licence.jti,
        kid: licence.kid,
        expires_at: rfc3339(licence.exp),
        named: licence.named_seats,
        any: licence.any_seats,
    }
    .into())
}

pub(in crate::http::admin) fn suspend(call: Call<'_, DeviceId, (), Reason>) -> Handled<Standing> {
    turn(call.context, call.at, (Turn::Suspend, call.body))
}

pub(in crate::http::admin) fn revoke(call: Call<'_, DeviceId, (), Reason>) -> Handled<Standing> {
    turn(call.context, call.at, (Turn::Revoke, call.body))
}

pub(in crate::http::admin) fn resume(call: Call<'_, DeviceId, (), Reason>) -> Handled<Standing> {
    turn(call.context, call.at, (Turn::Resume, call.body))
}

fn turn(context: &Context, device: DeviceId, (turn, body): (Turn, Reason)) -> Handled<Standing> {
    let was = context.admin.turn_licence(&device, &StandingOrder { turn, reason: body.reason })?;
    Ok(Standing { device, was, status: turn.leads_to() }.into())
}

pub(in crate::http::admin) fn extend(call: Call<'_, DeviceId, (), NewExtension>) -> Handled<Extension> {
    let (admin, issuer) = (&call.context.admin, &call.context.issuer);
    let order = ExtensionOrder { device: call.at.clone(), days: call.body.days, reason: call.body.reason };
    let Extended { extension, typed } = issuer.extend_in(&*admin.storage, &order, &admin.actor)?;
    let (number, until) = (extension.claims().number, rfc3339(extension.claims().until));
    let lines = typed.as_ref().map(TypedExtension::lines).map(|lines| lines.map(String::from).to_vec());
    let token = extension.token().to_owned();
    Ok(Extension { device: call.at, number, until, token, lines }.into())
}

pub(in crate::http::admin) fn list_revoked(call: Call<'_, TenantId, (), ()>) -> Handled<Revocations> {
    let (admin, issuer) = (&call.context.admin, &call.context.issuer);
    let issued = issuer.list_revoked_in(&*admin.storage, &call.at, &admin.actor)?;
    let (named, again) = (issued.named, issued.again);
    let list = Document::of_list(&call.at, issued.list);
    Ok(Revocations { tenant: call.at, named, again, list }.into())
}

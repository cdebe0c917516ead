//! One request: who asks, whose tenant it is about, what was sent; the work on a thread that may block.

use super::wire::{Denial, answer};
use super::{BODY_BYTES_MAX, Handler};
use crate::access::{ApiKey, Credential, Scope, authenticate};
use crate::admin::Admin;
use crate::http::room::{Held, Room};
use crate::issuer::Issuer;
use crate::legacy::Client;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use brink_license::{Slug, TenantId, UnixSeconds};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// What all requests share.
pub(super) struct Desk {
    pub(super) issuer: Arc<Issuer>,
    room: Room,
    pub(super) since: UnixSeconds,
    pub(super) taken: Mutex<Taken>,
}

/// What this process has taken of old clients since it began, for probes.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) events: u64,
    pub(super) by_meter: BTreeMap<Slug, u64>,
    pub(super) tenants: BTreeSet<TenantId>,
}

/// A request that was received.
pub(super) struct Ask {
    credential: Credential,
    tenant: Option<String>,
    pub(super) query: String,
    pub(super) body: Bytes,
}

impl Desk {
    pub(super) fn new(issuer: Arc<Issuer>, room: Room) -> Self {
        let since = issuer.clock.now();
        Self { issuer, room, since, taken: Mutex::default() }
    }

    /// Counts what was taken.
    pub(super) fn count(&self, tenant: &TenantId, meters: impl Iterator<Item = Slug>) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.tenants.insert(tenant.clone());
        for meter in meters {
            taken.events = taken.events.saturating_add(1);
            // Names that clients make up take no memory.
            if self.issuer.catalog.meters.is_named(&meter) {
                *taken.by_meter.entry(meter).or_default() += 1;
            }
        }
    }

    pub(super) async fn answer(self: Arc<Self>, request: Request, handler: Handler) -> Response {
        match self.attend(request, handler).await {
            Ok(value) => answer(&value),
            Err(denial) => denial.into_response(),
        }
    }

    /// The body, and the place that it takes until it is done with.
    async fn receive(&self, request: Request) -> Result<(Option<Held>, Bytes), Denial> {
        let read = self.room.to_read(length(request.headers())?).map_err(|_| Denial::busy())?;
        let body = Bytes::from_request(request, &()).await.map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Denial::too_large(),
            _ => Denial::bad("MALFORMED", "the body could not be read; send it without pauses"),
        })?;
        Ok((read, body))
    }

    async fn attend(
        self: Arc<Self>,
        request: Request,
        handler: Handler,
    ) -> Result<serde_json::Value, Denial> {
        let (mut parts, body) = request.into_parts();
        let key = bearer(&parts.headers)?;
        let tenant = named(RawPathParams::from_request_parts(&mut parts, &()).await.ok());
        let query = parts.uri.query().unwrap_or_default().to_owned();
        // Nothing is asked with a body that is not sent.
        let (read, body) = match parts.method {
            Method::GET => (None, Bytes::new()),
            _ => self.receive(Request::from_parts(parts, body)).await?,
        };
        let work = self.room.to_work().await.map_err(|_| Denial::busy())?;
        let span = tracing::Span::current();
        let done = tokio::task::spawn_blocking(move || {
            let done = span.in_scope(|| {
                let credential = authenticate(&*self.issuer.storage, key, self.issuer.clock.now())?;
                handler(&self, &Ask { credential, tenant, query, body })
            });
            drop((read, work));
            done
        });
        done.await.map_err(|error| Denial::internal(&error))?
    }
}

impl Ask {
    /// The client that the key is for.
    pub(super) fn client<'a>(&'a self, desk: &'a Desk) -> Result<Client<'a>, Denial> {
        if !self.credential.scopes.allow(Scope::Legacy) {
            let text = "this takes a key with the scope legacy; make one with `brink-issuer key create --scope legacy`";
            return Err(Denial::new(StatusCode::FORBIDDEN, "SCOPE", text));
        }
        let Some(tenant) = &self.credential.tenant else {
            let text = "this takes a key for one tenant, and yours is for all of them";
            return Err(Denial::new(StatusCode::FORBIDDEN, "TENANT_MISSING", text));
        };
        Ok(Client::new(&desk.issuer, &self.credential, tenant))
    }

    /// The same, where the path names the tenant: it has to be the key's.
    pub(super) fn own_client<'a>(&'a self, desk: &'a Desk) -> Result<Client<'a>, Denial> {
        let client = self.client(desk)?;
        match &self.tenant {
            Some(named) if named != client.tenant().as_str() => Err(of_another(named)),
            Some(_) | None => Ok(client),
        }
    }

    /// Whoever has a key with this scope, for the tenant that is named if the key is for one.
    pub(super) fn admin(&self, desk: &Desk, scope: Scope, tenant: Option<&str>) -> Result<Admin, Denial> {
        if !self.credential.scopes.allow(scope) {
            let text = format!("this takes a key with the scope {scope}");
            return Err(Denial::new(StatusCode::FORBIDDEN, "SCOPE", text));
        }
        match (&self.credential.tenant, tenant) {
            (Some(own), Some(named)) if own.as_str() != named => return Err(of_another(named)),
            (Some(own), None) => {
                let text = format!("this is about every tenant, and your key is for {own} alone");
                return Err(Denial::new(StatusCode::FORBIDDEN, "BEYOND_TENANT", text));
            }
            (Some(_) | None, _) => {}
        }
        Ok(desk.issuer.admin(self.credential.actor()))
    }

    pub(super) const fn credential(&self) -> &Credential {
        &self.credential
    }

    /// The tenant in the path.
    pub(super) fn named_tenant(&self) -> Result<TenantId, Denial> {
        let text = self.tenant.as_deref().unwrap_or_default();
        text.parse().map_err(|error| Denial::bad("BAD_ID", format!("the tenant in the path: {error}")))
    }
}

fn of_another(named: &str) -> Denial {
    let named: String = named.chars().take(64).collect();
    Denial::new(
        StatusCode::FORBIDDEN,
        "TENANT_OF_ANOTHER_KEY",
        format!("{named:?} is not the tenant of this key"),
    )
}

fn named(params: Option<RawPathParams>) -> Option<String> {
    let params = params?;
    params.iter().find(|(name, _)| *name == "tenant").map(|(_, tenant)| tenant.to_owned())
}

/// The key in the one header that carries it. Old clients send the header without a key where they have none.
fn bearer(headers: &HeaderMap) -> Result<ApiKey, Denial> {
    let missing = |text: &str| Denial::new(StatusCode::UNAUTHORIZED, "API_KEY_MISSING", text);
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(missing("send one `Authorization: Bearer KEY` header"));
    };
    let text = value.to_str().map_err(|_| missing("the Authorization header is no ASCII text"))?.trim();
    let (scheme, key) = text.split_once(' ').unwrap_or((text, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(missing("the Authorization header is not of the scheme Bearer"));
    }
    let key = key.trim();
    if key.is_empty() {
        return Err(missing("the Authorization header has no key behind Bearer; set BILLING_API_KEY"));
    }
    let unknown =
        || Denial::new(StatusCode::UNAUTHORIZED, "API_KEY_UNKNOWN", "the API key is not known here");
    ApiKey::parse(key).or_else(|| ApiKey::imported(key)).ok_or_else(unknown)
}

/// How long the body may get; one that does not say may be as long as any.
fn length(headers: &HeaderMap) -> Result<usize, Denial> {
    let Some(length) = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()) else {
        return Ok(BODY_BYTES_MAX);
    };
    match length.parse::<usize>() {
        Ok(length) if length <= BODY_BYTES_MAX => Ok(length),
        Ok(_) | Err(_) => Err(Denial::too_large()),
    }
}

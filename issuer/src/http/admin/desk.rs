//! One request from its head to its answer: who asks, whether they may, whether there is such a thing for them, and only
//! then what they sent.

use super::denials::{self, Attempt, Denials, Sender};
use super::etag::IfMatch;
use super::failure::{Denial, Failure};
use super::input::{self, Received};
use super::limits::{Left, Limits, Site};
use super::place::Named;
use super::repeat::{self, Envelope, InFlight};
use super::route::{About, Answer, Context, Input, Needs, Route};
use crate::access::{ApiKey, Credential, KeyId, authenticate};
use crate::admin::Admin;
use crate::config::{AdminConfig, Rate};
use crate::http::peer::Peer;
use crate::http::room::Room;
use crate::issuer::Issuer;
use crate::storage::{Asked, NamedRequest, Storage};
use axum::body::Body;
use axum::extract::{FromRequestParts, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use brink_license::UnixSeconds;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tower_http::request_id::RequestId;

/// Denials that are written down at once. What comes meanwhile is counted and told by the next line.
const NOTES_AT_ONCE: usize = 2;

/// What all requests share.
pub(super) struct Desk {
    pub(super) issuer: Arc<Issuer>,
    config: AdminConfig,
    room: Room,
    sites: Limits<Site>,
    failures: Limits<Site>,
    credentials: Limits<KeyId>,
    denials: Denials,
    notes: Arc<Semaphore>,
    in_flight: InFlight,
}

/// What is known of a request so far.
struct Visit {
    site: Site,
    sender: Sender,
    left: Option<Left>,
}

/// A request that may be worked on.
struct Admitted {
    credential: Arc<Credential>,
    named: Named,
    if_match: IfMatch,
    /// What it calls itself.
    name: Option<String>,
    path: String,
    input: Input,
    _received: Option<Received>,
}

impl Desk {
    pub(super) fn new(issuer: Arc<Issuer>, config: &AdminConfig) -> Self {
        Self {
            config: *config,
            room: Room::new(&config.serve, (issuer.metrics(), "admin")),
            sites: Limits::new(config.address),
            failures: Limits::new(config.failures),
            credentials: Limits::new(config.credential),
            denials: Denials::default(),
            notes: Arc::new(Semaphore::new(NOTES_AT_ONCE)),
            in_flight: InFlight::default(),
            issuer,
        }
    }

    fn now(&self) -> UnixSeconds {
        self.issuer.clock.now()
    }

    /// Answers a request.
    pub(super) async fn answer(self: Arc<Self>, route: Arc<Route>, request: Request) -> Response {
        let (mut parts, body) = request.into_parts();
        let id = request_id(&parts).to_owned();
        let site = Site::of(parts.extensions.get::<Peer>().map_or(UNKNOWN, |peer| peer.0.ip()));
        let mut visit = Visit { site, sender: Sender::Site(site), left: None };
        let work = self.attend(&route, (&mut parts, body), &mut visit);
        let outcome = tokio::time::timeout(self.config.serve.request_timeout, work).await;
        let outcome = outcome.unwrap_or_else(|_| {
            let detail = "the request took too long; send it in one piece, or ask for less";
            Err(Failure::new(StatusCode::REQUEST_TIMEOUT, "TIMEOUT", detail))
        });
        let mut response = match outcome {
            Ok((answer, is_again)) => shown(answer, is_again),
            Err(failure) => {
                self.note_denial(&visit, &route, &failure);
                failure.answer(&id)
            }
        };
        limits_into(response.headers_mut(), visit.left, self.config.credential);
        response
    }

    async fn attend(
        self: &Arc<Self>,
        route: &Arc<Route>,
        (parts, body): (&mut Parts, Body),
        visit: &mut Visit,
    ) -> Result<(Answer, bool), Failure> {
        self.sites.take(visit.site, self.now())?;
        let credential = match bearer(&parts.headers) {
            Ok(key) => self.recognise(key).await,
            Err(failure) => Err(failure),
        };
        let credential = Arc::new(credential.map_err(|failure| self.slowed(visit.site, failure))?);
        visit.sender = Sender::of(&credential);
        visit.left = Some(Left { requests: 0, full_in: 0 });
        visit.left = Some(self.credentials.take(credential.key.id().clone(), self.now())?);
        may(route, &credential)?;
        let params = RawPathParams::from_request_parts(parts, &()).await;
        let params = params.map_err(|_| Failure::malformed("BAD_ID", "a part of the path is not UTF-8"))?;
        let named = self.find(Named::read(&params)?, &credential).await?;
        let admitted = self.receive(route, (parts, body), (credential, named)).await?;
        let (desk, route) = (Arc::clone(self), Arc::clone(route));
        self.blocking(move || desk.run(&route, admitted)).await
    }

    /// Who shows this key.
    async fn recognise(self: &Arc<Self>, key: ApiKey) -> Result<Credential, Failure> {
        let (issuer, now) = (Arc::clone(&self.issuer), self.now());
        self.blocking(move || Ok(authenticate(&*issuer.storage, key, now)?)).await
    }

    /// Whoever shows what is no key is told so a few times, and then that they are too many. It never stops a right one.
    fn slowed(&self, site: Site, failure: Failure) -> Failure {
        if failure.denial != Some(Denial::Unauthenticated) {
            return failure;
        }
        match self.failures.take(site, self.now()) {
            Ok(_) => failure,
            Err(too_many) => too_many.denied(Denial::Unauthenticated),
        }
    }

    async fn find(self: &Arc<Self>, named: Named, credential: &Arc<Credential>) -> Result<Named, Failure> {
        let (issuer, credential) = (Arc::clone(&self.issuer), Arc::clone(credential));
        self.blocking(move || named.guard(&credential, &*issuer.storage).map(|()| named)).await
    }

    /// Only now is a byte of the body read.
    async fn receive(
        &self,
        route: &Route,
        (parts, body): (&Parts, Body),
        (credential, named): (Arc<Credential>, Named),
    ) -> Result<Admitted, Failure> {
        let name = if route.may_be_repeated() { repeat::name(&parts.headers)? } else { None };
        let if_match = if route.is_conditional { IfMatch::read(&parts.headers)? } else { IfMatch::default() };
        if route.takes_body {
            input::check_type(&parts.headers)?;
        }
        let received = match route.method.is_safe() {
            true => None,
            false => Some(input::receive(&parts.headers, body, route.body_max, &self.room).await?),
        };
        let path = parts.uri.path_and_query().map_or("", |path| path.as_str()).to_owned();
        let body = received.as_ref().map(|received| received.bytes.clone()).unwrap_or_default();
        let input = Input { query: parts.uri.query().map(str::to_owned), body };
        let name = name.map(str::to_owned);
        Ok(Admitted { credential, named, if_match, name, path, input, _received: received })
    }

    /// The database and the signer block, so the work is done on a thread of its own, and to its end.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let place = self.room.to_work().await.map_err(|_| Failure::busy())?;
        // What is logged on that thread belongs to this request.
        let span = tracing::Span::current();
        let done = tokio::task::spawn_blocking(move || {
            let done = span.in_scope(work);
            drop(place);
            done
        });
        done.await.unwrap_or_else(|_| Err(Failure::internal()))
    }

    /// The answer, and whether it was given before.
    fn run(&self, route: &Route, admitted: Admitted) -> Result<(Answer, bool), Failure> {
        let Admitted { credential, named, if_match, name, path, input, _received } = admitted;
        let storage = &self.issuer.storage;
        let context = |storage: &Arc<dyn Storage>| Context {
            admin: Admin { storage: Arc::clone(storage), ..self.issuer.admin(credential.actor()) },
            issuer: Arc::clone(&self.issuer),
            credential: Arc::clone(&credential),
            if_match: if_match.clone(),
        };
        let Some(name) = name else {
            return Ok((route.run(&context(storage), &named, &input)?, false));
        };
        let envelope = Envelope::new(&credential.key, &name, (route.method.as_str(), &path, &input.body));
        let _flight = self.in_flight.begin(envelope.name_digest()?)?;
        let request = self.named_request(&envelope, &credential)?;
        let mut outcome = None;
        let asked = storage.once(&request, &mut |inside| {
            let done = route.run(&context(inside), &named, &input).and_then(|answer| {
                let sealed = envelope.seal(&serde_json::to_vec(&answer).map_err(|_| Failure::internal())?)?;
                Ok((answer, sealed))
            });
            let (done, sealed) = match done {
                Ok((answer, sealed)) => (Ok(answer), Some(sealed)),
                Err(failure) => (Err(failure), None),
            };
            outcome = Some(done);
            sealed
        })?;
        match asked {
            Asked::Now => Ok((outcome.unwrap_or_else(|| Err(Failure::internal()))?, false)),
            Asked::Before { request: before, answer } if before == request.request => {
                let opened = envelope.open(&answer)?;
                Ok((serde_json::from_slice(&opened).map_err(|_| Failure::internal())?, true))
            }
            Asked::Before { .. } => Err(repeat::reused()),
            Asked::Elsewhere => Err(repeat::in_use()),
        }
    }

    fn named_request(
        &self,
        envelope: &Envelope<'_>,
        credential: &Credential,
    ) -> Result<NamedRequest, Failure> {
        let at = self.now();
        Ok(NamedRequest {
            api_key: credential.key.id().clone(),
            name: envelope.name_digest()?,
            request: envelope.request_digest()?,
            at,
            kept_since: at.saturating_add(-repeat::REMEMBERED_SECONDS),
        })
    }

    fn note_denial(self: &Arc<Self>, visit: &Visit, route: &Route, failure: &Failure) {
        let Some(denial) = failure.denial else { return };
        let (method, path, code) = (static_name(&route.method), route.path, failure.code);
        tracing::info!(code, status = failure.status.as_u16(), "an admin's request was denied");
        // Without a place to write nothing is counted as told.
        let Ok(place) = Arc::clone(&self.notes).try_acquire_owned() else { return };
        let attempt = Attempt { method, path, code };
        let Some(note) = self.denials.count((visit.sender.clone(), denial), attempt, self.now()) else {
            return;
        };
        let issuer = Arc::clone(&self.issuer);
        drop(tokio::task::spawn_blocking(move || {
            denials::write(&*issuer.storage, &note);
            drop(place);
        }));
    }
}

/// Where nobody said who is at the other end.
const UNKNOWN: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

fn static_name(method: &axum::http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        _ => "OTHER",
    }
}

pub(super) fn request_id(parts: &Parts) -> &str {
    parts.extensions.get::<RequestId>().and_then(|id| id.header_value().to_str().ok()).unwrap_or("")
}

/// The key in the one header that carries it.
fn bearer(headers: &HeaderMap) -> Result<ApiKey, Failure> {
    let missing =
        || Failure::unauthenticated("API_KEY_MISSING", "send one `Authorization: Bearer brk_...` header");
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Err(missing()) };
    let text = value.to_str().map_err(|_| missing())?;
    let (scheme, key) = text.split_once(' ').ok_or_else(missing)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(missing());
    }
    ApiKey::parse(key.trim_start_matches(' '))
        .ok_or_else(|| Failure::unauthenticated("API_KEY_UNKNOWN", "the API key is not known here"))
}

/// Whether a key may use a route at all.
fn may(route: &Route, credential: &Credential) -> Result<(), Failure> {
    if let Needs::Scope(scope) = route.needs
        && !credential.scopes.allow(scope)
    {
        return Err(Failure::forbidden(
            "SCOPE",
            format!("this takes the scope {scope}, which your key does not have"),
        ));
    }
    match (route.about, &credential.tenant) {
        (About::Issuer, Some(tenant)) => Err(Failure::forbidden(
            "BEYOND_TENANT",
            format!("this is about the issuer as a whole, and your key is for tenant {tenant} alone"),
        )),
        (About::Issuer, None) | (About::Named | About::Own, _) => Ok(()),
    }
}

fn shown(answer: Answer, is_again: bool) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let json = [(header::CONTENT_TYPE, "application/json")];
    let mut response = (status, json, answer.body).into_response();
    if let Some(etag) = answer.etag.and_then(|etag| HeaderValue::try_from(etag).ok()) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    if is_again {
        let name = HeaderName::from_static("idempotent-replayed");
        response.headers_mut().insert(name, HeaderValue::from_static("true"));
    }
    response
}

/// What is left to a key, as draft-ietf-httpapi-ratelimit-headers says it.
fn limits_into(headers: &mut HeaderMap, left: Option<Left>, rate: Rate) {
    let Some(Left { requests, full_in }) = left else { return };
    let window = u64::from(rate.burst) * 60 / u64::from(rate.per_minute.max(1));
    let policy = format!("\"key\";q={};w={}", rate.burst, window.max(1));
    let limit = format!("\"key\";r={requests};t={full_in}");
    for (name, value) in [("ratelimit-policy", policy), ("ratelimit", limit)] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}

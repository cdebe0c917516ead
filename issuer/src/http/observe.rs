//! What is said of every request: one line in the log, one count, and its id wherever its problem is told.

use super::problem::Problem;
use crate::metrics::Metrics;
use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, RequestId, SetRequestIdLayer};
use tracing::Instrument;

/// Longest part of a path that is logged: what somebody makes up may be as long as a head may be.
const PATH_CHARS_MAX: usize = 200;
/// The route of a path that there is not.
const NO_ROUTE: &str = "other";
/// Paths that probes ask for every few seconds: they are logged where somebody looks for them.
const PROBED: [&str; 4] = ["/healthz", "/livez", "/readyz", "/metrics"];

/// The code of an answer that has its request's id in it already, for whoever logs and counts it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Coded(pub(super) &'static str);

#[derive(Clone)]
struct Watch {
    listener: &'static str,
    metrics: Metrics,
}

/// Gives every request an id, which the answer has in `x-request-id` and its problem in `instance`, counts it, and logs it
/// once it is answered. `listener` tells the listeners apart in metrics.
pub fn observed(app: Router, metrics: &Metrics, listener: &'static str) -> Router {
    let watch = Watch { listener, metrics: metrics.clone() };
    app.layer(PropagateRequestIdLayer::x_request_id())
        .layer(from_fn_with_state(watch, observe))
        // Always ours: an id from outside could forge lines in the log.
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .layer(from_fn(without_foreign_id))
}

/// The layer that gives an id keeps one that is there.
async fn without_foreign_id(mut request: Request, next: Next) -> Response {
    request.headers_mut().remove("x-request-id");
    next.run(request).await
}

async fn observe(State(watch): State<Watch>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or(NO_ROUTE, MatchedPath::as_str).to_owned();
    let underway = watch.metrics.http.begin(watch.listener, request.method(), &route);
    let (span, received) = (span(&request, watch.listener), length(&request));
    let id = request.extensions().get::<RequestId>().map(|id| id.header_value().clone());
    let response = next.run(request).instrument(span.clone()).await;
    let (response, code) = told(response, id.as_ref());
    if let Some(code) = code {
        watch.metrics.http.refused(watch.listener, code);
    }
    let status = response.status().as_u16();
    let line =
        Line { status, code: code.unwrap_or("OK"), received, sent: response.body().size_hint().exact() };
    let latency_ms = underway.end(status).as_secs_f64() * 1000.0;
    span.in_scope(|| line.log(latency_ms, PROBED.contains(&route.as_str())));
    response
}

/// What the log says of a request: never its headers, its query or its body.
fn span(request: &Request, listener: &'static str) -> tracing::Span {
    let id =
        request.extensions().get::<RequestId>().and_then(|id| id.header_value().to_str().ok()).unwrap_or("");
    let path: String = request.uri().path().chars().take(PATH_CHARS_MAX).collect();
    tracing::info_span!("request", id, listener, method = %request.method(), path)
}

fn length(request: &Request) -> Option<u64> {
    request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok())
}

/// A problem with the request's id in it, and its code. What layers answer by themselves becomes a problem too.
fn told(response: Response, id: Option<&HeaderValue>) -> (Response, Option<&'static str>) {
    if let Some(Coded(code)) = response.extensions().get().copied() {
        return (response, Some(code));
    }
    let response = match response.extensions().get::<Problem>() {
        None if response.status() == StatusCode::REQUEST_TIMEOUT => {
            let (headers, problem) = (response.headers().clone(), Problem::timed_out());
            let mut response = problem.into_response();
            headers.into_iter().filter_map(|(name, value)| Some((name?, value))).for_each(|(name, value)| {
                response.headers_mut().entry(name).or_insert(value);
            });
            response
        }
        Some(_) | None => response,
    };
    let Some(problem) = response.extensions().get::<Problem>().cloned() else { return (response, None) };
    let document = problem.document(id.and_then(|id| id.to_str().ok()));
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(CONTENT_LENGTH);
    (Response::from_parts(parts, Body::from(document)), Some(problem.code()))
}

struct Line {
    status: u16,
    code: &'static str,
    received: Option<u64>,
    sent: Option<u64>,
}

impl Line {
    fn log(&self, latency_ms: f64, probed: bool) {
        let Self { status, code, received, sent } = *self;
        if probed {
            tracing::debug!(status, code, latency_ms, received, sent, "answered");
        } else {
            tracing::info!(status, code, latency_ms, received, sent, "answered");
        }
    }
}

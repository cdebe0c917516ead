//! Requests, connections and room.

use crate::clock::Stopwatch;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Upper bounds in seconds: an exchange takes milliseconds, one with a backlog over a slow link up to a minute.
const DURATION_BUCKETS: [f64; 15] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
/// The status of a request whose client went away before it was answered.
const ABORTED: &str = "aborted";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Listener {
    listener: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    listener: &'static str,
    method: &'static str,
    route: String,
    status: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Routed {
    listener: &'static str,
    route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refused {
    listener: &'static str,
    code: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Failed {
    listener: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    listener: &'static str,
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    result: &'static str,
}

type Durations = Family<Routed, Histogram, fn() -> Histogram>;

/// Requests, connections and room.
#[derive(Clone, Debug)]
pub(crate) struct HttpMetrics {
    requests: Family<Answered, Counter>,
    durations: Durations,
    in_flight: Family<Listener, Gauge>,
    refusals: Family<Refused, Counter>,
    connections: Family<Listener, Gauge>,
    connections_refused: Family<Listener, Counter>,
    handshake_failures: Family<Failed, Counter>,
    tls_reloads: Family<Outcome, Counter>,
    tls_expires: Gauge,
    room_taken: Family<Kind, Gauge>,
    room_limit: Family<Kind, Gauge>,
    room_waiting: Family<Kind, Gauge>,
}

impl HttpMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let durations: Durations = Family::new_with_constructor(|| Histogram::new(DURATION_BUCKETS));
        let new = Self {
            requests: Family::default(),
            durations,
            in_flight: Family::default(),
            refusals: Family::default(),
            connections: Family::default(),
            connections_refused: Family::default(),
            handshake_failures: Family::default(),
            tls_reloads: Family::default(),
            tls_expires: Gauge::default(),
            room_taken: Family::default(),
            room_limit: Family::default(),
            room_waiting: Family::default(),
        };
        registry.register("http_requests", "Requests that ended", new.requests.clone());
        let help = "From a request's head to the head of its answer";
        registry.register_with_unit("http_request_duration", help, Unit::Seconds, new.durations.clone());
        registry.register("http_requests_in_flight", "Requests that have not ended", new.in_flight.clone());
        registry.register("refusals", "Requests that were answered with a problem", new.refusals.clone());
        registry.register("connections", "Connections that are open", new.connections.clone());
        let help = "Connections that were closed at once, because there were too many";
        registry.register("connections_refused", help, new.connections_refused.clone());
        let help = "TLS handshakes that failed";
        registry.register("tls_handshake_failures", help, new.handshake_failures.clone());
        let help = "Certificates that were taken up, or could not be, after their files changed";
        registry.register("tls_reloads", help, new.tls_reloads.clone());
        let help = "When the certificate in use ends; 0 without TLS";
        registry.register_with_unit(
            "tls_certificate_expires_timestamp",
            help,
            Unit::Seconds,
            new.tls_expires.clone(),
        );
        registry.register("room_taken", "Places that are taken", new.room_taken.clone());
        registry.register("room_limit", "Places that there are", new.room_limit.clone());
        registry.register("room_waiting", "Requests that wait for a place", new.room_waiting.clone());
        new
    }

    /// A request that begins; it ends when the result is dropped.
    pub(crate) fn begin(&self, listener: &'static str, method: &axum::http::Method, route: &str) -> Underway {
        self.in_flight.get_or_create(&Listener { listener }).inc();
        let (method, route) = (method_label(method), route.to_owned());
        Underway { metrics: self.clone(), listener, method, route, began: Stopwatch::start(), ended: None }
    }

    /// A request that is answered with a problem. `code` is one of our own.
    pub(crate) fn refused(&self, listener: &'static str, code: &'static str) {
        self.refusals.get_or_create(&Refused { listener, code }).inc();
    }

    /// A connection that is open until the result is dropped.
    pub(crate) fn connected(&self, listener: &'static str) -> Place {
        Place::taken(self.connections.get_or_create_owned(&Listener { listener }))
    }

    pub(crate) fn connection_refused(&self, listener: &'static str) {
        self.connections_refused.get_or_create(&Listener { listener }).inc();
    }

    pub(crate) fn handshake_failed(&self, listener: &'static str, reason: &'static str) {
        self.handshake_failures.get_or_create(&Failed { listener, reason }).inc();
    }

    /// A certificate was read: when it ends, or that it was no good.
    pub(crate) fn certificate(&self, expires_at: Option<i64>, reloaded: bool) {
        if let Some(at) = expires_at {
            self.tls_expires.set(at);
        }
        if reloaded {
            let result = if expires_at.is_some() { "taken" } else { "failed" };
            self.tls_reloads.get_or_create(&Outcome { result }).inc();
        }
    }

    pub(crate) fn room_limit(&self, (listener, kind): (&'static str, &'static str), limit: usize) {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.room_limit.get_or_create(&Kind { listener, kind }).set(limit);
        self.room_taken.get_or_create(&Kind { listener, kind }).set(0);
        self.room_waiting.get_or_create(&Kind { listener, kind }).set(0);
    }

    /// A place that is taken until the result is dropped.
    pub(crate) fn room_taken(&self, (listener, kind): (&'static str, &'static str)) -> Place {
        Place::taken(self.room_taken.get_or_create_owned(&Kind { listener, kind }))
    }

    /// Somebody who waits until the result is dropped.
    pub(crate) fn room_waiting(&self, (listener, kind): (&'static str, &'static str)) -> Place {
        Place::taken(self.room_waiting.get_or_create_owned(&Kind { listener, kind }))
    }
}

/// One more in a gauge, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place(Gauge);

impl Place {
    fn taken(gauge: Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A request that has not ended.
#[derive(Debug)]
pub(crate) struct Underway {
    metrics: HttpMetrics,
    listener: &'static str,
    method: &'static str,
    route: String,
    began: Stopwatch,
    ended: Option<u16>,
}

impl Underway {
    /// It was answered with this status; how long that took.
    pub(crate) fn end(mut self, status: u16) -> std::time::Duration {
        self.ended = Some(status);
        self.began.elapsed()
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        let (metrics, listener, method) = (&self.metrics, self.listener, self.method);
        metrics.in_flight.get_or_create(&Listener { listener }).dec();
        let status = self.ended.map_or_else(|| ABORTED.to_owned(), |status| status.to_string());
        let route = std::mem::take(&mut self.route);
        let answered = Answered { listener, method, route: route.clone(), status };
        metrics.requests.get_or_create(&answered).inc();
        let took = self.began.elapsed().as_secs_f64();
        metrics.durations.get_or_create(&Routed { listener, route }).observe(took);
    }
}

/// Anybody can send a method of any name.
fn method_label(method: &axum::http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

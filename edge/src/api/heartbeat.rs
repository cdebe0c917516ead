//! Heartbeats to the billing server: that this device is there, of which class, and with which cameras. They decide nothing,
//! and one that is not heard is not sent again: the next one says the same.

use super::billing::Upstream;
use super::options::Heartbeats;
use super::sight::Sight;
use super::tally::Tally;
use crate::error::EdgeError;
use axum::body::Bytes;
use brink_license::token::LicenceClaims;
use serde_json::json;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};

/// Where they go, below the billing server's address.
const PATH: &str = "/heartbeat";

/// Sends them for as long as it lives.
#[derive(Debug)]
pub(super) struct Heart {
    /// Dropped, it ends the thread.
    _alive: Sender<()>,
}

/// What a heartbeat is made of.
pub(super) struct Beating {
    pub(super) upstream: Arc<Upstream>,
    pub(super) sight: Arc<Sight>,
    pub(super) options: Heartbeats,
    /// Where it is noted how they go.
    pub(super) tally: Arc<Tally>,
}

impl Heart {
    /// Begins with one at once.
    pub(super) fn start(beating: Beating) -> Result<Self, EdgeError> {
        let (alive, ended) = channel();
        let named = std::thread::Builder::new().name("brink-heartbeat".to_owned());
        let spawned = named.spawn(move || beat(&beating, &ended));
        let failed = |reason| EdgeError::System { doing: "start a thread for heartbeats", reason };
        spawned.map(|_| Self { _alive: alive }).map_err(failed)
    }
}

fn beat(beating: &Beating, ended: &Receiver<()>) {
    loop {
        send(beating);
        match ended.recv_timeout(beating.options.interval) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// Of a device that has no licence there is nothing to say.
fn send(beating: &Beating) {
    let Ok(view) = beating.sight.published() else { return };
    let Some(claims) = view.claims() else { return };
    let body = Bytes::from(body(claims, beating.options));
    let failure = match beating.upstream.ask(PATH, Some(&body)) {
        Ok(_) => {
            tracing::debug!("a heartbeat was sent");
            None
        }
        Err(refusal) => {
            tracing::warn!(code = refusal.said.code, "a heartbeat was not heard");
            Some(refusal.said.code.to_owned())
        }
    };
    let now = view.standing().now;
    let pause = i64::try_from(beating.options.interval.as_secs()).unwrap_or(i64::MAX);
    beating.tally.beat((now, now.saturating_add(pause)), failure);
}

/// As the client of before sent it, and when the next one comes.
fn body(claims: &LicenceClaims, options: Heartbeats) -> String {
    let cameras = claims.grants.iter().flat_map(|grant| grant.seats.cameras());
    let body = json!({
        "device_id": claims.dev, "tenant_id": claims.tenant, "active_camera_ids": cameras.collect::<Vec<_>>(),
        "management_tier": options.tier.as_str(), "heartbeat_interval_seconds": options.interval.as_secs(),
    });
    body.to_string()
}

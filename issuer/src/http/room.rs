//! Room for requests: what bounds the memory of all of them together, however many connections there are.
//!
//! * Every connection may bring a small body: `connections_max` times [`SMALL_BYTES_MAX`].
//! * A large one needs a place before a byte of it is read: `large_max` times [`REQUEST_BYTES_MAX`].
//! * Working on a request needs another: `work_max` times [`WORK_BYTES_MAX`]. It is waited for, but not for long.
//!
//! So slow senders of large bodies can take every large place, and devices that exchange as usual do not notice.

use super::problem::Problem;
use crate::config::ServeConfig;
use crate::metrics::{Metrics, Place};
use brink_license::exchange::{BODY_BYTES_MAX, REQUEST_BYTES_MAX};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The largest body that needs no place: an activation, or an exchange without a backlog.
pub(super) const SMALL_BYTES_MAX: usize = 128 * 1024;
/// What work on one request takes at most: the window of the decoder, what it inflates to in a buffer that doubles, and
/// what is read from that.
pub const WORK_BYTES_MAX: usize = 4 * BODY_BYTES_MAX;

/// The kinds of places, as metrics name them.
const LARGE: &str = "large";
const WORK: &str = "work";

/// What requests may take with these limits, beside what an idle server has.
#[must_use]
pub const fn request_bytes_max(config: &ServeConfig) -> usize {
    config.connections_max * SMALL_BYTES_MAX
        + config.large_max * REQUEST_BYTES_MAX
        + config.work_max * WORK_BYTES_MAX
}

/// The places that are left.
#[derive(Clone, Debug)]
pub(super) struct Room {
    large: Arc<Semaphore>,
    work: Arc<Semaphore>,
    work_wait: Duration,
    metrics: Metrics,
    /// Whose room it is, in metrics.
    listener: &'static str,
}

/// A place that is held until this is dropped.
#[derive(Debug)]
pub(in crate::http) struct Held {
    _permit: OwnedSemaphorePermit,
    _counted: Place,
}

impl Room {
    pub(super) fn new(config: &ServeConfig, (metrics, listener): (&Metrics, &'static str)) -> Self {
        metrics.http.room_limit((listener, LARGE), config.large_max);
        metrics.http.room_limit((listener, WORK), config.work_max);
        Self {
            large: Arc::new(Semaphore::new(config.large_max)),
            work: Arc::new(Semaphore::new(config.work_max)),
            work_wait: config.work_wait,
            metrics: metrics.clone(),
            listener,
        }
    }

    /// A place for a body of at most `bytes`, to be held until the request is done; a small one needs none.
    pub(super) fn to_read(&self, bytes: usize) -> Result<Option<Held>, Problem> {
        if bytes <= SMALL_BYTES_MAX {
            return Ok(None);
        }
        let place = Arc::clone(&self.large).try_acquire_owned();
        place.map(|permit| Some(self.held(permit, LARGE))).map_err(|_| Problem::no_room())
    }

    /// A place to work, to be held until the work is done, whoever still waits for it.
    pub(super) async fn to_work(&self) -> Result<Held, Problem> {
        let waits = self.metrics.http.room_waiting((self.listener, WORK));
        let place = tokio::time::timeout(self.work_wait, Arc::clone(&self.work).acquire_owned()).await;
        drop(waits);
        match place {
            Ok(Ok(permit)) => Ok(self.held(permit, WORK)),
            Ok(Err(_)) | Err(_) => Err(Problem::no_room()),
        }
    }

    fn held(&self, permit: OwnedSemaphorePermit, kind: &'static str) -> Held {
        Held { _permit: permit, _counted: self.metrics.http.room_taken((self.listener, kind)) }
    }
}

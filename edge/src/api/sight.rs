//! What the API sees of the device: the published bundle, as any host of this process reads it.
//!
//! A gate answers from memory and takes up a new bundle within a quarter of a second. Whoever wants to know at once has the
//! file looked at; if that takes too long, because a disk hangs, the gate's answer is given and said to be that.

use super::refusal::Refusal;
use crate::error::EdgeError;
use crate::look::Look;
use crate::view::View;
use crate::writer::reading;
use axum::http::StatusCode;
use brink_license::keyset::TrustAnchor;
use brink_store::journal::{UsageBook, UsageError};
use brink_store::{Gate, GateStatus, Layout, Meter};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

/// A look at the file takes well below a millisecond; a check is to be answered in a tenth of a second whatever it does.
const LOOK_TIMEOUT: Duration = Duration::from_millis(50);
/// Threads that look at once. With a disk that hangs, no more than these wait for it.
const LOOKS_MAX: usize = 4;

/// Looks at one device.
#[derive(Debug)]
pub(super) struct Sight {
    layout: Layout,
    opened: Mutex<Arc<Opened>>,
    looking: Arc<Semaphore>,
}

/// The readers of a device under one trust.
#[derive(Debug)]
pub(super) struct Opened {
    trust: TrustAnchor,
    gate: Gate,
    meter: Meter,
    look: Mutex<Look>,
}

impl Opened {
    fn open(layout: &Layout) -> Result<Arc<Self>, EdgeError> {
        let trust = layout.trust_anchor()?;
        let gate = Gate::open(layout.bundle(), trust.clone())?;
        let (meter, look) = (gate.meter()?, Mutex::new(Look::new(layout)?));
        Ok(Arc::new(Self { trust, gate, meter, look }))
    }

    /// Records usage under the quotas of the licence in force.
    pub(super) const fn meter(&self) -> &Meter {
        &self.meter
    }

    fn published(&self) -> Option<View> {
        self.gate.status().map(|status| View::new(status, false))
    }
}

impl Sight {
    pub(super) fn open(layout: &Layout) -> Result<Self, EdgeError> {
        let opened = Mutex::new(Opened::open(layout)?);
        Ok(Self { layout: layout.clone(), opened, looking: Arc::new(Semaphore::new(LOOKS_MAX)) })
    }

    pub(super) fn opened(&self) -> Arc<Opened> {
        Arc::clone(&self.opened.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The sums of the journal.
    pub(super) fn book(&self) -> Result<UsageBook, UsageError> {
        UsageBook::open(&self.layout.journal())
    }

    /// What the gate holds. Reads no file.
    pub(super) fn published(&self) -> Result<View, Refusal> {
        self.opened().published().ok_or_else(|| {
            let error = "the gate of this process was closed";
            Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "NEEDS_REOPEN", error, "restart the agent")
        })
    }

    /// What the file says now. Waits for the disk.
    pub(super) fn look(&self) -> Result<View, Refusal> {
        let failed = |error: &EdgeError| Refusal::of(error, StatusCode::SERVICE_UNAVAILABLE);
        let reading = reading().map_err(|error| failed(&error))?;
        let opened = self.under_the_trust_of_now();
        let mut look = opened.look.lock().unwrap_or_else(PoisonError::into_inner);
        let snapshot = look.at(&reading);
        Ok(View::new(GateStatus::of(&snapshot, look.refused()), true))
    }

    /// As long as no licence was accepted, another issuer may be pinned.
    fn under_the_trust_of_now(&self) -> Arc<Opened> {
        let opened = self.opened();
        let is_licensed = opened.gate.status().is_some_and(|status| status.bundle().is_some());
        if is_licensed || self.layout.trust_anchor().is_ok_and(|trust| trust == opened.trust) {
            return opened;
        }
        match Opened::open(&self.layout) {
            Ok(anew) => {
                *self.opened.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&anew);
                anew
            }
            Err(error) => {
                tracing::warn!(code = %error.code(), %error, "the device cannot be looked at under its new trust");
                opened
            }
        }
    }

    /// What is in force: from memory, and from the file where that is wanted or memory has nothing.
    pub(super) async fn view(self: Arc<Self>, fresh: bool) -> Result<View, Refusal> {
        let published = self.published()?;
        if !fresh && published.bundle().is_some() {
            return Ok(published);
        }
        let looked = tokio::time::timeout(LOOK_TIMEOUT, async {
            let place = Arc::clone(&self.looking).acquire_owned().await.ok()?;
            let looking = tokio::task::spawn_blocking(move || {
                let view = self.look();
                drop(place);
                view
            });
            looking.await.ok()?.ok()
        });
        Ok(looked.await.ok().flatten().unwrap_or(published))
    }
}

//! The composition of what answers devices: database, keys, catalogue, clock.

use crate::admin::Admin;
use crate::answer::Answering;
use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::config::DataDir;
use crate::failures::Failures;
use crate::in_force::Refreshing;
use crate::keys::KeysError;
use crate::metrics::Metrics;
use crate::refusal::Refusal;
use crate::request::{self, Request};
use crate::storage::{Actor, AnswerKind, Storage, StorageError};
use crate::{activation, exchange};
use brink_license::{IssuerName, UnixSeconds};
use brink_signing::Passphrase;
use std::sync::Arc;

/// Why an issuer does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The database.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The keys.
    #[error(transparent)]
    Keys(#[from] KeysError),
}

/// An issuer that can answer devices. Shared by all requests; what is in memory can be lost without loss.
pub struct Issuer {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) catalog: Catalog,
    pub(crate) name: IssuerName,
    pub(crate) in_force: Refreshing,
    pub(crate) failures: Failures,
    pub(crate) metrics: Metrics,
}

impl Issuer {
    /// Loads keys and keyset. The passphrase is kept, because a manifest that is published later brings other keys.
    pub fn open(
        data: &DataDir,
        (storage, clock): (Arc<dyn Storage>, Arc<dyn Clock>),
        catalog: Catalog,
        passphrase: Option<Passphrase>,
    ) -> Result<Self, OpenError> {
        let name = storage.issuer()?.name;
        let in_force = Refreshing::load(data, &*storage, passphrase, clock.now())?;
        let (failures, metrics) = (Failures::default(), Metrics::default());
        metrics.host.started(clock.now());
        Ok(Self { storage, clock, catalog, name, in_force, failures, metrics })
    }

    /// What an admin does, in somebody's name, on this issuer's database.
    pub(crate) fn admin(&self, actor: Actor) -> Admin {
        let (storage, clock) = (Arc::clone(&self.storage), Arc::clone(&self.clock));
        Admin { storage, catalog: self.catalog.clone(), clock, actor }
    }

    /// The issuer's name.
    #[must_use]
    pub const fn name(&self) -> &IssuerName {
        &self.name
    }

    /// When the keyset expires, and devices stop to accept anything new.
    #[must_use]
    pub fn keyset_expires_at(&self) -> UnixSeconds {
        self.in_force.held().keyset.expires_at()
    }

    /// What it counts.
    #[must_use]
    pub const fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The one use case of devices, for HTTP and for files: verifies, decides, records, and only then answers. `door`
    /// is the kind that the path is for; a file may carry either.
    pub fn answer(&self, bytes: &[u8], door: Option<AnswerKind>) -> Result<Vec<u8>, Refusal> {
        self.answered(bytes, door).inspect_err(|refusal| {
            if let Refusal::Storage(error) = refusal {
                self.metrics.exchanges.database_failed(error);
            }
        })
    }

    fn answered(&self, bytes: &[u8], door: Option<AnswerKind>) -> Result<Vec<u8>, Refusal> {
        let signed = request::open(&self.name, bytes, door)?;
        if signed.kind == AnswerKind::Exchange {
            // Before its body is looked into: only a device that is known may send a large one.
            exchange::check_known(self, &signed)?;
            if let Some(answer) = exchange::repeated(self, (&signed.key, &signed.mark))? {
                return Ok(answer);
            }
        }
        match &signed.read()? {
            Request { code: Some(code), proven } => activation::activate(self, code, proven),
            Request { code: None, proven } => exchange::exchange(self, proven),
        }
    }

    /// Now, under the keyset that is in force now.
    pub(crate) fn answering(&self) -> Result<Answering<'_>, Refusal> {
        let now = self.clock.now();
        let in_force = self.in_force.current(&*self.storage, now)?;
        Ok(Answering { issuer: self, in_force, now })
    }
}

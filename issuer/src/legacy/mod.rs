//! What clients of the billing API of before Brink are told, by the rules and books of everybody else: they sit on the same
//! seats, their usage stands in the same sums, and nothing is decided for them twice. They show an API key with the scope
//! `legacy`, which is for one tenant. `http/legacy` speaks their wire; nobody else comes here.

mod account;
mod code;
mod entitlement;
mod event;
mod heartbeat;
mod licence;
mod policy;
mod usage;

pub(crate) use account::{Account, SoldPack, shown};
pub(crate) use heartbeat::{Beat, INTERVAL_SECONDS};
pub(crate) use licence::{Mode, Seating, Verdict};
pub use policy::{LegacyPolicyEdit, LegacyStanding};

use crate::access::Credential;
use crate::admin::{Admin, AdminError};
use crate::issuer::Issuer;
use crate::secret::NoRandom;
use crate::storage::{LegacyName, StorageError};
use brink_license::{DeviceId, NAME_BYTES_MAX, TenantId, UnixSeconds};
use std::sync::Arc;

/// Devices that stand for clients of one key. A client that invents a name for each event, as one did, ends up as the one
/// without a name.
const DEVICES_MAX: u32 = 500;

/// Why something could not be answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LegacyError {
    /// Something that everybody else would be refused as well.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// The database.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Random numbers.
    #[error(transparent)]
    Random(#[from] NoRandom),
}

/// One client, as its key says who it is.
pub(crate) struct Client<'i> {
    issuer: &'i Issuer,
    credential: &'i Credential,
    tenant: &'i TenantId,
}

impl<'i> Client<'i> {
    /// The holder of a key of this tenant.
    pub(crate) const fn new(issuer: &'i Issuer, credential: &'i Credential, tenant: &'i TenantId) -> Self {
        Self { issuer, credential, tenant }
    }

    /// Whose client it is.
    pub(crate) const fn tenant(&self) -> &TenantId {
        self.tenant
    }

    fn now(&self) -> UnixSeconds {
        self.issuer.clock.now()
    }

    /// What is done for it is done as everybody else does it, in the name of its key.
    fn admin(&self) -> Admin {
        Admin {
            storage: Arc::clone(&self.issuer.storage),
            catalog: self.issuer.catalog.clone(),
            clock: Arc::clone(&self.issuer.clock),
            actor: self.credential.actor(),
        }
    }

    /// The device that stands for what it calls itself.
    fn device(&self, name: &str) -> Result<DeviceId, LegacyError> {
        // What is no name is none.
        let named = (1..=NAME_BYTES_MAX).contains(&name.len()) && !name.chars().any(char::is_control);
        let name = LegacyName {
            api_key: self.credential.key.id().clone(),
            tenant: self.tenant.clone(),
            name: if named { name.to_owned() } else { String::new() },
        };
        match self.issuer.storage.legacy_device(&name)? {
            Some(device) => Ok(device),
            None => {
                let new = code::ended(&name, (self.now(), &self.credential.actor()), DEVICES_MAX)?;
                Ok(self.issuer.storage.make_legacy_device(&name, &new)?)
            }
        }
    }
}

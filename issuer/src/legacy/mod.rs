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
pub(crate) use licence::{Answered, Mode, Seating, Verdict, packs_of_cameras};
pub use policy::{LegacyPolicyEdit, LegacyStanding};

use crate::access::Credential;
use crate::admin::{Admin, AdminError};
use crate::issuer::Issuer;
use crate::secret::NoRandom;
use crate::storage::{LegacyName, StorageError};
use brink_license::{DeviceId, NAME_BYTES_MAX, TenantId, UnixSeconds};
use std::collections::{BTreeMap, BTreeSet};

/// Devices that stand for clients of one key. A client that invents a name for each event, as one did, ends up as the one
/// without a name.
const DEVICES_MAX: u32 = 500;
/// Who says no name.
const NAMELESS: &str = "";

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
        self.issuer.admin(self.credential.actor())
    }

    /// The device that stands for what it calls itself.
    fn device(&self, name: &str) -> Result<DeviceId, LegacyError> {
        let name = sound(name);
        match self.devices(&[name])?.remove(name) {
            Some(device) => Ok(device),
            None => self.make(name),
        }
    }

    /// The devices of these names, each of which has one. Where a key has as many as are told apart, what is not known is of
    /// the one without a name, and nothing is written.
    fn devices(&self, names: &[&str]) -> Result<BTreeMap<String, DeviceId>, LegacyError> {
        let key = self.credential.key.id();
        let asked: BTreeSet<&str> = names.iter().copied().chain([NAMELESS]).collect();
        let asked: Vec<&str> = asked.into_iter().collect();
        let (mut found, mut count) = self.issuer.storage.legacy_names(key, &asked)?;
        for name in names {
            if found.contains_key(*name) {
                continue;
            }
            let device = match found.get(NAMELESS) {
                Some(nameless) if count >= u64::from(DEVICES_MAX) => nameless.clone(),
                Some(_) | None => {
                    count = count.saturating_add(1);
                    self.make(name)?
                }
            };
            found.insert((*name).to_owned(), device);
        }
        Ok(found)
    }

    fn make(&self, name: &str) -> Result<DeviceId, LegacyError> {
        let name = LegacyName {
            api_key: self.credential.key.id().clone(),
            tenant: self.tenant.clone(),
            name: name.to_owned(),
        };
        let new = code::ended(&name, (self.now(), &self.credential.actor()), DEVICES_MAX)?;
        Ok(self.issuer.storage.make_legacy_device(&name, &new)?)
    }
}

/// What is no name is none.
fn sound(name: &str) -> &str {
    let is_name = (1..=NAME_BYTES_MAX).contains(&name.len()) && !name.chars().any(char::is_control);
    if is_name { name } else { NAMELESS }
}

//! The parts of a path that name something: read strictly, and looked at before any handler is.

use super::failure::{Denial, Failure, echoed};
use crate::access::{Credential, KeyId};
use crate::storage::Storage;
use axum::extract::RawPathParams;
use brink_license::{DeviceId, TenantId};

/// What a path named.
#[derive(Clone, Debug, Default)]
pub(super) struct Named {
    tenant: Option<TenantId>,
    device: Option<DeviceId>,
    key: Option<KeyId>,
    number: Option<i64>,
}

impl Named {
    /// Percent-encoding is undone by then, once; an encoded slash is part of a name, and no other path.
    pub(super) fn read(params: &RawPathParams) -> Result<Self, Failure> {
        let mut named = Self::default();
        for (name, text) in params {
            match name {
                "tenant" => named.tenant = Some(text.parse().map_err(|_| no_id("tenant", text))?),
                "device" => named.device = Some(text.parse().map_err(|_| no_id("device", text))?),
                "key" => named.key = Some(KeyId::parse(text).ok_or_else(|| no_id("key", text))?),
                "number" => named.number = Some(text.parse().map_err(|_| no_id("number", text))?),
                _ => return Err(Failure::internal()),
            }
        }
        Ok(named)
    }

    /// Whether there is such a thing for this credential. What is another tenant's is answered like what there is not.
    pub(super) fn guard(&self, credential: &Credential, storage: &dyn Storage) -> Result<(), Failure> {
        if let Some(tenant) = &self.tenant
            && !credential.sees(tenant)
        {
            return Err(Failure::unknown_tenant(tenant.as_str()).denied(Denial::Foreign));
        }
        let Some(device) = &self.device else { return Ok(()) };
        let owner = storage.tenant_of(device)?;
        let is_there = owner.as_ref().is_some_and(|owner| {
            credential.sees(owner) && self.tenant.as_ref().is_none_or(|tenant| tenant == owner)
        });
        if is_there {
            return Ok(());
        }
        let failure = Failure::unknown_device(device.as_str());
        Err(if owner.is_some() { failure.denied(Denial::Foreign) } else { failure })
    }
}

fn no_id(what: &str, text: &str) -> Failure {
    Failure::malformed("BAD_ID", format!("{} cannot be the id of a {what}", echoed(text)))
}

/// What a handler gets of it.
pub(super) trait Located: Sized + 'static {
    /// The parts that the path has to have, in their order.
    const NAMES: &'static [&'static str];
    /// Takes them; `None` where the path lacks one, which a test of the table rules out.
    fn of(named: &Named) -> Option<Self>;
}

impl Located for () {
    const NAMES: &'static [&'static str] = &[];
    fn of(_: &Named) -> Option<Self> {
        Some(())
    }
}

impl Located for TenantId {
    const NAMES: &'static [&'static str] = &["tenant"];
    fn of(named: &Named) -> Option<Self> {
        named.tenant.clone()
    }
}

impl Located for DeviceId {
    const NAMES: &'static [&'static str] = &["device"];
    fn of(named: &Named) -> Option<Self> {
        named.device.clone()
    }
}

impl Located for KeyId {
    const NAMES: &'static [&'static str] = &["key"];
    fn of(named: &Named) -> Option<Self> {
        named.key.clone()
    }
}

impl Located for (TenantId, i64) {
    const NAMES: &'static [&'static str] = &["tenant", "number"];
    fn of(named: &Named) -> Option<Self> {
        named.tenant.clone().zip(named.number)
    }
}

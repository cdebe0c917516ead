//! What old clients of a tenant may do by themselves, and how they stand.

use crate::admin::{Admin, AdminError, ran};
use crate::storage::{AuditNote, Contact, LegacyDevice, LegacyPolicy, NewLegacyPolicy};
use brink_license::{DeviceId, TenantId, UnixSeconds};

/// Stretches that are shown: years of a device that is off every night.
const CONTACTS_MAX: u32 = 1000;

/// What is to change; what is `None` stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LegacyPolicyEdit {
    /// Whether a camera that nobody has assigned takes a free seat.
    pub auto_seat: Option<bool>,
    /// Whether a tenant that never bought anything gets its trial with the first camera that asks.
    pub auto_trial: Option<bool>,
    /// Whether all of them are told no.
    pub suspended: Option<bool>,
}

/// How a device stands that an old client is behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LegacyStanding {
    /// It was heard of within three intervals.
    Online,
    /// It was not, since then.
    Offline(UnixSeconds),
    /// It never sent a heartbeat.
    Never,
}

impl LegacyStanding {
    /// Of a device at a moment.
    #[must_use]
    pub fn of(device: &LegacyDevice, now: UnixSeconds) -> Self {
        match &device.contact {
            None => Self::Never,
            Some(contact) if now < contact.until() => Self::Online,
            Some(contact) => Self::Offline(contact.until()),
        }
    }

    /// The word in messages and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Offline(_) => "offline",
            Self::Never => "never",
        }
    }
}

impl Admin {
    /// Changes what old clients of a tenant may do by themselves; answers what they may then.
    pub fn change_legacy_policy(
        &self,
        tenant: &TenantId,
        edit: LegacyPolicyEdit,
    ) -> Result<LegacyPolicy, AdminError> {
        let now = self.clock.now();
        let mut outcome = None;
        self.storage.set_legacy_policy(tenant, &mut |was| {
            let policy = LegacyPolicy {
                auto_seat: edit.auto_seat.unwrap_or(was.auto_seat),
                auto_trial: edit.auto_trial.unwrap_or(was.auto_trial),
                suspended: edit.suspended.unwrap_or(was.suspended),
            };
            outcome = Some(policy);
            let note = AuditNote {
                tenant: Some(tenant.clone()),
                at: now,
                actor: self.actor.clone(),
                action: "legacy.policy",
                subject: tenant.to_string(),
                detail: serde_json::json!({ "was": was, "now": policy }),
            };
            (policy != *was).then_some(NewLegacyPolicy { policy, note })
        })?;
        Ok(ran(outcome)?)
    }

    /// What old clients of a tenant may do by themselves.
    pub fn legacy_policy(&self, tenant: &TenantId) -> Result<LegacyPolicy, AdminError> {
        self.storage.tenant_row(tenant)?;
        Ok(self.storage.legacy_policy(tenant)?)
    }

    /// The devices of a tenant that old clients are behind.
    pub fn legacy_devices(&self, tenant: &TenantId) -> Result<Vec<LegacyDevice>, AdminError> {
        self.storage.tenant_row(tenant)?;
        Ok(self.storage.legacy_devices(tenant)?)
    }

    /// When a device was heard of, the newest stretch first.
    pub fn contacts(&self, device: &DeviceId) -> Result<Vec<Contact>, AdminError> {
        self.storage.device(device, self.clock.now())?;
        Ok(self.storage.contacts(device, CONTACTS_MAX)?)
    }
}

//! Changes that somebody makes after having looked: what has changed since they did is not overwritten.

use crate::admin::{Admin, AdminError, checked_name, ran};
use crate::storage::{AuditNote, ClonePolicy, SubscriptionRow, SubscriptionView, TenantChange, TenantRow};
use crate::subscription::{self, SubscriptionOrder};
use brink_license::TenantId;

/// Whether what is on record is what somebody has looked at. Runs in the transaction of the change, perhaps more than once.
pub type Expected<'e, Row> = &'e dyn Fn(&Row) -> bool;

/// What is to become of a tenant; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TenantEdit {
    /// Its name.
    pub name: Option<String>,
    /// What happens when a device of its seems to run twice.
    pub clones: Option<ClonePolicy>,
}

impl Admin {
    /// Changes a tenant; answers how it is then.
    pub fn change_tenant(
        &self,
        tenant: &TenantId,
        edit: &TenantEdit,
        expected: Expected<'_, TenantRow>,
    ) -> Result<TenantRow, AdminError> {
        if *edit == TenantEdit::default() {
            return Err(AdminError::NothingToChange);
        }
        let name = edit.name.as_deref().map(checked_name).transpose()?;
        let now = self.clock.now();
        let mut outcome = None;
        self.storage.change_tenant(tenant, &mut |row| {
            if !expected(row) {
                outcome = Some(Err(AdminError::Stale));
                return None;
            }
            let changed = TenantRow {
                name: name.clone().unwrap_or_else(|| row.name.clone()),
                clones: edit.clones.unwrap_or(row.clones),
                ..row.clone()
            };
            let detail = |row: &TenantRow| serde_json::json!({ "name": row.name, "clones": row.clones });
            let note = AuditNote {
                tenant: Some(row.id.clone()),
                at: now,
                actor: self.actor.clone(),
                action: "tenant.change",
                subject: row.id.to_string(),
                detail: serde_json::json!({ "was": detail(row), "now": detail(&changed) }),
            };
            let is_new = changed != *row;
            outcome = Some(Ok(changed));
            is_new.then(|| TenantChange { name: name.clone(), clones: edit.clones, note })
        })?;
        ran(outcome)?
    }

    /// Sets the subscription, replacing the one that was looked at.
    pub fn replace_subscription(
        &self,
        tenant: &TenantId,
        order: &SubscriptionOrder,
        expected: Expected<'_, SubscriptionView>,
    ) -> Result<SubscriptionRow, AdminError> {
        let now = self.clock.now();
        let mut outcome = None;
        self.storage.set_subscription(tenant, &mut |view| {
            if !expected(view) {
                outcome = Some(Err(AdminError::Stale));
                return None;
            }
            let next = subscription::next_version(&self.catalog, view, order, (now, &self.actor));
            let (row, new) = match next {
                Ok(new) => (Ok(new.row.clone()), Some(new)),
                Err(refusal) => (Err(refusal.into()), None),
            };
            outcome = Some(row);
            new
        })?;
        ran(outcome)?
    }
}

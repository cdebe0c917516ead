//! Changes that somebody makes after having looked: what has changed since they did is not overwritten.

use crate::admin::{Admin, AdminError, checked_name, ran};
use crate::storage::{AuditNote, ClonePolicy, TenantChange, TenantRow, TimelineView};
use crate::subscription::SubscriptionOrder;
use crate::timeline::{self, ChangeOrder, Desk, Entry, Planned, Recorded, TimelineError};
use brink_license::TenantId;

/// Whether what is on record is what somebody has looked at. Runs in the transaction of the change, perhaps more than once.
pub type Expected<'e, Row> = &'e dyn Fn(&Row) -> bool;

/// Whether what comes of an order for a subscription is kept.
pub struct Keeping<'e> {
    /// What somebody has looked at.
    pub expected: Expected<'e, TimelineView>,
    /// Or only told.
    pub is_kept: bool,
}

impl Keeping<'static> {
    /// Whatever is on record.
    #[must_use]
    pub const fn all() -> Self {
        Self { expected: &|_| true, is_kept: true }
    }
}

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

    /// Sets the subscription from an instant on, replacing the one that was looked at.
    pub fn replace_subscription(
        &self,
        tenant: &TenantId,
        order: &SubscriptionOrder,
        entry: &Entry,
        keeping: &Keeping<'_>,
    ) -> Result<Recorded, AdminError> {
        self.record(tenant, keeping, &|view, desk| timeline::set(view, order, entry, desk))
    }

    /// Changes a subscription from an instant on.
    pub fn change_subscription(
        &self,
        tenant: &TenantId,
        order: &ChangeOrder,
        entry: &Entry,
        keeping: &Keeping<'_>,
    ) -> Result<Recorded, AdminError> {
        self.record(tenant, keeping, &|view, desk| timeline::change(view, order, entry, desk))
    }

    /// Takes a change of a subscription back that is still to come.
    pub fn cancel_change(
        &self,
        tenant: &TenantId,
        version: u32,
        reason: Option<&str>,
        keeping: &Keeping<'_>,
    ) -> Result<Recorded, AdminError> {
        let reason = reason.map(str::to_owned);
        self.record(tenant, keeping, &|view, desk| timeline::cancel(view, version, reason.clone(), desk))
    }

    fn record(
        &self,
        tenant: &TenantId,
        keeping: &Keeping<'_>,
        planned: &dyn Fn(&TimelineView, Desk<'_>) -> Result<Planned, TimelineError>,
    ) -> Result<Recorded, AdminError> {
        let now = self.clock.now();
        let mut outcome = None;
        self.storage.add_versions(tenant, &mut |view| {
            if !(keeping.expected)(view) {
                outcome = Some(Err(AdminError::Stale));
                return None;
            }
            let (told, new) = match planned(view, (&self.catalog, now, &self.actor)) {
                Ok(planned) => (Ok(planned.recorded), keeping.is_kept.then_some(planned.new)),
                Err(refusal) => (Err(refusal.into()), None),
            };
            outcome = Some(told);
            new
        })?;
        ran(outcome)?
    }
}

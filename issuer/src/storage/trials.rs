//! The port to what was said of the ends of trials.

use super::{AuditNote, Plan, StorageError, TimelineView, TrialWindow};
use brink_license::{TenantId, UnixSeconds};

/// A reminder that is on record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrialReminder {
    /// Of which trial. Its start names it.
    pub trial: TrialWindow,
    /// How many days before its end.
    pub days: u32,
    /// When it was due.
    pub due_at: UnixSeconds,
    /// When it was recorded.
    pub at: UnixSeconds,
    /// The days of the more urgent one that was said in its place.
    pub skipped_for: Option<u32>,
}

/// A tenant's subscription, and what was said of its trials, as a plan sees them.
#[derive(Clone, Debug)]
pub struct TrialView {
    /// The subscription.
    pub subscription: TimelineView,
    /// What was said.
    pub reminders: Vec<TrialReminder>,
}

/// Reminders to add.
#[derive(Clone, Debug)]
pub struct NewReminders {
    /// Those that are due.
    pub rows: Vec<TrialReminder>,
    /// What the audit says.
    pub note: AuditNote,
}

/// What is kept of trials.
pub trait TrialBooks: Send + Sync {
    /// Tenants with a trial in force at `now` that ends before `end`, as long as its end was not said; by id.
    fn trials_ending(&self, now: UnixSeconds, end: UnixSeconds) -> Result<Vec<TenantId>, StorageError>;

    /// Adds reminders.
    fn remind(&self, tenant: &TenantId, plan: Plan<'_, TrialView, NewReminders>) -> Result<(), StorageError>;
}

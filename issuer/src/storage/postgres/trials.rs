//! What was said of the ends of trials.

use super::columns::parsed;
use super::connection::Tx;
use super::{PostgresStorage, StorageError, locks, note, subscriptions};
use crate::storage::readers;
use crate::storage::{NewReminders, Plan, TrialBooks, TrialReminder, TrialView};
use brink_license::{TenantId, UnixSeconds};

impl TrialBooks for PostgresStorage {
    fn trials_ending(&self, now: UnixSeconds, end: UnixSeconds) -> Result<Vec<TenantId>, StorageError> {
        self.read(async |tx| ending(tx, now, end).await)
    }

    fn remind(&self, tenant: &TenantId, plan: Plan<'_, TrialView, NewReminders>) -> Result<(), StorageError> {
        self.write(async |tx| {
            locks::tenant(tx, tenant).await?;
            let subscription = subscriptions::timeline(tx, tenant).await?;
            let view = TrialView { subscription, reminders: reminders(tx, tenant).await? };
            let Some(new) = plan(&view) else { return Ok(()) };
            add(tx, tenant, &new).await
        })
    }
}

async fn ending(tx: &Tx<'_>, now: UnixSeconds, end: UnixSeconds) -> Result<Vec<TenantId>, StorageError> {
    let sql = "SELECT t.tenant
               FROM (SELECT DISTINCT tenant FROM subscriptions WHERE trial_ends_at < $2) t
               CROSS JOIN LATERAL (
                 SELECT f.trial_started_at, f.trial_ends_at FROM subscriptions f
                 WHERE f.tenant = t.tenant AND f.effective_at <= $1
                 ORDER BY f.effective_at DESC, f.version DESC LIMIT 1) s
               WHERE s.trial_ends_at < $2 AND NOT EXISTS (
                 SELECT 1 FROM trial_reminders r
                 WHERE r.tenant = t.tenant AND r.trial_started_at = s.trial_started_at AND r.days = 0)
               ORDER BY t.tenant";
    let rows = tx.rows(sql, &[&now.as_i64(), &end.as_i64()]).await?;
    rows.iter().map(|row| parsed(row, "tenant")).collect()
}

async fn reminders(tx: &Tx<'_>, tenant: &TenantId) -> Result<Vec<TrialReminder>, StorageError> {
    let sql = "SELECT trial_started_at, days, trial_ends_at, due_at, at, skipped_for
               FROM trial_reminders WHERE tenant = $1 ORDER BY trial_started_at, days";
    tx.rows(sql, &[&tenant.as_str()]).await?.iter().map(readers::trial_reminder).collect()
}

async fn add(tx: &Tx<'_>, tenant: &TenantId, new: &NewReminders) -> Result<(), StorageError> {
    let sql =
        "INSERT INTO trial_reminders (tenant, trial_started_at, days, trial_ends_at, due_at, at, skipped_for)
               VALUES ($1, $2, $3, $4, $5, $6, $7)";
    for TrialReminder { trial, days, due_at, at, skipped_for } in &new.rows {
        tx.execute(
            sql,
            &[
                &tenant.as_str(),
                &trial.started_at.as_i64(),
                &i64::from(*days),
                &trial.ends_at.as_i64(),
                &due_at.as_i64(),
                &at.as_i64(),
                &skipped_for.map(i64::from),
            ],
        )
        .await?;
    }
    note(tx, &new.note).await
}

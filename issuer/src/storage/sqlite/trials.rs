//! What was said of the ends of trials.

use super::columns::parsed;
use super::{SqliteStorage, StorageError, note, subscriptions};
use crate::storage::readers;
use crate::storage::{NewReminders, Plan, TrialBooks, TrialReminder, TrialView};
use brink_license::{TenantId, UnixSeconds};
use rusqlite::{Connection, params};

impl TrialBooks for SqliteStorage {
    fn trials_ending(&self, now: UnixSeconds, end: UnixSeconds) -> Result<Vec<TenantId>, StorageError> {
        self.read(|tx| ending(tx, now, end))
    }

    fn remind(&self, tenant: &TenantId, plan: Plan<'_, TrialView, NewReminders>) -> Result<(), StorageError> {
        self.write(|tx| {
            let subscription = subscriptions::timeline(tx, tenant)?;
            let view = TrialView { subscription, reminders: reminders(tx, tenant)? };
            plan(&view).map_or(Ok(()), |new| add(tx, tenant, &new))
        })
    }
}

fn ending(tx: &Connection, now: UnixSeconds, end: UnixSeconds) -> Result<Vec<TenantId>, StorageError> {
    let sql = "SELECT t.tenant
               FROM (SELECT DISTINCT tenant FROM subscriptions WHERE trial_ends_at < ?2) t
               JOIN subscriptions s ON s.tenant = t.tenant AND s.version = (
                 SELECT f.version FROM subscriptions f WHERE f.tenant = t.tenant AND f.effective_at <= ?1
                 ORDER BY f.effective_at DESC, f.version DESC LIMIT 1)
               WHERE s.trial_ends_at < ?2 AND NOT EXISTS (
                 SELECT 1 FROM trial_reminders r
                 WHERE r.tenant = t.tenant AND r.trial_started_at = s.trial_started_at AND r.days = 0)
               ORDER BY t.tenant";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query([now.as_i64(), end.as_i64()])?;
    let mut tenants = Vec::new();
    while let Some(row) = rows.next()? {
        tenants.push(parsed(row, "tenant")?);
    }
    Ok(tenants)
}

fn reminders(tx: &Connection, tenant: &TenantId) -> Result<Vec<TrialReminder>, StorageError> {
    let sql = "SELECT * FROM trial_reminders WHERE tenant = ?1 ORDER BY trial_started_at, days";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query([tenant.as_str()])?;
    let mut reminders = Vec::new();
    while let Some(row) = rows.next()? {
        reminders.push(readers::trial_reminder(row)?);
    }
    Ok(reminders)
}

fn add(tx: &Connection, tenant: &TenantId, new: &NewReminders) -> Result<(), StorageError> {
    let sql =
        "INSERT INTO trial_reminders (tenant, trial_started_at, days, trial_ends_at, due_at, at, skipped_for)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let mut statement = tx.prepare_cached(sql)?;
    for TrialReminder { trial, days, due_at, at, skipped_for } in &new.rows {
        let (from, to) = (trial.started_at.as_i64(), trial.ends_at.as_i64());
        statement.execute(params![
            tenant.as_str(),
            from,
            days,
            to,
            due_at.as_i64(),
            at.as_i64(),
            skipped_for
        ])?;
    }
    note(tx, &new.note)
}

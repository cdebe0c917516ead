//! The SQLite adapter: one connection of this process behind a mutex, any number of processes on the file.

mod audit;
mod books;
mod cameras;
mod clock_resets;
mod codes;
mod columns;
mod connection;
mod credentials;
mod devices;
mod directory;
mod extensions;
mod fleet;
mod invoices;
mod legacy;
mod manifests;
mod migrate;
mod past;
mod postings;
mod probes;
mod remembered;
mod retirement;
mod revocations;
mod seats;
mod sold;
mod standing;
mod subscriptions;
mod tenants;
mod trials;
mod upkeep;
mod usage;

use super::{
    Activation, ActivationView, Actor, AnswerMark, AssignmentView, AuditLine, CameraChange, ClockResetView,
    DeviceListed, DeviceRow, DeviceView, ExtensionView, Founding, Holder, IssuerRow, LicenceRow, NewAnew,
    NewClockReset, NewCode, NewExtension, NewManifest, NewPolicy, NewRevocations, NewVersions, Plan, Posting,
    RecountedRecord, Retirement, RetirementView, RevocationsView, SeatConflict, SeatsKnown, StandingChange,
    Storage, StorageError, SubscriptionView, SumRow, TenantRow, TimelineView, UsageAsked,
};
use audit::note;
use brink_license::{CameraId, DeviceId, Kid, PublicKey, TenantId, TokenId, UnixSeconds};
use connection::connect;
use rusqlite::{Connection, ErrorCode, TransactionBehavior};
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

impl From<rusqlite::Error> for StorageError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StorageError::Busy,
            Some(ErrorCode::DiskFull) => StorageError::Full,
            Some(ErrorCode::ReadOnly) => StorageError::ReadOnly,
            Some(_) | None => StorageError::Engine(Box::new(error)),
        }
    }
}

/// The issuer's database in one file.
#[derive(Debug)]
pub struct SqliteStorage {
    connection: Mutex<Connection>,
    /// Threads that wait for it.
    waiting: AtomicUsize,
    /// The file, and what it was when it was opened.
    opened: probes::Opened,
    /// Its connection is in the midst of a transaction, of which everything is a part that happens here.
    is_inside: bool,
}

impl SqliteStorage {
    /// Creates the file, readable by its owner only; refuses one that exists.
    pub fn create(path: &Path) -> Result<Self, StorageError> {
        let new = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        new.map_err(|e| StorageError::Engine(Box::new(e)))?;
        Self::open(path)
    }

    /// Opens an existing file, brings its schema up to date, and asserts what durability rests on.
    pub fn open(path: &Path) -> Result<Self, StorageError> {
        let (storage, _) = Self::brought_up_to_date(path)?;
        Ok(storage)
    }

    /// Brings the schema up to date, as opening does. Answers the version before and after.
    pub fn migrate(path: &Path) -> Result<(i64, i64), StorageError> {
        let (_, versions) = Self::brought_up_to_date(path)?;
        Ok(versions)
    }

    fn brought_up_to_date(path: &Path) -> Result<(Self, (i64, i64)), StorageError> {
        if !path.exists() {
            return Err(StorageError::Missing { path: path.to_owned() });
        }
        let mut connection = connect(path)?;
        let versions = migrate::migrate(&mut connection)?;
        if audit::has_only_earlier(&connection)? {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            audit::begin_chains(&transaction)?;
            transaction.commit()?;
        }
        let opened = probes::Opened::at(path)?;
        let storage = Self {
            connection: Mutex::new(connection),
            waiting: AtomicUsize::new(0),
            opened,
            is_inside: false,
        };
        Ok((storage, versions))
    }

    /// A panic in a plan rolled its transaction back, so the connection behind a poisoned lock is good.
    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        connection
    }

    fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, StorageError>) -> Result<T, StorageError> {
        let mut connection = self.lock();
        if self.is_inside {
            return work(&connection);
        }
        let transaction = connection.transaction()?;
        work(&transaction)
    }

    /// IMMEDIATE: a transaction that reads first and writes later would otherwise fail when another writes between.
    fn write<T>(&self, work: impl FnOnce(&Connection) -> Result<T, StorageError>) -> Result<T, StorageError> {
        // What is written into a file that was moved away is lost, and would be acknowledged all the same.
        self.opened.check()?;
        let mut connection = self.lock();
        if self.is_inside {
            let part = connection.savepoint()?;
            let done = work(&part)?;
            part.commit()?;
            return Ok(done);
        }
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = work(&transaction)?;
        transaction.commit()?;
        Ok(done)
    }
}

impl Storage for SqliteStorage {
    fn found(&self, founding: &Founding) -> Result<(), StorageError> {
        self.write(|tx| tenants::found(tx, founding))
    }

    fn issuer(&self) -> Result<IssuerRow, StorageError> {
        self.read(tenants::issuer)
    }

    fn manifests(&self) -> Result<Vec<Vec<u8>>, StorageError> {
        self.read(manifests::all)
    }

    fn newest_manifest(&self) -> Result<u64, StorageError> {
        self.read(manifests::newest_version)
    }

    fn add_manifest(&self, plan: Plan<'_, Vec<Vec<u8>>, NewManifest>) -> Result<(), StorageError> {
        self.write(|tx| {
            let held = manifests::all(tx)?;
            plan(&held).map_or(Ok(()), |new| manifests::add(tx, &new))
        })
    }

    fn create_tenant(&self, tenant: &TenantRow, actor: &Actor) -> Result<(), StorageError> {
        self.write(|tx| tenants::create(tx, tenant, actor))
    }

    fn tenant_row(&self, tenant: &TenantId) -> Result<TenantRow, StorageError> {
        self.read(|tx| tenants::row(tx, tenant))
    }

    fn tenant(&self, tenant: &TenantId, at: UnixSeconds) -> Result<SubscriptionView, StorageError> {
        self.read(|tx| subscriptions::view(tx, tenant, at))
    }

    fn timeline(&self, tenant: &TenantId) -> Result<TimelineView, StorageError> {
        self.read(|tx| subscriptions::timeline(tx, tenant))
    }

    fn tenants(&self) -> Result<Vec<TenantRow>, StorageError> {
        self.read(tenants::all)
    }

    fn set_policy(
        &self,
        tenant: &TenantId,
        plan: Plan<'_, TenantRow, NewPolicy>,
    ) -> Result<(), StorageError> {
        self.write(|tx| {
            let row = tenants::row(tx, tenant)?;
            plan(&row).map_or(Ok(()), |new| tenants::set_policy(tx, tenant, &new))
        })
    }

    fn add_versions(
        &self,
        tenant: &TenantId,
        plan: Plan<'_, TimelineView, NewVersions>,
    ) -> Result<(), StorageError> {
        self.write(|tx| {
            let view = subscriptions::timeline(tx, tenant)?;
            plan(&view).map_or(Ok(()), |new| subscriptions::add(tx, tenant, &new))
        })
    }

    fn create_code(&self, code: &NewCode, actor: &Actor) -> Result<(), StorageError> {
        self.write(|tx| codes::create(tx, code, actor))
    }

    fn change_cameras(
        &self,
        device: &DeviceId,
        cameras: &[CameraId],
        now: UnixSeconds,
        plan: Plan<'_, AssignmentView, CameraChange>,
    ) -> Result<(), StorageError> {
        self.write(|tx| {
            let view = cameras::view(tx, device, cameras, now)?;
            plan(&view).map_or(Ok(()), |change| cameras::change(tx, &view, &change))
        })
    }

    fn retire(
        &self,
        device: &DeviceId,
        successor: Option<&DeviceId>,
        now: UnixSeconds,
        plan: Plan<'_, RetirementView, Retirement>,
    ) -> Result<(), StorageError> {
        self.write(|tx| {
            let view = retirement::view(tx, device, successor, now)?;
            plan(&view).map_or(Ok(()), |record| retirement::record(tx, device, &record))
        })
    }

    fn devices(&self, tenant: &TenantId, now: UnixSeconds) -> Result<Vec<DeviceListed>, StorageError> {
        self.read(|tx| retirement::list(tx, tenant, now))
    }

    fn device(&self, device: &DeviceId, now: UnixSeconds) -> Result<DeviceView, StorageError> {
        self.read(|tx| devices::view(tx, device, now))
    }

    fn device_key(&self, device: &DeviceId) -> Result<Option<PublicKey>, StorageError> {
        self.read(|tx| devices::key(tx, device))
    }

    fn seats(&self, device: &DeviceId) -> Result<SeatsKnown, StorageError> {
        self.read(|tx| seats::known(tx, device))
    }

    fn seat_conflicts(
        &self,
        device: &DeviceId,
        cameras: &[CameraId],
    ) -> Result<Vec<SeatConflict>, StorageError> {
        self.read(|tx| seats::conflicts(tx, device, cameras.iter()))
    }

    fn minted(&self, device: &DeviceId, jti: &TokenId) -> Result<Option<LicenceRow>, StorageError> {
        self.read(|tx| seats::minted(tx, device, jti))
    }

    fn change_standing(
        &self,
        device: &DeviceId,
        plan: Plan<'_, DeviceRow, StandingChange>,
    ) -> Result<(), StorageError> {
        self.write(|tx| {
            let row = devices::row(tx, device)?;
            plan(&row).map_or(Ok(()), |change| standing::change(tx, &row, &change))
        })
    }

    fn list_revoked(
        &self,
        tenant: &TenantId,
        now: UnixSeconds,
        plan: Plan<'_, RevocationsView, NewRevocations>,
    ) -> Result<(), StorageError> {
        self.write(|tx| {
            let view = revocations::view(tx, tenant, now)?;
            plan(&view).map_or(Ok(()), |new| revocations::add(tx, tenant, &new))
        })
    }

    fn reactivate(
        &self,
        device: &DeviceId,
        now: UnixSeconds,
        plan: Plan<'_, DeviceView, NewAnew>,
    ) -> Result<(), StorageError> {
        self.write(|tx| {
            let view = devices::view(tx, device, now)?;
            plan(&view).map_or(Ok(()), |new| past::create_code(tx, device, &new))
        })
    }

    fn evidence(&self, device: &DeviceId, limit: u32) -> Result<Vec<AuditLine>, StorageError> {
        self.read(|tx| past::evidence(tx, device, limit))
    }

    fn was_key(&self, device: &DeviceId, jkt: &Kid) -> Result<bool, StorageError> {
        self.read(|tx| past::was_key(tx, device, jkt))
    }

    fn was_answered(&self, device: &DeviceId, mark: &AnswerMark) -> Result<bool, StorageError> {
        self.read(|tx| past::was_answered(tx, device, mark))
    }

    fn extend(
        &self,
        device: &DeviceId,
        now: UnixSeconds,
        plan: Plan<'_, ExtensionView, NewExtension>,
    ) -> Result<(), StorageError> {
        self.write(|tx| {
            let view = extensions::view(tx, device, now)?;
            let epoch = view.device.device.epoch;
            plan(&view).map_or(Ok(()), |new| extensions::add(tx, (device, epoch), now, &new))
        })
    }

    fn reset_clock(
        &self,
        device: &DeviceId,
        nonce: &[u8; 32],
        plan: Plan<'_, ClockResetView, NewClockReset>,
    ) -> Result<(), StorageError> {
        self.write(|tx| {
            let view = clock_resets::view(tx, device, nonce)?;
            let epoch = view.device.epoch;
            plan(&view).map_or(Ok(()), |new| clock_resets::add(tx, (device, epoch), nonce, &new))
        })
    }

    fn holders(&self, device: &DeviceId, now: UnixSeconds, limit: u32) -> Result<Vec<Holder>, StorageError> {
        self.read(|tx| devices::holders(tx, device, now, limit))
    }

    fn answered(&self, jkt: &Kid, mark: &AnswerMark) -> Result<Option<Vec<u8>>, StorageError> {
        self.read(|tx| postings::answered(tx, jkt, mark))
    }

    fn activate(
        &self,
        code_sha256: &[u8; 32],
        jkt: &Kid,
        now: UnixSeconds,
        plan: Plan<'_, ActivationView, Activation>,
    ) -> Result<(), StorageError> {
        self.write(|tx| {
            let view = codes::view(tx, code_sha256, jkt, now)?;
            let Some(activation) = plan(&view) else { return Ok(()) };
            let Some(before) = &view.device else { return Ok(()) };
            codes::redeem(tx, code_sha256, (before, &activation), now)?;
            let epoch = activation.epoch;
            postings::record(tx, (&before.device.id, epoch), now, &activation.posting)
        })
    }

    fn settle(
        &self,
        device: &DeviceId,
        now: UnixSeconds,
        asked: &UsageAsked,
        plan: Plan<'_, DeviceView, Posting>,
    ) -> Result<(), StorageError> {
        self.write(|tx| {
            let mut view = devices::view(tx, device, now)?;
            view.usage = usage::view(tx, &view.device, asked)?;
            let Some(posting) = plan(&view) else { return Ok(()) };
            postings::record(tx, (device, view.device.epoch), now, &posting)
        })
    }

    fn recount(
        &self,
        device: &DeviceId,
        visit: &mut dyn FnMut(&RecountedRecord),
    ) -> Result<Vec<SumRow>, StorageError> {
        self.read(|tx| usage::recount(tx, device, visit))
    }
}

#[cfg(test)]
mod tests;

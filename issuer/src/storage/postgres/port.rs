//! The port on PostgreSQL: which locks each transaction takes, and what it does behind them.

use super::{
    PostgresStorage, audit, cameras, clock_resets, codes, devices, extensions, failure, locks, manifests,
    past, postings, retirement, revocations, seats, standing, subscriptions, tenants, usage,
};
use crate::storage::{
    Activation, ActivationView, Actor, AnswerMark, AssignmentView, AuditBooks, AuditEntry, AuditHeld,
    AuditLine, AuditNote, AuditQuery, CameraChange, ClockResetView, DeviceListed, DeviceRow, DeviceView,
    ExtensionView, Founding, Holder, IssuedDocument, IssuedQuery, IssuerRow, KeptHead, LicenceRow, NewAnew,
    NewClockReset, NewCode, NewExtension, NewManifest, NewPolicy, NewRevocations, NewVersions, Plan, Posting,
    RecountedRecord, Retirement, RetirementView, RevocationsView, Seal, SeatConflict, SeatsKnown,
    StandingChange, Storage, StorageError, SubscriptionView, SumRow, Take, TenantRow, TimelineView,
    UsageAsked, Whose,
};
use brink_license::{CameraId, DeviceId, Kid, PublicKey, TenantId, TokenId, UnixSeconds};

impl AuditBooks for PostgresStorage {
    fn audit_lines(&self, query: &AuditQuery) -> Result<Vec<AuditEntry>, StorageError> {
        self.read(async |tx| audit::lines(tx, query).await)
    }

    fn audit_held(&self, take: Take<'_, AuditHeld>) -> Result<(), StorageError> {
        self.read_through(async |tx| audit::held(tx, take).await)
    }

    fn add_note(&self, note: &AuditNote) -> Result<(), StorageError> {
        self.write(async |tx| audit::note(tx, note).await)
    }

    fn issued(&self, query: &IssuedQuery) -> Result<Vec<IssuedDocument>, StorageError> {
        self.read(async |tx| audit::issued(tx, query).await)
    }

    fn seal_audit(&self, plan: Plan<'_, Vec<KeptHead>, Vec<Seal>>) -> Result<(), StorageError> {
        self.write(async |tx| {
            let Some(seals) = plan(&audit::heads(tx).await?) else { return Ok(()) };
            audit::add_seals(tx, &seals).await
        })
    }

    fn newest_seals(&self, whose: &Whose) -> Result<Vec<Seal>, StorageError> {
        self.read(async |tx| audit::newest_seals(tx, whose).await)
    }
}

impl Storage for PostgresStorage {
    fn found(&self, founding: &Founding) -> Result<(), StorageError> {
        let founded = self.write(async |tx| tenants::found(tx, founding).await);
        founded.map_err(|error| {
            let error = failure::taken_meanwhile(error);
            // Somebody else looked at the same time, and came first.
            let is_founded = matches!(error, StorageError::Conflict);
            if is_founded { StorageError::Founded { database: self.name.to_string() } } else { error }
        })
    }

    fn issuer(&self) -> Result<IssuerRow, StorageError> {
        self.read(async |tx| tenants::issuer(tx).await)
    }

    fn manifests(&self) -> Result<Vec<Vec<u8>>, StorageError> {
        self.read(async |tx| manifests::all(tx).await)
    }

    fn newest_manifest(&self) -> Result<u64, StorageError> {
        self.ask(async |tx| manifests::newest_version(tx).await)
    }

    fn add_manifest(&self, plan: Plan<'_, Vec<Vec<u8>>, NewManifest>) -> Result<(), StorageError> {
        self.write(async |tx| {
            locks::issuer(tx).await?;
            let Some(new) = plan(&manifests::all(tx).await?) else { return Ok(()) };
            manifests::add(tx, &new).await
        })
    }

    fn create_tenant(&self, tenant: &TenantRow, actor: &Actor) -> Result<(), StorageError> {
        self.write(async |tx| tenants::create(tx, tenant, actor).await)
    }

    fn tenant_row(&self, tenant: &TenantId) -> Result<TenantRow, StorageError> {
        self.read(async |tx| tenants::row(tx, tenant).await)
    }

    fn tenant(&self, tenant: &TenantId, at: UnixSeconds) -> Result<SubscriptionView, StorageError> {
        self.read(async |tx| subscriptions::view(tx, tenant, at).await)
    }

    fn timeline(&self, tenant: &TenantId) -> Result<TimelineView, StorageError> {
        self.read(async |tx| subscriptions::timeline(tx, tenant).await)
    }

    fn tenants(&self) -> Result<Vec<TenantRow>, StorageError> {
        self.read(async |tx| tenants::all(tx).await)
    }

    fn set_policy(
        &self,
        tenant: &TenantId,
        plan: Plan<'_, TenantRow, NewPolicy>,
    ) -> Result<(), StorageError> {
        self.write(async |tx| {
            locks::tenant(tx, tenant).await?;
            let Some(new) = plan(&tenants::row(tx, tenant).await?) else { return Ok(()) };
            tenants::set_policy(tx, tenant, &new).await
        })
    }

    fn add_versions(
        &self,
        tenant: &TenantId,
        plan: Plan<'_, TimelineView, NewVersions>,
    ) -> Result<(), StorageError> {
        self.write(async |tx| {
            locks::tenant(tx, tenant).await?;
            let Some(new) = plan(&subscriptions::timeline(tx, tenant).await?) else { return Ok(()) };
            subscriptions::add(tx, tenant, &new).await
        })
    }

    fn create_code(&self, code: &NewCode, actor: &Actor) -> Result<(), StorageError> {
        self.write(async |tx| {
            locks::tenant(tx, &code.tenant).await?;
            codes::create(tx, code, actor).await
        })
    }

    fn change_cameras(
        &self,
        device: &DeviceId,
        cameras: &[CameraId],
        now: UnixSeconds,
        plan: Plan<'_, AssignmentView, CameraChange>,
    ) -> Result<(), StorageError> {
        self.write(async |tx| {
            let tenant = locks::tenant_of(tx, device).await?;
            locks::devices(tx, &[device]).await?;
            let view = cameras::view(tx, (device, &tenant), cameras, now).await?;
            let Some(change) = plan(&view) else { return Ok(()) };
            cameras::change(tx, &view, &change).await
        })
    }

    fn retire(
        &self,
        device: &DeviceId,
        successor: Option<&DeviceId>,
        now: UnixSeconds,
        plan: Plan<'_, RetirementView, Retirement>,
    ) -> Result<(), StorageError> {
        self.write(async |tx| {
            locks::tenant_of(tx, device).await?;
            let both: Vec<&DeviceId> = [Some(device), successor].into_iter().flatten().collect();
            locks::devices(tx, &both).await?;
            let Some(record) = plan(&retirement::view(tx, device, successor, now).await?) else {
                return Ok(());
            };
            retirement::record(tx, device, &record).await
        })
    }

    fn devices(&self, tenant: &TenantId, now: UnixSeconds) -> Result<Vec<DeviceListed>, StorageError> {
        self.read(async |tx| retirement::list(tx, tenant, now).await)
    }

    fn device(&self, device: &DeviceId, now: UnixSeconds) -> Result<DeviceView, StorageError> {
        self.read(async |tx| devices::view(tx, device, now).await)
    }

    fn device_key(&self, device: &DeviceId) -> Result<Option<PublicKey>, StorageError> {
        let (tenant, key) = self.ask(async |tx| devices::key(tx, device).await)?;
        self.settling.comes(device, tenant);
        Ok(key)
    }

    fn seats(&self, device: &DeviceId) -> Result<SeatsKnown, StorageError> {
        self.read(async |tx| seats::known(tx, device).await)
    }

    fn seat_conflicts(
        &self,
        device: &DeviceId,
        cameras: &[CameraId],
    ) -> Result<Vec<SeatConflict>, StorageError> {
        let cameras: Vec<&CameraId> = cameras.iter().collect();
        self.read(async |tx| seats::conflicts(tx, device, &cameras).await)
    }

    fn minted(&self, device: &DeviceId, jti: &TokenId) -> Result<Option<LicenceRow>, StorageError> {
        self.read(async |tx| seats::minted(tx, device, jti).await)
    }

    fn change_standing(
        &self,
        device: &DeviceId,
        plan: Plan<'_, DeviceRow, StandingChange>,
    ) -> Result<(), StorageError> {
        self.write(async |tx| {
            locks::tenant_of(tx, device).await?;
            locks::devices(tx, &[device]).await?;
            let row = devices::row(tx, device).await?;
            let Some(change) = plan(&row) else { return Ok(()) };
            standing::change(tx, &row, &change).await
        })
    }

    fn list_revoked(
        &self,
        tenant: &TenantId,
        now: UnixSeconds,
        plan: Plan<'_, RevocationsView, NewRevocations>,
    ) -> Result<(), StorageError> {
        self.write(async |tx| {
            locks::tenant(tx, tenant).await?;
            let Some(new) = plan(&revocations::view(tx, tenant, now).await?) else { return Ok(()) };
            revocations::add(tx, tenant, &new).await
        })
    }

    fn reactivate(
        &self,
        device: &DeviceId,
        now: UnixSeconds,
        plan: Plan<'_, DeviceView, NewAnew>,
    ) -> Result<(), StorageError> {
        self.write(async |tx| {
            locks::tenant_of(tx, device).await?;
            let Some(new) = plan(&devices::locked_view(tx, device, now).await?) else { return Ok(()) };
            past::create_code(tx, device, &new).await
        })
    }

    fn evidence(&self, device: &DeviceId, limit: u32) -> Result<Vec<AuditLine>, StorageError> {
        self.read(async |tx| past::evidence(tx, device, limit).await)
    }

    fn was_key(&self, device: &DeviceId, jkt: &Kid) -> Result<bool, StorageError> {
        self.ask(async |tx| past::was_key(tx, device, jkt).await)
    }

    fn was_answered(&self, device: &DeviceId, mark: &AnswerMark) -> Result<bool, StorageError> {
        self.ask(async |tx| past::was_answered(tx, device, mark).await)
    }

    fn extend(
        &self,
        device: &DeviceId,
        now: UnixSeconds,
        plan: Plan<'_, ExtensionView, NewExtension>,
    ) -> Result<(), StorageError> {
        self.write(async |tx| {
            locks::tenant_of(tx, device).await?;
            let view = extensions::view(tx, device, now).await?;
            let Some(new) = plan(&view) else { return Ok(()) };
            extensions::add(tx, (device, view.device.device.epoch), now, &new).await
        })
    }

    fn reset_clock(
        &self,
        device: &DeviceId,
        nonce: &[u8; 32],
        plan: Plan<'_, ClockResetView, NewClockReset>,
    ) -> Result<(), StorageError> {
        self.write(async |tx| {
            locks::devices(tx, &[device]).await?;
            let view = clock_resets::view(tx, device, nonce).await?;
            let Some(new) = plan(&view) else { return Ok(()) };
            clock_resets::add(tx, (device, view.device.epoch), nonce, &new).await
        })
    }

    fn holders(&self, device: &DeviceId, now: UnixSeconds, limit: u32) -> Result<Vec<Holder>, StorageError> {
        self.read(async |tx| devices::holders(tx, device, now, limit).await)
    }

    fn answered(&self, jkt: &Kid, mark: &AnswerMark) -> Result<Option<Vec<u8>>, StorageError> {
        self.ask(async |tx| postings::answered(tx, jkt, mark).await)
    }

    fn activate(
        &self,
        code_sha256: &[u8; 32],
        jkt: &Kid,
        now: UnixSeconds,
        plan: Plan<'_, ActivationView, Activation>,
    ) -> Result<(), StorageError> {
        self.write(async |tx| {
            if let Some(tenant) = codes::tenant_of(tx, code_sha256).await? {
                locks::tenant(tx, &tenant).await?;
            }
            let view = codes::view(tx, code_sha256, jkt, now).await?;
            let Some(activation) = plan(&view) else { return Ok(()) };
            let Some(before) = &view.device else { return Ok(()) };
            // One key that comes with codes of two tenants at once meets itself only in the unique index; looked at again,
            // it is taken.
            let redeemed = codes::redeem(tx, code_sha256, (before, &activation), now).await;
            redeemed.map_err(failure::taken_meanwhile)?;
            let epoch = activation.epoch;
            postings::record(tx, (before, epoch), now, &activation.posting).await
        })
    }

    fn settle(
        &self,
        device: &DeviceId,
        now: UnixSeconds,
        asked: &UsageAsked,
        plan: Plan<'_, DeviceView, Posting>,
    ) -> Result<(), StorageError> {
        self.settle_one((device, now), asked, plan)
    }

    fn recount(
        &self,
        device: &DeviceId,
        visit: &mut dyn FnMut(&RecountedRecord),
    ) -> Result<Vec<SumRow>, StorageError> {
        self.read_through(async |tx| usage::recount(tx, device, visit).await)
    }
}

//! One database, and any number of issuers on it.

use super::device::Held;
use brink_databases::Database;
use brink_issuer::Issuer;
use brink_issuer::admin::{Admin, AdminError, CodeOrder, MadeCode, TenantOrder};
use brink_issuer::assignment::AssignmentOrder;
use brink_issuer::catalog::Catalog;
use brink_issuer::clock::Clock;
use brink_issuer::code::CodeEnd;
use brink_issuer::config::DataDir;
use brink_issuer::founding::found_on;
use brink_issuer::place::DatabasePlace;
use brink_issuer::storage::{Actor, DeviceView, IssuedKind, IssuedQuery, Storage, Tier};
use brink_issuer::subscription::SubscriptionOrder;
use brink_license::keyset::{Keyset, TrustAnchor};
use brink_license::token::Enforce;
use brink_license::{CameraId, DeviceId, UnixSeconds};
use brink_tests::World;
use brink_tests::forge::Key;
use std::sync::Arc;

pub(crate) const TENANT: &str = "tenant-123";
/// 2026-03-01T00:00:00Z, for good.
pub(crate) const NOW: UnixSeconds = UnixSeconds::new(1_772_323_200);

/// What a database is kept in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    Sqlite,
    Postgres,
}

struct Stopped(UnixSeconds);

impl Clock for Stopped {
    fn now(&self) -> UnixSeconds {
        self.0
    }
}

/// An issuer's directory and its database.
pub(crate) struct Site {
    _world: World,
    pub(crate) data: DataDir,
    anchor: TrustAnchor,
    _database: Option<Database>,
}

/// One issuer of several.
pub(crate) struct Replica {
    pub(crate) issuer: Issuer,
    pub(crate) admin: Admin,
}

impl Site {
    pub(crate) fn on(kept: Kept) -> Self {
        let database = (kept == Kept::Postgres).then(Database::empty);
        let url = database.as_ref().map(Database::url);
        Self::at(url.as_deref(), database)
    }

    /// On a database that is somebody else's.
    pub(crate) fn at(url: Option<&str>, database: Option<Database>) -> Self {
        let world = World::new();
        let data = DataDir::new(world.path("issuer"));
        let place = match url {
            Some(url) => DatabasePlace::Server(url.parse().unwrap()),
            None => DatabasePlace::File(data.database()),
        };
        let founded = found_on(&data, "dev-acme".parse().unwrap(), (true, None), &place, NOW).unwrap();
        let site = Self { _world: world, data, anchor: founded.anchor, _database: database };
        site.replica().create_tenant(TENANT);
        site
    }

    /// Another program on the same database, as far as the database can tell.
    pub(crate) fn replica(&self) -> Replica {
        self.replica_at(NOW)
    }

    /// The same with a clock of its own.
    pub(crate) fn replica_at(&self, now: UnixSeconds) -> Replica {
        let storage = DatabasePlace::of(&self.data).unwrap().open().unwrap();
        let catalog = || Catalog::embedded().unwrap();
        let issuer =
            Issuer::open(&self.data, (Arc::clone(&storage), Arc::new(Stopped(now))), catalog(), None)
                .unwrap();
        let admin =
            Admin { storage, catalog: catalog(), clock: Arc::new(Stopped(now)), actor: Actor("test".into()) };
        Replica { issuer, admin }
    }

    /// The name of the database on its server.
    pub(crate) fn database_name(&self) -> String {
        let url = std::fs::read_to_string(self.data.database_url()).unwrap();
        url.trim().rsplit('/').next().unwrap().to_owned()
    }

    /// Whatever happened, the audit has a line for it and no hole, and every document is logged.
    pub(crate) fn is_sound(&self) {
        let replica = self.replica();
        let manifests = replica.storage().manifests().unwrap();
        let keyset = Keyset::bootstrap(&self.anchor, &manifests).unwrap();
        let checked = brink_issuer::audit::check(replica.storage(), &keyset, &[]).unwrap();
        assert!(checked.is_sound(), "{:?}", checked.findings);
    }
}

impl Replica {
    pub(crate) fn storage(&self) -> &dyn Storage {
        &*self.admin.storage
    }

    pub(crate) fn create_tenant(&self, id: &str) {
        let order = TenantOrder {
            id: id.parse().unwrap(),
            name: "Acme".into(),
            timezone: "Europe/Berlin".into(),
            currency: "EUR".into(),
        };
        self.admin.create_tenant(order).unwrap();
    }

    pub(crate) fn subscribe(&self, tenant: &str, cameras: u32) {
        self.try_subscribe(tenant, cameras).unwrap();
    }

    pub(crate) fn try_subscribe(&self, tenant: &str, cameras: u32) -> Result<(), AdminError> {
        let order = SubscriptionOrder {
            cameras: Some(cameras),
            packs: Vec::new(),
            items: Vec::new(),
            prices: Vec::new(),
            trial: false,
            enforce: Enforce::Deny,
            days: 30,
            grace_days: 7,
            offline_max_days: 30,
        };
        self.admin.set_subscription(&tenant.parse().unwrap(), &order).map(drop)
    }

    pub(crate) fn code(&self, tenant: &str, uses: u32) -> MadeCode {
        let order = CodeOrder {
            tenant: tenant.parse().unwrap(),
            tier: Tier::Basic,
            uses,
            expires: CodeEnd::Hours(168),
        };
        self.admin.create_code(&order).unwrap()
    }

    pub(crate) fn assign(&self, device: &DeviceId, cameras: &[String]) -> Result<(), AdminError> {
        let cameras = cameras.iter().map(|camera| CameraId::parse(camera).unwrap()).collect();
        let order = AssignmentOrder { cameras, packs: Vec::new(), remove: false };
        self.admin.assign_cameras(device, &order).map(drop)
    }

    /// The first device of a tenant that has subscribed to so many cameras.
    pub(crate) fn activated_with(&self, cameras: u32) -> Held {
        self.subscribe(TENANT, cameras);
        self.activated(Key(100))
    }

    pub(crate) fn activated(&self, key: Key) -> Held {
        let made = self.code(TENANT, 1);
        Held::activated(&self.issuer, key, made.code.reveal()).unwrap()
    }

    pub(crate) fn view(&self, device: &DeviceId) -> DeviceView {
        self.storage().device(device, NOW).unwrap()
    }

    /// The numbers of a device's licences, in their order.
    pub(crate) fn numbers(&self, device: &DeviceId) -> Vec<u64> {
        let query = IssuedQuery {
            device: Some(device.clone()),
            kind: Some(IssuedKind::License),
            limit: 1000,
            ..IssuedQuery::default()
        };
        let mut numbers: Vec<u64> =
            self.storage().issued(&query).unwrap().iter().map(|document| document.number).collect();
        numbers.sort_unstable();
        numbers
    }
}

/// Runs the same at once, so that as many as can be are inside together.
pub(crate) fn at_once<T: Send, R: Send>(
    parts: impl IntoIterator<Item = T>,
    work: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    let parts: Vec<T> = parts.into_iter().collect();
    let start = std::sync::Barrier::new(parts.len());
    std::thread::scope(|scope| {
        let (work, start) = (&work, &start);
        let run = |part| {
            scope.spawn(move || {
                start.wait();
                work(part)
            })
        };
        let threads: Vec<_> = parts.into_iter().map(run).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

//! A device whose licence and usage the tests of the mirrors look at.

use super::content::Seen;
use super::facts::Facts;
use crate::environment::ManagementTier;
use crate::exchange::Device;
use crate::exchange::test_issuer::{Parts, TestIssuer, at};
use crate::look::Look;
use crate::quotas::QuotaLook;
use crate::view::View;
use brink_license::clock::{BootId, Reading};
use brink_license::token::{Over, Period, Quota};
use brink_license::usage::Quantity;
use brink_license::{Feature, ResourceId, Slug};
use brink_store::journal::UsageBook;
use brink_store::{Gate, GateStatus, Layout};
use tempfile::TempDir;

const BOOT: &str = "0a1b2c3d-0000-4000-8000-00000000ff01";

pub(super) fn reading(seconds: i64) -> Reading {
    Reading { wall: at(seconds), boot: BootId::parse(BOOT).unwrap(), boottime: 100 + seconds.max(0) }
}

pub(super) struct Scene {
    pub(super) dir: TempDir,
    pub(super) issuer: TestIssuer,
}

impl Scene {
    /// An activated device with three cameras, a growth pack, and a quota.
    pub(super) fn new() -> Self {
        let mut scene = Self { dir: tempfile::tempdir().unwrap(), issuer: TestIssuer::new(1) };
        let trust = scene.issuer.anchor().to_json().unwrap();
        scene.layout().init(trust.as_bytes()).unwrap();
        scene.issuer.seq = 1;
        let mut device = Device::open_or_create(&scene.layout()).unwrap();
        let request = device.begin_activation("code-1", &reading(60)).unwrap();
        let (asked, _, key) = scene.issuer.read(&request.bytes, request.path);
        let mut parts = scene.issuer.parts(&asked, key.kid());
        usual(&mut parts);
        device.complete(&scene.issuer.signed(&parts), &reading(60)).unwrap();
        scene
    }

    pub(super) fn layout(&self) -> Layout {
        Layout::new(self.dir.path().join("edge"))
    }

    /// The issuer's next word, after a change of what it says.
    pub(super) fn exchange(&mut self, change: impl FnOnce(&mut Parts)) {
        self.issuer.seq += 1;
        let mut device = Device::open(&self.layout()).unwrap();
        let request = device.begin_exchange(Vec::new(), &reading(60)).unwrap();
        let (asked, _, key) = self.issuer.read(&request.bytes, request.path);
        let mut parts = self.issuer.parts(&asked, key.kid());
        usual(&mut parts);
        change(&mut parts);
        device.complete(&self.issuer.signed(&parts), &reading(60)).unwrap();
    }

    /// Records so many uses of one meter by one camera.
    pub(super) fn record(&self, meter: &str, camera: &str, count: u64) {
        let gate = Gate::open(self.layout().bundle(), self.issuer.anchor()).unwrap();
        let (meter, camera) = (Slug::parse(meter).unwrap(), ResourceId::parse(camera).ok());
        let recorder = gate.meter().unwrap();
        for _ in 0..count {
            recorder.record(&meter, camera.as_ref(), Quantity::parse("1.5").unwrap()).unwrap();
        }
    }

    /// Records so many uses of two meters, each a record of its own.
    pub(super) fn record_many(&self, count: usize) {
        let gate = Gate::open(self.layout().bundle(), self.issuer.anchor()).unwrap();
        let recorder = gate.meter().unwrap();
        let one = |at: usize| {
            let meter = Slug::parse(if at.is_multiple_of(2) { "sms" } else { "email_sent" }).unwrap();
            let resource = ResourceId::parse(&format!("r-{}", at % 200)).ok();
            (meter, resource, Quantity::parse("0.25").unwrap())
        };
        let uses: Vec<_> = (0..count).map(one).collect();
        for group in uses.chunks(200) {
            recorder.record_all(group.to_vec()).unwrap();
        }
    }

    /// Does something that only the holder of the lock may.
    pub(super) fn with_device<T>(&self, work: impl FnOnce(&mut Device) -> T) -> T {
        work(&mut Device::open(&self.layout()).unwrap())
    }

    /// What is seen so many seconds after the licence was issued.
    pub(super) fn seen(&self, seconds: i64) -> Seen {
        let layout = self.layout();
        let mut look = Look::observing(&layout).unwrap();
        let snapshot = look.at(&reading(seconds));
        let view = View::new(GateStatus::of(&snapshot, look.refused()), true);
        let quotas = Some(QuotaLook::default().at(&layout));
        let mut device = Device::open(&layout).unwrap();
        let log = Some(device.numbered_log());
        let held = device.store().held();
        let facts = Facts {
            identity: held.identity.clone(),
            settled: held.settled.clone(),
            log,
            next_exchange_after: held.next_exchange_after,
            ..Facts::default()
        };
        let facts = Some(Box::new(facts));
        let book = UsageBook::open(&layout.journal());
        Seen { view, quotas, facts, book, tier: ManagementTier::Basic }
    }
}

fn usual(parts: &mut Parts) {
    let Some(licence) = &mut parts.licence else { return };
    let growth = Slug::parse("advanced_analytics").unwrap();
    let near_miss = std::iter::once(Feature::parse("analytics/near_miss").unwrap()).collect();
    licence.packs.insert(growth.clone(), near_miss);
    let api = std::iter::once(Feature::parse("outputs/api").unwrap()).collect();
    licence.packs.insert(Slug::parse("integration").unwrap(), api);
    licence.grants[0].packs.push(growth);
    licence.grants[0].packs.push(Slug::parse("integration").unwrap());
    let (meter, period) = (Slug::parse("api_call").unwrap(), Period::Month);
    licence.quotas = vec![Quota { meter, limit: 100, period, over: Over::Warn }];
}

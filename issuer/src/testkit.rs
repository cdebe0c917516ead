//! A whole issuer in a temporary directory, with a clock that tests turn, and devices with real keys.

mod journal;
mod raw;

pub(crate) use journal::{Chain, Journal, boot};
pub(crate) use raw::{try_sql, unguard, unhex, units};

use crate::admin::{Admin, CodeOrder, MadeCode, TenantOrder};
use crate::assignment::AssignmentOrder;
use crate::audit::{self, Checked};
use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::code::CodeEnd;
use crate::config::DataDir;
use crate::founding::found_on;
use crate::place::DatabasePlace;
use crate::storage::{Actor, AnswerKind, ClonePolicy, DeviceView, SubscriptionRow, TenantRow, Tier};
use crate::subscription::SubscriptionOrder;
use crate::{Issuer, Refusal};
use brink_databases::Database;
use brink_license::exchange::{
    ACTIVATE_PATH, CLOCK_RESET_PATH, ClientReport, EXCHANGE_PATH, ExchangeRequest, ExchangeResponse,
    RequestBody, RequestKind, Section, body_sha256, ratchet_mac,
};
use brink_license::keyset::{KeyUse, Keyset, TrustAnchor};
use brink_license::seating::SEATS_SECTION;
use brink_license::token::{
    Authority, Enforce, LicenceClaims, LicenceExpected, Notices, ReceiptClaims, ReceiptExpected,
    ReceiptUsage, RequestClaims, Seats, VerifiedLicence, VerifiedReceipt, verify,
};
use brink_license::usage::UsageSection;
use brink_license::{CameraId, DeviceId, TenantId, Typ, UnixSeconds};
use brink_signing::{DeviceKey, Signer, sign_document};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// 2026-03-01T00:00:00Z.
pub(crate) const START: i64 = 1_772_323_200;
pub(crate) const DAY: i64 = 86_400;
pub(crate) const TENANT: &str = "tenant-123";

pub(crate) struct ManualClock(AtomicI64);

impl Clock for ManualClock {
    fn now(&self) -> UnixSeconds {
        UnixSeconds::new(self.0.load(Ordering::SeqCst))
    }
}

/// An issuer with one tenant, open for work.
pub(crate) struct Bench {
    pub(crate) issuer: Arc<Issuer>,
    pub(crate) admin: Admin,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) data: DataDir,
    pub(crate) anchor: TrustAnchor,
    /// Somebody went around the front door, and the audit says so.
    meddled: AtomicBool,
    catalog: String,
    /// Gone with it.
    databases: Mutex<Vec<Database>>,
    folder: TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::standing(brink_databases::is_wanted())
    }

    /// On SQLite whatever is wanted, for what is about SQLite alone.
    pub(crate) fn on_sqlite() -> Self {
        Self::standing(false)
    }

    /// On PostgreSQL whatever is wanted, for what is about PostgreSQL alone.
    pub(crate) fn on_postgres(cameras: u32, change: impl FnOnce(&str) -> String) -> Self {
        let mut bench = Self::standing(true);
        bench.subscribe(cameras, &[]);
        bench.catalog = change(crate::catalog::DEFAULT);
        bench.restart();
        bench
    }

    fn standing(on_server: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::new(folder.path().join("issuer"));
        let clock = Arc::new(ManualClock(AtomicI64::new(START)));
        let (place, database) = raw::fresh(&data, on_server);
        let name = "dev-test".parse().unwrap();
        let founded = found_on(&data, name, (true, None), &place, clock.now()).unwrap();
        let catalog = crate::catalog::DEFAULT.to_owned();
        let (issuer, admin) = open(&data, (&clock, &catalog));
        let order = TenantOrder {
            id: TENANT.parse().unwrap(),
            name: "Acme".into(),
            timezone: "Europe/Berlin".into(),
            currency: "EUR".into(),
        };
        admin.create_tenant(order).unwrap();
        Self {
            issuer,
            admin,
            clock,
            data,
            anchor: founded.anchor,
            meddled: AtomicBool::new(false),
            catalog,
            databases: Mutex::new(database.into_iter().collect()),
            folder,
        }
    }

    /// An issuer with this many cameras subscribed and these packs.
    pub(crate) fn with(cameras: u32, packs: &[&str]) -> Self {
        let bench = Self::new();
        bench.subscribe(cameras, packs);
        bench
    }

    /// The same with another catalogue, made of the one that the program carries.
    pub(crate) fn with_catalog(cameras: u32, change: impl FnOnce(&str) -> String) -> Self {
        let mut bench = Self::with(cameras, &[]);
        bench.catalog = change(crate::catalog::DEFAULT);
        bench.restart();
        bench
    }

    /// Everything in memory is lost; the database and the keys stay.
    pub(crate) fn restart(&mut self) {
        (self.issuer, self.admin) = open(&self.data, (&self.clock, &self.catalog));
    }

    /// An issuer on a copy of the directory, with the same clock.
    pub(crate) fn opened(&self, data: &DataDir) -> Arc<Issuer> {
        open(data, (&self.clock, &self.catalog)).0
    }

    pub(crate) fn pass(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds, Ordering::SeqCst);
    }

    /// Another customer, without a subscription yet.
    pub(crate) fn another_tenant(&self, id: &str) -> TenantId {
        let order = TenantOrder {
            id: id.parse().unwrap(),
            name: "Other".into(),
            timezone: "UTC".into(),
            currency: "EUR".into(),
        };
        self.admin.create_tenant(order).unwrap().id
    }

    pub(crate) fn subscribe(&self, cameras: u32, packs: &[&str]) -> SubscriptionRow {
        self.admin.set_subscription(&TENANT.parse().unwrap(), &order(Some(cameras), packs)).unwrap()
    }

    pub(crate) fn code(&self, uses: u32) -> MadeCode {
        let tenant = TENANT.parse().unwrap();
        self.admin
            .create_code(&CodeOrder { tenant, tier: Tier::Basic, uses, expires: CodeEnd::Hours(168) })
            .unwrap()
    }

    pub(crate) fn assign(&self, device: &DeviceId, cameras: &[String], packs: &[&str]) {
        self.try_assign(device, cameras, packs, false).unwrap();
    }

    pub(crate) fn try_assign(
        &self,
        device: &DeviceId,
        cameras: &[String],
        packs: &[&str],
        remove: bool,
    ) -> Result<usize, crate::admin::AdminError> {
        let cameras = cameras.iter().map(|camera| CameraId::parse(camera).unwrap()).collect();
        let packs = packs.iter().map(|pack| (*pack).to_owned()).collect();
        self.admin.assign_cameras(device, &AssignmentOrder { cameras, packs, remove })
    }

    pub(crate) fn view(&self, device: &DeviceId) -> DeviceView {
        self.admin.storage.device(device, self.clock.now()).unwrap()
    }

    /// A device with a fresh key and nothing else.
    pub(crate) fn device(&self) -> Edge {
        let name: u64 = u64::from_be_bytes(*crate::secret::random::<8>().unwrap());
        let key = Arc::new(DeviceKey::create(self.folder.path().join(format!("{name:x}.key"))).unwrap());
        Edge {
            key,
            anchor: self.anchor.clone(),
            device: None,
            epoch: 0,
            ctr: 0,
            ratchet: None,
            licence: None,
            licence_seq: 0,
            keyset: None,
            receipt: None,
            nonce: [7; 32],
            boot_id: "boot-1".into(),
            seats: None,
            journal: None,
            usage: None,
        }
    }

    /// An activated device that meters.
    pub(crate) fn metering(&self) -> Edge {
        let mut edge = self.activated();
        let mut journal = Journal::new(self.clock.now().as_i64() * 1000);
        journal.begin(&edge.id(), edge.epoch, edge.key.kid());
        edge.journal = Some(journal);
        edge
    }

    /// Time goes on here and there.
    pub(crate) fn pass_with(&self, edge: &mut Edge, seconds: i64) {
        self.pass(seconds);
        edge.journal().pass(seconds * 1000);
    }

    /// A device activated by a code of its own.
    pub(crate) fn activated(&self) -> Edge {
        let (made, mut edge) = (self.code(1), self.device());
        edge.activate(&self.issuer, made.code.reveal()).unwrap();
        edge
    }
}

impl Bench {
    /// What follows goes around the front door, and the audit will say so.
    pub(crate) fn meddle(&self) {
        self.meddled.store(true, Ordering::SeqCst);
    }

    /// What `audit verify` says.
    pub(crate) fn audit(&self, kept: &[String]) -> Checked {
        let keyset = self.issuer.in_force.held().keyset.clone();
        audit::check(&*self.admin.storage, &keyset, kept).unwrap()
    }
}

/// Whatever a test does through the front door leaves the audit as it has to be.
impl Drop for Bench {
    fn drop(&mut self) {
        if std::thread::panicking() || self.meddled.load(Ordering::SeqCst) {
            return;
        }
        let checked = self.audit(&[]);
        assert!(checked.is_sound(), "{:?}", checked.findings);
    }
}

/// A customer that is in no database.
pub(crate) fn customer(zone: chrono_tz::Tz, currency: &str) -> TenantRow {
    TenantRow {
        id: TENANT.parse().unwrap(),
        name: "Acme".into(),
        zone,
        currency: currency.parse().unwrap(),
        clones: ClonePolicy::Alert,
        created_at: UnixSeconds::new(0),
    }
}

fn open(data: &DataDir, (clock, catalog): (&Arc<ManualClock>, &str)) -> (Arc<Issuer>, Admin) {
    let storage = DatabasePlace::of(data).unwrap().open().unwrap();
    let shared: Arc<dyn Clock> = Arc::clone(clock) as Arc<dyn Clock>;
    let parts = (Arc::clone(&storage), Arc::clone(&shared));
    let issuer = Issuer::open(data, parts, Catalog::parse(catalog).unwrap(), None).unwrap();
    let catalog = Catalog::parse(catalog).unwrap();
    (Arc::new(issuer), Admin { storage, catalog, clock: shared, actor: Actor("test".into()) })
}

pub(crate) fn order(cameras: Option<u32>, packs: &[&str]) -> SubscriptionOrder {
    let pack = |text: &&str| match text.split_once('=') {
        Some((name, price)) => (name.to_owned(), Some(price.parse().unwrap())),
        None => ((*text).to_owned(), None),
    };
    SubscriptionOrder {
        cameras,
        packs: packs.iter().map(pack).collect(),
        items: Vec::new(),
        prices: Vec::new(),
        trial: cameras.is_none(),
        enforce: Enforce::Deny,
        days: 30,
        grace_days: 7,
        offline_max_days: 30,
    }
}

pub(crate) fn names(prefix: &str, range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| format!("{prefix}-{number:04}")).collect()
}

/// What a device remembers. Cloning it is copying its disk.
#[derive(Clone)]
pub(crate) struct Edge {
    pub(crate) key: Arc<DeviceKey>,
    pub(crate) anchor: TrustAnchor,
    pub(crate) device: Option<DeviceId>,
    pub(crate) epoch: u32,
    pub(crate) ctr: u64,
    pub(crate) ratchet: Option<[u8; 32]>,
    pub(crate) licence: Option<VerifiedLicence>,
    pub(crate) licence_seq: u64,
    pub(crate) keyset: Option<Keyset>,
    pub(crate) receipt: Option<VerifiedReceipt>,
    /// Of its next request. A real device makes a fresh one each time; here copies have their own.
    pub(crate) nonce: [u8; 32],
    pub(crate) boot_id: String,
    /// The document of its unnamed seats that it reports.
    pub(crate) seats: Option<String>,
    /// Its usage, if it meters.
    pub(crate) journal: Option<Journal>,
    /// What it says of usage in its next request, in place of what its journal says.
    pub(crate) usage: Option<UsageSection>,
}

impl Edge {
    pub(crate) fn id(&self) -> DeviceId {
        self.device.clone().unwrap()
    }

    pub(crate) fn claims(&self) -> &LicenceClaims {
        self.licence.as_ref().unwrap().claims()
    }

    /// Named and unnamed seats of the licence it holds.
    pub(crate) fn seats(&self) -> (usize, u32) {
        let sum = |(named, any), seats: &Seats| (named + seats.named(), any + seats.unnamed());
        self.claims().grants.iter().map(|grant| &grant.seats).fold((0, 0), sum)
    }

    /// The next request, stored nowhere: calling twice gives two requests with rising counters.
    pub(crate) fn request(&mut self, kind: RequestKind) -> Vec<u8> {
        self.ctr += 1;
        let htu = match &kind {
            RequestKind::Activate { .. } => ACTIVATE_PATH,
            RequestKind::Exchange => EXCHANGE_PATH,
            RequestKind::ClockReset { .. } => CLOCK_RESET_PATH,
        };
        let report = ClientReport {
            licence_seq: self.licence_seq,
            keyset_version: self.keyset.as_ref().map_or(0, Keyset::version),
            receipt_seq: self.receipt.as_ref().map_or(0, |receipt| receipt.claims().seq),
            boot_id: self.boot_id.clone(),
            ..ClientReport::default()
        };
        let last_receipt = match &kind {
            RequestKind::Activate { .. } | RequestKind::ClockReset { .. } => None,
            RequestKind::Exchange => self.receipt.as_ref().map(|receipt| receipt.token().to_owned()),
        };
        let seats =
            self.seats.clone().map(|token| Section { kind: SEATS_SECTION, bytes: token.into_bytes() });
        let usage = match &kind {
            RequestKind::Activate { .. } | RequestKind::ClockReset { .. } => None,
            RequestKind::Exchange => self.usage.take().or_else(|| self.says_of_usage()),
        };
        let usage = usage.map(|usage| usage.section().unwrap());
        let sections = seats.into_iter().chain(usage).collect();
        let body = RequestBody { kind, report, last_receipt, sections }.encode().unwrap();
        self.signed(htu, body, |_| {})
    }

    pub(crate) fn journal(&mut self) -> &mut Journal {
        self.journal.as_mut().unwrap()
    }

    /// What its journal says now.
    pub(crate) fn says_of_usage(&mut self) -> Option<UsageSection> {
        let (key, issuer) = (Arc::clone(&self.key), self.anchor.issuer().clone());
        self.journal.as_mut().map(|journal| journal.section(&key, &issuer))
    }

    /// What the receipt of its last answer says of usage.
    pub(crate) fn told(&self) -> ReceiptUsage {
        self.receipt.as_ref().unwrap().claims().usage.clone().unwrap()
    }

    /// Signs a body, after `twist` has had its way with the proof.
    pub(crate) fn signed(&self, htu: &str, body: Vec<u8>, twist: impl FnOnce(&mut RequestClaims)) -> Vec<u8> {
        let unnamed = || DeviceId::parse(&self.key.kid().to_string()).unwrap();
        let mut claims = RequestClaims {
            ver: 1,
            iss: self.anchor.issuer().clone(),
            htm: "POST".into(),
            htu: htu.into(),
            bh: body_sha256(&body),
            dev: self.device.clone().unwrap_or_else(unnamed),
            epoch: self.epoch,
            ctr: self.ctr,
            nonce: self.nonce,
        };
        twist(&mut claims);
        let proof = sign_document(&*self.key, Typ::Request, &claims.to_json_bytes().unwrap()).unwrap();
        let ratchet_mac = self.ratchet.map(|ratchet| ratchet_mac(&ratchet, &body_sha256(&body)));
        let device_key = *self.key.public_key().as_bytes();
        ExchangeRequest { proof, device_key, ratchet_mac, body }.encode().unwrap()
    }

    /// What somebody has who copied the disk to another machine, which was started there.
    pub(crate) fn copied(&self, machine: u8) -> Edge {
        Edge { nonce: [machine; 32], boot_id: format!("boot-{machine}"), ..self.clone() }
    }

    pub(crate) fn activate(&mut self, issuer: &Issuer, code: &str) -> Result<(), Refusal> {
        let request = self.request(RequestKind::Activate { code: code.to_owned() });
        let answer = issuer.answer(&request, Some(AnswerKind::Activate))?;
        self.accept(&answer);
        Ok(())
    }

    /// One exchange; answers whether a licence came.
    pub(crate) fn exchange(&mut self, issuer: &Issuer) -> Result<bool, Refusal> {
        let request = self.request(RequestKind::Exchange);
        let answer = issuer.answer(&request, Some(AnswerKind::Exchange))?;
        Ok(self.accept(&answer))
    }

    /// Verifies everything as a device does, and takes it.
    pub(crate) fn accept(&mut self, answer: &[u8]) -> bool {
        self.accept_of(TENANT, answer)
    }

    /// The same of another customer's device.
    pub(crate) fn accept_of(&mut self, tenant: &str, answer: &[u8]) -> bool {
        let response = ExchangeResponse::decode(answer).unwrap();
        let keyset = match self.keyset.take() {
            None => Keyset::bootstrap(&self.anchor, &response.manifests).unwrap(),
            Some(keyset) => {
                response.manifests.iter().fold(keyset, |keyset, next| keyset.accept_next(next).unwrap())
            }
        };
        let receipt = self.receipt(&keyset, &response);
        assert!(response.ratchet_is(&receipt.claims().ratchet_sha256));
        let before = self.receipt.as_ref().map_or(0, |receipt| receipt.claims().seq);
        assert!(receipt.claims().seq > before, "a receipt never goes back");
        assert!(receipt.claims().lic.seq >= self.licence_seq, "nor what it says of licences");
        self.device = Some(receipt.claims().dev.clone());
        self.epoch = receipt.claims().epoch;
        self.ratchet = Some(response.next_ratchet);
        if let Some(token) = &response.licence {
            let licence = self.verified(&keyset, (tenant, token));
            assert!(licence.claims().seq > self.licence_seq, "a licence never goes back");
            assert!(licence.claims().ks <= keyset.version(), "its keys are known");
            assert_eq!(
                (licence.claims().seq, &licence.claims().jti),
                (receipt.claims().lic.seq, &receipt.claims().lic.jti)
            );
            self.licence_seq = licence.claims().seq;
            self.licence = Some(licence);
        }
        self.take_up_notices(&response, &keyset);
        self.keyset = Some(keyset);
        if let (Some(journal), Some(usage)) = (&mut self.journal, &receipt.claims().usage) {
            journal.take(usage);
        }
        self.receipt = Some(receipt);
        response.licence.is_some()
    }

    /// A device refuses the whole answer for a notice that it cannot verify.
    fn take_up_notices(&self, response: &ExchangeResponse, keyset: &Keyset) {
        let Some(licence) = &self.licence else { return };
        for (kind, token) in response.notices().unwrap() {
            Notices::default().take_up(kind, token, keyset, licence.claims()).unwrap();
        }
    }

    pub(crate) fn receipt(&self, keyset: &Keyset, response: &ExchangeResponse) -> VerifiedReceipt {
        let expected = ReceiptExpected {
            issuer: self.anchor.issuer().clone(),
            device: self.device.clone(),
            epoch: self.device.as_ref().map(|_| self.epoch),
            pending: Some((self.nonce, self.ctr)),
        };
        let authority = Authority::Issuer(keyset, KeyUse::Receipt);
        verify::<ReceiptClaims>(response.receipt.as_bytes(), authority, &expected).unwrap()
    }

    fn verified(&self, keyset: &Keyset, (tenant, token): (&str, &str)) -> VerifiedLicence {
        let expected = LicenceExpected {
            issuer: self.anchor.issuer().clone(),
            tenant: Some(tenant.parse().unwrap()),
            device: self.device.clone(),
            epoch: Some(self.epoch),
            jkt: Some(self.key.kid()),
        };
        let authority = Authority::Issuer(keyset, KeyUse::License);
        verify::<LicenceClaims>(token.as_bytes(), authority, &expected).unwrap()
    }
}

//! A device of the forge with a journal: activated by the real store, without an issuer, to meter on.

pub use crate::forge::slug;

use crate::forge::{self, DAY, DEVICE};
use brink_license::TokenId;
use brink_license::clock::{BootId, Reading};
use brink_license::exchange::{ExchangeRequest, RequestBody, RequestKind};
use brink_license::token::{
    BatchVerdict, Cursor, Enforce, LicenceClaims, LicenceStanding, Over, Period, Quota, ReceiptUsage,
};
use brink_license::usage::{Quantity, UsageSection};
use brink_store::{
    Acceptance, DeviceStore, Documents, Gate, Identity, Layout, LogEntry, Meter, Pending, PendingKind,
    Ratchet, SealKeys, WriterLock, machine,
};
use std::path::{Path, PathBuf};

const KEYS: SealKeys = SealKeys { vault: [5; 32], anchor: [6; 32] };

/// An activated device in a directory of somebody's.
#[derive(Debug)]
pub struct Metered {
    layout: Layout,
    store: DeviceStore,
    claims: LicenceClaims,
}

/// A quota of a meter.
pub fn quota(meter: &str, limit: u64, period: Period, over: Over) -> Quota {
    Quota { meter: slug(meter), limit, period, over }
}

/// So many whole units.
pub fn units(number: u64) -> Quantity {
    Quantity::whole(number)
}

impl Metered {
    /// Activates a device in a directory that does not exist yet, under these quotas. Its licence is in force whenever this
    /// runs.
    pub fn activate(dir: &Path, quotas: Vec<Quota>, enforce: Enforce) -> Self {
        let layout = Layout::new(dir);
        layout.init(forge::anchor().to_json().expect("an anchor").as_bytes()).expect("a directory");
        let lock = WriterLock::acquire(&layout).expect("nobody else");
        std::fs::write(layout.device_key_new(), b"the forge has the key").expect("a file");
        DeviceStore::create_state(&lock, &DEVICE.public(), &[]).expect("a state");
        layout.finish_installation(&lock).expect("a key");
        let store = DeviceStore::open(lock, &DEVICE.public(), KEYS).expect("a store");
        let iat = machine::read().expect("a clock").wall.max(forge::at(0));
        let exp = iat.saturating_add(30 * DAY);
        let claims = LicenceClaims { iat, nbf: iat, exp, quotas, enforce, seq: 0, ..forge::licence(2) };
        let mut device = Self { layout, store, claims };
        device.renew(|_| {});
        device
    }

    /// The next licence, changed like this, in force.
    pub fn renew(&mut self, change: impl FnOnce(&mut LicenceClaims)) {
        self.claims.seq += 1;
        self.claims.jti = TokenId::parse(&format!("tok-{}", self.claims.seq)).expect("an id");
        change(&mut self.claims);
        self.exchange(LicenceStanding::Active);
    }

    /// An exchange in which the issuer says how the licence stands.
    pub fn exchange(&mut self, standing: LicenceStanding) {
        self.exchanged(standing, (vec![1], None));
    }

    /// An exchange that settles all usage.
    pub fn settle(&mut self) {
        let outbox = self.store.outbox(usize::MAX).expect("the journal");
        let cursors = outbox.chains.iter().map(|chain| Cursor {
            epoch: chain.epoch,
            seq: chain.head.seq,
            hash: chain.head.hash,
        });
        let said = ReceiptUsage { cursors: cursors.collect(), batch: BatchVerdict::Taken, quarantined: 0 };
        let usage = UsageSection { sent: outbox.at, chains: outbox.chains, batch: None };
        let body = RequestBody {
            kind: RequestKind::Exchange,
            report: Default::default(),
            last_receipt: None,
            sections: vec![usage.section().expect("a section")],
        };
        let body = body.encode().expect("a body");
        let request = ExchangeRequest { proof: "p".into(), device_key: [0; 32], ratchet_mac: None, body };
        let request = request.encode().expect("a request");
        self.exchanged(LicenceStanding::Active, (request, Some(said)));
    }

    fn exchanged(&mut self, standing: LicenceStanding, (bytes, usage): (Vec<u8>, Option<ReceiptUsage>)) {
        let (claims, ctr) = (&self.claims, self.store.held().ctr + 1);
        let boot = machine::boot_id().expect("a boot id");
        let created = Reading { wall: claims.iat, boot, boottime: machine::boottime_seconds() };
        let pending = Pending { kind: PendingKind::Exchange, ctr, nonce: [7; 32], bytes, created };
        self.store.store_pending(pending, None).expect("a request");
        let mut receipt = forge::receipt(claims, ctr, claims.iat.since(forge::at(0)), standing);
        receipt.usage = usage;
        let acceptance = Acceptance {
            identity: Identity {
                tenant: claims.tenant.clone(),
                device: claims.dev.clone(),
                epoch: claims.epoch,
            },
            documents: Documents {
                manifests: vec![forge::manifest()],
                licence: forge::licence_token(claims),
                receipt: Some(forge::receipt_token(&receipt)),
            },
            manifests: vec![(1, forge::manifest())],
            ratchet: Ratchet([9; 32]),
            next_exchange_after: claims.iat.saturating_add(300),
            presence: Some(forge::presence_token(claims, boot)),
            notices: Vec::new(),
            seats: None,
            clock: None,
            note: LogEntry { at: claims.iat, verdict: "accepted".into(), document: "forged".into() },
        };
        self.store.accept(acceptance).expect("an acceptance");
    }

    /// The agent's half-minute look at the journal, whenever that is.
    pub fn mind_journal(&mut self, boot: BootId, boottime: i64) {
        self.store.mind_journal(&Reading { wall: self.claims.iat, boot, boottime });
    }

    /// The agent's store.
    pub fn store(&mut self) -> &mut DeviceStore {
        &mut self.store
    }

    /// The bundle.
    pub fn bundle(&self) -> PathBuf {
        self.layout.bundle()
    }

    /// The directory of the journal.
    pub fn journal(&self) -> PathBuf {
        self.layout.journal()
    }

    /// A host's gate and meter.
    pub fn host(&self) -> (Gate, Meter) {
        let gate = Gate::open(self.bundle(), forge::anchor()).expect("a gate");
        let meter = gate.meter().expect("a meter");
        (gate, meter)
    }
}

//! One device, its hosts and its issuer, in one process on real files, with a network that loses, repeats and reorders,
//! and ends that come at any moment: what was recorded arrives once.
//!
//! A life is a seed: the same seed is the same life. Nothing here checks a rule of its own but the last one: the sums that
//! the issuer has are the sums that hosts were told are recorded.

use crate::World;
use brink_edge::exchange::{Device, Outgoing};
use brink_issuer::admin::{Admin, CodeOrder, TenantOrder};
use brink_issuer::catalog::Catalog;
use brink_issuer::clock::SystemClock;
use brink_issuer::code::CodeEnd;
use brink_issuer::config::DataDir;
use brink_issuer::founding::found;
use brink_issuer::storage::sqlite::SqliteStorage;
use brink_issuer::storage::{Actor, AnswerKind, Storage, Tier};
use brink_issuer::subscription::SubscriptionOrder;
use brink_issuer::{Issuer, Refusal};
use brink_license::token::{BatchVerdict, Enforce};
use brink_license::usage::Quantity;
use brink_license::{ResourceId, Slug};
use brink_store::{Gate, Layout, Meter, machine};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Exchanges after a life, until everything is settled.
const LAST_EXCHANGES_MAX: u32 = 50;

/// A small generator (xorshift64*, Marsaglia 2003): the same seed gives the same life everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let mixed = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(mixed).unwrap_or(0) % bound.max(1)
    }

    fn one_in(&mut self, number: usize) -> bool {
        self.below(number) == 0
    }
}

/// What happened in a life.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome {
    /// Uses that were acknowledged to a host.
    pub recorded: u64,
    /// Requests that the issuer got, repeated ones too.
    pub delivered: u64,
    /// Of those, refused: copies of earlier ones.
    pub refused: u64,
    /// Answers that the device took up.
    pub accepted: u64,
    /// Messages that got lost.
    pub lost: u64,
    /// Ends of the agent, of a host or of the issuer.
    pub ends: u64,
    /// How often the issuer's database was put back.
    pub restored: u64,
}

impl std::ops::AddAssign for Outcome {
    fn add_assign(&mut self, other: Outcome) {
        self.recorded += other.recorded;
        self.delivered += other.delivered;
        self.refused += other.refused;
        self.accepted += other.accepted;
        self.lost += other.lost;
        self.ends += other.ends;
        self.restored += other.restored;
    }
}

/// Lives one life of so many steps; an error says what was not as it has to be.
pub fn live(seed: u64, steps: usize) -> Result<Outcome, String> {
    let mut life = Life::begin(seed)?;
    for _ in 0..steps {
        life.step()?;
    }
    life.end()
}

/// The moments at which a service can be, between two ends.
struct Life {
    world: World,
    random: Random,
    issuer: Option<Issuer>,
    device: Option<Device>,
    hosts: Vec<(Gate, Meter)>,
    requests: Vec<Vec<u8>>,
    answers: Vec<Vec<u8>>,
    backup: Option<PathBuf>,
    used: BTreeMap<String, u128>,
    outcome: Outcome,
}

fn failed(doing: &str) -> impl Fn(&dyn std::fmt::Display) -> String + '_ {
    move |error| format!("{doing}: {error}")
}

impl Life {
    fn begin(seed: u64) -> Result<Self, String> {
        let world = World::in_memory();
        let data = DataDir::new(world.path("issuer"));
        let now = machine::read().map_err(|error| error.to_string())?.wall;
        let name = "dev-acme".parse().map_err(|error| failed("name")(&error))?;
        found(&data, name, (true, None), now).map_err(|error| failed("found")(&error))?;
        let mut life = Self {
            world,
            // Neighbouring seeds would begin alike.
            random: Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            issuer: None,
            device: None,
            hosts: Vec::new(),
            requests: Vec::new(),
            answers: Vec::new(),
            backup: None,
            used: BTreeMap::new(),
            outcome: Outcome::default(),
        };
        let code = life.order(&data)?;
        let layout = life.layout();
        let trust = std::fs::read(data.trust()).map_err(|error| failed("trust")(&error))?;
        layout.init(&trust).map_err(|error| failed("init")(&error))?;
        life.open_issuer()?;
        life.activate(&code)?;
        life.hosts = (0..2).map(|_| life.host()).collect::<Result<_, _>>()?;
        Ok(life)
    }

    fn data(&self) -> DataDir {
        DataDir::new(self.world.path("issuer"))
    }

    fn layout(&self) -> Layout {
        Layout::new(self.world.path("edge"))
    }

    fn host(&self) -> Result<(Gate, Meter), String> {
        let anchor = self.layout().trust_anchor().map_err(|error| failed("trust")(&error))?;
        let gate =
            Gate::open(self.layout().bundle(), anchor).map_err(|error| failed("open a gate")(&error))?;
        let meter = gate.meter().map_err(|error| failed("open a meter")(&error))?;
        Ok((gate, meter))
    }

    fn storage(&self) -> Result<Arc<dyn Storage>, String> {
        let opened = SqliteStorage::open(&self.data().database());
        Ok(Arc::new(opened.map_err(|error| failed("open the issuer")(&error))?))
    }

    fn catalog() -> Result<Catalog, String> {
        Catalog::embedded().map_err(|error| error.to_string())
    }

    /// What an admin does first; answers the code.
    fn order(&self, _data: &DataDir) -> Result<String, String> {
        let clock = Arc::new(SystemClock);
        let actor = Actor("test".into());
        let admin = Admin { storage: self.storage()?, catalog: Self::catalog()?, clock, actor };
        let tenant: brink_license::TenantId = "tenant-123".parse().map_err(|error| failed("id")(&error))?;
        let order = TenantOrder {
            id: tenant.clone(),
            name: "Acme".into(),
            timezone: "Europe/Berlin".into(),
            currency: "EUR".into(),
        };
        admin.create_tenant(order).map_err(|error| failed("tenant")(&error))?;
        let order = SubscriptionOrder {
            cameras: Some(5),
            packs: Vec::new(),
            items: Vec::new(),
            prices: Vec::new(),
            trial: false,
            enforce: Enforce::Deny,
            days: 30,
            grace_days: 7,
            offline_max_days: 30,
        };
        admin.set_subscription(&tenant, &order).map_err(|error| failed("subscription")(&error))?;
        let order = CodeOrder { tenant, tier: Tier::Basic, uses: 1, expires: CodeEnd::Hours(168) };
        let code = admin.create_code(&order).map_err(|error| failed("code")(&error))?;
        Ok(code.code.reveal().to_owned())
    }

    fn open_issuer(&mut self) -> Result<&Issuer, String> {
        if self.issuer.is_none() {
            let parts: (Arc<dyn Storage>, Arc<dyn brink_issuer::clock::Clock>) =
                (self.storage()?, Arc::new(SystemClock));
            let issuer = Issuer::open(&self.data(), parts, Self::catalog()?, None);
            self.issuer = Some(issuer.map_err(|error| failed("open the issuer")(&error))?);
        }
        self.issuer.as_ref().ok_or_else(|| "no issuer".to_owned())
    }

    fn open_device(&mut self) -> Result<&mut Device, String> {
        if self.device.is_none() {
            let device = Device::open(&self.layout());
            self.device = Some(device.map_err(|error| failed("open the device")(&error))?);
        }
        self.device.as_mut().ok_or_else(|| "no device".to_owned())
    }

    fn activate(&mut self, code: &str) -> Result<(), String> {
        let reading = machine::read().map_err(|error| error.to_string())?;
        let device = Device::open_or_create(&self.layout());
        let mut device = device.map_err(|error| failed("make the device")(&error))?;
        let request = device.begin_activation(code, &reading).map_err(|error| failed("activate")(&error))?;
        let issuer = self.open_issuer()?;
        let answer = issuer.answer(&request.bytes, Some(AnswerKind::Activate));
        let answer = answer.map_err(|error| failed("activate")(&error))?;
        device.complete(&answer, &reading).map_err(|error| failed("activate")(&error))?;
        self.device = Some(device);
        Ok(())
    }

    fn step(&mut self) -> Result<(), String> {
        match self.random.below(20) {
            0..=5 => self.record(),
            6..=8 => self.begin_exchange(),
            9..=11 => self.deliver(),
            12..=14 => self.take_up(),
            15 => {
                self.outcome.lost += (self.requests.len() + self.answers.len()) as u64;
                self.requests.clear();
                self.answers.clear();
                Ok(())
            }
            16 => {
                self.outcome.ends += 1;
                self.device = None;
                self.open_device().map(drop)
            }
            17 => {
                self.outcome.ends += 1;
                self.issuer = None;
                Ok(())
            }
            18 => {
                self.outcome.ends += 1;
                let host = self.random.below(self.hosts.len());
                self.hosts[host] = self.host()?;
                Ok(())
            }
            _ => self.keep_or_put_back(),
        }
    }

    /// A host records some uses, each durable when it is told so.
    fn record(&mut self) -> Result<(), String> {
        let host = self.random.below(self.hosts.len());
        for _ in 0..=self.random.below(12) {
            let meter = ["api_call", "sms", "llm_token"][self.random.below(3)];
            let resource = ["cam-1", "cam-2", "cam-3"][self.random.below(3)];
            let quantity = Quantity::try_from(1 + self.random.below(5_000_000) as u128)
                .map_err(|error| failed("quantity")(&error))?;
            let meter_id = Slug::parse(meter).map_err(|error| failed("meter")(&error))?;
            let resource = ResourceId::parse(resource).map_err(|error| failed("resource")(&error))?;
            let recorded = self.hosts[host].1.record(&meter_id, Some(&resource), quantity);
            recorded.map_err(|error| failed("record")(&error))?;
            *self.used.entry(meter.to_owned()).or_default() += u128::from(quantity);
            self.outcome.recorded += 1;
        }
        Ok(())
    }

    fn begin_exchange(&mut self) -> Result<(), String> {
        let reading = machine::read().map_err(|error| error.to_string())?;
        let Outgoing { bytes, .. } = self
            .open_device()?
            .begin_exchange(Vec::new(), &reading)
            .map_err(|error| failed("begin an exchange")(&error))?;
        self.requests.push(bytes);
        Ok(())
    }

    /// Any request arrives, and may arrive again.
    fn deliver(&mut self) -> Result<(), String> {
        if self.requests.is_empty() {
            return Ok(());
        }
        let at = self.random.below(self.requests.len());
        let request =
            if self.random.one_in(3) { self.requests[at].clone() } else { self.requests.swap_remove(at) };
        self.outcome.delivered += 1;
        match self.open_issuer()?.answer(&request, Some(AnswerKind::Exchange)) {
            Ok(answer) => self.answers.push(answer),
            Err(refusal) => self.refused(&request, &refusal)?,
        }
        Ok(())
    }

    /// A definite "no" to the request that waits is the end of it; to a copy of an earlier one it is what it deserves.
    fn refused(&mut self, request: &[u8], refusal: &Refusal) -> Result<(), String> {
        if refusal.is_failure() {
            return Err(format!("the issuer failed: {refusal}"));
        }
        self.outcome.refused += 1;
        let reading = machine::read().map_err(|error| error.to_string())?;
        let device = self.open_device()?;
        let waits = device.store().held().pending.as_ref().is_some_and(|pending| pending.bytes == request);
        if waits {
            let refused = device.refused_by_issuer(refusal.code(), &refusal.to_string(), &reading);
            refused.map_err(|error| failed("take a no")(&error))?;
        }
        Ok(())
    }

    /// Any answer arrives, and may arrive again; the device refuses those that it does not wait for.
    fn take_up(&mut self) -> Result<(), String> {
        if self.answers.is_empty() {
            return Ok(());
        }
        let at = self.random.below(self.answers.len());
        let answer =
            if self.random.one_in(3) { self.answers[at].clone() } else { self.answers.swap_remove(at) };
        let reading = machine::read().map_err(|error| error.to_string())?;
        if self.open_device()?.complete(&answer, &reading).is_ok() {
            self.outcome.accepted += 1;
        }
        Ok(())
    }

    /// The issuer's database is copied once, and may be put back once, with whatever came in between lost.
    fn keep_or_put_back(&mut self) -> Result<(), String> {
        let database = self.data().database();
        // The last one to close it leaves one file.
        self.issuer = None;
        let copied = match &self.backup {
            None => {
                let backup = self.world.path("issuer.backup");
                self.backup = Some(backup.clone());
                std::fs::copy(&database, backup)
            }
            Some(backup) if self.outcome.restored == 0 => {
                self.outcome.restored = 1;
                std::fs::copy(backup, &database)
            }
            Some(_) => Ok(0),
        };
        copied.map(drop).map_err(|error| failed("copy the database")(&error))
    }

    /// The network is mended, and the device settles what is left.
    fn end(mut self) -> Result<Outcome, String> {
        self.answers.clear();
        for _ in 0..LAST_EXCHANGES_MAX {
            self.requests.clear();
            self.begin_exchange()?;
            let request = self.requests.pop().unwrap_or_default();
            let answer = match self.open_issuer()?.answer(&request, Some(AnswerKind::Exchange)) {
                Ok(answer) => answer,
                Err(refusal) => {
                    self.refused(&request, &refusal)?;
                    continue;
                }
            };
            let reading = machine::read().map_err(|error| error.to_string())?;
            let done = self.open_device()?.complete(&answer, &reading);
            let done = done.map_err(|error| failed("take the last answers up")(&error))?;
            let settlement = done.settlement.ok_or("an answer without usage")?;
            if settlement.backlog.records == 0 && settlement.said.batch == BatchVerdict::None {
                return self.judge();
            }
        }
        Err(format!("after {LAST_EXCHANGES_MAX} exchanges something is not settled: {:?}", self.outcome))
    }

    fn judge(mut self) -> Result<Outcome, String> {
        self.issuer = None;
        let sums = sums_at(&self.data()).map_err(|error| failed("read the sums")(&error))?;
        if sums != self.used {
            return Err(format!("recorded {:?}, settled {sums:?}: {:?}", self.used, self.outcome));
        }
        Ok(self.outcome)
    }
}

/// What the issuer's sums come to by meter, in units of 10^-12.
pub fn sums_at(data: &DataDir) -> Result<BTreeMap<String, u128>, rusqlite::Error> {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let connection = rusqlite::Connection::open_with_flags(data.database(), flags)?;
    let mut found = connection.prepare("SELECT meter, quantity FROM usage_rollups")?;
    let mut rows = found.query([])?;
    let mut sums = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let quantity: [u8; 16] = row.get(1)?;
        *sums.entry(row.get(0)?).or_default() += u128::from_be_bytes(quantity);
    }
    Ok(sums)
}

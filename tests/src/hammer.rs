//! Two hosts that record without pause, an agent and an issuer that settle, and ends of each at any moment: what every host was
//! told is recorded, the chain is whole, and both ends have the same sums.

use crate::settlement_sim::sums_at;
use crate::{Device, Issuer, Program, World};
use brink_issuer::config::DataDir;
use brink_license::usage::Quantity;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

const METERS: [&str; 2] = ["sms", "webhook_call"];

/// What happened.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome {
    /// Uses that hosts were told are recorded.
    pub acknowledged: u64,
    /// Uses in the journal: whoever was killed may not have said the last one.
    pub recorded: u64,
    /// Ends of a host.
    pub hosts: u64,
    /// Ends of the agent.
    pub agents: u64,
    /// Ends of the issuer.
    pub issuers: u64,
    /// Records that the walk compared.
    pub walked: u64,
}

/// A host that records until it is killed, and how much it was told.
struct Host {
    process: Child,
    told: Arc<AtomicU64>,
    listener: Option<JoinHandle<()>>,
}

impl Host {
    fn start(device: &Device, issuer: &Issuer, meter: &str) -> Self {
        let mut command = Command::new(Program::MeterHost.path());
        command.arg(device.bundle()).arg(issuer.trust()).args([meter, "record"]);
        let mut process = command.stdout(Stdio::piped()).spawn().expect("a host");
        let lines = BufReader::new(process.stdout.take().expect("its words")).lines();
        let told = Arc::new(AtomicU64::new(0));
        let heard = Arc::clone(&told);
        let listener = std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let number = line.strip_prefix("acknowledged ").and_then(|number| number.parse().ok());
                heard.fetch_add(number.unwrap_or(0), Ordering::Relaxed);
            }
        });
        Self { process, told, listener: Some(listener) }
    }

    /// Waits until it was told so much more, and kills it; answers all that it was told.
    fn killed_after(mut self, more: u64) -> u64 {
        let wanted = self.told.load(Ordering::Relaxed) + more;
        while self.told.load(Ordering::Relaxed) < wanted {
            std::thread::yield_now();
            let ended = self.process.try_wait().expect("a host");
            assert!(ended.is_none(), "a host ended by itself: {ended:?}");
        }
        self.process.kill().expect("a host that runs");
        self.process.wait().expect("a host");
        // Whatever it had said is read to its end.
        if let Some(listener) = self.listener.take() {
            listener.join().expect("a listener");
        }
        self.told.load(Ordering::Relaxed)
    }
}

/// Goes on as long as it is told to, and compares everything at the end.
pub fn hammer(mut goes_on: impl FnMut(u64) -> bool) -> Outcome {
    let world = World::new();
    let issuer = world.issuer();
    issuer.subscribe("tenant-123", 5, &[]);
    let offer = issuer.offer("tenant-123");
    let (mut server, mut url) = issuer.serve();
    let device = world.device("edge", &issuer);
    device.activate(&url, &offer.code).ok();

    let mut outcome = Outcome::default();
    let mut hosts = METERS.map(|meter| Host::start(&device, &issuer, meter));
    let mut agent = Some(device.agent());
    let mut round = 0;
    while goes_on(round) {
        let at = usize::try_from(round % 2).unwrap_or(0);
        let next = Host::start(&device, &issuer, METERS[at]);
        outcome.acknowledged += std::mem::replace(&mut hosts[at], next).killed_after(1 + round * 7 % 23);
        outcome.hosts += 1;
        // Sometimes answered, sometimes cut off with the agent or the issuer.
        match round % 3 {
            0 => {
                let mut exchange = begun(&device);
                if let Some(agent) = agent.take() {
                    agent.kill();
                }
                outcome.agents += 1;
                exchange.wait().expect("a verb");
                agent = Some(device.agent());
            }
            1 => {
                let mut exchange = begun(&device);
                server.kill();
                outcome.issuers += 1;
                exchange.wait().expect("a verb");
                (server, url) = issuer.serve();
                device.run(&["exchange", "--issuer", &url]).ok();
            }
            _ => drop(device.exchange().ok()),
        }
        round += 1;
    }
    outcome.acknowledged += hosts.into_iter().map(|host| host.killed_after(1)).sum::<u64>();
    assert!(agent.take().is_none_or(|agent| agent.stop().success()), "the agent ends cleanly");
    compared(&issuer, &device, &mut outcome);
    assert!(server.stop().success(), "the issuer ends cleanly");
    outcome
}

/// An exchange that is under way.
fn begun(device: &Device) -> Child {
    let mut exchange = device.command(&["exchange"]);
    exchange.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a verb")
}

fn compared(issuer: &Issuer, device: &Device, outcome: &mut Outcome) {
    let walked = device.run(&["usage", "verify", "--json"]).ok().json();
    assert_eq!(
        (walked["intact"].as_bool(), walked["recoveries"].as_u64()),
        (Some(true), Some(0)),
        "{walked}"
    );
    outcome.walked = walked["records"].as_u64().unwrap_or(0);
    let settled = device.run(&["exchange", "--json"]).ok().json();
    assert_eq!(settled["usage"]["backlog"], 0, "{settled}");
    let summary = device.run(&["usage", "summary", "--json"]).ok().json();
    let sums = sums_at(&DataDir::new(issuer.data())).expect("the issuer's sums");
    for meter in METERS {
        let total = total_of(&summary, meter);
        let settled = sums.get(meter).copied().unwrap_or_default();
        assert_eq!(u128::from(total), settled, "{meter}: recorded {total}");
        outcome.recorded += u64::try_from(settled / u128::from(Quantity::whole(1))).unwrap_or(u64::MAX);
    }
    assert!(outcome.acknowledged <= outcome.recorded, "{outcome:?}");
    let unsaid = outcome.recorded - outcome.acknowledged;
    assert!(unsaid <= outcome.hosts + 2, "more was recorded than hosts can have left unsaid: {outcome:?}");
}

fn total_of(summary: &Value, meter: &str) -> Quantity {
    let meters = summary["activations"][0]["meters"].as_array().cloned().unwrap_or_default();
    let found = meters.iter().find(|found| found["meter"] == meter);
    found.and_then(|found| found["total"].as_str()?.parse().ok()).unwrap_or_default()
}

//! `brink-edge run`

use super::api::ApiArguments;
use super::config::EnvironmentFile;
use super::mirror::MirrorArguments;
use super::{CaFile, DataDirectory, agent_first};
use crate::Output;
use crate::agent::{Agent, Event};
use crate::api::{Api, Around};
use crate::command::{Command, Reply};
use crate::environment::{Environment, MOCK_ISSUER};
use crate::error::EdgeError;
use crate::local::{GLANCE_TIMEOUT, LocalServer, ask};
use crate::metrics;
use crate::mirror;
use crate::output::Ready;
use crate::serving::Loopback;
use brink_store::Layout;
use clap::Args;
use serde_json::Value;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::mpsc::Sender;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    data: DataDirectory,
    #[command(flatten)]
    ca: CaFile,
    /// Show metrics as Prometheus text on this address of this machine; port 0 for a free one
    #[arg(long, value_name = "ADDR")]
    metrics: Option<SocketAddr>,
    /// Most MiB that the usage journal may have; what is not settled becomes sums before it is full
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..=65536))]
    journal_mib: Option<u32>,
    #[command(flatten)]
    environment: EnvironmentFile,
    #[command(flatten)]
    api: ApiArguments,
    #[command(flatten)]
    mirrors: MirrorArguments,
}

impl Arguments {
    pub(super) fn log_level(&self) -> Option<&'static str> {
        self.environment.log_level()
    }

    /// The device directory.
    pub(super) const fn directory(&self) -> &PathBuf {
        &self.data.data
    }

    pub(super) fn environment(&self) -> Option<Environment> {
        self.environment.glance()
    }

    /// Whether an issuer is to be started beside the agent: of a device that is not there yet, or that was made with it. Any other
    /// has an issuer, and judges the variable when it starts, like every other that is unsafe.
    pub(super) fn is_mocked(&self) -> bool {
        let layout = self.data.layout();
        let is_new = !layout.trust().exists();
        let is_made = || layout.trust_anchor().is_ok_and(|anchor| anchor.issuer().as_str() == MOCK_ISSUER);
        let is_free = is_new || is_made();
        is_free && self.environment().is_some_and(|environment| environment.billing.is_mocked.value)
    }
}

pub(super) fn carry_out(arguments: &Arguments, output: &mut Output<'_>) -> Result<Reply, EdgeError> {
    let layout = arguments.data.layout();
    let environment = arguments.environment.at_start(&layout)?;
    let ca_pem = arguments.ca.read()?;
    let mirrors = arguments.mirrors.options(&environment)?;
    let socket = layout.socket();
    let mut agent = agent_first::wait_for(|| {
        // Asked before every attempt: an agent never gives the lock up, so waiting for it would be in vain.
        if !matches!(ask(&socket, &Command::Status, GLANCE_TIMEOUT), Ok(None)) {
            return Err(EdgeError::AgentRuns { socket: socket.clone() });
        }
        Agent::open(&layout, ca_pem.clone(), arguments.journal_mib)
    })?;
    if let Some(timeout) = environment.exchange_timeout() {
        agent.limit_network(timeout);
    }
    end_on_signals(agent.events())?;
    let server = LocalServer::bind(&socket, hosts_group(&layout), agent.events())?;
    let listening = arguments.metrics.map(metrics::listen).transpose()?;
    let metrics = listening.as_ref().map(Loopback::address);
    if let Some(listening) = listening {
        metrics::start(listening, agent.events())?;
    }
    let around = Around {
        layout: &layout,
        agent: agent.events(),
        tally: agent.tally(),
        ca_pem: ca_pem.as_deref(),
        group: hosts_group(&layout),
    };
    let options = arguments.api.options(&environment)?;
    let api = options.is_wanted().then(|| Api::start(&options, around)).transpose()?;
    let beside = mirror::Around { layout: layout.clone(), agent: agent.events(), standings: agent.mirrors() };
    mirror::start(&mirrors, &beside);
    let (address, api_socket) = (api.as_ref().and_then(Api::address), api.as_ref().and_then(Api::socket));
    let ready = Ready { socket: server.path(), metrics, api: address, api_socket };
    output.ready(&ready).map_err(cannot_print)?;
    tracing::info!(socket = %server.path().display(), "ready");
    agent.run(server)?;
    Ok(Reply::done(Value::Null, ""))
}

fn cannot_print(reason: std::io::Error) -> EdgeError {
    EdgeError::System { doing: "print that the agent is ready", reason }
}

/// The group that init gave the journal to: hosts, who may also speak to the agent. Group 0 is nobody's.
fn hosts_group(layout: &Layout) -> Option<u32> {
    // A link that somebody put in its place says nothing about hosts.
    let journal = layout.journal().symlink_metadata().ok().filter(std::fs::Metadata::is_dir)?;
    let group = journal.gid();
    (group != 0).then_some(group)
}

/// SIGTERM and SIGINT end the agent between two events.
fn end_on_signals(events: Sender<Event>) -> Result<(), EdgeError> {
    let failed = |reason| EdgeError::System { doing: "listen for signals", reason };
    let mut signals = Signals::new([SIGTERM, SIGINT]).map_err(failed)?;
    let listening = std::thread::Builder::new().name("brink-signals".to_owned());
    let spawned = listening.spawn(move || {
        for _ in signals.forever() {
            if events.send(Event::Shutdown).is_err() {
                return;
            }
        }
    });
    spawned.map(drop).map_err(failed)
}

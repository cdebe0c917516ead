//! The command line.

use crate::codes;
use crate::faults::Faults;
use crate::life::Habits;
use crate::run::Order;
use crate::uplink::Issuers;
use anyhow::{Context as _, Result, ensure};
use brink_edge::uplink::IssuerUrl;
use brink_license::keyset::TrustAnchor;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::time::Duration;

/// Requests under way at once unless said otherwise: below the connections that one issuer takes, so that another may be down.
const IN_FLIGHT: usize = 400;
/// Seconds that activations, and what is left at the end, are waited for.
const PATIENCE_SECONDS: u64 = 300;
/// Most devices: a number and its copy's fit in 32 bits, and in the memory of a machine.
const DEVICES_MAX: u32 = 1_000_000;

/// Simulates many devices against one or more issuers
#[derive(Debug, Parser)]
#[command(name = "brink-fleet", version)]
pub struct Options {
    /// What to do
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Activate devices, let them record and exchange, drain them, and say what was seen; 1 if something was that must not be
    Run(Box<Run>),
    /// Hold a ledger against the sums of an issuer; 1 if they differ
    Compare(Compare),
}

/// The options of `run`.
#[derive(Debug, Args)]
pub struct Run {
    /// The trust anchor that devices are provisioned with
    #[arg(long, value_name = "F")]
    trust: PathBuf,
    /// Activation codes: what `brink-issuer device code --json` printed, or one a line with its uses
    #[arg(long, value_name = "F")]
    codes: PathBuf,
    /// An issuer; may be given again for more of one database, which are then asked in turn
    #[arg(long = "url", value_name = "URL", required = true)]
    urls: Vec<IssuerUrl>,
    /// The certificate to believe, in PEM; https wants it
    #[arg(long, value_name = "F")]
    ca_file: Option<PathBuf>,
    /// How many devices
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=i64::from(DEVICES_MAX)))]
    devices: u32,
    /// Seconds to run, before devices drain
    #[arg(long, value_name = "S", required_unless_present = "exchanges")]
    duration: Option<u64>,
    /// Exchanges of each device, before all drain; 0 drains the backlog alone, as after an outage
    #[arg(long, value_name = "N", conflicts_with = "duration")]
    exchanges: Option<u64>,
    /// Uses that a device records before each exchange
    #[arg(long, value_name = "N", default_value_t = 10)]
    records_per_batch: u64,
    /// Records of one request at most, 1 to 10000
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    batch_max: u64,
    /// Uses that each device has already when it begins
    #[arg(long, value_name = "N", default_value_t = 0)]
    backlog: u64,
    /// Exchanges a second of the whole fleet; without it each device exchanges again at once
    #[arg(long, value_name = "N")]
    rate: Option<f64>,
    /// Requests under way at once
    #[arg(long, value_name = "N", default_value_t = IN_FLIGHT)]
    in_flight: usize,
    /// Parts of one: replay, lost, cut and late of exchanges, fork of devices
    #[arg(long, value_name = "NAME=PART,...", default_value = "")]
    faults: Faults,
    /// What makes two runs alike; keys and nonces are fresh each time
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Seconds to wait for activations, and for what is left at the end
    #[arg(long, value_name = "S", default_value_t = PATIENCE_SECONDS)]
    patience: u64,
    /// The issuer's database is put back meanwhile: receipts may take back what they acknowledged
    #[arg(long)]
    restored: bool,
    /// Where to write what was recorded, for `compare`
    #[arg(long, value_name = "F")]
    pub ledger: Option<PathBuf>,
    /// Hold what was recorded against the sums in this issuer's data directory at the end
    #[arg(long, value_name = "D")]
    pub verify: Option<PathBuf>,
    /// The issuer's program, for --verify
    #[arg(long, value_name = "PROGRAM", default_value = "brink-issuer")]
    pub issuer: PathBuf,
    /// Print one JSON document
    #[arg(long, conflicts_with = "markdown")]
    pub json: bool,
    /// Print tables in Markdown
    #[arg(long)]
    pub markdown: bool,
}

/// The options of `compare`.
#[derive(Debug, Args)]
pub struct Compare {
    /// What `run --ledger` wrote
    #[arg(long, value_name = "F")]
    pub ledger: PathBuf,
    /// The issuer's data directory
    #[arg(long, value_name = "D")]
    pub data: PathBuf,
    /// The issuer's program
    #[arg(long, value_name = "PROGRAM", default_value = "brink-issuer")]
    pub issuer: PathBuf,
}

impl Run {
    /// What is to be run.
    pub fn order(&self) -> Result<Order> {
        let read = |path: &PathBuf| std::fs::read(path).with_context(|| path.display().to_string());
        let anchor = TrustAnchor::from_json(&read(&self.trust)?).context("--trust")?;
        let text = String::from_utf8(read(&self.codes)?).context("--codes")?;
        let codes = codes::read(&text).context("--codes")?;
        ensure!(self.rate.is_none_or(|rate| rate.is_finite() && rate > 0.0), "--rate is above 0");
        ensure!(self.in_flight > 0, "--in-flight is above 0");
        let issuers = Issuers::new(&self.urls, self.ca_file.as_deref(), self.in_flight)?;
        let interval = self.rate.map(|rate| Duration::from_secs_f64(f64::from(self.devices) / rate));
        let habits = Habits {
            records: self.records_per_batch,
            backlog: self.backlog,
            batch_max: self.batch_max,
            interval,
            turns: self.exchanges,
            faults: self.faults,
            seed: self.seed,
        };
        let patience = Duration::from_secs(self.patience);
        let duration = self.duration.map(Duration::from_secs);
        let (devices, restored) = (self.devices, self.restored);
        Ok(Order { anchor, issuers, codes, devices, habits, duration, patience, restored })
    }

    /// Devices, for the progress bar.
    #[must_use]
    pub const fn devices(&self) -> u32 {
        self.devices
    }
}

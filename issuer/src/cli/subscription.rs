//! `brink-issuer subscription`.

use super::EXIT_CODES;
use super::error::CliError;
use super::opening::Target;
use super::output::Output;
use crate::calendar::rfc3339;
use crate::price::Price;
use crate::storage::SubscriptionRow;
use crate::subscription::SubscriptionOrder;
use brink_license::TenantId;
use brink_license::token::Enforce;
use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Subcommand)]
pub(super) enum Subscription {
    /// Set what a customer has bought; replaces what was set before, a running trial keeps its start
    #[command(after_help = EXIT_CODES)]
    Set(Set),
}

#[derive(Debug, Args)]
pub(super) struct Set {
    #[command(flatten)]
    target: Target,
    /// The tenant
    #[arg(long, value_name = "T")]
    tenant: TenantId,
    /// Cameras that may run at once; a trial may leave it out
    #[arg(long, value_name = "N", required_unless_present = "trial")]
    cameras: Option<u32>,
    /// A pack, with its agreed price per camera and month where it has one: retail=49.00
    #[arg(long = "pack", value_name = "PACK[=PRICE]", value_parser = parse_pack)]
    packs: Vec<(String, Option<Price>)>,
    /// Two cameras for three calendar months
    #[arg(long)]
    trial: bool,
    /// What hosts do with "no"
    #[arg(long, value_enum, default_value_t = EnforceArg::Deny)]
    enforce: EnforceArg,
    /// Days that one token lasts, 1 to 400
    #[arg(long, default_value_t = 30)]
    days: u32,
    /// Days of flagged work after it, 0 to 30
    #[arg(long, default_value_t = 7)]
    grace: u32,
    /// Days that a device may go without contact, 1 to 180
    #[arg(long, default_value_t = 30)]
    offline_max: u32,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum EnforceArg {
    /// Follow the verdict
    Deny,
    /// Keep what runs, start nothing new
    Degrade,
    /// Allow, and flag
    Warn,
    /// Allow, and say nothing
    Observe,
}

impl From<EnforceArg> for Enforce {
    fn from(argument: EnforceArg) -> Self {
        match argument {
            EnforceArg::Deny => Enforce::Deny,
            EnforceArg::Degrade => Enforce::Degrade,
            EnforceArg::Warn => Enforce::Warn,
            EnforceArg::Observe => Enforce::Observe,
        }
    }
}

fn parse_pack(text: &str) -> Result<(String, Option<Price>), String> {
    match text.rsplit_once('=') {
        Some((name, price)) => {
            Ok((name.to_owned(), Some(price.parse::<Price>().map_err(|e| e.to_string())?)))
        }
        None => Ok((text.to_owned(), None)),
    }
}

impl Subscription {
    pub(super) const fn target(&self) -> &Target {
        match self {
            Subscription::Set(set) => &set.target,
        }
    }

    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        match self {
            Subscription::Set(set) => set.run(output),
        }
    }
}

impl Set {
    fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let order = SubscriptionOrder {
            cameras: self.cameras,
            packs: self.packs,
            trial: self.trial,
            enforce: self.enforce.into(),
            days: self.days,
            grace_days: self.grace,
            offline_max_days: self.offline_max,
        };
        let row = self.target.data.admin()?.set_subscription(&self.tenant, &order)?;
        let lines = describe(&self.tenant, &row);
        Ok(output.result(self.target.json, &document(&self.tenant, &row), &lines)?)
    }
}

fn document(tenant: &TenantId, row: &SubscriptionRow) -> serde_json::Value {
    let packs: Vec<_> =
        row.packs.iter().map(|(pack, price)| serde_json::json!({ "pack": pack, "price": price })).collect();
    let trial = row.trial.map(|trial| {
        serde_json::json!({ "started_at": rfc3339(trial.started_at), "ends_at": rfc3339(trial.ends_at) })
    });
    serde_json::json!({
        "tenant": tenant, "version": row.version, "cameras": row.cameras, "packs": packs, "trial": trial,
        "enforce": row.enforce, "days": row.days, "grace": row.grace_days, "offline_max": row.offline_max_days,
        "catalog": row.catalog_version, "set_at": rfc3339(row.set_at),
    })
}

fn describe(tenant: &TenantId, row: &SubscriptionRow) -> String {
    let packs: Vec<&str> = row.packs.keys().map(brink_license::Slug::as_str).collect();
    let packs = if packs.is_empty() { "no further packs".to_owned() } else { packs.join(", ") };
    let trial =
        row.trial.map(|trial| format!(", trial until {}", rfc3339(trial.ends_at))).unwrap_or_default();
    format!("tenant {tenant}: subscription version {}, {} cameras, {packs}{trial}", row.version, row.cameras)
}

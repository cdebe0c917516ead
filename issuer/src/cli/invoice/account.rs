//! `brink-issuer invoice profile`, `wallet` and `cost`.

use crate::amount::Amount;
use crate::billing::money;
use crate::calendar::rfc3339;
use crate::cli::error::CliError;
use crate::cli::input::read_bounded;
use crate::cli::opening::{Catalogs, Target};
use crate::cli::output::Output;
use crate::cli::table::Table;
use crate::invoicing::WalletOrder;
use crate::invoicing::profile::PROFILE_BYTES_MAX;
use crate::storage::{ProfileOwner, WalletRow};
use brink_license::{Slug, TenantId};
use chrono::NaiveDate;
use clap::Args;
use serde_json::{Value, json};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(in crate::cli) struct Profile {
    #[command(flatten)]
    pub(super) target: Target,
    /// Of this tenant
    #[arg(long, value_name = "T", required_unless_present = "seller")]
    tenant: Option<TenantId>,
    /// Of whoever invoices
    #[arg(long, conflicts_with = "tenant")]
    seller: bool,
    /// A JSON file with the profile to set
    #[arg(long, value_name = "F")]
    set: Option<PathBuf>,
    #[command(flatten)]
    catalogs: Catalogs,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Wallet {
    #[command(flatten)]
    pub(super) target: Target,
    /// The tenant
    #[arg(long, value_name = "T")]
    tenant: TenantId,
    /// Put this into it, or with a minus take it out, in the tenant's currency
    #[arg(long, value_name = "AMOUNT", allow_hyphen_values = true, requires = "reason")]
    add: Option<String>,
    /// Why, for the audit
    #[arg(long, value_name = "TEXT", requires = "add")]
    reason: Option<String>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Cost {
    #[command(flatten)]
    pub(super) target: Target,
    /// The tenant
    #[arg(long, value_name = "T")]
    tenant: TenantId,
    /// The meter that is passed through, such as sms
    #[arg(long, value_name = "M")]
    meter: Slug,
    /// The day of the tenant whose period it is for
    #[arg(long, value_name = "DAY")]
    day: NaiveDate,
    /// What it cost in the tenant's currency; with a minus what was given back
    #[arg(long, value_name = "AMOUNT", allow_hyphen_values = true)]
    amount: Amount,
    /// Why, for the audit: the bill that it comes from
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    catalogs: Catalogs,
}

impl Profile {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let invoicing = self.target.data.invoicing(&self.catalogs)?;
        let owner = self.tenant.clone().map_or(ProfileOwner::Seller, ProfileOwner::Tenant);
        if let Some(path) = &self.set {
            invoicing.set_profile(&owner, &read_bounded(path, PROFILE_BYTES_MAX)?)?;
        }
        let row = invoicing.profile(&owner)?;
        let profile: Value = serde_json::from_str(&row.body).unwrap_or_default();
        let document = json!({
            "tenant": self.tenant, "revision": row.revision, "set_at": rfc3339(row.set_at), "set_by": row.set_by,
            "profile": profile,
        });
        let whose = self.tenant.map_or_else(|| "the seller".to_owned(), |tenant| format!("tenant {tenant}"));
        let line = format!(
            "profile of {whose}, revision {}, set at {}\n{profile:#}",
            row.revision,
            rfc3339(row.set_at)
        );
        Ok(output.result(self.target.json, &document, &line)?)
    }
}

impl Wallet {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let invoicing = self.target.data.invoicing(&Catalogs::default())?;
        if let (Some(amount), Some(reason)) = (self.add, self.reason) {
            invoicing.add_to_wallet(&self.tenant, &WalletOrder { amount, reason })?;
        }
        let currency = invoicing.storage.tenant_row(&self.tenant)?.currency;
        let (entries, balance) = invoicing.wallet(&self.tenant)?;
        let shown = |minor| money::show(minor, currency);
        let entry = |row: &WalletRow| {
            json!({ "seq": row.seq, "at": rfc3339(row.at), "amount": shown(row.minor), "invoice": row.document,
                "reason": row.reason, "by": row.actor })
        };
        let document = json!({
            "tenant": self.tenant, "currency": currency, "balance": shown(balance),
            "entries": entries.iter().map(entry).collect::<Vec<_>>(),
        });
        let row =
            |row: &WalletRow| vec![rfc3339(row.at), row.actor.clone(), row.reason.clone(), shown(row.minor)];
        let table = Table {
            heading: ["at", "by", "reason", "amount"].map(str::to_owned).to_vec(),
            rows: entries.iter().map(row).collect(),
            numbers_from: 3,
        };
        let mut lines = table.lines();
        lines.push(format!("in the wallet of tenant {}: {} {currency}", self.tenant, shown(balance)));
        Ok(output.result(self.target.json, &document, &lines.join("\n"))?)
    }
}

impl Cost {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let invoicing = self.target.data.invoicing(&self.catalogs)?;
        let row = invoicing.add_cost(&self.tenant, (&self.meter, self.day), self.amount, &self.reason)?;
        let document = json!({
            "tenant": self.tenant, "meter": row.meter, "day": row.on.to_string(), "amount": row.amount.to_string(),
            "reason": row.reason, "by": row.actor, "at": rfc3339(row.at),
        });
        let line = format!("tenant {}: {} of {} cost {}", self.tenant, row.meter, row.on, row.amount);
        Ok(output.result(self.target.json, &document, &line)?)
    }
}

//! `brink-issuer tenant`.

use super::EXIT_CODES;
use super::error::CliError;
use super::opening::Target;
use super::output::Output;
use crate::admin::TenantOrder;
use crate::calendar::rfc3339;
use crate::clock::{Clock, SystemClock};
use crate::storage::{ClonePolicy, TenantRow};
use brink_license::TenantId;
use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(super) enum Tenant {
    /// Add a customer
    #[command(after_help = EXIT_CODES)]
    Create(Create),
    /// Set what happens when a device of a customer seems to run twice
    #[command(after_help = EXIT_CODES)]
    Policy(Policy),
    /// Show a customer
    #[command(after_help = EXIT_CODES)]
    Show(Show),
    /// List the customers
    #[command(after_help = EXIT_CODES)]
    List(List),
}

#[derive(Debug, Args)]
pub(super) struct Policy {
    #[command(flatten)]
    target: Target,
    /// The tenant
    #[arg(long, value_name = "T")]
    tenant: TenantId,
    /// alert: keep evidence and refuse the copy. reactivate: refuse every copy until the device was activated anew.
    /// suspend: suspend its licence
    #[arg(long, value_enum, value_name = "WHAT")]
    clones: ClonePolicy,
}

#[derive(Debug, Args)]
pub(super) struct Show {
    #[command(flatten)]
    target: Target,
    /// The tenant
    #[arg(long, value_name = "T")]
    tenant: TenantId,
}

#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub(super) struct Create {
    #[command(flatten)]
    target: Target,
    /// The id, chosen by you: 1 to 255 bytes of printable text
    #[arg(long)]
    id: TenantId,
    /// The name for people
    #[arg(long)]
    name: String,
    /// The IANA time zone of its days and months
    #[arg(long, default_value = "UTC", value_name = "TZ")]
    timezone: String,
    /// The ISO 4217 currency of its contract
    #[arg(long, default_value = "USD", value_name = "CODE")]
    currency: String,
}

impl Tenant {
    pub(super) const fn target(&self) -> &Target {
        match self {
            Tenant::Create(create) => &create.target,
            Tenant::Policy(policy) => &policy.target,
            Tenant::Show(show) => &show.target,
            Tenant::List(list) => &list.target,
        }
    }

    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        match self {
            Tenant::Create(create) => create.run(output),
            Tenant::Policy(policy) => policy.run(output),
            Tenant::Show(show) => show.run(output),
            Tenant::List(list) => list.run(output),
        }
    }
}

impl Create {
    fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let order =
            TenantOrder { id: self.id, name: self.name, timezone: self.timezone, currency: self.currency };
        let tenant = self.target.data.admin()?.create_tenant(order)?;
        let lines = format!("tenant {} ({}) is created", tenant.id, tenant.name);
        Ok(output.result(self.target.json, &document(&tenant), &lines)?)
    }
}

impl Policy {
    fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let Self { target, tenant, clones } = self;
        let was = target.data.admin()?.set_policy(&tenant, clones)?;
        let document = serde_json::json!({ "tenant": tenant, "was": was, "clones": clones });
        let lines = format!("tenant {tenant}: clones {}, was {}", clones.as_str(), was.as_str());
        Ok(output.result(target.json, &document, &lines)?)
    }
}

impl Show {
    fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let view = self.target.data.storage()?.tenant(&self.tenant, SystemClock.now())?;
        let trial = view.current.ok().and_then(|row| row.terms.trial).map(|trial| rfc3339(trial.ends_at));
        let (mut document, mut line) = (document(&view.tenant), line(&view.tenant));
        if let Some(ends_at) = &trial {
            line.push_str(&format!(", trial until {ends_at}"));
        }
        document["trial_ends_at"] = trial.into();
        Ok(output.result(self.target.json, &document, &line)?)
    }
}

impl List {
    fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let tenants = self.target.data.storage()?.tenants()?;
        let all: Vec<_> = tenants.iter().map(document).collect();
        let lines: Vec<_> = tenants.iter().map(line).collect();
        let document = serde_json::json!({ "tenants": all });
        Ok(output.result(self.target.json, &document, &lines.join("\n"))?)
    }
}

fn document(tenant: &TenantRow) -> serde_json::Value {
    serde_json::json!({
        "id": tenant.id,
        "name": tenant.name,
        "timezone": tenant.zone.name(),
        "currency": tenant.currency,
        "clones": tenant.clones,
        "created_at": rfc3339(tenant.created_at),
    })
}

fn line(tenant: &TenantRow) -> String {
    let (zone, clones) = (tenant.zone.name(), tenant.clones.as_str());
    format!("{} ({}), {zone}, {}, clones {clones}", tenant.id, tenant.name, tenant.currency.code())
}

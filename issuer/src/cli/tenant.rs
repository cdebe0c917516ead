//! `brink-issuer tenant`.

use super::EXIT_CODES;
use super::error::CliError;
use super::opening::Target;
use super::output::Output;
use crate::admin::TenantOrder;
use crate::calendar::rfc3339;
use brink_license::TenantId;
use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(super) enum Tenant {
    /// Add a customer
    #[command(after_help = EXIT_CODES)]
    Create(Create),
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
        }
    }

    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        match self {
            Tenant::Create(create) => create.run(output),
        }
    }
}

impl Create {
    fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let order =
            TenantOrder { id: self.id, name: self.name, timezone: self.timezone, currency: self.currency };
        let tenant = self.target.data.admin()?.create_tenant(order)?;
        let document = serde_json::json!({
            "id": tenant.id,
            "name": tenant.name,
            "timezone": tenant.zone.name(),
            "currency": tenant.currency,
            "created_at": rfc3339(tenant.created_at),
        });
        let lines = format!("tenant {} ({}) is created", tenant.id, tenant.name);
        Ok(output.result(self.target.json, &document, &lines)?)
    }
}

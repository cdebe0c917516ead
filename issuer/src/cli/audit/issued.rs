//! `brink-issuer audit issued`.

use super::{LIMIT_DEFAULT, LIMIT_MAX};
use crate::audit::shown_document;
use crate::calendar::rfc3339;
use crate::cli::error::CliError;
use crate::cli::opening::Target;
use crate::cli::output::Output;
use crate::cli::table::Table;
use crate::storage::{IssuedDocument, IssuedKind, IssuedQuery};
use brink_license::{DeviceId, TenantId};
use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
pub(in crate::cli) struct Issued {
    #[command(flatten)]
    pub(super) target: Target,
    /// Of this tenant alone
    #[arg(long, value_name = "T")]
    tenant: Option<TenantId>,
    /// For this device alone
    #[arg(long, value_name = "DEV")]
    device: Option<DeviceId>,
    /// Of this kind alone
    #[arg(long, value_name = "KIND")]
    kind: Option<Kind>,
    /// At most so many, the newest
    #[arg(long, value_name = "N", default_value_t = LIMIT_DEFAULT, value_parser = clap::value_parser!(u32).range(1..=LIMIT_MAX))]
    limit: u32,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    License,
    Extension,
    Revocations,
    ClockReset,
}

impl From<Kind> for IssuedKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::License => Self::License,
            Kind::Extension => Self::Extension,
            Kind::Revocations => Self::Revocations,
            Kind::ClockReset => Self::ClockReset,
        }
    }
}

impl Issued {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let (kind, limit) = (self.kind.map(Into::into), self.limit);
        let query = IssuedQuery { tenant: self.tenant, device: self.device, kind, before: None, limit };
        let documents = self.target.data.storage()?.issued(&query)?;
        let document =
            serde_json::json!({ "issued": documents.iter().map(shown_document).collect::<Vec<_>>() });
        let heading = ["issued", "tenant", "device", "kind", "id", "key", "ends", "epoch", "number"];
        let rows = documents.iter().map(cells).collect();
        let heading: Vec<_> = heading.map(str::to_owned).into();
        let table = Table { numbers_from: 7, heading, rows };
        let text =
            if documents.is_empty() { "no such document".to_owned() } else { table.lines().join("\n") };
        Ok(output.result(self.target.json, &document, &text)?)
    }
}

fn cells(document: &IssuedDocument) -> Vec<String> {
    vec![
        rfc3339(document.iat),
        document.tenant.to_string(),
        document.device.as_ref().map(ToString::to_string).unwrap_or_default(),
        document.kind.as_str().to_owned(),
        document.id.clone(),
        document.kid.to_string(),
        document.until.map(rfc3339).unwrap_or_default(),
        document.epoch.to_string(),
        document.number.to_string(),
    ]
}

//! `brink-issuer backup` and `brink-issuer restore`.

use super::error::CliError;
use super::opening::Target;
use super::output::Output;
use crate::backup::{Backup, back_up, restore};
use crate::calendar::rfc3339;
use crate::clock::{Clock, SystemClock};
use crate::place::DatabasePlace;
use crate::secret::hex;
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct BackUp {
    #[command(flatten)]
    pub(super) target: Target,
    /// The file to write; one that exists is never overwritten
    #[arg(long, value_name = "F")]
    out: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct Restore {
    #[command(flatten)]
    pub(super) target: Target,
    /// The file that `backup` wrote
    #[arg(long = "in", value_name = "F")]
    backup: PathBuf,
}

/// What a backup has not.
const NOT_IN_IT: &str = "The keys are not in it. Keep D/keys, D/trust.json and D/keyset.json, and the passphrase, in a safe of \
                         their own: without them nothing can be restored, and with them and this file everything.";

/// What happens to devices that have gone on since the backup.
const AHEAD: [&str; 4] = [
    "Devices that exchanged since are ahead of it. With their next exchange they show the receipt that they hold: no number of \
     a receipt or a licence is given twice, and they get a licence above the one they hold.",
    "Usage that was settled since is asked for again, and counted once. What a device keeps no more (after 35 days, or sooner \
     in a small journal) is on record as lost.",
    "What was decided since is forgotten: subscriptions, cameras, suspensions, revocations, retirements. Do it again, before \
     devices exchange where it matters.",
    "Devices that were activated since are unknown, and those that were activated anew are known by their old key: make \
     them a code. Codes that were spent since can be spent once more until they expire.",
];

impl BackUp {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let made = back_up(&self.target.data.place()?, &self.out)?;
        let mut document = document(&made);
        document["out"] = self.out.display().to_string().into();
        document["keys_included"] = false.into();
        let lines = format!("{} holds {}\n{NOT_IN_IT}", self.out.display(), described(&made));
        Ok(output.result(self.target.json, &document, &lines)?)
    }
}

impl Restore {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let (data, place, actor) =
            (self.target.data.directory(), self.target.data.place()?, super::opening::actor());
        let restored = restore(&data, (&place, &self.backup), (SystemClock.now(), &actor))?;
        let database = match &place {
            DatabasePlace::File(path) => path.display().to_string(),
            DatabasePlace::Server(url) => url.to_string(),
        };
        let mut document = document(&restored);
        document["database"] = database.clone().into();
        document["then"] = serde_json::json!(AHEAD);
        let lines = format!("{database} holds {}\n{}", described(&restored), AHEAD.join("\n"));
        Ok(output.result(self.target.json, &document, &lines)?)
    }
}

fn document(backup: &Backup) -> serde_json::Value {
    let holdings = &backup.holdings;
    serde_json::json!({
        "issuer": backup.issuer, "schema": holdings.schema, "bytes": backup.bytes, "sha256": hex(&backup.sha256),
        "tenants": holdings.tenants, "devices": holdings.devices, "licences": holdings.licences,
        "usage_records": holdings.usage_records, "audit_lines": holdings.audit_lines,
        "last_exchange_at": holdings.last_exchange_at.map(rfc3339),
    })
}

fn described(backup: &Backup) -> String {
    let holdings = &backup.holdings;
    let as_of = holdings.last_exchange_at.map_or_else(|| "never".to_owned(), rfc3339);
    format!(
        "issuer {} of schema {}: {} tenants, {} devices, {} licences, {} records of usage, {} lines of audit; last exchange \
         {as_of}\nsha256 {}",
        backup.issuer,
        holdings.schema,
        holdings.tenants,
        holdings.devices,
        holdings.licences,
        holdings.usage_records,
        holdings.audit_lines,
        hex(&backup.sha256)
    )
}

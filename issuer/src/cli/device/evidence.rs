//! `brink-issuer device evidence`.

use crate::calendar::rfc3339;
use crate::cli::error::CliError;
use crate::cli::opening::Target;
use crate::cli::output::Output;
use crate::storage::AuditLine;
use brink_license::{DeviceId, UnixSeconds};
use clap::Args;
use serde_json::Value;

#[derive(Debug, Args)]
pub(in crate::cli) struct Evidence {
    #[command(flatten)]
    pub(super) target: Target,
    /// The device
    #[arg(long, value_name = "DEV")]
    device: DeviceId,
}

impl Evidence {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let lines = self.target.data.admin()?.evidence(&self.device)?;
        let document = serde_json::json!({
            "device": self.device,
            "evidence": lines.iter().map(document).collect::<Vec<_>>(),
        });
        let text: Vec<_> = lines.iter().map(describe).collect();
        let none = format!("nothing was seen of a copy of device {}", self.device);
        let text = if text.is_empty() { none } else { text.join("\n") };
        Ok(output.result(self.target.json, &document, &text)?)
    }
}

fn document(line: &AuditLine) -> Value {
    let mut detail = line.detail.clone();
    if let Some(at) = seconds(&detail["accepted"]["at"]) {
        detail["accepted"]["answered_at"] = rfc3339(at).into();
    }
    serde_json::json!({
        "at": line.at, "seen_at": rfc3339(line.at), "actor": line.actor, "action": line.action, "detail": detail,
    })
}

fn seconds(value: &Value) -> Option<UnixSeconds> {
    value.as_i64().map(UnixSeconds::new)
}

fn describe(line: &AuditLine) -> String {
    let (at, detail) = (rfc3339(line.at), &line.detail);
    let code = detail["code"].as_str().map(|code| format!(" {code}")).unwrap_or_default();
    let mut text = format!("{at} {}{code} by {}", line.action, line.actor);
    if detail["proof"].is_null() {
        if let Some(reason) = detail["reason"].as_str() {
            // A reason is what somebody typed: quoted, so that it cannot pass for a line of this.
            text.push_str(&format!(", reason {reason:?}"));
        }
        return text;
    }
    if detail["replay"] == true {
        text.push_str(", a request that was answered before and came once more");
    }
    text.push_str(&format!("\n  refused:  {}", request(detail)));
    let accepted = &detail["accepted"];
    if !accepted.is_null() {
        let at = seconds(&accepted["at"]).map_or_else(|| "an unknown time".to_owned(), rfc3339);
        text.push_str(&format!("\n  accepted: {}, answered at {at}", request(accepted)));
    }
    text
}

/// The boot id is whatever the sender said, so it is quoted.
fn request(of: &Value) -> String {
    let text = |name: &str| of[name].as_str().unwrap_or("not kept").to_owned();
    format!(
        "counter {}, boot {:?}, body {}, proof {}",
        of["ctr"],
        text("boot_id"),
        text("body_sha256"),
        text("proof")
    )
}

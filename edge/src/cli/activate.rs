//! `brink-edge activate`

use super::exchange::{import, write_request};
use super::{CaFile, DataDirectory, agent_first};
use crate::command::{Command, Reply, Secret};
use crate::error::EdgeError;
use crate::look::Look;
use crate::uplink::IssuerUrl;
use crate::writer::reading;
use brink_license::DeviceId;
use brink_store::Layout;
use clap::Args;
use serde_json::{Value, json};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    data: DataDirectory,
    /// The activation code from the issuer's admin
    #[arg(long, value_name = "CODE", required_unless_present = "import")]
    code: Option<Secret>,
    /// The issuer's address, remembered for exchanges and for --again
    #[arg(long, value_name = "URL", required_unless_present_any = ["export", "import", "again"])]
    issuer: Option<IssuerUrl>,
    /// Write the request to a file instead of sending it
    #[arg(long, value_name = "REQ")]
    export: Option<PathBuf>,
    /// Take up the issuer's answer from a file
    #[arg(long, value_name = "RESP", conflicts_with_all = ["code", "issuer", "export", "again", "ca_file"])]
    import: Option<PathBuf>,
    /// Set an earlier device in this directory aside and make a new one; its licence stays in force until the answer
    #[arg(long)]
    again: bool,
    #[command(flatten)]
    ca: CaFile,
}

pub(super) fn carry_out(arguments: &Arguments) -> Result<Reply, EdgeError> {
    let before = device_in_force(&arguments.data.layout());
    let reply = activate(arguments)?;
    Ok(match before {
        Some(old) => with_what_stays(reply, &old),
        None => reply,
    })
}

/// Whose licence hosts have.
fn device_in_force(layout: &Layout) -> Option<DeviceId> {
    let snapshot = Look::new(layout).ok()?.at(&reading().ok()?);
    Some(snapshot.bundle()?.licence().claims().dev.clone())
}

/// A device that started over has another name, and its cameras and seats stay with the old one until somebody at the
/// issuer moves them.
fn with_what_stays(mut reply: Reply, old: &DeviceId) -> Reply {
    let new = reply.document.get("device").and_then(Value::as_str).map(str::to_owned);
    let Some(new) = new.filter(|new| new != old.as_str()) else { return reply };
    let mend = format!("brink-issuer device replace --device {old} --by {new}");
    reply.text.push_str(&format!(
        "\nit was {old}, whose cameras and seats stay with that name; where they have not been moved yet, at the \
         issuer: {mend}"
    ));
    reply.document["was"] = json!({ "device": old, "mend": mend });
    reply
}

fn activate(arguments: &Arguments) -> Result<Reply, EdgeError> {
    let layout = arguments.data.layout();
    if let Some(path) = &arguments.import {
        return import(&layout, path, |response| Command::ActivateImport { response });
    }
    let usage = |missing: &str| EdgeError::Usage(format!("activate needs {missing}"));
    let code = arguments.code.clone().ok_or_else(|| usage("--code CODE or --import RESP"))?;
    if code.reveal().trim().is_empty() {
        return Err(usage("a --code that is not empty"));
    }
    let (issuer, again) = (arguments.issuer.clone(), arguments.again);
    if let Some(path) = &arguments.export {
        let reply = agent_first::change(&layout, &Command::ActivateExport { code, issuer, again })?;
        return write_request(reply, path);
    }
    let ca_pem = arguments.ca.read()?;
    agent_first::change(&layout, &Command::ActivateOnline { code, issuer, ca_pem, again })
}

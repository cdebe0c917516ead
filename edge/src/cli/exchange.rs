//! `brink-edge exchange`

use super::{CaFile, DataDirectory, agent_first};
use crate::command::{Command, EXIT_NOT_ALLOWED, Payload, Reply};
use crate::error::EdgeError;
use crate::inspect::{FILE_BYTES_MAX, Inspection, Trusted};
use crate::progress::Progress;
use crate::uplink::{FileUplink, IssuerUrl, Uplink, read_bounded};
use brink_license::exchange::RESPONSE_BYTES_MAX;
use brink_store::{BUNDLE_BYTES_MAX, Layout};
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    data: DataDirectory,
    /// The issuer's address, if not the one it was activated at; remembered once it has answered
    #[arg(long, value_name = "URL", conflicts_with_all = ["export", "import", "inspect"])]
    issuer: Option<IssuerUrl>,
    /// Write the request to a file instead of sending it
    #[arg(long, value_name = "REQ", conflicts_with_all = ["import", "inspect"])]
    export: Option<PathBuf>,
    /// Take up the issuer's answer from a file
    #[arg(long, value_name = "RESP", conflicts_with = "inspect")]
    import: Option<PathBuf>,
    /// Show a request, a response or a bundle without its secrets, and what of it verified; 3 if anything did not
    #[arg(long, value_name = "FILE")]
    inspect: Option<PathBuf>,
    #[command(flatten)]
    ca: CaFile,
}

pub(super) fn carry_out(arguments: &Arguments) -> Result<Reply, EdgeError> {
    let layout = arguments.data.layout();
    if let Some(path) = &arguments.inspect {
        return inspect(&layout, path);
    }
    if let Some(path) = &arguments.import {
        return import(&layout, path, |response| Command::ExchangeImport { response });
    }
    if let Some(path) = &arguments.export {
        let reply = agent_first::change(&layout, &Command::ExchangeExport)?;
        return write_request(reply, path);
    }
    let ca_pem = arguments.ca.read()?;
    settle(&layout, &Command::ExchangeOnline { issuer: arguments.issuer.clone(), ca_pem })
}

/// One exchange, and the next as long as one could not carry everything that there was to settle.
fn settle(layout: &Layout, command: &Command) -> Result<Reply, EdgeError> {
    let mut progress = Progress::begin(("settling", "records"));
    let mut changer = agent_first::Changer::new(layout);
    let mut reply = changer.change(command)?;
    let begun = backlog(&reply);
    let mut exchanges: u64 = 1;
    while reply.document["usage"]["more"] == true {
        progress.show(begun.saturating_sub(backlog(&reply)), begun);
        let next = changer.change(command)?;
        // Hosts that ask in a row are answered what the last exchange came to.
        if next.document["receipt"] == reply.document["receipt"] || next.error.is_some() {
            reply = next;
            break;
        }
        reply = next;
        exchanges += 1;
    }
    progress.show(begun.saturating_sub(backlog(&reply)), begun);
    if exchanges > 1 {
        reply.document["exchanges"] = json!(exchanges);
        reply.text.push_str(&format!(" ({exchanges} exchanges)"));
    }
    Ok(reply)
}

fn backlog(reply: &Reply) -> u64 {
    reply.document["usage"]["backlog"].as_u64().unwrap_or_default()
}

/// Reads a response file with the permissions of whoever asks, and has it taken up.
pub(super) fn import(
    layout: &Layout,
    path: &Path,
    command: impl FnOnce(Payload) -> Command,
) -> Result<Reply, EdgeError> {
    let response = Payload(read_bounded(path, RESPONSE_BYTES_MAX)?);
    agent_first::change(layout, &command(response))
}

/// Writes the request of an export with the permissions of whoever asks.
pub(super) fn write_request(mut reply: Reply, path: &Path) -> Result<Reply, EdgeError> {
    let Some(Payload(request)) = reply.file.take() else { return Ok(reply) };
    FileUplink::new(path).send("", &request)?;
    reply.document["file"] = json!(path);
    reply.text =
        format!("{}: {}\nnext: carry it to the issuer, then --import the answer", path.display(), reply.text);
    Ok(reply)
}

/// Shows a file that is or was on its way. Only reads, so neither lock nor agent is asked.
fn inspect(layout: &Layout, path: &Path) -> Result<Reply, EdgeError> {
    let bytes = read_bounded(path, FILE_BYTES_MAX)?;
    let mut trusted = Trusted::new(layout.trust_anchor()?);
    if let Ok(bundle) = read_bounded(&layout.bundle(), BUNDLE_BYTES_MAX) {
        trusted.add_source(&bundle);
    }
    let mut reply = inspected(&Inspection::of(&bytes, Some(&trusted)));
    // JSON with and without --json: the files are for programs, and one form is enough to read.
    reply.text = format!("{:#}", reply.document);
    Ok(reply)
}

/// An inspection as an answer: 0 if everything in it verified, 3 if not.
pub(super) fn inspected(inspection: &Inspection) -> Reply {
    let mut reply = Reply::done(inspection.document(), inspection.text());
    if !inspection.is_verified() {
        reply.exit_code = EXIT_NOT_ALLOWED;
    }
    reply
}

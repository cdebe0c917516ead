//! `brink-issuer license`.

mod extend;
mod revocations;

use super::EXIT_CODES;
use super::error::CliError;
use super::opening::Target;
use super::output::Output;
use crate::calendar::rfc3339;
use crate::catalog::Catalog;
use crate::clock::{Clock, SystemClock};
use crate::desired::Mint;
use crate::shown::{HOLDERS_SHOWN, ShownDesired, ShownLicence, ShownSeats, ShownToken, shown};
use crate::standing::{StandingOrder, Turn};
use brink_license::DeviceId;
use clap::{Args, Subcommand};
use extend::Extend;
use revocations::Revocations;
use std::fmt::Write;

#[derive(Debug, Subcommand)]
pub(super) enum License {
    /// Show what was minted last for a device, and what would be minted now
    #[command(after_help = EXIT_CODES)]
    Show(Show),
    /// Withdraw a device's licence, by the next exchange or file
    #[command(after_help = EXIT_CODES)]
    Revoke(Standing),
    /// Hold a device's licence back until it is resumed
    #[command(after_help = EXIT_CODES)]
    Suspend(Standing),
    /// Give a device its licence back; after a revocation, a new one
    #[command(after_help = EXIT_CODES)]
    Resume(Standing),
    /// Write the signed list of a tenant's revoked licences, for sites that no exchange reaches
    #[command(after_help = EXIT_CODES)]
    Revocations(Revocations),
    /// Let a licence last a few days longer, as a file or as lines to read out; bounded and audited
    #[command(after_help = EXIT_CODES)]
    Extend(Extend),
}

#[derive(Debug, Args)]
pub(super) struct Show {
    #[command(flatten)]
    target: Target,
    /// The device
    #[arg(long, value_name = "DEV")]
    device: DeviceId,
    /// Include the token itself, which whoever holds it can read
    #[arg(long)]
    token: bool,
}

#[derive(Debug, Args)]
pub(super) struct Standing {
    #[command(flatten)]
    target: Target,
    /// The device
    #[arg(long, value_name = "DEV")]
    device: DeviceId,
    /// Why, for the audit
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

impl Standing {
    fn run(self, turn: Turn, output: &mut Output<'_>) -> Result<(), CliError> {
        let order = StandingOrder { turn, reason: self.reason };
        let was = self.target.data.admin()?.turn_licence(&self.device, &order)?;
        let (standing, next) = match turn {
            Turn::Revoke => {
                ("revoked", "it stops with the next exchange, or with the next answer that is carried there")
            }
            Turn::Suspend => ("suspended", "it pauses with the next exchange, until `license resume`"),
            Turn::Resume => ("active", "the next exchange brings it back into force"),
        };
        let device = &self.device;
        let document = serde_json::json!({ "device": device, "was": was, "status": standing });
        let lines = format!("device {device}: licence {standing}, was {}\n{next}", was.as_str());
        Ok(output.result(self.target.json, &document, &lines)?)
    }
}

impl License {
    pub(super) const fn target(&self) -> &Target {
        match self {
            License::Show(show) => &show.target,
            License::Revocations(list) => &list.target,
            License::Extend(extend) => &extend.target,
            License::Revoke(standing) | License::Suspend(standing) | License::Resume(standing) => {
                &standing.target
            }
        }
    }

    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        match self {
            License::Show(show) => show.run(output),
            License::Revoke(standing) => standing.run(Turn::Revoke, output),
            License::Suspend(standing) => standing.run(Turn::Suspend, output),
            License::Resume(standing) => standing.run(Turn::Resume, output),
            License::Revocations(list) => list.run(output),
            License::Extend(extend) => extend.run(output),
        }
    }
}

impl Show {
    fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let (storage, now) = (self.target.data.storage()?, SystemClock.now());
        let (issuer, catalog) = (storage.issuer()?, Catalog::embedded()?);
        // Versions rise by one from 1, so their number is the newest version.
        let keyset_version = storage.manifests()?.len() as u64;
        let view = storage.device(&self.device, now)?;
        let holders = storage.holders(&self.device, now, HOLDERS_SHOWN)?;
        let mint = Mint { issuer: &issuer.name, catalog: &catalog, keyset_version, now };
        let known = (holders, storage.seats(&self.device)?);
        let shown = shown(&mint, &view, known, self.token)?;
        Ok(output.result(self.target.json, &shown, &describe(&shown))?)
    }
}

fn describe(shown: &ShownLicence) -> String {
    let mut text = format!("device {} of tenant {}\n", shown.device, shown.tenant);
    match &shown.minted {
        Some(token) => describe_token(&mut text, token),
        None => text.push_str("minted: nothing yet\n"),
    }
    match (&shown.desired, &shown.unmintable) {
        (Some(desired), _) => describe_desired(&mut text, desired),
        (None, Some(reason)) => text.push_str(&format!("now:    nothing can be minted: {reason}\n")),
        (None, None) => {}
    }
    if let Some(seats) = &shown.seats {
        describe_seats(&mut text, seats);
    }
    if let Some(at) = &shown.seats_refused_at {
        let _ = writeln!(text, "seats:  a report broke a rule at {at}: see the audit");
    }
    let next = match shown.will_mint {
        None if shown.reactivation_due_since.is_some() => {
            "every copy is refused until it was activated anew: device reactivate, then activate --again"
        }
        Some(_) => "the next exchange mints a new token",
        None if shown.minted.is_none() => "activation mints the first token",
        None => "the next exchange sends nothing new",
    };
    text.push_str(next);
    text
}

// Writing to a String cannot fail, so the results below are dropped.
fn describe_token(text: &mut String, token: &ShownToken) {
    let _ = writeln!(
        text,
        "minted: seq {}, jti {}, {} cameras by name, any {}",
        token.seq, token.jti, token.named, token.any
    );
    let _ = writeln!(
        text,
        "        issued {}, expires {}, grace ends {}",
        token.issued_at, token.expires_at, token.ends_at
    );
    if let Some(token) = &token.token {
        let _ = writeln!(text, "        {token}");
    }
}

fn describe_seats(text: &mut String, seats: &ShownSeats) {
    let cameras: Vec<_> = seats.cameras.iter().map(|row| row.camera.as_str()).collect();
    let _ = writeln!(
        text,
        "seats:  {} cameras on unnamed seats as of {}: {}",
        cameras.len(),
        seats.reported_at,
        cameras.join(", ")
    );
    for conflict in &seats.conflicts {
        let _ = writeln!(text, "        {}", super::camera::conflict(conflict));
    }
}

fn describe_desired(text: &mut String, desired: &ShownDesired) {
    let _ = writeln!(
        text,
        "now:    {} cameras by name in {} grants, any {}, would expire {}",
        desired.named,
        desired.grants.len(),
        desired.any,
        desired.expires_at
    );
    if let Some(withheld) = &desired.withheld {
        let _ = writeln!(text, "        withheld: {}", withheld.reason);
        for holder in &withheld.held_by {
            let until = rfc3339(holder.until);
            let _ = writeln!(text, "        device {} holds {} until {until}", holder.device, holder.held);
        }
    }
    for pack in &desired.packs_withheld {
        let _ = writeln!(text, "        pack {pack} is assigned to cameras but no longer subscribed");
    }
}

//! `brink-issuer subscription`.

mod change;
mod history;
mod set;
mod shown;

use super::EXIT_CODES;
use super::error::CliError;
use super::opening::Target;
use super::output::Output;
use crate::price::{Price, PriceError};
use crate::storage::Agreed;
use crate::timeline::{At, Entry};
use brink_license::token::Enforce;
use clap::{Args, Subcommand, ValueEnum};
use std::fmt::Display;
use std::str::FromStr;

#[derive(Debug, Subcommand)]
pub(super) enum Subscription {
    /// Set what a customer has bought, from an instant on; replaces what was set before and what was to come behind it, a
    /// running trial keeps its start
    #[command(after_help = EXIT_CODES)]
    Set(set::Set),
    /// Change what a customer has bought, from an instant on; what is left out stays, and what was to come stays to come
    #[command(after_help = EXIT_CODES)]
    Change(change::Change),
    /// List every version of what a customer has bought, and what is in force when
    #[command(after_help = EXIT_CODES)]
    History(history::History),
}

/// When something takes effect, why, and whether it does.
#[derive(Debug, Args)]
struct When {
    /// When it takes effect: a day of the tenant, or an instant like 2026-03-01T00:15:00+01:00; at once unless said otherwise
    #[arg(long, value_name = "T")]
    at: Option<At>,
    /// Why; needed for what takes effect in the past
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Say what would be recorded, and record nothing
    #[arg(long)]
    dry_run: bool,
}

impl When {
    fn entry(&self) -> Entry {
        Entry { at: self.at.unwrap_or_default(), reason: self.reason.clone() }
    }
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

/// `analyst_seat=2`, and what of a change `+2` and `-2` are.
fn parse_item<N: FromStr<Err: Display>>(text: &str) -> Result<(String, N), String> {
    let (name, count) = text.split_once('=').ok_or("write how many there are, like analyst_seat=2")?;
    Ok((name.to_owned(), count.parse().map_err(|e: N::Err| e.to_string())?))
}

/// `base_camera=55.00`, `api_call_overage=0.04/1000`.
fn parse_price(text: &str) -> Result<(String, Agreed), String> {
    let (name, price) = text.split_once('=').ok_or("write the amount, like base_camera=55.00")?;
    let (amount, per) = price.split_once('/').map_or((price, None), |(amount, per)| (amount, Some(per)));
    let per = per.map(|per| {
        per.parse().map_err(|_| {
            format!("{per:?} is no number of units: write a whole one behind the stroke, like 0.04/1000")
        })
    });
    let amount = amount.parse().map_err(|e: PriceError| e.to_string())?;
    Ok((name.to_owned(), Agreed { amount, per: per.transpose()?, at_once: false }))
}

/// The prices as they were given, from the day on that they take effect on.
fn at_once(prices: Vec<(String, Agreed)>, at_once: bool) -> impl Iterator<Item = (String, Agreed)> {
    prices.into_iter().map(move |(name, agreed)| (name, Agreed { at_once, ..agreed }))
}

impl Subscription {
    pub(super) const fn target(&self) -> &Target {
        match self {
            Subscription::Set(set) => &set.target,
            Subscription::Change(change) => &change.target,
            Subscription::History(history) => &history.target,
        }
    }

    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        match self {
            Subscription::Set(set) => set.run(output),
            Subscription::Change(change) => change.run(output),
            Subscription::History(history) => history.run(output),
        }
    }
}

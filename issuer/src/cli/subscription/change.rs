//! `brink-issuer subscription change`.

use super::shown;
use super::{EnforceArg, When, at_once, parse_item, parse_pack, parse_price};
use crate::cli::error::CliError;
use crate::cli::opening::Target;
use crate::cli::output::Output;
use crate::editing::Keeping;
use crate::price::Price;
use crate::storage::Agreed;
use crate::timeline::{ChangeOrder, QuantityDelta};
use brink_license::TenantId;
use clap::Args;

#[derive(Debug, Args)]
pub(in crate::cli) struct Change {
    #[command(flatten)]
    pub(super) target: Target,
    /// The tenant
    #[arg(long, value_name = "T")]
    tenant: TenantId,
    /// Cameras that may run at once: so many, or so many more or fewer than there are then
    #[arg(long, value_name = "N|+N|-N", allow_hyphen_values = true)]
    cameras: Option<QuantityDelta>,
    /// A pack to add, or whose agreed price to change: retail=49.00
    #[arg(long = "pack", value_name = "PACK[=PRICE]", value_parser = parse_pack)]
    packs: Vec<(String, Option<Price>)>,
    /// A pack to remove
    #[arg(long = "remove-pack", value_name = "PACK")]
    remove_packs: Vec<String>,
    /// How many of another catalogue price, or how many more or fewer than there are then: analyst_seat=+2
    #[arg(long = "item", value_name = "NAME=N|+N|-N", value_parser = parse_item::<QuantityDelta>)]
    items: Vec<(String, QuantityDelta)>,
    /// A price of the contract in place of the catalogue's, for one or for as many as are said: api_call_overage=0.04/1000
    #[arg(long = "price", value_name = "NAME=AMOUNT[/PER]", value_parser = parse_price)]
    prices: Vec<(String, Agreed)>,
    /// These prices apply from the day on that they take effect on, and not from the next period on
    #[arg(long, requires = "prices")]
    prices_at_once: bool,
    /// A price that the catalogue says again, from the next period on
    #[arg(long = "catalog-price", value_name = "NAME")]
    catalog_prices: Vec<String>,
    /// What hosts do with "no"
    #[arg(long, value_enum)]
    enforce: Option<EnforceArg>,
    /// Days that one token lasts, 1 to 400
    #[arg(long, value_name = "N")]
    days: Option<u32>,
    /// Days of flagged work after it, 0 to 30
    #[arg(long, value_name = "N")]
    grace: Option<u32>,
    /// Days that a device may go without contact, 1 to 180
    #[arg(long, value_name = "N")]
    offline_max: Option<u32>,
    /// Take the change of this version back, which has not taken effect yet
    #[arg(
        long,
        value_name = "VERSION",
        conflicts_with_all = ["cameras", "packs", "remove_packs", "items", "prices", "catalog_prices", "enforce", "days", "grace",
            "offline_max", "at"]
    )]
    cancel_scheduled: Option<u32>,
    #[command(flatten)]
    when: When,
}

impl Change {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let (admin, entry) = (self.target.data.admin()?, self.when.entry());
        let keeping = Keeping { is_kept: !self.when.dry_run, ..Keeping::all() };
        let recorded = match self.cancel_scheduled {
            Some(version) => admin.cancel_change(&self.tenant, version, entry.reason.as_deref(), &keeping)?,
            None => {
                let agreed = at_once(self.prices, self.prices_at_once);
                let agreed = agreed.map(|(name, agreed)| (name, Some(agreed)));
                let order = ChangeOrder {
                    cameras: self.cameras,
                    packs: self.packs,
                    remove_packs: self.remove_packs,
                    items: self.items,
                    prices: agreed.chain(self.catalog_prices.into_iter().map(|name| (name, None))).collect(),
                    enforce: self.enforce.map(Into::into),
                    days: self.days,
                    grace_days: self.grace,
                    offline_max_days: self.offline_max,
                };
                admin.change_subscription(&self.tenant, &order, &entry, &keeping)?
            }
        };
        shown::recorded(output, self.target.json, (&self.tenant, &recorded, self.when.dry_run))
    }
}

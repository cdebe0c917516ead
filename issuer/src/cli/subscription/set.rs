//! `brink-issuer subscription set`.

use super::shown;
use super::{EnforceArg, When, at_once, parse_item, parse_pack, parse_price};
use crate::cli::error::CliError;
use crate::cli::opening::Target;
use crate::cli::output::Output;
use crate::editing::Keeping;
use crate::price::Price;
use crate::storage::Agreed;
use crate::subscription::SubscriptionOrder;
use brink_license::TenantId;
use clap::Args;

#[derive(Debug, Args)]
pub(in crate::cli) struct Set {
    #[command(flatten)]
    pub(super) target: Target,
    /// The tenant
    #[arg(long, value_name = "T")]
    tenant: TenantId,
    /// Cameras that may run at once; a trial may leave it out
    #[arg(long, value_name = "N", required_unless_present = "trial")]
    cameras: Option<u32>,
    /// A pack, with its agreed price per camera and month where it has one: retail=49.00
    #[arg(long = "pack", value_name = "PACK[=PRICE]", value_parser = parse_pack)]
    packs: Vec<(String, Option<Price>)>,
    /// How many of another catalogue price: analyst_seat=2 beyond the included ones, cloud_export=1
    #[arg(long = "item", value_name = "NAME=N", value_parser = parse_item::<u32>)]
    items: Vec<(String, u32)>,
    /// A price of the contract in place of the catalogue's, for one or for as many as are said: api_call_overage=0.04/1000
    #[arg(long = "price", value_name = "NAME=AMOUNT[/PER]", value_parser = parse_price)]
    prices: Vec<(String, Agreed)>,
    /// These prices apply from the day on that they take effect on, and not from the next period on
    #[arg(long, requires = "prices")]
    prices_at_once: bool,
    /// Two cameras for three calendar months
    #[arg(long)]
    trial: bool,
    /// What hosts do with "no"
    #[arg(long, value_enum, default_value_t = EnforceArg::Deny)]
    enforce: EnforceArg,
    /// Days that one token lasts, 1 to 400
    #[arg(long, default_value_t = 30)]
    days: u32,
    /// Days of flagged work after it, 0 to 30
    #[arg(long, default_value_t = 7)]
    grace: u32,
    /// Days that a device may go without contact, 1 to 180
    #[arg(long, default_value_t = 30)]
    offline_max: u32,
    #[command(flatten)]
    when: When,
}

impl Set {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let order = SubscriptionOrder {
            cameras: self.cameras,
            packs: self.packs,
            items: self.items,
            prices: at_once(self.prices, self.prices_at_once).collect(),
            trial: self.trial,
            enforce: self.enforce.into(),
            days: self.days,
            grace_days: self.grace,
            offline_max_days: self.offline_max,
        };
        let (admin, keeping) =
            (self.target.data.admin()?, Keeping { is_kept: !self.when.dry_run, ..Keeping::all() });
        let recorded = admin.replace_subscription(&self.tenant, &order, &self.when.entry(), &keeping)?;
        shown::recorded(output, self.target.json, (&self.tenant, &recorded, self.when.dry_run))
    }
}

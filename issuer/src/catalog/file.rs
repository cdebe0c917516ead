//! The catalogue as it stands in TOML. Unknown members are refused: a misspelt price must not become a free one.

use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CatalogFile {
    pub(super) version: u64,
    /// The version that this one takes the place of.
    pub(super) supersedes: Option<u64>,
    /// The first day of it, and the first day after it.
    pub(super) from: Option<String>,
    pub(super) until: Option<String>,
    pub(super) currency: String,
    pub(super) prices: BTreeMap<String, PriceFile>,
    pub(super) trial: TrialFile,
    #[serde(default)]
    pub(super) quotas: BTreeMap<String, BTreeMap<String, QuotaFile>>,
    pub(super) meters: BTreeMap<String, MeterFile>,
    #[serde(default)]
    pub(super) meter_aliases: BTreeMap<String, String>,
    pub(super) packs: BTreeMap<String, PackFile>,
}

/// `sms = "messages"`, or `sms = { unit = "messages", cap = "1000" }`.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum MeterFile {
    /// What it counts.
    Unit(String),
    /// The same, and more.
    Terms(MeterTermsFile),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MeterTermsFile {
    pub(super) unit: String,
    pub(super) cap: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PriceFile {
    pub(super) amount: Option<String>,
    pub(super) per: Option<u64>,
    pub(super) unit: Option<String>,
    pub(super) every: Option<Every>,
    pub(super) meter: Option<String>,
    pub(super) included_seats: Option<u32>,
    pub(super) overage: Option<Overage>,
    #[serde(default)]
    pub(super) pass_through: bool,
}

/// How usage beyond what is included is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Overage {
    /// To the unit.
    #[default]
    Exact,
    /// In packages, of which a started one is paid whole.
    Package,
}

/// How often a price falls due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Every {
    /// Each month.
    #[default]
    Month,
    /// Each year, in advance.
    Year,
    /// Once, when it starts.
    Once,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TrialFile {
    pub(super) cameras: u32,
    pub(super) months: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct QuotaFile {
    pub(super) included: u64,
    pub(super) per: Option<QuotaPer>,
    pub(super) over: OverFile,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum QuotaPer {
    Seat,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum OverFile {
    Allow,
    Warn,
    Deny,
}

/// Everything beside the three named members is a category of features: `analytics = ["near_miss"]`.
#[derive(Deserialize)]
pub(super) struct PackFile {
    #[serde(rename = "type")]
    pub(super) kind: PackKind,
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) scope: Scope,
    #[serde(flatten)]
    pub(super) categories: BTreeMap<String, Vec<String>>,
}

/// What sort of thing a pack is, commercially.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PackKind {
    /// What every paid camera gets.
    Base,
    /// What a trial camera gets instead.
    Trial,
    /// A growth pack with a catalogue price.
    AdvancedAnalytics,
    /// A growth pack of the whole tenant.
    Intelligence,
    /// Outward connections of the whole tenant.
    Integration,
    /// Priced per contract.
    Industry,
    /// Retention products, priced per contract.
    Data,
}

/// To what a pack applies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// To cameras that it is assigned to.
    #[default]
    Camera,
    /// To everything the tenant has.
    Tenant,
}

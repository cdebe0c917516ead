//! The catalogue: packs and their features, catalogue prices, trial terms, quotas and meters. Immutable once read.

mod file;
mod lines;
mod meters;
mod prices;
mod versions;

pub use file::{Every, Overage, PackKind, Scope};
pub use meters::Meters;
pub use prices::CatalogPrice;
pub use versions::{Validity, Versions};

use crate::currency::Currency;
use brink_license::token::Over;
use brink_license::{Feature, Slug};
use std::collections::BTreeMap;

/// The catalogue that the program carries.
pub(crate) const DEFAULT: &str = include_str!("../../catalog/default.toml");

/// Largest text: hundreds of times the program's own.
pub const TEXT_BYTES_MAX: usize = 1024 * 1024;
/// The pack that every paid camera is granted.
pub const PACK_BASE: &str = "base";
/// The pack that a trial camera is granted instead.
pub const PACK_TRIAL: &str = "trial";
/// The pack whose quota counts by seats: those that its price includes, and those beyond.
pub const PACK_INTELLIGENCE: &str = "intelligence";
/// The price of a camera with the base pack.
pub const PRICE_CAMERA: &str = "base_camera";
/// The price of a seat beyond those that the pack includes.
pub const PRICE_SEAT: &str = "analyst_seat";
/// The prices of a device, by its tier.
pub const PRICES_OF_TIERS: [&str; 2] = ["device_basic", "device_managed"];

/// Why a catalogue, or a name looked up in it, is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    /// More than is read.
    #[error("the catalogue has more than {TEXT_BYTES_MAX} bytes")]
    TooLarge,
    /// Not TOML of the expected shape; the text carries line and column.
    #[error("the catalogue does not parse: {0}")]
    Toml(String),
    /// A member that contradicts the others.
    #[error("the catalogue's {place}{}: {problem}", said(*line))]
    Invalid {
        /// Path into the file.
        place: String,
        /// Where that stands in it.
        line: Option<usize>,
        /// What is wrong there.
        problem: String,
    },
    /// Versions that contradict each other.
    #[error("the catalogues: {0}")]
    Versions(String),
    /// A pack that is not listed.
    #[error("unknown pack {name:?}")]
    UnknownPack {
        /// As it was written.
        name: String,
        /// Every slug.
        known: String,
    },
}

impl CatalogError {
    /// What helps.
    #[must_use]
    pub fn mend(&self) -> String {
        match self {
            Self::TooLarge => "leave out what it does not need".into(),
            Self::Toml(_) | Self::Invalid { .. } => "correct the catalogue, or take the program's own".into(),
            Self::Versions(_) => {
                "give each version a number and days of its own, and let each supersede the one before".into()
            }
            Self::UnknownPack { known, .. } => format!("name one that the catalogue has: {known}"),
        }
    }
}

/// One pack, its features resolved.
#[derive(Clone, Debug)]
pub struct Pack {
    /// Its identity.
    pub slug: Slug,
    /// What sort of thing it is.
    pub kind: PackKind,
    /// Its display name.
    pub name: String,
    /// To what it applies.
    pub scope: Scope,
    /// What it lets a camera or the device do, sorted.
    pub features: Vec<Feature>,
}

impl Pack {
    /// Whether a subscription that enables it must carry its price.
    #[must_use]
    pub const fn is_priced_by_contract(&self) -> bool {
        match self.kind {
            PackKind::Industry | PackKind::Data => true,
            PackKind::Base
            | PackKind::Trial
            | PackKind::AdvancedAnalytics
            | PackKind::Intelligence
            | PackKind::Integration => false,
        }
    }
}

/// Prepaid usage that a pack brings, per tenant and month.
#[derive(Clone, Debug)]
pub struct QuotaTerm {
    /// What is counted.
    pub meter: Slug,
    /// Units, of the tenant or of each seat.
    pub included: u64,
    /// Whether `included` is per seat.
    pub per_seat: bool,
    /// What happens beyond it.
    pub over: Over,
}

/// What a trial is.
#[derive(Clone, Copy, Debug)]
pub struct TrialTerms {
    /// Cameras.
    pub cameras: u32,
    /// Calendar months.
    pub months: u32,
}

/// A validated catalogue.
#[derive(Clone, Debug)]
pub struct Catalog {
    /// Its version, which licences name.
    pub version: u64,
    /// The version that it takes the place of.
    pub supersedes: Option<u64>,
    /// The days that it is for.
    pub validity: Validity,
    /// SHA-256 of its text: a version is immutable, so two texts of one number are not the same.
    pub digest: [u8; 32],
    /// The currency of its prices.
    pub currency: Currency,
    /// Trial terms.
    pub trial: TrialTerms,
    /// What is known of meters.
    pub meters: Meters,
    prices: BTreeMap<Slug, CatalogPrice>,
    quotas: BTreeMap<Slug, Vec<QuotaTerm>>,
    packs: BTreeMap<Slug, Pack>,
}

fn invalid(place: impl Into<String>, problem: impl ToString) -> CatalogError {
    CatalogError::Invalid { place: place.into(), line: None, problem: problem.to_string() }
}

fn said(line: Option<usize>) -> String {
    line.map(|line| format!(" (line {line})")).unwrap_or_default()
}

impl Catalog {
    /// The catalogue that the program carries.
    pub fn embedded() -> Result<Self, CatalogError> {
        Self::parse(DEFAULT)
    }

    /// Reads and validates a file, which is whole or one byte longer than it may be.
    pub fn read_bytes(bytes: &[u8]) -> Result<Self, CatalogError> {
        if bytes.len() > TEXT_BYTES_MAX {
            return Err(CatalogError::TooLarge);
        }
        Self::parse(std::str::from_utf8(bytes).map_err(|error| CatalogError::Toml(error.to_string()))?)
    }

    /// Reads and validates TOML.
    pub fn parse(text: &str) -> Result<Self, CatalogError> {
        let file = toml::from_str(text).map_err(|e| CatalogError::Toml(e.to_string()))?;
        Self::read(text, &file).map_err(|error| match error {
            CatalogError::Invalid { place, problem, .. } => {
                CatalogError::Invalid { line: lines::line_of(text, &place), place, problem }
            }
            CatalogError::TooLarge
            | CatalogError::Toml(_)
            | CatalogError::Versions(_)
            | CatalogError::UnknownPack { .. } => error,
        })
    }

    fn read(text: &str, file: &file::CatalogFile) -> Result<Self, CatalogError> {
        if file.version == 0 {
            return Err(invalid("version", "must be at least 1"));
        }
        if file.trial.cameras == 0 || !(1..=24).contains(&file.trial.months) {
            return Err(invalid("trial", "needs at least one camera and 1 to 24 months"));
        }
        let packs = read_packs(file)?;
        Ok(Self {
            version: file.version,
            supersedes: file.supersedes,
            validity: Validity::read(file)?,
            digest: crate::secret::sha256(text.as_bytes()),
            currency: file.currency.parse().map_err(|e| invalid("currency", e))?,
            trial: TrialTerms { cameras: file.trial.cameras, months: file.trial.months },
            meters: Meters::read(file)?,
            prices: prices::read(file, &packs)?,
            quotas: read_quotas(file, &packs)?,
            packs,
        })
    }

    /// The pack of a slug or of a display name; letter case and the choice of space or underscore do not matter.
    pub fn pack(&self, name: &str) -> Result<&Pack, CatalogError> {
        let wanted = folded(name);
        let found =
            self.packs.values().find(|pack| pack.slug.as_str() == wanted || folded(&pack.name) == wanted);
        found.ok_or_else(|| CatalogError::UnknownPack {
            name: name.chars().take(64).collect(),
            known: self.known(),
        })
    }

    /// The pack of a slug that a stored row names.
    #[must_use]
    pub fn by_slug(&self, slug: &Slug) -> Option<&Pack> {
        self.packs.get(slug)
    }

    /// The catalogue price of a slug, if it has one.
    #[must_use]
    pub fn price(&self, slug: &str) -> Option<&CatalogPrice> {
        self.prices.iter().find(|(known, _)| known.as_str() == slug).map(|(_, price)| price)
    }

    /// The catalogue price of a name; letter case and the choice of space or underscore do not matter.
    #[must_use]
    pub fn price_named(&self, name: &str) -> Option<(&Slug, &CatalogPrice)> {
        let wanted = folded(name);
        self.prices.iter().find(|(known, _)| known.as_str() == wanted)
    }

    /// All packs, by slug.
    pub fn packs(&self) -> impl Iterator<Item = &Pack> {
        self.packs.values()
    }

    /// All prices, by name.
    pub fn prices(&self) -> impl Iterator<Item = (&Slug, &CatalogPrice)> {
        self.prices.iter()
    }

    /// The quotas that a pack brings.
    #[must_use]
    pub fn quotas(&self, pack: &str) -> &[QuotaTerm] {
        self.quotas.iter().find(|(known, _)| known.as_str() == pack).map_or(&[], |(_, terms)| terms)
    }

    fn known(&self) -> String {
        self.packs.keys().map(Slug::as_str).collect::<Vec<_>>().join(", ")
    }
}

fn folded(name: &str) -> String {
    name.trim().to_lowercase().replace([' ', '-'], "_")
}

fn slug(place: &str, text: &str) -> Result<Slug, CatalogError> {
    Slug::parse(text).map_err(|e| invalid(place, e))
}

fn read_packs(file: &file::CatalogFile) -> Result<BTreeMap<Slug, Pack>, CatalogError> {
    let mut packs: BTreeMap<Slug, Pack> = BTreeMap::new();
    for (name, entry) in &file.packs {
        let place = format!("packs.{name}");
        let pack = read_pack(&place, name, entry)?;
        if packs.values().any(|other| folded(&other.name) == folded(&pack.name)) {
            return Err(invalid(place, format!("the display name {:?} is taken by another pack", pack.name)));
        }
        packs.insert(pack.slug.clone(), pack);
    }
    for (needed, kind) in [(PACK_BASE, PackKind::Base), (PACK_TRIAL, PackKind::Trial)] {
        let found: Vec<&str> = packs.values().filter(|p| p.kind == kind).map(|p| p.slug.as_str()).collect();
        if found != [needed] {
            return Err(invalid(
                "packs",
                format!("exactly one pack, {needed}, must have that type; found {found:?}"),
            ));
        }
    }
    Ok(packs)
}

fn read_pack(place: &str, name: &str, entry: &file::PackFile) -> Result<Pack, CatalogError> {
    let mut features = Vec::new();
    for (category, names) in &entry.categories {
        for feature in names {
            let text = format!("{category}/{feature}");
            features.push(Feature::parse(&text).map_err(|e| invalid(place, e))?);
        }
    }
    features.sort_unstable();
    if let Some(twice) = features.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(invalid(place, format!("lists {} twice", twice[0])));
    }
    let display = entry.name.clone().unwrap_or_else(|| name.replace('_', " "));
    Ok(Pack { slug: slug(place, name)?, kind: entry.kind, name: display, scope: entry.scope, features })
}

type Quotas = BTreeMap<Slug, Vec<QuotaTerm>>;

fn read_quotas(file: &file::CatalogFile, packs: &BTreeMap<Slug, Pack>) -> Result<Quotas, CatalogError> {
    let mut quotas = BTreeMap::new();
    for (pack, meters) in &file.quotas {
        let place = format!("quotas.{pack}");
        let pack = slug(&place, pack)?;
        if !packs.contains_key(&pack) {
            return Err(invalid(place, "there is no such pack"));
        }
        let mut terms = Vec::new();
        for (meter, entry) in meters {
            if !file.meters.contains_key(meter) {
                return Err(invalid(place, format!("unknown meter {meter}")));
            }
            terms.push(QuotaTerm {
                meter: slug(&place, meter)?,
                included: entry.included,
                per_seat: matches!(entry.per, Some(file::QuotaPer::Seat)),
                over: read_over(entry.over),
            });
        }
        quotas.insert(pack, terms);
    }
    Ok(quotas)
}

const fn read_over(over: file::OverFile) -> Over {
    match over {
        file::OverFile::Allow => Over::Allow,
        file::OverFile::Warn => Over::Warn,
        file::OverFile::Deny => Over::Deny,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(from: &str, to: &str) -> String {
        assert!(DEFAULT.contains(from), "{from}");
        Catalog::parse(&DEFAULT.replacen(from, to, 1)).map(drop).expect_err(to).to_string()
    }

    #[test]
    fn the_embedded_catalogue_is_valid() {
        let catalog = Catalog::embedded().unwrap();
        assert_eq!((catalog.version, catalog.trial.cameras, catalog.trial.months), (1, 2, 3));
        let pack = catalog.pack("advanced_analytics").unwrap();
        assert!(pack.features.iter().any(|f| f.as_str() == "analytics/near_miss"));
        assert_eq!(catalog.price("advanced_analytics").unwrap().amount.as_ref().unwrap().as_str(), "20");
        assert!(catalog.pack("data").unwrap().features.is_empty());
        assert_eq!(catalog.price("intelligence").unwrap().included_seats, 5);
        assert_eq!(catalog.quotas("base").len(), 2);
    }

    #[test]
    fn display_names_are_aliases_and_unknown_packs_are_listed_against() {
        let catalog = Catalog::embedded().unwrap();
        for name in ["Advanced Analytics", "advanced-analytics", "ADVANCED_ANALYTICS"] {
            assert_eq!(catalog.pack(name).unwrap().slug.as_str(), "advanced_analytics");
        }
        let error = catalog.pack("retial").unwrap_err();
        let message = format!("{error}; {}", error.mend());
        assert!(
            message.contains("\"retial\"") && message.contains("retail") && message.contains("waterways"),
            "{message}"
        );
    }

    #[test]
    fn only_industry_and_data_packs_are_priced_by_contract() {
        let catalog = Catalog::embedded().unwrap();
        let by_contract = |name| catalog.pack(name).unwrap().is_priced_by_contract();
        assert!(by_contract("retail") && by_contract("data"));
        assert!(
            !by_contract("advanced_analytics") && !by_contract("intelligence") && !by_contract("integration")
        );
    }

    #[test]
    fn contradictions_are_refused_with_their_place() {
        for (from, to, place) in [
            ("version = 1", "version = 0", "version"),
            ("currency = \"USD\"", "currency = \"usd\"", "currency"),
            ("amount = \"60\"", "amount = \"-60\"", "prices.base_camera"),
            ("per = 1000", "per = 0", "prices.api_call_overage"),
            ("pass_through = true", "pass_through = false", "prices.sms"),
            ("meter = \"api_call\"", "meter = \"api_cal\"", "prices.api_call_overage"),
            ("[quotas.base]", "[quotas.bases]", "quotas.bases"),
            ("api_call = { included", "api_cal = { included", "quotas.base"),
            ("cameras = 2", "cameras = 0", "trial"),
            ("name = \"Active Transport\"", "name = \"Advanced Analytics\"", "display name"),
            ("\"near_miss\", ", "\"near_miss\", \"near_miss\", ", "packs.advanced_analytics"),
            ("\"near_miss\", ", "\"Near Miss\", ", "packs.advanced_analytics"),
            ("llm_tokens = \"llm_token\"", "llm_token = \"llm_token\"", "meter_aliases.llm_token"),
            ("sms = \"messages\"", "sms = { unit = \"messages\", cap = \"-1\" }", "meters.sms.cap"),
        ] {
            let message = refused(from, to);
            assert!(message.contains(place), "{to}: {message}");
            // A second pack of one display name is named by itself, whichever of both it is.
            let line = DEFAULT[..DEFAULT.find(from).unwrap()].lines().count().max(1);
            let named = [format!("(line {line})"), format!("(line {})", line + 1)];
            let is_said = named.iter().any(|line| message.contains(line.as_str()));
            assert!(
                is_said || place == "packs.advanced_analytics" || place == "display name",
                "{to}: {message}"
            );
        }
    }

    #[test]
    fn misspelt_members_are_refused_with_their_line() {
        for (from, to) in [
            ("amount = \"60\"", "amout = \"60\""),
            ("type = \"industry\"", "type = \"industri\""),
            ("months = 3", "month = 3"),
            ("over = \"allow\"", "over = \"sometimes\""),
        ] {
            assert!(refused(from, to).contains("line"), "{to}");
        }
    }
}

//! Several versions of the catalogue: immutable, one after the other, none over another (R16). Called by whoever has to
//! know which version a day or a subscription is of.

use super::file::CatalogFile;
use super::{Catalog, CatalogError, invalid};
use crate::calendar::parse_date;
use chrono::NaiveDate;
use std::collections::{BTreeMap, BTreeSet};

/// The days that a version is for: from the first to the last exclusive, without end where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Validity {
    /// The first day; `None` is always.
    pub from: Option<NaiveDate>,
    /// The first day after it.
    pub until: Option<NaiveDate>,
}

impl Validity {
    pub(super) fn read(file: &CatalogFile) -> Result<Self, CatalogError> {
        let day = |place: &str, text: &Option<String>| {
            let no_date = || invalid(place, "is no date; write it like \"2026-04-01\"");
            text.as_deref().map(|text| parse_date(text).ok_or_else(no_date)).transpose()
        };
        let (from, until) = (day("from", &file.from)?, day("until", &file.until)?);
        if until.is_some_and(|until| from.is_some_and(|from| until <= from)) {
            return Err(invalid("until", "a version ends after it begins"));
        }
        if file.supersedes == Some(file.version) {
            return Err(invalid("supersedes", "a version does not supersede itself"));
        }
        Ok(Self { from, until })
    }

    fn overlaps(&self, later: &Self) -> bool {
        self.until.is_none_or(|until| later.from.is_none_or(|from| from < until))
    }

    fn contains(&self, day: NaiveDate) -> bool {
        self.from.is_none_or(|from| from <= day) && self.until.is_none_or(|until| day < until)
    }
}

/// Versions in the order of their days.
#[derive(Clone, Debug)]
pub struct Versions(Vec<Catalog>);

fn contradiction(problem: String) -> CatalogError {
    CatalogError::Versions(problem)
}

impl Versions {
    /// Of catalogues in any order. A version without an end ends where the next begins that supersedes it.
    pub fn new(catalogs: Vec<Catalog>) -> Result<Self, CatalogError> {
        let mut by_number: BTreeMap<u64, Catalog> = BTreeMap::new();
        for catalog in catalogs {
            let version = catalog.version;
            match by_number.get(&version) {
                Some(other) if other.digest != catalog.digest => {
                    let problem =
                        format!("two texts have the version {version}, and a version never changes");
                    return Err(contradiction(problem));
                }
                Some(_) => {}
                None => drop(by_number.insert(version, catalog)),
            }
        }
        check_chain(&by_number)?;
        let begins: BTreeMap<u64, Option<NaiveDate>> =
            by_number.values().filter_map(|one| Some((one.supersedes?, one.validity.from))).collect();
        for (version, catalog) in &mut by_number {
            if catalog.validity.until.is_none() {
                catalog.validity.until = begins.get(version).copied().flatten();
            }
        }
        let mut all: Vec<_> = by_number.into_values().collect();
        all.sort_by_key(|catalog| (catalog.validity.from, catalog.version));
        for pair in all.windows(2) {
            if pair[0].validity.overlaps(&pair[1].validity) {
                let (one, other) = (pair[0].version, pair[1].version);
                return Err(contradiction(format!("the versions {one} and {other} are for the same days")));
            }
        }
        Ok(Self(all))
    }

    /// The version in force on a day.
    #[must_use]
    pub fn on(&self, day: NaiveDate) -> Option<&Catalog> {
        self.0.iter().find(|catalog| catalog.validity.contains(day))
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Catalog> {
        self.0.iter()
    }

    /// The version that a subscription is pinned to.
    #[must_use]
    pub fn pinned(&self, version: u64) -> Option<&Catalog> {
        self.0.iter().find(|catalog| catalog.version == version)
    }
}

/// Every version that is superseded is there, is superseded by one, and by none that it supersedes itself.
fn check_chain(by_number: &BTreeMap<u64, Catalog>) -> Result<(), CatalogError> {
    let mut superseded = BTreeMap::new();
    for (version, earlier) in by_number.iter().filter_map(|(version, one)| Some((*version, one.supersedes?)))
    {
        if !by_number.contains_key(&earlier) {
            return Err(contradiction(format!("version {version} supersedes {earlier}, which is not there")));
        }
        if let Some(other) = superseded.insert(earlier, version) {
            return Err(contradiction(format!(
                "the versions {other} and {version} both supersede {earlier}"
            )));
        }
        let mut seen = BTreeSet::from([version]);
        let mut next = Some(earlier);
        while let Some(one) = next {
            if !seen.insert(one) {
                return Err(contradiction(format!(
                    "version {version} supersedes itself by way of {earlier}"
                )));
            }
            next = by_number.get(&one).and_then(|catalog| catalog.supersedes);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::DEFAULT;
    use super::*;

    fn version(number: u64, more: &str) -> Catalog {
        let text = DEFAULT.replacen("version = 1\n", &format!("version = {number}\n{more}\n"), 1);
        Catalog::parse(&text).unwrap()
    }

    fn refused(catalogs: Vec<Catalog>) -> String {
        Versions::new(catalogs).map(drop).unwrap_err().to_string()
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_day_has_one_version_and_a_pinned_one_stays() {
        let two = || version(2, "supersedes = 1\nfrom = \"2026-04-01\"");
        let three = version(3, "supersedes = 2\nfrom = \"2027-01-01\"");
        let all = Versions::new(vec![three, version(1, ""), two(), two()]).unwrap();
        for (date, number) in [("2026-03-31", 1), ("2026-04-01", 2), ("2026-12-31", 2), ("2027-01-01", 3)] {
            assert_eq!(all.on(day(date)).unwrap().version, number, "{date}");
        }
        assert_eq!(all.pinned(1).unwrap().validity.until, Some(day("2026-04-01")));
        assert!(all.pinned(4).is_none());
        let gap = Versions::new(vec![version(1, "from = \"2026-01-01\"\nuntil = \"2026-02-01\"")]).unwrap();
        assert!(gap.on(day("2026-02-01")).is_none() && gap.on(day("2025-12-31")).is_none());
    }

    #[test]
    fn versions_that_overlap_run_in_a_circle_or_change_are_refused() {
        let from = |number: u64, supersedes: u64, date: &str| {
            version(number, &format!("supersedes = {supersedes}\nfrom = \"{date}\""))
        };
        let overlap = refused(vec![version(1, ""), version(2, "from = \"2026-04-01\"")]);
        assert!(overlap.contains("1 and 2 are for the same days"), "{overlap}");
        let circle = refused(vec![from(2, 3, "2026-01-01"), from(3, 2, "2026-02-01")]);
        assert!(circle.contains("supersedes itself"), "{circle}");
        let fork = refused(vec![version(1, ""), from(2, 1, "2026-01-01"), from(3, 1, "2026-02-01")]);
        assert!(fork.contains("both supersede 1"), "{fork}");
        let absent = refused(vec![from(3, 2, "2026-01-01")]);
        assert!(absent.contains("supersedes 2, which is not there"), "{absent}");
        let changed = refused(vec![version(1, ""), version(1, "until = \"2026-01-01\"")]);
        assert!(changed.contains("a version never changes"), "{changed}");
        let itself = DEFAULT.replacen("version = 1\n", "version = 1\nsupersedes = 1\n", 1);
        let message = Catalog::parse(&itself).map(drop).unwrap_err().to_string();
        assert!(message.contains("supersedes (line 4)"), "{message}");
        for date in ["2026-02-30", "2026-4-1"] {
            let dates = DEFAULT.replacen("version = 1\n", &format!("version = 1\nfrom = \"{date}\"\n"), 1);
            let message = Catalog::parse(&dates).map(drop).expect_err(date).to_string();
            assert!(message.contains("from (line 4)"), "{message}");
        }
    }
}

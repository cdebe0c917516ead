//! What the catalogue says of meters. One that it does not name is a newer device's, and counted as it is called.

use super::{CatalogError, file, invalid, slug};
use brink_license::Slug;
use brink_license::usage::Quantity;
use std::collections::BTreeMap;

/// Other names of meters, and what one use of them can be at most.
#[derive(Clone, Debug, Default)]
pub struct Meters {
    /// With what they count.
    units: BTreeMap<Slug, String>,
    aliases: BTreeMap<Slug, Slug>,
    caps: BTreeMap<Slug, Quantity>,
}

impl Meters {
    pub(super) fn read(file: &file::CatalogFile) -> Result<Self, CatalogError> {
        let mut meters = Self::default();
        for (name, entry) in &file.meters {
            let meter = slug("meters", name)?;
            let unit = match entry {
                file::MeterFile::Unit(unit) => unit,
                file::MeterFile::Terms(terms) => {
                    let cap = Quantity::parse(&terms.cap);
                    let cap = cap.map_err(|e| invalid(format!("meters.{name}.cap"), e))?;
                    meters.caps.insert(meter.clone(), cap);
                    &terms.unit
                }
            };
            meters.units.insert(meter, unit.clone());
        }
        for (alias, meter) in &file.meter_aliases {
            let place = format!("meter_aliases.{alias}");
            if file.meters.contains_key(alias) || !file.meters.contains_key(meter) {
                return Err(invalid(place, "must lead from an unused name to a known meter"));
            }
            meters.aliases.insert(slug(&place, alias)?, slug(&place, meter)?);
        }
        Ok(meters)
    }

    /// The meter that a name means.
    #[must_use]
    pub fn meant<'m>(&'m self, name: &'m Slug) -> &'m Slug {
        self.aliases.get(name).unwrap_or(name)
    }

    /// Whether the catalogue has it, by this name.
    #[must_use]
    pub fn is_named(&self, name: &Slug) -> bool {
        self.units.contains_key(name)
    }

    /// What it counts, in words, by any name of the meter; `None` for one that the catalogue does not have.
    #[must_use]
    pub fn unit(&self, name: &Slug) -> Option<&str> {
        self.units.get(self.meant(name)).map(String::as_str)
    }

    /// The most that one use can be, by any name of the meter; `None` for no such bound.
    #[must_use]
    pub fn cap(&self, name: &Slug) -> Option<Quantity> {
        self.caps.get(self.meant(name)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Catalog, DEFAULT};
    use super::*;

    #[test]
    fn aliases_lead_to_their_meter_and_other_names_to_themselves() {
        let capped =
            DEFAULT.replacen("sms = \"messages\"", "sms = { unit = \"messages\", cap = \"1000.5\" }", 1);
        let meters = Catalog::parse(&capped).unwrap().meters;
        let name = |text: &str| Slug::parse(text).unwrap();
        assert_eq!(meters.meant(&name("sms_sent")), &name("sms"));
        assert_eq!(meters.meant(&name("tea")), &name("tea"));
        assert!(meters.is_named(&name("sms")) && !meters.is_named(&name("tea")));
        let cap = Quantity::parse("1000.5").ok();
        assert_eq!((meters.cap(&name("sms_sent")), meters.cap(&name("tea"))), (cap, None));
    }
}

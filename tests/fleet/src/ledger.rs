//! What a fleet recorded, by tenant and meter, and whether an issuer's sums say the same.

use crate::journal::METERS;
use crate::life::Lived;
use brink_license::usage::Quantity;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// Days that everything a fleet recorded lies between: no report is asked for a period that a clock could miss.
const FROM: &str = "2000-01-01";
/// The first day behind it.
const TO: &str = "2200-01-01";

/// What was used of one meter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// All quantities together.
    pub quantity: Quantity,
    /// How many uses they are.
    pub uses: u64,
}

/// What a fleet recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// By tenant and meter; quantities as decimals.
    #[serde(with = "decimals")]
    pub tenants: BTreeMap<String, BTreeMap<String, Used>>,
    /// Devices that were activated.
    pub devices: u64,
    /// Records in all.
    pub records: u64,
    /// Of these, not acknowledged at the end.
    pub unsettled: u64,
    /// Devices of which a copy was refused as such.
    pub forked: BTreeSet<String>,
}

impl Ledger {
    /// What is left of lives; an error in words where a sum is beyond what a quantity can be.
    pub fn of(lives: &[Lived]) -> Result<Self, String> {
        let mut ledger = Self::default();
        for lived in lives {
            let Some((tenant, device)) = &lived.identity else { continue };
            let meters = ledger.tenants.entry(tenant.to_string()).or_default();
            for (meter, total) in METERS.iter().zip(&lived.totals) {
                let used = meters.entry((*meter).to_owned()).or_default();
                used.quantity = used.quantity.plus(total.quantity).map_err(|error| error.to_string())?;
                used.uses += total.uses;
            }
            ledger.devices += 1;
            ledger.records += lived.recorded;
            ledger.unsettled += lived.unsettled;
            if lived.forked {
                ledger.forked.insert(device.to_string());
            }
        }
        Ok(ledger)
    }

    /// Where an issuer's reports say something else: one line for each tenant and meter; none where they agree.
    pub fn compare(&self, program: &Path, data: &Path) -> Result<Vec<String>, String> {
        let mut differences = Vec::new();
        for (tenant, recorded) in &self.tenants {
            let said = report(program, data, tenant)?;
            differences.extend(differing(tenant, recorded, &said));
        }
        Ok(differences)
    }
}

/// What both sides say of one tenant, where it differs.
fn differing(tenant: &str, recorded: &BTreeMap<String, Used>, said: &BTreeMap<String, Used>) -> Vec<String> {
    let meters: BTreeSet<&String> = recorded.keys().chain(said.keys()).collect();
    let of = |side: &BTreeMap<String, Used>, meter: &String| side.get(meter).copied().unwrap_or_default();
    let pairs = meters.into_iter().map(|meter| (meter, of(recorded, meter), of(said, meter)));
    let differs = pairs.filter(|(_, recorded, said)| recorded != said);
    let line = differs.map(|(meter, recorded, said)| {
        format!(
            "tenant {tenant}, {meter}: recorded {} in {} uses, at the issuer {} in {}",
            recorded.quantity, recorded.uses, said.quantity, said.uses
        )
    });
    line.collect()
}

/// What `brink-issuer usage report` says of a tenant.
fn report(program: &Path, data: &Path, tenant: &str) -> Result<BTreeMap<String, Used>, String> {
    let mut command = Command::new(program);
    command.args(["usage", "report", "--json", "--from", FROM, "--to", TO, "--tenant", tenant]);
    let output = command.arg("--data").arg(data).output();
    let output = output.map_err(|error| format!("{}: {error}", program.display()))?;
    if !output.status.success() {
        return Err(format!("usage report: {}", String::from_utf8_lossy(&output.stderr).trim_end()));
    }
    let document =
        serde_json::from_slice(&output.stdout).map_err(|error| format!("usage report: {error}"))?;
    sums(&document).ok_or_else(|| "usage report: a line without a meter and its sums".to_owned())
}

fn sums(document: &serde_json::Value) -> Option<BTreeMap<String, Used>> {
    let line = |line: &serde_json::Value| {
        let quantity = Quantity::parse(line["recorded"].as_str()?).ok()?;
        Some((line["meter"].as_str()?.to_owned(), Used { quantity, uses: line["uses"].as_u64()? }))
    };
    document["lines"].as_array()?.iter().map(line).collect()
}

/// Quantities as people write them: as whole numbers of 10^-12 they are too large for most readers of JSON.
mod decimals {
    use super::{Quantity, Used};
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::collections::BTreeMap;

    #[derive(Serialize, Deserialize)]
    struct Written {
        quantity: String,
        uses: u64,
    }

    type Tenants<T> = BTreeMap<String, BTreeMap<String, T>>;

    pub(super) fn serialize<S: Serializer>(tenants: &Tenants<Used>, to: S) -> Result<S::Ok, S::Error> {
        let written = |used: &Used| Written { quantity: used.quantity.to_string(), uses: used.uses };
        let meters = |meters: &BTreeMap<String, Used>| -> BTreeMap<String, Written> {
            meters.iter().map(|(meter, used)| (meter.clone(), written(used))).collect()
        };
        let tenants: Tenants<Written> =
            tenants.iter().map(|(tenant, of)| (tenant.clone(), meters(of))).collect();
        tenants.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Tenants<Used>, D::Error> {
        let used = |(meter, Written { quantity, uses }): (String, Written)| {
            Quantity::parse(&quantity)
                .map(|quantity| (meter, Used { quantity, uses }))
                .map_err(D::Error::custom)
        };
        let tenants = Tenants::<Written>::deserialize(from)?.into_iter();
        tenants
            .map(|(tenant, of)| Ok((tenant, of.into_iter().map(used).collect::<Result<_, _>>()?)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn used(quantity: &str, uses: u64) -> Used {
        Used { quantity: Quantity::parse(quantity).unwrap(), uses }
    }

    #[test]
    fn a_ledger_is_read_again_digit_by_digit() {
        let meters = BTreeMap::from([("sms".to_owned(), used("12345678901234567890.123456789012", 7))]);
        let ledger = Ledger {
            tenants: BTreeMap::from([("t".to_owned(), meters)]),
            devices: 2,
            records: 7,
            unsettled: 0,
            forked: BTreeSet::from(["dev-1".to_owned()]),
        };
        let text = serde_json::to_string(&ledger).unwrap();
        assert!(text.contains("\"12345678901234567890.123456789012\""), "{text}");
        assert_eq!(serde_json::from_str::<Ledger>(&text).unwrap(), ledger);
    }

    #[test]
    fn every_difference_is_named_and_agreement_is_silent() {
        let recorded = BTreeMap::from([
            ("sms".to_owned(), used("1.5", 2)),
            ("api_call".to_owned(), used("3", 1)),
            ("llm_token".to_owned(), used("0", 0)),
        ]);
        let line = |meter: &str, recorded: &str, uses: u64| json!({ "meter": meter, "recorded": recorded, "uses": uses });
        let said = |lines: Vec<serde_json::Value>| sums(&json!({ "lines": lines })).unwrap();
        let agreed = said(vec![line("sms", "1.5", 2), line("api_call", "3", 1)]);
        assert_eq!(differing("t", &recorded, &agreed), Vec::<String>::new());
        let other = said(vec![line("sms", "1.500000000001", 2), line("email_sent", "1", 1)]);
        let found = differing("t", &recorded, &other);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(
            found[2].contains("sms: recorded 1.5 in 2 uses, at the issuer 1.500000000001 in 2"),
            "{found:?}"
        );
        let uses = said(vec![line("sms", "1.5", 3), line("api_call", "3", 1)]);
        assert_eq!(differing("t", &recorded, &uses).len(), 1);
    }
}

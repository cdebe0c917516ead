//! The issuer, killed while it closes periods and issues what comes of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::bench::text;
use super::seen::unharmed;
use super::strace;
use super::{Bench, Random, Tally};
use crate::{Issuer, Ran};

/// Customers whose periods are closed in one run.
const TENANTS: [&str; 3] = ["firm-a", "firm-b", "firm-c"];
/// Since when they have bought something, and up to which day periods are closed: three of each.
const SINCE: &str = "2026-01-01";
const THROUGH: &str = "2026-03-31";

fn close(data: &Path) -> Command {
    let arguments = ["invoice", "close-period", "--all", "--through", THROUGH, "--issue", "--json"];
    Issuer::at(data.to_owned()).command(&arguments)
}

/// An issuer with customers of whom nothing is closed yet.
fn sold(bench: &Bench) -> PathBuf {
    let issuer = Issuer::init(bench.path("selling"), "dev-selling");
    let profile = bench.path("profile.json");
    let party = |name: &str| json!({ "legal_name": name, "address": ["1 Quay"], "tax_id": "1" });
    let set = |of: &[&str], profile_of: &Value| {
        fs::write(&profile, profile_of.to_string()).expect("a profile");
        issuer.run(&[&["invoice", "profile", "--set", text(&profile)], of].concat()).ok();
    };
    let mut seller = party("Seller");
    (seller["payment_terms"], seller["due_days"]) = ("30 days net".into(), 30.into());
    set(&["--seller"], &seller);
    for (cameras, tenant) in (2..).zip(TENANTS) {
        issuer.subscribe(tenant, cameras, &["--at", SINCE, "--reason", "sold on paper"]);
        set(&["--tenant", tenant], &party(tenant));
    }
    issuer.data().to_owned()
}

/// What stands on every document but its id, its number and its moments, by customer and period; and every number.
fn documents(data: &Path) -> Result<(Vec<Value>, Vec<String>), String> {
    let listed = Issuer::at(data.to_owned()).run(&["invoice", "list", "--json"]);
    unharmed(&listed)?;
    let said = listed.json();
    let all = said["documents"].as_array().ok_or_else(|| format!("no documents in {said}"))?;
    let members = ["tenant", "kind", "status", "period", "net", "tax", "total", "due"];
    let of = |document: &Value| members.iter().map(|name| document[name].clone()).collect::<Vec<_>>().into();
    let mut bare: Vec<Value> = all.iter().map(of).collect();
    bare.sort_by_key(ToString::to_string);
    let mut numbers: Vec<String> = all.iter().map(|document| document["number"].to_string()).collect();
    numbers.sort();
    Ok((bare, numbers))
}

/// After a kill the same run ends in what a run that nobody disturbs ends in, with every number given once; and a third
/// has nothing left to do.
fn judge(data: &Path, whole: &(Vec<Value>, Vec<String>), ran: &Ran) -> Result<(), String> {
    unharmed(ran)?;
    for attempt in ["the second", "the third"] {
        let again = Ran::to_end(&mut close(data));
        unharmed(&again)?;
        if again.code != Some(0) {
            return Err(format!("{attempt} run fails\n{again}\nafter {ran}"));
        }
        let found = documents(data)?;
        if found != *whole {
            return Err(format!("after {attempt} run {found:?}\nis not {whole:?}\nafter {ran}"));
        }
    }
    let checked = Issuer::at(data.to_owned()).run(&["audit", "verify", "--json"]);
    if checked.code == Some(0) { Ok(()) } else { Err(format!("the audit is not sound\n{checked}")) }
}

/// Killed with -9 at every numbered step.
pub(super) fn killed(bench: &Bench, random: &mut Random, rounds: usize) -> Tally {
    let template = sold(bench);
    let data = bench.copy(&template);
    let points = strace::points(&close(&data), &data, &bench.path("strace.log"));
    let whole = documents(&data).expect("a run that nobody disturbs");
    assert_eq!((whole.0.len(), whole.1.len()), (3 * TENANTS.len(), 3 * TENANTS.len()), "{whole:?}");
    bench.remove(&data);
    let mut tally = Tally::default();
    let mut reached = 0;
    for point in random.spread(&points, rounds) {
        let data = bench.copy(&template);
        let ran = strace::killed_at(point, &close(&data), &data);
        reached += usize::from(ran.signal == Some(9));
        tally.count(point, judge(&data, &whole, &ran));
        bench.remove(&data);
    }
    tally.notes.push(format!(
        "{} numbered steps; {reached} of {} kills arrived before the run had ended.",
        points.len(),
        tally.rounds
    ));
    tally
}

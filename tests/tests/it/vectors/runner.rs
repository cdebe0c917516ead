//! Feeds every stored vector to the verifier.

use std::collections::{BTreeMap, BTreeSet};

use brink_license::clock::{BootId, Marks, Reading, Terms, evaluate};
use brink_license::keyset::{KeyUse, Keyset};
use brink_license::token::{
    Authority, LicenceClaims, LicenceExpected, ReceiptClaims, ReceiptExpected, SeqMark, VerifiedLicence,
    verify,
};
use brink_license::{Code, PublicKey, UnixSeconds, b64};
use brink_store::Bundle;
use brink_tests::Pinned;
use serde_json::Value;

use super::files::WORLD;
use super::{raw, stored};

/// The verifier's side of the vectors' world.
struct World(Pinned);

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}"))
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().map(|items| items.iter().map(text).collect()).unwrap_or_default()
}

impl World {
    fn licence(&self, keyset: &Keyset, bytes: &[u8]) -> Result<VerifiedLicence, Code> {
        verify::<LicenceClaims>(bytes, Authority::Issuer(keyset, KeyUse::License), &self.0.reader)
            .map_err(|error| error.code())
    }

    /// Steps 1 to 9, with the licences accepted before.
    fn accept(&self, keyset: &Keyset, held: &[&str], bytes: &[u8]) -> Result<VerifiedLicence, Code> {
        let mut mark = None;
        for earlier in held {
            // What was accepted was verified under the keyset of its day.
            let day = if self.licence(keyset, earlier.as_bytes()).is_ok() {
                keyset
            } else {
                &self.0.keysets["main"]
            };
            let licence = self.licence(day, earlier.as_bytes()).expect("a held licence verifies");
            mark = Some(SeqMark::admit(mark.as_ref(), &licence, day).expect("a held licence is admitted"));
        }
        let licence = self.licence(keyset, bytes)?;
        SeqMark::admit(mark.as_ref(), &licence, keyset).map_err(|error| error.code())?;
        Ok(licence)
    }

    fn receipt(&self, keyset: &Keyset, bytes: &[u8]) -> Result<(), Code> {
        let LicenceExpected { issuer, device, epoch, .. } = self.0.reader.clone();
        let expected = ReceiptExpected { issuer, device, epoch, pending: None };
        let verified = verify::<ReceiptClaims>(bytes, Authority::Issuer(keyset, KeyUse::Receipt), &expected);
        verified.map(|_| ()).map_err(|error| error.code())
    }

    /// What comes of a vector, in the spelling of `expect`.
    fn judge(&self, vector: &Value) -> String {
        let keyset = || &self.0.keysets[text(&vector["keyset"])];
        let outcome = match text(&vector["document"]) {
            raw::LICENSE => {
                let licence = self.accept(keyset(), &texts(&vector["held"]), &input(&vector["input"]));
                match (licence, vector["at"].as_i64()) {
                    (Ok(licence), Some(at)) => return state_at(&licence, at),
                    (outcome, _) => outcome.map(|_| ()),
                }
            }
            raw::RECEIPT => self.receipt(keyset(), &input(&vector["input"])),
            "next-manifest" => {
                keyset().accept_next(&input(&vector["input"])).map(|_| ()).map_err(|error| error.code())
            }
            "keyset" => {
                let at = UnixSeconds::new(vector["at"].as_i64().expect("a time"));
                keyset().check_fresh(at).map_err(|error| error.code())
            }
            "manifests" => Keyset::bootstrap(&self.0.anchor, &texts(&vector["input"]))
                .map(|_| ())
                .map_err(|error| error.code()),
            "bundle" => Bundle::decode(&input(&vector["input"]))
                .and_then(|bundle| bundle.verify(&self.0.anchor))
                .map(|_| ())
                .map_err(|error| error.code()),
            "public-key" => {
                PublicKey::from_x(text(&vector["input"])).map(|_| ()).map_err(|error| error.code())
            }
            other => panic!("no such document: {other}"),
        };
        outcome.map_or_else(|code| code.as_str().to_owned(), |()| "ACCEPT".to_owned())
    }
}

pub(crate) fn input(value: &Value) -> Vec<u8> {
    match value {
        Value::String(text) => text.clone().into_bytes(),
        Value::Object(object) if object.contains_key("repeat") => {
            let times = object["times"].as_u64().and_then(|times| usize::try_from(times).ok());
            text(&object["repeat"]).repeat(times.expect("a count")).into_bytes()
        }
        Value::Object(object) => b64::decode(text(&object["base64url"]).as_bytes()).expect("base64url"),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_)) => {
            panic!("not an input: {other}")
        }
    }
}

/// A panic is a wrong answer too, and must not hide the others.
fn judged(world: &World, vector: &Value) -> String {
    let judged = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| world.judge(vector)));
    judged.unwrap_or_else(|_| "a panic".to_owned())
}

/// The licence's state on a device that has just accepted it and whose clock says `at`.
fn state_at(licence: &VerifiedLicence, at: i64) -> String {
    let boot = BootId::parse("00000000-0000-4000-8000-000000000001").expect("a boot id");
    let reading = Reading { wall: UnixSeconds::new(at), boot, boottime: 60 };
    let mut marks = Marks::new(UnixSeconds::new(0));
    marks.raise_floor(licence.claims().iat);
    let guarded = marks.advance(&reading);
    let terms = Terms::of(licence.claims(), None);
    evaluate(&guarded, Some(&terms), guarded.flags).state.as_str().to_owned()
}

fn vectors() -> (World, BTreeMap<String, Value>) {
    let mut files = stored();
    let world = World(Pinned::read(&files.remove(WORLD).expect("tests/vectors/world.json")));
    let parsed = files.into_iter().map(|(path, file)| {
        let vector = serde_json::from_str(&file).unwrap_or_else(|error| panic!("{path}: {error}"));
        (path, vector)
    });
    (world, parsed.collect())
}

#[test]
fn every_vector_is_judged_as_its_name_says() {
    let (world, vectors) = vectors();
    assert!(vectors.len() > 150, "only {} vectors found", vectors.len());
    let wrong: Vec<_> = vectors
        .iter()
        .map(|(path, vector)| (path, judged(&world, vector), text(&vector["expect"])))
        .filter(|(_, outcome, expected)| outcome != expected)
        .map(|(path, outcome, expected)| format!("{path}: {outcome}, and {expected} is right"))
        .collect();
    assert!(wrong.is_empty(), "{} of {} vectors:\n  {}", wrong.len(), vectors.len(), wrong.join("\n  "));
}

/// The numbers of the list of negative cases that vectors have.
pub(crate) fn cases() -> BTreeSet<u64> {
    let (_, vectors) = vectors();
    let cases = vectors.values().flat_map(|vector| vector["cases"].as_array().cloned().unwrap_or_default());
    cases.filter_map(|case| case.as_u64()).collect()
}

/// The inputs of every vector whose document is `wanted`, as bytes to start fuzzing from.
pub(crate) fn inputs(wanted: impl Fn(&str) -> bool) -> Vec<Vec<u8>> {
    let (_, vectors) = vectors();
    let chosen = vectors.into_values().filter(|vector| wanted(text(&vector["document"])));
    // What is spelled as a repetition is large and has nothing to mutate.
    chosen
        .filter(|vector| vector["input"]["repeat"].is_null())
        .map(|vector| input(&vector["input"]))
        .collect()
}

//! Vectors as files: written in one spelling, so that writing them again changes nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use brink_license::b64;
use serde_json::{Value, json};

use super::raw;
use super::{Input, Outcome, Subject, Vector, drawn_up};

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors")
}

/// The world that the vectors live in: what is pinned, the keysets by name, and who reads.
pub(crate) const WORLD: &str = "world.json";

fn world() -> Value {
    let device = raw::key("device-1");
    json!({
        "trust": serde_json::from_str::<Value>(&raw::anchor().to_json().expect("JSON")).expect("JSON"),
        "keysets": { "main": raw::main_manifests(), "later": raw::later_manifests() },
        "reader": {
            "issuer": raw::ISSUER,
            "tenant": raw::TENANT,
            "device": raw::DEVICE,
            "epoch": raw::EPOCH,
            "jkt": device.kid().to_string(),
        },
    })
}

impl Vector {
    pub(crate) fn path(&self) -> String {
        format!("{}/{}.json", self.family, self.name)
    }

    fn to_json(&self) -> Value {
        let mut file = match &self.subject {
            Subject::Token { typ, keyset, held, input } => {
                let mut file = json!({ "document": typ, "keyset": keyset, "input": input.to_json() });
                if !held.is_empty() {
                    file["held"] = json!(held);
                }
                file
            }
            Subject::Next { keyset, input } => {
                json!({ "document": "next-manifest", "keyset": keyset, "input": input.to_json() })
            }
            Subject::Fresh { keyset, at } => json!({ "document": "keyset", "keyset": keyset, "at": at }),
            Subject::Walk { manifests } => json!({ "document": "manifests", "input": manifests }),
            Subject::Bundle { input } => json!({ "document": "bundle", "input": input.to_json() }),
            Subject::Key { x } => json!({ "document": "public-key", "input": x }),
        };
        file["cases"] = json!(self.cases);
        match &self.outcome {
            Outcome::Accept => file["expect"] = json!("ACCEPT"),
            Outcome::Refuse(code) => file["expect"] = json!(code.as_str()),
            Outcome::State(at, state) => {
                file["at"] = json!(at);
                file["expect"] = json!(state);
            }
        }
        file
    }
}

impl Input {
    fn to_json(&self) -> Value {
        match self {
            Input::Text(text) => json!(text),
            Input::Hex(bytes) => json!({ "base64url": b64::encode(bytes) }),
            Input::Repeat(text, times) => json!({ "repeat": text, "times": times }),
        }
    }
}

/// One spelling: keys sorted (serde_json's map is), two spaces, a final newline.
fn spelled(value: &Value) -> String {
    let sorted: BTreeMap<String, Value> = serde_json::from_value(value.clone()).expect("an object");
    format!("{}\n", serde_json::to_string_pretty(&sorted).expect("JSON"))
}

/// Every file as it is drawn up today, by its path below the folder.
fn drawn_files() -> BTreeMap<String, String> {
    let mut files = BTreeMap::from([(WORLD.to_owned(), spelled(&world()))]);
    for vector in drawn_up() {
        let twice = files.insert(vector.path(), spelled(&vector.to_json()));
        assert!(twice.is_none(), "two vectors are named {}", vector.path());
    }
    files
}

/// Every file that is stored.
pub(crate) fn stored() -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder()).expect("tests/vectors can be read") {
        let entry = entry.expect("an entry").path();
        if entry.is_dir() {
            for file in std::fs::read_dir(&entry).expect("a family can be read") {
                store(&mut files, &file.expect("an entry").path());
            }
        } else {
            store(&mut files, &entry);
        }
    }
    files
}

fn store(files: &mut BTreeMap<String, String>, path: &Path) {
    let name = path.strip_prefix(folder()).expect("below the folder").to_str().expect("UTF-8").to_owned();
    if name.ends_with(".json") {
        files.insert(name, std::fs::read_to_string(path).expect("a vector can be read"));
    }
}

#[test]
fn drawing_the_vectors_up_again_gives_the_same_bytes() {
    let (drawn, stored) = (drawn_files(), stored());
    let mend =
        "run `cargo test -p brink-tests --test it -- --ignored write_the_vectors` and look at the diff";
    for (path, text) in &drawn {
        assert!(stored.get(path) == Some(text), "{path} is missing or differs; {mend}");
    }
    for path in stored.keys() {
        assert!(drawn.contains_key(path), "{path} is stored but no longer drawn up; {mend}");
    }
}

#[test]
#[ignore = "writes into the repository: run it when a vector was added or changed"]
fn write_the_vectors() {
    if folder().exists() {
        std::fs::remove_dir_all(folder()).expect("tests/vectors can be removed");
    }
    for (path, text) in drawn_files() {
        let path = folder().join(path);
        std::fs::create_dir_all(path.parent().expect("a family")).expect("a folder");
        std::fs::write(path, text).expect("a vector can be written");
    }
}

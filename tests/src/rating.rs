//! Random quotes, and the rater in another language that they are compared with. Every file is one that `quote` takes: what
//! is refused is tried by the issuer's own tests.

mod random_quote;

pub use random_quote::random_quote;

use brink_issuer::billing::quote::quote;
use brink_issuer::catalog::{Catalog, Versions};
use serde_json::{Value, json};
use std::io::{BufWriter, Write};
use std::ops::Range;
use std::path::Path;
use std::process::{Command, Stdio};

/// The independent rater: reads pairs of a quote and its answer, a line each, and says at the end what it found.
const ORACLE: &str = include_str!("rating/oracle.py");

/// What of an answer is compared.
fn compared(mut answer: Value) -> Value {
    if let Some(lines) = answer["lines"].as_array_mut() {
        for line in lines {
            line.as_object_mut().expect("a line").remove("detail");
        }
    }
    answer
}

/// Compares the answers to these seeds: `{"compared", "differences", "lines", "first"}`.
pub fn compare(python: &Path, seeds: Range<u64>) -> Value {
    let catalogs = Versions::new(vec![Catalog::embedded().expect("the catalogue")]).expect("one version");
    let mut child = Command::new(python)
        .args(["-c", ORACLE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python runs");
    {
        let mut to = BufWriter::new(child.stdin.take().expect("a pipe"));
        for seed in seeds {
            let file = random_quote(seed);
            let text = serde_json::to_vec(&file).expect("a document");
            let answer = match quote(&text, &catalogs) {
                Ok(answer) => compared(answer.document()),
                Err(error) => panic!("seed {seed}: {error}; {}\n{file:#}", error.mend),
            };
            let pair = json!({ "seed": seed, "quote": file, "answer": answer });
            serde_json::to_writer(&mut to, &pair).expect("the oracle reads on");
            to.write_all(b"\n").expect("the oracle reads on");
        }
    }
    let output = child.wait_with_output().expect("python ends");
    assert!(output.status.success(), "the oracle failed");
    serde_json::from_slice(&output.stdout).expect("what it found as JSON")
}

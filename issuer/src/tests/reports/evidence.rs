//! Evidence stands by itself.

use crate::testkit::{Bench, DAY, Edge};
use brink_license::b64;
use brink_license::usage::batch_sha256;
use serde_json::Value;

fn evidence(bench: &Bench, edge: &Edge) -> Value {
    let mut out = Vec::new();
    let written = bench.admin.usage_evidence(&edge.id(), &mut out).unwrap();
    let document: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(document["statements"].as_array().unwrap().len() as u64, written.statements);
    document
}

fn claims(token: &Value) -> Value {
    let payload = token.as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&b64::decode(payload.as_bytes()).unwrap()).unwrap()
}

#[test]
fn each_batch_has_both_words_and_the_records_that_they_are_about() {
    let bench = Bench::with(10, &[]);
    let mut edge = bench.metering();
    bench.pass_with(&mut edge, DAY);
    edge.journal().batch_max = 4;
    for use_ in 0..10 {
        edge.journal().record("sms", "cam-1", 1000 + use_);
    }
    for _ in 0..3 {
        edge.exchange(&bench.issuer).unwrap();
    }
    // The device was told nothing of the next one, and sends it again with more: a digest over records of two batches.
    edge.journal().record("sms", "cam-1", 1);
    let before = edge.clone();
    let _ = edge.exchange(&bench.issuer);
    edge.journal = before.journal;
    edge.journal().record("sms", "cam-1", 2);
    edge.exchange(&bench.issuer).unwrap();
    let document = evidence(&bench, &edge);
    assert_eq!(
        (&document["kind"], &document["device"]),
        (&"brink-usage-evidence/v1".into(), &edge.id().as_str().into())
    );
    assert!(!document["manifests"].as_array().unwrap().is_empty());
    let statements = document["statements"].as_array().unwrap();
    let seqs: Vec<_> = statements.iter().map(|statement| statement["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, [4, 8, 10, 11, 12]);
    let mut records: Vec<Vec<u8>> = Vec::new();
    let mut covered = Vec::new();
    for statement in statements {
        let sent = statement["records"].as_array().unwrap().iter();
        records.extend(sent.map(|text| b64::decode(text.as_str().unwrap().as_bytes()).unwrap()));
        let (checkpoint, receipt) = (claims(&statement["checkpoint"]), claims(&statement["receipt"]));
        let count = usize::try_from(statement["batch_records"].as_u64().unwrap()).unwrap();
        covered.push(count);
        let digest = batch_sha256(&records[records.len() - count..]);
        assert_eq!(checkpoint["batch"], b64::encode(&digest));
        assert_eq!(receipt["usage"]["cursors"][0]["seq"], statement["seq"]);
        assert_eq!(receipt["usage"]["cursors"][0]["hash"], checkpoint["hash"]);
    }
    assert_eq!(covered, [4, 4, 2, 1, 2]);
    assert_eq!(records.len(), 12);
}

#[test]
fn a_device_that_has_told_nothing_has_an_empty_document_and_an_unknown_one_none() {
    let bench = Bench::with(10, &[]);
    let edge = bench.activated();
    assert_eq!(evidence(&bench, &edge)["statements"], serde_json::json!([]));
    let unknown = bench.admin.usage_evidence(&"dev-x".parse().unwrap(), &mut Vec::new()).unwrap_err();
    assert!(unknown.to_string().contains("unknown device"), "{unknown}");
}

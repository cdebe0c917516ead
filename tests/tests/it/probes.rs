//! The fuzzers' probes without their engine: over every seed, cut short anywhere, and with random bytes changed.

mod cameras;
use std::path::Path;

use brink_license::clock::{BootId, Marks, Reading};
use brink_license::exchange::{
    ClientReport, EXCHANGE_PATH, ExchangeRequest, ExchangeResponse, RequestBody, RequestKind, Section,
    body_sha256,
};
use brink_license::keyset::{KeyUse, TrustAnchor};
use brink_license::token::{
    Authority, BatchVerdict, CheckpointClaims, Cursor, ExtensionClaims, ExtensionExpected, LicenceClaims,
    LicenceStanding, NoticeKind, ReceiptUsage, RequestClaims, SeqMark, TypedExtension, verify,
};
use brink_license::usage::{
    Batch, ChainReport, Entry, Fold, FoldMeter, FoldSum, Genesis, Head, MeterTotal, Moment, Record, Recovery,
    Usage, UsageSection,
};
use brink_license::{DeviceId, Typ, UnixSeconds, b64};
use brink_store::anchor::Anchor;
use brink_store::{AcceptedMarks, LogEntry, NumberMark};
use brink_tests::{forge, probe};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::vectors::inputs;

/// Bytes to start from, for the target of this name.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    match target {
        "token" => inputs(|document| document.ends_with("+jwt")),
        "licence_payload" => payloads(inputs(|document| document == "brink-license+jwt")),
        "strict_json" => small_payloads(),
        "manifest" => inputs(|document| document == "next-manifest"),
        "manifest_payload" => manifest_payloads(),
        "bundle" => {
            [inputs(|document| document == "bundle"), vec![bundle(0), bundle(3)], bundles_with_more()]
                .concat()
        }
        "anchor" => vec![slot(0), slot(3), slot(0)[9..slot(0).len() - 64].to_vec(), slot(3)[9..].to_vec()],
        "exchange_request" => vec![request(b""), request(&[7; 300]), body(b"").encode().unwrap()],
        "exchange_response" => vec![response(None), response(Some(forge::licence_token(&forge::licence(2))))],
        "notice_payload" => notice_payloads(),
        "trust" => vec![anchor(&forge::anchor()), anchor(&three_roots())],
        "marks" => {
            vec![kept_marks(&[]), kept_marks(&[(1_800_000_100, 100), (1_799_000_000, 4000)]), first_marks()]
        }
        "vault_record" => vault_contents(),
        "seats" => seat_payloads(),
        "typed_extension" => typed_extensions(),
        "usage_record" => usage_records(),
        "usage_section" => usage_sections(),
        "old_camera" => cameras::old(),
        other => panic!("the target {other} has no seeds: add some"),
    }
}

fn usage_records() -> Vec<Vec<u8>> {
    let boot = BootId::parse("00000000-0000-4000-8000-000000000001").unwrap();
    let at = Moment { boot, boottime_ms: 100, wall_ms: 1_800_000_000_000, est_ms: 1_800_000_000_000 };
    let usage = |resource: Option<&str>| Usage {
        meter: "api_call".parse().unwrap(),
        resource: resource.map(|name| name.parse().unwrap()),
        quantity: "0.25".parse().unwrap(),
        count: 3,
        total: "0.25".parse().unwrap(),
    };
    let (quantity, count) = ("0.25".parse().unwrap(), 3);
    let after = MeterTotal { total: quantity, records: 1, count, first_ms: 5, last_ms: 5 };
    let meter = FoldMeter { meter: "api_call".parse().unwrap(), after };
    let resource = Some("cam-1".parse().unwrap());
    let sum = FoldSum { meter: 0, resource, quarter: 2_000_000, quantity, count, records: 1 };
    let entries = [
        Entry::Usage(usage(None)),
        Entry::Usage(usage(Some("cam-1"))),
        Entry::Recover(Recovery { good: Head { seq: 3, hash: [9; 32] }, seen: 9 }),
        Entry::Close,
        Entry::Fold(Fold { from: 1, last: [4; 32], meters: vec![meter], sums: vec![sum] }),
    ];
    let device: DeviceId = "device-1".parse().unwrap();
    let licence = Some("licence-1".parse().unwrap());
    let genesis = Genesis { device: device.clone(), epoch: 1, jkt: [1; 32] };
    let record = |entry| Record {
        device: device.clone(),
        epoch: 1,
        seq: 1,
        at,
        licence: licence.clone(),
        entry,
        prev: genesis.prev(),
    };
    entries.map(|entry| record(entry).to_bytes()).to_vec()
}

fn usage_sections() -> Vec<Vec<u8>> {
    let boot = BootId::parse("00000000-0000-4000-8000-000000000001").unwrap();
    let sent = Moment { boot, boottime_ms: 100, wall_ms: 1_800_000_000_000, est_ms: 1_800_000_000_000 };
    let head = Head { seq: 3, hash: [4; 32] };
    let report = ChainReport { epoch: 1, jkt: [1; 32], head, kept_from: 1, settled: 0, recoveries: 0 };
    let batch = Batch { epoch: 1, records: usage_records(), checkpoint: "a.b.c".to_owned() };
    let sections = [(vec![report], Some(batch)), (vec![report, ChainReport { epoch: 2, ..report }], None)];
    sections.map(|(chains, batch)| UsageSection { sent, chains, batch }.section().unwrap().bytes).to_vec()
}

fn seat_payloads() -> Vec<Vec<u8>> {
    let licence = forge::licence_with_seats(4, 3, 2);
    let both = [("base", &["one", "two"][..]), ("advanced_analytics,base", &["three"])];
    let mut moved = forge::seats(&licence, 3, 2, &both);
    moved.released = vec!["four".parse().unwrap()];
    let claims = [forge::seats(&licence, 0, 0, &[]), forge::seats(&licence, 1, 1, &both), moved];
    claims.iter().map(|claims| claims.to_json_bytes().unwrap()).collect()
}

fn payloads(tokens: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let payload = |token: Vec<u8>| b64::decode(token.split(|byte| *byte == b'.').nth(1)?);
    tokens.into_iter().filter_map(payload).collect()
}

/// Payloads of receipts and of a request.
fn small_payloads() -> Vec<Vec<u8>> {
    let receipt = |seq| {
        let claims = forge::receipt(&forge::licence(1), seq, 60, LicenceStanding::Active);
        claims.to_json_bytes().unwrap()
    };
    let proof = ExchangeRequest::decode(&request(b"")).unwrap().proof;
    let mut settling = forge::receipt(&forge::licence(1), 2, 60, LicenceStanding::Active);
    let cursors = vec![Cursor { epoch: 1, seq: 9, hash: [3; 32] }];
    settling.usage = Some(ReceiptUsage { cursors, batch: BatchVerdict::Taken, quarantined: 1 });
    let licence = forge::licence(1);
    let checkpoint = CheckpointClaims {
        ver: 1,
        iss: forge::issuer(),
        dev: licence.dev.clone(),
        epoch: 1,
        jkt: licence.cnf.jkt,
        seq: 9,
        hash: [3; 32],
        batch: [4; 32],
    };
    let more = [settling.to_json_bytes().unwrap(), checkpoint.to_json_bytes().unwrap()];
    [vec![receipt(1), receipt(9)], more.to_vec(), payloads(vec![proof.into_bytes()])].concat()
}

fn notice_payloads() -> Vec<Vec<u8>> {
    let (one, none) = (forge::licence(1), forge::licence(0));
    let lists: [&[&LicenceClaims]; 3] = [&[], &[&one], &[&one, &none]];
    payloads(lists.map(|list| forge::revocations(forge::LICENSE, 7, list).into_bytes()).to_vec())
}

fn anchor(anchor: &TrustAnchor) -> Vec<u8> {
    anchor.to_json().unwrap().into_bytes()
}

fn three_roots() -> TrustAnchor {
    let roots = [forge::ROOT, forge::LICENSE, forge::RECEIPT].map(|key| key.public().kid());
    TrustAnchor::new("brink-issuer".parse().unwrap(), 2, roots.to_vec()).unwrap()
}

/// Two readings to come, and marks that have seen these.
fn kept_marks(seen: &[(i64, i64)]) -> Vec<u8> {
    let boot = BootId::parse("00000000-0000-4000-8000-000000000001").unwrap();
    let mut marks = Marks::new(forge::at(0));
    for (wall, boottime) in seen {
        marks.advance(&Reading { wall: UnixSeconds::new(*wall), boot, boottime: *boottime });
    }
    [[0; 32].to_vec(), marks.to_bytes()].concat()
}

/// Marks of the first version, which had no number of resets at their end.
fn first_marks() -> Vec<u8> {
    let mut marks = kept_marks(&[(1_800_000_100, 100)]);
    assert_eq!(marks.pop(), Some(0));
    marks[32] = 1;
    marks
}

fn vault_contents() -> Vec<Vec<u8>> {
    let entry = LogEntry { at: forge::at(0), verdict: "accepted".into(), document: "receipt".into() };
    vec![
        postcard::to_allocvec(&entry).unwrap(),
        postcard::to_allocvec(&Some("token")).unwrap(),
        postcard::to_allocvec(&vec![forge::manifest()]).unwrap(),
    ]
}

fn manifest_payloads() -> Vec<Vec<u8>> {
    let payload = |manifest: Vec<u8>| {
        let envelope: serde_json::Value = serde_json::from_slice(&manifest).ok()?;
        b64::decode(envelope["payload"].as_str()?.as_bytes())
    };
    let own = [forge::manifest(), forge::next_manifest(brink_license::keyset::KeyState::Revoked)];
    let vectors = inputs(|document| document == "next-manifest");
    own.into_iter().chain(vectors).filter_map(payload).collect()
}

fn bundle(cameras: usize) -> Vec<u8> {
    let licence = forge::licence(cameras);
    let receipt = forge::receipt(&licence, 1, 60, LicenceStanding::Active);
    let boot = BootId::parse("00000000-0000-4000-8000-000000000001").unwrap();
    forge::bundle(&licence, &receipt, boot).encode().unwrap()
}

/// A slot of the anchor that remembers so many notices.
fn slot(notices: u16) -> Vec<u8> {
    let mark = NumberMark { number: 3, sha256: [8; 32] };
    let licence = SeqMark { epoch: 1, seq: 300, sha256: [9; 32], kid: forge::DEVICE.public().kid() };
    let mut clock = Marks::new(forge::at(0));
    let boot = BootId::parse("00000000-0000-4000-8000-000000000001").unwrap();
    clock.advance(&Reading { wall: forge::at(60), boot, boottime: 70 });
    let anchor = Anchor {
        generation: 200,
        device: forge::DEVICE.public().kid(),
        accepted: AcceptedMarks { licence: Some(licence), keyset: Some(mark), receipt: Some(mark) },
        notices: (0..notices).map(|kind| (kind, 1000)).collect(),
        clock: (notices > 0).then_some(clock),
        journal: (notices > 0).then_some((1, Head { seq: 70, hash: [6; 32] })),
    };
    anchor.seal(&[1; 32]).unwrap()
}

/// Bundles with a list, an extension, both, and seats.
fn bundles_with_more() -> Vec<Vec<u8>> {
    let licence = forge::licence_with_seats(2, 2, 1);
    let receipt = forge::receipt(&licence, 1, 60, LicenceStanding::Active);
    let boot = BootId::parse("00000000-0000-4000-8000-000000000001").unwrap();
    let bare = forge::bundle(&licence, &receipt, boot);
    let list = forge::revocations(forge::LICENSE, 3, &[&licence]);
    let extension = forge::extension(forge::LICENSE, &licence, 1, (90, 48));
    let listed = forge::with_notice(&bare, NoticeKind::Revocations, &list);
    let extended = forge::with_notice(&bare, NoticeKind::Extension, &extension);
    let both = forge::with_notice(&listed, NoticeKind::Extension, &extension);
    let seats = forge::seats(&licence, 1, 1, &[("base", &["cam-8", "cam-9"])]);
    let seated = forge::with_seats(&both, &licence, &seats);
    [listed, extended, both, seated].map(|bundle| bundle.encode().unwrap()).to_vec()
}

fn body(section: &[u8]) -> RequestBody {
    RequestBody {
        kind: RequestKind::Exchange,
        report: ClientReport { licence_seq: 1, boot_id: "boot".into(), ..ClientReport::default() },
        last_receipt: Some("receipt".into()),
        sections: vec![
            Section { kind: 9, bytes: section.to_vec() },
            Section { kind: 1, bytes: vec![1, 1, 7] },
        ],
    }
}

fn request(section: &[u8]) -> Vec<u8> {
    let body = body(section).encode().unwrap();
    let claims = RequestClaims {
        ver: 1,
        iss: forge::issuer(),
        htm: "POST".into(),
        htu: EXCHANGE_PATH.into(),
        bh: body_sha256(&body),
        dev: DeviceId::parse("dev-1").unwrap(),
        epoch: 1,
        ctr: 2,
        nonce: [3; 32],
    };
    let proof = forge::DEVICE.document(Typ::Request, &claims.to_json_bytes().unwrap());
    let device_key = *forge::DEVICE.public().as_bytes();
    ExchangeRequest { proof, device_key, ratchet_mac: Some([4; 32]), body }.encode().unwrap()
}

fn response(licence: Option<String>) -> Vec<u8> {
    let receipt = forge::receipt(&forge::licence(1), 1, 60, LicenceStanding::Active);
    ExchangeResponse {
        receipt: forge::receipt_token(&receipt),
        next_ratchet: [5; 32],
        manifests: vec![forge::manifest()],
        licence,
        sections: Vec::new(),
    }
    .encode()
    .unwrap()
}

/// Two that were signed, as they are read out and as they are typed in a hurry.
fn typed_extensions() -> Vec<Vec<u8>> {
    let licence = forge::licence(1);
    let lines = |number, span| {
        let token = forge::extension(forge::LICENSE, &licence, number, span);
        let (keyset, expected) = (forge::keyset(), ExtensionExpected::of(&licence));
        let authority = Authority::Issuer(&keyset, KeyUse::License);
        let extension = verify::<ExtensionClaims>(token.as_bytes(), authority, &expected).unwrap();
        TypedExtension::of(&extension).unwrap().lines().join("\n")
    };
    let (one, other) = (lines(1, (0, 24)), lines(65_535, (38 * forge::DAY, 14 * 24)));
    let hurried = other.to_lowercase().replace('0', "o").replace(['\n', ' '], "");
    vec![one.into_bytes(), other.into_bytes(), hurried.into_bytes()]
}

#[test]
fn what_was_typed_is_the_document_that_was_signed_and_nothing_else_verifies() {
    let licence = forge::licence(1);
    let token = forge::extension(forge::LICENSE, &licence, 7, (38 * forge::DAY, 14 * 24));
    let text = String::from_utf8(typed_extensions().remove(1)).unwrap();
    let typed = TypedExtension::parse(&text).unwrap();
    let signed = forge::extension(forge::LICENSE, &licence, 65_535, (38 * forge::DAY, 14 * 24));
    assert_eq!(typed.token(&licence, &forge::keyset()).unwrap(), signed);
    assert_ne!(typed.token(&licence, &forge::keyset()).unwrap(), token);
    let another = brink_license::token::LicenceClaims { epoch: 2, ..licence };
    let rebuilt = typed.token(&another, &forge::keyset()).unwrap();
    let keyset = forge::keyset();
    let authority = Authority::Issuer(&keyset, KeyUse::License);
    let refused = verify::<ExtensionClaims>(rebuilt.as_bytes(), authority, &ExtensionExpected::of(&another));
    assert_eq!(refused.unwrap_err().code(), brink_license::Code::BadSignature, "typed in at another device");
}

#[test]
fn every_seed_is_survived_whole_and_cut_short() {
    for (target, probe) in probe::ALL {
        let seeds = seeds(target);
        assert!(seeds.len() > 1, "{target} has too few seeds");
        seeds.iter().for_each(|seed| probe(seed));
        // A dozen of them is enough to cut: most differ in one claim only.
        for seed in seeds.iter().step_by((seeds.len() / 12).max(1)) {
            let near_an_end = |length: &usize| *length < 64 || seed.len() - length < 64;
            let step = (seed.len() / 64).max(1);
            for length in (0..seed.len()).filter(|length| near_an_end(length) || length.is_multiple_of(step))
            {
                probe(&seed[..length]);
            }
        }
    }
}

#[test]
fn every_seed_is_survived_with_random_bytes_changed() {
    let edits = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4u8), 1..8);
    for (target, probe) in probe::ALL {
        let case = (prop::sample::select(seeds(target)), edits.clone());
        let mut runner =
            TestRunner::new(Config { failure_persistence: None, cases: 256, ..Config::default() });
        let outcome = runner.run(&case, |(mut bytes, edits)| {
            for (index, byte, kind) in edits {
                edit(&mut bytes, index, byte, kind);
            }
            probe(&bytes);
            Ok(())
        });
        assert!(outcome.is_ok(), "{target}: {}", outcome.unwrap_err());
    }
}

/// Replaces, flips, inserts or removes one byte.
fn edit(bytes: &mut Vec<u8>, index: prop::sample::Index, byte: u8, kind: u8) {
    let at = index.index(bytes.len() + 1);
    match (kind, bytes.get_mut(at)) {
        (0, Some(there)) => *there = byte,
        (1, Some(there)) => *there ^= 1 << (byte % 8),
        (2, Some(_)) => drop(bytes.remove(at)),
        _ => bytes.insert(at, byte),
    }
}

#[test]
fn every_probe_is_a_fuzz_target() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let manifest = std::fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
    for (target, _) in probe::ALL {
        let file =
            std::fs::read_to_string(fuzz.join(format!("fuzz_targets/{target}.rs"))).unwrap_or_default();
        assert!(
            file.contains(&format!("probe::{target}(")),
            "fuzz/fuzz_targets/{target}.rs does not call its probe"
        );
        assert!(manifest.contains(&format!("name = \"{target}\"")), "fuzz/Cargo.toml does not list {target}");
    }
}

#[test]
#[ignore = "writes fuzz/corpus: scripts/fuzz runs it before the engine"]
fn write_the_seeds() {
    for (target, _) in probe::ALL {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
        std::fs::create_dir_all(&folder).unwrap();
        for (number, seed) in seeds(target).into_iter().filter(|seed| seed.len() <= 64 * 1024).enumerate() {
            std::fs::write(folder.join(format!("seed-{number:04}")), seed).unwrap();
        }
    }
}

#[test]
#[ignore = "replays fuzz/corpus: scripts/coverage runs it, and whoever wants to see an old finding again"]
fn replay_the_corpus() {
    for (target, probe) in probe::ALL {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
        let inputs = std::fs::read_dir(&folder).expect("scripts/fuzz has made the corpus");
        let mut seen = 0;
        for input in inputs {
            probe(&std::fs::read(input.unwrap().path()).unwrap());
            seen += 1;
        }
        assert!(seen > 0, "{target} has an empty corpus");
    }
}

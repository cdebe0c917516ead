use crate::testkit::{Bench, names};
use brink_license::exchange::RequestKind;
use std::collections::HashSet;

fn numbers(bench: &Bench, device: &str) -> Vec<i64> {
    let rows = bench.ask("SELECT seq FROM licences WHERE device = ?1 ORDER BY seq", &[&device]);
    rows.iter().map(|row| row[0].parse().unwrap()).collect()
}

#[test]
fn a_hundred_concurrent_mints_get_distinct_gap_free_numbers() {
    let bench = Bench::with(200, &[]);
    let made = bench.code(4);
    let activated = |_| {
        let mut edge = bench.device();
        edge.activate(&bench.issuer, made.code.reveal()).unwrap();
        edge
    };
    let edges: Vec<_> = (0..4).map(activated).collect();
    std::thread::scope(|scope| {
        for edge in &edges {
            // Every assignment says something new, so every exchange mints.
            let (bench, mut edge) = (&bench, edge.clone());
            scope.spawn(move || {
                for round in 0..25 {
                    let camera = format!("{}-{round}", edge.id());
                    bench.assign(&edge.id(), &[camera], &[]);
                    assert!(edge.exchange(&bench.issuer).unwrap());
                }
            });
        }
    });
    for edge in &edges {
        let expected: Vec<i64> = (1..=26).collect();
        assert_eq!(numbers(&bench, edge.id().as_str()), expected);
    }
}

#[test]
fn every_token_that_a_device_saw_is_in_the_ledger_whole() {
    let mut bench = Bench::with(50, &[]);
    let mut edge = bench.activated();
    let mut seen = HashSet::from([edge.licence.as_ref().unwrap().token().to_owned()]);
    for round in 0..10 {
        bench.assign(&edge.id(), &names("cam", round..round + 1), &[]);
        edge.exchange(&bench.issuer).unwrap();
        seen.insert(edge.licence.as_ref().unwrap().token().to_owned());
        if round == 5 {
            bench.restart();
        }
    }
    let kept: HashSet<String> = bench.texts("SELECT token FROM licences").into_iter().collect();
    assert_eq!(kept, seen);
    assert_eq!(numbers(&bench, edge.id().as_str()), (1..=11).collect::<Vec<_>>());
}

#[test]
fn no_code_and_no_admin_secret_is_stored() {
    let bench = Bench::with(10, &[]);
    let made = bench.code(1);
    let mut edge = bench.device();
    edge.activate(&bench.issuer, made.code.reveal()).unwrap();
    drop(edge);
    let bytes = bench.dump();
    let kept = b"licence.mint";
    assert!(bytes.windows(kept.len()).any(|window| window == kept), "what is there is found");
    let plain = made.code.reveal().replace('-', "");
    for secret in [made.code.reveal().as_bytes(), plain.as_bytes()] {
        assert!(!bytes.windows(secret.len()).any(|window| window == secret));
    }
}

#[test]
fn what_has_left_was_recorded_whatever_happens_next() {
    let bench = Bench::with(50, &[]);
    let (made, mut edge) = (bench.code(1), bench.device());
    let folder = tempfile::tempdir().unwrap();
    for round in 0..12 {
        let request = match round {
            0 => edge.request(RequestKind::Activate { code: made.code.reveal().to_owned() }),
            _ => edge.request(RequestKind::Exchange),
        };
        let answer = bench.issuer.answer(&request, None).unwrap();
        let data = bench.cut(&folder.path().join(round.to_string()));
        let restarted = bench.opened(&data);
        assert_eq!(restarted.answer(&request, None).unwrap(), answer, "round {round}");
        if edge.accept(&answer) {
            let licence = edge.licence.as_ref().unwrap();
            let kept = restarted.storage.minted(&edge.id(), &licence.claims().jti).unwrap().unwrap();
            assert_eq!(kept.token, licence.token());
        }
        bench.assign(&edge.id(), &names("cam", round..round + 1), &[]);
    }
}

use super::*;
use crate::Documents;
use crate::test_issuer::{TestIssuer, TestKey, at};
use brink_license::clock::{BootId, Reading};
use brink_license::usage::{Head, Moment};
use std::os::unix::fs::PermissionsExt;

fn jkt() -> Kid {
    TestKey::new([99, 99]).public().kid()
}

fn created() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    StateDb::create(&path, &TestIssuer::new(1).anchor(), (jkt(), &[])).unwrap();
    (dir, path)
}

fn pending(ctr: u64) -> Pending {
    let boot = BootId::parse("0a1b2c3d-0000-4000-8000-00000000ff01").unwrap();
    Pending {
        kind: PendingKind::Exchange,
        ctr,
        nonce: [ctr as u8; 32],
        bytes: vec![ctr as u8; 100],
        created: Reading { wall: at(0), boot, boottime: 7 },
    }
}

fn identity() -> Identity {
    Identity { tenant: "tenant-123".parse().unwrap(), device: "dev-1".parse().unwrap(), epoch: 1 }
}

fn inbox() -> Inbox {
    let documents = Documents { manifests: vec![vec![1; 50]], licence: "licence".into(), receipt: None };
    Inbox { documents, licence: (1, 1), manifests: vec![(1, vec![1; 50])] }
}

fn marks(seq: u64) -> AcceptedMarks {
    let mark = NumberMark { number: seq, sha256: [3; 32] };
    let licence = brink_license::token::SeqMark { epoch: 1, seq, sha256: [4; 32], kid: jkt() };
    AcceptedMarks { licence: Some(licence), keyset: Some(mark), receipt: Some(mark) }
}

fn moment() -> Moment {
    let boot = BootId::parse("00000000-0000-4000-8000-000000000001").unwrap();
    Moment { boot, boottime_ms: 1, wall_ms: 2, est_ms: 3 }
}

fn settled(seq: u64) -> Settled {
    Settled {
        epoch: 1,
        jkt: [6; 32],
        cursor: Head { seq, hash: [seq as u8; 32] },
        sent: 0,
        sent_hash: None,
        read_at: None,
        stuck: false,
    }
}

fn accept(state: &mut StateDb, ctr: u64) -> Result<(), StoreError> {
    let transition = Transition {
        identity: &identity(),
        marks: marks(ctr),
        ratchet: &Ratchet([ctr as u8; 32]),
        next_exchange_after: at(300),
        presence: Some("presence"),
        notices: &[],
        seats: None,
        clock: None,
        settled: &[settled(ctr)],
        inbox: &inbox(),
    };
    state.accept(ctr, &transition)
}

/// A state with some of everything, closed.
fn filled() -> (tempfile::TempDir, PathBuf, Held) {
    let (dir, path) = created();
    let mut state = StateDb::open(&path).unwrap();
    state.store_pending(&pending(1), None).unwrap();
    accept(&mut state, 1).unwrap();
    state
        .store_pending(&pending(2), Some(&Settled { sent: 9, read_at: Some(moment()), ..settled(1) }))
        .unwrap();
    state.set_issuer_url("https://issuer.example").unwrap();
    state.record_refusal(&Refused { at: at(1), code: "ROLLBACK".into(), what: "older".into() }).unwrap();
    let held = state.held().unwrap();
    (dir, path, held)
}

#[test]
fn everything_comes_back_as_it_was_stored() {
    let (_dir, path, held) = filled();
    assert_eq!(held.identity, Some(identity()));
    assert_eq!(held.marks, marks(1));
    assert_eq!((held.ctr, held.pending.clone()), (2, Some(pending(2))));
    assert_eq!((held.ratchet.clone(), held.presence.as_deref()), (Some(Ratchet([1; 32])), Some("presence")));
    assert_eq!(held.jkt, jkt());
    let mut again = StateDb::open(&path).unwrap();
    assert_eq!(again.held().unwrap(), held);
    assert_eq!(again.inbox().unwrap(), Some(inbox()));
    again.clear_inbox().unwrap();
    assert_eq!(again.inbox().unwrap(), None);
    again.abandon_pending().unwrap();
    assert_eq!(again.held().unwrap().ctr, 2, "the counter stays spent");
}

#[test]
fn counters_are_spent_once_and_in_order() {
    let (_dir, path) = created();
    let mut state = StateDb::open(&path).unwrap();
    for (ctr, fits) in
        [(0, false), (2, false), (1, true), (1, false), (2, true), (4, false), (u64::MAX, false)]
    {
        assert_eq!(state.store_pending(&pending(ctr), None).is_ok(), fits, "{ctr}");
    }
    assert_eq!(accept(&mut state, 1), Err(StoreError::NothingPending));
    assert_eq!(state.held().unwrap().identity, None, "what was refused changed nothing");
    accept(&mut state, 2).unwrap();
    assert_eq!(accept(&mut state, 2), Err(StoreError::NothingPending));
}

#[test]
fn commits_survive_a_power_cut_and_nobody_else_reads_them() {
    let (_dir, path, _) = filled();
    let state = StateDb::open(&path).unwrap();
    let pragma = |name| state.conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!((pragma("synchronous"), pragma("foreign_keys"), pragma("secure_delete")), (2, 1, 1));
    assert_eq!(pragma("user_version"), schema::VERSION);
    for file in ["state.db", "state.db-wal", "state.db-shm"] {
        let mode = std::fs::metadata(path.with_file_name(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600, "{file}");
    }
}

#[test]
fn refusals_are_bounded_and_newest_first() {
    let (_dir, path) = created();
    let mut state = StateDb::open(&path).unwrap();
    for n in 0..100 {
        let what = format!("{n} {}", "x".repeat(10_000));
        state.record_refusal(&Refused { at: at(n), code: "ROLLBACK".into(), what }).unwrap();
    }
    let refusals = state.held().unwrap().refusals;
    assert_eq!((refusals.len(), refusals[0].at), (REFUSALS_KEPT as usize, at(99)));
    assert_eq!(refusals[0].what.len(), REFUSAL_CHARS_MAX);
}

#[test]
fn a_newer_version_is_refused_with_its_mend() {
    let (_dir, path) = created();
    Connection::open(&path).unwrap().pragma_update(None, "user_version", schema::VERSION + 1).unwrap();
    let error = StateDb::open(&path).unwrap_err();
    assert_eq!(error.code(), "STATE_NEWER");
    assert!(error.to_string().contains("update it"), "{error}");
}

#[test]
fn a_file_that_is_no_state_is_named() {
    let (dir, path) = created();
    let good = std::fs::read(&path).unwrap();
    let other = dir.path().join("other.db");
    Connection::open(&other).unwrap().execute_batch("CREATE TABLE t (x); PRAGMA user_version = 1").unwrap();
    let cases =
        [Vec::new(), b"garbage".to_vec(), good[..good.len() / 2].to_vec(), std::fs::read(&other).unwrap()];
    for (case, bytes) in cases.into_iter().enumerate() {
        std::fs::write(&path, bytes).unwrap();
        let opened = StateDb::open(&path).and_then(|mut state| state.held());
        assert_eq!(opened.unwrap_err().code(), "STATE_DAMAGED", "case {case}");
    }
}

#[test]
fn a_flipped_bit_is_harmless_or_named_and_never_a_wrong_value() {
    let (_dir, path, held) = filled();
    // Closing put everything into the one file.
    assert!(!path.with_file_name("state.db-wal").exists());
    let good = std::fs::read(&path).unwrap();
    let (mut seed, mut unharmed, mut named) = (0x5eed_u64, 0, 0);
    // Most of the file is empty space, where a flip is harmless.
    let written: Vec<usize> = (0..good.len()).filter(|at| good[*at] != 0).collect();
    for _ in 0..300 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let bit = written[(seed >> 16) as usize % written.len()] * 8 + (seed >> 8) as usize % 8;
        let mut flipped = good.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        for leftover in ["state.db-wal", "state.db-shm"] {
            let _ = std::fs::remove_file(path.with_file_name(leftover));
        }
        std::fs::write(&path, flipped).unwrap();
        match StateDb::open(&path).and_then(|mut state| Ok((state.held()?, state.inbox()?))) {
            Ok(found) => {
                assert_eq!(found, (held.clone(), Some(inbox())), "bit {bit}");
                unharmed += 1;
            }
            Err(error) => {
                assert!(["STATE_DAMAGED", "STATE_NEWER", "STATE_IO"].contains(&error.code()), "{error}");
                named += 1;
            }
        }
    }
    println!("300 flips in state.db: {unharmed} unharmed, {named} named, 0 wrong");
}

#[test]
fn an_inbox_with_bytes_left_over_or_of_another_version_is_refused() {
    let good = inbox().encode().unwrap();
    assert_eq!(Inbox::decode(&good), Some(inbox()));
    let mut longer = good.clone();
    longer.push(0);
    assert_eq!(Inbox::decode(&longer), None);
    assert_eq!(Inbox::decode(&good[..good.len() - 1]), None);
    let mut other = good;
    other[0] = 2;
    assert_eq!(Inbox::decode(&other), None);
    assert_eq!(Inbox::decode(&[]), None);
}

#[test]
fn an_interrupted_making_leaves_nothing_that_counts() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    std::fs::write(dir.path().join("state.db.new"), b"half").unwrap();
    std::fs::write(dir.path().join("state.db.new-journal"), b"half").unwrap();
    StateDb::create(&path, &TestIssuer::new(1).anchor(), (jkt(), &[])).unwrap();
    StateDb::open(&path).unwrap();
    assert!(!dir.path().join("state.db.new").exists());
}

#[test]
fn a_look_needs_no_lock_and_sees_the_newest_commit() {
    let (dir, path, held) = filled();
    let layout = Layout::new(dir.path());
    assert_eq!(Held::read(&layout).unwrap(), Some(held));
    let mut writer = StateDb::open(&path).unwrap();
    writer.set_issuer_url("https://other.example").unwrap();
    let seen = Held::read(&layout).unwrap().unwrap();
    assert_eq!(seen.issuer_url.as_deref(), Some("https://other.example"));
    let elsewhere = tempfile::tempdir().unwrap();
    let nothing = Layout::new(elsewhere.path());
    assert_eq!(Held::read(&nothing).unwrap(), None);
    std::fs::write(nothing.device_key(), b"x").unwrap();
    assert_eq!(Held::read(&nothing).unwrap_err().code(), "STATE_LOST");
}

fn listing(dir: &tempfile::TempDir) -> Vec<String> {
    let names = std::fs::read_dir(dir.path()).unwrap();
    let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_glimpse_leaves_no_trace_and_sees_what_a_look_sees() {
    let (dir, path, held) = filled();
    let layout = Layout::new(dir.path());
    let before = listing(&dir);
    assert_eq!(Held::glimpse(&layout), Ok(Glimpse::Whole(Box::new(held))));
    assert_eq!(listing(&dir), before);
    // While somebody has it open, what is only in the log is seen too.
    let mut state = StateDb::open(&path).unwrap();
    state.set_issuer_url("https://elsewhere.example").unwrap();
    let Ok(Glimpse::Whole(seen)) = Held::glimpse(&layout) else { panic!("nothing seen") };
    assert_eq!(seen.issuer_url.as_deref(), Some("https://elsewhere.example"));
}

#[test]
fn a_glimpse_does_not_mend_what_a_killed_writer_left() {
    let (dir, path, _) = filled();
    let mut state = StateDb::open(&path).unwrap();
    state.set_issuer_url("https://elsewhere.example").unwrap();
    let copy = tempfile::tempdir().unwrap();
    for name in ["state.db", "state.db-wal"] {
        std::fs::copy(dir.path().join(name), copy.path().join(name)).unwrap();
    }
    let before = listing(&copy);
    assert_eq!(Held::glimpse(&Layout::new(copy.path())), Ok(Glimpse::Interrupted));
    assert_eq!(listing(&copy), before);
    let held = StateDb::open(&copy.path().join("state.db")).unwrap().held().unwrap();
    assert_eq!(held.issuer_url.as_deref(), Some("https://elsewhere.example"));
}

#[test]
fn a_glimpse_finds_a_path_of_any_letters() {
    let dir = tempfile::tempdir().unwrap();
    let odd = dir.path().join("a?b#c%41 d");
    std::fs::create_dir(&odd).unwrap();
    let layout = Layout::new(&odd);
    assert_eq!(Held::glimpse(&layout), Ok(Glimpse::Absent));
    StateDb::create(&layout.state_db(), &TestIssuer::new(1).anchor(), (jkt(), &[])).unwrap();
    assert!(matches!(Held::glimpse(&layout), Ok(Glimpse::Whole(_))));
}

#[test]
fn a_state_of_an_earlier_version_is_seen_as_it_is_and_brought_up_to_date_by_the_next_writer() {
    const LATER: [&str; 5] = ["notices", "seats", "clock_challenge", "clock_reset", "settled"];
    for (version, later) in [(1, &LATER[..]), (2, &LATER[1..]), (3, &LATER[2..]), (4, &LATER[4..])] {
        let (_dir, path, held) = filled();
        let held = Held { settled: Vec::new(), ..held };
        let conn = Connection::open(&path).unwrap();
        for table in later {
            conn.execute_batch(&format!("DROP TABLE {table}")).unwrap();
        }
        conn.pragma_update(None, "user_version", version).unwrap();
        assert!(seal::renew(&conn).is_ok());
        drop(conn);
        let mut looking = StateDb { conn: schema::open_read_only(&path).unwrap(), path: path.clone() };
        assert_eq!(looking.held().unwrap(), held, "version {version}");
        drop(looking);
        let mut state = StateDb::open(&path).unwrap();
        assert_eq!(state.held().unwrap(), held, "version {version}");
        let created = pending(9).created;
        state.store_challenge(&Challenge { nonce: [3; 32], created }).unwrap();
        assert_eq!(state.held().unwrap().challenge, Some(Challenge { nonce: [3; 32], created }));
    }
}

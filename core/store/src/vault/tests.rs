use super::*;
use std::path::PathBuf;

const KEY: [u8; 32] = [9; 32];

fn documents(n: u64) -> Documents {
    Documents {
        manifests: vec![vec![n as u8; 2000]],
        licence: format!("licence {n} {}", "x".repeat(5000)),
        receipt: Some(format!("receipt {n}")),
    }
}

fn entry(n: u64) -> LogEntry {
    LogEntry { at: UnixSeconds::new(n as i64), verdict: "accepted".into(), document: format!("tok-{n}") }
}

fn deposit(vault: &mut Vault, n: u64) -> Result<(), VaultDamage> {
    vault.deposit(&Deposit {
        documents: &documents(n),
        licence: (1, n),
        manifests: &[(n, vec![n as u8; 2000])],
        note: Some(&entry(n)),
    })
}

/// A vault with three deposits, closed.
fn filled() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vault");
    let mut vault = Vault::open(&path, KEY).unwrap();
    assert_eq!(vault.documents().unwrap(), None);
    for n in 1..=3 {
        deposit(&mut vault, n).unwrap();
    }
    (dir, path)
}

/// The vault's own sled, once the threads of the one before have let go of it.
fn beneath(path: &Path) -> sled::Db {
    super::barrier::await_release(&path.join("db")).unwrap();
    sled::open(path).unwrap()
}

/// What the vault says when it is opened: never a panic.
fn look(path: &Path) -> Result<Option<Documents>, VaultDamage> {
    Vault::open(path, KEY)?.documents()
}

#[test]
fn what_was_deposited_comes_back_and_history_is_bounded() {
    let (_dir, path) = filled();
    let mut vault = Vault::open(&path, KEY).unwrap();
    assert_eq!(vault.documents(), Ok(Some(documents(3))));
    for n in 4..=100 {
        deposit(&mut vault, n).unwrap();
    }
    assert_eq!(vault.keys(LICENCES).unwrap().len(), LICENCES_KEPT);
    assert_eq!(vault.keys(MANIFESTS).unwrap().len(), MANIFESTS_KEPT);
    for n in 101..=400 {
        vault.note(&entry(n)).unwrap();
    }
    let log = vault.log().unwrap();
    assert_eq!((log.len(), log.last()), (LOG_KEPT, Some(&(400, entry(400)))));
    assert_eq!(vault.documents(), Ok(Some(documents(100))));
}

#[test]
fn a_vault_of_another_device_is_damage() {
    let (_dir, path) = filled();
    assert!(matches!(Vault::open(&path, [8; 32]), Err(VaultDamage::Mac { .. })));
}

/// The first chunk of a value, as sled has it.
fn chunk(key: &[u8]) -> Vec<u8> {
    [key, &[0, 0, 0, 0, 0]].concat()
}

#[test]
fn swapped_values_are_damage() {
    let (_dir, path) = filled();
    {
        let db = beneath(&path);
        let older = chunk(b"licence/0000000001/00000000000000000001");
        let one = db.get(&older).unwrap().unwrap();
        let three = db.insert(chunk(CURRENT_LICENCE), one).unwrap().unwrap();
        db.insert(older, three).unwrap();
        db.flush().unwrap();
    }
    assert!(matches!(look(&path), Err(VaultDamage::Mac { .. })));
}

#[test]
fn an_edited_or_removed_value_or_part_of_one_is_damage() {
    let edits: [fn(&sled::Db); 4] = [
        |db| drop(db.remove(chunk(CURRENT_RECEIPT)).unwrap()),
        |db| drop(db.insert(chunk(CURRENT_RECEIPT), b"").unwrap()),
        |db| drop(db.remove(b"current/licence\0\0\0\0\x01").unwrap()),
        |db| drop(db.insert(b"current/licence\0\0\0\0\x02", b"more").unwrap()),
    ];
    for (n, edit) in edits.into_iter().enumerate() {
        let (_dir, path) = filled();
        {
            let db = beneath(&path);
            edit(&db);
            db.flush().unwrap();
        }
        match (n, look(&path)) {
            (0, Err(VaultDamage::Missing)) | (1.., Err(VaultDamage::Mac { .. })) => {}
            (_, answer) => panic!("edit {n}: {answer:?}"),
        }
    }
}

#[test]
fn large_values_come_back_shrink_and_leave_no_files_behind() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vault");
    let mut vault = Vault::open(&path, KEY).unwrap();
    for n in 0..60 {
        let bytes = if n % 3 == 2 { 10 } else { 512 * 1024 };
        let documents = Documents {
            manifests: vec![vec![7; 64 * 1024]; 4],
            licence: format!("{n}").repeat(bytes / 2),
            receipt: None,
        };
        let deposit = Deposit { documents: &documents, licence: (1, n), manifests: &[], note: None };
        vault.deposit(&deposit).unwrap();
        assert_eq!(vault.documents(), Ok(Some(documents)));
    }
    drop(vault);
    Vault::open(&path, KEY).unwrap();
    assert_eq!(std::fs::read_dir(path.join("blobs")).unwrap().count(), 0);
    let bytes = std::fs::metadata(path.join("db")).unwrap().len();
    assert!(bytes < 64 << 20, "the vault grew to {bytes} bytes");
    println!("60 licences of 512 KiB: {bytes} bytes on disk");
}

/// The answers that a damaged vault may give: nothing wrong, whatever else.
fn is_honest(answer: &Result<Option<Documents>, VaultDamage>) -> bool {
    match answer {
        Ok(Some(found)) => (1..=3).any(|n| *found == documents(n)),
        Ok(None) | Err(_) => true,
    }
}

fn copy_of(from: &Path) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vault");
    crate::crash::observed::copy_tree(from, &path);
    (dir, path)
}

#[test]
fn an_unharmed_copy_is_sound() {
    let (_dir, path) = filled();
    let (_copy, copied) = copy_of(&path);
    assert_eq!(look(&copied), Ok(Some(documents(3))));
}

/// Flips one bit of `db` a hundred times and looks each time; says how often it was unharmed, older or reported.
fn flip_a_hundred(path: &Path, newest: &Documents, fits: impl Fn(&Documents) -> bool) -> [usize; 3] {
    let db = std::fs::read(path.join("db")).unwrap();
    let mut seed: u64 = 0x5eed;
    let mut counts = [0; 3];
    for _ in 0..100 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let bit = (seed >> 16) as usize % (db.len() * 8);
        let (_copy, copied) = copy_of(path);
        let mut flipped = db.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(copied.join("db"), flipped).unwrap();
        match look(&copied) {
            Ok(Some(found)) if found == *newest => counts[0] += 1,
            Ok(Some(found)) => {
                assert!(fits(&found), "bit {bit}: a value that was never deposited");
                counts[1] += 1;
            }
            // An empty vault is what a store takes for damage as well.
            Ok(None) => counts[1] += 1,
            Err(_) => counts[2] += 1,
        }
    }
    counts
}

#[test]
fn flipped_bits_never_panic_and_never_give_a_wrong_value() {
    let (_dir, path) = filled();
    let deposited = |found: &Documents| (1..=3).any(|n| *found == documents(n));
    let [sound, older, reported] = flip_a_hundred(&path, &documents(3), deposited);
    println!("a new vault, 100 flips: {sound} unharmed, {older} older or empty, {reported} reported");
    let mut vault = Vault::open(&path, KEY).unwrap();
    for n in 4..=120 {
        deposit(&mut vault, n).unwrap();
    }
    drop(vault);
    let deposited = |found: &Documents| (1..=120).any(|n| *found == documents(n));
    let [sound, older, reported] = flip_a_hundred(&path, &documents(120), deposited);
    println!("a used vault, 100 flips: {sound} unharmed, {older} older or empty, {reported} reported");
}

#[test]
fn truncated_and_missing_files_never_panic_and_never_give_a_wrong_value() {
    let (_dir, path) = filled();
    let bytes = std::fs::metadata(path.join("db")).unwrap().len();
    for keep in [0, 1, bytes / 4, bytes / 2, bytes - 1] {
        let (_copy, copied) = copy_of(&path);
        let file = std::fs::OpenOptions::new().write(true).open(copied.join("db")).unwrap();
        file.set_len(keep).unwrap();
        let answer = look(&copied);
        assert!(is_honest(&answer), "{keep} bytes: {answer:?}");
    }
    for name in ["db", "conf", "blobs"] {
        let (_copy, copied) = copy_of(&path);
        let victim = copied.join(name);
        if victim.is_dir() {
            std::fs::remove_dir_all(victim).unwrap()
        } else {
            std::fs::remove_file(victim).unwrap()
        }
        let answer = look(&copied);
        assert!(is_honest(&answer), "without {name}: {answer:?}");
    }
}

//! What is put back, lost or damaged is held against the anchor: it is replaced from what reaches it, or it is
//! `StoreTampered` until an exchange. Numbers in comments are those of the negative cases.

use super::*;
use crate::BundleReader;
use crate::anchor::{Anchor, FILES, Slots};
use brink_license::clock::State;
use brink_license::keyset::KeyState;

/// What is beside each other in a device directory and can be put back from a copy, part by part.
const STATE: &[&str] = &["state.db"];
const VAULT: &[&str] = &["vault"];
const BUNDLE: &[&str] = &["licence.bundle"];
const DOCUMENTS: &[&str] = &["state.db", "vault", "licence.bundle"];
const EVERYTHING: &[&str] = &["state.db", "vault", "licence.bundle", "anchor.a", "anchor.b"];

/// A directory that has come from one licence to the next, and a copy from before.
struct Lived {
    scene: Scene,
    older: tempfile::TempDir,
    old: Documents,
    newest: Documents,
}

impl Lived {
    fn new() -> Self {
        let mut scene = Scene::new();
        let mut store = scene.open();
        let old = scene.exchange(&mut store);
        drop(store);
        let older = tempfile::tempdir().unwrap();
        copy_tree(scene.layout().dir(), older.path());
        let mut store = scene.open();
        let newest = scene.exchange(&mut store);
        drop(store);
        Self { scene, older, old, newest }
    }

    /// The same directory somewhere else, to be spoiled.
    fn copy(&self) -> Self {
        let dir = tempfile::tempdir().unwrap();
        copy_tree(self.scene.dir.path(), dir.path());
        let older = tempfile::tempdir().unwrap();
        copy_tree(self.older.path(), older.path());
        let scene = Scene { dir, issuer: self.scene.issuer.clone() };
        Self { scene, older, old: self.old.clone(), newest: self.newest.clone() }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.scene.layout().dir().join(name)
    }

    fn put_back(&self, names: &[&str]) {
        for name in names {
            let (from, to) = (self.older.path().join(name), self.path(name));
            remove(&to);
            if from.is_dir() {
                copy_tree(&from, &to);
            } else if from.exists() {
                std::fs::copy(from, to).unwrap();
            }
        }
    }

    /// What a host that starts now is told.
    fn told(&self) -> State {
        self.host().tick(&reading()).standing().state
    }

    fn host(&self) -> BundleReader {
        BundleReader::new(&self.scene.layout().bundle(), self.scene.issuer.anchor())
    }

    fn anchor(&self) -> Anchor {
        Slots::read(self.scene.layout().dir()).newest().unwrap().clone()
    }

    /// The newest documents are in force here and at hosts, and say so at the next open too.
    #[track_caller]
    fn assert_whole(&self, store: DeviceStore) {
        assert_eq!(store.documents(), Some(&self.newest));
        assert_eq!(store.held().marks.licence.unwrap().seq, 2);
        assert_eq!(self.told(), State::Active);
        drop(store);
        let next = self.scene.open();
        assert_eq!(next.documents(), Some(&self.newest));
        let Health { vault, bundle, anchor, .. } = next.health();
        assert_eq!(
            (vault, bundle, anchor),
            (&VaultHealth::Sound, &BundleHealth::Sound, &AnchorHealth::Sound)
        );
        assert_eq!(self.anchor().accepted, next.held().marks);
    }

    /// Nothing reaches the anchor: hosts deny, the marks stay, and what the issuer sends heals it.
    fn assert_tampered_and_healed(mut self) {
        let mut store = self.scene.open();
        assert_eq!((store.documents(), store.health().documents), (None, DocumentsHealth::Lost));
        assert_eq!(store.held().marks.licence.unwrap().seq, 2, "the mark is not forgotten");
        assert_eq!(self.told(), State::StoreTampered);
        assert_eq!(self.anchor().accepted.licence.unwrap().seq, 2);
        let mut host = self.host();
        assert_eq!(host.tick(&reading()).standing().state, State::StoreTampered);
        self.newest = self.scene.exchange(&mut store);
        assert_eq!(store.documents(), Some(&self.newest));
        assert_eq!(host.tick(&reading()).standing().state, State::Active, "a host goes along by itself");
        assert_eq!((self.told(), self.anchor().accepted.licence.unwrap().seq), (State::Active, 3));
    }
}

fn remove(path: &std::path::Path) {
    if path.is_dir() {
        std::fs::remove_dir_all(path).unwrap();
    } else if path.exists() {
        std::fs::remove_file(path).unwrap();
    }
}

/// 74 and 75: whatever was done to the vault, with the bundle there it is built again; without, it is what it was or
/// nothing at all.
fn assert_survives(lived: &Lived, what: &str, spoil: impl Fn(&std::path::Path)) {
    for with_bundle in [true, false] {
        let lived = lived.copy();
        spoil(&lived.path("vault"));
        if !with_bundle {
            std::fs::remove_file(lived.path("licence.bundle")).unwrap();
        }
        let store = lived.scene.open();
        match store.documents() {
            Some(documents) => assert_eq!(*documents, lived.newest, "{what}"),
            None => {
                assert!(!with_bundle, "{what}: the bundle had them");
                assert_eq!(store.health().documents, DocumentsHealth::Lost, "{what}: never a new install");
            }
        }
        let told = if store.documents().is_some() { State::Active } else { State::StoreTampered };
        assert_eq!(lived.told(), told, "{what}");
    }
}

#[test]
fn case_74_a_flipped_bit_in_the_vault_never_brings_an_older_document_into_force() {
    let lived = Lived::new();
    let bits = std::fs::metadata(lived.path("vault/db")).unwrap().len() as usize * 8;
    let mut seed = 0x5eed_u64;
    for n in 0..100 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let bit = (seed >> 16) as usize % bits;
        assert_survives(&lived, &format!("flip {n} at bit {bit}"), |vault| {
            let mut bytes = std::fs::read(vault.join("db")).unwrap();
            bytes[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(vault.join("db"), bytes).unwrap();
        });
    }
}

#[test]
fn case_75_a_truncated_or_deleted_part_of_the_vault_is_never_a_new_install() {
    let lived = Lived::new();
    let bytes = std::fs::metadata(lived.path("vault/db")).unwrap().len();
    for keep in [bytes - 1, bytes / 2, 0] {
        assert_survives(&lived, &format!("{keep} bytes left"), |vault| {
            std::fs::File::options().write(true).open(vault.join("db")).unwrap().set_len(keep).unwrap();
        });
    }
    for name in ["conf", "db", "blobs"] {
        assert_survives(&lived, &format!("without {name}"), |vault| remove(&vault.join(name)));
    }
}

#[test]
fn case_76_a_vault_that_was_put_back_is_built_again_from_the_bundle() {
    let lived = Lived::new();
    lived.put_back(VAULT);
    let store = lived.scene.open();
    assert!(matches!(store.health().vault, VaultHealth::Rebuilt { .. }), "{:?}", store.health());
    lived.assert_whole(store);
}

#[test]
fn case_77_an_anchor_that_was_put_back_is_moved_forward_and_said_so() {
    let lived = Lived::new();
    lived.put_back(&FILES);
    assert_eq!((lived.told(), lived.anchor().accepted.licence.unwrap().seq), (State::Active, 1));
    let store = lived.scene.open();
    assert_eq!(store.health().anchor, AnchorHealth::MovedForward);
    lived.assert_whole(store);
}

#[test]
fn case_78_everything_put_back_together_is_active_here_and_left_to_the_issuer() {
    let lived = Lived::new();
    lived.put_back(EVERYTHING);
    let store = lived.scene.open();
    assert_eq!(store.documents(), Some(&lived.old));
    assert_eq!(lived.told(), State::Active);
    // The issuer has seen a later counter, and another ratchet: it says STALE_COUNTER or CLONE_SUSPECTED.
    assert_eq!(store.held().ctr, 1);
}

#[test]
fn case_79_swapped_values_in_the_vault_do_not_carry_their_mac() {
    let lived = Lived::new();
    {
        let db = sled::open(lived.path("vault")).unwrap();
        let keys = [&b"current/licence\0\0\0\0\0"[..], b"current/receipt\0\0\0\0\0"];
        let [licence, receipt] = keys.map(|key| db.get(key).unwrap().unwrap());
        db.insert(keys[0], receipt).unwrap();
        db.insert(keys[1], licence).unwrap();
        db.flush().unwrap();
    }
    let store = lived.scene.open();
    let VaultHealth::Rebuilt { reason } = &store.health().vault else { panic!("{:?}", store.health()) };
    assert!(reason.contains("MAC"), "{reason}");
    lived.assert_whole(store);
}

#[test]
fn a_state_that_was_put_back_alone_is_moved_forward() {
    let lived = Lived::new();
    lived.put_back(STATE);
    assert_eq!(lived.told(), State::Active, "hosts do not read it");
    let store = lived.scene.open();
    assert!(store.health().marks_moved_forward);
    lived.assert_whole(store);
}

#[test]
fn a_state_with_an_inbox_that_was_overtaken_does_not_spoil_the_vault() {
    let mut scene = Scene::new();
    let mut store = scene.open();
    let mut answering = Scene { dir: tempfile::tempdir().unwrap(), issuer: scene.issuer.clone() };
    answering.issuer.seq += 1;
    let copies = killed_at_every_point(&scene, || {
        let acceptance = answering.answered(&mut store);
        store.accept(acceptance).unwrap();
    });
    scene.issuer = answering.issuer;
    let newest = scene.exchange(&mut store);
    drop(store);
    let (_, copy) = copies.iter().find(|(point, _)| *point == Point::StateCommitted).unwrap();
    let state = layout(copy).state_db();
    for suffix in ["", "-wal", "-shm"] {
        let with = |path: &std::path::Path| format!("{}{suffix}", path.display());
        remove(with(&scene.layout().state_db()).as_ref());
        if std::fs::metadata(with(&state)).is_ok() {
            std::fs::copy(with(&state), with(&scene.layout().state_db())).unwrap();
        }
    }
    for round in 0..3 {
        let mut store = scene.open();
        assert_eq!(store.documents(), Some(&newest), "round {round}");
        assert_eq!(store.health().vault, VaultHealth::Sound, "round {round}");
        assert_eq!(store.vault.as_mut().unwrap().documents(), Ok(Some(newest.clone())), "round {round}");
    }
}

#[test]
fn a_bundle_that_was_put_back_or_deleted_is_tampering_to_hosts_until_it_is_published_again() {
    for delete in [false, true] {
        let lived = Lived::new();
        if delete {
            remove(&lived.path("licence.bundle"))
        } else {
            lived.put_back(BUNDLE)
        }
        let mut host = lived.host();
        for _ in 0..2 {
            let snapshot = host.tick(&reading());
            assert_eq!(snapshot.standing().state, State::StoreTampered, "deleted: {delete}");
            let decision = snapshot.decide("cam-0", "analytics/counting", snapshot.standing().now);
            assert!(!decision.allowed && decision.reason.as_str() == "store_tampered", "{decision:?}");
        }
        let store = lived.scene.open();
        assert_eq!(host.tick(&reading()).standing().state, State::Active, "by itself");
        lived.assert_whole(store);
    }
}

#[test]
fn state_vault_and_bundle_put_back_without_the_anchor_are_tampering_until_an_exchange() {
    let lived = Lived::new();
    lived.put_back(DOCUMENTS);
    assert_eq!(lived.told(), State::StoreTampered, "also before the agent has looked");
    lived.assert_tampered_and_healed();
}

#[test]
fn vault_and_bundle_put_back_or_gone_are_tampering_until_an_exchange() {
    let lived = Lived::new();
    let back = lived.copy();
    back.put_back(&[VAULT, BUNDLE].concat());
    back.assert_tampered_and_healed();
    for name in [VAULT, BUNDLE].concat() {
        remove(&lived.path(name));
    }
    lived.assert_tampered_and_healed();
}

#[test]
fn a_state_from_before_the_activation_does_not_make_a_new_device() {
    let mut scene = Scene::new();
    let before = tempfile::tempdir().unwrap();
    drop(scene.open());
    copy_tree(scene.layout().dir(), before.path());
    let mut store = scene.open();
    let newest = scene.exchange(&mut store);
    drop(store);
    let state = scene.layout().state_db();
    let put_back = || std::fs::copy(before.path().join("state.db"), &state).unwrap();
    put_back();
    let store = scene.open();
    assert_eq!(store.documents(), Some(&newest));
    assert_eq!(store.held().identity.as_ref().unwrap().device.as_str(), "dev-1");
    drop(store);
    put_back();
    std::fs::remove_dir_all(scene.layout().vault()).unwrap();
    std::fs::remove_file(scene.layout().bundle()).unwrap();
    let store = scene.open();
    assert_eq!(store.health().documents, DocumentsHealth::Lost);
    assert_eq!(store.held().marks.licence.unwrap().seq, 1);
}

#[test]
fn a_spoiled_slot_is_written_again_from_the_other_and_nothing_stops() {
    let lived = Lived::new();
    for name in FILES {
        let good = std::fs::read(lived.path(name)).unwrap();
        for at in 0..good.len() {
            let mut flipped = good.clone();
            flipped[at] ^= 1 << (at % 8);
            std::fs::write(lived.path(name), flipped).unwrap();
            assert_eq!(lived.told(), State::Active, "{name}, byte {at}");
            if at % 40 != 0 {
                continue;
            }
            let store = lived.scene.open();
            assert_eq!(store.documents(), Some(&lived.newest));
            let AnchorHealth::SlotRewritten { reason } = &store.health().anchor else {
                panic!("{name}, byte {at}: {:?}", store.health())
            };
            assert!(reason.contains(name), "{reason}");
        }
        drop(lived.scene.open());
        assert_eq!(Slots::read(lived.scene.layout().dir()).problem(), None);
    }
}

#[test]
fn slots_that_are_both_gone_or_spoiled_are_made_anew_and_it_is_no_new_install() {
    let lived = Lived::new();
    let spoils: [fn(&std::path::Path); 3] =
        [remove, |path| flip(path, 100), |path| std::fs::write(path, b"").unwrap()];
    for spoil in spoils {
        let lived = lived.copy();
        FILES.iter().for_each(|name| spoil(&lived.path(name)));
        assert_eq!(lived.told(), State::Active);
        let store = lived.scene.open();
        assert!(matches!(store.health().anchor, AnchorHealth::MadeAnew { .. }), "{:?}", store.health());
        lived.assert_whole(store);
    }
}

#[test]
fn the_anchor_is_behind_what_cannot_be_published_and_never_ahead_of_it() {
    let mut scene = Scene::new();
    let mut store = scene.open();
    scene.exchange(&mut store);
    let bundle = scene.layout().bundle();
    std::fs::remove_file(&bundle).unwrap();
    std::fs::create_dir_all(bundle.join("taken")).unwrap();
    scene.issuer.seq += 1;
    let acceptance = scene.answered(&mut store);
    assert_eq!(store.accept(acceptance).unwrap_err().code(), "NOT_PUBLISHED");
    let remembered = |scene: &Scene| {
        Slots::read(scene.layout().dir()).newest().unwrap().accepted.licence.map(|mark| mark.seq)
    };
    assert_eq!(remembered(&scene), Some(1));
    drop(store);
    let mut store = scene.open();
    assert_eq!(remembered(&scene), Some(1));
    std::fs::remove_dir_all(&bundle).unwrap();
    assert!(store.ensure_published().unwrap());
    drop(store);
    drop(scene.open());
    assert_eq!(remembered(&scene), Some(2));
}

#[test]
fn a_running_host_whose_file_is_refused_goes_on_although_the_anchor_is_ahead() {
    let mut lived = Lived::new();
    let mut host = lived.host();
    assert_eq!(host.tick(&reading()).standing().state, State::Active);
    let mut store = lived.scene.open();
    lived.newest = lived.scene.exchange(&mut store);
    std::fs::write(lived.path("licence.bundle"), b"what this host cannot read").unwrap();
    for _ in 0..2 {
        assert_eq!(host.tick(&reading()).standing().state, State::Active, "until its own deadline");
    }
}

#[test]
fn a_licence_or_a_receipt_of_a_revoked_key_is_no_tampering() {
    let mut scene = Scene::new();
    let mut store = scene.open();
    scene.exchange(&mut store);
    let told = |scene: &Scene| {
        let mut host = BundleReader::new(&scene.layout().bundle(), scene.issuer.anchor());
        host.tick(&reading()).standing().state
    };
    // The answer brings the manifest that revokes, and no new licence: what is published says that it was revoked.
    scene.issuer.rotate(KeyState::Revoked);
    let mut acceptance = scene.answered(&mut store);
    acceptance.documents.licence = store.documents().unwrap().licence.clone();
    store.accept(acceptance).unwrap();
    assert_eq!(told(&scene), State::Revoked);
    scene.exchange(&mut store);
    assert_eq!(told(&scene), State::Active);
    // A receipt whose key was revoked is withheld from the bundle.
    scene.issuer.rotate_receipt(KeyState::Revoked);
    let mut acceptance = scene.answered(&mut store);
    acceptance.documents.receipt = store.documents().unwrap().receipt.clone();
    store.accept(acceptance).unwrap();
    assert!(store.receipt().is_none());
    assert_eq!(told(&scene), State::Active);
    drop(store);
    let store = scene.open();
    assert_eq!((told(&scene), &store.health().anchor), (State::Active, &AnchorHealth::Sound));
}

#[test]
fn hosts_never_take_an_acceptance_that_is_under_way_for_tampering() {
    let mut scene = Scene::new();
    let mut store = scene.open();
    scene.exchange(&mut store);
    let (path, anchor) = (scene.layout().bundle(), scene.issuer.anchor());
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let host = std::thread::spawn(move || {
        let (mut looks, mut worst) = (0, State::Active);
        while stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
            let mut fresh = BundleReader::observing(&path, anchor.clone());
            worst = worst.min(fresh.tick(&reading()).standing().state);
            looks += 1;
        }
        (looks, worst)
    });
    for _ in 0..40 {
        scene.exchange(&mut store);
    }
    drop(stop);
    let (looks, worst) = host.join().unwrap();
    println!("{looks} looks while 40 answers were accepted");
    assert!(looks > 0);
    assert_eq!(worst, State::Active);
}

#[test]
fn an_acceptance_between_a_hosts_looks_at_bundle_and_anchor_is_no_tampering() {
    let lived = Lived::new();
    let mut host = lived.host();
    let store = lived.scene.open();
    let mut agent = Some((lived.scene, store));
    // In a thread of its own, as the agent is a process of its own.
    let accept_another = move |point| {
        if let (Point::BundleRead, Some((mut scene, mut store))) = (point, agent.take()) {
            let accepted = std::thread::spawn(move || {
                scene.exchange(&mut store);
                (scene, store)
            });
            agent = Some(accepted.join().unwrap());
        }
    };
    let told = observing(accept_another, || host.tick(&reading()).standing().state);
    assert_eq!(told, State::Active);
}

#[test]
fn the_clocks_marks_are_copied_once_an_hour_and_outlive_the_journal() {
    let mut scene = Scene::new();
    let mut store = scene.open();
    scene.exchange(&mut store);
    let at_hour = |hours: i64| Reading { wall: at(hours * 3600), boottime: 100 + hours * 3600, ..reading() };
    let bundle = scene.layout().bundle();
    let host = || BundleReader::new(&bundle, scene.issuer.anchor());
    let generation = || Slots::read(scene.layout().dir()).newest().unwrap().generation;
    host().tick(&at_hour(10));
    let before = generation();
    store.remember_clock(&at_hour(10));
    assert_eq!(generation(), before + 1);
    let within = Reading { boottime: at_hour(11).boottime - 1, ..at_hour(11) };
    store.remember_clock(&within);
    assert_eq!(generation(), before + 1, "not within the hour");
    host().tick(&at_hour(11));
    store.remember_clock(&at_hour(11));
    assert_eq!(generation(), before + 2);
    drop(store);
    for name in ["journal.db", "journal.db-wal", "journal.db-shm"] {
        remove(&scene.layout().journal().join(name));
    }
    let set_back = Reading { wall: at(0), ..at_hour(12) };
    assert_eq!(host().tick(&set_back).standing().now, at(12 * 3600), "without a journal");
    let store = scene.open();
    assert_eq!(store.remembered_clock().unwrap().lower_bound(), at(11 * 3600));
    assert_eq!(host().tick(&set_back).standing().now, at(12 * 3600), "and in the new one");
}

#[test]
fn no_flipped_bit_in_the_journal_stops_a_camera() {
    let lived = Lived::new();
    let journal = lived.scene.layout().journal();
    let names = ["journal.db", "journal.db-wal", "journal.db-shm"];
    // Held open by a host that is killed: the log stays beside the file.
    let mut open = lived.host();
    open.tick(&reading());
    let good = names.map(|name| std::fs::read(journal.join(name)).unwrap());
    drop(open);
    let (mut flips, mut noticed) = (0, 0);
    for (file, bytes) in good[..2].iter().enumerate() {
        assert!(!bytes.is_empty(), "{}", names[file]);
        // Most of both is empty: there a sample is enough.
        for at in (0..bytes.len()).filter(|at| bytes[*at] != 0 || at % 97 == 0) {
            for (name, bytes) in names.iter().zip(&good) {
                std::fs::write(journal.join(name), bytes).unwrap();
            }
            // The index belongs to processes that are gone.
            remove(&journal.join(names[2]));
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            std::fs::write(journal.join(names[file]), flipped).unwrap();
            let snapshot = lived.host().tick(&reading());
            assert_eq!(snapshot.standing().state, State::Active, "{} byte {at}", names[file]);
            flips += 1;
            noticed += u32::from(snapshot.standing().flags != brink_license::Flags::NONE);
        }
    }
    println!("{flips} flips in the journal and its log: {noticed} flagged, 0 stopped");
    assert!(noticed > 0, "some bits matter");
}

//! The store's promise: what was acknowledged is never lost, nothing older comes into force, and a device is never
//! taken for a new one, wherever the process is killed and whatever happens to vault and bundle.

use super::*;
use crate::bundle::Bundle;
use crate::crash::observed::{copy_tree, observing};
use crate::state::PendingKind;
use crate::state::{Identity, Ratchet};
use crate::test_issuer::{Asked, TestIssuer, TestKey, at};
use crate::{VerifiedBundle, publish_also};
use brink_license::clock::{BootId, Reading};
use brink_license::exchange::ExchangeResponse;
use brink_license::keyset::KeyState;
use brink_license::token::{CLAIMS_VERSION, LicenceStanding, PresenceClaims};
use brink_license::{Kid, Typ};
use std::cell::RefCell;
use std::rc::Rc;

const KEYS: SealKeys = SealKeys { vault: [5; 32], anchor: [6; 32] };
const BOOT: &str = "0a1b2c3d-0000-4000-8000-00000000ff01";

/// A device directory with an issuer that answers it.
struct Scene {
    dir: tempfile::TempDir,
    issuer: TestIssuer,
}

fn key() -> TestKey {
    TestKey::new([99, 99])
}

fn jkt() -> Kid {
    key().public().kid()
}

fn layout(dir: &tempfile::TempDir) -> Layout {
    Layout::new(dir.path().join("edge"))
}

fn reading() -> Reading {
    Reading { wall: at(0), boot: BootId::parse(BOOT).unwrap(), boottime: 100 }
}

fn open(layout: &Layout) -> Result<DeviceStore, StoreError> {
    DeviceStore::open(WriterLock::acquire(layout)?, &key().public(), KEYS)
}

impl Scene {
    fn new() -> Self {
        let scene = Self { dir: tempfile::tempdir().unwrap(), issuer: TestIssuer::new(1) };
        let layout = scene.layout();
        layout.init(scene.issuer.anchor().to_json().unwrap().as_bytes()).unwrap();
        let lock = WriterLock::acquire(&layout).unwrap();
        std::fs::write(layout.device_key_new(), b"the key's bytes are not the store's business").unwrap();
        DeviceStore::create_state(&lock, &key().public(), &[]).unwrap();
        layout.finish_installation(&lock).unwrap();
        scene
    }

    fn layout(&self) -> Layout {
        layout(&self.dir)
    }

    fn open(&self) -> DeviceStore {
        open(&self.layout()).unwrap()
    }

    /// Asks and is answered; the answer is not yet accepted.
    fn answered(&mut self, store: &mut DeviceStore) -> Acceptance {
        let ctr = store.held().ctr + 1;
        let asked = Asked {
            nonce: [ctr as u8; 32],
            ctr,
            licence_seq: store.licence().map_or(0, |licence| licence.claims().seq),
            keyset_version: store.keyset().map_or(0, Keyset::version),
        };
        let pending = Pending {
            kind: PendingKind::Exchange,
            ctr,
            nonce: asked.nonce,
            bytes: vec![1, 2, 3],
            created: reading(),
        };
        store.store_pending(pending, None).unwrap();
        let parts = self.issuer.parts(&asked, jkt());
        let response = ExchangeResponse::decode(&self.issuer.signed(&parts)).unwrap();
        acceptance(store, response, parts.receipt.lic.jti.as_str(), &self.issuer)
    }

    /// One whole exchange that brings a new licence.
    fn exchange(&mut self, store: &mut DeviceStore) -> Documents {
        self.issuer.seq += 1;
        let acceptance = self.answered(store);
        let documents = acceptance.documents.clone();
        store.accept(acceptance).unwrap();
        documents
    }
}

fn acceptance(store: &DeviceStore, response: ExchangeResponse, jti: &str, issuer: &TestIssuer) -> Acceptance {
    let held = store.documents();
    let mut manifests = held.map(|held| held.manifests.clone()).unwrap_or_default();
    let first = store.keyset().map_or(0, Keyset::version);
    let arrived = response.manifests.iter().zip(first + 1..).map(|(bytes, version)| (version, bytes.clone()));
    for manifest in &response.manifests {
        manifests = publish_also(&manifests, manifest).unwrap();
    }
    let claims = issuer.licence_claims(jkt());
    Acceptance {
        identity: Identity { tenant: claims.tenant, device: claims.dev, epoch: claims.epoch },
        documents: Documents {
            manifests,
            licence: response.licence.or_else(|| held.map(|held| held.licence.clone())).unwrap(),
            receipt: Some(response.receipt),
        },
        manifests: arrived.collect(),
        ratchet: Ratchet(response.next_ratchet),
        next_exchange_after: at(300),
        presence: Some(presence(jti, BOOT)),
        notices: Vec::new(),
        seats: None,
        clock: None,
        note: LogEntry { at: at(0), verdict: "accepted".into(), document: jti.into() },
    }
}

fn presence(jti: &str, boot_id: &str) -> String {
    let claims = PresenceClaims {
        ver: CLAIMS_VERSION,
        dev: "dev-1".parse().unwrap(),
        epoch: 1,
        jkt: jkt(),
        jti: jti.parse().unwrap(),
        boot_id: boot_id.into(),
    };
    key().document(Typ::Presence, &claims.to_json_bytes().unwrap())
}

/// What hosts would see.
fn published(layout: &Layout, anchor: &TrustAnchor) -> VerifiedBundle {
    let bytes = std::fs::read(layout.bundle()).unwrap();
    Bundle::decode(&bytes).unwrap().verify(anchor).unwrap()
}

fn flip(path: &std::path::Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    let len = bytes.len();
    bytes[at % len] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

/// Copies of the directory as a process killed at each place of `work` would leave it.
fn killed_at_every_point(scene: &Scene, work: impl FnOnce()) -> Vec<(Point, tempfile::TempDir)> {
    let copies = Rc::new(RefCell::new(Vec::new()));
    let (seen, from) = (Rc::clone(&copies), scene.layout().dir().to_owned());
    let observer = move |point| {
        let copy = tempfile::tempdir().unwrap();
        copy_tree(&from, &copy.path().join("edge"));
        seen.borrow_mut().push((point, copy));
    };
    observing(observer, work);
    copies.take()
}

#[test]
fn a_new_device_has_nothing_and_says_so() {
    let scene = Scene::new();
    let mut store = scene.open();
    assert_eq!(store.documents(), None);
    assert_eq!(store.health().documents, DocumentsHealth::Never);
    assert_eq!(store.health().bundle, BundleHealth::Absent);
    assert_eq!(store.publish(&presence("tok-1", BOOT)).unwrap_err(), StoreError::NothingToPublish);
    assert!(!store.ensure_published().unwrap());
}

#[test]
fn what_was_accepted_is_held_published_and_comes_back() {
    let mut scene = Scene::new();
    let mut store = scene.open();
    let documents = scene.exchange(&mut store);
    let held = store.held().clone();
    assert_eq!(held.identity.as_ref().unwrap().device.as_str(), "dev-1");
    assert_eq!((held.ctr, &held.pending), (1, &None));
    assert_eq!(held.next_exchange_after, Some(at(300)));
    assert_eq!(store.log().len(), 1);
    drop(store);
    let mut again = scene.open();
    assert_eq!(*again.held(), held);
    assert_eq!(again.documents(), Some(&documents));
    assert_eq!(again.health().vault, VaultHealth::Sound);
    assert_eq!(again.health().bundle, BundleHealth::Sound);
    assert!(!again.ensure_published().unwrap());
    let bundle = published(&scene.layout(), &scene.issuer.anchor());
    assert_eq!(bundle.licence().claims().seq, 1);
    assert_eq!(bundle.presence().unwrap().claims().boot_id, BOOT);
}

#[test]
fn only_one_writer_opens_a_store() {
    let scene = Scene::new();
    let first = scene.open();
    assert_eq!(open(&scene.layout()).unwrap_err().code(), "STORE_LOCKED");
    drop(first);
    scene.open();
}

#[test]
fn a_kill_at_any_point_loses_nothing_and_brings_nothing_old_into_force() {
    let mut scene = Scene::new();
    let mut store = scene.open();
    let old = scene.exchange(&mut store);
    scene.issuer.rotate(KeyState::Retired);
    scene.issuer.seq += 1;
    let new = RefCell::new(None);
    let from = scene.layout();
    let mut copies = Vec::new();
    {
        let mut answering = Scene { dir: tempfile::tempdir().unwrap(), issuer: scene.issuer.clone() };
        copies.extend(killed_at_every_point(&scene, || {
            let acceptance = answering.answered(&mut store);
            new.replace(Some(acceptance.documents.clone()));
            store.accept(acceptance).unwrap();
        }));
    }
    let new = new.take().unwrap();
    let mut visited = Vec::new();
    for (point, copy) in &copies {
        visited.push(*point);
        for spoil in SPOILS {
            let spoiled = tempfile::tempdir().unwrap();
            copy_tree(copy.path(), spoiled.path());
            let layout = layout(&spoiled);
            spoil(&layout);
            let store = open(&layout).unwrap();
            let expected = if *point == Point::PendingStored { &old } else { &new };
            assert_eq!(store.documents(), Some(expected), "{point:?}");
            assert_eq!(store.held().pending.is_some(), *point == Point::PendingStored, "{point:?}");
            assert_eq!(store.held().ctr, 2);
            let bundle = published(&layout, store.anchor());
            assert_eq!(bundle.licence().token(), expected.licence, "{point:?}");
            assert!(bundle.presence().is_some(), "{point:?}");
            let names = std::fs::read_dir(layout.dir()).unwrap().map(|entry| entry.unwrap().file_name());
            assert!(names.into_iter().all(|name| !name.to_string_lossy().starts_with(".")), "{point:?}");
        }
    }
    assert_eq!(
        visited,
        [
            Point::PendingStored,
            Point::StateCommitted,
            Point::VaultInserted,
            Point::VaultSynced,
            Point::TemporaryWritten,
            Point::Renamed,
            Point::BundlePublished,
            Point::InboxCleared,
            Point::AnchorWritten,
            Point::AnchorSynced
        ]
    );
    drop(from);
}

/// What may happen to a directory besides the kill, without anything being lost.
const SPOILS: [fn(&Layout); 5] = [
    |_| {},
    |layout| std::fs::remove_dir_all(layout.vault()).unwrap(),
    |layout| {
        let db = layout.vault().join("db");
        flip(&db, 100);
    },
    |layout| std::fs::remove_file(layout.bundle()).unwrap(),
    |layout| flip(&layout.bundle(), 77),
];

#[test]
fn a_lost_vault_is_rebuilt_from_the_bundle_and_said_so() {
    let mut scene = Scene::new();
    let mut store = scene.open();
    let documents = scene.exchange(&mut store);
    drop(store);
    for round in 0..5 {
        std::fs::write(scene.layout().vault().join("db"), b"garbage").unwrap();
        let store = scene.open();
        assert_eq!(store.documents(), Some(&documents), "round {round}");
        assert!(matches!(store.health().vault, VaultHealth::Rebuilt { .. }), "{:?}", store.health());
        drop(store);
        assert_eq!(scene.open().health().vault, VaultHealth::Sound);
    }
    let kept = std::fs::read_dir(scene.layout().dir())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("vault.damaged-"));
    assert!(kept.count() <= 3, "damaged vaults are kept in a bounded number");
}

#[test]
fn large_licences_do_not_wear_the_vault_out() {
    let mut scene = Scene::new();
    scene.issuer.cameras = 2000;
    let mut store = scene.open();
    for _ in 0..40 {
        scene.exchange(&mut store);
    }
    drop(store);
    let store = scene.open();
    assert_eq!(store.health().vault, VaultHealth::Sound);
    assert_eq!(store.licence().unwrap().claims().seats(), 2000);
}

#[test]
fn a_lost_or_changed_bundle_is_published_again() {
    let mut scene = Scene::new();
    let mut store = scene.open();
    scene.exchange(&mut store);
    let path = scene.layout().bundle();
    let good = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(store.ensure_published().unwrap());
    assert_eq!(std::fs::read(&path).unwrap(), good);
    drop(store);
    flip(&path, 300);
    let store = scene.open();
    assert!(matches!(store.health().bundle, BundleHealth::Republished { .. }));
    assert_eq!(std::fs::read(&path).unwrap(), good);
}

#[test]
fn an_older_vault_or_bundle_never_comes_back_into_force() {
    let mut scene = Scene::new();
    let mut store = scene.open();
    scene.exchange(&mut store);
    drop(store);
    let older = tempfile::tempdir().unwrap();
    copy_tree(scene.layout().dir(), older.path());
    let mut store = scene.open();
    let newest = scene.exchange(&mut store);
    drop(store);
    let put_back = |name: &str| {
        let (from, to) = (older.path().join(name), scene.layout().dir().join(name));
        if to.is_dir() {
            std::fs::remove_dir_all(&to).unwrap();
            copy_tree(&from, &to);
        } else {
            std::fs::copy(from, to).unwrap();
        }
    };
    put_back("vault");
    assert_eq!(scene.open().documents(), Some(&newest));
    put_back("licence.bundle");
    assert_eq!(scene.open().documents(), Some(&newest));
    put_back("vault");
    put_back("licence.bundle");
    let mut store = scene.open();
    assert_eq!(store.documents(), None);
    assert_eq!(store.health().documents, DocumentsHealth::Lost);
    assert!(matches!(store.health().bundle, BundleHealth::SetAside { .. }));
    assert!(!scene.layout().bundle().exists(), "hosts must not go on with the older one");
    assert_eq!(store.held().marks.licence.unwrap().seq, 2, "the mark is not forgotten");
    let brought_again = scene.exchange(&mut store);
    assert_eq!(store.documents(), Some(&brought_again));
    assert_eq!(published(&scene.layout(), &scene.issuer.anchor()).licence().claims().seq, 3);
}

#[test]
fn no_part_of_a_bundle_may_be_older_than_what_was_accepted() {
    let mut scene = Scene::new();
    let mut store = scene.open();
    let older = scene.exchange(&mut store);
    scene.issuer.renew(at(400 * crate::test_issuer::DAY));
    let newest = scene.exchange(&mut store);
    drop(store);
    let bundle = Bundle::decode(&std::fs::read(scene.layout().bundle()).unwrap()).unwrap();
    let parts = [
        (bundle.clone(), true),
        (Bundle { licence: older.licence, presence: None, ..bundle.clone() }, false),
        (Bundle { receipt: older.receipt, ..bundle.clone() }, false),
        (Bundle { receipt: None, ..bundle.clone() }, false),
        (Bundle { manifests: older.manifests, ..bundle }, false),
    ];
    for (n, (bundle, fits)) in parts.into_iter().enumerate() {
        let copy = tempfile::tempdir().unwrap();
        copy_tree(scene.dir.path(), copy.path());
        let layout = layout(&copy);
        std::fs::remove_dir_all(layout.vault()).unwrap();
        std::fs::write(layout.bundle(), bundle.encode().unwrap()).unwrap();
        let store = open(&layout).unwrap();
        assert_eq!(store.documents(), fits.then_some(&newest), "part {n}");
        assert_eq!(layout.bundle().exists(), fits, "part {n}");
    }
}

#[test]
fn an_older_state_is_moved_forward_by_what_verifies() {
    let mut scene = Scene::new();
    let mut store = scene.open();
    scene.exchange(&mut store);
    drop(store);
    let older = std::fs::read(scene.layout().state_db()).unwrap();
    let mut store = scene.open();
    let newest = scene.exchange(&mut store);
    drop(store);
    std::fs::write(scene.layout().state_db(), older).unwrap();
    let store = scene.open();
    assert_eq!(store.documents(), Some(&newest));
    assert!(store.health().marks_moved_forward);
    assert_eq!(store.held().marks.licence.unwrap().seq, 2);
}

#[test]
fn what_is_older_or_another_under_the_same_number_is_not_accepted() {
    let mut scene = Scene::new();
    let mut store = scene.open();
    scene.exchange(&mut store);
    let newest = scene.exchange(&mut store);
    for cameras in [scene.issuer.cameras, scene.issuer.cameras + 1] {
        for seq in [1, 2] {
            let mut other = scene.issuer.clone();
            (other.seq, other.cameras) = (seq, cameras);
            let mut acceptance = scene.answered(&mut store);
            let claims = other.licence_claims(jkt());
            acceptance.documents.licence =
                other.license.document(Typ::License, &claims.to_json_bytes().unwrap());
            let same = acceptance.documents.licence == newest.licence;
            let accepted = store.accept(acceptance);
            assert_eq!(accepted.is_ok(), same, "seq {seq}, {cameras} cameras: {accepted:?}");
            assert_eq!(store.documents().unwrap().licence, newest.licence);
        }
    }
}

#[test]
fn a_licence_of_a_revoked_key_stays_published_as_revoked() {
    let mut scene = Scene::new();
    let mut store = scene.open();
    scene.exchange(&mut store);
    scene.issuer.rotate(KeyState::Revoked);
    let mut acceptance = scene.answered(&mut store);
    acceptance.documents.licence = store.documents().unwrap().licence.clone();
    store.accept(acceptance).unwrap();
    assert!(store.licence().is_none());
    drop(store);
    let mut store = scene.open();
    assert!(store.licence().is_none() && store.documents().is_some());
    let bundle = Bundle::decode(&std::fs::read(scene.layout().bundle()).unwrap()).unwrap();
    assert!(bundle.verify(&scene.issuer.anchor()).unwrap_err().is_key_compromise());
    scene.exchange(&mut store);
    assert_eq!(published(&scene.layout(), &scene.issuer.anchor()).licence().claims().seq, 2);
}

#[test]
fn a_suspension_is_not_forgotten_with_the_bundle_or_the_vault() {
    let mut scene = Scene::new();
    let mut store = scene.open();
    scene.exchange(&mut store);
    scene.issuer.standing = LicenceStanding::Suspended;
    let acceptance = scene.answered(&mut store);
    store.accept(acceptance).unwrap();
    drop(store);
    std::fs::remove_dir_all(scene.layout().vault()).unwrap();
    drop(scene.open());
    std::fs::remove_file(scene.layout().bundle()).unwrap();
    drop(scene.open());
    let bundle = published(&scene.layout(), &scene.issuer.anchor());
    assert_eq!(bundle.receipt().unwrap().claims().lic.state, LicenceStanding::Suspended);
}

#[test]
fn presence_is_published_only_for_the_licence_in_force() {
    let mut scene = Scene::new();
    let mut store = scene.open();
    scene.exchange(&mut store);
    assert_eq!(store.publish(&presence("tok-9", BOOT)).unwrap_err().code(), "UNSTORABLE");
    let other_boot = "0a1b2c3d-0000-4000-8000-00000000ff02";
    store.publish(&presence("tok-1", other_boot)).unwrap();
    let shown = |scene: &Scene| {
        let bundle = published(&scene.layout(), &scene.issuer.anchor());
        bundle.presence().unwrap().claims().boot_id.clone()
    };
    assert_eq!(shown(&scene), other_boot);
    drop(store);
    std::fs::remove_file(scene.layout().bundle()).unwrap();
    drop(scene.open());
    assert_eq!(shown(&scene), other_boot, "the state keeps it");
}

#[test]
fn a_store_of_another_key_or_under_other_roots_is_refused() {
    let scene = Scene::new();
    let lock = WriterLock::acquire(&scene.layout()).unwrap();
    let other = TestKey::new([1, 1]).public();
    assert_eq!(DeviceStore::open(lock, &other, KEYS).unwrap_err().code(), "ANOTHER_KEY");
    let roots = TestIssuer::new(2).anchor().to_json().unwrap();
    std::fs::write(scene.layout().trust(), roots).unwrap();
    assert_eq!(open(&scene.layout()).unwrap_err().code(), "TRUST_PINNED");
}

#[test]
fn a_directory_that_cannot_be_written_still_opens() {
    let mut scene = Scene::new();
    let mut store = scene.open();
    let documents = scene.exchange(&mut store);
    drop(store);
    // Root writes anywhere, so the bundle's place is taken by something that no file replaces.
    std::fs::remove_file(scene.layout().bundle()).unwrap();
    std::fs::create_dir_all(scene.layout().bundle().join("taken")).unwrap();
    let mut store = scene.open();
    assert_eq!(store.documents(), Some(&documents));
    assert!(matches!(store.health().bundle, BundleHealth::Unwritable { .. }));
    scene.issuer.seq += 1;
    let acceptance = scene.answered(&mut store);
    assert_eq!(store.accept(acceptance).unwrap_err().code(), "NOT_PUBLISHED");
    std::fs::remove_dir_all(scene.layout().bundle()).unwrap();
    assert!(store.ensure_published().unwrap());
    assert_eq!(published(&scene.layout(), &scene.issuer.anchor()).licence().claims().seq, 2);
}

mod anchored;
mod carried;
mod model;
mod notices;
mod seats;
mod usage;

//! Random lives of a store: exchanges, kills at any place, loss or damage of vault, bundle and anchor, and any of the
//! four put back to an earlier copy.

use super::*;
use crate::anchor::FILES;
use brink_license::clock::State;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Event {
    /// A new licence; killed at this place of the acceptance, if it is passed.
    Exchange {
        killed_at: Option<usize>,
    },
    Rotate,
    Reopen,
    LoseVault,
    DamageVault {
        at: usize,
    },
    LoseBundle,
    DamageBundle {
        at: usize,
    },
    LoseAnchor {
        slot: usize,
    },
    DamageAnchor {
        slot: usize,
        at: usize,
    },
    /// Takes a copy of everything.
    Copy,
    /// Puts these back from the copy: bits for state, vault, bundle, anchor.
    PutBack {
        parts: u8,
    },
}

/// What each bit of [`Event::PutBack`] names.
const PARTS: [&[&str]; 4] = [
    &["state.db", "state.db-wal", "state.db-shm"],
    &["vault"],
    &["licence.bundle"],
    &["anchor.a", "anchor.b"],
];
const ANCHOR: u8 = 0b1000;
const DOCUMENTS: u8 = 0b0111;

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => prop::option::of(0usize..10).prop_map(|killed_at| Event::Exchange { killed_at }),
        1 => Just(Event::Rotate),
        1 => Just(Event::Reopen),
        1 => Just(Event::LoseVault),
        1 => any::<usize>().prop_map(|at| Event::DamageVault { at }),
        1 => Just(Event::LoseBundle),
        1 => any::<usize>().prop_map(|at| Event::DamageBundle { at }),
        1 => (0usize..2).prop_map(|slot| Event::LoseAnchor { slot }),
        1 => (0usize..2, any::<usize>()).prop_map(|(slot, at)| Event::DamageAnchor { slot, at }),
        2 => Just(Event::Copy),
        3 => (1u8..15).prop_map(|parts| Event::PutBack { parts }),
    ]
}

struct Life {
    scene: Scene,
    store: Option<DeviceStore>,
    /// What has to be in force.
    accepted: Option<Documents>,
    /// An earlier copy, and what was in force in it.
    copy: Option<(tempfile::TempDir, Option<Documents>)>,
}

impl Life {
    fn live(&mut self, event: &Event) {
        match event {
            Event::Exchange { killed_at } => self.exchange(*killed_at),
            Event::Rotate => self.scene.issuer.rotate(KeyState::Retired),
            Event::Reopen => self.reopen(|_| {}),
            Event::LoseVault => self.reopen(|layout| {
                let _ = std::fs::remove_dir_all(layout.vault());
            }),
            Event::DamageVault { at } => self.reopen(|layout| {
                let db = layout.vault().join("db");
                if std::fs::metadata(&db).is_ok_and(|metadata| metadata.len() > 0) {
                    flip(&db, *at);
                }
            }),
            Event::LoseBundle => self.reopen(|layout| {
                let _ = std::fs::remove_file(layout.bundle());
            }),
            Event::DamageBundle { at } => self.reopen(|layout| {
                if layout.bundle().exists() {
                    flip(&layout.bundle(), *at);
                }
            }),
            Event::LoseAnchor { slot } => self.reopen(|layout| {
                let _ = std::fs::remove_file(layout.dir().join(FILES[*slot]));
            }),
            Event::DamageAnchor { slot, at } => self.reopen(|layout| {
                let path = layout.dir().join(FILES[*slot]);
                if path.exists() {
                    flip(&path, *at);
                }
            }),
            Event::Copy => {
                self.store = None;
                let copy = tempfile::tempdir().unwrap();
                copy_tree(self.scene.layout().dir(), copy.path());
                self.copy = Some((copy, self.accepted.clone()));
                self.reopen(|_| {});
            }
            Event::PutBack { parts } => self.put_back(*parts),
        }
        let documents = self.store.as_ref().and_then(DeviceStore::documents);
        assert_eq!(documents, self.accepted.as_ref(), "after {event:?}");
        if let Some(accepted) = &self.accepted {
            let bundle = published(&self.scene.layout(), &self.scene.issuer.anchor());
            assert_eq!(bundle.licence().token(), accepted.licence);
            let mut host =
                crate::BundleReader::new(&self.scene.layout().bundle(), self.scene.issuer.anchor());
            let standing = *host.tick(&reading()).standing();
            assert_eq!(standing.state, State::Active, "after {event:?}: {standing:?}");
        }
    }

    /// Anything but everything. Where all that holds documents went back, hosts are told so and an exchange heals it.
    fn put_back(&mut self, parts: u8) {
        let Some((copy, held)) = self.copy.take() else { return };
        let names = (0..4).filter(|bit| parts >> bit & 1 == 1).flat_map(|bit| PARTS[bit]);
        self.reopen(|layout| {
            for name in names {
                let (from, to) = (copy.path().join(name), layout.dir().join(name));
                let _ = std::fs::remove_dir_all(&to).or_else(|_| std::fs::remove_file(&to));
                if from.is_dir() {
                    copy_tree(&from, &to);
                } else if from.exists() {
                    std::fs::copy(from, to).unwrap();
                }
            }
        });
        let went_back = held != self.accepted && parts & 0b0110 == 0b0110;
        self.copy = Some((copy, held));
        if !went_back {
            return;
        }
        assert_ne!(parts & (DOCUMENTS | ANCHOR), DOCUMENTS | ANCHOR, "that is left to the issuer");
        let store = self.store.as_ref().unwrap();
        assert_eq!((store.documents(), store.health().documents), (None, DocumentsHealth::Lost));
        let mut host = crate::BundleReader::new(&self.scene.layout().bundle(), self.scene.issuer.anchor());
        assert_eq!(host.tick(&reading()).standing().state, State::StoreTampered);
        self.exchange(None);
    }

    fn reopen(&mut self, damage: impl FnOnce(&Layout)) {
        self.store = None;
        damage(&self.scene.layout());
        self.store = Some(self.scene.open());
    }

    fn exchange(&mut self, killed_at: Option<usize>) {
        let mut store = self.store.take().unwrap();
        self.scene.issuer.seq += 1;
        let mut answering = Scene { dir: tempfile::tempdir().unwrap(), issuer: self.scene.issuer.clone() };
        let mut documents = None;
        let mut copies = killed_at_every_point(&self.scene, || {
            let acceptance = answering.answered(&mut store);
            documents = Some(acceptance.documents.clone());
            store.accept(acceptance).unwrap();
        });
        self.scene.issuer = answering.issuer;
        let Some(at) = killed_at.filter(|at| *at < copies.len()) else {
            self.store = Some(store);
            self.accepted = documents;
            return;
        };
        drop(store);
        let (point, copy) = copies.swap_remove(at);
        self.scene.dir = copy;
        self.store = Some(self.scene.open());
        if point != Point::PendingStored {
            self.accepted = documents;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, max_shrink_iters: 40, ..ProptestConfig::default() })]
    #[test]
    fn no_life_loses_what_was_accepted(events in prop::collection::vec(event(), 1..16)) {
        let scene = Scene::new();
        let store = Some(scene.open());
        let mut life = Life { scene, store, accepted: None, copy: None };
        for event in &events {
            life.live(event);
        }
    }
}

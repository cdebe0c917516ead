//! Random lives of a store: exchanges, kills at any place, and loss or damage of vault and bundle.

use super::*;
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
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => prop::option::of(0usize..8).prop_map(|killed_at| Event::Exchange { killed_at }),
        1 => Just(Event::Rotate),
        1 => Just(Event::Reopen),
        1 => Just(Event::LoseVault),
        1 => any::<usize>().prop_map(|at| Event::DamageVault { at }),
        1 => Just(Event::LoseBundle),
        1 => any::<usize>().prop_map(|at| Event::DamageBundle { at }),
    ]
}

struct Life {
    scene: Scene,
    store: Option<DeviceStore>,
    /// What has to be in force.
    accepted: Option<Documents>,
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
        }
        let documents = self.store.as_ref().and_then(DeviceStore::documents);
        assert_eq!(documents, self.accepted.as_ref(), "after {event:?}");
        if let Some(accepted) = &self.accepted {
            let bundle = published(&self.scene.layout(), &self.scene.issuer.anchor());
            assert_eq!(bundle.licence().token(), accepted.licence);
        }
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
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 40, ..ProptestConfig::default() })]
    #[test]
    fn no_life_loses_what_was_accepted(events in prop::collection::vec(event(), 1..12)) {
        let scene = Scene::new();
        let store = Some(scene.open());
        let mut life = Life { scene, store, accepted: None };
        for event in &events {
            life.live(event);
        }
    }
}

//! Notices: by themselves and with an answer, killed at every place, and what a state that was put back forgets.

use super::*;
use crate::NoticeError;
use brink_license::Code;
use brink_license::token::{NoticeKind, RevocationsClaims, RevokedLicence};

const LIST: NoticeKind = NoticeKind::Revocations;

impl Scene {
    /// A list of nobody, signed by the issuer's license key.
    fn list(&self, version: u64) -> String {
        let licence = self.issuer.licence_claims(jkt());
        let claims = RevocationsClaims {
            ver: CLAIMS_VERSION,
            iss: licence.iss,
            aud: licence.aud,
            tenant: licence.tenant,
            version,
            iat: at(60),
            until: at(4000),
            revoked: vec![RevokedLicence { sub: "lic-9".parse().unwrap(), epoch: 1, seq: 1 }],
        };
        self.issuer.license.document(Typ::Revocations, &claims.to_json_bytes().unwrap())
    }

    /// The version that hosts see.
    fn listed(&self) -> Option<u64> {
        published(&self.layout(), &self.issuer.anchor()).notices().number(LIST)
    }
}

fn refused(result: Result<bool, NoticeError>) -> &'static str {
    result.unwrap_err().code()
}

#[test]
fn a_kill_at_any_point_keeps_the_notice_whole_or_not_at_all() {
    let mut scene = Scene::new();
    let mut store = scene.open();
    scene.exchange(&mut store);
    store.accept_notice(LIST, &scene.list(1)).unwrap();
    let (list, anchor) = (scene.list(2), scene.issuer.anchor());
    let copies = killed_at_every_point(&scene, || assert_eq!(store.accept_notice(LIST, &list), Ok(true)));
    drop(store);
    let passed: Vec<_> = copies.iter().map(|(point, _)| *point).collect();
    assert!(passed.contains(&Point::NoticeStored) && passed.contains(&Point::Renamed), "{passed:?}");
    for (point, copy) in copies {
        let mut store = open(&layout(&copy)).unwrap();
        assert_eq!(published(&layout(&copy), &anchor).notices().number(LIST), Some(2), "killed at {point:?}");
        assert_eq!(store.accept_notice(LIST, &list), Ok(false), "it was stored before it was published");
        assert_eq!(refused(store.accept_notice(LIST, &scene.list(1))), "ROLLBACK");
    }
}

#[test]
fn a_notice_comes_with_an_answer_and_an_older_one_is_refused() {
    let mut scene = Scene::new();
    let mut store = scene.open();
    assert_eq!(store.accept_notice(LIST, &scene.list(1)), Err(NoticeError::NoLicence));
    scene.issuer.seq += 1;
    let acceptance = scene.answered(&mut store);
    store.accept(Acceptance { notices: vec![(LIST, scene.list(5))], ..acceptance }).unwrap();
    assert_eq!(scene.listed(), Some(5));
    assert_eq!(store.floor(), Some(at(60)), "it is at least as late as the notice says");
    for version in [1, 4] {
        assert_eq!(refused(store.accept_notice(LIST, &scene.list(version))), Code::Rollback.as_str());
    }
    drop(store);
    let mut store = scene.open();
    assert_eq!(store.accept_notice(LIST, &scene.list(5)), Ok(false));
    assert_eq!(store.accept_notice(LIST, &scene.list(6)), Ok(true));
    assert_eq!(scene.listed(), Some(6));
}

#[test]
fn a_state_that_was_put_back_learns_from_the_bundle_what_had_arrived() {
    let mut scene = Scene::new();
    let mut store = scene.open();
    scene.exchange(&mut store);
    drop(store);
    let older = tempfile::tempdir().unwrap();
    copy_tree(scene.layout().dir(), older.path());
    let mut store = scene.open();
    store.accept_notice(LIST, &scene.list(3)).unwrap();
    drop(store);
    std::fs::copy(older.path().join("state.db"), scene.layout().state_db()).unwrap();
    let mut store = scene.open();
    assert!(store.health().marks_moved_forward);
    assert_eq!(store.notices().number(LIST), Some(3));
    assert_eq!(refused(store.accept_notice(LIST, &scene.list(2))), "ROLLBACK");
}

#[test]
fn what_a_revoked_key_pushed_ahead_is_forgotten() {
    let mut scene = Scene::new();
    let mut store = scene.open();
    scene.exchange(&mut store);
    store.accept_notice(LIST, &scene.list(1_000_000)).unwrap();
    scene.issuer.rotate(KeyState::Revoked);
    scene.exchange(&mut store);
    assert_eq!(scene.listed(), None, "a notice of a revoked key would spoil the bundle");
    assert_eq!(store.accept_notice(LIST, &scene.list(2)), Ok(true));
    assert_eq!(scene.listed(), Some(2));
}

/// What a host that starts now is told.
fn told(scene: &Scene) -> brink_license::clock::State {
    let mut host = crate::BundleReader::new(&scene.layout().bundle(), scene.issuer.anchor());
    host.tick(&reading()).standing().state
}

#[test]
fn a_list_that_was_taken_back_with_state_and_bundle_is_tampering_until_the_issuer_has_been_asked() {
    use brink_license::clock::State;
    let mut scene = Scene::new();
    let mut store = scene.open();
    scene.exchange(&mut store);
    drop(store);
    let older = tempfile::tempdir().unwrap();
    copy_tree(scene.layout().dir(), older.path());
    scene.open().accept_notice(LIST, &scene.list(3)).unwrap();
    assert_eq!(told(&scene), State::Active);
    for name in ["state.db", "licence.bundle"] {
        std::fs::copy(older.path().join(name), scene.layout().dir().join(name)).unwrap();
    }
    let mut store = scene.open();
    assert_eq!(store.notices().number(LIST), None, "nobody here has it any more");
    assert_eq!(told(&scene), State::StoreTampered);
    scene.exchange(&mut store);
    drop(store);
    assert_eq!(told(&scene), State::Active, "the issuer has sent whatever counts");
    drop(scene.open());
    assert_eq!(told(&scene), State::Active);
}

#[test]
fn a_notice_whose_key_was_revoked_is_no_tampering_at_any_kill() {
    use brink_license::clock::State;
    let mut scene = Scene::new();
    let mut store = scene.open();
    scene.exchange(&mut store);
    store.accept_notice(LIST, &scene.list(9)).unwrap();
    scene.issuer.rotate(KeyState::Revoked);
    let mut answering = Scene { dir: tempfile::tempdir().unwrap(), issuer: scene.issuer.clone() };
    // The honest list of the next key has a lower number, and comes with the same answer.
    let honest = scene.list(2);
    let copies = killed_at_every_point(&scene, || {
        answering.issuer.seq += 1;
        let acceptance = answering.answered(&mut store);
        store.accept(Acceptance { notices: vec![(LIST, honest)], ..acceptance }).unwrap();
    });
    drop(store);
    assert_eq!(told(&scene), State::Active);
    for (point, copy) in copies {
        let copied = Scene { dir: copy, issuer: answering.issuer.clone() };
        assert_eq!(told(&copied), State::Active, "as the kill at {point:?} leaves it");
        drop(copied.open());
        assert_eq!(told(&copied), State::Active, "killed at {point:?} and opened again");
    }
}

//! Unnamed seats in the store: durable before hosts see them, carried over every acceptance, never put back.

use super::*;
use crate::state::HeldSeats;
use brink_license::CameraId;
use brink_license::seating::Renewed;
use brink_license::token::SeatsClaims;

fn camera(name: &str) -> CameraId {
    name.parse().unwrap()
}

fn signed(claims: &SeatsClaims) -> HeldSeats {
    let token = key().document(Typ::Seats, &claims.to_json_bytes().unwrap());
    HeldSeats { token, dropped: Vec::new() }
}

fn seated(store: &DeviceStore, name: &str) -> HeldSeats {
    let licence = store.licence().unwrap().claims();
    let last = store.last_seats().unwrap_or_else(|| SeatsClaims::empty(licence, store.receipt_number()));
    signed(&last.assign(licence, &camera(name), None).unwrap())
}

/// A device with three unnamed seats, of which `names` are taken.
fn scene(names: &[&str]) -> (Scene, DeviceStore) {
    let mut scene = Scene::new();
    scene.issuer.any = 3;
    let mut store = scene.open();
    scene.exchange(&mut store);
    for name in names {
        let seats = seated(&store, name);
        store.publish_seats(&seats).unwrap();
    }
    (scene, store)
}

fn cameras(claims: &SeatsClaims) -> Vec<&str> {
    claims.cameras().map(CameraId::as_str).collect()
}

/// What hosts see.
fn seen(layout: &Layout, anchor: &TrustAnchor) -> Vec<String> {
    let bundle = published(layout, anchor);
    let seats =
        bundle.seats().map(|seats| cameras(seats.unwrap().claims()).into_iter().map(str::to_owned).collect());
    seats.unwrap_or_default()
}

/// The acceptance of a new licence with the seats that go on under it, as the device makes them.
fn renewal(scene: &mut Scene, store: &mut DeviceStore) -> Acceptance {
    scene.issuer.seq += 1;
    let mut acceptance = scene.answered(store);
    let licence = scene.issuer.licence_claims(jkt());
    let last = store.last_seats().unwrap();
    let Renewed { claims, dropped } = last.renewed(&licence, scene.issuer.receipt_seq, None).unwrap();
    acceptance.seats = Some(HeldSeats { dropped, ..signed(&claims) });
    acceptance
}

#[test]
fn a_kill_at_any_point_of_an_assignment_leaves_the_old_or_the_new_whole_and_never_less_than_hosts_saw() {
    let (scene, mut store) = scene(&["one"]);
    let seats = seated(&store, "two");
    let copies = killed_at_every_point(&scene, || store.publish_seats(&seats).unwrap());
    let points: Vec<_> = copies.iter().map(|(point, _)| *point).collect();
    assert_eq!(points, [Point::SeatsStored, Point::TemporaryWritten, Point::Renamed]);
    for (point, copy) in &copies {
        for spoil in SPOILS {
            let spoiled = tempfile::tempdir().unwrap();
            copy_tree(copy.path(), spoiled.path());
            let layout = layout(&spoiled);
            spoil(&layout);
            let store = open(&layout).unwrap();
            assert_eq!(cameras(store.seats().unwrap().claims()), ["one", "two"], "{point:?}");
            assert_eq!(seen(&layout, store.anchor()), ["one", "two"], "{point:?}");
        }
    }
}

#[test]
fn a_kill_at_any_point_of_an_acceptance_keeps_every_camera_on_its_seat() {
    let (mut scene, mut store) = scene(&["one", "two"]);
    let mut answering = Scene { dir: tempfile::tempdir().unwrap(), issuer: scene.issuer.clone() };
    let copies = killed_at_every_point(&scene, || {
        let acceptance = renewal(&mut answering, &mut store);
        store.accept(acceptance).unwrap();
    });
    scene.issuer = answering.issuer;
    assert_eq!(copies.len(), 10, "from the request to the anchor");
    for (point, copy) in &copies {
        for spoil in SPOILS {
            let spoiled = tempfile::tempdir().unwrap();
            copy_tree(copy.path(), spoiled.path());
            let layout = layout(&spoiled);
            spoil(&layout);
            let store = open(&layout).unwrap();
            let seats = store.seats().expect("the document fits the licence in force, old or new");
            assert_eq!(cameras(seats.claims()), ["one", "two"], "{point:?}");
            assert_eq!(seen(&layout, store.anchor()), ["one", "two"], "{point:?}");
        }
    }
}

#[test]
fn a_state_that_was_put_back_does_not_put_cameras_back() {
    let (scene, mut store) = scene(&["one"]);
    let older = tempfile::tempdir().unwrap();
    drop(store);
    copy_tree(scene.layout().dir(), older.path());
    store = scene.open();
    let released =
        store.last_seats().unwrap().release(store.licence().unwrap().claims(), &camera("one")).unwrap();
    store.publish_seats(&signed(&released)).unwrap();
    let moved = seated(&store, "two");
    store.publish_seats(&moved).unwrap();
    drop(store);
    std::fs::copy(older.path().join("state.db"), scene.layout().state_db()).unwrap();
    let store = scene.open();
    assert_eq!(store.held().seats.as_ref().unwrap().token, moved.token);
    assert!(store.health().marks_moved_forward);
    let licence = store.licence().unwrap().claims();
    let refused = store.last_seats().unwrap().release(licence, &camera("two")).unwrap_err();
    assert_eq!(refused.code(), "NO_SWAP_LEFT");
}

#[test]
fn what_breaks_a_rule_is_not_stored_and_keeps_no_licence_from_being_accepted() {
    let (mut scene, mut store) = scene(&["one", "two"]);
    let last = store.last_seats().unwrap();
    let held = store.held().seats.clone();
    let mut uncounted = last.clone();
    uncounted.counter += 1;
    uncounted.seated[0].cameras.pop();
    for broken in
        [SeatsClaims { counter: 0, ..last.clone() }, SeatsClaims { since: 9, ..last.clone() }, uncounted]
    {
        assert_eq!(store.publish_seats(&signed(&broken)).unwrap_err().code(), "UNSTORABLE");
    }
    let of_another = TestKey::new([1, 1]).document(Typ::Seats, &last.to_json_bytes().unwrap());
    let of_another = HeldSeats { token: of_another, dropped: Vec::new() };
    assert_eq!(store.publish_seats(&of_another).unwrap_err().code(), "UNSTORABLE");
    assert_eq!(store.held().seats, held);
    let mut acceptance = renewal(&mut scene, &mut store);
    acceptance.seats = Some(of_another);
    store.accept(acceptance).unwrap();
    assert_eq!((store.licence().unwrap().claims().seq, store.seats()), (2, None));
    assert_eq!(store.last_seats(), Some(last), "kept for the next document to go on from");
    let bundle = published(&scene.layout(), &scene.issuer.anchor());
    assert!(bundle.seats().is_none(), "what does not speak of the licence is not shown to hosts");
}

#[test]
fn cameras_that_lost_their_seats_are_remembered_over_an_opening() {
    let (mut scene, mut store) = scene(&["one", "two", "three"]);
    scene.issuer.any = 1;
    let acceptance = renewal(&mut scene, &mut store);
    store.accept(acceptance).unwrap();
    drop(store);
    let store = scene.open();
    assert_eq!(cameras(store.seats().unwrap().claims()), ["one"], "who came first stays");
    assert_eq!(store.held().seats.as_ref().unwrap().dropped, [camera("two"), camera("three")]);
}

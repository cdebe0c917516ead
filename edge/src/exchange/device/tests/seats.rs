//! Unnamed seats over exchanges: carried over every licence, counted until the issuer has heard of it.

use super::*;
use brink_license::CameraId;
use brink_license::seating::SEATS_SECTION;
use brink_license::token::SeatsClaims;

fn camera(name: &str) -> CameraId {
    name.parse().unwrap()
}

fn seated() -> (Scene, Device) {
    let (mut scene, mut device) = Scene::activated();
    scene.issuer.any = 10;
    scene.exchange(&mut device);
    for name in ["one", "two", "three"] {
        device.assign_seat(&camera(name), None).unwrap();
    }
    (scene, device)
}

fn seats_of(body: &RequestBody, device: &Device) -> Option<SeatsClaims> {
    let section = body.sections.iter().find(|section| section.kind == SEATS_SECTION)?;
    device.store().own_seats(std::str::from_utf8(&section.bytes).unwrap())
}

fn released(device: &Device) -> Vec<String> {
    device.store().seats().unwrap().claims().released.iter().map(ToString::to_string).collect()
}

fn sits(device: &Device) -> Vec<String> {
    device.store().seats().unwrap().claims().cameras().map(ToString::to_string).collect()
}

#[test]
fn seats_go_along_with_every_licence_and_the_earliest_stay() {
    let (mut scene, mut device) = seated();
    assert_eq!(sits(&device), ["one", "two", "three"]);
    scene.exchange(&mut device);
    assert_eq!(sits(&device), ["one", "two", "three"], "nobody has to do anything after a renewal");
    scene.issuer.any = 2;
    scene.exchange(&mut device);
    assert_eq!(sits(&device), ["one", "two"]);
    assert_eq!(device.held().seats.as_ref().unwrap().dropped, [camera("three")]);
    let refused = device.assign_seat(&camera("three"), None).unwrap_err();
    assert_eq!(refused.code(), "SEATS_TAKEN");
    scene.issuer.any = 3;
    scene.exchange(&mut device);
    device.assign_seat(&camera("three"), None).unwrap();
    assert!(device.held().seats.as_ref().unwrap().dropped.is_empty(), "it has a seat again");
}

#[test]
fn a_camera_that_lost_its_seat_is_forgotten_without_cost_when_a_person_says_so() {
    let (mut scene, mut device) = seated();
    scene.issuer.any = 2;
    scene.exchange(&mut device);
    device.release_seat(&camera("three")).unwrap();
    assert_eq!(device.held().seats.as_ref().unwrap().dropped, []);
    assert!(released(&device).is_empty());
    assert_eq!(device.release_seat(&camera("three")).unwrap_err().code(), "CAMERA_NOT_SEATED");
}

#[test]
fn what_the_issuer_has_heard_of_is_forgotten_and_what_came_after_the_request_is_not() {
    let (mut scene, mut device) = seated();
    device.release_seat(&camera("one")).unwrap();
    assert_eq!(device.release_seat(&camera("two")).unwrap_err().code(), "NO_SWAP_LEFT");
    let request = device.begin_exchange(Vec::new(), &reading()).unwrap();
    let (body, answer) = scene.answer(&request, |_| {});
    assert_eq!(seats_of(&body, &device).unwrap().released, [camera("one")]);
    device.complete(&answer, &reading()).unwrap();
    assert!(released(&device).is_empty(), "the exchange renews the allowance");

    let request = device.begin_exchange(Vec::new(), &reading()).unwrap();
    device.release_seat(&camera("two")).unwrap();
    let (body, answer) = scene.answer(&request, |_| {});
    assert!(seats_of(&body, &device).unwrap().released.is_empty());
    device.complete(&answer, &reading()).unwrap();
    assert_eq!(released(&device), ["two"], "a request made before does not renew what was used after");
    assert_eq!(device.release_seat(&camera("three")).unwrap_err().code(), "NO_SWAP_LEFT");
    scene.exchange(&mut device);
    device.release_seat(&camera("three")).unwrap();
}

#[test]
fn without_a_licence_or_a_device_a_seat_is_refused_with_its_reason() {
    let scene = Scene::new();
    let mut device = Device::open_or_create(&scene.layout()).unwrap();
    assert_eq!(device.assign_seat(&camera("one"), None).unwrap_err().code(), "NOT_ACTIVATED");
    let (_scene, mut device) = Scene::activated();
    assert_eq!(device.assign_seat(&camera("one"), None).unwrap_err().code(), "NO_UNNAMED_SEATS");
    assert_eq!(device.assign_seat(&camera("cam-0001"), None).unwrap_err().code(), "CAMERA_NAMED");
    assert_eq!(device.held().seats, None, "a refusal writes nothing");
}

#[test]
fn a_licence_that_arrived_without_its_seats_gets_them_at_the_next_opening() {
    let (mut scene, device) = seated();
    drop(device);
    let before = std::fs::read(scene.layout().state_db()).unwrap();
    let mut device = Device::open(&scene.layout()).unwrap();
    scene.exchange(&mut device);
    drop(device);
    // The documents are in vault and bundle; the state, and with it the seats for this licence, is put back, and the
    // bundle has lost them.
    std::fs::write(scene.layout().state_db(), before).unwrap();
    std::fs::remove_file(scene.layout().bundle()).unwrap();
    let mut device = Device::open(&scene.layout()).unwrap();
    assert_eq!(device.store().seats(), None);
    assert!(device.refresh_seats().unwrap());
    assert_eq!(sits(&device), ["one", "two", "three"]);
    assert!(!device.refresh_seats().unwrap());
}

//! What has to hold while several issuers work on one database.

use super::device::{Held, activation, device_of};
use super::site::{Site, TENANT, at_once};
use brink_issuer::retirement::{RetirementOrder, Successor};
use brink_issuer::storage::{AnswerKind, DeviceStatus};
use brink_tests::forge::Key;
use std::collections::BTreeSet;

/// Keys that no fixture has.
fn keys(count: u8) -> Vec<Key> {
    (0..count).map(|number| Key(100 + number)).collect()
}

pub(crate) fn a_hundred_parallel_mints_over_two_replicas_get_distinct_gap_free_numbers(site: &Site) {
    let replicas = [site.replica(), site.replica()];
    replicas[0].subscribe(TENANT, 200);
    // By one code, so that they share what nobody has by name.
    let made = replicas[0].code(TENANT, 4);
    let activated = |key| Held::activated(&replicas[0].issuer, key, made.code.reveal()).unwrap();
    let devices: Vec<Held> = keys(4).into_iter().map(activated).collect();
    let minted = at_once(devices, |mut held| {
        for round in 0..25 {
            // Every assignment says something new, so that every exchange mints; each time at the other replica.
            let replica = &replicas[round % 2];
            replica.assign(&held.device, &[format!("{}-{round}", held.device)]).unwrap();
            assert!(held.exchange(&replicas[(round + 1) % 2].issuer).unwrap(), "round {round}");
        }
        held.device
    });
    for device in minted {
        assert_eq!(replicas[0].numbers(&device), (1..=26).collect::<Vec<_>>());
    }
    site.is_sound();
}

pub(crate) fn two_replicas_that_race_over_the_last_seats_never_give_more_than_was_subscribed(site: &Site) {
    const SEATS: u64 = 10;
    let replicas = [site.replica(), site.replica()];
    replicas[0].subscribe(TENANT, 10);
    let mut devices: Vec<Held> = keys(6).into_iter().map(|key| replicas[0].activated(key)).collect();
    for round in 0..4 {
        // Whoever comes first has them; for all there are too few.
        let parts = devices.iter_mut().enumerate();
        at_once(parts, |(number, held)| {
            let (here, there) = (&replicas[number % 2], &replicas[(number + round) % 2]);
            let names: Vec<String> = (0..3).map(|camera| format!("{number}-{round}-{camera}")).collect();
            let _ = here.assign(&held.device, &names);
            held.exchange(&there.issuer).unwrap();
        });
        let views: Vec<_> = devices.iter().map(|held| replicas[0].view(&held.device)).collect();
        let named: usize = views.iter().map(|view| view.cameras.len()).sum();
        let seats: u64 = views.iter().map(|view| view.seats_held).sum();
        assert!(named as u64 <= SEATS, "{named} cameras by name in round {round}");
        assert!(seats <= SEATS, "{seats} seats in round {round}");
    }
    // Once everybody has reported what they hold, what is left over is given and no more.
    for held in &mut devices {
        held.exchange(&replicas[1].issuer).unwrap();
    }
    let granted: u64 = devices.iter().map(|held| replicas[0].view(&held.device).seats_held).sum();
    assert!((9..=SEATS).contains(&granted), "{granted} seats are in use");
    site.is_sound();
}

pub(crate) fn a_code_is_spent_as_often_as_it_says_however_many_race_for_it(site: &Site) {
    let replicas = [site.replica(), site.replica()];
    replicas[0].subscribe(TENANT, 100);
    let made = replicas[0].code(TENANT, 5);
    let outcomes = at_once(keys(12).into_iter().enumerate(), |(number, key)| {
        Held::activated(&replicas[number % 2].issuer, key, made.code.reveal())
            .map(|held| held.device)
            .map_err(|refusal| refusal.code())
    });
    let given: BTreeSet<_> = outcomes.iter().flatten().collect();
    assert_eq!((given.len(), outcomes.iter().flatten().count()), (5, 5), "each device once: {outcomes:?}");
    assert!(outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).all(|code| *code == "CODE_SPENT"));
    let listed = replicas[1].storage().devices(&TENANT.parse().unwrap(), super::site::NOW).unwrap();
    assert!(listed.iter().all(|line| line.status == DeviceStatus::Active), "{listed:?}");
    site.is_sound();
}

pub(crate) fn one_activation_at_two_replicas_at_once_is_one_and_stays_it(site: &Site) {
    let replicas = [site.replica(), site.replica()];
    replicas[0].subscribe(TENANT, 10);
    let made = replicas[0].code(TENANT, 3);
    let request = activation(keys(1)[0], made.code.reveal());
    let answer =
        |replica: usize| replicas[replica].issuer.answer(&request, Some(AnswerKind::Activate)).unwrap();
    let answers = at_once(0..8, |number| answer(number % 2));
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "the same bytes for the same bytes");
    assert_eq!(site.replica().issuer.answer(&request, Some(AnswerKind::Activate)).unwrap(), answers[0]);
    assert_eq!(replicas[0].numbers(&device_of(&answers[0])), [1]);
    site.is_sound();
}

pub(crate) fn one_request_at_two_replicas_at_once_gets_one_answer(site: &Site) {
    let replicas = [site.replica(), site.replica()];
    replicas[0].subscribe(TENANT, 10);
    let mut held = replicas[0].activated(keys(1)[0]);
    for round in 0..5 {
        replicas[0].assign(&held.device, &[format!("cam-{round}")]).unwrap();
        let request = held.request();
        let answers = at_once(0..6, |number| {
            replicas[number % 2].issuer.answer(&request, Some(AnswerKind::Exchange)).unwrap()
        });
        assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "round {round}");
        assert!(held.take(&answers[0]), "round {round}");
    }
    assert_eq!(replicas[1].numbers(&held.device), [1, 2, 3, 4, 5, 6]);
    site.is_sound();
}

pub(crate) fn one_key_with_the_codes_of_two_tenants_at_once_activates_one_device(site: &Site) {
    let replicas = [site.replica(), site.replica()];
    replicas[0].create_tenant("tenant-456");
    for round in 0..5 {
        let codes = [TENANT, "tenant-456"].map(|tenant| {
            replicas[0].subscribe(tenant, 100);
            replicas[0].code(tenant, 1)
        });
        let key = Key(100 + round);
        let outcomes = at_once(0..2, |number: usize| {
            Held::activated(&replicas[number].issuer, key, codes[number].code.reveal())
                .map(|held| held.device)
                .map_err(|refusal| refusal.code())
        });
        let (given, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
        assert_eq!((given.len(), refused), (1, vec![Err("KEY_IN_USE")]), "round {round}");
    }
    site.is_sound();
}

pub(crate) fn nothing_is_given_to_a_device_once_it_is_retired_whatever_it_had_asked(site: &Site) {
    let replicas = [site.replica(), site.replica()];
    replicas[0].subscribe(TENANT, 100);
    for (round, key) in keys(6).into_iter().enumerate() {
        let held = replicas[0].activated(key);
        let order = RetirementOrder {
            device: held.device.clone(),
            successor: Successor::None,
            accept_overlap: false,
            reason: None,
        };
        let seen = at_once([true, false], |retires| {
            if retires {
                // Not at once: in some rounds in the middle of what the device asks.
                replicas[1].assign(&held.device, &[format!("late-{round}")]).unwrap();
                replicas[1].admin.retire(&order).unwrap();
                return None;
            }
            let mut held = held.clone();
            for exchange in 0..10_000 {
                if exchange < 20 {
                    let _ = replicas[0].assign(&held.device, &[format!("{round}-{exchange}")]);
                }
                if let Err(refusal) = held.exchange(&replicas[0].issuer) {
                    return Some((refusal.code(), held.licence_seq));
                }
            }
            None
        });
        let (code, last) = seen[1].expect("the device has seen something");
        assert_eq!(code, "RETIRED");
        let view = replicas[0].view(&held.device);
        assert_eq!((view.device.status, view.cameras.len()), (DeviceStatus::Retired, 0));
        assert_eq!(
            replicas[0].numbers(&held.device).last(),
            Some(&last),
            "the last that it got is the last one"
        );
    }
    site.is_sound();
}

pub(crate) fn cameras_that_two_replicas_move_at_once_sit_on_one_device_each(site: &Site) {
    let replicas = [site.replica(), site.replica()];
    replicas[0].subscribe(TENANT, 100);
    let devices: Vec<_> = keys(4).into_iter().map(|key| replicas[0].activated(key).device).collect();
    let names: Vec<String> = (0..10).map(|number| format!("cam-{number}")).collect();
    let taken = at_once(devices.iter().enumerate(), |(number, device)| {
        names
            .iter()
            .filter(|name| replicas[number % 2].assign(device, std::slice::from_ref(name)).is_ok())
            .count()
    });
    assert_eq!(taken.iter().sum::<usize>(), names.len(), "each camera once: {taken:?}");
    let counted = replicas[1].storage().timeline(&TENANT.parse().unwrap()).unwrap().cameras_named;
    let seated: usize = devices.iter().map(|device| replicas[0].view(device).cameras.len()).sum();
    assert_eq!((counted, seated), (10, 10));
    site.is_sound();
}

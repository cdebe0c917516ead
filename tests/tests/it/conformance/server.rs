//! A database that fails its issuers, and comes back.

use super::site::{Kept, Site, TENANT, at_once};
use brink_databases::{Database, Held as Holder, Server, cut_off, on_server};
use brink_issuer::admin::AdminError;
use brink_issuer::storage::{AnswerKind, StorageError};
use brink_tests::forge::Key;

/// The code that an operator and a device see.
fn code(error: &AdminError) -> &'static str {
    let AdminError::Storage(error) = error else { panic!("{error}") };
    error.code()
}

#[test]
fn a_server_that_is_started_again_is_found_again_and_nothing_is_lost_or_given_twice() {
    let mut server = Server::start();
    let url = format!("{}/postgres", server.url());
    let site = Site::at(Some(&url), None);
    let replicas = [site.replica(), site.replica()];
    replicas[0].subscribe(TENANT, 100);
    let mut devices: Vec<_> = (0..4).map(|number| replicas[0].activated(Key(100 + number))).collect();
    for round in 0..3 {
        // While it is gone, the request is refused with a word that says so and may be sent again as it is.
        server.stop();
        let requests: Vec<Vec<u8>> = devices.iter_mut().map(super::device::Held::request).collect();
        for request in &requests {
            let refusal = replicas[round % 2].issuer.answer(request, Some(AnswerKind::Exchange)).unwrap_err();
            assert_eq!(refusal.code(), "DATABASE_UNAVAILABLE", "{refusal}");
        }
        server.again();
        for (held, request) in devices.iter_mut().zip(&requests) {
            let answer = replicas[round % 2].issuer.answer(request, Some(AnswerKind::Exchange)).unwrap();
            held.take(&answer);
        }
        for held in &mut devices {
            replicas[1].assign(&held.device, &[format!("{}-{round}", held.device)]).unwrap();
            assert!(held.exchange(&replicas[0].issuer).unwrap());
        }
    }
    for held in &devices {
        let numbers = replicas[0].numbers(&held.device);
        assert_eq!(numbers, (1..=held.licence_seq).collect::<Vec<_>>(), "gap-free, up to what it holds");
    }
    site.is_sound();
}

#[test]
fn connections_that_are_cut_in_the_middle_cost_nobody_an_answer_twice() {
    let database = Database::empty();
    let (url, name) = (database.url(), database.name().to_owned());
    let site = Site::at(Some(&url), Some(database));
    let replicas = [site.replica(), site.replica()];
    replicas[0].subscribe(TENANT, 100);
    let devices: Vec<_> = (0..3).map(|number| Some(replicas[0].activated(Key(100 + number)))).collect();
    let ended = at_once(devices.into_iter().chain([None]), |held| {
        let Some(mut held) = held else {
            (0..20).for_each(|_| cut_off(&name));
            return None;
        };
        for round in 0..15 {
            while let Err(error) =
                replicas[round % 2].assign(&held.device, &[format!("{}-{round}", held.device)])
            {
                assert!(matches!(&error, AdminError::Storage(error) if error.is_passing()), "{error}");
            }
            let request = held.request();
            let answer = loop {
                match replicas[round % 2].issuer.answer(&request, Some(AnswerKind::Exchange)) {
                    Ok(answer) => break answer,
                    Err(refusal) => {
                        let passing = ["BUSY", "DATABASE_UNAVAILABLE", "OUTCOME_UNKNOWN"];
                        assert!(passing.contains(&refusal.code()), "{refusal}");
                    }
                }
            };
            held.take(&answer);
        }
        Some(held)
    });
    for held in ended.iter().flatten() {
        let numbers = replicas[0].numbers(&held.device);
        assert_eq!(numbers, (1..=held.licence_seq).collect::<Vec<_>>());
    }
    site.is_sound();
}

#[test]
fn a_lock_that_somebody_keeps_is_a_busy_database_and_readers_go_on() {
    let database = Database::empty();
    let url = database.url();
    let site = Site::at(Some(&url), Some(database));
    let replica = site.replica();
    replica.subscribe(TENANT, 10);
    let held = replica.activated(Key(100));
    let lock = format!("BEGIN; SELECT 1 FROM tenants WHERE id = '{TENANT}' FOR UPDATE");
    let holder = Holder::by(&url, &lock);
    let refused = replica.try_subscribe(TENANT, 20).unwrap_err();
    assert_eq!(code(&refused), "BUSY");
    assert_eq!(replica.view(&held.device).device.id, held.device);
    drop(holder);
    replica.subscribe(TENANT, 20);
}

#[test]
fn a_database_that_takes_no_writes_says_so_and_answers_what_it_can() {
    let database = Database::empty();
    let (url, name) = (database.url(), database.name().to_owned());
    let site = Site::at(Some(&url), Some(database));
    let mut held = site.replica().activated_with(10);
    on_server(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on"));
    let replica = site.replica();
    assert_eq!(code(&replica.try_subscribe(TENANT, 20).unwrap_err()), "DATABASE_READ_ONLY");
    let request = held.request();
    let refusal = replica.issuer.answer(&request, Some(AnswerKind::Exchange)).unwrap_err();
    assert_eq!(refusal.code(), "DATABASE_READ_ONLY");
    assert_eq!(replica.view(&held.device).device.id, held.device);
    on_server(&format!("ALTER DATABASE {name} RESET default_transaction_read_only"));
    let answer = site.replica().issuer.answer(&request, Some(AnswerKind::Exchange)).unwrap();
    held.take(&answer);
}

#[test]
fn more_clients_than_the_server_takes_are_told_that_it_is_busy() {
    let site = Site::on(Kept::Postgres);
    let name = site.database_name();
    on_server(&format!(
        "ALTER ROLE CURRENT_USER CONNECTION LIMIT -1; ALTER DATABASE {name} CONNECTION LIMIT 0"
    ));
    // A superuser is let in all the same, so that the limit is asked of somebody else.
    let role = format!("limited_{name}");
    on_server(&format!("CREATE ROLE {role} LOGIN; GRANT ALL ON DATABASE {name} TO {role}"));
    let url =
        brink_databases::url_of(&name).replacen("postgres://postgres@", &format!("postgres://{role}@"), 1);
    let refused = brink_issuer::storage::postgres::PostgresStorage::connect(&url.parse().unwrap());
    on_server(&format!(
        "ALTER DATABASE {name} CONNECTION LIMIT -1; REVOKE ALL ON DATABASE {name} FROM {role}"
    ));
    on_server(&format!("DROP ROLE {role}"));
    assert!(matches!(refused.unwrap_err(), StorageError::Busy));
}

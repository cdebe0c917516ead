//! Many devices against two processes of one issuer, of which one is killed and returns: everything that was recorded is in
//! the sums once, and every copy is seen.

use std::collections::BTreeMap;
use std::path::Path;

use brink_databases::Database;
use brink_tests::fleet::{Fleet, Replicas};
use brink_tests::{Issuer, World, until};
use serde_json::Value;

const TENANTS: [&str; 2] = ["north", "south"];
const DEVICES_PER_TENANT: u32 = 40;
const TURNS: u64 = 6;
const RECORDS_PER_TURN: u64 = 10;

/// Uses of all tenants, as the issuer reports them.
fn uses(issuer: &Issuer) -> u64 {
    TENANTS.iter().flat_map(|tenant| lines(issuer, tenant)).filter_map(|line| line["uses"].as_u64()).sum()
}

fn lines(issuer: &Issuer, tenant: &str) -> Vec<Value> {
    let period = ["--from", "2000-01-01", "--to", "2200-01-01"];
    let arguments = [&["usage", "report", "--json", "--tenant", tenant][..], &period].concat();
    issuer.run(&arguments).ok().json()["lines"].as_array().cloned().unwrap_or_default()
}

fn strings(list: &Value) -> Vec<String> {
    let text = |one: &Value| one.as_str().expect("a text").to_owned();
    list.as_array().expect("a list").iter().map(text).collect()
}

fn document(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Devices record and exchange, with every fault, while one replica is killed and returns and all licences change.
fn flown(replicas: &mut Replicas, fleet: &Fleet) -> Value {
    let devices = u64::from(DEVICES_PER_TENANT) * TENANTS.len() as u64;
    let (count, turns) = (devices.to_string(), TURNS.to_string());
    let arguments = [
        &["--devices", &count, "--exchanges", &turns, "--rate", &count][..],
        &["--records-per-batch", &RECORDS_PER_TURN.to_string(), "--batch-max", "25"],
        &["--faults", "replay=0.2,lost=0.1,cut=0.1,late=0.1,fork=0.1"],
    ];
    let flight = fleet.begin(replicas, &arguments.concat());
    let all = devices * TURNS * RECORDS_PER_TURN;
    until("some is recorded", || uses(replicas.issuer(1)) >= all / 6);
    replicas.kill(0);
    until("the other goes on alone", || uses(replicas.issuer(1)) >= all / 3);
    replicas.returns(0);
    for tenant in TENANTS {
        replicas.issuer(1).set_subscription(tenant, 10, &["--enforce", "warn"]);
    }
    let said = flight.end().ok().json();
    // What an outage holds up is recorded all the same.
    assert!(said["records"].as_u64() >= Some(all) && said["unsettled"] == 0, "{said:#}");
    said
}

/// What every storage has to show afterwards.
fn nothing_is_lost(replicas: &Replicas, fleet: &Fleet, said: &Value) {
    assert_eq!((&said["sound"], &said["differences"]), (&true.into(), &Value::Array(Vec::new())), "{said:#}");
    // The run had what it is named for.
    let errors = said["errors"].as_array().unwrap();
    assert!(errors.iter().any(|error| error["code"] == "CONNECT"), "nobody met the dead replica: {said:#}");
    for what in ["replays", "lost_answers", "forks_flagged"] {
        assert!(said[what].as_u64() > Some(0), "{what}: {said:#}");
    }
    let issuer = replicas.issuer(1);
    issuer.run(&["usage", "verify"]).ok();
    issuer.run(&["audit", "verify"]).ok();
    every_licence_has_the_number_behind_the_one_before(issuer);
    let forked = strings(&document(fleet.ledger())["forked"]);
    assert_eq!(Some(forked.len() as u64), said["forks_flagged"].as_u64());
    for device in forked {
        let evidence = issuer.run(&["device", "evidence", "--device", &device, "--json"]).ok().json();
        let seen = evidence["evidence"].as_array().unwrap();
        let is_of_copy =
            |line: &Value| line["action"] == "device.clone_suspected" && line["detail"]["replay"] == false;
        assert!(seen.iter().any(is_of_copy), "{device}: {evidence:#}");
    }
}

/// Whoever minted it: both processes did, at once.
fn every_licence_has_the_number_behind_the_one_before(issuer: &Issuer) {
    let mut minted: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for tenant in TENANTS {
        let most = ["--limit", "10000", "--json", "--tenant", tenant];
        let issued = issuer.run(&[&["audit", "issued", "--kind", "license"], &most[..]].concat()).ok().json();
        for one in issued["issued"].as_array().unwrap() {
            let of_device = minted.entry(one["device"].as_str().unwrap().to_owned()).or_default();
            of_device.push(one["number"].as_u64().unwrap());
        }
    }
    assert_eq!(minted.len(), TENANTS.len() * DEVICES_PER_TENANT as usize);
    for (device, numbers) in &mut minted {
        numbers.sort_unstable();
        assert!((1..).zip(numbers.iter()).all(|(wanted, found)| wanted == *found), "{device}: {numbers:?}");
    }
    assert!(minted.values().any(|numbers| numbers.len() > 1), "no licence changed under way");
}

/// One unit more or less, and the comparison says which meter of whom.
fn a_ledger_that_differs_is_found(fleet: &Fleet, issuer: &Issuer) {
    fleet.compare(issuer).ok();
    let mut ledger = document(fleet.ledger());
    let sms = &mut ledger["tenants"]["south"]["sms"];
    let uses = sms["uses"].as_u64().unwrap();
    sms["uses"] = (uses + 1).into();
    std::fs::write(fleet.ledger(), ledger.to_string()).unwrap();
    let ran = fleet.compare(issuer).coded(1);
    assert!(ran.stdout.contains("tenant south, sms: recorded"), "{ran}");
    assert!(ran.stdout.contains(&format!("in {} uses", uses + 1)), "{ran}");
    assert_eq!(ran.stdout.lines().count(), 1, "{ran}");
}

/// Two processes of one issuer, and everything that has to hold of them.
fn two_of(world: &World, issuer: Issuer, other: impl FnOnce(&Issuer) -> Issuer) {
    for tenant in TENANTS {
        issuer.subscribe(tenant, 10, &[]);
    }
    let fleet = Fleet::provisioned(&issuer, world.dir(), &TENANTS, DEVICES_PER_TENANT);
    let other = other(&issuer);
    let mut replicas = Replicas::serve(vec![issuer, other]);
    let said = flown(&mut replicas, &fleet);
    nothing_is_lost(&replicas, &fleet, &said);
    a_ledger_that_differs_is_found(&fleet, replicas.issuer(1));
}

#[test]
fn a_fleet_loses_nothing_while_one_of_two_processes_on_one_sqlite_database_is_killed() {
    let world = World::new();
    two_of(&world, world.issuer(), |issuer| Issuer::at(issuer.data().to_owned()));
}

#[test]
fn a_fleet_loses_nothing_while_one_of_two_replicas_on_one_postgresql_database_is_killed() {
    let (world, database) = (World::new(), Database::empty());
    let issuer = Issuer::init_on(world.path("issuer"), "dev-acme", &database.url());
    two_of(&world, issuer, |issuer| issuer.replica(world.path("replica")));
}

/// Devices are ahead of a database that is put back under them, and say so by their receipts.
fn flown_over_a_restored_database(arguments: &[&str]) -> (i32, Value) {
    let world = World::new();
    let issuer = world.issuer();
    for tenant in TENANTS {
        issuer.subscribe(tenant, 10, &[]);
    }
    let fleet = Fleet::provisioned(&issuer, world.dir(), &TENANTS, 10);
    let (database, backup) = (issuer.data().join("issuer.db"), world.path("issuer.backup"));
    let mut replicas = Replicas::serve(vec![issuer]);
    let habits = ["--devices", "20", "--exchanges", "8", "--rate", "20", "--faults", "replay=0.2,lost=0.2"];
    let flight = fleet.begin(&replicas, &[&habits[..], arguments].concat());
    until("some is recorded", || uses(replicas.issuer(0)) >= 400);
    let open = rusqlite::Connection::open(&database).unwrap();
    open.execute("VACUUM INTO ?1", [backup.to_str().unwrap()]).unwrap();
    drop(open);
    until("more is recorded", || uses(replicas.issuer(0)) >= 800);
    replicas.kill(0);
    for left in ["issuer.db-wal", "issuer.db-shm"] {
        let _ = std::fs::remove_file(database.with_file_name(left));
    }
    std::fs::copy(backup, &database).unwrap();
    replicas.returns(0);
    let ran = flight.end();
    (ran.code.unwrap(), ran.json())
}

#[test]
fn a_fleet_notices_a_database_that_was_put_back_and_sends_again_what_it_lost() {
    let (code, said) = flown_over_a_restored_database(&[]);
    assert_eq!(code, 1, "{said:#}");
    assert!(said["wrong"]["ACK_LOST"].as_u64() > Some(0), "{said:#}");

    let (code, said) = flown_over_a_restored_database(&["--restored"]);
    assert_eq!(
        (code, &said["unsettled"], &said["differences"]),
        (0, &0.into(), &Value::Array(Vec::new())),
        "{said:#}"
    );
    assert!(said["records"].as_u64() >= Some(1600), "{said:#}");
}

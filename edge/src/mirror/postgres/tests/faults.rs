//! What one part of a turn does where another cannot, and what stays of a device or a chain that is another by now.

use super::super::super::usage::{Behind, step};
use super::*;
use crate::database::usage::{Cursor, Gap, Step, take};
use brink_license::DeviceId;
use brink_license::usage::Genesis;
use brink_store::journal::Traced;

const GAPS: &str = "SELECT string_agg(device_id || ' ' || first_seq || '-' || last_seq, ',' ORDER BY device_id, first_seq) FROM mirror_gaps";

/// What is refused of each table keeps nothing of the others back.
#[test]
fn a_table_that_cannot_be_written_stops_no_other() {
    let scene = Scene::new();
    scene.record("sms", "cam-0001", 3);
    let counts =
        "SELECT (SELECT count(*) FROM usage_events) || ' ' || (SELECT count(*) FROM camera_licenses) || ' '
        || (SELECT count(*) FROM license_validation_log)";
    for (table, left, lag) in
        [("edge_devices", "3 0 1", 0), ("license_validation_log", "3 3 0", 0), ("usage_events", "0 3 1", 3)]
    {
        let (fresh, _database) = migrated();
        let check = |verb: &str, rest: &str| {
            run(&fresh.url(), &format!("ALTER TABLE {table} {verb} CONSTRAINT nobody {rest}"));
        };
        check("ADD", "CHECK (tenant_id = 'nobody')");
        wait(async {
            let mut mirror = mirror(&fresh);
            for _ in 0..2 {
                let refused = mirror.turn(&scene.seen(100)).await.unwrap_err();
                assert_eq!((refused.code(), refused.is_refusal()), ("DATABASE_VALUE", true), "{refused}");
                assert_eq!(one(&fresh, counts), left, "{table}");
                assert_eq!(mirror.lag(&scene.seen(100)).unwrap().records, lag, "{table}");
            }
            check("DROP", "");
            mirror.turn(&scene.seen(100)).await.unwrap();
            assert_eq!(mirror.lag(&scene.seen(100)).unwrap().records, 0);
        });
        assert_eq!(one(&fresh, counts), "3 3 1", "{table}");
    }
}

#[test]
fn a_chain_that_is_copied_anew_lacks_only_what_it_lacks_itself() {
    let (fresh, database) = migrated();
    run(
        &fresh.url(),
        "INSERT INTO mirror_gaps (source, device_id, epoch, first_seq, last_seq, reason) VALUES
            ('usage', 'dev-1', 1, 1, 5, 'left'), ('usage', 'dev-1', 1, 8, 12, 'left'),
            ('usage', 'dev-1', 1, 20, 30, 'damaged'), ('usage', 'dev-2', 1, 20, 30, 'left')",
    );
    let source = Source { kind: "usage", device: "dev-1".to_owned(), epoch: 1 };
    let gap = Gap { from: 40, to: 41, reason: "damaged" };
    let behind = Behind {
        first: 10,
        traced: Traced::Other,
        records: &[],
        more: false,
        settled: None,
        tenant: None,
        cameras: &BTreeSet::new(),
    };
    let anew = step(&Cursor { seq: 30, ..Cursor::default() }, &behind).unwrap();
    let step = Step { gaps: vec![gap], ..anew };
    wait(async {
        let mut connection = database.connection().await.unwrap();
        take::<MirrorError>(&mut connection, &source, |_| Ok(Some(step))).await.unwrap();
    });
    assert_eq!(one(&fresh, GAPS), "dev-1 1-5,dev-1 8-9,dev-1 40-41,dev-2 20-30");
}

#[test]
fn usage_is_the_customers_whose_activation_began_its_chain() {
    let scene = Scene::new();
    scene.record("sms", "cam-0001", 1);
    let seen = scene.seen(100);
    let genesis = chains::places(seen.book.as_ref().unwrap()).unwrap().remove(0).genesis;
    assert_eq!(seen.tenant_of(&genesis), Some("tenant-123"));
    let later = Genesis { epoch: genesis.epoch + 1, ..genesis.clone() };
    assert_eq!(seen.tenant_of(&later), None);
    let theirs = Genesis { device: DeviceId::parse("dev-9").unwrap(), ..genesis };
    assert_eq!(seen.tenant_of(&theirs), None);
    let identity = brink_store::Identity {
        tenant: brink_license::TenantId::parse("tenant-9").unwrap(),
        device: theirs.device.clone(),
        epoch: theirs.epoch,
    };
    let mut seen = seen;
    seen.facts.as_mut().unwrap().identity = Some(identity);
    assert_eq!(seen.tenant_of(&theirs), Some("tenant-9"), "where the licence is another's still");
}

const FORMER: &str = "SELECT status FROM edge_devices WHERE device_id = 'dev-0'";
const SILENT: &str = "UPDATE edge_devices SET status = 'active', last_heartbeat = now() - interval '6 minutes' WHERE device_id = 'dev-0'";

#[test]
fn a_device_that_started_over_under_another_name_leaves_no_licence_behind() {
    let (fresh, _database) = migrated();
    let scene = Scene::new();
    scene.record("sms", "cam-0001", 1);
    wait(async {
        let mut mirror = mirror(&fresh);
        mirror.turn(&scene.seen(100)).await.unwrap();
        // As the rows of a device would stand that the journal still has a chain of.
        run(
            &fresh.url(),
            "UPDATE usage_events SET device_id = 'dev-0'; UPDATE edge_devices SET device_id = 'dev-0';
             UPDATE camera_licenses SET device_id = 'dev-0', camera_id = 'old-' || camera_id;
             UPDATE mirror_cursors SET device_id = 'dev-0'",
        );
        let mut connection = mirror.connected(&scene.seen(100)).await.unwrap();
        let owner = Owner { tenant: "tenant-123".to_owned(), device: "dev-1".to_owned() };
        let known = stands(&connection, &["dev-0", "dev-1"]).await.unwrap();
        mirror.retire(&mut connection, (&owner, &known)).await.unwrap();
        assert_eq!(one(&fresh, FORMER), "active", "it has said that it is alive");
        run(&fresh.url(), SILENT);
        mirror.retire(&mut connection, (&owner, &known)).await.unwrap();
        assert_eq!(one(&fresh, FORMER), "decommissioned");
        run(&fresh.url(), SILENT);
        mirror.retire(&mut connection, (&owner, &known)).await.unwrap();
        assert_eq!(one(&fresh, FORMER), "active", "once in a run is enough");
        drop(connection);
        mirror.turn(&scene.seen(100)).await.unwrap();
    });
    assert_eq!(one(&fresh, "SELECT count(*) FROM camera_licenses"), "3");
    assert_eq!(one(&fresh, "SELECT count(*) FROM usage_events"), "2", "and what each used stays");
}

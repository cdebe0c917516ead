//! The list of a tenant's devices, as it walks a real database.

use crate::admin::{AdminError, CodeOrder};
use crate::clock::Clock;
use crate::code::CodeEnd;
use crate::fleet::{Alert, FleetPage, FleetQuery, SILENT_HOURS_DEFAULT, list};
use crate::storage::{DeviceQuery, DeviceStatus, Place, Tier};
use crate::testkit::{Bench, DAY, START, TENANT};
use brink_license::UnixSeconds;
use std::collections::BTreeSet;

fn listed(bench: &Bench, change: impl FnOnce(&mut FleetQuery)) -> FleetPage {
    let devices = DeviceQuery::all(TENANT.parse().unwrap());
    let mut query = FleetQuery { devices, alerts: Vec::new(), silent_hours: SILENT_HOURS_DEFAULT };
    change(&mut query);
    list(&*bench.issuer.storage, &query, bench.clock.now()).unwrap()
}

fn ids(page: &FleetPage) -> Vec<String> {
    page.devices.iter().map(|device| device.listed.device.to_string()).collect()
}

#[test]
fn pages_hold_every_device_once_and_filters_leave_out_what_is_not_wanted() {
    let bench = Bench::with(100, &[]);
    bench.code(1201);
    let mut heard = bench.activated();
    let silent = bench.activated();
    bench.pass(2 * DAY);
    heard.exchange(&bench.issuer).unwrap();
    let all = listed(&bench, |_| {});
    assert_eq!((all.devices.len(), all.next), (1203, None));
    let (mut seen, mut pages, mut after) = (BTreeSet::new(), 0, None::<Place>);
    loop {
        let page = listed(&bench, |query| {
            (query.devices.limit, query.devices.after) = (Some(500), after.clone());
        });
        seen.extend(ids(&page));
        pages += 1;
        let Some(next) = page.next else { break };
        after = Some(next);
    }
    assert_eq!((seen.len(), pages), (1203, 3));
    let active = listed(&bench, |query| query.devices.status = Some(DeviceStatus::Active));
    assert_eq!(active.devices.len(), 2);
    // What is wanted lies behind two pages of what is not.
    let found = listed(&bench, |query| {
        (query.alerts, query.devices.limit) = (vec![Alert::Silent, Alert::UsageForked], Some(1));
    });
    assert_eq!(ids(&found), [silent.id().to_string()]);
    let found = listed(&bench, |query| (query.alerts, query.silent_hours) = (vec![Alert::Silent], 49));
    assert_eq!(ids(&found), Vec::<String>::new());
}

#[test]
fn what_a_device_said_of_itself_stands_beside_what_is_on_record() {
    let bench = Bench::with(10, &[]);
    let mut edge = bench.metering();
    edge.journal().record("sms", "cam-1", 1000);
    bench.pass_with(&mut edge, 60);
    edge.exchange(&bench.issuer).unwrap();
    let only = |bench: &Bench| listed(bench, |_| {}).devices.remove(0);
    let device = only(&bench);
    assert_eq!((device.facts.usage_behind, device.alerts.as_slice()), (0, &[][..]));
    // It tells of three more, and its journal is damaged before it can send them.
    let sql = "UPDATE usage_cursors SET reported_seq = reported_seq + 3, recoveries = 1";
    bench.sql(sql, &[]);
    bench.sql("UPDATE devices SET agent_version = '0.1.0+abc'", &[]);
    bench.pass(2 * 3600);
    let device = only(&bench);
    assert_eq!(device.facts.usage_behind, 3);
    assert_eq!(device.facts.agent_version.as_deref(), Some("0.1.0+abc"));
    assert_eq!(device.alerts, [Alert::UsageBehind, Alert::JournalDamaged]);
    let mut copy = edge.copied(9);
    edge.exchange(&bench.issuer).unwrap();
    assert_eq!(copy.exchange(&bench.issuer).unwrap_err().code(), "CLONE_SUSPECTED");
    assert!(only(&bench).alerts.contains(&Alert::CloneSuspected));
    assert_eq!(only(&bench).facts.agent_version, None, "a text that is no version is not kept");
}

#[test]
fn a_code_ends_at_a_moment_or_with_a_day_of_its_tenant_within_bounds() {
    let bench = Bench::with(10, &[]);
    let order = |until: &str| {
        let expires = CodeEnd::Until(until.parse().unwrap());
        bench.admin.create_code(&CodeOrder {
            tenant: TENANT.parse().unwrap(),
            tier: Tier::Basic,
            uses: 3,
            expires,
        })
    };
    // The tenant's days are Berlin's, which went to summer time on the 29th.
    let end = order("2026-03-31").unwrap().expires_at;
    assert_eq!(crate::calendar::rfc3339(end), "2026-03-31T22:00:00Z");
    let made = order("2026-03-01T12:00:00+01:00").unwrap();
    assert_eq!((made.devices.len(), made.expires_at), (3, UnixSeconds::new(START + 11 * 3600)));
    let latest = order("2026-05-30T00:00:00Z").unwrap().expires_at;
    assert_eq!(latest, UnixSeconds::new(START + 90 * DAY));
    for (until, named) in [
        ("2026-02-28T23:59:59Z", "later than 2026-03-01T00:00:00Z"),
        ("2026-03-01T00:00:00Z", "later than 2026-03-01T00:00:00Z"),
        ("2026-02-27", "later than 2026-03-01T00:00:00Z"),
        ("2026-05-30T00:00:01Z", "2026-05-30T00:00:00Z at the latest"),
        ("2026-05-30", "2026-05-30T00:00:00Z at the latest"),
        ("+262142-12-31", "2026-05-30T00:00:00Z at the latest"),
    ] {
        let refused = order(until).unwrap_err();
        assert!(matches!(refused, AdminError::CodeUntil { .. }), "{until}: {refused}");
        assert!(refused.to_string().contains(named), "{refused}");
    }
}

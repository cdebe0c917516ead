//! API keys: who they are, for how long, and what their holders may give away.

use crate::access::{AccessError, ApiKey, Credential, Denied, Grantor, KeyOrder, authenticate};
use crate::admin::{Admin, CodeOrder};
use crate::clock::Clock;
use crate::code::CodeEnd;
use crate::storage::{Actor, ApiKeyRow, Asked, NamedRequest, StorageError, Tier};
use crate::testkit::{Bench, DAY, TENANT};
use brink_license::TenantId;
use std::sync::Arc;

fn order(scopes: &str, tenant: Option<&str>, expires_days: Option<u32>) -> KeyOrder {
    let tenant = tenant.map(|id| id.parse().unwrap());
    KeyOrder { name: "line 4".into(), scopes: scopes.parse().unwrap(), tenant, expires_days, value: None }
}

fn key(bench: &Bench, scopes: &str, tenant: Option<&str>, days: Option<u32>) -> ApiKey {
    let made = bench.admin.create_key(&order(scopes, tenant, days), Grantor::Operator).unwrap();
    ApiKey::parse(made.key.reveal()).unwrap()
}

fn shown(bench: &Bench, key: &ApiKey) -> Result<Credential, Denied> {
    authenticate(&*bench.admin.storage, key.clone(), bench.clock.now())
}

fn row(bench: &Bench, key: &ApiKey) -> ApiKeyRow {
    bench.admin.storage.api_key(key.id()).unwrap().unwrap()
}

fn refused(bench: &Bench, order: &KeyOrder, by: &Credential) -> &'static str {
    let error = bench.admin.create_key(order, Grantor::Holder(by)).unwrap_err();
    assert!(error.is_of_rights(), "{error}");
    crate::codes::of_access(&error)
}

#[test]
fn a_key_is_somebody_until_it_ends_or_is_revoked() {
    let bench = Bench::new();
    let made = key(&bench, "devices:read codes:write", Some(TENANT), Some(2));
    let credential = shown(&bench, &made).unwrap();
    assert_eq!(credential.scopes.to_string(), "devices:read codes:write");
    assert_eq!(credential.actor().0, format!("key:{}", made.id()));
    assert!(credential.sees(&TENANT.parse().unwrap()) && !credential.sees(&"other".parse().unwrap()));
    bench.pass(2 * DAY - 1);
    shown(&bench, &made).unwrap();
    bench.pass(1);
    assert_eq!(shown(&bench, &made).unwrap_err().code(), "API_KEY_EXPIRED");

    let other = key(&bench, "*", None, None);
    bench.admin.revoke_key(other.id(), Grantor::Operator).unwrap();
    assert_eq!(shown(&bench, &other).unwrap_err().code(), "API_KEY_REVOKED");
    let again = bench.admin.revoke_key(other.id(), Grantor::Operator).unwrap_err();
    assert!(matches!(again, AccessError::Already { .. }), "{again}");
}

/// What is made inside of a transaction is there for every question inside of it, however it is asked.
#[test]
fn whatever_is_asked_inside_of_a_transaction_sees_what_was_done_there() {
    let bench = Bench::with(10, &[]);
    let request = NamedRequest {
        api_key: key(&bench, "*", None, None).id().clone(),
        name: [1; 32],
        request: [2; 32],
        at: bench.clock.now(),
        kept_since: bench.clock.now(),
    };
    let storage = &bench.admin.storage;
    let mut device = None;
    let asked = storage.once(&request, &mut |inside| {
        let order = CodeOrder {
            tenant: TENANT.parse().unwrap(),
            tier: Tier::Basic,
            uses: 1,
            expires: CodeEnd::Hours(1),
        };
        let admin = Admin {
            storage: Arc::clone(inside),
            catalog: bench.admin.catalog.clone(),
            clock: Arc::clone(&bench.admin.clock),
            actor: Actor("test".into()),
        };
        let made = admin.create_code(&order).unwrap().devices.remove(0);
        assert_eq!(inside.device_key(&made).unwrap(), None, "one question, of one statement");
        assert_eq!(inside.device(&made, bench.clock.now()).unwrap().device.id, made, "one of several");
        device = Some(made);
        // Nothing of it happens.
        None
    });
    assert_eq!(asked.unwrap(), Asked::Now);
    let gone = storage.device_key(&device.unwrap()).unwrap_err();
    assert!(matches!(gone, StorageError::UnknownDevice(_)), "{gone}");
}

#[test]
fn whoever_has_the_id_alone_learns_nothing_about_the_key() {
    let bench = Bench::new();
    let (known, revoked) = (key(&bench, "*", None, None), key(&bench, "*", None, None));
    bench.admin.revoke_key(revoked.id(), Grantor::Operator).unwrap();
    let guess = ApiKey::generate().unwrap();
    let secret = guess.shown().reveal()[17..].to_owned();
    let unknown = shown(&bench, &guess).unwrap_err().to_string();
    for id in [known.id(), revoked.id()] {
        let with_its_id = ApiKey::parse(&format!("brk_{id}_{secret}")).unwrap();
        let denied = shown(&bench, &with_its_id).unwrap_err();
        assert_eq!((denied.code(), denied.to_string()), ("API_KEY_UNKNOWN", unknown.clone()));
    }
    assert_eq!(row(&bench, &known).last_used_at, None, "a guess is no use");
}

#[test]
fn when_a_key_was_used_last_is_written_once_a_minute() {
    let bench = Bench::new();
    let made = key(&bench, "*", None, None);
    let began = bench.clock.now();
    for (seconds, noted) in [(0, 0), (59, 0), (1, 60), (30, 60), (-3600, -3510)] {
        bench.pass(seconds);
        shown(&bench, &made).unwrap();
        assert_eq!(row(&bench, &made).last_used_at, Some(began.saturating_add(noted)), "{seconds}");
    }
}

#[test]
fn nobody_gives_away_more_than_they_have() {
    let bench = Bench::new();
    bench.another_tenant("other");
    let some = shown(&bench, &key(&bench, "keys:write devices:read", None, None)).unwrap();
    assert_eq!(refused(&bench, &order("devices:write", None, None), &some), "BEYOND_SCOPES");
    assert_eq!(refused(&bench, &order("keys:write *", None, None), &some), "BEYOND_SCOPES");
    bench.admin.create_key(&order("devices:read", Some("other"), None), Grantor::Holder(&some)).unwrap();

    let ours = shown(&bench, &key(&bench, "*", Some(TENANT), Some(10))).unwrap();
    assert_eq!(refused(&bench, &order("*", None, Some(10)), &ours), "BEYOND_TENANT");
    assert_eq!(refused(&bench, &order("*", Some("other"), Some(10)), &ours), "BEYOND_TENANT");
    assert_eq!(refused(&bench, &order("*", Some(TENANT), None), &ours), "BEYOND_EXPIRY");
    assert_eq!(refused(&bench, &order("*", Some(TENANT), Some(11)), &ours), "BEYOND_EXPIRY");
    bench.admin.create_key(&order("*", Some(TENANT), Some(10)), Grantor::Holder(&ours)).unwrap();

    // And of what there is not for them, they take nothing back.
    for foreign in [key(&bench, "*", None, None), key(&bench, "*", Some("other"), None)] {
        let error = bench.admin.revoke_key(foreign.id(), Grantor::Holder(&ours)).unwrap_err();
        assert!(matches!(error, AccessError::Unknown(_)), "{error}");
        shown(&bench, &foreign).unwrap();
    }
}

#[test]
fn orders_that_make_no_sense_are_refused_and_leave_nothing() {
    let bench = Bench::new();
    let before = bench.rows();
    let named = |name: &str| KeyOrder { name: name.into(), ..order("*", None, None) };
    for (order, code) in [
        (order("", None, None), "SCOPE_MISSING"),
        (order("*", None, Some(0)), "OUT_OF_BOUNDS"),
        (order("*", None, Some(3651)), "OUT_OF_BOUNDS"),
        (order("*", Some("nobody"), None), "UNKNOWN_TENANT"),
        (named("a\nb"), "NAME"),
        (named(&"x".repeat(101)), "NAME"),
    ] {
        let error = bench.admin.create_key(&order, Grantor::Operator).unwrap_err();
        assert_eq!(crate::codes::of_access(&error), code, "{error}");
    }
    assert_eq!(bench.rows(), before);
    let unknown = ApiKey::generate().unwrap();
    let error = bench.admin.revoke_key(unknown.id(), Grantor::Operator).unwrap_err();
    assert!(matches!(error, AccessError::Unknown(_)), "{error}");
    bench.admin.create_key(&named("' OR 1=1; --"), Grantor::Operator).unwrap();
}

#[test]
fn keys_are_listed_page_by_page_whoever_adds_more() {
    let bench = Bench::new();
    let keys: Vec<_> = (0..5).map(|_| key(&bench, "*", Some(TENANT), None)).collect();
    let tenant: TenantId = TENANT.parse().unwrap();
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = bench.admin.keys(Some(&tenant), after.as_ref(), 2).unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.place());
        seen.extend(page.into_iter().map(|row| row.id));
        bench.pass(1);
        key(&bench, "*", None, None);
    }
    seen.sort();
    let mut wanted: Vec<_> = keys.iter().map(|key| key.id().clone()).collect();
    wanted.sort();
    assert_eq!(seen, wanted);
}

#[test]
fn a_database_that_takes_no_note_of_it_still_knows_its_keys() {
    let bench = Bench::new();
    let made = key(&bench, "*", None, None);
    let full = if bench.is_on_server() {
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'disk full'; END $$;
         CREATE TRIGGER full_disk BEFORE UPDATE ON admin_keys EXECUTE FUNCTION full_disk()"
    } else {
        "CREATE TRIGGER full BEFORE UPDATE ON admin_keys BEGIN SELECT RAISE(ABORT, 'disk full'); END"
    };
    bench.sql(full, &[]);
    shown(&bench, &made).unwrap();
    assert_eq!(row(&bench, &made).last_used_at, None);
}

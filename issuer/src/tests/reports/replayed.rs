//! What leaves the quarantine goes into the sums once.

use super::{number, sums_of};
use crate::Issuer;
use crate::admin::Admin;
use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::reports::BooksError;
use crate::storage::{Actor, QuarantineScope};
use crate::testkit::{Bench, DAY, Edge};
use std::sync::Arc;

/// The catalogue with one use of `sms` bounded.
fn capped(cap: &str) -> Catalog {
    let plain = include_str!("../../../catalog/default.toml");
    let text =
        plain.replacen("sms = \"messages\"", &format!("sms = {{ unit = \"messages\", cap = \"{cap}\" }}"), 1);
    Catalog::parse(&text).unwrap()
}

fn admin(bench: &Bench, catalog: Catalog) -> Admin {
    let clock = Arc::clone(&bench.clock) as Arc<dyn Clock>;
    Admin { storage: Arc::clone(&bench.admin.storage), catalog, clock, actor: Actor("finance".into()) }
}

/// A device one of whose uses is above what the catalogue takes.
fn set_aside() -> (Bench, Edge) {
    let bench = Bench::with(10, &[]);
    let mut edge = bench.metering();
    bench.pass_with(&mut edge, DAY);
    edge.journal().record("sms", "cam-1", 1000);
    edge.journal().record("sms", "cam-1", 50_000);
    edge.journal().record("sms", "cam-1", 2000);
    let clock = Arc::clone(&bench.clock) as Arc<dyn Clock>;
    let parts = (Arc::clone(&bench.admin.storage), clock);
    let issuer = Issuer::open(&bench.data, parts, capped("10"), None).unwrap();
    edge.exchange(&issuer).unwrap();
    assert_eq!(edge.told().quarantined, 1);
    (bench, edge)
}

#[test]
fn a_raised_cap_lets_it_into_the_sums_once_and_the_audit_says_who() {
    let (bench, edge) = set_aside();
    assert_eq!(sums_of(&bench, "sms"), ["3", "0", "3"]);
    let rows = bench.admin.quarantine(&QuarantineScope::Device(edge.id()), false).unwrap();
    let (id, reason) = (rows[0].id, rows[0].reason.as_str());
    assert_eq!((rows.len(), reason, rows[0].record.seq), (1, "CAP", 2));
    let strict = admin(&bench, capped("10"));
    let refused = strict.replay_usage(id).unwrap_err();
    assert!(refused.to_string().contains("CAP") && refused.is_of_state(), "{refused}");
    assert_eq!(sums_of(&bench, "sms"), ["3", "0", "3"]);
    let raised = admin(&bench, capped("50"));
    assert_eq!(raised.replay_usage(id).unwrap(), 1);
    assert_eq!(sums_of(&bench, "sms"), ["53", "0", "53"]);
    assert!(matches!(raised.replay_usage(id), Err(BooksError::Replayed { .. })));
    assert!(raised.replay_all_usage().unwrap().is_empty());
    assert!(matches!(raised.replay_usage(77), Err(BooksError::NotInQuarantine(77))));
    assert_eq!(sums_of(&bench, "sms"), ["53", "0", "53"]);
    let audited = "SELECT count(*) FROM audit WHERE action = 'usage.replay' AND actor = 'finance'";
    assert_eq!(number(&bench, audited), 1);
    assert_eq!(bench.admin.quarantine(&QuarantineScope::All, false).unwrap(), []);
    let lifted = bench.admin.quarantine(&QuarantineScope::All, true).unwrap();
    assert_eq!(lifted[0].replayed_at, Some(bench.clock.now()));
    bench.admin.verify_usage(None).unwrap();
}

#[test]
fn of_everything_that_is_set_aside_what_does_not_pass_stays() {
    let (bench, mut edge) = set_aside();
    // A total that does not continue those before never will.
    let mut record = edge.journal().last().kept[2].record.clone();
    record.seq = 4;
    record.prev = edge.journal().last().head.hash;
    edge.journal().last_mut().keep(record);
    edge.exchange(&bench.issuer).unwrap();
    let outcomes = admin(&bench, capped("50")).replay_all_usage().unwrap();
    assert_eq!(outcomes.len(), 2);
    assert!(outcomes[0].outcome.is_ok());
    let refused = outcomes[1].outcome.as_ref().unwrap_err().to_string();
    assert!(refused.contains("TOTAL") && refused.contains("usage correct"), "{refused}");
    assert_eq!(sums_of(&bench, "sms"), ["53", "0", "53"]);
    bench.admin.verify_usage(None).unwrap();
}

//! Periods that several issuers close at once.

use super::site::{NOW, Replica, Site, TENANT};
use brink_issuer::catalog::{Catalog, Versions};
use brink_issuer::invoicing::Invoicing;
use brink_issuer::invoicing::document::{Document, DocumentKind};
use brink_issuer::storage::{DocumentQuery, ProfileOwner};
use std::collections::BTreeSet;
use std::thread;

const DAY: i64 = 86_400;
const SELLER: &str = r#"{"legal_name":"Brink Ltd","address":["1 Quay"],"tax_id":"IE1","payment_terms":"30 days net","due_days":30}"#;
const BUYER: &str = r#"{"legal_name":"Firm plc","address":["2 Hill"],"tax_id":"GB2"}"#;

fn invoicing(replica: &Replica) -> Invoicing {
    // The tenant has euros: what the catalogue says in dollars is said in euros here.
    let text = include_str!("../../../../issuer/catalog/default.toml");
    let catalog = Catalog::parse(&text.replacen("currency = \"USD\"", "currency = \"EUR\"", 1)).unwrap();
    Invoicing {
        storage: replica.admin.storage.clone(),
        accepts_catalogs: false,
        meters: catalog.meters.clone(),
        catalogs: Versions::new(vec![catalog]).unwrap(),
        clock: replica.admin.clock.clone(),
        actor: replica.admin.actor.clone(),
    }
}

/// Two close one period: it is closed once, by whichever comes first, and every number is given once.
pub(crate) fn one_period_that_is_closed_at_several_replicas_at_once_is_invoiced_once(site: &Site) {
    site.replica().subscribe(TENANT, 10);
    let later = NOW.saturating_add(100 * DAY);
    let replicas: Vec<Invoicing> = (0..4).map(|_| invoicing(&site.replica_at(later))).collect();
    let tenant = TENANT.parse().unwrap();
    replicas[0].set_profile(&ProfileOwner::Seller, SELLER.as_bytes()).unwrap();
    replicas[0].set_profile(&ProfileOwner::Tenant(TENANT.parse().unwrap()), BUYER.as_bytes()).unwrap();
    let made: usize = thread::scope(|scope| {
        let close = |at: &Invoicing| at.close(&tenant, None).unwrap().len();
        let workers: Vec<_> = replicas.iter().map(|at| scope.spawn(move || close(at))).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    let all = replicas[1].storage.documents(&DocumentQuery::default()).unwrap();
    assert_eq!((made, all.len()), (3, 3), "March, April and May");
    let lines: BTreeSet<_> = all
        .iter()
        .flat_map(|document| &document.lines)
        .map(|line| (line.period.from, line.key.clone(), line.revision))
        .collect();
    assert_eq!(lines.len(), all.iter().map(|document| document.lines.len()).sum::<usize>());
    assert!(all.iter().all(|document| document.kind == DocumentKind::Invoice));
    // Every draft is issued at every replica at once.
    let numbers: BTreeSet<String> = thread::scope(|scope| {
        let issue = |at: &Invoicing, draft: &Document| at.issue(&draft.id).unwrap().number.unwrap();
        let pairs = replicas.iter().flat_map(|at| all.iter().map(move |draft| (at, draft)));
        let workers: Vec<_> = pairs.map(|(at, draft)| scope.spawn(move || issue(at, draft))).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    let expected = ["INV-000001", "INV-000002", "INV-000003"].map(str::to_owned);
    assert_eq!(numbers, BTreeSet::from(expected));
}

//! Usage under the store: whom it is recorded for, and who mends the journal while hosts run.

use super::*;
use crate::journal::{Journal, Terms, UsageBook, UsageError, UsageWriter};
use brink_license::Slug;
use brink_license::usage::Quantity;

fn record(writer: &UsageWriter) -> Result<u64, UsageError> {
    let recorded = writer.record(&Slug::parse("api_call").unwrap(), None, Quantity::whole(1))?;
    Ok(recorded.seq)
}

#[test]
fn usage_follows_what_is_accepted_and_a_running_agent_mends_the_journal_for_its_hosts() {
    let mut scene = Scene::new();
    let mut store = scene.open();
    let host = UsageWriter::under(scene.layout().journal(), Terms::none);
    assert_eq!(record(&host), Err(UsageError::NotActivated));
    for seq in 1..=2 {
        scene.exchange(&mut store);
        assert_eq!(record(&host), Ok(seq));
        let chains = UsageBook::open(&scene.layout().journal()).unwrap().summary().unwrap();
        let licence = store.licence().map(|licence| licence.claims().jti.clone());
        assert_eq!((chains.len(), &chains[0].licence), (1, &licence));
    }
    store.mind_journal(&reading());
    let conn = rusqlite::Connection::open(Journal::path(&scene.layout().journal())).unwrap();
    conn.execute_batch("UPDATE heads SET head = zeroblob(40)").unwrap();
    drop(conn);
    assert_eq!(record(&host).unwrap_err().code(), "JOURNAL_DAMAGED");
    let later = |boottime| Reading { boottime, ..reading() };
    store.mind_journal(&later(101));
    assert!(record(&host).is_err(), "not at every tick");
    store.mind_journal(&later(130));
    assert!(store.health().journal.is_some(), "and it is said");
    assert!(record(&host).unwrap() > 2);
    let walked = UsageBook::open(&scene.layout().journal()).unwrap().walk().unwrap();
    assert_eq!((walked.records, walked.recoveries), (4, 1));
}

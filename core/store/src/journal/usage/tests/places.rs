use super::settlement::{Agent, Collector, limit, mend, much_later, now_ms, use_many};
use super::*;

fn book(device: &Device) -> UsageBook {
    UsageBook::open(&device.directory()).unwrap()
}

fn last(copied: &[Copied]) -> brink_license::usage::Head {
    let last = copied.last().unwrap();
    brink_license::usage::Head { seq: last.record.seq, hash: last.link }
}

#[test]
fn a_chain_is_copied_in_batches_and_each_activation_for_itself() {
    let device = Device::new();
    use_many(&device, 5);
    device.follow(2, "lic-2");
    use_many(&device, 3);
    let book = book(&device);
    let places = book.places().unwrap();
    let said: Vec<_> =
        places.iter().map(|at| (at.genesis.epoch, at.first, at.head.seq, at.is_used)).collect();
    assert_eq!(said, [(1, 1, 6, false), (2, 1, 3, true)], "an epoch ends with a record of its own");
    let batch = book.behind(&places[0], 2, 3).unwrap();
    assert_eq!(batch.iter().map(|copied| copied.record.seq).collect::<Vec<_>>(), [3, 4, 5]);
    assert_eq!(book.count_behind(&places[0], 2, 100), Ok(4));
    assert_eq!(book.still_has(&places[0], last(&batch)), Ok(Traced::Same));
    assert_eq!(book.still_has(&places[1], last(&batch)), Ok(Traced::Other), "it ends before that");
}

#[test]
fn what_has_left_is_behind_the_first() {
    let device = Device::new();
    let (mut agent, mut collector) = (Agent::new(), Collector::new());
    use_many(&device, 10);
    let before = book(&device).behind(&book(&device).places().unwrap()[0], 0, 4).unwrap();
    agent.drain(&device, &mut collector);
    assert_eq!(agent.shrink(&device, much_later()).pruned, 10);
    let place = book(&device).places().unwrap().remove(0);
    assert_eq!((place.first, place.head.seq), (11, 10));
    use_many(&device, 2);
    let place = book(&device).places().unwrap().remove(0);
    assert_eq!((place.first, place.head.seq), (11, 12));
    assert_eq!(book(&device).still_has(&place, last(&before)), Ok(Traced::Gone));
    assert_eq!(book(&device).behind(&place, 4, 10).unwrap()[0].record.seq, 11);
}

#[test]
fn sums_may_begin_before_what_was_copied_one_by_one() {
    let device = Device::new();
    let agent = Agent::new();
    limit(&device);
    let writer = device.writer();
    while writer.record(&meter("sms"), ResourceId::parse("cam-1").ok().as_ref(), Quantity::whole(1)).is_ok() {
    }
    let place = book(&device).places().unwrap().remove(0);
    let copied = book(&device).behind(&place, 0, 100).unwrap();
    assert!(agent.shrink(&device, now_ms()).folded > 100);
    let after = book(&device).behind(&place, 100, 1).unwrap().remove(0).record;
    assert!(matches!(after.entry, Entry::Fold(_)) && after.first() == 1 && after.seq > 100, "{after:?}");
    assert_eq!(book(&device).still_has(&place, last(&copied)), Ok(Traced::Gone));
}

#[test]
fn a_recovery_says_what_it_goes_on_from_and_damage_is_no_record() {
    let device = Device::new();
    let agent = Agent::new();
    use_many(&device, 10);
    let place = book(&device).places().unwrap().remove(0);
    let copied = book(&device).behind(&place, 0, 8).unwrap();
    device.conn().execute_batch("UPDATE records SET bytes = zeroblob(9) WHERE seq = 5").unwrap();
    assert!(matches!(book(&device).behind(&place, 3, 8), Err(JournalFault::Damaged(_))));
    mend(&device, &agent.known());
    let place = book(&device).places().unwrap().remove(0);
    let next = book(&device).behind(&place, 8, 1).unwrap().remove(0).record;
    let Entry::Recover(recovery) = next.entry else { panic!("{next:?}") };
    assert_eq!((recovery.good.seq, next.seq > 10), (4, true));
    assert_eq!(book(&device).still_has(&place, last(&copied)), Ok(Traced::Gone));
}

//! What is no usage: chains that do not hold, words that contradict each other, and words of others. The request is
//! answered all the same, and the receipt says where the issuer stands.

use super::super::exchange::audit;
use super::{agrees, number, recorded, sums, texts};
use crate::clock::Clock;
use crate::storage::{Actor, AuditNote, ClonePolicy, DeviceStatus};
use crate::testkit::{Bench, DAY, Edge, Journal, TENANT, names};
use brink_license::Kid;
use brink_license::token::{BatchVerdict, LicenceStanding};
use brink_license::usage::{Entry, Head, RECORDS_MAX, Recovery, UsageSection, hash_of};
use brink_signing::Signer;

/// A device with ten records, of which six are on record.
fn begun(bench: &Bench) -> Edge {
    let mut edge = bench.metering();
    for _ in 0..6 {
        edge.journal().record("api_call", "cam", 1000);
    }
    edge.exchange(&bench.issuer).unwrap();
    for _ in 0..4 {
        edge.journal().record("api_call", "cam", 1000);
    }
    edge
}

/// What a request says with these records of the last chain in place of what it would say, and a checkpoint over them.
fn saying(edge: &mut Edge, records: Vec<Vec<u8>>, head: Head) -> UsageSection {
    let mut said = edge.says_of_usage().unwrap();
    let (key, issuer) = (edge.key.clone(), edge.anchor.issuer().clone());
    said.batch = Some(edge.journal().last().signed((&key, &issuer), records, head));
    said
}

/// Sends what is said, and answers what came of it.
fn sent(bench: &Bench, edge: &mut Edge, said: UsageSection) -> BatchVerdict {
    edge.usage = Some(said);
    edge.exchange(&bench.issuer).unwrap();
    edge.told().batch
}

/// The next records as they are.
fn next(edge: &mut Edge) -> (Vec<Vec<u8>>, Head) {
    let chain = edge.journal().last();
    let kept: Vec<_> = chain.kept.iter().filter(|kept| kept.record.seq > chain.settled).collect();
    (kept.iter().map(|kept| kept.bytes.clone()).collect(), chain.head)
}

/// Nothing came of it but its line in the audit, and what is sound is taken afterwards.
fn heals(bench: &Bench, edge: &mut Edge) {
    assert_eq!(edge.journal().last().settled, 6);
    assert_eq!(number(bench, "SELECT count(*) FROM usage_records"), 6);
    edge.exchange(&bench.issuer).unwrap();
    assert_eq!((edge.told().batch, edge.told().cursors[0].seq), (BatchVerdict::Taken, 10));
    assert_eq!(sums(bench), recorded(edge));
    agrees(bench, edge);
}

#[test]
fn records_that_were_edited_removed_moved_or_repeated_are_no_chain() {
    type Twist = fn(&mut Vec<Vec<u8>>);
    let twists: [(&str, Twist); 5] = [
        ("edited", |records| {
            let place = records[1].len() - 40;
            records[1][place] ^= 1;
        }),
        ("removed", |records| drop(records.remove(2))),
        ("moved", |records| records.swap(1, 2)),
        ("repeated", |records| records.insert(1, records[1].clone())),
        ("cut short", |records| records[2].truncate(9)),
    ];
    for (name, twist) in twists {
        let bench = Bench::with(10, &[]);
        let mut edge = begun(&bench);
        let (mut records, head) = next(&mut edge);
        twist(&mut records);
        let said = saying(&mut edge, records, head);
        assert_eq!(sent(&bench, &mut edge, said), BatchVerdict::Bad, "{name}");
        assert_eq!(audit(&bench, "usage.refused").len(), 1);
        heals(&bench, &mut edge);
    }
}

#[test]
fn a_gap_is_told_and_heals_by_itself() {
    let bench = Bench::with(10, &[]);
    let mut edge = begun(&bench);
    let (mut records, head) = next(&mut edge);
    records.remove(0);
    let said = saying(&mut edge, records, head);
    assert_eq!(sent(&bench, &mut edge, said), BatchVerdict::Gap);
    heals(&bench, &mut edge);
    // A recovery does not pass over what its own journal says to be whole.
    edge.journal().record("api_call", "cam", 1000);
    edge.journal().damage(0);
    let (records, head) = next(&mut edge);
    let said = saying(&mut edge, records[1..].to_vec(), head);
    assert_eq!(sent(&bench, &mut edge, said), BatchVerdict::Gap);
    edge.exchange(&bench.issuer).unwrap();
    assert_eq!((edge.told().batch, edge.told().cursors[0].seq), (BatchVerdict::Taken, 1011));
    assert_eq!(sums(&bench), recorded(&edge));
}

#[test]
fn a_checkpoint_of_another_key_device_issuer_activation_digest_or_end_is_refused() {
    let bench = Bench::with(10, &[]);
    let mut other = begun(&bench);
    for twist in 0..8 {
        let bench = Bench::with(10, &[]);
        let mut edge = begun(&bench);
        let (records, head) = next(&mut edge);
        let mut said = saying(&mut edge, records.clone(), head);
        let (key, issuer) = (edge.key.clone(), edge.anchor.issuer().clone());
        let mut chain = edge.journal().last().clone();
        let batch = said.batch.as_mut().unwrap();
        match twist {
            0 => batch.checkpoint = chain.signed((&other.key, &issuer), records, head).checkpoint,
            1 => {
                chain.genesis.device = other.journal().last().genesis.device.clone();
                batch.checkpoint = chain.signed((&key, &issuer), records, head).checkpoint;
            }
            2 => {
                let issuer = "dev-other".parse().unwrap();
                batch.checkpoint = chain.signed((&key, &issuer), records, head).checkpoint;
            }
            3 => {
                chain.genesis.epoch = 2;
                batch.checkpoint = chain.signed((&key, &issuer), records, head).checkpoint;
            }
            4 => drop(batch.records.pop()),
            5 => {
                let hash = [9; 32];
                batch.checkpoint = chain.signed((&key, &issuer), records, Head { hash, ..head }).checkpoint;
            }
            6 => {
                chain.genesis.jkt = [9; 32];
                batch.checkpoint = chain.signed((&key, &issuer), records, head).checkpoint;
            }
            _ => batch.checkpoint.clear(),
        }
        assert_eq!(sent(&bench, &mut edge, said), BatchVerdict::Bad, "{twist}");
        heals(&bench, &mut edge);
    }
}

#[test]
fn a_chain_that_is_no_activations_of_the_device_is_refused() {
    let bench = Bench::with(10, &[]);
    let mut edge = begun(&bench);
    // Of an activation that never was, and of this one with a key that it never had.
    for (epoch, jkt) in [(7, edge.key.kid()), (1, Kid::from_digest([9; 32]))] {
        let (key, issuer) = (edge.key.clone(), edge.anchor.issuer().clone());
        let mut journal = Journal::new(0);
        journal.begin(&edge.id(), epoch, jkt);
        journal.record("api_call", "cam", 1000);
        edge.usage = Some(journal.section(&key, &issuer));
        let real = edge.journal.take();
        edge.exchange(&bench.issuer).unwrap();
        edge.journal = real;
        let told = edge.told();
        assert_eq!((told.batch, told.cursors[0].epoch), (BatchVerdict::Bad, epoch));
        assert_eq!(number(&bench, "SELECT count(*) FROM usage_cursors"), 1);
    }
    heals(&bench, &mut edge);
}

#[test]
fn records_of_another_activation_or_device_in_a_sound_batch_are_refused() {
    let bench = Bench::with(10, &[]);
    for foreign in 0..2 {
        let mut edge = begun(&bench);
        let mut chain = edge.journal().last().clone();
        match foreign {
            0 => chain.genesis.epoch = 2,
            _ => chain.genesis.device = "dev-other".parse().unwrap(),
        }
        let mut journal = edge.journal().clone();
        journal.chains = vec![chain];
        journal.record("api_call", "cam", 1000);
        let (mut records, _) = next(&mut edge);
        records.push(journal.last().kept.last().unwrap().bytes.clone());
        let head = journal.last().head;
        let said = saying(&mut edge, records, head);
        assert_eq!(sent(&bench, &mut edge, said), BatchVerdict::Bad, "{foreign}");
    }
}

/// A copy of a journal goes its own way.
fn forked(bench: &Bench) -> Edge {
    let mut edge = begun(bench);
    let before = edge.journal().clone();
    edge.exchange(&bench.issuer).unwrap();
    let mut journal = before;
    let chain = journal.last_mut();
    chain.kept.truncate(6);
    chain.head = Head { seq: 6, hash: chain.kept[5].hash() };
    // The sums of the copy are its own, too.
    journal.damage(0);
    let chain = journal.last_mut();
    chain.kept.truncate(6);
    chain.head = Head { seq: 6, hash: chain.kept[5].hash() };
    journal.record("api_call", "cam", 7);
    edge.journal = Some(journal);
    edge
}

#[test]
fn a_fork_is_evidence_and_the_tenants_policy_says_what_follows() {
    for policy in [ClonePolicy::Alert, ClonePolicy::Suspend, ClonePolicy::Reactivate] {
        let bench = Bench::with(10, &[]);
        bench.admin.set_policy(&TENANT.parse().unwrap(), policy).unwrap();
        let mut edge = forked(&bench);
        let before = sums(&bench);
        edge.exchange(&bench.issuer).unwrap();
        let told = edge.told();
        assert_eq!((told.batch, told.cursors[0].seq), (BatchVerdict::Fork, 10), "{policy:?}");
        assert_eq!(edge.receipt.as_ref().unwrap().claims().lic.state, LicenceStanding::Active);
        assert_eq!(sums(&bench), before, "nothing of it is taken");
        let evidence = texts(&bench, "SELECT known || ' ' || other FROM usage_forks");
        assert!(evidence.len() == 1 && evidence[0].split(' ').all(|word| word.starts_with("ey")));
        assert_eq!(audit(&bench, "usage.fork").len(), 1);
        shown(&bench, &edge, &evidence[0]);
        let device = bench.view(&edge.id()).device;
        assert_eq!(device.status == DeviceStatus::Suspended, policy == ClonePolicy::Suspend);
        assert_eq!(device.reactivate_from.is_some(), policy == ClonePolicy::Reactivate);
        let rows = bench.rows();
        for _ in 0..3 {
            bench.pass(DAY);
            let answer = edge.exchange(&bench.issuer).map_err(|refusal| refusal.code());
            match policy {
                ClonePolicy::Reactivate => assert_eq!(answer, Err("REACTIVATION_REQUIRED")),
                ClonePolicy::Alert | ClonePolicy::Suspend => {
                    assert_eq!((answer, edge.told().batch), (Ok(false), BatchVerdict::Fork));
                }
            }
        }
        assert_eq!(bench.rows(), rows, "and it is written once");
        agrees(&bench, &edge);
        if policy == ClonePolicy::Alert {
            // Nor is a licence renewed for one that says nothing more, as if that were all.
            let mut silent = edge.says_of_usage().unwrap();
            silent.batch = None;
            edge.usage = Some(silent);
            bench.pass(4 * DAY);
            assert!(!edge.exchange(&bench.issuer).unwrap());
            assert_eq!(edge.told().batch, BatchVerdict::None);
        }
    }
}

/// Whoever looks at the device sees the fork with both words, however much was seen of copies since.
fn shown(bench: &Bench, edge: &Edge, words: &str) {
    for _ in 0..150 {
        let note = AuditNote {
            tenant: Some(TENANT.parse().unwrap()),
            at: bench.clock.now(),
            actor: Actor("device:copy".into()),
            action: "device.clone_suspected",
            subject: edge.id().to_string(),
            detail: serde_json::json!({}),
        };
        bench.admin.storage.add_note(&note).unwrap();
    }
    let lines = bench.admin.evidence(&edge.id()).unwrap();
    let forks: Vec<_> = lines.iter().filter(|line| line.action == "usage.fork").collect();
    assert_eq!((forks.len(), lines.len()), (1, 101));
    let detail = &forks[0].detail;
    assert_eq!((&detail["epoch"], &detail["seq"]), (&1.into(), &7.into()));
    assert_eq!(detail["detail"], "it was sent before, and otherwise");
    let text = |name: &str| detail[name].as_str().unwrap().to_owned();
    assert_eq!(format!("{} {}", text("known"), text("other")), words);
}

#[test]
fn a_record_that_is_sent_again_otherwise_is_a_fork() {
    let bench = Bench::with(10, &[]);
    let mut edge = begun(&bench);
    edge.exchange(&bench.issuer).unwrap();
    let chain = edge.journal().last_mut();
    chain.settled = 0;
    // All ten are on record, and the last of them is another one here.
    let mut last = chain.kept.pop().unwrap().record;
    last.at.wall_ms += 1;
    chain.keep(last);
    edge.exchange(&bench.issuer).unwrap();
    assert_eq!((edge.told().batch, edge.told().cursors[0].seq), (BatchVerdict::Fork, 10));
}

#[test]
fn records_that_are_sent_again_as_they_were_are_known() {
    let bench = Bench::with(10, &[]);
    let mut edge = begun(&bench);
    edge.exchange(&bench.issuer).unwrap();
    edge.journal().record("tea", "", 1);
    for from in [0, 3, 9] {
        edge.journal().last_mut().settled = from;
        edge.exchange(&bench.issuer).unwrap();
        assert_eq!((edge.told().batch, edge.told().cursors[0].seq), (BatchVerdict::Taken, 11), "{from}");
    }
    edge.journal().last_mut().settled = 2;
    edge.journal().batch_max = 4;
    edge.exchange(&bench.issuer).unwrap();
    assert_eq!((edge.told().batch, edge.told().cursors[0].seq), (BatchVerdict::Taken, 11));
    assert_eq!(sums(&bench), recorded(&edge));
    agrees(&bench, &edge);
}

#[test]
fn numbers_that_were_reported_lost_do_not_come_after_all() {
    let bench = Bench::with(10, &[]);
    let mut edge = begun(&bench);
    let mut copy = edge.journal().clone();
    edge.journal().damage(4);
    edge.exchange(&bench.issuer).unwrap();
    assert_eq!((edge.told().batch, edge.told().cursors[0].seq), (BatchVerdict::Taken, 1010));
    copy.clock = edge.journal().clock;
    edge.journal = Some(copy);
    edge.exchange(&bench.issuer).unwrap();
    assert_eq!(edge.told().batch, BatchVerdict::Fork);
}

#[test]
fn nothing_follows_the_end_of_a_chain_but_a_recovery() {
    let bench = Bench::with(10, &[]);
    let mut edge = begun(&bench);
    edge.journal().append(Entry::Close);
    edge.exchange(&bench.issuer).unwrap();
    assert_eq!(number(&bench, "SELECT CAST(closed AS INTEGER) FROM usage_cursors"), 1);
    edge.journal().record("api_call", "cam", 1000);
    edge.exchange(&bench.issuer).unwrap();
    assert_eq!(edge.told().batch, BatchVerdict::Fork);

    let bench = Bench::with(10, &[]);
    let mut edge = begun(&bench);
    edge.journal().append(Entry::Close);
    edge.exchange(&bench.issuer).unwrap();
    edge.journal().damage(2);
    edge.exchange(&bench.issuer).unwrap();
    assert_eq!((edge.told().batch, edge.told().cursors[0].seq), (BatchVerdict::Taken, 1011));
}

#[test]
fn a_number_that_no_receipt_could_say_is_refused() {
    let bench = Bench::with(10, &[]);
    let mut edge = begun(&bench);
    let chain = edge.journal().last_mut();
    let good = Head { seq: 10, hash: chain.head.hash };
    let mut record = chain.kept[9].record.clone();
    (record.seq, record.prev) = (1 << 53, good.hash);
    record.entry = Entry::Recover(Recovery { good, seen: 0 });
    chain.keep(record);
    let before = edge.journal().last().settled;
    let said = edge.says_of_usage().unwrap();
    edge.usage = Some(said);
    // The device's own signature on such a number does not verify.
    edge.exchange(&bench.issuer).unwrap();
    assert_eq!(edge.told().batch, BatchVerdict::Bad);
    assert_eq!(edge.journal().last().settled, before);
}

#[test]
fn a_recovery_behind_the_last_number_that_there_is_does_not_stop_the_issuer() {
    let bench = Bench::with(10, &[]);
    let mut edge = begun(&bench);
    let unreadable = vec![9];
    let good = Head { seq: u64::MAX, hash: hash_of(&unreadable) };
    let mut record = edge.journal().last_mut().kept[9].record.clone();
    (record.seq, record.prev) = (23, good.hash);
    record.entry = Entry::Recover(Recovery { good, seen: 0 });
    let recovery = record.to_bytes();
    let head = Head { seq: 23, hash: hash_of(&recovery) };
    let said = saying(&mut edge, vec![unreadable, recovery], head);
    assert_eq!(sent(&bench, &mut edge, said), BatchVerdict::Bad);
}

#[test]
fn a_batch_has_at_most_four_mebibytes_and_ten_thousand_records() {
    let bench = Bench::with(10, &[]);
    let mut edge = begun(&bench);
    let records = vec![vec![2; 256 * 1024]; 17];
    let head = Head { seq: 23, hash: hash_of(&records[0]) };
    let said = saying(&mut edge, records, head);
    assert_eq!(sent(&bench, &mut edge, said), BatchVerdict::Bad);
    // Of a later version, and so set aside, but no more than there may be.
    let records = vec![vec![2; 256 * 1024]; 16];
    let head = Head { seq: 22, hash: hash_of(&records[0]) };
    let said = saying(&mut edge, records, head);
    assert_eq!(sent(&bench, &mut edge, said), BatchVerdict::Taken);
    assert_eq!(edge.told().quarantined, 16);

    let bench = Bench::with(10, &[]);
    let mut edge = bench.metering();
    edge.journal().batch_max = RECORDS_MAX;
    for use_ in 0..RECORDS_MAX as u64 {
        edge.journal().record("tea", &format!("cam-{}", use_ % 100), use_);
    }
    edge.exchange(&bench.issuer).unwrap();
    assert_eq!((edge.told().batch, edge.told().cursors[0].seq), (BatchVerdict::Taken, RECORDS_MAX as u64));
    assert_eq!(sums(&bench), recorded(&edge));
}

#[test]
fn losses_fill_their_ledger_and_not_the_audit() {
    let bench = Bench::with(10, &[]);
    let mut edge = begun(&bench);
    for _ in 0..5 {
        edge.journal().record("tea", "", 1);
        edge.journal().damage(1);
        edge.exchange(&bench.issuer).unwrap();
        assert_eq!(edge.told().batch, BatchVerdict::Taken);
    }
    assert_eq!(number(&bench, "SELECT count(*) FROM usage_losses"), 5);
    assert_eq!(audit(&bench, "usage.lost").len(), 1);
    bench.pass(DAY);
    edge.journal().damage(0);
    edge.exchange(&bench.issuer).unwrap();
    assert_eq!(audit(&bench, "usage.lost").len(), 2, "another day is worth another line");
}

#[test]
fn a_licence_is_not_renewed_while_usage_is_kept_back() {
    let bench = Bench::with(10, &[]);
    let mut edge = begun(&bench);
    bench.pass_with(&mut edge, 4 * DAY);
    // Nothing of what there is.
    let mut silent = edge.says_of_usage().unwrap();
    silent.batch = None;
    edge.usage = Some(silent);
    assert!(!edge.exchange(&bench.issuer).unwrap());
    // Not a word.
    let journal = edge.journal.take();
    assert!(!edge.exchange(&bench.issuer).unwrap());
    edge.journal = journal;
    // Something that is no chain.
    let (mut records, head) = next(&mut edge);
    records.swap(0, 1);
    let said = saying(&mut edge, records, head);
    edge.usage = Some(said);
    assert!(!edge.exchange(&bench.issuer).unwrap());
    // What an admin changes arrives all the same.
    bench.assign(&edge.id(), &names("cam", 0..3), &[]);
    let (records, head) = next(&mut edge);
    let said = saying(&mut edge, records[..2].to_vec(), head);
    edge.usage = Some(said);
    assert!(edge.exchange(&bench.issuer).unwrap());
    bench.pass_with(&mut edge, 4 * DAY);
    // A gap that no restoration of ours explains.
    let (records, head) = next(&mut edge);
    let said = saying(&mut edge, records[1..].to_vec(), head);
    assert_eq!(sent_renewed(&bench, &mut edge, said), (BatchVerdict::Gap, false));
    assert!(edge.exchange(&bench.issuer).unwrap());
    assert_eq!(sums(&bench), recorded(&edge));
}

fn sent_renewed(bench: &Bench, edge: &mut Edge, said: UsageSection) -> (BatchVerdict, bool) {
    edge.usage = Some(said);
    let renewed = edge.exchange(&bench.issuer).unwrap();
    (edge.told().batch, renewed)
}

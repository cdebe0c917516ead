//! Damage of the file itself: any bit of it, and what SQLite does not notice.

use super::issuer::Issuer;
use super::settlement::{Agent, Collector, after, limit, mend, much_later, now_ms, use_many};
use super::*;
use crate::state::Settled;
use brink_license::UnixSeconds;
use brink_license::token::Period;
use brink_license::usage::{SEQ_MAX, Span, Spent};

/// What the agent does every half minute.
fn turn(device: &Device, known: &Known) {
    Journal::ensure(&device.layout(), Some(known)).unwrap();
    let reach = || {
        device.follow_as(known, "lic-1")?;
        Journal::reach(&device.directory(), known)
    };
    if matches!(reach(), Ok(Reached::Differs) | Err(UsageError::Damaged(_))) {
        mend(device, known);
        device.follow_as(known, "lic-1").unwrap();
    }
}

/// Settled records leave, as the agent has them leave.
fn prune(device: &Device, known: &Known) {
    let shrink = || Journal::shrink(&device.directory(), known, much_later());
    if let Err(UsageError::Damaged(_)) = shrink() {
        mend(device, known);
        device.follow_as(known, "lic-1").unwrap();
        shrink().unwrap();
    }
}

/// Sends until nothing is left, and mends what is met on the way.
fn drain(device: &Device, agent: &mut Agent, collector: &mut Collector) {
    loop {
        if let Err(UsageError::Damaged(_)) = agent.outbox(device, 97) {
            mend(device, &agent.known());
            device.follow_as(&agent.known(), "lic-1").unwrap();
        }
        let Some(batch) = agent.send(device, 97) else { break };
        collector.take(&batch.records);
        agent.settle(collector);
    }
}

fn page_of(device: &Device, table: &str) -> usize {
    let text = "SELECT rootpage FROM sqlite_schema WHERE name = ?1";
    let root: u32 = device.conn().query_row(text, [table], |row| row.get(0)).unwrap();
    (root as usize - 1) * 4096
}

fn find(bytes: &[u8], what: &[u8]) -> usize {
    bytes.windows(what.len()).rposition(|window| window == what).unwrap()
}

#[test]
fn a_row_that_is_absent_behind_the_cursor_costs_itself() {
    let device = Device::new();
    let (mut agent, mut collector) = (Agent::new(), Collector::new());
    use_many(&device, 7);
    agent.drain(&device, &mut collector);
    use_many(&device, 5);
    device.conn().execute_batch("DELETE FROM records WHERE seq = 8").unwrap();
    drain(&device, &mut agent, &mut collector);
    assert_eq!((collector.count("api_call"), collector.losses), (11, 1));
}

#[test]
fn damage_among_what_is_settled_does_not_fill_the_journal() {
    for damage in ["CAST(substr(bytes, 1, 20) || x'00' || substr(bytes, 22) AS BLOB)", "zeroblob(9)"] {
        let device = Device::new();
        let (mut agent, mut collector) = (Agent::new(), Collector::new());
        limit(&device);
        use_many(&device, 40);
        agent.drain(&device, &mut collector);
        device.conn().execute_batch(&format!("UPDATE records SET bytes = {damage} WHERE seq = 3")).unwrap();
        prune(&device, &agent.known());
        assert_eq!(device.records().len(), 0, "{damage}");
        use_many(&device, 1);
        agent.drain(&device, &mut collector);
        assert_eq!((collector.count("api_call"), collector.losses), (41, 0));
    }
}

#[test]
fn what_only_the_newer_file_had_is_said_to_be_lost_whichever_chain_it_was_in() {
    // In the chain in use, and in the one before, in a request that never came.
    for in_use in [true, false] {
        let device = Device::new();
        let (mut agent, mut collector) = (Agent::new(), Collector::new());
        use_many(&device, 10);
        agent.drain(&device, &mut collector);
        use_many(&device, 5);
        let copy = device.settled();
        use_many(&device, 5);
        agent.follow(&device, 2);
        let mut expected = 15;
        if in_use {
            agent.drain(&device, &mut collector);
            use_many(&device, 3);
            expected = 20;
        } else {
            assert_eq!(agent.send(&device, 100).unwrap().head.seq, 21);
        }
        device.put(&copy);
        after(&agent.settled);
        use_many(&device, 4);
        turn(&device, &agent.known());
        agent.drain(&device, &mut collector);
        assert_eq!((collector.count("api_call"), collector.losses), (expected + 4, 1), "{in_use}");
    }
}

#[test]
fn heads_that_are_gone_record_no_earlier_chain_once_more() {
    for by_one_bit in [false, true] {
        let device = Device::new();
        let (mut agent, mut collector) = (Agent::new(), Collector::new());
        use_many(&device, 10);
        agent.drain(&device, &mut collector);
        agent.follow(&device, 2);
        agent.drain(&device, &mut collector);
        if by_one_bit {
            let heads = page_of(&device, "heads");
            let mut bytes = device.settled();
            assert_eq!(bytes[heads..][3..5], [0, 2], "two cells");
            bytes[heads + 4] ^= 2;
            device.put(&bytes);
        } else {
            device.conn().execute_batch("DELETE FROM heads").unwrap();
        }
        turn(&device, &agent.known());
        drain(&device, &mut agent, &mut collector);
        assert_eq!(collector.count("api_call"), 10, "{by_one_bit}");
    }
}

fn given(epoch: u32, key: u8) -> Known {
    Known { genesis: Genesis { jkt: [key; 32], ..genesis(epoch) }, settled: Vec::new(), head: None }
}

#[test]
fn an_issuer_that_forgot_several_activations_gets_all_of_them_in_the_next() {
    let device = Device::new();
    use_many(&device, 2);
    let (mut agent, mut collector) = (Agent::new(), Collector::new());
    for (epoch, key) in [(2, 8), (3, 9)] {
        let known = given(epoch, key);
        device.follow_as(&known, "lic-1").unwrap();
        Settled::put(&mut agent.settled, Settled::none(&known.genesis));
        use_many(&device, 5);
    }
    let now = Known { genesis: genesis(2), settled: agent.settled.clone(), head: None };
    device.follow_as(&now, "lic-1").unwrap();
    agent.settled.retain(|settled| settled.epoch == 1);
    Settled::put(&mut agent.settled, Settled::none(&genesis(2)));
    let reported: Vec<_> =
        agent.outbox(&device, 10).unwrap().chains.iter().map(|chain| chain.epoch).collect();
    assert_eq!(reported, [1, 2]);
    use_many(&device, 1);
    agent.drain(&device, &mut collector);
    assert_eq!(collector.count("api_call"), 2 + 5 + 5 + 1);
}

#[test]
fn a_later_activation_that_the_state_does_not_know_is_left_as_it_is() {
    let device = Device::unactivated();
    device.follow(2, "lic-1");
    use_many(&device, 10);
    // The state was put back to before it.
    device.follow(1, "lic-1");
    let chains: Vec<_> = device.summary().iter().map(|chain| (chain.epoch, chain.seq)).collect();
    assert_eq!(chains, [(2, 11), (1, 0)]);
}

#[test]
fn a_forgotten_activation_that_is_damaged_costs_the_record_that_was_damaged() {
    let device = Device::unactivated();
    device.follow_as(&given(1, 8), "lic-1").unwrap();
    use_many(&device, 10);
    device.conn().execute_batch("UPDATE records SET bytes = zeroblob(9) WHERE seq = 3").unwrap();
    let (mut agent, mut collector) = (Agent::new(), Collector::new());
    mend(&device, &agent.known());
    device.follow(1, "lic-1");
    drain(&device, &mut agent, &mut collector);
    assert_eq!((collector.count("api_call"), collector.losses), (9, 1));
}

#[test]
fn a_damaged_key_makes_no_second_chain_of_an_activation() {
    for seq in [1, 5, 10, 11] {
        let device = Device::new();
        let (mut agent, mut collector) = (Agent::new(), Collector::new());
        use_many(&device, 3);
        agent.follow(&device, 2);
        use_many(&device, 10);
        agent.follow(&device, 3);
        use_many(&device, 5);
        device.conn().execute("UPDATE records SET chain = 6 WHERE chain = 2 AND seq = ?1", [seq]).unwrap();
        turn(&device, &agent.known());
        drain(&device, &mut agent, &mut collector);
        let mut reported: Vec<_> =
            agent.outbox(&device, 10).unwrap().chains.iter().map(|chain| chain.epoch).collect();
        reported.dedup();
        assert_eq!((collector.count("api_call"), &reported[..]), (18, &[1, 2, 3][..]), "{seq}");
    }
}

#[test]
fn statistics_of_sqlites_are_no_damage() {
    let device = Device::new();
    use_many(&device, 2);
    device.conn().execute_batch("ANALYZE").unwrap();
    assert_eq!(device.ensure(Some(1)), None);
    assert_eq!(use_one(&device.writer(), "api_call").seq, 3);
}

/// A comment that is edited would make every journal that there is a damaged one.
#[test]
fn the_schema_is_the_one_that_journals_have() {
    use sha2::{Digest, Sha256};
    let made = Connection::open_in_memory().unwrap();
    crate::journal::MIGRATIONS.iter().for_each(|migration| made.execute_batch(migration).unwrap());
    let schema = crate::journal::schema_of(&made).unwrap();
    let digest: String = Sha256::digest(schema).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        digest, "6cefdeca2d94d2deb29832d877e98a620d29e1b2bc669f973a066ce574b84919",
        "a change of the schema is a new migration"
    );
}

#[test]
fn a_copy_of_a_forgotten_activation_adds_only_what_is_new_in_it() {
    for is_damaged in [false, true] {
        let device = Device::new();
        device.follow_as(&given(2, 8), "lic-1").unwrap();
        use_many(&device, 5);
        let mut expected = 5;
        if is_damaged {
            device.conn().execute_batch("UPDATE records SET bytes = zeroblob(9) WHERE seq = 5").unwrap();
            turn(&device, &given(2, 8));
            expected = 4;
        }
        let copy = device.settled();
        let (mut agent, mut collector) = (Agent::new(), Collector::new());
        agent.follow(&device, 2);
        agent.drain(&device, &mut collector);
        device.put(&copy);
        after(&agent.settled);
        use_many(&device, 3);
        turn(&device, &agent.known());
        drain(&device, &mut agent, &mut collector);
        assert_eq!(collector.count("api_call"), expected + 3, "{is_damaged}");
    }
}

#[test]
fn quotas_that_are_counted_again_behind_damage_give_nothing_away() {
    let device = Device::new();
    let (mut agent, mut collector) = (Agent::new(), Collector::new());
    use_many(&device, 1);
    // The span begins behind the first use.
    let starts_at = UnixSeconds::new(now_ms() / 1000 + 1);
    while now_ms() <= starts_at.as_i64() * 1000 {
        std::thread::yield_now();
    }
    use_many(&device, 19);
    agent.drain(&device, &mut collector);
    let span = Span::of(Period::Day, &TokenId::parse("lic-1").unwrap(), &[], starts_at);
    let span = Span { starts_at: Some(starts_at), ..span };
    let counted = || {
        let name = DeviceId::parse("dev-1").unwrap();
        quota_rows::recount(&device.conn(), &name, (&meter("api_call"), &span)).unwrap()
    };
    assert_eq!(counted(), Quantity::whole(19));
    device.conn().execute_batch("UPDATE records SET bytes = zeroblob(9) WHERE seq = 3").unwrap();
    agent.mend(&device);
    assert!(counted() >= Quantity::whole(19), "{}", counted());
}

#[test]
fn what_cannot_go_over_is_left_and_the_rest_is_mended() {
    let conn_damages = [
        format!("UPDATE records SET seq = {SEQ_MAX} WHERE seq = 8"),
        "PRAGMA ignore_check_constraints = 1; UPDATE limits SET bytes_max = 524288; \
         UPDATE totals SET sums = zeroblob(3)"
            .to_owned(),
        // As a tree shows it whose pages point to one leaf twice.
        "CREATE TABLE q2 AS SELECT * FROM quotas; INSERT INTO q2 SELECT * FROM quotas; DROP TABLE quotas; \
         ALTER TABLE q2 RENAME TO quotas"
            .to_owned(),
    ];
    for damage in conn_damages {
        let device = Device::new();
        limit(&device);
        use_many(&device, 12);
        let conn = device.conn();
        let name = DeviceId::parse("dev-1").unwrap();
        let span = Span::of(Period::Day, &TokenId::parse("l").unwrap(), &[], UnixSeconds::new(0));
        quota_rows::put_spent(&conn, &name, (&meter("sms"), &span), &Spent::default()).unwrap();
        conn.execute_batch(&damage).unwrap();
        drop(conn);
        let (mut agent, mut collector) = (Agent::new(), Collector::new());
        turn(&device, &agent.known());
        assert_eq!(device.ensure(Some(1)), None, "{damage}");
        agent.drain(&device, &mut collector);
        assert_eq!(collector.count("api_call"), 12, "{damage}");
    }
}

#[test]
fn a_flipped_bit_that_sqlite_takes_for_another_type_schema_or_version_is_damage() {
    for case in 0..10 {
        let device = Device::new();
        use_many(&device, 20);
        let row = device.records().into_iter().find(|record| record.seq == 8).unwrap();
        let pages = ["heads", "totals", "clock", "quota_state"].map(|table| page_of(&device, table));
        let mut bytes = device.settled();
        match case {
            0 => bytes[pages[0] + 4] ^= 0x10,
            1 => {
                let at = find(&bytes, b"length(hash)");
                bytes[at + 1] ^= 4;
            }
            2 => {
                let at = find(&bytes, b"hash  BLOB NOT NULL CHECK");
                bytes[at] ^= 1;
            }
            3 => {
                // A hash that is text from then on: before the bytes stands its type, and the number alone.
                let at = find(&bytes, &row.to_bytes());
                assert_eq!((bytes[at - 2], bytes[at - 1]), (0x4c, 8));
                bytes[at - 2] ^= 1;
            }
            // The first free block of a page, which only whoever writes looks for.
            4 => bytes[pages[1] + 2] ^= 0x80,
            // The version.
            5 => bytes[63] ^= 2,
            // Who may write, and how many pages are free.
            6 => bytes[18] ^= 4,
            7 => bytes[36] ^= 4,
            // A type, in tables that only quotas and clocks use.
            8 => bytes[pages[2] + 4] ^= 0x10,
            _ => bytes[pages[3] + 4] ^= 0x10,
        }
        device.put(&bytes);
        let (mut agent, mut collector) = (Agent::new(), Collector::new());
        turn(&device, &agent.known());
        use_one(&device.writer(), "another");
        drain(&device, &mut agent, &mut collector);
        assert_eq!(collector.count("another"), 1, "case {case}");
        // Of a table whose columns are called otherwise nothing is read, and that is said.
        let expected = if case == 2 { 0 } else { 19 };
        assert!(collector.count("api_call") >= expected, "case {case}: {}", collector.count("api_call"));
        assert!(collector.count("api_call") == 20 || collector.losses == 1, "case {case}");
    }
}

fn use_named(device: &Device, numbers: std::ops::Range<u32>) -> Result<(), UsageError> {
    let writer = device.writer();
    numbers.into_iter().try_for_each(|number| {
        let name = ResourceId::parse(&format!("use-{number}")).unwrap();
        let of = if number % 3 == 0 { "sms" } else { "api_call" };
        writer.record(&meter(of), Some(&name), Quantity::whole(1)).map(drop)
    })
}

/// Exchanges until nothing is left.
fn settle_named(device: &Device, agent: &mut Agent, issuer: &mut Issuer) -> Result<(), String> {
    for _ in 0..40 {
        if let Err(UsageError::Damaged(_)) = agent.outbox(device, 7) {
            mend(device, &agent.known());
            device.follow_as(&agent.known(), "lic-1").unwrap();
        }
        let outbox = agent.outbox(device, 7).map_err(|error| error.to_string())?;
        let Some(batch) = outbox.batch else { return Ok(()) };
        let settled = Settled::of(&batch.genesis, &agent.settled);
        Settled::put(&mut agent.settled, settled.with_sent(batch.head, batch.read_at));
        issuer.take(&batch.records)?;
        for settled in &mut agent.settled {
            *settled = settled.with_cursor(issuer.cursor(settled.epoch));
        }
    }
    Err("it never ends".to_owned())
}

/// What becomes of a device whose journal has one other bit, until everything is settled and has left.
fn lived(device: &Device, agent: &mut Agent, issuer: &mut Issuer, used: u32) -> Result<(), String> {
    for _ in 0..2 {
        turn(device, &agent.known());
        settle_named(device, agent, issuer)?;
    }
    use_named(device, 1000..1001).map_err(|error| format!("nothing is recorded any more: {error}"))?;
    settle_named(device, agent, issuer)?;
    prune(device, &agent.known());
    let left = device.records().len();
    let lost = (1..=used).chain([1000]).filter(|number| !issuer.names.contains(&format!("use-{number}")));
    match (lost.count(), issuer.losses, left) {
        (0, _, 0) => Ok(()),
        (_, 1.., 0) => Ok(()),
        (lost, losses, left) => Err(format!("{lost} are lost, {losses} named; {left} never leave")),
    }
}

/// A journal of some uses, of which the issuer has some.
fn journal(shape: u8) -> (Device, Agent, Issuer, u32) {
    let (device, mut agent, mut issuer) = (Device::new(), Agent::new(), Issuer::default());
    use_named(&device, 1..11).unwrap();
    if shape != 1 {
        settle_named(&device, &mut agent, &mut issuer).unwrap();
    }
    if shape == 2 {
        prune(&device, &agent.known());
    } else {
        agent.follow(&device, 2);
    }
    if shape == 3 {
        settle_named(&device, &mut agent, &mut issuer).unwrap();
        return (device, agent, issuer, 10);
    }
    use_named(&device, 11..21).unwrap();
    if shape == 0 {
        settle_named(&device, &mut agent, &mut issuer).unwrap();
    }
    if shape == 4 {
        agent.follow(&device, 3);
    }
    use_named(&device, 21..31).unwrap();
    (device, agent, issuer, 30)
}

#[test]
fn whichever_bit_flips_no_use_is_settled_twice_or_lost_without_a_word_and_metering_goes_on() {
    flipped(4001);
}

#[test]
#[ignore = "minutes"]
fn whichever_of_many_bits_flips_no_use_is_settled_twice_or_lost_without_a_word() {
    flipped(193);
}

/// One bit flips; every so many bits. A prime number gives each place in a page its turn.
fn flipped(stride: usize) {
    let mut found = Vec::new();
    for shape in 0..5 {
        let (device, agent, issuer, used) = journal(shape);
        let good = device.settled();
        for bit in (usize::from(shape) * 31..good.len() * 8).step_by(stride) {
            let mut bytes = good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            device.put(&bytes);
            let (mut agent, mut issuer) = (Agent { settled: agent.settled.clone() }, issuer.clone());
            let lived = lived(&device, &mut agent, &mut issuer, used);
            if let Err(problem) = lived {
                let (page, byte) = (bit / 32_768 + 1, bit / 8 % 4096);
                found.push(format!("shape {shape}, bit {bit} (page {page}, byte {byte}): {problem}"));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

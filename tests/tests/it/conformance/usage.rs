//! What was used is booked once, however many issuers there are and whatever becomes of them.

use super::metering::{Metering, booked, is_sound, together};
use super::site::{Kept, NOW, Replica, Site, TENANT, at_once};
use brink_databases::{Database, cut_off};
use brink_issuer::storage::{AnswerKind, UpkeepOrder};
use brink_license::UnixSeconds;
use brink_tests::forge::Key;

fn answer(replica: &Replica, request: &[u8]) -> Result<Vec<u8>, &'static str> {
    replica.issuer.answer(request, Some(AnswerKind::Exchange)).map_err(|refusal| refusal.code())
}

/// A small generator (xorshift64*, Marsaglia 2003): the same seed is the same life.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound
    }
}

fn use_some(device: &mut Metering, random: &mut Random, uses: u64) {
    for _ in 0..uses {
        let meter = ["api_call", "sms", "tea"][random.below(3) as usize];
        let camera = format!("cam-{}", random.below(4));
        device.use_some(meter, &camera, 1 + random.below(1000));
    }
}

pub(crate) fn one_batch_at_two_replicas_at_once_is_booked_once(site: &Site) {
    let replicas = [site.replica(), site.replica()];
    replicas[0].subscribe(TENANT, 10);
    let mut device = Metering::activated(&replicas[0], Key(100));
    let mut random = Random(1);
    for _ in 0..5 {
        use_some(&mut device, &mut random, 20);
        let request = device.request(usize::MAX);
        let answers = at_once(0..6, |number| answer(&replicas[number % 2], &request).unwrap());
        assert!(answers.iter().all(|answer| *answer == answers[0]), "all of them get one answer");
        device.take(&answers[0]);
        assert_eq!(booked(&replicas[1], TENANT), device.used);
    }
    assert!(device.is_settled());
    is_sound(&replicas[0]);
}

/// A device whose answers get lost, whose requests come twice and late, and who meets a replica at random each time.
fn lives(replicas: &[Replica; 2], (device, random): (&mut Metering, &mut Random), passing: &[&str]) {
    let mut old: Vec<Vec<u8>> = Vec::new();
    for _ in 0..12 {
        let uses = random.below(25);
        use_some(device, random, uses);
        let request = device.request(1 + random.below(40) as usize);
        let answer = loop {
            match answer(&replicas[random.below(2) as usize], &request) {
                Ok(answered) => break answered,
                Err(code) => assert!(passing.contains(&code), "{code}"),
            }
        };
        // The answer is lost, and the request is sent again, or another one takes its place.
        match random.below(4) {
            0 => {}
            1 => {
                let again = self::answer(&replicas[random.below(2) as usize], &request);
                assert!(
                    again.as_ref().is_ok_and(|again| *again == answer)
                        || again.is_err_and(|code| passing.contains(&code))
                );
                device.take(&answer);
            }
            _ => device.take(&answer),
        }
        if let Some(late) = old.get(random.below(8) as usize) {
            let refused = self::answer(&replicas[random.below(2) as usize], late);
            assert!(refused.is_err(), "an old request is no new one");
        }
        old.push(request);
    }
    while !device.is_settled() {
        let request = device.request(50);
        match answer(&replicas[random.below(2) as usize], &request) {
            Ok(answer) => device.take(&answer),
            Err(code) => assert!(passing.contains(&code), "{code}"),
        }
    }
}

pub(crate) fn many_devices_with_lost_answers_and_replays_over_two_replicas_come_to_what_they_used(
    site: &Site,
) {
    let replicas = [site.replica(), site.replica()];
    replicas[0].subscribe(TENANT, 100);
    replicas[0].create_tenant("tenant-2");
    replicas[0].subscribe("tenant-2", 100);
    let devices: Vec<_> = (0..8).map(|number| Metering::activated(&replicas[0], Key(100 + number))).collect();
    let devices = at_once(devices.into_iter().zip(1..), |(mut device, seed)| {
        lives(&replicas, (&mut device, &mut Random(seed * 0x9e37_79b9)), &["BUSY"]);
        device
    });
    assert_eq!(booked(&replicas[1], TENANT), together(&devices));
    assert_eq!(booked(&replicas[1], "tenant-2"), together([]));
    is_sound(&replicas[1]);
    site.is_sound();
}

/// The clocks of two machines are never the same, and a day ends between them.
pub(crate) fn a_batch_that_comes_at_two_replicas_on_two_days_is_booked_once(site: &Site) {
    // The second before midnight, and midnight.
    let midnight = UnixSeconds::new(NOW.as_i64().div_euclid(86_400) * 86_400 + 86_400);
    let replicas = [site.replica_at(midnight.saturating_add(-1)), site.replica_at(midnight)];
    for replica in &replicas {
        let order = UpkeepOrder { now: NOW, raw_days: None };
        replica.storage().keep_up(&order).unwrap();
    }
    replicas[0].subscribe(TENANT, 10);
    let mut device = Metering::activated(&replicas[0], Key(100));
    let mut random = Random(3);
    for round in 0..6 {
        use_some(&mut device, &mut random, 20);
        // The same request at both; and two that bring the same records, of which one is an older one by then.
        let first = device.request(15);
        let requests =
            if round % 2 == 0 { [first.clone(), first] } else { [first, device.request(usize::MAX)] };
        let parts = requests.iter().zip(&replicas);
        let answers = at_once(parts, |(request, replica)| answer(replica, request));
        match (&answers[0], &answers[1]) {
            (_, Ok(answer)) | (Ok(answer), Err(_)) => device.take(answer),
            (Err(one), Err(other)) => panic!("{one}, {other}"),
        }
    }
    while !device.is_settled() {
        let request = device.request(usize::MAX);
        device.take(&answer(&replicas[1], &request).unwrap());
    }
    assert_eq!(booked(&replicas[0], TENANT), device.used);
    is_sound(&replicas[0]);
}

#[test]
fn replicas_whose_connections_are_cut_in_mid_transaction_lose_nothing_and_book_nothing_twice() {
    let database = Database::empty();
    let (url, name) = (database.url(), database.name().to_owned());
    let site = Site::at(Some(&url), Some(database));
    let replicas = [site.replica(), site.replica()];
    replicas[0].subscribe(TENANT, 100);
    let devices: Vec<_> = (0..4).map(|number| Metering::activated(&replicas[0], Key(100 + number))).collect();
    let parts = devices.into_iter().map(Some).chain([None]).zip(1..);
    let devices = at_once(parts, |(device, seed)| {
        let Some(mut device) = device else {
            (0..30).for_each(|_| cut_off(&name));
            return None;
        };
        let passing = ["BUSY", "DATABASE_UNAVAILABLE", "OUTCOME_UNKNOWN"];
        lives(&replicas, (&mut device, &mut Random(seed * 0x9e37_79b9)), &passing);
        Some(device)
    });
    let replica = site.replica();
    assert_eq!(booked(&replica, TENANT), together(devices.iter().flatten()));
    is_sound(&replica);
    site.is_sound();
}

#[test]
fn a_day_without_a_partition_loses_nothing_and_gets_its_own_while_devices_go_on() {
    let site = Site::on(Kept::Postgres);
    let replicas = [site.replica(), site.replica()];
    replicas[0].subscribe(TENANT, 100);
    let devices: Vec<_> = (0..3).map(|number| Metering::activated(&replicas[0], Key(100 + number))).collect();
    let parts = devices.into_iter().map(Some).chain([None]).zip(1..);
    let devices = at_once(parts, |(device, seed)| {
        let Some(mut device) = device else {
            // Days later somebody looks after it: what lies without a partition of its own gets one.
            for day in 0..3 {
                let now = NOW.saturating_add(day * 86_400);
                replicas[1].storage().keep_up(&UpkeepOrder { now, raw_days: None }).unwrap();
            }
            return None;
        };
        lives(&replicas, (&mut device, &mut Random(seed * 0x9e37_79b9)), &["BUSY"]);
        Some(device)
    });
    assert_eq!(booked(&replicas[0], TENANT), together(devices.iter().flatten()));
    is_sound(&replicas[0]);
}

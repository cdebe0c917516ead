//! Whole lives of a journal of which earlier copies are put back, with requests that are lost, damage, new activations, and an
//! issuer whose database is put back, too: no use arrives twice, and none is lost but for a reason.

use super::issuer::{Issuer, Names};
use super::settlement::{after, much_later};
use super::*;
use crate::state::Settled;

#[derive(Clone, Debug)]
enum Step {
    Use(u8),
    /// A batch leaves; whether it arrives, and its answer.
    Send {
        records_max: usize,
        arrives: bool,
        answered: bool,
    },
    /// Somebody copies the journal.
    Copy,
    /// The newest copy is put back; that many uses are recorded before the agent looks.
    PutBack(u8),
    /// One bit of a record flips, and the agent looks.
    Damage(prop::sample::Index),
    /// The device is activated anew.
    Again,
    /// What is settled leaves.
    Prune,
    /// Somebody copies the issuer's database.
    Backup,
    /// The backup is put back.
    Restore,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..12u8).prop_map(Step::Use),
        6 => (1..20usize, any::<bool>(), any::<bool>())
            .prop_map(|(records_max, arrives, answered)| Step::Send { records_max, arrives, answered }),
        2 => Just(Step::Copy),
        2 => (0..12u8).prop_map(Step::PutBack),
        1 => any::<prop::sample::Index>().prop_map(Step::Damage),
        1 => Just(Step::Again),
        1 => Just(Step::Prune),
        1 => Just(Step::Backup),
        1 => Just(Step::Restore),
    ]
}

struct Life {
    device: Device,
    settled: Vec<Settled>,
    epoch: u32,
    copy: Option<Vec<u8>>,
    issuer: Issuer,
    backup: Issuer,
    used: u32,
    /// What may be absent in the end.
    excused: Names,
    /// Something was lost that a record has to name.
    is_named: bool,
}

impl Life {
    fn new() -> Self {
        let (issuer, backup) = (Issuer::default(), Issuer::default());
        let settled = vec![Settled::none(&genesis(1))];
        let device = Device::new();
        let (copy, excused) = (None, Names::new());
        Self { device, settled, epoch: 1, copy, issuer, backup, used: 0, excused, is_named: false }
    }

    fn known(&self) -> Known {
        Known { genesis: genesis(self.epoch), settled: self.settled.clone(), head: None }
    }

    fn use_some(&mut self, count: u8) {
        if self.settled.iter().any(|settled| settled.read_at.is_some()) {
            after(&self.settled);
        }
        let writer = self.device.writer();
        for _ in 0..count {
            self.used += 1;
            let name = ResourceId::parse(&format!("use-{}", self.used)).unwrap();
            writer.record(&meter("api_call"), Some(&name), Quantity::whole(1)).unwrap();
        }
    }

    /// Every use that is in the journal and not with the issuer.
    fn unheard(&self) -> Names {
        let names = self.device.records().into_iter().filter_map(|record| match record.entry {
            Entry::Usage(usage) => Some(usage.resource.unwrap().as_str().to_owned()),
            Entry::Fold(_) | Entry::Recover(_) | Entry::Close => None,
        });
        names.filter(|name| !self.issuer.names.contains(name)).collect()
    }

    fn send(&mut self, records_max: usize) -> Option<Unsent> {
        let name = DeviceId::parse("dev-1").unwrap();
        let read =
            |life: &Self| Journal::outbox(&life.device.directory(), (&name, &life.settled), records_max);
        let outbox = match read(self) {
            Err(UsageError::Damaged(_)) => {
                self.mend();
                read(self)
            }
            outbox => outbox,
        };
        let batch = outbox.unwrap().batch?;
        let settled = Settled::of(&batch.genesis, &self.settled);
        Settled::put(&mut self.settled, settled.with_sent(batch.head, batch.read_at));
        Some(batch)
    }

    /// As a receipt says it.
    fn settle(&mut self) {
        for settled in &mut self.settled {
            *settled = settled.with_cursor(self.issuer.cursor(settled.epoch));
        }
    }

    fn mend(&self) {
        let fault = JournalFault::Damaged("so it is said".to_owned());
        Journal::set_aside(&self.device.layout(), Some(&self.known()), fault).unwrap();
        self.device.follow(self.epoch, "lic-1");
    }

    /// What the agent does every half minute. Says whether something was wrong.
    fn look(&self) -> bool {
        let known = self.known();
        Journal::ensure(&self.device.layout(), Some(&known)).unwrap();
        self.device.follow(self.epoch, "lic-1");
        let reached = Journal::reach(&self.device.directory(), &known);
        if matches!(reached, Ok(Reached::Differs) | Err(UsageError::Damaged(_))) {
            self.mend();
        }
        assert_eq!(Journal::ensure(&self.device.layout(), Some(&known)), Ok(None));
        assert_eq!(Journal::reach(&self.device.directory(), &known), Ok(Reached::Known));
        reached != Ok(Reached::Known)
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Use(count) => self.use_some(*count),
            Step::Send { records_max, arrives, answered } => {
                let Some(batch) = self.send(*records_max) else { return };
                if *arrives {
                    self.issuer.take(&batch.records).unwrap();
                    if *answered {
                        self.settle();
                    }
                }
            }
            Step::Copy => self.copy = Some(self.device.settled()),
            Step::PutBack(count) => {
                let Some(copy) = self.copy.clone() else { return };
                // What only the newer file has is gone, unless the issuer has it.
                let gone = self.unheard();
                self.device.put(&copy);
                let still = self.unheard();
                self.use_some(*count);
                let is_noticed = self.look();
                self.is_named |= is_noticed && gone.iter().any(|name| !still.contains(name));
                self.excused.extend(gone);
            }
            Step::Damage(at) => self.damage(*at),
            Step::Again => {
                self.epoch += 1;
                Settled::put(&mut self.settled, Settled::none(&genesis(self.epoch)));
                self.look();
            }
            Step::Prune => {
                Journal::shrink(&self.device.directory(), &self.known(), much_later()).unwrap();
            }
            Step::Backup => self.backup = self.issuer.clone(),
            Step::Restore => {
                // What was mended since may have begun behind it.
                self.excused.extend(self.issuer.names.difference(&self.backup.names).cloned());
                let losses = self.issuer.losses;
                self.issuer = Issuer { restored: true, losses, ..self.backup.clone() };
            }
        }
        assert!(self.device.walk().is_ok(), "{:?}", self.device.walk());
    }

    fn damage(&mut self, at: prop::sample::Index) {
        let records = self.device.records();
        if records.is_empty() {
            return;
        }
        let damaged = &records[at.index(records.len())];
        let settled = Settled::of(&genesis(damaged.epoch), &self.settled);
        for record in
            records.iter().filter(|record| record.epoch == damaged.epoch && record.seq >= damaged.seq)
        {
            let Entry::Usage(usage) = &record.entry else { continue };
            // Of what was sent behind it and not answered the issuer may have anything.
            if record.seq == damaged.seq || record.seq <= settled.reached() {
                self.excused.insert(usage.resource.as_ref().unwrap().as_str().to_owned());
            }
        }
        let flip =
            "UPDATE records SET bytes = CAST(substr(bytes, 1, 9) || x'07' || substr(bytes, 11) AS BLOB)
            WHERE bytes = ?1";
        assert_eq!(self.device.conn().execute(flip, [damaged.to_bytes()]).unwrap(), 1);
        self.mend();
        self.look();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_is_put_back_no_use_arrives_twice_and_none_is_lost_without_a_reason(
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let mut life = Life::new();
        steps.iter().for_each(|step| life.step(step));
        life.look();
        while let Some(batch) = life.send(7) {
            life.issuer.take(&batch.records).unwrap();
            life.settle();
        }
        let all = (1..=life.used).map(|number| format!("use-{number}"));
        let lost: Vec<_> = all
            .filter(|name| !life.issuer.names.contains(name) && !life.excused.contains(name))
            .collect();
        prop_assert!(lost.is_empty(), "lost: {lost:?}");
        prop_assert!(!life.is_named || life.issuer.losses > 0, "lost without a word");
    }
}

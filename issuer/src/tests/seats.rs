use crate::testkit::{Bench, DAY, Edge, START, TENANT, names};
use brink_license::UnixSeconds;
use brink_license::token::ExtensionClaims;
use proptest::prelude::*;

const SUBSCRIBED: u32 = 12;

#[derive(Clone, Debug)]
enum Step {
    Code,
    Activate(usize),
    Assign {
        device: usize,
        camera: usize,
    },
    Remove {
        camera: usize,
    },
    Exchange(usize),
    /// The answer is lost on the way: the device goes on with what it has.
    LoseAnswer(usize),
    Pass(i64),
    /// An extension, which the device may take up at any time.
    Extend {
        device: usize,
        days: u32,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => Just(Step::Code),
        2 => (0_usize..4).prop_map(Step::Activate),
        6 => (0_usize..4, 0_usize..16).prop_map(|(device, camera)| Step::Assign { device, camera }),
        3 => (0_usize..16).prop_map(|camera| Step::Remove { camera }),
        6 => (0_usize..4).prop_map(Step::Exchange),
        2 => (0_usize..4).prop_map(Step::LoseAnswer),
        2 => (0_i64..20).prop_map(|days| Step::Pass(days * DAY)),
        2 => (0_usize..4, 1_u32..=14).prop_map(|(device, days)| Step::Extend { device, days }),
    ]
}

/// A fleet whose devices are left alone for about as long as a lease lasts, and extended.
fn extending_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => (0_usize..3, 0_usize..16).prop_map(|(device, camera)| Step::Assign { device, camera }),
        3 => (0_usize..3).prop_map(Step::Exchange),
        1 => (0_usize..3).prop_map(Step::LoseAnswer),
        3 => prop_oneof![0_i64..4, 20_i64..40].prop_map(|days| Step::Pass(days * DAY)),
        4 => (0_usize..3, 1_u32..=14).prop_map(|(device, days)| Step::Extend { device, days }),
    ]
}

struct Site {
    bench: Bench,
    codes: Vec<(crate::admin::MadeCode, Option<Edge>)>,
    extensions: Vec<ExtensionClaims>,
}

impl Site {
    fn new() -> Self {
        Self { bench: Bench::with(SUBSCRIBED, &[]), codes: Vec::new(), extensions: Vec::new() }
    }

    /// Nothing sums above what is subscribed, after any step.
    fn lives_through(&mut self, steps: &[Step]) -> Result<(), TestCaseError> {
        for step in steps {
            self.take(step);
            prop_assert!(self.minted() <= u64::from(SUBSCRIBED), "minted {} after {step:?}", self.minted());
            let in_force = self.in_force();
            prop_assert!(in_force <= u64::from(SUBSCRIBED), "in force {in_force} after {step:?}");
            prop_assert!(self.quota() <= 50_000, "quota {} after {step:?}", self.quota());
        }
        Ok(())
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Code if self.codes.len() < 4 => self.codes.push((self.bench.code(1), None)),
            Step::Code => {}
            Step::Activate(index) => self.activate(*index),
            Step::Assign { device, camera } => self.assign(*device, *camera),
            Step::Remove { camera } => {
                for (made, _) in &self.codes {
                    // Refused on every device but the one that has it.
                    let _ = self.bench.try_assign(
                        &made.devices[0],
                        &names("cam", *camera..camera + 1),
                        &[],
                        true,
                    );
                }
            }
            Step::Exchange(index) => {
                if let Some((_, Some(edge))) = self.codes.get_mut(*index) {
                    edge.exchange(&self.bench.issuer).unwrap();
                }
            }
            Step::LoseAnswer(index) => {
                if let Some((_, Some(edge))) = self.codes.get_mut(*index) {
                    let request = edge.request(brink_license::exchange::RequestKind::Exchange);
                    self.bench.issuer.answer(&request, None).unwrap();
                }
            }
            Step::Pass(seconds) => self.bench.pass(*seconds),
            Step::Extend { device, days } => {
                if let Some((made, _)) = self.codes.get(*device) {
                    let extended = self.bench.extend(&made.devices[0], *days);
                    self.extensions.extend(extended.ok().map(|extended| extended.extension.claims().clone()));
                }
            }
        }
    }

    fn activate(&mut self, index: usize) {
        let Some((made, slot @ None)) = self.codes.get_mut(index) else { return };
        let mut edge = self.bench.device();
        if edge.activate(&self.bench.issuer, made.code.reveal()).is_ok() {
            *slot = Some(edge);
        }
    }

    fn assign(&self, device: usize, camera: usize) {
        if let Some((made, _)) = self.codes.get(device) {
            let _ = self.bench.try_assign(&made.devices[0], &names("cam", camera..camera + 1), &[], false);
        }
    }

    /// Whether what a device holds still allows something, with whatever extension it may have taken up.
    fn is_live(&self, edge: &Edge) -> bool {
        let now = crate::clock::Clock::now(&*self.bench.clock);
        let mut extensions = self.extensions.iter();
        edge.licence.is_some()
            && (edge.claims().ends_at() > now
                || extensions.any(|extension| extension.extends(edge.claims()) && extension.until > now))
    }

    /// Seats of the licences that devices hold and that still allow something.
    fn in_force(&self) -> u64 {
        let live = |edge: &Edge| self.is_live(edge);
        let seats = |edge: &Edge| edge.seats().0 as u64 + u64::from(edge.seats().1);
        self.codes.iter().filter_map(|(_, edge)| edge.as_ref()).filter(|edge| live(edge)).map(seats).sum()
    }

    /// Seats of the newest minted licence of each device that still allow something.
    fn minted(&self) -> u64 {
        let sql = "SELECT coalesce(sum(named_seats + any_seats), 0) FROM licences l
                   WHERE seq = (SELECT max(seq) FROM licences m WHERE m.device = l.device)
                     AND (exp + grace_seconds > ?1
                          OR EXISTS (SELECT 1 FROM extensions e WHERE e.device = l.device AND e.epoch = l.epoch
                                     AND e.iat >= l.iat AND e.until > ?1))";
        let now = crate::clock::Clock::now(&*self.bench.clock).as_i64();
        self.bench.ask(sql, &[&now])[0][0].parse().unwrap()
    }

    fn quota(&self) -> u64 {
        let edges = self.codes.iter().filter_map(|(_, edge)| edge.as_ref());
        edges.filter(|edge| self.is_live(edge)).map(|edge| edge.claims().quotas[0].limit).sum()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn seats_and_quotas_never_sum_above_the_subscription(steps in prop::collection::vec(step(), 1..60)) {
        Site::new().lives_through(&steps)?;
    }

    #[test]
    fn no_extension_lets_seats_or_quotas_sum_above_the_subscription(
        steps in prop::collection::vec(extending_step(), 1..60)
    ) {
        let mut site = Site::new();
        (0..3).for_each(|index| {
            site.take(&Step::Code);
            site.take(&Step::Activate(index));
        });
        site.lives_through(&steps)?;
    }

    #[test]
    fn once_everybody_has_reported_nothing_is_withheld_and_every_seat_is_out(
        steps in prop::collection::vec(step(), 1..40)
    ) {
        let mut site = Site::new();
        steps.iter().for_each(|step| site.take(step));
        (0..4).for_each(|index| site.take(&Step::Activate(index)));
        for _ in 0..5 {
            (0..4).for_each(|index| site.take(&Step::Exchange(index)));
        }
        let activated = site.codes.iter().filter(|(_, edge)| edge.is_some()).count();
        if activated > 0 && activated == site.codes.len() {
            prop_assert_eq!(site.in_force(), u64::from(SUBSCRIBED));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn of_fewer_cameras_than_are_assigned_every_one_runs_and_none_beyond(
        named in prop::collection::vec(0_usize..=4, 3), less in 0_u32..SUBSCRIBED, is_long_after in any::<bool>(),
        turns in prop::collection::vec(0_usize..3, 0..8),
    ) {
        let mut site = Site::new();
        for (device, count) in named.iter().enumerate() {
            [Step::Code, Step::Activate(device)].iter().for_each(|step| site.take(step));
            (0..*count).for_each(|camera| site.take(&Step::Assign { device, camera: device * 4 + camera }));
        }
        let everybody = |site: &mut Site| (0..3).for_each(|device| site.take(&Step::Exchange(device)));
        (0..5).for_each(|_| everybody(&mut site));
        prop_assert_eq!(site.in_force(), u64::from(SUBSCRIBED));
        let at = crate::timeline::At::Then(crate::timeline::Written::Instant(UnixSeconds::new(START + DAY)));
        let entry = crate::timeline::Entry { at, reason: None };
        let order = crate::testkit::order(Some(less), &[]);
        let keeping = crate::editing::Keeping::all();
        site.bench.admin.replace_subscription(&TENANT.parse().unwrap(), &order, &entry, &keeping).unwrap();
        // Either the licences of before are in force still, or they have all ended.
        site.take(&Step::Pass(if is_long_after { 40 * DAY } else { DAY }));
        let mut most = site.in_force().max(u64::from(less));
        for turn in turns {
            site.take(&Step::Exchange(turn));
            prop_assert!(site.in_force() <= most, "{} in force of {most}", site.in_force());
            most = site.in_force().max(u64::from(less));
        }
        (0..6).for_each(|_| everybody(&mut site));
        prop_assert_eq!(site.in_force(), u64::from(less));
    }
}

#[test]
fn a_camera_moves_once_the_old_device_has_confirmed() {
    let bench = Bench::with(2, &[]);
    let (mut a, mut b) = (bench.activated(), bench.activated());
    bench.assign(&a.id(), &names("cam", 0..2), &[]);
    for _ in 0..2 {
        a.exchange(&bench.issuer).unwrap();
        b.exchange(&bench.issuer).unwrap();
    }
    assert_eq!((a.seats(), b.seats()), ((2, 0), (0, 0)));
    let mend = bench.try_assign(&b.id(), &names("cam", 0..1), &[], false).unwrap_err().mend().unwrap();
    assert!(mend.contains(a.id().as_str()) && mend.contains("--remove"), "{mend}");
    bench.try_assign(&a.id(), &names("cam", 0..1), &[], true).unwrap();
    bench.assign(&b.id(), &names("cam", 0..1), &[]);
    b.exchange(&bench.issuer).unwrap();
    assert_eq!(b.seats(), (0, 0), "the seat is still on the other device");
    a.exchange(&bench.issuer).unwrap();
    a.exchange(&bench.issuer).unwrap();
    b.exchange(&bench.issuer).unwrap();
    assert_eq!((a.seats(), b.seats()), ((1, 0), (1, 0)));
}

#[test]
fn seats_of_a_device_that_never_comes_back_return_when_its_lease_has_ended() {
    let bench = Bench::with(10, &[]);
    let lost = bench.activated();
    assert_eq!(lost.seats(), (0, 10));
    let mut next = bench.activated();
    assert_eq!(next.seats(), (0, 0));
    bench.pass(37 * DAY - 1);
    next.exchange(&bench.issuer).unwrap();
    assert_eq!(next.seats(), (0, 0));
    bench.pass(1);
    next.exchange(&bench.issuer).unwrap();
    assert_eq!(next.seats(), (0, 5), "an even share: the lost device may still come back for the other half");
}

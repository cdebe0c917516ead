//! Prints what adversaries of the clock gain: for each kind of adversary, many random lives of a device, and the most
//! that any of them ran or lasted beside the bounds of docs/TOKEN.md, step 10. `clock-simulation [LIVES]`
#![allow(clippy::print_stdout, reason = "a program whose output is its purpose")]

use brink_tests::clock_sim::{DAY, HONEST_ERROR, Lease, Outcome, START, Step, live};

/// Lives of each adversary unless the caller says otherwise.
const LIVES: u64 = 1000;
/// Steps of one life: enough to outlast every lease here.
const STEPS: usize = 400;

/// A small generator (xorshift64*, Marsaglia 2003): the same seed gives the same lives everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: i64) -> i64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let mixed = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d);
        i64::try_from(mixed >> 1).unwrap_or(0) % bound.max(1)
    }

    fn run(&mut self) -> Step {
        Step::Run(1 + self.below(6 * 3600))
    }
}

type Life = fn(&mut Random) -> Vec<Step>;

const ADVERSARIES: [(&str, Life); 11] = [
    ("honest, with a clock", |random| {
        repeat(random, |random| {
            vec![
                Step::SetOffset(random.below(2 * HONEST_ERROR) - HONEST_ERROR),
                random.run(),
                Step::Off(random.below(DAY)),
            ]
        })
    }),
    ("honest, without a clock of its own", |random| {
        repeat(random, |random| vec![Step::Off(random.below(DAY)), Step::SetWall(0), random.run()])
    }),
    ("sets the clock back once, for good", |random| {
        let mut steps = vec![random.run(), Step::SetOffset(-random.below(400 * DAY))];
        steps.extend(repeat(random, |random| vec![random.run()]));
        steps
    }),
    ("sets the clock back a little every day", |random| {
        let mut back = 0;
        repeat(random, |random| {
            back += random.below(1200);
            vec![Step::Run(DAY), Step::SetOffset(-back)]
        })
    }),
    ("freezes the clock at every boot", |random| {
        repeat(random, |random| vec![Step::Off(60), Step::SetWall(START), random.run()])
    }),
    ("jumps ahead and back", |random| {
        repeat(random, |random| {
            vec![Step::SetOffset(random.below(4000 * DAY)), random.run(), Step::SetOffset(0), random.run()]
        })
    }),
    ("suspends for weeks with the clock frozen", |random| {
        repeat(random, |random| {
            vec![Step::SetWall(START), Step::Suspend(random.below(20 * DAY)), random.run()]
        })
    }),
    ("has 14 days more, and freezes the clock", |random| {
        let mut steps: Vec<Step> = (0..200).map(|_| Step::Run(5 * 3600)).collect();
        steps.extend([Step::Extend(14 * DAY), Step::AcceptExtension]);
        steps.extend(repeat(random, |random| vec![Step::Off(60), Step::SetWall(START), random.run()]));
        steps
    }),
    ("is believed far ahead, then reset", |random| {
        repeat(random, |random| {
            let mut steps = vec![Step::SetOffset(random.below(4000 * DAY))];
            steps.extend((0..8).map(|_| Step::Run(4 * 3600)));
            steps.extend([Step::SetOffset(0), random.run(), Step::Challenge, Step::Answer]);
            steps.extend([random.run(), Step::AcceptReset, random.run()]);
            steps
        })
    }),
    ("has 14 days more, and keeps resets back", |random| {
        let mut steps: Vec<Step> = (0..200).map(|_| Step::Run(5 * 3600)).collect();
        steps.extend([Step::Extend(14 * DAY), Step::AcceptExtension]);
        steps.extend(repeat(random, |_| {
            let mut steps = vec![Step::Challenge, Step::Answer];
            steps.extend((0..18).flat_map(|_| [Step::SetWall(START), Step::Run(4 * 3600)]));
            steps.push(Step::AcceptReset);
            steps
        }));
        steps
    }),
    ("anything at random", |random| {
        repeat(random, |random| {
            vec![match random.below(10) {
                0 => Step::Suspend(random.below(3 * DAY)),
                1 => Step::Off(random.below(30 * DAY)),
                2 => Step::SetOffset(random.below(800 * DAY) - 400 * DAY),
                3 => Step::SetWall(random.below(i64::MAX)),
                4 => Step::Extend(random.below(14 * DAY)),
                5 => Step::AcceptExtension,
                6 => Step::Challenge,
                7 => Step::Answer,
                8 => Step::AcceptReset,
                _ => random.run(),
            }]
        })
    }),
];

fn repeat(random: &mut Random, mut some: impl FnMut(&mut Random) -> Vec<Step>) -> Vec<Step> {
    let mut steps = Vec::with_capacity(STEPS + 4);
    while steps.len() < STEPS {
        steps.extend(some(random));
    }
    steps
}

/// The worst of many lives.
fn worst(lease: Lease, life: Life, lives: u64) -> Outcome {
    (1..=lives).fold(Outcome::default(), |worst, seed| {
        let outcome = live(lease, 0, &life(&mut Random(seed)));
        Outcome {
            permitted_run: worst.permitted_run.max(outcome.permitted_run),
            last_permitted: worst.last_permitted.max(outcome.last_permitted),
            denied_early: worst.denied_early | outcome.denied_early,
            fell: worst.fell | outcome.fell,
            outlived: worst.outlived | outcome.outlived,
            back: worst.back | outcome.back,
            tampered: worst.tampered | outcome.tampered,
            granted: worst.granted.max(outcome.granted),
            resets: worst.resets.max(outcome.resets),
        }
    })
}

fn main() {
    let lives = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(LIVES);
    let days = |seconds: i64| seconds as f64 / DAY as f64;
    println!(
        "{lives} lives of {STEPS} steps for each; days of running and of calendar while work was allowed\n"
    );
    println!(
        "{:<42} {:>9} {:>7} {:>9}  {:<8} {:<8} told as",
        "adversary", "ran most", "bound", "lasted", "fell", "outlived"
    );
    for (lease, name) in [(Lease::USUAL, "30 + 7 days, offline 30"), (Lease::LONG, "365 + 1 days, offline 7")]
    {
        println!("lease of {name}");
        for (adversary, life) in ADVERSARIES {
            let outcome = worst(lease, life, lives);
            let told = match (outcome.tampered, outcome.back) {
                (true, _) => "clock_tampered",
                (false, true) => "clock_back",
                (false, false) => "-",
            };
            println!(
                "  {adversary:<40} {:>9.2} {:>7.2} {:>9.2}  {:<8} {:<8} {told}",
                days(outcome.permitted_run),
                days(lease.offline_max + lease.grace + outcome.granted),
                days(outcome.last_permitted),
                outcome.fell,
                outcome.outlived,
            );
        }
    }
}

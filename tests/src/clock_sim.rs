//! A device whose clock belongs to an adversary: what the guarded time of docs/TOKEN.md, step 10, gives away.
//!
//! True time is what the world counts. The adversary chooses when the device runs, when it is off, and what its wall
//! clock shows; it cannot set the boot's own clock nor the persisted marks. It may get extensions and clock resets from an
//! issuer that knows the true time, and keep both back. One run is judged against the properties P1 to P4 of the clock.

use brink_license::clock::{BootId, Guarded, Marks, Reading, ReceiptMark, ResetMark, State, Terms, evaluate};
use brink_license::token::{CHALLENGE_SECONDS_MAX, Enforce};
use brink_license::{Flags, UnixSeconds};

/// Seconds of a day.
pub const DAY: i64 = 86_400;
/// The moment of the last receipt, when every run begins.
pub const START: i64 = 1_800_000_000;

/// What a device was promised.
#[derive(Clone, Copy, Debug)]
pub struct Lease {
    /// Seconds from the receipt to `exp`.
    pub exp: i64,
    /// Seconds of flagged work afterwards.
    pub grace: i64,
    /// Seconds without a receipt.
    pub offline_max: i64,
}

impl Lease {
    /// Thirty days, a week of grace, a month offline: what is sold by default.
    pub const USUAL: Lease = Lease { exp: 30 * DAY, grace: 7 * DAY, offline_max: 30 * DAY };
    /// A long licence for a site that must report weekly.
    pub const LONG: Lease = Lease { exp: 365 * DAY, grace: DAY, offline_max: 7 * DAY };

    fn terms(self, extended_until: Option<UnixSeconds>) -> Terms {
        let at = |seconds: i64| UnixSeconds::new(START + seconds);
        Terms {
            nbf: at(0),
            exp: at(self.exp),
            grace: self.grace,
            offline_max: self.offline_max,
            last_contact: at(0),
            enforce: Enforce::Deny,
            hold: None,
            unattested_at: None,
            extended_until,
        }
    }

    /// The true moment, from the receipt on, at which an honest device has to stop.
    #[must_use]
    pub fn ends(self) -> i64 {
        self.exp.min(self.offline_max + 1) + self.grace
    }
}

/// One step of a device's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Runs on for so many seconds, then looks at its clocks.
    Run(i64),
    /// Sleeps: the boot's clock goes on, nobody looks.
    Suspend(i64),
    /// Is off for so many seconds and boots anew.
    Off(i64),
    /// Sets the wall clock to this offset from true time.
    SetOffset(i64),
    /// Sets the wall clock to this value, whatever the true time.
    SetWall(i64),
    /// The issuer signs an extension of so many seconds. Counts once in a life, the first time.
    Extend(i64),
    /// The device takes up the extension.
    AcceptExtension,
    /// The device makes a clock challenge.
    Challenge,
    /// The issuer answers the challenge with the true time.
    Answer,
    /// The device takes up the answer, if it fits.
    AcceptReset,
}

/// What one run came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Seconds run while work was allowed.
    pub permitted_run: i64,
    /// True seconds from the receipt to the last moment that allowed work.
    pub last_permitted: i64,
    /// Work was refused before the deadline that an honest device has.
    pub denied_early: bool,
    /// The lower bound of now fell: never allowed.
    pub fell: bool,
    /// Work was allowed although the lower bound was past `exp + grace`: never allowed.
    pub outlived: bool,
    /// The flag of a clock set back was up at some moment.
    pub back: bool,
    /// The state after the last step.
    pub tampered: bool,
    /// Seconds that the issuer gave beyond the lease: the extension, and once what a reset may set the clock back.
    pub granted: i64,
    /// Clock resets that were taken up.
    pub resets: u64,
}

/// A device between two looks at its clocks.
struct Device {
    marks: Marks,
    lease: Lease,
    elapsed: i64,
    boot: u32,
    boottime: i64,
    /// Wall minus true time.
    offset: i64,
    /// How much faster than true time the boot's clock runs, in millionths.
    drift_ppm: i64,
    lower: UnixSeconds,
    /// As it was signed: issued, until.
    extension: Option<(UnixSeconds, UnixSeconds)>,
    extended_until: Option<UnixSeconds>,
    /// Boot and its seconds when it was made.
    challenge: Option<(u32, i64)>,
    /// The issuer's time in the answer to it.
    answer: Option<UnixSeconds>,
    resets: u64,
}

impl Device {
    fn new(lease: Lease, drift_ppm: i64) -> Self {
        let mut marks = Marks::new(UnixSeconds::new(START));
        let server_time = UnixSeconds::new(START);
        marks.receipt(ReceiptMark { device: [1; 32], epoch: 1, seq: 1, server_time });
        let lower = UnixSeconds::new(START);
        Self {
            marks,
            lease,
            elapsed: 0,
            boot: 1,
            boottime: 0,
            offset: 0,
            drift_ppm,
            lower,
            extension: None,
            extended_until: None,
            challenge: None,
            answer: None,
            resets: 0,
        }
    }

    fn true_time(&self) -> UnixSeconds {
        UnixSeconds::new(START + self.elapsed)
    }

    fn boot_id(&self) -> BootId {
        BootId::parse(&format!("00000000-0000-4000-8000-{:012x}", self.boot)).expect("a boot id")
    }

    fn look(&mut self) -> Guarded {
        let reading = Reading {
            wall: UnixSeconds::new(START.saturating_add(self.elapsed).saturating_add(self.offset)),
            boot: self.boot_id(),
            boottime: self.boottime,
        };
        self.marks.advance(&reading)
    }

    fn step(&mut self, step: Step) -> i64 {
        match step {
            Step::Run(seconds) | Step::Suspend(seconds) => {
                self.elapsed += seconds;
                self.boottime += seconds + seconds * self.drift_ppm / 1_000_000;
                if matches!(step, Step::Run(_)) { seconds } else { 0 }
            }
            Step::Off(seconds) => {
                self.elapsed += seconds;
                self.boot += 1;
                self.boottime = 0;
                0
            }
            Step::SetOffset(offset) => {
                self.offset = offset;
                0
            }
            Step::SetWall(wall) => {
                self.offset = wall.saturating_sub(START).saturating_sub(self.elapsed);
                0
            }
            Step::Extend(_) | Step::AcceptExtension | Step::Challenge | Step::Answer | Step::AcceptReset => {
                self.correspond(step);
                0
            }
        }
    }

    /// What passes between the device and the issuer.
    fn correspond(&mut self, step: Step) {
        let now = self.true_time();
        match step {
            Step::Extend(seconds) => {
                self.extension = self.extension.or(Some((now, now.saturating_add(seconds))));
            }
            Step::AcceptExtension => {
                if let Some((issued, until)) = self.extension {
                    self.marks.raise_floor(issued);
                    self.extended_until = Some(until);
                }
            }
            Step::Challenge => {
                (self.challenge, self.answer) = (Some((self.boot, self.boottime)), None);
            }
            Step::Answer => self.answer = self.answer.or(self.challenge.map(|_| now)),
            Step::AcceptReset => self.accept_reset(),
            Step::Run(_) | Step::Suspend(_) | Step::Off(_) | Step::SetOffset(_) | Step::SetWall(_) => {}
        }
    }

    /// The rules of the store: the challenge that waits, in its boot, for a while, once.
    fn accept_reset(&mut self) {
        let (Some((boot, made)), Some(server_time)) = (self.challenge, self.answer) else { return };
        if boot != self.boot || self.boottime - made > CHALLENGE_SECONDS_MAX {
            return;
        }
        (self.challenge, self.answer) = (None, None);
        self.resets += 1;
        let (number, boottime) = (self.resets, self.boottime);
        self.marks.reset(&ResetMark { number, server_time, boot: self.boot_id(), boottime });
        // From here on it may not fall either.
        self.lower = server_time;
    }
}

/// Lives through the steps and judges every moment.
#[must_use]
pub fn live(lease: Lease, drift_ppm: i64, steps: &[Step]) -> Outcome {
    let (mut device, mut outcome) = (Device::new(lease, drift_ppm), Outcome::default());
    device.look();
    for step in steps {
        let ran = device.step(*step);
        let guarded = device.look();
        if device.resets > outcome.resets {
            // What was refused before was the wrong clock's doing.
            (outcome.denied_early, outcome.back) = (false, false);
        }
        judge(&mut device, &guarded, ran, &mut outcome);
    }
    outcome.granted = device.granted();
    outcome
}

/// Seconds that an honest wall clock may be wrong: one that is fast reaches every deadline so much earlier.
pub const HONEST_ERROR: i64 = 300;

impl Device {
    /// A reset sets the clock to a moment that is at most so long past, however many there are.
    fn granted(&self) -> i64 {
        let extended = self.extended_until.and(self.extension);
        let slack = if self.resets > 0 { CHALLENGE_SECONDS_MAX } else { 0 };
        extended.map_or(0, |(issued, until)| until.since(issued) + slack)
    }
}

/// A boot's clock that runs fast uses up the lease by so much.
fn drifted(device: &Device) -> i64 {
    device.elapsed * device.drift_ppm.max(0) / 1_000_000 + 1
}

fn judge(device: &mut Device, guarded: &Guarded, ran: i64, outcome: &mut Outcome) {
    let lower = device.marks.lower_bound();
    outcome.fell |= lower < device.lower;
    device.lower = lower;
    outcome.resets = device.resets;
    let terms = device.lease.terms(device.extended_until);
    let state = evaluate(guarded, Some(&terms), Flags::NONE).state;
    outcome.back |= guarded.flags.contains(Flags::CLOCK_BACK);
    outcome.tampered = state == State::ClockTampered;
    let ends = UnixSeconds::new(START + device.lease.exp + device.lease.grace);
    let ends = device.extended_until.map_or(ends, |until| ends.max(until));
    if state.permits() {
        outcome.permitted_run += ran;
        outcome.last_permitted = device.elapsed;
        outcome.outlived |= lower >= ends;
    } else if device.elapsed < device.lease.ends() - HONEST_ERROR - drifted(device) {
        outcome.denied_early = true;
    }
}

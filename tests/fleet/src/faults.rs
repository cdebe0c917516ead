//! What is done to the traffic of a fleet, and how often.

use std::str::FromStr;

/// Parts of one, each between 0 and 1. The first four are of exchanges, the last is of devices.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Faults {
    /// The same bytes are sent one to three times more, at once or afterwards, to whichever issuer comes next.
    pub replay: f64,
    /// The answer is thrown away; the same bytes are sent again, or the request is given up and another made.
    pub lost: f64,
    /// The connection is dropped while the issuer works, and the same bytes are sent again.
    pub cut: f64,
    /// The same bytes arrive once more after a later request was answered.
    pub late: f64,
    /// The device is copied, and the copy exchanges two answers later.
    pub fork: f64,
}

/// What becomes of one exchange.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fate {
    /// Copies of the request beside it.
    pub copies: usize,
    /// They leave together with it, and not after its answer.
    pub at_once: bool,
    /// What becomes of the answer.
    pub answer: AnswerFate,
    /// Another copy comes after the next answer.
    pub late: bool,
}

/// What becomes of the first answer to a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AnswerFate {
    /// It arrives.
    #[default]
    Arrives,
    /// It is lost, and the same bytes are sent again.
    Repeated,
    /// It is lost, and so is the request: another is made.
    GivenUp,
    /// The connection is dropped after so many milliseconds, and the same bytes are sent again.
    Cut(u64),
}

/// Longest wait before a connection is dropped: most requests are under way then, and some answered.
const CUT_MS_MAX: u64 = 20;

impl Faults {
    /// Draws what becomes of the next exchange.
    pub fn fate(&self, random: &mut fastrand::Rng) -> Fate {
        let copies = if random.f64() < self.replay { random.usize(1..=3) } else { 0 };
        let at_once = random.bool();
        let answer = if random.f64() < self.cut {
            AnswerFate::Cut(random.u64(..=CUT_MS_MAX))
        } else if random.f64() < self.lost {
            if random.bool() { AnswerFate::Repeated } else { AnswerFate::GivenUp }
        } else {
            AnswerFate::Arrives
        };
        // A request that was given up may never have been answered, and a late copy of it would be.
        let late = random.f64() < self.late && answer != AnswerFate::GivenUp;
        Fate { copies, at_once, answer, late }
    }

    /// Draws whether a device is copied.
    pub fn forks(&self, random: &mut fastrand::Rng) -> bool {
        random.f64() < self.fork
    }
}

impl FromStr for Faults {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let mut faults = Self::default();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').ok_or_else(|| format!("{part:?} is not NAME=PART"))?;
            let value: f64 = value.parse().map_err(|_| format!("{value:?} is no number"))?;
            if !(0.0..=1.0).contains(&value) {
                return Err(format!("{name}={value} is not between 0 and 1"));
            }
            *match name {
                "replay" => &mut faults.replay,
                "lost" => &mut faults.lost,
                "cut" => &mut faults.cut,
                "late" => &mut faults.late,
                "fork" => &mut faults.fork,
                _ => return Err(format!("{name:?} is none of replay, lost, cut, late and fork")),
            } = value;
        }
        Ok(faults)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_and_each_wrong_text_is_refused() {
        let faults: Faults = "replay=0.5,fork=1".parse().unwrap();
        assert_eq!(faults, Faults { replay: 0.5, fork: 1.0, ..Faults::default() });
        assert_eq!("".parse(), Ok(Faults::default()));
        for bad in ["replay", "replay=x", "replay=2", "replay=-1", "replay=NaN", "other=0.1"] {
            assert!(bad.parse::<Faults>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_seed_is_a_fate_and_rare_faults_are_rare() {
        let faults: Faults = "replay=0.1,lost=0.1,cut=0.1,late=0.1".parse().unwrap();
        let drawn = |seed| {
            let mut random = fastrand::Rng::with_seed(seed);
            (0..10_000).map(|_| faults.fate(&mut random)).collect::<Vec<_>>()
        };
        let fates = drawn(7);
        assert_eq!(fates, drawn(7));
        let share = |of: fn(&Fate) -> bool| fates.iter().filter(|fate| of(fate)).count();
        for of in [
            (|fate| fate.copies > 0) as fn(&Fate) -> bool,
            |fate| matches!(fate.answer, AnswerFate::Cut(_)),
            |fate| matches!(fate.answer, AnswerFate::Repeated | AnswerFate::GivenUp),
            |fate| fate.late,
        ] {
            assert!((700..1300).contains(&share(of)), "{}", share(of));
        }
    }
}

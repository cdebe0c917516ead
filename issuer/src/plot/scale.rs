//! The upright axis: whole steps around all values, counted in whole numbers, so that every mark is exact.

use crate::amount::Amount;

/// Steps are at most so many, and no fewer than half as many.
const STEPS: u128 = 5;

/// A place for each value.
pub(super) struct Scale {
    low: i128,
    high: i128,
    step: i128,
    /// Where `low` and `high` stand.
    bottom: f64,
    top: f64,
}

impl Scale {
    /// Zero and all of these; one unit high where there is nothing else.
    pub(super) fn around(values: impl Iterator<Item = Amount>, (bottom, top): (f64, f64)) -> Self {
        let (low, high) = values.fold((0, 0), |(low, high): (i128, i128), value| {
            (low.min(value.units()), high.max(value.units()))
        });
        let high = if low == 0 && high == 0 { Amount::ONE_UNITS } else { high };
        let step = step(high.abs_diff(low));
        // 10^38 and one more step are below 2^127.
        let low = low.div_euclid(step).saturating_mul(step);
        let above = high.div_euclid(step) + i128::from(high.rem_euclid(step) != 0);
        Self { low, high: above.saturating_mul(step), step, bottom, top }
    }

    pub(super) fn top(&self) -> f64 {
        self.top
    }

    /// Of what is beyond the axis, its end.
    pub(super) fn place(&self, value: Amount) -> f64 {
        let value = value.units().clamp(self.low, self.high);
        // As near as a screen shows.
        let part = value.abs_diff(self.low) as f64 / self.high.abs_diff(self.low) as f64;
        self.bottom + part * (self.top - self.bottom)
    }

    /// Each step with its place, the lowest first.
    pub(super) fn marks(&self) -> Vec<(f64, String)> {
        let mut marks = Vec::new();
        let mut units = self.low;
        while units <= self.high {
            let part = units.abs_diff(self.low) as f64 / self.high.abs_diff(self.low) as f64;
            marks.push((self.bottom + part * (self.top - self.bottom), label(units)));
            let Some(next) = units.checked_add(self.step) else { break };
            units = next;
        }
        marks
    }
}

/// The smallest of 1, 2 and 5 times a power of ten of which few are needed.
fn step(span: u128) -> i128 {
    let wanted = span.div_ceil(STEPS).max(1);
    let mut power = 1_u128;
    loop {
        if let Some(found) =
            [1, 2, 5].into_iter().map(|times| power.saturating_mul(times)).find(|it| *it >= wanted)
        {
            return i128::try_from(found).unwrap_or(i128::MAX);
        }
        power = power.saturating_mul(10);
    }
}

/// A short number: a step has few digits, and many zeros at most.
fn label(units: i128) -> String {
    const ZEROS_MAX: usize = 9;
    // Beyond the largest amount steps are whole.
    let whole = || (units / Amount::ONE_UNITS).to_string();
    let text = Amount::of_units(units).map_or_else(whole, |amount| amount.to_string());
    let digits = text.trim_end_matches('0');
    let zeros = text.len() - digits.len();
    if text.contains('.') || zeros < ZEROS_MAX { text } else { format!("{digits}e{zeros}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(values: &[&str]) -> Vec<String> {
        let values = values.iter().map(|text| text.parse::<Amount>().unwrap());
        Scale::around(values, (100.0, 0.0)).marks().into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn marks_are_few_round_and_exact() {
        assert_eq!(marks(&["0"]), ["0", "0.2", "0.4", "0.6", "0.8", "1"]);
        assert_eq!(marks(&["7", "3"]), ["0", "2", "4", "6", "8"]);
        assert_eq!(marks(&["-3", "12.5"]), ["-5", "0", "5", "10", "15"]);
        assert_eq!(marks(&["-0.000000000001"]), ["-0.000000000001", "0"]);
        assert_eq!(marks(&["40000000000"]), ["0", "1e10", "2e10", "3e10", "4e10"]);
    }

    #[test]
    fn the_largest_values_of_both_signs_have_a_place() {
        let largest = Amount::saturating_of(u128::MAX);
        let smallest = Amount::of_units(-largest.units()).unwrap();
        let scale = Scale::around([largest, smallest].into_iter(), (100.0, 0.0));
        assert!(scale.place(smallest) > scale.place(Amount::ZERO));
        assert!(scale.place(Amount::ZERO) > scale.place(largest) && scale.place(largest) >= 0.0);
        let marks = scale.marks();
        assert!(marks.len() <= 7, "{marks:?}");
        assert!(marks.iter().all(|(y, label)| (0.0..=100.0).contains(y) && label.len() < 12), "{marks:?}");
    }
}

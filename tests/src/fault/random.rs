//! Randomness that a seed replays.

/// SplitMix64: one addition and three shifts, the same on every machine.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The same seed gives the same rounds.
    pub const fn seeded(seed: u64) -> Random {
        Random(seed)
    }

    /// Any number.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is not zero.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).expect("a count");
        usize::try_from(self.next() % bound).expect("below a count")
    }

    /// One of several.
    pub fn among<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// At most `count` of `items`, spread evenly from a random start; with more asked than there are, again from the
    /// beginning, so that the long run visits every one several times.
    pub fn spread<'a, T>(&mut self, items: &'a [T], count: usize) -> Vec<&'a T> {
        let start = self.below(items.len());
        let at = |round: usize| start + round * items.len() / count.min(items.len());
        (0..count).map(|round| &items[at(round) % items.len()]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_rounds_as_there_are_items_visit_each_once() {
        let items: Vec<usize> = (0..17).collect();
        for seed in 0..20 {
            let mut seen: Vec<usize> = Random::seeded(seed).spread(&items, 17).into_iter().copied().collect();
            seen.sort_unstable();
            assert_eq!(seen, items);
            assert_eq!(Random::seeded(seed).spread(&items, 4).len(), 4);
        }
    }
}

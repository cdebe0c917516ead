//! What came of one fault, and the table of all.

use std::fmt::Write as _;

/// What came of one fault.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Rounds that were run.
    pub rounds: usize,
    /// Each round that broke a promise, with what replays it.
    pub lost: Vec<String>,
    /// Seen on the way, and no loss.
    pub notes: Vec<String>,
    /// Why it could not be tried here at all.
    pub not_run: Option<String>,
}

impl Tally {
    /// It could not be tried.
    pub fn not_run(reason: impl Into<String>) -> Tally {
        Tally { not_run: Some(reason.into()), ..Tally::default() }
    }

    /// Counts one round.
    pub fn count(&mut self, round: impl std::fmt::Display, came_to: Result<(), String>) {
        self.rounds += 1;
        if let Err(what) = came_to {
            self.lost.push(format!("{round}: {what}"));
        }
    }

    /// Adds another's rounds.
    pub fn add(&mut self, other: Tally) {
        self.rounds += other.rounds;
        self.lost.extend(other.lost);
        self.notes.extend(other.notes);
        self.not_run = self.not_run.take().or(other.not_run);
    }
}

/// The table of docs/RELIABILITY.md.
pub fn table(rows: &[(&str, &str, Tally)]) -> String {
    let mut table = "| fault | rounds | lost | what was checked |\n|---|---|---|---|\n".to_owned();
    for (fault, checked, tally) in rows {
        let Tally { rounds, lost, notes, not_run } = tally;
        let mut checked = (*checked).to_owned();
        for note in notes {
            let _ = write!(checked, " {note}");
        }
        let row = match not_run {
            Some(why) => format!("| {fault} | not run: {why} | | {checked} |\n"),
            None => format!("| {fault} | {rounds} | {} | {checked} |\n", lost.len()),
        };
        table.push_str(&row);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_run_is_not_a_zero() {
        let mut bad = Tally::default();
        bad.count("seed 1", Ok(()));
        bad.count("seed 2", Err("gone".into()));
        let rows = [("a", "all", bad), ("b", "all", Tally::not_run("only root mounts"))];
        let table = table(&rows);
        assert!(table.contains("| a | 2 | 1 | all |"), "{table}");
        assert!(table.contains("| b | not run: only root mounts | | all |"), "{table}");
    }
}

//! The names that callers gave to uses, so that what is sent again is not recorded again. In memory, and so for as long as
//! the agent runs: the journal keeps no names.

use brink_store::journal::Recorded;
use brink_store::meter::Use;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Names that are kept, the newest: with texts of the largest size some ten megabytes.
const NAMES_MAX: usize = 1 << 14;

/// How a name stands that somebody brings.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// New: it is taken, and to be settled or let go.
    Taken,
    /// This very use was recorded under it.
    Recorded(Recorded),
    /// This very use is being recorded under it.
    UnderWay,
    /// Another use has it.
    Other,
}

#[derive(Debug)]
struct Entry {
    used: Use,
    recorded: Option<Recorded>,
}

#[derive(Debug, Default)]
struct Names {
    entries: HashMap<String, Entry>,
    /// The recorded ones, the oldest first.
    order: VecDeque<String>,
}

/// Names by their uses.
#[derive(Debug, Default)]
pub(super) struct Remembered(Mutex<Names>);

impl Remembered {
    fn names(&self) -> MutexGuard<'_, Names> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks a name up, and takes it for this use where nobody has it.
    pub(super) fn take(&self, name: &str, used: &Use) -> Known {
        let mut names = self.names();
        match names.entries.get(name) {
            Some(entry) if entry.used != *used => Known::Other,
            Some(Entry { recorded: Some(recorded), .. }) => Known::Recorded(recorded.clone()),
            Some(Entry { recorded: None, .. }) => Known::UnderWay,
            None => {
                names.entries.insert(name.to_owned(), Entry { used: used.clone(), recorded: None });
                Known::Taken
            }
        }
    }

    /// What was taken is recorded, or was not: then the name is free again.
    pub(super) fn settle(&self, name: &str, recorded: Option<&Recorded>) {
        let mut names = self.names();
        let Some(recorded) = recorded else {
            names.entries.remove(name);
            return;
        };
        if let Some(entry) = names.entries.get_mut(name) {
            entry.recorded = Some(recorded.clone());
            names.order.push_back(name.to_owned());
        }
        if names.order.len() > NAMES_MAX
            && let Some(oldest) = names.order.pop_front()
        {
            names.entries.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use brink_license::Slug;
    use brink_license::usage::Overage;
    use brink_license::usage::Quantity;

    fn used(number: u64) -> Use {
        (Slug::parse("sms").unwrap(), None, Quantity::whole(number))
    }

    fn recorded(seq: u64) -> Recorded {
        Recorded { seq, total: Quantity::whole(seq), overage: Overage::Within }
    }

    #[test]
    fn a_name_is_for_one_use_and_one_record() {
        let names = Remembered::default();
        assert_eq!(names.take("a", &used(1)), Known::Taken);
        assert_eq!(names.take("a", &used(1)), Known::UnderWay);
        assert_eq!(names.take("a", &used(2)), Known::Other);
        names.settle("a", None);
        assert_eq!(names.take("a", &used(2)), Known::Taken, "what was refused leaves its name");
        names.settle("a", Some(&recorded(7)));
        assert_eq!(names.take("a", &used(2)), Known::Recorded(recorded(7)));
        assert_eq!(names.take("a", &used(1)), Known::Other);
    }

    #[test]
    fn the_oldest_names_make_room() {
        let names = Remembered::default();
        for number in 0..=NAMES_MAX as u64 {
            let name = number.to_string();
            assert_eq!(names.take(&name, &used(1)), Known::Taken);
            names.settle(&name, Some(&recorded(number)));
        }
        assert_eq!(names.take("1", &used(1)), Known::Recorded(recorded(1)));
        assert_eq!(names.take("0", &used(1)), Known::Taken, "it was the oldest");
        assert_eq!(names.names().entries.len(), NAMES_MAX + 1);
    }
}

//! Which variable somebody meant who wrote another name.

use crate::table::Table;

/// Edits that still look like a slip of the pen.
const EDITS_MAX: usize = 2;
/// Characters of a name for each edit: `HOST` is no slip for `PORT`.
const CHARS_AN_EDIT: usize = 4;
/// Longer names are nobody's.
const NAME_CHARS_MAX: usize = 64;

/// The variable that looks most like `name`, which is none itself.
pub(crate) fn nearest(table: &Table, name: &str) -> Option<&'static str> {
    if name.len() > NAME_CHARS_MAX {
        return None;
    }
    let upper = name.to_ascii_uppercase();
    let distances = table.variables().map(|one| (strsim::osa_distance(&upper, one.name), one.name));
    let (edits, known) = distances.min()?;
    let allowed = EDITS_MAX.min(known.len() / CHARS_AN_EDIT);
    (edits <= allowed).then_some(known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::tests::TABLE;

    #[test]
    fn a_slip_of_the_pen_is_recognised_and_another_name_is_not() {
        for (name, near) in [
            ("KEYS", None),
            ("WAIT_MS", None),
            ("WAITING_M", Some("WAITING_MS")),
            ("WIATING_MS", Some("WAITING_MS")),
            ("WAITNG_MSS", Some("WAITING_MS")),
            ("waiting_ms", Some("WAITING_MS")),
            ("Portt", Some("PORT")),
            ("HOST", None),
            ("PATH", None),
            ("", None),
        ] {
            assert_eq!(nearest(&TABLE, name), near, "{name}");
        }
        assert_eq!(nearest(&TABLE, &"WAITING_MS".repeat(10)), None);
    }
}

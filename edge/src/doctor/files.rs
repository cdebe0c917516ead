//! Owners, groups, modes and links.

use super::{Check, Facts, Finding};

pub(super) fn files(facts: &Facts) -> Vec<Finding> {
    if facts.files.is_empty() {
        return vec![Finding::ok(Check::Files, format!("{} is as it should be", facts.dir))];
    }
    let finding = |found: &brink_store::Finding| {
        let what = format!("{} {}", found.path.display(), found.problem);
        Finding::fail(Check::Files, what, found.mend.as_str())
    };
    facts.files.iter().map(finding).collect()
}

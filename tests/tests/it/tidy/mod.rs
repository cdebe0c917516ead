//! Tidy is a test: the shape of the source, read from the source. Every complaint says the mend, and every checker
//! has a test that feeds it a bad sample, so that none of them can be one that never fails.

mod crates;
mod places;
mod promises;
mod shape;
mod source;
mod tree;
mod words;

pub(crate) use promises::test_exists;
pub(crate) use tree::{root, rust_files};

use std::fmt::Display;

/// One finding: where, what, and the mend, on one line.
pub(crate) fn complaint(place: impl Display, what: impl Display, mend: impl Display) -> String {
    format!("{place}: {what}; {mend}")
}

/// Fails with every complaint at once, since a round per complaint would cost a build each.
pub(crate) fn insist(complaints: &[String]) {
    assert!(complaints.is_empty(), "{} to mend:\n  {}\n", complaints.len(), complaints.join("\n  "));
}

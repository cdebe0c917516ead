//! docs/ARCHITECTURE.md promises invariants, docs/THREATS.md what happens to attacks; each line names the test that shows
//! it, and every test that a page names has to exist.

use super::source::{is_word, occurrences};
use super::tree::{RustFile, root, rust_files};
use super::{complaint, insist};

/// Each page with a word of the headings under which every numbered line is a promise.
const PAGES: [(&str, &str); 3] =
    [("docs/ARCHITECTURE.md", "nvariants"), ("docs/THREATS.md", "Promise"), ("docs/TAPI.md", "Defects")];
const MARK: &str = "test: ";

/// The tests that a line names, written as `test: path::name`.
fn named_tests(line: &str) -> Vec<&str> {
    line.match_indices(MARK)
        .map(|(at, _)| {
            let rest = &line[at + MARK.len()..];
            &rest[..rest.bytes().take_while(|byte| is_word(*byte) || *byte == b':').count()]
        })
        .filter(|name| name.contains("::"))
        .collect()
}

/// Whether some file has a test of that name, at a path that the segments before it describe.
pub(crate) fn test_exists(name: &str, files: &[RustFile]) -> bool {
    let mut segments: Vec<_> = name.split("::").collect();
    let Some(function) = segments.pop() else { return false };
    files.iter().any(|file| {
        has_test(&file.code, function)
            && segments.iter().all(|segment| {
                let spelled = segment.trim_start_matches("brink_");
                file.path.trim_end_matches(".rs").split('/').any(|part| part.replace('-', "_") == spelled)
                    || !occurrences(&file.code, &format!("mod {segment}")).is_empty()
            })
    })
}

/// Whether `code` has `fn function` under a test attribute.
fn has_test(code: &str, function: &str) -> bool {
    occurrences(code, &format!("fn {function}")).into_iter().any(|at| {
        let before = &code[..at];
        let item = before.rfind(['}', ';', '{']).map_or(before, |end| &before[end..]);
        item.contains("test]") || item.contains("test(")
    })
}

/// The numbered lines under headings with this word, each with the lines that continue it.
fn promises(page: &str, heading: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let (mut counts, mut open) = (false, false);
    for line in page.lines() {
        let text = line.trim_start_matches(['|', ' ']);
        if line.starts_with('#') {
            (counts, open) = (line.contains(heading), false);
        } else if counts && text.starts_with(|first: char| first.is_ascii_digit()) {
            found.push(text.to_owned());
            open = true;
        } else if let (true, Some(last)) = (open, found.last_mut()) {
            last.push_str(line);
        }
    }
    found
}

fn broken((name, heading): (&str, &str), page: &str, files: &[RustFile]) -> Vec<String> {
    let missing = page.lines().flat_map(named_tests).filter(|name| !test_exists(name, files)).map(|test| {
        complaint(
            name,
            format!("the test {test} does not exist"),
            "name the test that guards the line, or write it",
        )
    });
    let bare = promises(page, heading).into_iter().filter(|line| named_tests(line).is_empty()).map(|line| {
        let start: String = line.chars().take(60).collect();
        complaint(name, format!("`{start}…` names no test"), "add `test: path::name`")
    });
    missing.chain(bare).collect()
}

#[test]
fn every_promise_names_a_test_that_exists() {
    let files = rust_files();
    for (name, heading) in PAGES {
        let page = std::fs::read_to_string(root().join(name)).unwrap();
        assert!(!promises(&page, heading).is_empty(), "{name} has no numbered lines under {heading:?}");
        insist(&broken((name, heading), &page, &files));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> [RustFile; 2] {
        [
            RustFile::new("tests/tests/it/tidy/crates.rs", "fn helper() {}\n#[test]\nfn arrows() {}"),
            RustFile::new("core/license/src/verify.rs", "mod tests { #[test]\n fn strict() {} }"),
        ]
    }

    #[test]
    fn a_promise_without_a_test_is_found() {
        let page =
            "# Invariants\n1. One way. `test: tidy::crates::gone`\n2. Nothing named.\n\n# Next\n3. free";
        assert_eq!(broken(PAGES[0], page, &files()).len(), 2);
        let wrong_place = "# Invariants\n1. A. `test: flows::arrows`";
        assert_eq!(broken(PAGES[0], wrong_place, &files()).len(), 1);
        let no_test = "# Invariants\n1. A. `test: tidy::crates::helper`";
        assert_eq!(broken(PAGES[0], no_test, &files()).len(), 1);
        let two_headings = "# Promise 1\n| 1 | a |\n# Promise 2\n| 2 | b |\n# Free\n| 3 | c |";
        assert_eq!(broken(PAGES[1], two_headings, &files()).len(), 2);
    }

    #[test]
    fn a_kept_promise_is_not() {
        let page = "## Invariants\n\n| # | what | guard |\n|---|---|---|\n| 1 | one way | `test: tidy::crates::arrows` |\n\
                    2. strict,\n   everywhere `test: brink_license::verify::tests::strict`\n";
        assert_eq!(broken(PAGES[0], page, &files()), Vec::<String>::new());
        assert_eq!(promises(page, PAGES[0].1).len(), 2);
    }
}

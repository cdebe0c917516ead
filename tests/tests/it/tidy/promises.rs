//! docs/ARCHITECTURE.md promises invariants; each names the test that guards it, and that test has to exist.

use super::source::{is_word, occurrences};
use super::tree::{RustFile, root, rust_files};
use super::{complaint, insist};

const PAGE: &str = "docs/ARCHITECTURE.md";
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

/// The numbered lines of the section on invariants, each with the lines that continue it.
fn invariants(page: &str) -> Vec<String> {
    let section = page.lines().skip_while(|line| !(line.starts_with('#') && line.contains("nvariants")));
    let mut found: Vec<String> = Vec::new();
    for line in section.skip(1).take_while(|line| !line.starts_with('#')) {
        let text = line.trim_start_matches(['|', ' ']);
        if text.starts_with(|first: char| first.is_ascii_digit()) {
            found.push(text.to_owned());
        } else if let Some(open) = found.last_mut() {
            open.push_str(line);
        }
    }
    found
}

fn broken(page: &str, files: &[RustFile]) -> Vec<String> {
    let missing = page.lines().flat_map(named_tests).filter(|name| !test_exists(name, files)).map(|name| {
        complaint(
            PAGE,
            format!("the test {name} does not exist"),
            "name the test that guards the line, or write it",
        )
    });
    let bare = invariants(page).into_iter().filter(|line| named_tests(line).is_empty()).map(|line| {
        let start: String = line.chars().take(60).collect();
        complaint(PAGE, format!("`{start}…` names no test"), "add `test: path::name`")
    });
    missing.chain(bare).collect()
}

#[test]
fn every_invariant_names_a_test_that_exists() {
    // The page is written with the first issue; before it exists there is nothing to hold it to.
    let Ok(page) = std::fs::read_to_string(root().join(PAGE)) else { return };
    assert!(!invariants(&page).is_empty(), "{PAGE} has no numbered invariants under a heading of that name");
    insist(&broken(&page, &rust_files()));
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
        assert_eq!(broken(page, &files()).len(), 2);
        let wrong_place = "# Invariants\n1. A. `test: flows::arrows`";
        assert_eq!(broken(wrong_place, &files()).len(), 1);
        let no_test = "# Invariants\n1. A. `test: tidy::crates::helper`";
        assert_eq!(broken(no_test, &files()).len(), 1);
    }

    #[test]
    fn a_kept_promise_is_not() {
        let page = "## Invariants\n\n| # | what | guard |\n|---|---|---|\n| 1 | one way | `test: tidy::crates::arrows` |\n\
                    2. strict,\n   everywhere `test: brink_license::verify::tests::strict`\n";
        assert_eq!(broken(page, &files()), Vec::<String>::new());
        assert_eq!(invariants(page).len(), 2);
    }
}

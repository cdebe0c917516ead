//! Caps on files and functions, with a ratchet: what is over its cap is listed with its size and may only shrink.

use super::source::{closing, head_end, is_word, line_at, occurrences};
use super::tree::{RustFile, rust_files};
use super::{complaint, insist};

/// Longer files hide a second concern. Unit tests at the foot do not count.
const FILE_LINES_MAX: usize = 400;
/// Longer functions are not read as one thought.
const FUNCTION_LINES_MAX: usize = 70;

/// Over the cap today: (file, or file::function; lines). An entry may shrink or go, never grow.
const RATCHET: [(&str, usize); 0] = [];

/// Something with a size: its name in the ratchet, where it starts, how many lines, and its cap.
struct Sized {
    name: String,
    place: String,
    lines: usize,
    cap: usize,
}

/// The file's lines down to its trailing `#[cfg(test)] mod tests`.
fn file_lines(file: &RustFile) -> usize {
    let code = file.code.trim_end();
    let trailing = occurrences(code, "#[cfg(test)]").into_iter().find(|at| {
        let item = code[at + "#[cfg(test)]".len()..].trim_start();
        let open = head_end(code, *at + "#[cfg(test)]".len());
        item.starts_with("mod ") && open.is_some_and(|open| closing(code, open) == code.len())
    });
    match trailing {
        Some(at) => line_at(code, at) - 1,
        None => file.text.lines().count(),
    }
}

/// Each function with a body: its name, its first line and its number of lines, signature included.
fn functions(code: &str) -> Vec<(&str, usize, usize)> {
    occurrences(code, "fn")
        .into_iter()
        .filter_map(|at| {
            let rest = code[at + 2..].trim_start();
            let name = &rest[..rest.bytes().take_while(|byte| is_word(*byte)).count()];
            let open = head_end(code, at)?;
            if name.is_empty() || code.as_bytes()[open] != b'{' {
                return None;
            }
            let first = line_at(code, at);
            Some((name, first, line_at(code, closing(code, open) - 1) - first + 1))
        })
        .collect()
}

fn sizes(file: &RustFile) -> Vec<Sized> {
    let whole = Sized {
        name: file.path.clone(),
        place: file.path.clone(),
        lines: if file.test_only && file.path.contains("/src/") { 0 } else { file_lines(file) },
        cap: FILE_LINES_MAX,
    };
    let parts = functions(&file.code).into_iter().map(|(name, line, lines)| Sized {
        name: format!("{}::{name}", file.path),
        place: format!("{}:{line} fn {name}", file.path),
        lines,
        cap: FUNCTION_LINES_MAX,
    });
    std::iter::once(whole).chain(parts).collect()
}

fn oversized(files: &[RustFile], ratchet: &[(&str, usize)]) -> Vec<String> {
    let sizes: Vec<_> = files.iter().flat_map(sizes).collect();
    let mut found = Vec::new();
    for one in &sizes {
        let allowed = ratchet.iter().find(|(name, _)| *name == one.name).map(|(_, lines)| *lines);
        if one.lines > allowed.unwrap_or(one.cap) {
            let what = format!("{} lines, and {} are allowed", one.lines, allowed.unwrap_or(one.cap));
            found.push(complaint(&one.place, what, "split it along its concerns"));
        }
    }
    for (name, lines) in ratchet {
        let largest = sizes.iter().filter(|one| one.name == *name).max_by_key(|one| one.lines);
        match largest {
            // Grown ones are complained of above.
            Some(one) if one.lines > one.cap && one.lines >= *lines => {}
            Some(one) if one.lines > one.cap => {
                let what = format!("has shrunk from {lines} to {} lines", one.lines);
                found.push(complaint(name, what, "write the new number into RATCHET in tidy/shape.rs"));
            }
            Some(_) => {
                found.push(complaint(name, "is below its cap now", "take it out of RATCHET in tidy/shape.rs"))
            }
            None => found.push(complaint(name, "is gone", "take it out of RATCHET in tidy/shape.rs")),
        }
    }
    found
}

#[test]
fn files_and_functions_keep_their_caps() {
    insist(&oversized(&rust_files(), &RATCHET));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn long(lines: usize) -> String {
        format!("fn long() {{\n{}}}\n", "    x();\n".repeat(lines - 2))
    }

    fn found(text: &str, ratchet: &[(&str, usize)]) -> Vec<String> {
        oversized(&[RustFile::new("a/src/x.rs", text)], ratchet)
    }

    #[test]
    fn a_long_function_is_found() {
        assert_eq!(found(&long(70), &[]).len(), 0);
        assert_eq!(found(&long(71), &[]).len(), 1);
        assert_eq!(found(&format!("impl X {{\n{}}}", long(71)), &[]).len(), 1);
        assert_eq!(found("trait T { fn f(); fn g(x: fn() -> u8) -> [u8; { 3 }]; }", &[]).len(), 0);
    }

    #[test]
    fn braces_in_literals_do_not_end_a_function() {
        let text = format!("fn f() {{\n    '}}'; \"}}\"; // }}\n{}}}\n", "    x();\n".repeat(80));
        let found = found(&text, &[]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("83 lines"), "{found:?}");
    }

    #[test]
    fn a_long_file_is_found_and_its_tests_do_not_count() {
        let body = "const X: u8 = 1;\n".repeat(400);
        assert_eq!(found(&body, &[]).len(), 0);
        assert_eq!(found(&format!("{body}// one more\n"), &[]).len(), 1);
        assert_eq!(
            found(&format!("{body}#[cfg(test)]\nmod tests {{\n{}\n}}\n", "\n".repeat(50)), &[]).len(),
            0
        );
        let inside = format!("#[cfg(test)]\nmod tests {{}}\n{body}");
        assert_eq!(found(&inside, &[]).len(), 1, "only trailing tests are left out");
    }

    #[test]
    fn the_ratchet_only_shrinks() {
        let entry = |lines| [("a/src/x.rs::long", lines)];
        assert_eq!(found(&long(90), &entry(90)).len(), 0);
        assert_eq!(found(&long(91), &entry(90)).len(), 1, "it grew");
        assert_eq!(found(&long(89), &entry(90)).len(), 1, "it shrank and the list was not told");
        assert_eq!(found(&long(60), &entry(90)).len(), 1, "it is below its cap and still listed");
        assert_eq!(found("", &entry(90)).len(), 1, "it is gone and still listed");
    }
}

//! Words that do not belong: leftovers, names that say nothing, and places outside of the repository.

use super::source::{comments_of, is_word, line_at, occurrences};
use super::tree::{RustFile, TextFile, rust_files, text_files};
use super::{complaint, insist};

const LEFTOVERS: [&str; 3] = ["todo!", "unimplemented!", "dbg!"];
const NOTES: [&str; 4] = ["FIXME", "XXX", "HACK", "TODO"];

/// A type is named after what it is; these say only that it is something.
const EMPTY_NAMES: [&str; 11] = [
    "Manager",
    "Service",
    "Helper",
    "Helpers",
    "Util",
    "Utils",
    "Common",
    "Data",
    "Info",
    "Process",
    "Processor",
];

/// Spelled in halves, or this file would complain about itself.
const ELSEWHERE: [&str; 6] = [
    concat!("/wo", "rk/"),
    concat!("..", "/shared"),
    concat!("/ro", "ot/"),
    concat!("/tmp/", "plan"),
    concat!("bash_", "jobs"),
    concat!("/home/", "user"),
];

fn at(file: &str, text: &str, offset: usize) -> String {
    format!("{file}:{}", line_at(text, offset))
}

fn leftovers(file: &RustFile) -> Vec<String> {
    let comments = comments_of(&file.text);
    let code =
        LEFTOVERS.iter().flat_map(|word| occurrences(&file.code, word).into_iter().map(move |at| (word, at)));
    let notes =
        NOTES.iter().flat_map(|word| occurrences(&comments, word).into_iter().map(move |at| (word, at)));
    code.chain(notes)
        .map(|(word, offset)| {
            complaint(
                at(&file.path, &file.text, offset),
                format!("`{word}` is left over"),
                "finish it, or file an issue",
            )
        })
        .collect()
}

/// The identifiers that follow `keyword`, with their offsets.
fn declared<'a>(code: &'a str, keyword: &str) -> Vec<(&'a str, usize)> {
    occurrences(code, keyword)
        .into_iter()
        .map(|offset| {
            let rest = code[offset + keyword.len()..].trim_start();
            (&rest[..rest.bytes().take_while(|byte| is_word(*byte)).count()], offset)
        })
        .collect()
}

fn empty_names(file: &RustFile) -> Vec<String> {
    ["struct", "enum", "trait", "type", "union"]
        .iter()
        .flat_map(|keyword| declared(&file.code, keyword))
        .filter(|(name, _)| EMPTY_NAMES.iter().any(|empty| name.ends_with(empty)))
        .map(|(name, offset)| {
            let place = at(&file.path, &file.text, offset);
            complaint(
                place,
                format!("the type `{name}` is named after nothing"),
                "name it after what it holds or does",
            )
        })
        .collect()
}

fn getters(file: &RustFile) -> Vec<String> {
    declared(&file.code, "fn")
        .into_iter()
        .filter(|(name, _)| name.starts_with("get_"))
        .map(|(name, offset)| {
            let mend = format!("call it `{}`", &name["get_".len()..]);
            complaint(at(&file.path, &file.text, offset), format!("`{name}` is a getter by name"), mend)
        })
        .collect()
}

fn elsewhere(file: &TextFile) -> Vec<String> {
    ELSEWHERE
        .iter()
        .flat_map(|place| file.text.match_indices(place))
        .map(|(offset, place)| {
            complaint(
                at(&file.path, &file.text, offset),
                format!("names `{place}`, which is not part of the project"),
                "name a path inside the repository, or none",
            )
        })
        .collect()
}

#[test]
fn nothing_is_left_over() {
    insist(&rust_files().iter().flat_map(leftovers).collect::<Vec<_>>());
}

#[test]
fn names_say_something() {
    let files = rust_files();
    insist(&files.iter().flat_map(empty_names).collect::<Vec<_>>());
    insist(&files.iter().flat_map(getters).collect::<Vec<_>>());
}

#[test]
fn no_file_names_a_place_outside_of_the_repository() {
    insist(&text_files().iter().flat_map(elsewhere).collect::<Vec<_>>());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rust(text: &str) -> RustFile {
        RustFile::new("x.rs", text)
    }

    #[test]
    fn leftovers_are_found() {
        for word in LEFTOVERS {
            assert_eq!(leftovers(&rust(&format!("fn f() {{ {word}() }}"))).len(), 1, "{word}");
            assert_eq!(leftovers(&rust(&format!("fn f() {{ \"{word}\" }}"))).len(), 0, "{word} in a string");
        }
        for word in NOTES {
            assert_eq!(leftovers(&rust(&format!("// {word}: later\nfn f() {{}}"))).len(), 1, "{word}");
            assert_eq!(leftovers(&rust(&format!("// my{word}s\n"))).len(), 0, "{word} inside a word");
        }
    }

    #[test]
    fn empty_names_are_found() {
        for name in EMPTY_NAMES {
            assert_eq!(
                empty_names(&rust(&format!("pub(crate) struct Camera{name}<T>(T);"))).len(),
                1,
                "{name}"
            );
            assert_eq!(empty_names(&rust(&format!("enum {name} {{}}"))).len(), 1, "{name}");
        }
        assert_eq!(empty_names(&rust("struct Database; type Metadata = u8; struct Informed;")).len(), 0);
    }

    #[test]
    fn getters_are_found() {
        assert_eq!(getters(&rust("impl X { pub fn get_key(&self) {} }")).len(), 1);
        assert_eq!(getters(&rust("fn get() {} fn gets_key() {} // fn get_key()")).len(), 0);
    }

    #[test]
    fn places_outside_are_found() {
        for place in ELSEWHERE {
            let file = TextFile { path: "a.md".to_owned(), text: format!("see\n{place}x") };
            let found = elsewhere(&file);
            assert_eq!(found.len(), 1, "{place}");
            assert!(found[0].starts_with("a.md:2: "), "{found:?}");
        }
        let good = TextFile { path: "a.md".to_owned(), text: "the network/work shared/root".to_owned() };
        assert_eq!(elsewhere(&good).len(), 0);
    }
}

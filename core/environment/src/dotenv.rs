//! The `.env` file. One grammar that every reader understands alike; what a shell, Compose and others would read
//! differently is refused with its line.
//!
//! ```text
//! line     = blank | comment | ["export" blanks] name "=" value [blanks comment]
//! name     = letters, digits and "_", no digit first
//! value    = plain | "'" anything but "'" "'" | '"' anything, with \" \\ \n \r \t \$ \` '"'
//! plain    = no blank, quote, backslash or backtick in it, and no "#" at its beginning
//! ```
//!
//! A line ends with LF or CRLF. Nothing is expanded: `$HOME` is five characters.

use crate::problem::Code;
use std::fmt::Write as _;

/// What an editor puts in front of UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// One assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) value: String,
    /// From 1.
    pub(crate) line: u32,
}

/// A line that is none. Repeats nothing of it but its name: the rest may be a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BadLine {
    pub(crate) line: u32,
    pub(crate) name: Option<String>,
    pub(crate) code: Code,
    pub(crate) what: &'static str,
    pub(crate) mend: &'static str,
}

/// Every assignment and every line that is none, in order.
pub(crate) fn entries(bytes: &[u8]) -> (Vec<Entry>, Vec<BadLine>) {
    let (mut entries, mut bad) = (Vec::new(), Vec::new());
    let bytes = bytes.strip_prefix(MARK).unwrap_or(bytes);
    for (number, raw) in (1_u32..).zip(bytes.split(|byte| *byte == b'\n')) {
        let raw = raw.strip_suffix(b"\r").unwrap_or(raw);
        let Ok(text) = std::str::from_utf8(raw) else {
            let (what, mend) = ("the line is no UTF-8", "save the file as UTF-8");
            bad.push(BadLine { line: number, name: None, code: Code::NotUtf8, what, mend });
            continue;
        };
        match assignment(text) {
            Ok(Some((name, value))) => entries.push(Entry { name: name.to_owned(), value, line: number }),
            Ok(None) => {}
            Err((name, (what, mend))) => {
                let name = name.map(str::to_owned);
                bad.push(BadLine { line: number, name, code: Code::BadLine, what, mend });
            }
        }
    }
    (entries, bad)
}

/// What is wrong, and the mend.
type Flaw = (&'static str, &'static str);

const QUOTED: &str = "put the value into single quotes";

/// `None` for a line without one; an error names its variable where that is legible.
type Assignment<'l> = Result<Option<(&'l str, String)>, (Option<&'l str>, Flaw)>;

fn assignment(line: &str) -> Assignment<'_> {
    let text = line.trim_start_matches(is_blank);
    if text.is_empty() || text.starts_with('#') {
        return Ok(None);
    }
    let exported = text.strip_prefix("export").filter(|rest| rest.starts_with(is_blank));
    let text = exported.map_or(text, |rest| rest.trim_start_matches(is_blank));
    let Some((name, rest)) = text.split_once('=') else {
        return Err((None, ("the line has no =", "write NAME=VALUE, or # in front of a comment")));
    };
    if !is_name(name) {
        let flaw = if is_name(name.trim_end_matches(is_blank)) {
            ("a blank stands in front of the =", "write NAME=VALUE without blanks around the =")
        } else {
            ("what stands in front of the = is no name of a variable", "use letters, digits and _ only")
        };
        return Err((None, flaw));
    }
    let value = value(rest).map_err(|flaw| (Some(name), flaw))?;
    Ok(Some((name, value)))
}

const fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t')
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn value(rest: &str) -> Result<String, Flaw> {
    if let Some(quoted) = rest.strip_prefix('\'') {
        let (value, behind) =
            quoted.split_once('\'').ok_or(("a single quote is not closed", "close it in the same line"))?;
        return ends(behind).map(|()| value.to_owned());
    }
    if let Some(quoted) = rest.strip_prefix('"') {
        let (value, behind) = double_quoted(quoted)?;
        return ends(behind).map(|()| value);
    }
    plain(rest)
}

fn plain(rest: &str) -> Result<String, Flaw> {
    if rest.starts_with('#') {
        return Err(("the value begins with #, which some readers take for a comment", QUOTED));
    }
    let comment = [" #", "\t#"].iter().filter_map(|start| rest.find(start)).min();
    let value = rest[..comment.unwrap_or(rest.len())].trim_end_matches(is_blank);
    if value.starts_with(is_blank) {
        return Err(("a blank stands behind the =", "write NAME=VALUE without blanks around the ="));
    }
    if value.contains(is_blank) {
        return Err(("the value has a blank in it and no quotes around it", QUOTED));
    }
    if value.contains(['"', '\'', '\\', '`']) {
        return Err((
            "the value has a quote, a backslash or a backtick in it and no quotes around it",
            QUOTED,
        ));
    }
    Ok(value.to_owned())
}

/// What stands behind a closing quote: nothing, or blanks and perhaps a comment.
fn ends(behind: &str) -> Result<(), Flaw> {
    let text = behind.trim_start_matches(is_blank);
    if text.is_empty() || (text.len() < behind.len() && text.starts_with('#')) {
        return Ok(());
    }
    Err(("something stands behind the closing quote", "put the whole value into the quotes"))
}

/// The value and what is behind its closing quote.
fn double_quoted(quoted: &str) -> Result<(String, &str), Flaw> {
    let mut value = String::new();
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => return Ok((value, characters.as_str())),
            '\\' => value.push(match characters.next() {
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                Some(literal @ ('"' | '\\' | '$' | '`')) => literal,
                Some(_) | None => {
                    let mend = r#"write one of \" \\ \n \r \t \$ \`, or put the value into single quotes"#;
                    return Err(("a backslash stands in front of what it does not escape", mend));
                }
            }),
            other => value.push(other),
        }
    }
    Err(("a double quote is not closed", "close it in the same line"))
}

/// A value as it is written behind the `=`.
#[must_use]
pub fn quote(value: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+,=".contains(c);
    if value.chars().all(is_plain) {
        return value.to_owned();
    }
    if !value.contains(['\'', '\n', '\r']) {
        return format!("'{value}'");
    }
    let mut quoted = String::from("\"");
    for character in value.chars() {
        match character {
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '"' | '\\' | '$' | '`' => {
                // Writing to a text cannot fail.
                let _ = write!(quoted, "\\{character}");
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn is(line: &str, value: &str) {
        let (entries, bad) = entries(line.as_bytes());
        assert_eq!(bad, [], "{line}");
        let found: Vec<_> = entries.iter().map(|one| (one.name.as_str(), one.value.as_str())).collect();
        assert_eq!(found, [("A", value)], "{line}");
    }

    #[test]
    fn values_are_plain_or_quoted() {
        for (line, value) in [
            ("A=b", "b"),
            ("A=", ""),
            ("A= ", ""),
            ("  A=b  ", "b"),
            ("export A=b", "b"),
            ("export\t A=b", "b"),
            ("A=b # why", "b"),
            ("A=b\t#why", "b"),
            ("A= # none", ""),
            ("A=b#c", "b#c"),
            ("A=b=c", "b=c"),
            ("A=$HOME", "$HOME"),
            ("A=größe", "größe"),
            ("A='b c'", "b c"),
            (r#"A='$b \n `c` "d"'  # e"#, r#"$b \n `c` "d""#),
            ("A=''", ""),
            (r#"A="b \"c\" \\ \$d \`e\`" # f"#, r#"b "c" \ $d `e`"#),
            (r#"A="b\nc\td\r""#, "b\nc\td\r"),
            ("A=\"'#'\"", "'#'"),
            ("A=b\r", "b"),
            ("\u{feff}A=b", "b"),
        ] {
            is(line, value);
        }
    }

    #[test]
    fn blank_lines_and_comments_are_none_and_lines_are_counted() {
        let text = "# A=b\r\n\r\n   # c\n\t\nexport=1\nexport B='x'\n";
        let (found, bad) = entries(text.as_bytes());
        assert_eq!(bad, []);
        let found: Vec<_> = found.iter().map(|one| (one.name.as_str(), one.line)).collect();
        assert_eq!(found, [("export", 5), ("B", 6)]);
    }

    #[test]
    fn every_bad_line_has_its_number_and_repeats_no_value() {
        for (line, name, says) in [
            ("hush", None, "no ="),
            ("export hush", None, "no ="),
            ("A =hush", None, "in front of the ="),
            ("A= hush", Some("A"), "behind the ="),
            ("A B=hush", None, "no name"),
            ("1A=hush", None, "no name"),
            ("=hush", None, "no name"),
            ("Ä=hush", None, "no name"),
            ("A=hush hush", Some("A"), "blank in it"),
            ("A=hu\"sh\"", Some("A"), "a quote"),
            ("A=hush\\", Some("A"), "a backslash"),
            ("A=`hush`", Some("A"), "backtick"),
            ("A=#hush", Some("A"), "begins with #"),
            ("A='hush", Some("A"), "not closed"),
            ("A=\"hush", Some("A"), "not closed"),
            ("A=\"hush\\", Some("A"), "does not escape"),
            ("A=\"hu\\sh\"", Some("A"), "does not escape"),
            ("A='hush'hush", Some("A"), "behind the closing quote"),
            ("A=\"hush\"# c", Some("A"), "behind the closing quote"),
        ] {
            let text = format!("# first\n{line}\nZ=z\n");
            let (found, bad) = entries(text.as_bytes());
            let [bad] = bad.as_slice() else { panic!("{line}: {bad:?}") };
            assert_eq!((bad.line, bad.name.as_deref(), bad.code), (2, name, Code::BadLine), "{line}");
            assert!(bad.what.contains(says), "{line}: {}", bad.what);
            assert!(!format!("{bad:?}").contains("hush"), "{bad:?}");
            assert_eq!(found.len(), 1, "the lines beside it are read: {line}");
        }
        let (_, bad) = entries(b"A=b\nB=\xff\n");
        assert_eq!((bad[0].line, bad[0].code), (2, Code::NotUtf8));
    }

    #[test]
    fn a_value_is_quoted_no_more_than_it_has_to_be() {
        for (value, quoted) in [
            ("", ""),
            ("a-1", "a-1"),
            ("https://a.example:1/b", "https://a.example:1/b"),
            ("a b", "'a b'"),
            ("$a", "'$a'"),
            ("it's", "\"it's\""),
            ("it's $5\n", "\"it's \\$5\\n\""),
        ] {
            assert_eq!(quote(value), quoted);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            name in "[A-Za-z_][A-Za-z0-9_]{0,20}",
            values in proptest::collection::vec(any::<String>(), 1..4),
            end in prop_oneof![Just("\n"), Just("\r\n"), Just(" # a comment\n")],
        ) {
            let line = |(index, value): (usize, &String)| format!("{name}{index}={}{end}", quote(value));
            let text: String = values.iter().enumerate().map(line).collect();
            let (found, bad) = entries(text.as_bytes());
            prop_assert_eq!(bad, []);
            let found: Vec<_> = found.into_iter().map(|one| one.value).collect();
            prop_assert_eq!(found, values);
        }

        #[test]
        fn whatever_stands_in_a_file_every_line_is_an_entry_a_problem_or_none(
            pieces in proptest::collection::vec(
                prop_oneof![
                    Just(b"A=".to_vec()), Just(b"\"".to_vec()), Just(b"'".to_vec()), Just(b"\\".to_vec()),
                    Just(b"\n".to_vec()), Just(b"\r\n".to_vec()), Just(b"export ".to_vec()), Just(b" #".to_vec()),
                    proptest::collection::vec(any::<u8>(), 0..8),
                ],
                0..40,
            )
        ) {
            let bytes = pieces.concat();
            let (found, bad) = entries(&bytes);
            let lines = bytes.split(|byte| *byte == b'\n').count();
            prop_assert!(found.len() + bad.len() <= lines);
            let mut numbers: Vec<_> = found.iter().map(|one| one.line).chain(bad.iter().map(|one| one.line)).collect();
            numbers.sort_unstable();
            let counted = numbers.len();
            numbers.dedup();
            prop_assert_eq!(numbers.len(), counted, "no line is both");
        }
    }
}

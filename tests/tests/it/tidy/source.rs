//! A tokenizer just good enough to count braces and find words: it tells code from comments, strings and characters.

/// What a byte of a source file belongs to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Part {
    Code,
    Comment,
    Literal,
}

/// The text of one Rust file with everything but its code blanked, byte for byte in place, so that offsets and line
/// numbers stay those of the file.
pub(crate) fn code_of(source: &str) -> String {
    only(source, Part::Code)
}

/// The same for its comments.
pub(crate) fn comments_of(source: &str) -> String {
    only(source, Part::Comment)
}

fn only(source: &str, wanted: Part) -> String {
    let mut kept = String::with_capacity(source.len());
    let mut rest = source;
    while !rest.is_empty() {
        let (part, length) = first_part(rest, source.len() - rest.len(), source);
        for byte in rest.as_bytes().iter().take(length) {
            let keep = *byte == b'\n' || (part == wanted && byte.is_ascii());
            kept.push(if keep { char::from(*byte) } else { ' ' });
        }
        rest = &rest[length..];
    }
    kept
}

/// The part that `rest` begins with, and its length in bytes: at least one character.
fn first_part(rest: &str, offset: usize, whole: &str) -> (Part, usize) {
    let first = rest.chars().next().map_or(1, char::len_utf8);
    if rest.starts_with("//") {
        return (Part::Comment, rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return (Part::Comment, block_comment(rest));
    }
    let inside_word = offset > 0 && is_word(whole.as_bytes()[offset - 1]);
    let prefix = if inside_word { 0 } else { string_prefix(rest) };
    let literal = match rest.as_bytes()[prefix..] {
        [b'"', ..] if prefix > 0 && rest[..prefix].contains('r') => Some(raw_string(&rest[prefix..], 0)),
        [b'"', ..] => Some(quoted(&rest[prefix..])),
        [b'#', ..] if prefix > 0 && rest[..prefix].contains('r') => hashed_raw_string(&rest[prefix..]),
        [b'\'', ..] => character(&rest[prefix..]),
        _ => None,
    };
    match literal {
        Some(length) => (Part::Literal, (prefix + length).min(rest.len())),
        None => (Part::Code, first),
    }
}

/// The length of a literal's prefix (`r`, `b`, `br`, `c`, `cr`) at the start, if a quote or a hash follows it.
fn string_prefix(rest: &str) -> usize {
    let length = rest.bytes().take_while(u8::is_ascii_lowercase).count();
    let known = matches!(&rest[..length], "r" | "b" | "br" | "c" | "cr");
    let opens = matches!(rest.as_bytes().get(length), Some(b'"' | b'#' | b'\''));
    if known && opens { length } else { 0 }
}

/// Block comments nest.
fn block_comment(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let (mut depth, mut at) = (0usize, 0);
    while at < bytes.len() {
        match (bytes[at], bytes.get(at + 1)) {
            (b'/', Some(b'*')) => (depth, at) = (depth + 1, at + 2),
            (b'*', Some(b'/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// From the opening quote to behind the closing one.
fn quoted(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// From the opening quote to behind the quote that is followed by as many hashes as the literal has.
fn raw_string(rest: &str, hashes: usize) -> usize {
    let end = format!("\"{}", "#".repeat(hashes));
    rest[1..].find(&end).map_or(rest.len(), |at| 1 + at + end.len())
}

/// `#"…"#` behind an `r`; none for a raw identifier such as `r#type`.
fn hashed_raw_string(rest: &str) -> Option<usize> {
    let hashes = rest.bytes().take_while(|byte| *byte == b'#').count();
    rest[hashes..].starts_with('"').then(|| hashes + raw_string(&rest[hashes..], hashes))
}

/// A character literal; none for a lifetime or a label.
fn character(rest: &str) -> Option<usize> {
    let mut chars = rest[1..].chars();
    let inner = chars.next()?;
    if inner == '\\' {
        let escaped = 1 + 1 + chars.next()?.len_utf8();
        return rest[escaped..].find('\'').map(|at| escaped + at + 1);
    }
    (inner != '\'' && chars.next() == Some('\'')).then(|| 1 + inner.len_utf8() + 1)
}

/// Whether a byte may stand in an identifier.
pub(crate) fn is_word(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric()
}

/// The line number, from 1, of a byte offset.
pub(crate) fn line_at(text: &str, offset: usize) -> usize {
    1 + text.as_bytes()[..offset].iter().filter(|byte| **byte == b'\n').count()
}

/// The offsets where `phrase` stands with no identifier running on at either end.
pub(crate) fn occurrences(code: &str, phrase: &str) -> Vec<usize> {
    let bytes = code.as_bytes();
    let ends_in_word = phrase.bytes().last().is_some_and(is_word);
    code.match_indices(phrase)
        .map(|(at, _)| at)
        .filter(|at| *at == 0 || !is_word(bytes[at - 1]))
        .filter(|at| !ends_in_word || !bytes.get(at + phrase.len()).copied().is_some_and(is_word))
        .collect()
}

/// The offset behind the brace that closes the one at `open`.
pub(crate) fn closing(code: &str, open: usize) -> usize {
    let mut depth = 0usize;
    for (at, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    code.len()
}

/// The first `{` or `;` from `start` that stands in no parenthesis or bracket: where an item's head ends.
pub(crate) fn head_end(code: &str, start: usize) -> Option<usize> {
    let mut depth = 0usize;
    for (at, byte) in code.bytes().enumerate().skip(start) {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth = depth.saturating_sub(1),
            b'{' | b';' if depth == 0 => return Some(at),
            _ => {}
        }
    }
    None
}

/// The code with every item under `#[cfg(test)]` blanked.
pub(crate) fn without_tests(code: &str) -> String {
    let mut kept = code.to_owned();
    for at in occurrences(code, "#[cfg(test)]") {
        let end = match head_end(code, at + "#[cfg(test)]".len()) {
            Some(open) if code.as_bytes()[open] == b'{' => closing(code, open),
            Some(semicolon) => semicolon + 1,
            None => code.len(),
        };
        let blank: String = code[at..end].chars().map(|c| if c == '\n' { c } else { ' ' }).collect();
        kept.replace_range(at..end, &blank);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks that of `source` only what `kept` shows (a `_` for each blanked byte) is code.
    fn code_is(source: &str, kept: &str) {
        assert_eq!(code_of(source).replace(' ', "_"), kept.replace(' ', "_"), "of {source}");
    }

    #[test]
    fn strings_are_not_code() {
        code_is(r#"a("}{", b"\"}", c"x") + d"#, r#"a(    ,       ,     ) + d"#);
        code_is("a(\"\\\\\") }", "a(    ) }");
        code_is("\"never closed }", "               ");
    }

    #[test]
    fn raw_strings_end_at_their_own_hashes() {
        code_is("r\"\\\" }", "     }");
        code_is("r#\"a\"}\"# }", "         }");
        code_is("br##\"a\"#}\"## }", "             }");
        code_is("let r#type = bar\"x\";", "let r#type = bar   ;");
    }

    #[test]
    fn characters_are_told_from_lifetimes() {
        code_is("'{' '\\'' '\\u{7d}' b'}' 'é'", &" ".repeat(27));
        code_is("fn f<'a>(x: &'a str) { 'outer: loop {} }", "fn f<'a>(x: &'a str) { 'outer: loop {} }");
        code_is("['a', 'b']", "[   ,    ]");
    }

    #[test]
    fn comments_nest_and_end() {
        code_is("a // }\nb", "a     \nb");
        code_is("a /* { /* } */ } */ b", "a                   b");
        code_is("\"// no\" b", "        b");
        assert_eq!(comments_of("a // b \"c\"\n\"// d\"").trim(), "// b \"c\"");
    }

    #[test]
    fn offsets_stay_those_of_the_file() {
        let source = "/* ü */ fn f() { \"ß\\n\" }\n// ö\nlast";
        assert_eq!(code_of(source).len(), source.len());
        assert_eq!(line_at(source, code_of(source).find("last").unwrap()), 3);
    }

    #[test]
    fn words_are_found_whole() {
        assert_eq!(occurrences("unsafe_code unsafe {} my_unsafe", "unsafe"), [12]);
        assert_eq!(occurrences("env::var my_env::x env::", "env::"), [0, 19]);
    }

    #[test]
    fn tests_are_blanked_and_the_rest_is_kept() {
        let code =
            "fn a() {}\n#[cfg(test)]\nmod tests { fn b() {} }\nfn c() {}\n#[cfg(test)]\nuse x;\nfn d() {}";
        let kept = without_tests(code);
        assert_eq!(kept.split_whitespace().collect::<Vec<_>>().join(" "), "fn a() {} fn c() {} fn d() {}");
        assert_eq!(kept.len(), code.len());
    }

    #[test]
    fn an_item_ends_its_head_outside_of_brackets() {
        let code = "fn f(x: [u8; { 3 }]) -> u8 { 1 }";
        assert_eq!(head_end(code, 0), code.find("{ 1"));
        assert_eq!(closing(code, code.find("{ 1").unwrap()), code.len());
    }
}

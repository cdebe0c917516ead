//! Texts of others in a document of ours.

/// What cannot stand in XML, or would turn the direction of what stands behind it, is shown as what it is: not a letter.
const UNSHOWN: char = '\u{fffd}';

/// The same text, for between tags and within quotes.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars().map(shown) {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            letter => escaped.push(letter),
        }
    }
    escaped
}

fn shown(letter: char) -> char {
    match letter {
        '\u{fffe}' | '\u{ffff}' => UNSHOWN,
        '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => UNSHOWN,
        letter if letter.is_control() => UNSHOWN,
        letter => letter,
    }
}

/// At most so many letters, the last of them a sign that there are more.
pub(super) fn shortened(text: &str, letters_max: usize) -> String {
    match text.char_indices().nth(letters_max) {
        None => text.to_owned(),
        Some(_) => text.chars().take(letters_max.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// Lines of at most so many letters, cut between words where there are any.
pub(super) fn wrapped(text: &str, letters_max: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let mut rest: Vec<char> = word.chars().collect();
        let line = lines.last_mut().map_or(0, |line| line.chars().count());
        let joint = usize::from(line > 0);
        if line > 0 && line + joint + rest.len() > letters_max {
            lines.push(String::new());
        } else if let Some(line) = lines.last_mut().filter(|_| joint > 0) {
            line.push(' ');
        }
        while rest.len() > letters_max {
            let more = rest.split_off(letters_max);
            lines.push(std::mem::replace(&mut rest, more).into_iter().collect());
        }
        match lines.last_mut() {
            Some(line) if line.chars().count() + rest.len() <= letters_max => line.extend(rest),
            Some(_) | None => lines.push(rest.into_iter().collect()),
        }
    }
    lines.retain(|line| !line.is_empty());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_a_tag_or_a_quote_or_turns_the_line() {
        let hostile = "</title><script>\"'&\u{0}\u{7}\r\u{202e}\u{ffff}";
        let safe = escaped(hostile);
        assert_eq!(
            safe,
            "&lt;/title&gt;&lt;script&gt;&quot;&#39;&amp;\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}"
        );
        assert_eq!(escaped("Zürich 東京"), "Zürich 東京");
    }

    #[test]
    fn lines_are_cut_between_words_and_long_words_within() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("abcdefghij k", 4), ["abcd", "efgh", "ij k"]);
        assert_eq!(wrapped("a bcdefghij", 4), ["a", "bcde", "fghi", "j"]);
        assert_eq!(wrapped("", 4), Vec::<String>::new());
        for text in ["a  b", "   ", "aaaaaaaa bbbb c", "äöü äöüäöüäöü"] {
            assert!(wrapped(text, 4).iter().all(|line| line.chars().count() <= 4), "{text}");
        }
        assert_eq!((shortened("abcd", 4), shortened("abcde", 4)), ("abcd".into(), "abc…".into()));
    }
}

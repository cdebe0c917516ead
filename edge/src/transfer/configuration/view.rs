//! Parts of a JSON text as they were written: slices, so that no number passes through a float and no name loses its spelling.
//!
//! For texts that `json::check` let through; of any other it reads something or nothing, and ends.

use std::fmt::Write;

/// One value of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Json<'t>(&'t str);

impl<'t> Json<'t> {
    /// The value that is the whole text.
    pub(super) fn of(text: &'t str) -> Self {
        Self(text.trim_matches([' ', '\t', '\n', '\r']))
    }

    /// As it was written.
    pub(super) const fn text(self) -> &'t str {
        self.0
    }

    /// Whether it is an object.
    pub(super) fn is_object(self) -> bool {
        self.0.starts_with('{')
    }

    /// A member of an object; of several of one name the last, as `jsonb` has it; none for `null`.
    pub(super) fn member(self, name: &str) -> Option<Self> {
        let mut walk = Walk::into(self.0, '{')?;
        let mut found = None;
        while let Some(key) = walk.next() {
            let value = walk.next()?;
            if key.string().as_deref() == Some(name) {
                found = Some(value);
            }
        }
        found.filter(|value| value.0 != "null")
    }

    /// The first of these members that is there.
    pub(super) fn any(self, names: &[&str]) -> Option<Self> {
        names.iter().find_map(|name| self.member(name))
    }

    /// The items of an array.
    pub(super) fn items(self) -> Option<Vec<Self>> {
        Walk::into(self.0, '[').map(Iterator::collect)
    }

    /// A string, without its escapes.
    pub(super) fn string(self) -> Option<String> {
        if self.0.starts_with('"') { serde_json::from_str(self.0).ok() } else { None }
    }

    /// A string that is not empty, or a number as it was written: what serves as a name.
    pub(super) fn word(self) -> Option<String> {
        let word = if self.is_number() { Some(self.0.to_owned()) } else { self.string() };
        word.filter(|word| !word.is_empty())
    }

    /// `true` or `false`.
    pub(super) fn boolean(self) -> Option<bool> {
        match self.0 {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// Whether it is a number.
    pub(super) fn is_number(self) -> bool {
        self.0.starts_with(|first: char| first == '-' || first.is_ascii_digit())
    }

    /// The double that is nearest to a number, unless it is beyond all of them.
    pub(super) fn double(self) -> Option<f64> {
        if !self.is_number() {
            return None;
        }
        self.0.parse::<f64>().ok().filter(|number| number.is_finite())
    }

    /// A whole number of 32 bits, however it is written.
    pub(super) fn int(self) -> Option<i32> {
        let number = self.double().filter(|number| number.fract() == 0.0)?;
        let fits = (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&number);
        // Every such number is exact in both.
        #[allow(clippy::cast_possible_truncation, reason = "looked at just before")]
        fits.then_some(number as i32)
    }
}

/// Walks over the values of an object or array, the names of members among them.
struct Walk<'t> {
    rest: &'t str,
}

impl<'t> Walk<'t> {
    fn into(text: &'t str, open: char) -> Option<Self> {
        text.strip_prefix(open).map(|rest| Self { rest })
    }
}

impl<'t> Iterator for Walk<'t> {
    type Item = Json<'t>;

    fn next(&mut self) -> Option<Json<'t>> {
        let rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r', ',', ':']);
        if rest.is_empty() || rest.starts_with([']', '}']) {
            return None;
        }
        let (value, after) = rest.split_at(length(rest.as_bytes()));
        self.rest = after;
        Some(Json::of(value))
    }
}

/// How long the value is that a text begins with.
fn length(text: &[u8]) -> usize {
    let (mut depth, mut is_string, mut at) = (0_usize, false, 0);
    while let Some(byte) = text.get(at) {
        match (is_string, byte) {
            // Whatever is escaped ends nothing.
            (true, b'\\') => at += 1,
            (_, b'"') => is_string = !is_string,
            (false, b'{' | b'[') => depth += 1,
            (false, b'}' | b']') => match depth.checked_sub(1) {
                Some(less) => depth = less,
                None => return at,
            },
            (false, b',' | b':' | b' ' | b'\t' | b'\n' | b'\r') if depth == 0 => return at,
            (_, _) => {}
        }
        at += 1;
        let ends = !is_string && depth == 0 && matches!(byte, b'"' | b'}' | b']');
        if ends {
            return at;
        }
    }
    text.len()
}

/// An object that is being written.
#[derive(Clone, Debug)]
pub(super) struct Members(String);

impl Members {
    /// With what tells rows of a transfer from all others: the number of their source.
    pub(super) fn of_source(number: i32) -> Self {
        Self(format!("{{\"transfer\": {number}"))
    }

    /// With one more member, whose value is JSON.
    pub(super) fn with(mut self, name: &str, json: &str) -> Self {
        // Into a string nothing fails.
        let _ = write!(self.0, ", {}: {json}", quoted(name));
        self
    }

    /// The object.
    pub(super) fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// A text as JSON.
pub(super) fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn parts_are_as_they_were_written() {
        let text = r#" { "a" : [1.10, -0, 1e400 ,"x,]\"}\\",{"b":[ ]} ,[],{}], "a\u0062" :true,"n":null, "d":1,"d": 2 } "#;
        let whole = Json::of(text);
        assert!(whole.is_object());
        let items: Vec<_> =
            whole.member("a").unwrap().items().unwrap().iter().map(|item| item.text()).collect();
        assert_eq!(items, ["1.10", "-0", "1e400", r#""x,]\"}\\""#, r#"{"b":[ ]}"#, "[]", "{}"]);
        assert_eq!(whole.member("ab").and_then(Json::boolean), Some(true));
        assert_eq!((whole.member("n"), whole.member("x")), (None, None));
        assert_eq!(whole.member("d").unwrap().text(), "2");
        assert_eq!(whole.any(&["x", "n", "d"]).unwrap().int(), Some(2));
        assert_eq!((Json::of("[]").member("a"), Json::of("{}").items()), (None, None));
    }

    #[test]
    fn numbers_are_read_to_the_nearest_and_no_further_than_there_are_any() {
        assert_eq!(Json::of("0.1").double(), Some(0.1));
        assert_eq!(Json::of("200.5e-1").double(), Some(20.05));
        assert_eq!(Json::of("1e400").double(), None);
        assert_eq!(Json::of("\"12\"").double(), None);
        assert_eq!((Json::of("50.0").int(), Json::of("50.5").int()), (Some(50), None));
        assert_eq!((Json::of("-2147483648").int(), Json::of("2147483648").int()), (Some(i32::MIN), None));
        assert_eq!(Json::of("12345678901234567890123").word().as_deref(), Some("12345678901234567890123"));
        assert_eq!((Json::of("\"\"").word(), Json::of("[]").word()), (None, None));
    }

    fn values() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            ".*".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(serde_json::Value::Array),
                prop::collection::btree_map(".*", inner, 0..5)
                    .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_part_is_found(value in values(), pretty: bool) {
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
            let view = Json::of(&text);
            if let Some(object) = value.as_object() {
                for (name, expected) in object {
                    let found = view.member(name).map_or(serde_json::Value::Null, |part| serde_json::from_str(part.text()).unwrap());
                    prop_assert_eq!(&found, expected);
                }
            }
            if let Some(array) = value.as_array() {
                let found: Vec<serde_json::Value> =
                    view.items().unwrap().iter().map(|part| serde_json::from_str(part.text()).unwrap()).collect();
                prop_assert_eq!(&found, array);
            }
        }

        #[test]
        fn of_any_text_it_ends(text in ".*") {
            let view = Json::of(&text);
            let _ = (view.member("a"), view.items(), view.word(), view.int());
        }
    }
}

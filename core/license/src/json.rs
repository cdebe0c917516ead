//! Strict JSON: what two readers could understand differently is refused.
//!
//! serde_json parses; this module watches. Duplicate names are refused at every depth after unescaping, as are
//! fractions, numbers beyond 2^53-1, U+0000, and anything beyond the [`Limits`]. A byte order mark, trailing bytes
//! and lone surrogates are refused by the parser itself.

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// Largest integer that every JSON reader holds exactly (RFC 8259 section 6): 2^53-1.
pub const INTEGER_MAX: i64 = 9_007_199_254_740_991;

/// First guesses of lengths, so that ordinary documents grow no list more than once or twice.
const ITEMS_EXPECTED: usize = 16;
const MEMBERS_EXPECTED: usize = 8;

/// What a document may contain. Depth, members and text length do not depend on the document.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Nested arrays and objects.
    pub(crate) depth: usize,
    /// Members of one object.
    pub(crate) members: usize,
    /// Array items in the whole document.
    pub(crate) items: usize,
    /// Bytes of one text.
    pub(crate) text_bytes: usize,
}

impl Limits {
    /// The limits of a signed document with this many array items.
    pub(crate) const fn document(items: usize) -> Self {
        Self { depth: 8, members: 256, items, text_bytes: 1024 }
    }
}

/// Why bytes are not strict JSON, in words that name the place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct JsonError(String);

/// A parsed value, borrowing every text that needed no unescaping.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Text(Cow<'a, str>),
    Array(Vec<Json<'a>>),
    Object(Members<'a>),
}

impl Json<'_> {
    /// Bytes of a text, for reserving; 0 for anything else.
    pub(crate) fn text_bytes(&self) -> usize {
        match self {
            Json::Text(text) => text.len(),
            Json::Null | Json::Bool(_) | Json::Int(_) | Json::Array(_) | Json::Object(_) => 0,
        }
    }
}

/// Members in the order of the document, names unique.
pub(crate) type Members<'a> = Vec<(Cow<'a, str>, Json<'a>)>;

/// Parses one object and nothing after it.
pub(crate) fn parse_object(bytes: &[u8], limits: Limits) -> Result<Members<'_>, JsonError> {
    let mut items_left = limits.items;
    // Checked once as a whole, which is cheaper than every text by itself.
    let text = std::str::from_utf8(bytes).map_err(|e| JsonError(e.to_string()))?;
    let mut reader = serde_json::Deserializer::from_str(text);
    let seed = Watched { limits: &limits, items_left: &mut items_left, depth: 0 };
    let value = seed.deserialize(&mut reader).map_err(|e| JsonError(e.to_string()))?;
    reader.end().map_err(|e| JsonError(e.to_string()))?;
    match value {
        Json::Object(members) => Ok(members),
        Json::Null | Json::Bool(_) | Json::Int(_) | Json::Text(_) | Json::Array(_) => {
            Err(JsonError("the document is not an object".into()))
        }
    }
}

struct Watched<'w> {
    limits: &'w Limits,
    items_left: &'w mut usize,
    depth: usize,
}

impl Watched<'_> {
    fn deeper(&mut self) -> Watched<'_> {
        Watched { limits: self.limits, items_left: self.items_left, depth: self.depth + 1 }
    }

    fn check_depth<E: de::Error>(&self) -> Result<(), E> {
        if self.depth >= self.limits.depth {
            return Err(E::custom(format_args!("nested deeper than {}", self.limits.depth)));
        }
        Ok(())
    }

    /// A borrowed text is as it stood in the document, where the parser refuses bare control characters.
    fn check_length<E: de::Error>(&self, text: &str) -> Result<(), E> {
        if text.len() > self.limits.text_bytes {
            return Err(E::custom(format_args!("a text longer than {} bytes", self.limits.text_bytes)));
        }
        Ok(())
    }

    /// Only an escape can bring U+0000, and then the text is no longer borrowed.
    fn check_text<E: de::Error>(&self, text: &str) -> Result<(), E> {
        if text.as_bytes().contains(&0) {
            return Err(E::custom("a text with U+0000"));
        }
        self.check_length(text)
    }
}

impl<'de> DeserializeSeed<'de> for Watched<'_> {
    type Value = Json<'de>;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Json<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Watched<'_> {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("strict JSON")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Json<'de>, E> {
        if (-INTEGER_MAX..=INTEGER_MAX).contains(&value) {
            return Ok(Json::Int(value));
        }
        Err(E::custom("a number beyond 2^53-1"))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Json<'de>, E> {
        let value = i64::try_from(value).map_err(|_| E::custom("a number beyond 2^53-1"))?;
        self.visit_i64(value)
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Json<'de>, E> {
        Err(E::custom("a number that is not a plain integer"))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Json<'de>, E> {
        self.check_text(text)?;
        Ok(Json::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Json<'de>, E> {
        self.check_length(text)?;
        Ok(Json::Text(Cow::Borrowed(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<Json<'de>, A::Error> {
        self.check_depth()?;
        let mut items = Vec::with_capacity(ITEMS_EXPECTED);
        while let Some(item) = seq.next_element_seed(self.deeper())? {
            let left = self.items_left.checked_sub(1);
            *self.items_left = left.ok_or_else(|| {
                de::Error::custom(format_args!("more than {} array items", self.limits.items))
            })?;
            items.push(item);
        }
        Ok(Json::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Json<'de>, A::Error> {
        self.check_depth()?;
        let mut members: Members<'de> = Vec::with_capacity(MEMBERS_EXPECTED);
        while let Some(name) = map.next_key_seed(Name)? {
            self.check_text(&name)?;
            if members.len() >= self.limits.members {
                return Err(de::Error::custom(format_args!("more than {} members", self.limits.members)));
            }
            // At most 256 members, so comparing them all is cheaper than hashing the usual twenty.
            if members.iter().any(|(seen, _)| *seen == name) {
                return Err(de::Error::custom(format_args!("the name {name:?} twice")));
            }
            members.push((name, map.next_value_seed(self.deeper())?));
        }
        Ok(Json::Object(members))
    }
}

/// A member's name, borrowed where it can be.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(text.to_owned()))
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITS: Limits = Limits::document(4096);

    fn refused(text: &str) -> String {
        parse_object(text.as_bytes(), LIMITS).expect_err(text).to_string()
    }

    #[test]
    fn only_one_whole_object_is_taken() {
        for text in
            ["[1]", "\"a\"", "null", "1", "", "{", "{} {}", "{}x", "\u{feff}{}", "{'a':1}", "{\"a\":1,}"]
        {
            refused(text);
        }
        assert!(parse_object(b" {} \n", LIMITS).is_ok(), "white space around the object is JSON");
    }

    #[test]
    fn duplicate_names_are_refused_at_every_depth_and_after_unescaping() {
        for text in [r#"{"a":1,"a":1}"#, r#"{"a":1,"\u0061":1}"#, r#"{"x":[{"b":{"c":1,"c":2}}]}"#] {
            assert!(refused(text).contains("twice"), "{text}");
        }
    }

    #[test]
    fn numbers_are_plain_integers_within_2_to_the_53() {
        for text in
            ["1.0", "1e10", "-0", "9007199254740992", "-9007199254740992", "18446744073709551616", "01", "+1"]
        {
            refused(&format!("{{\"a\":{text}}}"));
        }
        let members = parse_object(br#"{"a":9007199254740991,"b":-18000}"#, LIMITS).unwrap();
        assert_eq!(members[0].1, Json::Int(INTEGER_MAX));
        assert_eq!(members[1].1, Json::Int(-18000));
    }

    #[test]
    fn texts_are_valid_bounded_and_without_nul() {
        for text in [r#"{"a":"\ud800"}"#, r#"{"a":"\u0000"}"#, "{\"a\":\"\u{1}\"}", r#"{"\u0000":1}"#] {
            refused(text);
        }
        assert!(parse_object(&[b"{\"a\":\"", &[0xff][..], b"\"}"].concat(), LIMITS).is_err());
        assert!(refused(&format!("{{\"a\":\"{}\"}}", "x".repeat(1025))).contains("longer"));
    }

    #[test]
    fn depth_members_and_items_are_bounded() {
        let nested = |depth: usize| format!("{{\"a\":{}1{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse_object(nested(7).as_bytes(), LIMITS).is_ok());
        assert!(refused(&nested(8)).contains("deeper"));
        refused(&nested(200));
        let members = |n: usize| {
            let all: Vec<_> = (0..n).map(|i| format!("\"m{i}\":1")).collect();
            format!("{{{}}}", all.join(","))
        };
        assert!(parse_object(members(256).as_bytes(), LIMITS).is_ok());
        assert!(refused(&members(257)).contains("members"));
        assert!(refused(&format!("{{\"a\":[{}1]}}", "1,".repeat(4096))).contains("items"));
    }

    proptest! {
        #[test]
        fn no_input_panics_and_what_is_taken_serde_json_takes(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
            if parse_object(&bytes, LIMITS).is_ok() {
                prop_assert!(serde_json::from_slice::<serde_json::Value>(&bytes).is_ok());
            }
        }
    }
}

//! What a text comes to as a value of its kind.

use crate::address::Address;
use crate::problem::Code;
use crate::table::{Bounds, Kind};
use std::fmt;

/// Longest text or secret taken; the old tables had room for 255 characters.
const TEXT_BYTES_MAX: usize = 1024;
/// How much of a refused value is repeated.
const SHOWN_CHARS_MAX: usize = 40;

/// What is true and what is false; the old reader knew the former and took everything else for false.
const TRUE: [&str; 3] = ["true", "1", "yes"];
const FALSE: [&str; 5] = ["false", "0", "no", "off", ""];

/// Text that is never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself, for whoever sends it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) const fn shown(&self) -> &'static str {
        if self.0.is_empty() { "(empty)" } else { "***" }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.shown())
    }
}

/// A value of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Of [`Kind::Boolean`].
    Boolean(bool),
    /// Of [`Kind::Whole`].
    Whole(u64),
    /// Of [`Kind::Choice`], spelt as the table does.
    Choice(&'static str),
    /// Of [`Kind::Text`].
    Text(String),
    /// Of [`Kind::Secret`].
    Secret(Secret),
    /// Of [`Kind::Url`].
    Address(Address),
}

impl fmt::Display for Value {
    /// As it may be shown to anybody.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Boolean(value) => value.fmt(f),
            Value::Whole(value) => value.fmt(f),
            Value::Choice(word) => f.write_str(word),
            Value::Text(text) if text.is_empty() => f.write_str("(empty)"),
            Value::Text(text) => f.write_str(text),
            Value::Secret(secret) => f.write_str(secret.shown()),
            Value::Address(address) => f.write_str(address.as_str()),
        }
    }
}

/// Why a text is no value of its kind. Shows nothing of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    pub(crate) code: Code,
    pub(crate) what: String,
    pub(crate) mend: String,
}

impl Flaw {
    fn new(code: Code, what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { code, what: what.into(), mend: mend.into() }
    }
}

impl Kind {
    /// Reads a text.
    pub(crate) fn read(&self, text: &str) -> Result<Value, Flaw> {
        match self {
            Kind::Boolean => boolean(text).map(Value::Boolean),
            Kind::Whole(bounds) => whole(text, bounds).map(Value::Whole),
            Kind::Choice(words) => choice(text, words).map(Value::Choice),
            Kind::Url => address(text).map(Value::Address),
            Kind::Secret => bounded("it", text).map(|()| Value::Secret(Secret(text.to_owned()))),
            Kind::Text(judge) => {
                bounded(&shown(text), text)?;
                let wrong = |what| Flaw::new(Code::BadText, format!("{}: {what}", shown(text)), LEAVE_OUT);
                if text.is_empty() {
                    return Err(Flaw::new(Code::Empty, "it is empty", LEAVE_OUT));
                }
                judge(text).map_err(wrong)?;
                Ok(Value::Text(text.to_owned()))
            }
        }
    }

    /// The value where nobody said any: an empty text is none, and is not judged.
    pub(crate) fn read_default(&self, text: &str) -> Result<Value, Flaw> {
        match self {
            Kind::Text(_) if text.is_empty() => Ok(Value::Text(String::new())),
            Kind::Text(_) | Kind::Boolean | Kind::Whole(_) | Kind::Choice(_) | Kind::Url | Kind::Secret => {
                self.read(text)
            }
        }
    }
}

const LEAVE_OUT: &str = "correct it, or leave the variable out";

/// A refused value as it may be repeated: its beginning, with whatever does not print escaped.
pub(crate) fn shown(text: &str) -> String {
    let start: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    let rest = if start.len() < text.len() { "…" } else { "" };
    format!("{start:?}{rest}")
}

fn boolean(text: &str) -> Result<bool, Flaw> {
    let lower = text.to_ascii_lowercase();
    if TRUE.contains(&lower.as_str()) {
        return Ok(true);
    }
    if FALSE.contains(&lower.as_str()) {
        return Ok(false);
    }
    let mend = if lower == "on" {
        "write true if it is to be on, and false if it is to stay as it was"
    } else {
        "write true or false; 1, yes, 0, no and off are understood as well"
    };
    let what = format!("{} is neither true nor false; the old product took it for false", shown(text));
    Err(Flaw::new(Code::NotABoolean, what, mend))
}

fn whole(text: &str, bounds: &Bounds) -> Result<u64, Flaw> {
    let span = format!("{} to {}", bounds.min, with_unit(bounds.max, bounds.unit));
    let mend = format!("write a whole number from {span}, or leave the variable out");
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let what = format!("{} is no whole number; the old product took its default instead", shown(text));
        return Err(Flaw::new(Code::NotANumber, what, mend));
    }
    // What does not fit is too large, and what begins with a minus too small.
    match text.parse::<u64>() {
        Ok(number) if (bounds.min..=bounds.max).contains(&number) => Ok(number),
        Ok(_) | Err(_) => {
            let mut what = format!("{} is out of bounds, which are {span}", shown(text));
            if !bounds.why.is_empty() {
                what.push_str(": ");
                what.push_str(bounds.why);
            }
            Err(Flaw::new(Code::OutOfBounds, what, mend))
        }
    }
}

pub(crate) fn with_unit(number: u64, unit: &str) -> String {
    if unit.is_empty() { number.to_string() } else { format!("{number} {unit}") }
}

fn choice(text: &str, words: &'static [&'static str]) -> Result<&'static str, Flaw> {
    let found = words.iter().find(|word| word.eq_ignore_ascii_case(text));
    found.copied().ok_or_else(|| {
        let mend = format!("write one of {}, or leave the variable out", words.join(", "));
        Flaw::new(Code::NotAChoice, format!("{} is not known", shown(text)), mend)
    })
}

fn address(text: &str) -> Result<Address, Flaw> {
    let mend = "write https://HOST[:PORT]/PATH, or leave the variable out";
    Address::parse(text).map_err(|problem| {
        let what = format!("{} is no address of a server: {problem}", shown(&Address::shown(text)));
        Flaw::new(Code::BadUrl, what, mend)
    })
}

fn bounded(name: &str, text: &str) -> Result<(), Flaw> {
    if text.len() > TEXT_BYTES_MAX {
        let what = format!("{name} has more than {TEXT_BYTES_MAX} bytes");
        return Err(Flaw::new(Code::BadText, what, LEAVE_OUT));
    }
    if text.chars().any(char::is_control) {
        let what = format!("{name} holds a control character");
        return Err(Flaw::new(Code::BadText, what, LEAVE_OUT));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PORT: Kind = Kind::Whole(Bounds { min: 1, max: 65_535, unit: "", why: "" });
    const WAIT: Kind =
        Kind::Whole(Bounds { min: 1000, max: 60_000, unit: "ms", why: "it would wait for ever" });
    const TIER: Kind = Kind::Choice(&["basic", "managed"]);
    const NO_X: Kind = Kind::Text(|text| if text.contains('x') { Err("an x".to_owned()) } else { Ok(()) });

    #[track_caller]
    fn refused(kind: &Kind, text: &str, code: Code, says: &str) {
        let flaw = kind.read(text).unwrap_err();
        assert_eq!(flaw.code, code, "{text:?}: {flaw:?}");
        let said = format!("{}; {}", flaw.what, flaw.mend);
        assert!(said.contains(says), "{text:?}: {said}");
    }

    #[test]
    fn booleans_are_those_of_before_in_any_case_and_nothing_is_silently_false() {
        for text in ["true", "TRUE", "True", "1", "yes", "YES"] {
            assert_eq!(Kind::Boolean.read(text), Ok(Value::Boolean(true)), "{text}");
        }
        for text in ["false", "FALSE", "0", "no", "No", "off", "OFF", ""] {
            assert_eq!(Kind::Boolean.read(text), Ok(Value::Boolean(false)), "{text}");
        }
        refused(&Kind::Boolean, "on", Code::NotABoolean, "took it for false; write true if it is to be on");
        refused(&Kind::Boolean, "ON", Code::NotABoolean, "to be on");
        for text in ["ja", "2", " true", "true ", "enabled", "y"] {
            refused(&Kind::Boolean, text, Code::NotABoolean, "write true or false");
        }
    }

    #[test]
    fn numbers_are_whole_and_within_their_bounds() {
        assert_eq!(PORT.read("65535"), Ok(Value::Whole(65_535)));
        assert_eq!(WAIT.read("01000"), Ok(Value::Whole(1000)));
        for text in ["0", "65536", "-1", "99999999999999999999999"] {
            refused(&PORT, text, Code::OutOfBounds, "1 to 65535");
        }
        refused(&WAIT, "999", Code::OutOfBounds, "which are 1000 to 60000 ms: it would wait for ever");
        for text in ["", "-", "+1", "1.5", "8080x", " 8080", "0x10", "８０"] {
            refused(&PORT, text, Code::NotANumber, "write a whole number");
        }
    }

    #[test]
    fn words_texts_and_addresses_are_judged() {
        assert_eq!(TIER.read("Managed"), Ok(Value::Choice("managed")));
        refused(&TIER, "gold", Code::NotAChoice, "one of basic, managed");
        refused(&TIER, "", Code::NotAChoice, "basic");
        assert_eq!(NO_X.read("größe"), Ok(Value::Text("größe".to_owned())));
        refused(&NO_X, "x", Code::BadText, "\"x\": an x");
        refused(&NO_X, "", Code::Empty, "leave the variable out");
        refused(&NO_X, "a\u{1b}[2J", Code::BadText, "control character");
        refused(&NO_X, &"a".repeat(1025), Code::BadText, "1024 bytes");
        assert_eq!(NO_X.read_default(""), Ok(Value::Text(String::new())));
        refused(&Kind::Url, "billing", Code::BadUrl, "neither https:// nor http://");
        let flaw = Kind::Url.read("https://me:hush@billing.example").unwrap_err();
        assert!(!format!("{flaw:?}").contains("hush"), "{flaw:?}");
    }

    #[test]
    fn a_secret_is_shown_by_nothing() {
        let value = Kind::Secret.read("hush").unwrap();
        assert_eq!((value.to_string().as_str(), format!("{value:?}").as_str()), ("***", "Secret(***)"));
        assert_eq!(Kind::Secret.read("").unwrap().to_string(), "(empty)");
        for bad in ["hush\n", &"hush".repeat(300)] {
            let flaw = Kind::Secret.read(bad).unwrap_err();
            assert!(flaw.code == Code::BadText && !format!("{flaw:?}").contains("hush"), "{flaw:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_value_or_a_flaw_that_prints(text in any::<String>()) {
            for kind in [Kind::Boolean, PORT, TIER, NO_X, Kind::Secret, Kind::Url] {
                if let Err(flaw) = kind.read(&text) {
                    let printed = flaw.what.chars().chain(flaw.mend.chars()).all(|c| !c.is_control());
                    prop_assert!(printed && !flaw.mend.is_empty(), "{:?}", flaw);
                }
            }
        }

        #[test]
        fn every_number_within_the_bounds_is_taken_and_no_other(number in any::<u32>()) {
            let taken = PORT.read(&number.to_string()).is_ok();
            prop_assert_eq!(taken, (1..=65_535).contains(&number));
        }
    }
}

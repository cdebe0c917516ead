//! An extension for somebody who types it in at night: five short lines, each with a check character of its own.
//!
//! They hold what the device does not know and the signature. Everything else is in its licence, and the claims have one
//! spelling, so that the very document is built again that the issuer signed, for the one strict verifier.

use super::extension::{EXTENSION_SECONDS_MAX, ExtensionClaims};
use super::{AUDIENCE_EDGE, CLAIMS_VERSION, LicenceClaims, TokenError, Verified};
use crate::code::Code;
use crate::jws::{Compact, Typ, assemble, signing_input};
use crate::keyset::{KeyRecord, KeyUse, Keyset};
use crate::time::UnixSeconds;

/// Lines of the text.
pub const TYPED_LINES: usize = 5;
/// Longest text that is looked at: what people put between five lines of 25 characters, with room.
pub const TYPED_BYTES_MAX: usize = 1024;
/// Characters of a line before its check character.
const LINE_CHARS: usize = 24;
const GROUP: usize = 5;
/// Five bits a character.
const LINE_BYTES: usize = LINE_CHARS * 5 / 8;
const BYTES: usize = TYPED_LINES * LINE_BYTES;
/// Crockford's alphabet: no I, L, O or U, so that nothing is mistaken when read out.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// The first byte.
const VERSION: u8 = 1;
const HOUR: i64 = 3600;
/// What the field of hours has to hold fits into it.
const _: () = assert!(EXTENSION_SECONDS_MAX / HOUR <= u16::MAX as i64);

/// Why a text is none of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TypedError {
    /// A character that the alphabet does not have.
    #[error("line {line}: there is no {character:?} in these lines: compare it with the original")]
    Character {
        /// From 1.
        line: usize,
        /// What was typed.
        character: char,
    },
    /// Too few characters, or too many.
    #[error("line {line} has {found} characters, and each line has 25: compare it with the original")]
    Length {
        /// From 1.
        line: usize,
        /// How many were typed.
        found: usize,
    },
    /// A character is wrong, two were swapped, or it is another line.
    #[error("line {line} is mistyped, or in the wrong place: compare it with the original")]
    Check {
        /// From 1.
        line: usize,
    },
    /// Lines are missing, or there are too many.
    #[error("{found} lines were typed, and there are 5")]
    Lines {
        /// How many.
        found: usize,
    },
    /// More than anybody types.
    #[error("the text has more than {TYPED_BYTES_MAX} bytes")]
    TooLong,
    /// Of a later program.
    #[error("the text has version {0}, this program reads version 1: update it")]
    Version(u8),
}

impl TypedError {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> Code {
        match self {
            TypedError::Character { .. }
            | TypedError::Length { .. }
            | TypedError::Check { .. }
            | TypedError::Lines { .. } => Code::Mistyped,
            TypedError::TooLong => Code::TooLarge,
            TypedError::Version(_) => Code::Unsupported,
        }
    }
}

/// What the lines hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TypedExtension {
    /// The beginning of the key id, to pick the key by.
    kid: [u8; 2],
    iat: u32,
    hours: u16,
    number: u16,
    signature: [u8; 64],
}

impl TypedExtension {
    /// The short form of an extension. `None` for one that does not fit: of a part of an hour, or after the year 2106.
    #[must_use]
    pub fn of(extension: &Verified<ExtensionClaims>) -> Option<Self> {
        let claims = extension.claims();
        let seconds = claims.until.since(claims.iat);
        if seconds % HOUR != 0 {
            return None;
        }
        let kid = extension.kid();
        let [first, second, ..] = *kid.as_bytes();
        Some(Self {
            kid: [first, second],
            iat: u32::try_from(claims.iat.as_i64()).ok()?,
            hours: u16::try_from(seconds / HOUR).ok()?,
            number: u16::try_from(claims.number).ok()?,
            signature: Compact::parse(extension.token().as_bytes(), Typ::Extension).ok()?.signature,
        })
    }

    /// The lines to read out, in groups of five.
    #[must_use]
    pub fn lines(&self) -> [String; TYPED_LINES] {
        let bytes = self.to_bytes();
        std::array::from_fn(|line| spell(line, &bytes[line * LINE_BYTES..(line + 1) * LINE_BYTES]))
    }

    /// Reads what was typed: five lines, or all of it in one.
    pub fn parse(text: &str) -> Result<Self, TypedError> {
        if text.len() > TYPED_BYTES_MAX {
            return Err(TypedError::TooLong);
        }
        let mut lines = TypedLines::default();
        let mut typed = text.lines().filter(|line| has_characters(line));
        match (typed.next(), typed.next()) {
            (Some(only), None) => {
                let characters: Vec<char> = significant(only).collect();
                characters
                    .chunks(LINE_CHARS + 1)
                    .try_for_each(|line| lines.push(&line.iter().collect::<String>()))?;
            }
            (first, second) => {
                first.into_iter().chain(second).chain(typed).try_for_each(|line| lines.push(line))?;
            }
        }
        lines.finish()
    }

    /// The document that was signed, as the holder of this licence can build it again. Nothing is verified yet.
    pub fn token(&self, licence: &LicenceClaims, keyset: &Keyset) -> Result<String, TokenError> {
        let iat = UnixSeconds::new(i64::from(self.iat));
        let claims = ExtensionClaims {
            ver: CLAIMS_VERSION,
            iss: licence.iss.clone(),
            aud: AUDIENCE_EDGE.to_owned(),
            tenant: licence.tenant.clone(),
            dev: licence.dev.clone(),
            sub: licence.sub.clone(),
            epoch: licence.epoch,
            jkt: licence.cnf.jkt,
            number: u64::from(self.number),
            iat,
            until: iat.saturating_add(i64::from(self.hours) * HOUR),
        };
        let payload = claims.to_json_bytes().unwrap_or_default();
        let input_of = |key: &KeyRecord| signing_input(Typ::Extension, &key.kid(), &payload);
        let named = |key: &&KeyRecord| {
            key.key_use() == KeyUse::License && key.kid().as_bytes().starts_with(&self.kid)
        };
        // Two keys may begin alike; then the signature says which of them it is.
        let fits = |key: &&KeyRecord| key.public_key().verifies(input_of(key).as_bytes(), &self.signature);
        let mut keys = keyset.keys().iter().filter(named);
        let key = keys.clone().find(fits).or_else(|| keys.next());
        let key = key.ok_or(TokenError::UnknownKid { kid: None })?;
        Ok(assemble(&input_of(key), &self.signature))
    }

    fn to_bytes(self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        bytes[0] = VERSION;
        bytes[1..3].copy_from_slice(&self.kid);
        bytes[3..7].copy_from_slice(&self.iat.to_be_bytes());
        bytes[7..9].copy_from_slice(&self.hours.to_be_bytes());
        bytes[9..11].copy_from_slice(&self.number.to_be_bytes());
        bytes[11..].copy_from_slice(&self.signature);
        bytes
    }

    fn from_bytes(bytes: &[u8; BYTES]) -> Result<Self, TypedError> {
        if bytes[0] != VERSION {
            return Err(TypedError::Version(bytes[0]));
        }
        let mut signature = [0; 64];
        signature.copy_from_slice(&bytes[11..]);
        Ok(Self {
            kid: [bytes[1], bytes[2]],
            iat: u32::from_be_bytes([bytes[3], bytes[4], bytes[5], bytes[6]]),
            hours: u16::from_be_bytes([bytes[7], bytes[8]]),
            number: u16::from_be_bytes([bytes[9], bytes[10]]),
            signature,
        })
    }
}

/// Lines as they come in, each checked at once.
#[derive(Clone, Debug, Default)]
pub struct TypedLines {
    bytes: Vec<u8>,
    lines: usize,
}

impl TypedLines {
    /// Takes the next line, or says what is wrong with it and waits for it again. A line without a character is none.
    pub fn push(&mut self, typed: &str) -> Result<(), TypedError> {
        if !has_characters(typed) {
            return Ok(());
        }
        if self.is_complete() {
            return Err(TypedError::Lines { found: self.lines + 1 });
        }
        self.bytes.extend(read(self.lines, typed)?);
        self.lines += 1;
        Ok(())
    }

    /// Whether nothing is missing.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.lines == TYPED_LINES
    }

    /// What they hold.
    pub fn finish(self) -> Result<TypedExtension, TypedError> {
        let bytes = <[u8; BYTES]>::try_from(self.bytes);
        bytes
            .map_err(|_| TypedError::Lines { found: self.lines })
            .and_then(|bytes| TypedExtension::from_bytes(&bytes))
    }
}

/// What counts of a typed line: people put spaces and dashes where they like.
fn significant(typed: &str) -> impl Iterator<Item = char> {
    typed.chars().filter(|character| !character.is_whitespace() && *character != '-')
}

fn has_characters(typed: &str) -> bool {
    significant(typed).next().is_some()
}

fn spell(line: usize, bytes: &[u8]) -> String {
    let (mut digits, mut bits, mut held) = (Vec::with_capacity(LINE_CHARS + 1), 0_u32, 0);
    for byte in bytes {
        (bits, held) = ((bits << 8) | u32::from(*byte), held + 8);
        while held >= 5 {
            held -= 5;
            digits.push(u8::try_from((bits >> held) & 31).unwrap_or(0));
        }
    }
    digits.push(check(line, &digits));
    let mut text = String::with_capacity(digits.len() + digits.len() / GROUP);
    for (index, digit) in digits.iter().enumerate() {
        if index > 0 && index % GROUP == 0 {
            text.push(' ');
        }
        text.push(char::from(ALPHABET[usize::from(*digit)]));
    }
    text
}

fn read(line: usize, typed: &str) -> Result<Vec<u8>, TypedError> {
    let number = line + 1;
    let found = significant(typed).count();
    let digits: Result<Vec<u8>, TypedError> = significant(typed)
        .map(|character| digit(character).ok_or(TypedError::Character { line: number, character }))
        .collect();
    let digits = digits?;
    let Some((last, digits)) = digits.split_last().filter(|_| found == LINE_CHARS + 1) else {
        return Err(TypedError::Length { line: number, found });
    };
    if check(line, digits) != *last {
        return Err(TypedError::Check { line: number });
    }
    let (mut bytes, mut bits, mut held) = (Vec::with_capacity(LINE_BYTES), 0_u32, 0);
    for digit in digits {
        (bits, held) = ((bits << 5) | u32::from(*digit), held + 5);
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from((bits >> held) & 255).unwrap_or(0));
        }
    }
    Ok(bytes)
}

fn digit(character: char) -> Option<u8> {
    let folded = match character.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    let place = ALPHABET.iter().position(|known| char::from(*known) == folded)?;
    u8::try_from(place).ok()
}

/// The sum of all characters, each times another power of a generator of GF(32), and of the line's number likewise. A
/// wrong character changes it, and so do two that are swapped, because no two powers here are equal.
fn check(line: usize, digits: &[u8]) -> u8 {
    let start = u8::try_from(line + 1).unwrap_or(0);
    times_generator(digits.iter().fold(start, |sum, digit| times_generator(sum) ^ digit))
}

/// Modulo x^5 + x^2 + 1, of which x is a generator: its 31 powers are all different.
const fn times_generator(value: u8) -> u8 {
    let doubled = value << 1;
    if doubled & 32 == 0 { doubled } else { doubled ^ 0b10_0101 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_typed() -> impl Strategy<Value = TypedExtension> {
        (any::<[u8; 2]>(), any::<u32>(), any::<u16>(), any::<u16>(), prop::array::uniform32(any::<[u8; 2]>()))
            .prop_map(|(kid, iat, hours, number, halves)| {
                let mut signature = [0; 64];
                for (two, half) in signature.chunks_mut(2).zip(halves) {
                    two.copy_from_slice(&half);
                }
                TypedExtension { kid, iat, hours, number, signature }
            })
    }

    /// The characters of a line without its spaces.
    fn characters(line: &str) -> Vec<char> {
        significant(line).collect()
    }

    fn with_line(lines: &[String; 5], line: usize, characters: &[char]) -> String {
        let mut lines = lines.clone();
        lines[line] = characters.iter().collect();
        lines.join("\n")
    }

    #[test]
    fn the_powers_of_the_generator_are_all_different() {
        let mut seen = std::collections::HashSet::new();
        let mut power = 1;
        for _ in 0..31 {
            assert!(power != 0 && seen.insert(power));
            power = times_generator(power);
        }
        assert_eq!(power, 1);
    }

    proptest! {
        #[test]
        fn what_is_typed_comes_back_however_it_is_typed(typed in any_typed()) {
            let lines = typed.lines();
            prop_assert!(lines.iter().all(|line| line.len() == 29 && characters(line).len() == 25));
            let text = lines.join("\n");
            let sloppy = text.to_lowercase().replace('0', "o").replace('1', "l").replace(' ', "-");
            let spread = format!("\n  {}\r\n\n", text.replace('\n', " \r\n\n"));
            for text in [text.clone(), sloppy, spread, text.replace('\n', " "), text.replace(['\n', ' '], "")] {
                prop_assert_eq!(TypedExtension::parse(&text), Ok(typed));
            }
        }

        #[test]
        fn every_wrong_character_and_every_swap_of_two_names_its_line(
            typed in any_typed(), line in 0..5_usize, at in 0..25_usize, other in 0..25_usize, shift in 1..32_usize,
        ) {
            let lines = typed.lines();
            let mut wrong = characters(&lines[line]);
            let place = ALPHABET.iter().position(|known| char::from(*known) == wrong[at]).unwrap();
            wrong[at] = char::from(ALPHABET[(place + shift) % 32]);
            let expected = Err(TypedError::Check { line: line + 1 });
            prop_assert_eq!(TypedExtension::parse(&with_line(&lines, line, &wrong)), expected);
            let mut swapped = characters(&lines[line]);
            swapped.swap(at, other);
            if swapped[at] != swapped[other] {
                prop_assert_eq!(TypedExtension::parse(&with_line(&lines, line, &swapped)), expected);
            }
        }

        #[test]
        fn lines_in_another_order_are_noticed(typed in any_typed(), one in 0..5_usize, other in 0..5_usize) {
            prop_assume!(one != other);
            let mut lines = typed.lines();
            lines.swap(one, other);
            let expected = Err(TypedError::Check { line: one.min(other) + 1 });
            prop_assert_eq!(TypedExtension::parse(&lines.join("\n")), expected);
        }

        #[test]
        fn no_text_panics(text in ".{0,300}") {
            let _ = TypedExtension::parse(&text);
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let typed = TypedExtension { kid: [1, 2], iat: 3, hours: 4, number: 5, signature: [6; 64] };
        let lines = typed.lines();
        let of = |text: &str| TypedExtension::parse(text).unwrap_err();
        assert_eq!(of(""), TypedError::Lines { found: 0 });
        assert_eq!(of(&lines[..4].join("\n")), TypedError::Lines { found: 4 });
        assert_eq!(of(&format!("{}\n{}", lines.join("\n"), lines[0])), TypedError::Lines { found: 6 });
        assert_eq!(
            of(&lines.join("\n").replacen('0', "U", 1)),
            TypedError::Character { line: 1, character: 'U' }
        );
        let short = lines.join("\n");
        assert_eq!(of(&short[..short.len() - 1]), TypedError::Length { line: 5, found: 24 });
        assert_eq!(of(&"A".repeat(TYPED_BYTES_MAX + 1)), TypedError::TooLong);
        let later = TypedExtension { kid: [1, 2], ..typed };
        let mut bytes = later.to_bytes();
        bytes[0] = 2;
        assert_eq!(TypedExtension::from_bytes(&bytes), Err(TypedError::Version(2)));
    }

    #[test]
    fn a_wrong_line_is_asked_for_again_and_no_other() {
        let typed = TypedExtension { kid: [9, 8], iat: 7, hours: 6, number: 5, signature: [4; 64] };
        let mut lines = TypedLines::default();
        for line in typed.lines() {
            assert!(lines.push(&format!("{line}7")).is_err());
            assert!(!lines.is_complete());
            lines.push("  ").unwrap();
            lines.push(&line).unwrap();
        }
        assert!(lines.is_complete());
        assert_eq!(lines.finish(), Ok(typed));
    }
}

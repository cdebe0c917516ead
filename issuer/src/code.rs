//! Activation codes: 128 random bits for people to carry, written in Crockford's base 32 in groups of five.

use crate::reports::period::Bound;
use crate::secret::{NoRandom, Redacted, random, sha256};
use std::ops::RangeInclusive;

/// Devices that one code may activate: a provisioning line's day.
pub const USES: RangeInclusive<u32> = 1..=10_000;
/// Hours that a code may live: a device that ships abroad needs weeks, a forgotten code should not live for years.
pub const HOURS: RangeInclusive<u32> = 1..=24 * 90;
/// Hours that a code lives unless said otherwise: a week.
pub const HOURS_DEFAULT: u32 = 7 * 24;

/// When a code ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeEnd {
    /// So many hours from now.
    Hours(u32),
    /// At a moment, or with a day of the tenant.
    Until(Bound),
}

/// Crockford's alphabet: no I, L, O or U, so that nothing is mistaken when read out.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// 128 bits in characters of five.
const CHARS: usize = 26;
const GROUP: usize = 5;

/// A fresh code.
pub fn generate() -> Result<Redacted, NoRandom> {
    Ok(Redacted::new(spell(u128::from_be_bytes(*random::<16>()?))))
}

fn spell(bits: u128) -> String {
    let mut text = String::with_capacity(CHARS + CHARS / GROUP);
    for index in 0..CHARS {
        if index > 0 && index % GROUP == 0 {
            text.push('-');
        }
        let shift = 5 * (CHARS - 1 - index);
        let digit = (bits >> shift) & 31;
        text.push(char::from(ALPHABET[usize::try_from(digit).unwrap_or(0)]));
    }
    text
}

/// What a code is stored and looked up by, however it was typed; `None` for a text that cannot be one.
#[must_use]
pub fn digest(typed: &str) -> Option<[u8; 32]> {
    let mut folded = zeroize::Zeroizing::new(String::with_capacity(CHARS));
    for letter in typed.chars().filter(|letter| !matches!(letter, '-' | ' ')) {
        let letter = match letter.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        };
        let known = letter.is_ascii() && ALPHABET.iter().any(|digit| char::from(*digit) == letter);
        if !known || folded.len() == CHARS {
            return None;
        }
        folded.push(letter);
    }
    (folded.len() == CHARS).then(|| sha256(folded.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_spelt_in_groups_and_read_back_however_they_are_typed() {
        let code = spell(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
        assert_eq!(code.len(), 31, "{code}");
        assert_eq!(code.split('-').map(str::len).collect::<Vec<_>>(), [5, 5, 5, 5, 5, 1]);
        let wanted = digest(&code).unwrap();
        assert_eq!(digest(&code.to_lowercase()), Some(wanted));
        assert_eq!(digest(&code.replace('-', " ")), Some(wanted));
        assert_eq!(digest(&code.replace('0', "o").replace('1', "l")), Some(wanted));
        assert_ne!(digest(&spell(1)), Some(wanted));
    }

    #[test]
    fn other_texts_are_no_codes() {
        for text in ["", "ABC", "U0000-00000-00000-00000-00000-0", &"0".repeat(27), "' OR 1=1--", "０００"]
        {
            assert_eq!(digest(text), None, "{text}");
        }
        let (one, two) = (generate().unwrap(), generate().unwrap());
        assert_ne!(one.reveal(), two.reveal());
        assert!(digest(one.reveal()).is_some());
    }
}

//! What PostgreSQL's `jsonb` can hold of a JSON text (RFC 8259), and when two texts are the same to it.
//!
//! `jsonb` keeps neither space nor the order of members, of members with one name the last, and of numbers their value. The
//! digest here is over exactly what it keeps, so that a text and what the server makes of it have the same.

use sha2::{Digest, Sha256};

/// Deepest nesting: what the server's stack holds with room to spare, and deeper than SQLite's `json_valid` lets in.
const DEPTH_MAX: usize = 2000;
/// Digits of a `numeric` before and behind the point.
const DIGITS_BEFORE_MAX: i64 = 131_072;
const DIGITS_BEHIND_MAX: i64 = 16_383;
/// Bytes of one string or name.
const STRING_BYTES_MAX: usize = (1 << 28) - 1;

/// Why a text is nothing for `jsonb`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JsonFault {
    /// No JSON.
    Malformed,
    /// U+0000, which its text cannot hold.
    Nul,
    /// Half of a surrogate pair, which is no character.
    Surrogate,
    /// A number with more digits than `numeric` has.
    Number,
    /// Nested deeper than [`DEPTH_MAX`].
    Deep,
    /// A string longer than it holds.
    Long,
}

impl JsonFault {
    /// A stable word.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            JsonFault::Malformed => "json_malformed",
            JsonFault::Nul => "json_nul",
            JsonFault::Surrogate => "json_surrogate",
            JsonFault::Number => "json_number",
            JsonFault::Deep => "json_deep",
            JsonFault::Long => "json_long",
        }
    }
}

/// Of a value; the same for every text of it.
pub(super) type JsonDigest = [u8; 16];

/// Whether `jsonb` can hold it.
pub(super) fn check(text: &str) -> Result<(), JsonFault> {
    whole(text, false).map(drop)
}

/// The digest of what `jsonb` keeps of it.
pub(super) fn digest(text: &str) -> Result<JsonDigest, JsonFault> {
    whole(text, true)
}

fn whole(text: &str, hashing: bool) -> Result<JsonDigest, JsonFault> {
    let mut reader = Reader { text: text.as_bytes(), at: 0, hashing, scratch: Vec::new() };
    reader.space();
    let found = reader.value(0)?;
    reader.space();
    if reader.at == reader.text.len() { Ok(found) } else { Err(JsonFault::Malformed) }
}

struct Reader<'t> {
    text: &'t [u8],
    at: usize,
    /// A check alone makes no digests.
    hashing: bool,
    /// The string that was read last.
    scratch: Vec<u8>,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> Result<(), JsonFault> {
        if self.peek() != Some(byte) {
            return Err(JsonFault::Malformed);
        }
        self.at += 1;
        Ok(())
    }

    fn hash(&self, kind: u8, parts: &[&[u8]]) -> JsonDigest {
        let mut digest = [0; 16];
        if self.hashing {
            let mut hash = Sha256::new_with_prefix([kind]);
            parts.iter().for_each(|part| hash.update(part));
            digest.copy_from_slice(&hash.finalize()[..16]);
        }
        digest
    }

    fn value(&mut self, depth: usize) -> Result<JsonDigest, JsonFault> {
        if depth > DEPTH_MAX {
            return Err(JsonFault::Deep);
        }
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => {
                self.string()?;
                Ok(self.hash(b's', &[&self.scratch]))
            }
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n') => self.word(b"null"),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) | None => Err(JsonFault::Malformed),
        }
    }

    fn word(&mut self, word: &'static [u8]) -> Result<JsonDigest, JsonFault> {
        if !self.text[self.at..].starts_with(word) {
            return Err(JsonFault::Malformed);
        }
        self.at += word.len();
        Ok(self.hash(b'w', &[word]))
    }

    fn array(&mut self, depth: usize) -> Result<JsonDigest, JsonFault> {
        let mut items: Vec<u8> = Vec::new();
        self.take(b'[')?;
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(self.hash(b'a', &[]));
        }
        loop {
            self.space();
            let item = self.value(depth + 1)?;
            if self.hashing {
                items.extend(item);
            }
            self.space();
            if self.peek() == Some(b',') {
                self.at += 1;
                continue;
            }
            self.take(b']')?;
            return Ok(self.hash(b'a', &[&items]));
        }
    }

    fn object(&mut self, depth: usize) -> Result<JsonDigest, JsonFault> {
        let mut members: Vec<(Vec<u8>, JsonDigest)> = Vec::new();
        self.take(b'{')?;
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(self.hash(b'o', &[]));
        }
        loop {
            self.space();
            self.string()?;
            let name = if self.hashing { self.scratch.clone() } else { Vec::new() };
            self.space();
            self.take(b':')?;
            self.space();
            let value = self.value(depth + 1)?;
            if self.hashing {
                members.push((name, value));
            }
            self.space();
            if self.peek() == Some(b',') {
                self.at += 1;
                continue;
            }
            self.take(b'}')?;
            return Ok(self.members(members));
        }
    }

    /// Of one name the last counts.
    fn members(&self, mut members: Vec<(Vec<u8>, JsonDigest)>) -> JsonDigest {
        members.reverse();
        members.sort_by(|(one, _), (other, _)| one.cmp(other));
        members.dedup_by(|(later, _), (first, _)| later == first);
        let mut all = Vec::new();
        for (name, value) in members {
            all.extend((name.len() as u64).to_be_bytes());
            all.extend(name);
            all.extend(value);
        }
        self.hash(b'o', &[&all])
    }

    /// Into `scratch`, without escapes.
    fn string(&mut self) -> Result<(), JsonFault> {
        self.take(b'"')?;
        self.scratch.clear();
        loop {
            let begun = self.at;
            while self.peek().is_some_and(|byte| byte != b'"' && byte != b'\\' && byte >= 0x20) {
                self.at += 1;
            }
            self.scratch.extend_from_slice(&self.text[begun..self.at]);
            if self.scratch.len() > STRING_BYTES_MAX {
                return Err(JsonFault::Long);
            }
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                Some(_) | None => return Err(JsonFault::Malformed),
            }
        }
    }

    fn escape(&mut self) -> Result<(), JsonFault> {
        self.take(b'\\')?;
        let escaped = self.peek().ok_or(JsonFault::Malformed)?;
        self.at += 1;
        let plain = match escaped {
            b'"' | b'\\' | b'/' => escaped,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => return self.character(),
            _ => return Err(JsonFault::Malformed),
        };
        self.scratch.push(plain);
        Ok(())
    }

    /// Behind `\u`.
    fn character(&mut self) -> Result<(), JsonFault> {
        let first = self.unit()?;
        let code = match first {
            0 => return Err(JsonFault::Nul),
            0xd800..=0xdbff => {
                if !self.text[self.at..].starts_with(b"\\u") {
                    return Err(JsonFault::Surrogate);
                }
                self.at += 2;
                let second = self.unit()?;
                if !(0xdc00..=0xdfff).contains(&second) {
                    return Err(JsonFault::Surrogate);
                }
                0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
            }
            0xdc00..=0xdfff => return Err(JsonFault::Surrogate),
            code => code,
        };
        let character = char::from_u32(code).ok_or(JsonFault::Surrogate)?;
        self.scratch.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(())
    }

    fn unit(&mut self) -> Result<u32, JsonFault> {
        let digits = self.text.get(self.at..self.at + 4).ok_or(JsonFault::Malformed)?;
        let mut unit = 0;
        for digit in digits {
            unit = unit * 16 + char::from(*digit).to_digit(16).ok_or(JsonFault::Malformed)?;
        }
        self.at += 4;
        Ok(unit)
    }

    fn digits(&mut self) -> &[u8] {
        let begun = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        &self.text[begun..self.at]
    }

    fn number(&mut self) -> Result<JsonDigest, JsonFault> {
        let negative = self.peek() == Some(b'-');
        self.at += usize::from(negative);
        let whole = self.digits().to_vec();
        if whole.is_empty() || whole.len() > 1 && whole[0] == b'0' {
            return Err(JsonFault::Malformed);
        }
        let mut behind = Vec::new();
        if self.peek() == Some(b'.') {
            self.at += 1;
            behind = self.digits().to_vec();
            if behind.is_empty() {
                return Err(JsonFault::Malformed);
            }
        }
        let exponent = self.exponent()?;
        self.worth(negative, (&whole, &behind), exponent)
    }

    fn exponent(&mut self) -> Result<i64, JsonFault> {
        if !matches!(self.peek(), Some(b'e' | b'E')) {
            return Ok(0);
        }
        self.at += 1;
        let negative = self.peek() == Some(b'-');
        self.at += usize::from(matches!(self.peek(), Some(b'-' | b'+')));
        let digits = self.digits();
        if digits.is_empty() {
            return Err(JsonFault::Malformed);
        }
        // Any that does not fit is too large for `numeric` as well.
        let text = std::str::from_utf8(digits).map_err(|_| JsonFault::Malformed)?;
        let size = text.parse::<i64>().map_err(|_| JsonFault::Number)?;
        if size > i64::from(i32::MAX) / 2 {
            return Err(JsonFault::Number);
        }
        Ok(if negative { -size } else { size })
    }

    /// The number as `numeric` counts its digits: it keeps zeros behind the point, which say nothing of the value.
    fn worth(
        &self,
        negative: bool,
        (whole, behind): (&[u8], &[u8]),
        exponent: i64,
    ) -> Result<JsonDigest, JsonFault> {
        let scale = i64::try_from(behind.len()).unwrap_or(i64::MAX) - exponent;
        if scale > DIGITS_BEHIND_MAX {
            return Err(JsonFault::Number);
        }
        let mut digits: Vec<u8> = whole.iter().chain(behind).copied().collect();
        let leading = digits.iter().take_while(|digit| **digit == b'0').count();
        digits.drain(..leading);
        if i64::try_from(digits.len()).unwrap_or(i64::MAX) - scale > DIGITS_BEFORE_MAX {
            return Err(JsonFault::Number);
        }
        let mut scale = scale;
        while digits.last() == Some(&b'0') {
            digits.pop();
            scale -= 1;
        }
        if digits.is_empty() {
            return Ok(self.hash(b'n', &[b"0"]));
        }
        let sign: &[u8] = if negative { b"-" } else { b"+" };
        Ok(self.hash(b'n', &[sign, &digits, &scale.to_be_bytes()]))
    }
}

#[cfg(test)]
mod tests;

//! Activation codes for a fleet: as `brink-issuer device code --json` prints them, or one a line.

use std::sync::Arc;

/// A code and how many devices it activates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    /// As the admin handed it over.
    pub text: Arc<str>,
    /// Devices.
    pub uses: u32,
}

/// Why there are no codes for a fleet.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodesError {
    /// Neither form.
    #[error(
        "line {0} is neither a code, nor a code and its number of uses, nor what `brink-issuer device code --json` prints"
    )]
    Malformed(usize),
    /// Too few.
    #[error("the codes activate {found} devices, and {wanted} are wanted: make one with --uses {wanted}")]
    TooFew {
        /// Their uses together.
        found: u64,
        /// Devices.
        wanted: u32,
    },
}

/// Reads codes: JSON documents one after the other, or lines of a code and, if it has more than one, its uses.
pub fn read(text: &str) -> Result<Vec<Code>, CodesError> {
    if text.trim_start().starts_with('{') {
        let documents = serde_json::Deserializer::from_str(text).into_iter::<serde_json::Value>();
        return documents.enumerate().map(|(at, document)| of_document(at, document.ok())).collect();
    }
    let lines = text.lines().enumerate().map(|(at, line)| (at, line.trim()));
    lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')).map(of_line).collect()
}

fn of_document(at: usize, document: Option<serde_json::Value>) -> Result<Code, CodesError> {
    let found = document.as_ref().and_then(|document| {
        let uses = u32::try_from(document["uses"].as_u64()?).ok()?;
        Some(Code { text: document["code"].as_str()?.into(), uses })
    });
    found.ok_or(CodesError::Malformed(at + 1))
}

fn of_line((at, line): (usize, &str)) -> Result<Code, CodesError> {
    let mut words = line.split_whitespace();
    let malformed = CodesError::Malformed(at + 1);
    let (Some(text), uses, None) = (words.next(), words.next(), words.next()) else { return Err(malformed) };
    let uses = uses.map_or(Ok(1), str::parse).map_err(|_| malformed)?;
    Ok(Code { text: text.into(), uses })
}

/// A code for each device.
pub fn deal(codes: &[Code], devices: u32) -> Result<Vec<Arc<str>>, CodesError> {
    let found = codes.iter().map(|code| u64::from(code.uses)).sum();
    if found < u64::from(devices) {
        return Err(CodesError::TooFew { found, wanted: devices });
    }
    // In turn, so that several tenants have devices of every age.
    let mut left: Vec<Code> = codes.to_vec();
    let mut dealt = Vec::new();
    while dealt.len() < devices as usize {
        for code in left.iter_mut().filter(|code| code.uses > 0) {
            code.uses -= 1;
            dealt.push(Arc::clone(&code.text));
        }
    }
    dealt.truncate(devices as usize);
    Ok(dealt)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str, uses: u32) -> Code {
        Code { text: text.into(), uses }
    }

    #[test]
    fn both_forms_are_read() {
        let lines = "# line 1 of 2\nAAAAA-BBBBB 20\n\n  CCCCC \n";
        assert_eq!(read(lines), Ok(vec![code("AAAAA-BBBBB", 20), code("CCCCC", 1)]));
        let documents = "{\"code\": \"A\", \"uses\": 2, \"devices\": []}\n{\"code\": \"B\", \"uses\": 1}";
        assert_eq!(read(documents), Ok(vec![code("A", 2), code("B", 1)]));
        assert_eq!(read("A B"), Err(CodesError::Malformed(1)));
        assert_eq!(read("A\nA 1 1"), Err(CodesError::Malformed(2)));
        assert_eq!(read("{\"code\": 1}"), Err(CodesError::Malformed(1)));
        assert_eq!(read("{\"code\""), Err(CodesError::Malformed(1)));
    }

    #[test]
    fn codes_are_dealt_in_turn_and_too_few_are_refused() {
        let codes = [code("A", 1), code("B", 3)];
        let dealt = |devices| deal(&codes, devices).map(|dealt| dealt.concat_texts());
        assert_eq!(dealt(3), Ok("ABB".to_owned()));
        assert_eq!(dealt(4), Ok("ABBB".to_owned()));
        assert_eq!(dealt(5), Err(CodesError::TooFew { found: 4, wanted: 5 }));
    }

    trait ConcatTexts {
        fn concat_texts(&self) -> String;
    }

    impl ConcatTexts for Vec<Arc<str>> {
        fn concat_texts(&self) -> String {
            self.iter().map(|text| &**text).collect()
        }
    }
}

//! What the greys of a page mean, which PDF/A wants to be said: a profile after ICC.1:2001-04 of a screen that knows one
//! colour, written out here because it is a few numbers and every one that could be shipped is somebody's.

/// X, Y and Z of white in daylight (D50), in 16.16 bits, to which profiles refer.
const WHITE: [u32; 3] = [0xF6D6, 0x1_0000, 0xD32D];
/// Gamma 2.2 in 8.8 bits.
const GAMMA: u16 = 0x0233;
const HEADER_BYTES: usize = 128;
/// A name, where it begins, how long it is.
const ENTRY_BYTES: usize = 12;

pub(super) fn profile() -> Vec<u8> {
    let tags: [(&[u8; 4], Vec<u8>); 4] = [
        (b"desc", description("Grey, gamma 2.2")),
        (b"cprt", text("No copyright, use freely")),
        (b"wtpt", [b"XYZ \0\0\0\0".as_slice(), &xyz()].concat()),
        (b"kTRC", [b"curv\0\0\0\0\0\0\0\x01".as_slice(), &GAMMA.to_be_bytes(), &[0; 2]].concat()),
    ];
    let (mut table, mut values) = (number(tags.len()).to_vec(), Vec::new());
    let begin = HEADER_BYTES + 4 + tags.len() * ENTRY_BYTES;
    for (name, mut value) in tags {
        table.extend_from_slice(name);
        table.extend(number(begin + values.len()));
        table.extend(number(value.len()));
        value.resize(value.len().next_multiple_of(4), 0);
        values.extend(value);
    }
    [header(begin + values.len()), table, values].concat()
}

fn header(bytes: usize) -> Vec<u8> {
    let mut header = number(bytes).to_vec();
    header.extend_from_slice(b"\0\0\0\0\x02\x10\0\0mntrGRAYXYZ ");
    // Some day: a profile has to have one.
    header.extend([2026_u16, 1, 1, 0, 0, 0].into_iter().flat_map(u16::to_be_bytes));
    header.extend_from_slice(b"acsp");
    header.resize(68, 0);
    header.extend(xyz());
    header.resize(HEADER_BYTES, 0);
    header
}

fn description(words: &str) -> Vec<u8> {
    let mut value = b"desc\0\0\0\0".to_vec();
    value.extend(number(words.len() + 1));
    value.extend_from_slice(words.as_bytes());
    // Its end, and that there is none in Unicode or for a Macintosh.
    value.resize(value.len() + 1 + 8 + 3 + 67, 0);
    value
}

fn text(words: &str) -> Vec<u8> {
    [b"text\0\0\0\0".as_slice(), words.as_bytes(), b"\0"].concat()
}

fn xyz() -> Vec<u8> {
    WHITE.into_iter().flat_map(u32::to_be_bytes).collect()
}

/// All in here is some hundred bytes.
fn number(value: usize) -> [u8; 4] {
    u32::try_from(value).unwrap_or(u32::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_where_the_table_says() {
        let profile = profile();
        let at =
            |at: usize| usize::try_from(u32::from_be_bytes(*profile[at..].first_chunk().unwrap())).unwrap();
        assert_eq!((at(0), &profile[36..40]), (profile.len(), b"acsp".as_slice()));
        let types = (0..at(128)).map(|tag| {
            let (offset, length) = (at(132 + tag * 12 + 4), at(132 + tag * 12 + 8));
            assert!(offset % 4 == 0 && offset + length <= profile.len());
            &profile[offset..offset + 4]
        });
        assert_eq!(types.collect::<Vec<_>>(), [b"desc", b"text", b"XYZ ", b"curv"]);
    }
}

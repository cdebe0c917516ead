//! Which boot of which machine.

use serde::{Deserialize, Serialize};

/// The kernel's boot id: the same value means the same boot of the same machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BootId(u128);

impl BootId {
    /// Of what no machine made: a record that an issuer keeps for a client without a journal.
    pub const NONE: Self = Self(0);

    /// Reads the 36 characters of `/proc/sys/kernel/random/boot_id`, with or without the final newline.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim_end_matches('\n');
        let dashes = text.bytes().enumerate().filter(|(_, b)| *b == b'-').map(|(at, _)| at);
        if text.len() != 36 || !dashes.eq([8, 13, 18, 23]) {
            return None;
        }
        let digits: String = text.chars().filter(|c| *c != '-').collect();
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        u128::from_str_radix(&digits, 16).ok().map(Self)
    }
}

impl std::fmt::Display for BootId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hex = format!("{:032x}", self.0);
        write!(f, "{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }
}

#[cfg(test)]
impl BootId {
    pub(super) const fn of(number: u128) -> Self {
        Self(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boot_ids_are_read_as_the_kernel_writes_them() {
        let text = "0a1b2c3d-0000-4000-8000-00000000ff01";
        assert_eq!(BootId::parse(&format!("{text}\n")).map(|id| id.to_string()), Some(text.to_owned()));
        for bad in
            ["", "0a1b2c3d", "0a1b2c3d-0000-4000-8000-00000000ff0g", "0a1b2c3d00000-4000-8000-00000000ff01"]
        {
            assert_eq!(BootId::parse(bad), None, "{bad}");
        }
    }
}

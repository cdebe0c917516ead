//! What a key is for, and the file names that follow from it.

use brink_license::keyset;
use std::fmt;

/// What a key is for: written into the public half, so that a key is not loaded for another purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyUse {
    /// Signs keyset manifests; in production three of them, moved offline.
    Root,
    /// Signs licences.
    License,
    /// Signs receipts.
    Receipt,
    /// Signs the heads of the audit chain.
    Audit,
    /// Signs what a device says; made on the device and never leaves it.
    Device,
}

impl KeyUse {
    /// Every use.
    pub const ALL: [KeyUse; 5] =
        [KeyUse::Root, KeyUse::License, KeyUse::Receipt, KeyUse::Audit, KeyUse::Device];

    /// The word in the public half and in messages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            KeyUse::Root => "root",
            KeyUse::License => "license",
            KeyUse::Receipt => "receipt",
            KeyUse::Audit => "audit",
            KeyUse::Device => "device",
        }
    }

    /// The use that a keyset manifest records; it lists roots apart, and no device key.
    #[must_use]
    pub const fn in_keyset(self) -> Option<keyset::KeyUse> {
        match self {
            KeyUse::License => Some(keyset::KeyUse::License),
            KeyUse::Receipt => Some(keyset::KeyUse::Receipt),
            KeyUse::Audit => Some(keyset::KeyUse::Audit),
            KeyUse::Root | KeyUse::Device => None,
        }
    }

    /// The name of the `number`-th key of this use, `license-1.key`: roots come in threes, and the others are
    /// succeeded by new ones. A device has one key at a time, always `device.key`.
    #[must_use]
    pub fn file_name(self, number: u32) -> String {
        match self {
            KeyUse::Device => "device.key".to_owned(),
            KeyUse::Root | KeyUse::License | KeyUse::Receipt | KeyUse::Audit => {
                format!("{self}-{number}.key")
            }
        }
    }
}

impl fmt::Display for KeyUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_is_the_json_and_the_stem_of_the_file() {
        for key_use in KeyUse::ALL {
            let json = serde_json::to_string(&key_use).unwrap();
            assert_eq!(json, format!("\"{key_use}\""));
            assert_eq!(serde_json::from_str::<KeyUse>(&json).unwrap(), key_use);
            assert!(key_use.in_keyset().is_none_or(|listed| listed.as_str() == key_use.as_str()));
            assert!(key_use.file_name(2).starts_with(key_use.as_str()));
        }
        assert_eq!(KeyUse::License.file_name(1), "license-1.key");
        assert_eq!(KeyUse::Device.file_name(7), "device.key");
    }
}

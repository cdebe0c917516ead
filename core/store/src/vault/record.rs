//! A value of the vault: version byte, postcard, and a MAC that ties it to its key.

use super::VaultDamage;
use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::Sha256;
use subtle::ConstantTimeEq;

const VERSION: u8 = 1;
const MAC_BYTES: usize = 32;
/// Separates these MACs from every other use of the same key.
const CONTEXT: &[u8] = b"brink/vault/v1\0";

/// Makes and checks values. The key is derived from the device key, so a vault of another device is damage.
pub(super) struct Sealer {
    mac_key: [u8; 32],
}

impl Sealer {
    pub(super) const fn new(mac_key: [u8; 32]) -> Self {
        Self { mac_key }
    }

    pub(super) fn seal<T: Serialize>(&self, key: &[u8], value: &T) -> Result<Vec<u8>, VaultDamage> {
        let sealed = postcard::to_extend(value, vec![VERSION]);
        let mut sealed = sealed.map_err(|_| VaultDamage::Record { key: shown(key) })?;
        let mac = self.mac(key, &sealed);
        sealed.extend_from_slice(&mac);
        Ok(sealed)
    }

    pub(super) fn open<T: DeserializeOwned>(&self, key: &[u8], sealed: &[u8]) -> Result<T, VaultDamage> {
        let content = self.check(key, sealed)?;
        match postcard::take_from_bytes(content) {
            Ok((value, [])) => Ok(value),
            Ok(_) | Err(_) => Err(VaultDamage::Record { key: shown(key) }),
        }
    }

    /// The postcard of a value whose MAC fits its key.
    pub(super) fn check<'s>(&self, key: &[u8], sealed: &'s [u8]) -> Result<&'s [u8], VaultDamage> {
        let at = sealed.len().checked_sub(MAC_BYTES);
        let (content, mac) = sealed.split_at(at.ok_or_else(|| VaultDamage::Mac { key: shown(key) })?);
        if !bool::from(self.mac(key, content)[..].ct_eq(mac)) {
            return Err(VaultDamage::Mac { key: shown(key) });
        }
        match content.split_first() {
            Some((&VERSION, postcard)) => Ok(postcard),
            Some(_) | None => Err(VaultDamage::Record { key: shown(key) }),
        }
    }

    /// Content as it stands behind the version byte and before the MAC.
    pub(super) fn sealed_content(&self, key: &[u8], content: &[u8]) -> Vec<u8> {
        let mut sealed = [&[VERSION], content].concat();
        let mac = self.mac(key, &sealed);
        sealed.extend_from_slice(&mac);
        sealed
    }

    fn mac(&self, key: &[u8], content: &[u8]) -> [u8; MAC_BYTES] {
        // A key shorter than the hash's block is padded with zeros (RFC 2104 section 2); done here it cannot fail.
        let mut padded = [0; 64];
        padded[..self.mac_key.len()].copy_from_slice(&self.mac_key);
        let mut mac = <Hmac<Sha256> as KeyInit>::new(&padded.into());
        mac.update(CONTEXT);
        mac.update(&(key.len() as u64).to_le_bytes());
        mac.update(key);
        mac.update(content);
        mac.finalize().into_bytes().into()
    }
}

fn shown(key: &[u8]) -> String {
    String::from_utf8_lossy(key).chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SEALER: Sealer = Sealer::new([7; 32]);

    #[test]
    fn bytes_left_over_are_refused_even_with_a_good_mac() {
        let mut content = postcard::to_extend("text", vec![VERSION]).unwrap();
        content.push(0);
        let mac = SEALER.mac(b"k", &content);
        content.extend_from_slice(&mac);
        assert_eq!(SEALER.open::<String>(b"k", &content), Err(VaultDamage::Record { key: "k".into() }));
    }

    #[test]
    fn another_version_is_refused() {
        let mut content = postcard::to_extend("text", vec![2]).unwrap();
        let mac = SEALER.mac(b"k", &content);
        content.extend_from_slice(&mac);
        assert_eq!(SEALER.open::<String>(b"k", &content), Err(VaultDamage::Record { key: "k".into() }));
    }

    proptest! {
        #[test]
        fn a_value_opens_under_its_own_key_and_sealer_only(
            key in prop::collection::vec(any::<u8>(), 0..20),
            other in prop::collection::vec(any::<u8>(), 0..20),
            value in ".{0,40}",
            bit in any::<prop::sample::Index>(),
        ) {
            let sealed = SEALER.seal(&key, &value).unwrap();
            prop_assert_eq!(SEALER.open::<String>(&key, &sealed), Ok(value));
            prop_assert!(other == key || SEALER.open::<String>(&other, &sealed).is_err());
            prop_assert!(Sealer::new([8; 32]).open::<String>(&key, &sealed).is_err());
            let bit = bit.index(sealed.len() * 8);
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(SEALER.open::<String>(&key, &flipped).is_err());
            prop_assert!(SEALER.open::<String>(&key, &sealed[..bit / 8]).is_err());
        }
    }
}

//! The chain of the audit's lines: what each is kept with, and the one way to continue it.

use brink_license::{TenantId, UnixSeconds};
use sha2::{Digest, Sha256};

/// What begins every line's digest, so that it is the digest of nothing else.
const LINE_LABEL: &[u8] = b"brink/audit/v1\0";
/// The same of lines from before there was a chain.
const EARLIER_LABEL: &[u8] = b"brink/audit/earlier/v1\0";

/// SHA-256 over a line and the hash of the line before it.
pub type LineHash = [u8; 32];

/// A chain by its name in the database: the tenant's id; the issuer's own has the empty name, which is no tenant's.
#[must_use]
pub fn chain_name(tenant: Option<&TenantId>) -> &str {
    tenant.map_or("", TenantId::as_str)
}

/// Where a chain stands; before its first line, 0 and zeros.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChainHead {
    /// The number of its last line, from 1.
    pub seq: u64,
    /// The hash of that line.
    pub hash: LineHash,
}

/// The text of a line, as it is stored.
#[derive(Clone, Copy, Debug)]
pub struct LineText<'a> {
    /// When.
    pub at: UnixSeconds,
    /// Who.
    pub actor: &'a str,
    /// What.
    pub action: &'a str,
    /// On what.
    pub subject: &'a str,
    /// Particulars: JSON, byte for byte as stored.
    pub detail: &'a str,
}

impl ChainHead {
    /// The head after one more line of this chain. The chain's name and the line's number are covered too, so that no
    /// line can stand elsewhere; each text is preceded by its length, so that none can lend bytes to its neighbour.
    #[must_use]
    pub fn after(&self, chain: Option<&TenantId>, line: &LineText<'_>) -> Self {
        let seq = self.seq.saturating_add(1);
        let mut digest = Sha256::new();
        digest.update(LINE_LABEL);
        digest.update(self.hash);
        add(&mut digest, chain_name(chain));
        digest.update(seq.to_be_bytes());
        add_line(&mut digest, line);
        Self { seq, hash: digest.finalize().into() }
    }
}

/// The digest of lines from before there was a chain, in their order.
#[derive(Clone, Debug)]
pub struct Earlier {
    digest: Sha256,
    lines: u64,
}

impl Default for Earlier {
    fn default() -> Self {
        Self { digest: Sha256::new_with_prefix(EARLIER_LABEL), lines: 0 }
    }
}

impl Earlier {
    /// The next line.
    pub fn add(&mut self, line: &LineText<'_>) {
        add_line(&mut self.digest, line);
        self.lines = self.lines.saturating_add(1);
    }

    /// How many there were, and their digest.
    #[must_use]
    pub fn finish(self) -> (u64, LineHash) {
        (self.lines, self.digest.finalize().into())
    }
}

fn add_line(digest: &mut Sha256, line: &LineText<'_>) {
    digest.update(line.at.as_i64().to_be_bytes());
    for text in [line.actor, line.action, line.subject, line.detail] {
        add(digest, text);
    }
}

fn add(digest: &mut Sha256, text: &str) {
    digest.update((text.len() as u64).to_be_bytes());
    digest.update(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line<'a>(texts: &'a [String; 4], at: i64) -> LineText<'a> {
        let [actor, action, subject, detail] = texts;
        LineText { at: UnixSeconds::new(at), actor, action, subject, detail }
    }

    #[test]
    fn the_hash_of_a_line_is_the_one_that_is_documented() {
        // Computed by hand from the layout that docs/DECISIONS.md gives.
        let texts = ["cli", "tenant.create", "acme", "{}"].map(String::from);
        let head = ChainHead::default().after(Some(&"acme".parse().unwrap()), &line(&texts, 5));
        let mut bytes = b"brink/audit/v1\0".to_vec();
        bytes.extend([0; 32]);
        bytes.extend([0, 0, 0, 0, 0, 0, 0, 4]);
        bytes.extend(b"acme");
        bytes.extend([0, 0, 0, 0, 0, 0, 0, 1]);
        bytes.extend([0, 0, 0, 0, 0, 0, 0, 5]);
        for text in ["cli", "tenant.create", "acme", "{}"] {
            bytes.extend((text.len() as u64).to_be_bytes());
            bytes.extend(text.as_bytes());
        }
        assert_eq!((head.seq, head.hash), (1, <[u8; 32]>::from(Sha256::digest(&bytes))));
    }

    proptest! {
        #[test]
        fn no_other_line_place_or_chain_has_the_same_hash(
            texts in prop::array::uniform4(".{0,6}"), other in prop::array::uniform4(".{0,6}"),
            (at, other_at) in (0..4_i64, 0..4_i64), (seq, other_seq) in (0..3_u64, 0..3_u64),
            (own, others) in (0..2_usize, 0..2_usize),
        ) {
            let chains = [None, Some("a".parse::<TenantId>().unwrap())];
            let head = |seq| ChainHead { seq, hash: [7; 32] };
            let one = head(seq).after(chains[own].as_ref(), &line(&texts, at));
            let two = head(other_seq).after(chains[others].as_ref(), &line(&other, other_at));
            let same = (texts == other) && (at, seq, own) == (other_at, other_seq, others);
            prop_assert_eq!(one.hash == two.hash, same);
        }
    }
}

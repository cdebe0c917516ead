//! What reading hostile bytes takes. A binary with one test, because it looks at the whole process.

#![allow(clippy::unwrap_used, reason = "what a test relies on may fail it")]

use brink_license::exchange::{ExchangeRequest, ExchangeResponse, RESPONSE_BYTES_MAX};
use brink_store::{BUNDLE_BYTES_MAX, Bundle};
use sha2::{Digest, Sha256};
use std::fs;

/// What refusing a document of two megabytes may add: its own bytes once or twice, not two dozen times.
const PEAK_GROWTH_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Empty elements of a list, one byte each.
const MANY: usize = 2_000_000;

/// The most memory that this process has had at once, in bytes.
fn peak_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
}

/// `front`, a list that says it has [`MANY`] elements, and zeros for them and whatever follows, up to `bytes`.
fn bomb(front: &[u8], bytes: usize) -> Vec<u8> {
    let mut bomb = Vec::with_capacity(bytes);
    bomb.extend_from_slice(front);
    let mut left = MANY;
    while left >= 0x80 {
        bomb.push(u8::try_from(left & 0x7f).unwrap() | 0x80);
        left >>= 7;
    }
    bomb.push(u8::try_from(left).unwrap());
    bomb.resize(bytes, 0);
    bomb
}

#[test]
fn a_document_of_two_megabytes_takes_no_more_than_a_few() {
    // A response: no receipt, a ratchet, then its manifests. A bundle: its manifests, then what it takes to be whole.
    let response = bomb(&[b"BRINKRSP\x01", &[0; 33][..]].concat(), RESPONSE_BYTES_MAX.min(MANY + 50));
    let mut bundle = bomb(b"BRINKBND\x01", BUNDLE_BYTES_MAX.min(MANY + 60));
    let digest = Sha256::digest(&bundle);
    bundle.extend_from_slice(&digest);
    let before = peak_bytes();
    assert!(ExchangeResponse::decode(&response).is_err());
    assert!(ExchangeRequest::decode(&response).is_err());
    assert!(Bundle::decode(&bundle).is_err());
    let growth = peak_bytes() - before;
    assert!(growth < PEAK_GROWTH_BYTES_MAX, "refusing them took {growth} bytes more");
}

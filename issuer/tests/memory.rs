//! What reading the largest body takes. A binary with one test, because it looks at the whole process.

#![allow(clippy::unwrap_used, reason = "what a test relies on may fail it")]

use brink_issuer::http::WORK_BYTES_MAX;
use brink_license::exchange::{BODY_BYTES_MAX, RequestBody};
use std::fs;

/// The most memory that this process has had at once, in bytes.
fn peak_bytes() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() * 1024
}

/// An exchange with one section of zeros that fills the body: a frame (RFC 8878) with the largest window that is taken,
/// one raw block, and runs of zeros.
fn largest_body() -> Vec<u8> {
    // `Exchange`, an empty report, no receipt, one section: kind 0 and its bytes, whose count takes four.
    let front = [1, 0, 0, 0, 0, 0, 0, 0, 1, 0];
    let mut zeros = BODY_BYTES_MAX - front.len() - 4;
    let mut plain = front.to_vec();
    plain.extend([0, 7, 14].map(|shift| 0x80 | u8::try_from((zeros >> shift) & 0x7f).unwrap()));
    plain.push(u8::try_from(zeros >> 21).unwrap());
    let mut body = vec![1, 0x28, 0xb5, 0x2f, 0xfd, 0, 14 << 3];
    let mut block = |last: bool, kind: usize, size: usize, content: &[u8]| {
        body.extend_from_slice(&(usize::from(last) | kind << 1 | size << 3).to_le_bytes()[..3]);
        body.extend_from_slice(content);
    };
    block(false, 0, plain.len(), &plain);
    while zeros > 0 {
        let run = zeros.min(128 * 1024);
        zeros -= run;
        block(zeros == 0, 1, run, &[0]);
    }
    body
}

#[test]
fn the_largest_body_takes_no_more_than_is_reckoned_for_it() {
    let body = largest_body();
    let before = peak_bytes();
    let read = RequestBody::decode(&body).unwrap();
    assert!(read.sections[0].bytes.len() > BODY_BYTES_MAX - 32);
    let growth = peak_bytes() - before;
    assert!(growth < WORK_BYTES_MAX, "{growth} bytes more");
}

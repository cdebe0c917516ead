//! Arguments of C as arguments of Rust: nothing that comes in is believed.

use crate::types::{brink_gate, brink_text, brink_trust};
use brink_license::keyset::TrustAnchor;
use brink_license::{Code, IssuerName, Kid};
use brink_store::GateStatus;
use brink_store::gate::{GateRef, find};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// Longest text that any entry reads: PATH_MAX, far above every name. A length beyond it is a mistake, such as a
/// negative number or a buffer's size, and reading so far would leave the caller's memory.
pub const BRINK_TEXT_BYTES_MAX: usize = 4096;

/// Most root keys that are read: above what any trust anchor may have, which refuses the rest by itself.
const ROOTS_READ_MAX: usize = 64;

/// # Safety
/// `text.ptr` is null or has `text.len` readable bytes for as long as the answer is used.
#[inline]
pub(crate) unsafe fn bytes<'a>(text: brink_text) -> Result<&'a [u8], Code> {
    if text.ptr.is_null() {
        return Err(Code::NullPointer);
    }
    if text.len > BRINK_TEXT_BYTES_MAX {
        return Err(Code::OutOfRange);
    }
    // SAFETY: not null, of a sane length, and readable as the caller promised.
    Ok(unsafe { std::slice::from_raw_parts(text.ptr.cast(), text.len) })
}

/// # Safety
/// As [`bytes`].
#[inline]
pub(crate) unsafe fn text<'a>(text: brink_text) -> Result<&'a str, Code> {
    // SAFETY: the caller's promise is passed on.
    let bytes = unsafe { bytes(text) }?;
    // Nearly every name is ASCII, and for short texts this look is a fifth of the other's price.
    if bytes.is_ascii() {
        // SAFETY: ASCII is UTF-8.
        return Ok(unsafe { std::str::from_utf8_unchecked(bytes) });
    }
    std::str::from_utf8(bytes).map_err(|_| Code::BadUtf8)
}

/// A path is bytes, but not every bytes are a path: a length that counts the closing NUL is a common mistake.
///
/// # Safety
/// As [`bytes`].
pub(crate) unsafe fn path<'a>(path: brink_text) -> Result<&'a Path, Code> {
    // SAFETY: the caller's promise is passed on.
    let bytes = unsafe { bytes(path) }?;
    if bytes.is_empty() || bytes.contains(&0) {
        return Err(Code::OutOfRange);
    }
    Ok(Path::new(OsStr::from_bytes(bytes)))
}

/// # Safety
/// `trust` is null or readable, and so are its texts.
pub(crate) unsafe fn anchor(trust: *const brink_trust) -> Result<TrustAnchor, Code> {
    // SAFETY: null or readable.
    let trust = unsafe { trust.as_ref() }.ok_or(Code::NullPointer)?;
    // SAFETY: the caller's promise is passed on.
    let issuer = unsafe { text(trust.issuer) }?;
    let issuer = IssuerName::parse(issuer).map_err(|error| error.code())?;
    if trust.roots.is_null() {
        return Err(Code::NullPointer);
    }
    if trust.roots_len > ROOTS_READ_MAX {
        return Err(Code::BadTrust);
    }
    // SAFETY: not null, of a sane length, and readable as the caller promised.
    let roots = unsafe { std::slice::from_raw_parts(trust.roots, trust.roots_len) };
    let roots = roots.iter().map(|root| {
        // SAFETY: the caller's promise is passed on.
        Kid::parse(unsafe { text(*root) }?).ok_or(Code::BadTrust)
    });
    let roots = roots.collect::<Result<Vec<_>, Code>>()?;
    TrustAnchor::new(issuer, trust.threshold, roots).map_err(|error| error.code())
}

/// The gate of an id; one that was closed is found and answers as such.
#[inline]
pub(crate) fn gate(gate: brink_gate) -> Result<GateRef, Code> {
    find(gate.into()).ok_or(Code::BadHandle)
}

/// The same for an entry that a closed gate has nothing to say to.
pub(crate) fn open_gate(gate: brink_gate) -> Result<GateRef, Code> {
    let gate = self::gate(gate)?;
    gate.check_open().map(|()| gate)
}

/// What an open gate holds.
pub(crate) fn status(gate: brink_gate) -> Result<GateStatus, Code> {
    let gate = open_gate(gate)?;
    // Closed by another thread between the two.
    gate.status().ok_or(Code::BadHandle)
}

//! `Idempotency-Key`: a request that is sent again is answered again, byte for byte, and done once.
//!
//! The answer is kept for a day, in the transaction of what it answers. It may hold a secret that is shown once, so it is
//! sealed with a key that is derived from the secret of the API key, which is not kept: whoever has the database has no
//! answer, and whoever has the API key got it already.

use super::failure::Failure;
use crate::access::ApiKey;
use crate::secret::{NoRandom, random, sha256};
use crate::storage::Sealed;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Key, Nonce};
use axum::http::{HeaderMap, StatusCode};
use hkdf::Hkdf;
use sha2::Sha256;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use zeroize::Zeroizing;

/// The header.
pub(super) const HEADER: &str = "idempotency-key";
/// Longest name of a request.
const NAME_BYTES_MAX: usize = 255;
/// How long an answer is remembered: longer than a client tries again.
pub(super) const REMEMBERED_SECONDS: i64 = 24 * 3600;
/// What everything here is derived for.
const PURPOSE: &[u8] = b"brink remembered answer 1";
const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;

/// What a request calls itself; `None` for one that does not.
pub(super) fn name(headers: &HeaderMap) -> Result<Option<&str>, Failure> {
    let mut values = headers.get_all(HEADER).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let text = value.to_str().ok().filter(|text| (1..=NAME_BYTES_MAX).contains(&text.len()));
    match (text, values.next()) {
        (Some(text), None) => Ok(Some(text)),
        _ => Err(Failure::malformed(
            "BAD_IDEMPOTENCY_KEY",
            format!("Idempotency-Key takes one text of 1 to {NAME_BYTES_MAX} printable ASCII characters"),
        )),
    }
}

/// What the storage knows a request by, and how its answer is sealed: all of it from the API key's secret.
pub(super) struct Envelope<'k> {
    key: &'k ApiKey,
    name: &'k str,
    request: [u8; 32],
}

impl<'k> Envelope<'k> {
    pub(super) fn new(key: &'k ApiKey, name: &'k str, (method, path, body): (&str, &str, &[u8])) -> Self {
        let mut request = Vec::with_capacity(method.len() + path.len() + 2 + 32);
        // Neither a method nor a path has a line end in it.
        request.extend_from_slice(format!("{method}\n{path}\n").as_bytes());
        request.extend_from_slice(&sha256(body));
        Self { key, name, request: sha256(&request) }
    }

    /// What stands for the name.
    pub(super) fn name_digest(&self) -> Result<[u8; 32], Failure> {
        self.derived(None, &[b"name", self.name.as_bytes()])
    }

    /// What stands for the request.
    pub(super) fn request_digest(&self) -> Result<[u8; 32], Failure> {
        self.derived(None, &[b"request", &self.request])
    }

    pub(super) fn seal(&self, answer: &[u8]) -> Result<Sealed, Failure> {
        let salt = *random::<32>().map_err(|error: NoRandom| {
            tracing::error!(%error, "an answer cannot be sealed");
            Failure::internal()
        })?;
        let (cipher, nonce) = self.cipher(&salt)?;
        let payload = Payload { msg: answer, aad: &self.request };
        let bytes = cipher.encrypt(&nonce, payload).map_err(|_| Failure::internal())?;
        Ok(Sealed { salt, bytes })
    }

    pub(super) fn open(&self, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let (cipher, nonce) = self.cipher(&sealed.salt)?;
        let payload = Payload { msg: &sealed.bytes, aad: &self.request };
        let opened = cipher.decrypt(&nonce, payload).map_err(|_| {
            tracing::error!(key = %self.key.id(), "an answer that was remembered is damaged");
            Failure::internal()
        })?;
        Ok(Zeroizing::new(opened))
    }

    /// Each salt gives a key of its own, so that no nonce is ever used twice with one.
    fn cipher(&self, salt: &[u8; 32]) -> Result<(Aes256Gcm, Nonce<aes_gcm::aead::consts::U12>), Failure> {
        let mut okm = Zeroizing::new([0u8; KEY_BYTES + NONCE_BYTES]);
        self.expand(Some(salt), &[b"answer", self.name.as_bytes()], &mut *okm)?;
        let (key, nonce) = okm.split_at(KEY_BYTES);
        let key = Key::<Aes256Gcm>::try_from(key).map_err(|_| Failure::internal())?;
        let nonce = Nonce::try_from(nonce).map_err(|_| Failure::internal())?;
        Ok((Aes256Gcm::new(&key), nonce))
    }

    fn derived(&self, salt: Option<&[u8; 32]>, context: &[&[u8]]) -> Result<[u8; 32], Failure> {
        let mut bytes = [0u8; 32];
        self.expand(salt, context, &mut bytes)?;
        Ok(bytes)
    }

    fn expand(&self, salt: Option<&[u8; 32]>, context: &[&[u8]], to: &mut [u8]) -> Result<(), Failure> {
        let secret = self.key.secret().reveal().as_bytes();
        let hkdf = Hkdf::<Sha256>::new(salt.map(<[u8; 32]>::as_slice), secret);
        let parts: Vec<&[u8]> = std::iter::once(PURPOSE).chain(context.iter().copied()).collect();
        hkdf.expand_multi_info(&parts, to).map_err(|_| Failure::internal())
    }
}

/// Another request was answered under this name.
pub(super) fn reused() -> Failure {
    Failure::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "IDEMPOTENCY_KEY_REUSED",
        "this Idempotency-Key was used for another request within a day; make a new one for each request",
    )
}

/// The same request is being worked on.
pub(super) fn in_use() -> Failure {
    Failure::new(
        StatusCode::CONFLICT,
        "IDEMPOTENCY_KEY_IN_USE",
        "a request with this Idempotency-Key is being worked on; try again",
    )
    .retry_after(1)
}

/// Names of requests that this process works on.
#[derive(Clone, Debug, Default)]
pub(super) struct InFlight(Arc<Mutex<HashSet<[u8; 32]>>>);

impl InFlight {
    /// Until what is returned is dropped nobody else gets this name.
    pub(super) fn begin(&self, name: [u8; 32]) -> Result<Flight, Failure> {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !names.insert(name) {
            return Err(in_use());
        }
        Ok(Flight { all: self.clone(), name })
    }
}

/// One of them.
#[derive(Debug)]
pub(super) struct Flight {
    all: InFlight,
    name: [u8; 32],
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.all.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_opens_for_its_own_request_and_key_only() {
        let (key, other) = (ApiKey::generate().unwrap(), ApiKey::generate().unwrap());
        let post = ("POST", "/v1/admin/keys", &b"{}"[..]);
        let envelope = Envelope::new(&key, "order-1", post);
        let sealed = envelope.seal(b"brk_secret").unwrap();
        assert_eq!(envelope.open(&sealed).unwrap().as_slice(), b"brk_secret");
        assert!(!sealed.bytes.windows(3).any(|window| window == b"brk"));
        assert_ne!(envelope.seal(b"brk_secret").unwrap(), sealed, "each has a salt of its own");
        for wrong in [
            Envelope::new(&other, "order-1", post),
            Envelope::new(&key, "order-2", post),
            Envelope::new(&key, "order-1", ("POST", "/v1/admin/keys", b"{ }")),
        ] {
            assert!(wrong.open(&sealed).is_err());
            let digests = |of: &Envelope<'_>| (of.name_digest().unwrap(), of.request_digest().unwrap());
            assert_ne!(digests(&wrong), digests(&envelope));
        }
        let mut flipped = sealed.clone();
        flipped.bytes[0] ^= 1;
        assert!(envelope.open(&flipped).is_err());
    }

    #[test]
    fn one_name_is_worked_on_once_at_a_time() {
        let all = InFlight::default();
        let flight = all.begin([1; 32]).unwrap();
        assert_eq!(all.begin([1; 32]).unwrap_err().code, "IDEMPOTENCY_KEY_IN_USE");
        drop((all.begin([2; 32]).unwrap(), flight));
        assert!(all.begin([1; 32]).is_ok());
    }
}

//! The exchange documents: one request up, one response down, the same bytes by network or by file.
//!
//! Both start with eight magic bytes and a version byte, then postcard. What they carry is signed by itself: the
//! request's proof covers its body, the response's receipt and licence carry the issuer's signatures, and the receipt
//! the digest of the ratchet. Everything is bounded before it is allocated.

mod body;
mod codec;
mod request;
mod response;

pub use body::{ClientReport, RequestBody, RequestKind, Section};
pub use codec::ExchangeError;
pub use request::{ExchangeRequest, body_sha256, ratchet_mac};
pub use response::ExchangeResponse;

/// Path of an activation: the `htu` of its proof.
pub const ACTIVATE_PATH: &str = "/v1/activate";
/// Path of an exchange: the `htu` of its proof.
pub const EXCHANGE_PATH: &str = "/v1/exchange";
/// Media type of both documents.
pub const MEDIA_TYPE: &str = "application/vnd.brink.exchange";

/// Largest request as sent: the issuer accepts 4 MiB of compressed body and its envelope.
pub const REQUEST_BYTES_MAX: usize = 4 * 1024 * 1024 + 128 * 1024;
/// Largest response: a licence, its manifests and a receipt, with room.
pub const RESPONSE_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Largest request body once inflated.
pub const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

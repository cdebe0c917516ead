//! Framing: magic, version, postcard with nothing left over, and bounded zstd.

use crate::Code;
use ruzstd::decoding::StreamingDecoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::Read;

/// Why bytes are not an exchange document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExchangeError {
    /// Other bytes altogether.
    #[error("not a Brink exchange {0}")]
    NotOurs(&'static str),
    /// A version that this program does not know.
    #[error("exchange {document} of version {version}, this program reads up to {known}: update it")]
    Version {
        /// Which document.
        document: &'static str,
        /// Found.
        version: u8,
        /// Newest known.
        known: u8,
    },
    /// Cut short, bytes left over, or otherwise not what the version says.
    #[error("the exchange {0} is damaged")]
    Damaged(&'static str),
    /// Above its limit.
    #[error("the exchange {document} has more than {bytes_max} bytes")]
    TooLarge {
        /// Which document.
        document: &'static str,
        /// The limit.
        bytes_max: usize,
    },
}

impl ExchangeError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            ExchangeError::NotOurs(_) | ExchangeError::Damaged(_) => Code::Malformed,
            ExchangeError::Version { .. } => Code::Unsupported,
            ExchangeError::TooLarge { .. } => Code::TooLarge,
        }
    }
}

/// How one kind of document is framed.
pub(super) struct Frame {
    pub(super) document: &'static str,
    pub(super) magic: &'static [u8],
    pub(super) version: u8,
    pub(super) bytes_max: usize,
}

impl Frame {
    pub(super) fn encode<T: Serialize>(&self, value: &T) -> Result<Vec<u8>, ExchangeError> {
        let mut bytes = self.magic.to_vec();
        bytes.push(self.version);
        let bytes = postcard::to_extend(value, bytes).map_err(|_| ExchangeError::Damaged(self.document))?;
        self.check_size(bytes.len())?;
        Ok(bytes)
    }

    pub(super) fn decode<T: DeserializeOwned + Serialize>(&self, bytes: &[u8]) -> Result<T, ExchangeError> {
        self.check_size(bytes.len())?;
        let rest = bytes.strip_prefix(self.magic).ok_or(ExchangeError::NotOurs(self.document))?;
        let (&version, rest) = rest.split_first().ok_or(ExchangeError::Damaged(self.document))?;
        if version != self.version {
            return Err(ExchangeError::Version { document: self.document, version, known: self.version });
        }
        from_postcard(self.document, rest)
    }

    fn check_size(&self, bytes: usize) -> Result<(), ExchangeError> {
        if bytes > self.bytes_max {
            return Err(ExchangeError::TooLarge { document: self.document, bytes_max: self.bytes_max });
        }
        Ok(())
    }
}

pub(crate) fn to_postcard<T: Serialize>(document: &'static str, value: &T) -> Result<Vec<u8>, ExchangeError> {
    postcard::to_allocvec(value).map_err(|_| ExchangeError::Damaged(document))
}

/// Reads a value that is spelled the one way that we spell it. postcard by itself ignores what follows the value and
/// takes over-long varints, so the value is written again and compared, byte by byte and without a second copy.
pub(crate) fn from_postcard<T: DeserializeOwned + Serialize>(
    document: &'static str,
    bytes: &[u8],
) -> Result<T, ExchangeError> {
    let value: T = postcard::from_bytes(bytes).map_err(|_| ExchangeError::Damaged(document))?;
    match postcard::serialize_with_flavor(&value, Compared(bytes)) {
        Ok(true) => Ok(value),
        Ok(false) | Err(_) => Err(ExchangeError::Damaged(document)),
    }
}

/// Takes what is written only if it is what is left here; at the end, whether nothing is left.
struct Compared<'a>(&'a [u8]);

impl postcard::ser_flavors::Flavor for Compared<'_> {
    type Output = bool;

    fn try_extend(&mut self, written: &[u8]) -> postcard::Result<()> {
        self.0 = self.0.strip_prefix(written).ok_or(postcard::Error::SerializeBufferFull)?;
        Ok(())
    }

    fn try_push(&mut self, written: u8) -> postcard::Result<()> {
        self.try_extend(&[written])
    }

    fn finalize(self) -> postcard::Result<bool> {
        Ok(self.0.is_empty())
    }
}

pub(super) fn deflate(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, CompressionLevel::Fastest)
}

/// The window that our own encoder announces, however little it has to say.
const OWN_WINDOW_BYTES: usize = 128 * 1024;

/// Inflates one zstd frame of at most `bytes_max`, and nothing after it. The window is bounded like the output, so a
/// bomb is refused before its memory is asked for.
pub(super) fn inflate(
    document: &'static str,
    bytes: &[u8],
    bytes_max: usize,
) -> Result<Vec<u8>, ExchangeError> {
    let damaged = ExchangeError::Damaged(document);
    let mut source = bytes;
    let window_max = bytes_max.max(OWN_WINDOW_BYTES) as u64;
    let decoder = StreamingDecoder::new_with_max_window_size(&mut source, window_max);
    let decoder = decoder.map_err(|_| damaged.clone())?;
    let mut inflated = Vec::new();
    let read = decoder.take(bytes_max as u64 + 1).read_to_end(&mut inflated);
    read.map_err(|_| damaged.clone())?;
    if inflated.len() > bytes_max {
        return Err(ExchangeError::TooLarge { document, bytes_max });
    }
    if !source.is_empty() {
        return Err(damaged);
    }
    Ok(inflated)
}

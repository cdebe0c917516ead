//! Private keys: the [`Signer`] port, key files encrypted at rest, and the device's own key.
//!
//! No program that only asks questions links this crate: a host verifies with `brink-license`, and signing is a
//! crate and not a feature because Cargo unifies features across a workspace build.
//!
//! # What is kept out of memory, and what is not
//! Seeds, decrypted documents, PEM texts and passphrases are wiped when they are dropped, and no error or `Debug`
//! output carries them. Not wiped: scrypt's working memory and the AES key inside the `pkcs5` crate, and whatever
//! the compiler spilled to the stack. Swap and core dumps are the operator's to switch off.

mod device;
mod document;
mod error;
mod key_file;
mod key_pair;
mod key_use;
mod passphrase;
mod pem;
mod secret_file;
mod signer;

pub use device::{DeviceKey, DeviceSigner};
pub use document::{sign_document, sign_manifest};
pub use error::{KeyFault, KeyFileError, SignError};
pub use key_file::{FileSigner, KeyFile, Protection, PublicHalf};
pub use key_use::KeyUse;
pub use passphrase::Passphrase;
pub use signer::Signer;

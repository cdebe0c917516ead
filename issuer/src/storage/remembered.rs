//! The port to answers that are remembered for whoever asks twice. What a request did and the record of its answer are one
//! transaction, whatever the request did: a crash leaves both or neither.

use super::{Storage, StorageError};
use crate::access::KeyId;
use brink_license::UnixSeconds;
use std::sync::Arc;

/// A request that names itself.
#[derive(Clone, Debug)]
pub struct NamedRequest {
    /// Who asks.
    pub api_key: KeyId,
    /// What stands for its name.
    pub name: [u8; 32],
    /// What stands for the request.
    pub request: [u8; 32],
    /// Now.
    pub at: UnixSeconds,
    /// What was remembered before this moment is forgotten.
    pub kept_since: UnixSeconds,
}

/// An answer to remember, sealed: the storage cannot read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// What it is sealed with, beside what its owner has.
    pub salt: [u8; 32],
    /// The answer.
    pub bytes: Vec<u8>,
}

/// What became of a request that names itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// It was done now.
    Now,
    /// It was answered before.
    Before {
        /// What stands for the request that was answered, which may be another one.
        request: [u8; 32],
        /// Its answer.
        answer: Sealed,
    },
    /// Another process is doing it.
    Elsewhere,
}

/// What is done with a storage that stands inside of a transaction, and the answer; `None` to undo it.
pub type Work<'w> = &'w mut dyn FnMut(&Arc<dyn Storage>) -> Option<Sealed>;

/// What is asked of the memory of answers.
pub trait Remembering: Send + Sync {
    /// Does `work` and remembers its answer, in one transaction: everything that is done through the storage that `work` gets
    /// belongs to it. Where the name is on record already nothing is done.
    fn once(&self, request: &NamedRequest, work: Work<'_>) -> Result<Asked, StorageError>;
}

//! What was accepted and may not have reached vault and bundle yet.

use crate::StoreError;
use crate::documents::Documents;
use serde::{Deserialize, Serialize};

const VERSION: u8 = 1;

/// Accepted documents on their way to vault and bundle. With them everything after the commit can be done again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Inbox {
    pub(crate) documents: Documents,
    /// Epoch and seq of the licence.
    pub(crate) licence: (u32, u64),
    /// The manifests that are new, by version.
    pub(crate) manifests: Vec<(u64, Vec<u8>)>,
}

impl Inbox {
    pub(super) fn encode(&self) -> Result<Vec<u8>, StoreError> {
        let unstorable = |error: postcard::Error| StoreError::Unstorable {
            what: "the answer",
            problem: error.to_string(),
        };
        postcard::to_extend(self, vec![VERSION]).map_err(unstorable)
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (&VERSION, rest) = bytes.split_first()? else { return None };
        match postcard::take_from_bytes(rest) {
            Ok((inbox, [])) => Some(inbox),
            Ok(_) | Err(_) => None,
        }
    }
}

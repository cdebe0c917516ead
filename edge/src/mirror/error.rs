//! Why a mirror does not copy.

use super::redis::RedisFault;
use crate::database::DatabaseError;
use brink_store::journal::{JournalFault, UsageError};

/// Why a turn of a mirror did not come to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MirrorError {
    /// The PostgreSQL.
    #[error("{0}")]
    Database(#[from] DatabaseError),
    /// The Redis.
    #[error("{0}")]
    Redis(#[from] RedisFault),
    /// The journal, which the agent mends.
    #[error("{0}")]
    Journal(#[from] UsageError),
    /// The server took longer than it may.
    #[error("the server did not answer within {0} s")]
    Silent(u64),
}

impl From<JournalFault> for MirrorError {
    fn from(fault: JournalFault) -> Self {
        MirrorError::Journal(fault.into())
    }
}

impl MirrorError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            MirrorError::Database(error) => error.code(),
            MirrorError::Redis(fault) => fault.code(),
            MirrorError::Journal(error) => error.code(),
            MirrorError::Silent(_) => "MIRROR_SILENT",
        }
    }

    /// What helps.
    #[must_use]
    pub fn mend(&self) -> String {
        match self {
            MirrorError::Database(DatabaseError::Unavailable(_)) => {
                "see that the server runs and that its address is right; the mirror goes on by itself".to_owned()
            }
            MirrorError::Database(error) => error.mend(),
            MirrorError::Redis(fault) => fault.mend().to_owned(),
            MirrorError::Journal(_) => "the agent mends its journal by itself; else run brink-edge doctor".to_owned(),
            MirrorError::Silent(_) => {
                "see why the server hangs: its disk, its memory, or the network to it; the mirror goes on by itself"
                    .to_owned()
            }
        }
    }

    /// Whether somebody has to do something: a password, tables, an address. Else the server is away and may come back.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        match self {
            MirrorError::Database(error) => !error.is_passing(),
            MirrorError::Redis(fault) => fault.is_refusal(),
            MirrorError::Journal(_) | MirrorError::Silent(_) => false,
        }
    }
}

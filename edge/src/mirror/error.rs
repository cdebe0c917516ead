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
    /// The variables come to no address of a PostgreSQL.
    #[error("{0}")]
    Address(String),
    /// This machine gives no thread for it, or what a thread needs.
    #[error("cannot start a thread for the mirror: {0}")]
    NoThread(#[source] std::io::Error),
    /// A fault of this program ended its thread.
    #[error("a fault of this program ended the mirror; the agent's log has its place")]
    Ended,
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
            MirrorError::Address(_) => "DATABASE_URL",
            MirrorError::NoThread(_) => "MIRROR_NO_THREAD",
            MirrorError::Ended => "MIRROR_ENDED",
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
            MirrorError::Address(_) => {
                "POSTGRES_HOST is a host's name, its IP address or the directory of its socket, and nothing else; \
                 mend it and start the agent again"
                    .to_owned()
            }
            MirrorError::NoThread(_) => {
                "see how many threads and open files this machine lets the agent have, and start it again".to_owned()
            }
            MirrorError::Ended => {
                "start the agent again, which copies what was missed, and report what its log says".to_owned()
            }
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
            // Neither comes right before the agent's next start.
            MirrorError::Address(_) | MirrorError::NoThread(_) => true,
            MirrorError::Journal(_) | MirrorError::Ended | MirrorError::Silent(_) => false,
        }
    }
}

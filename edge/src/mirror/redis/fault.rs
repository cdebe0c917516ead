//! From the driver's and the server's errors to ours: the one table.

use ::redis::{ErrorKind, RedisError, ServerErrorKind};

/// Why the device's Redis did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RedisFault {
    /// It is not there, does not answer, or went away.
    #[error("Redis is not there: {0}")]
    Unavailable(String),
    /// It does not let us in, or not to these commands.
    #[error("Redis does not let this program in: {0}")]
    Denied(String),
    /// It has no memory left and throws nothing out.
    #[error("Redis is full: {0}")]
    Full(String),
    /// It takes no writes.
    #[error("Redis is read-only: {0}")]
    ReadOnly(String),
    /// A key that is the mirror's holds something else.
    #[error("a key of the mirror holds something else: {0}")]
    Occupied(String),
    /// Its address is not one of this machine.
    #[error("{0}")]
    Address(String),
    /// Anything else, in its words.
    #[error("Redis: {0}")]
    Engine(String),
}

impl RedisFault {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            RedisFault::Unavailable(_) => "REDIS_UNAVAILABLE",
            RedisFault::Denied(_) => "REDIS_DENIED",
            RedisFault::Full(_) => "REDIS_FULL",
            RedisFault::ReadOnly(_) => "REDIS_READ_ONLY",
            RedisFault::Occupied(_) => "REDIS_OCCUPIED",
            RedisFault::Address(_) => "REDIS_ADDRESS",
            RedisFault::Engine(_) => "REDIS_ENGINE",
        }
    }

    /// What helps.
    #[must_use]
    pub const fn mend(&self) -> &'static str {
        match self {
            RedisFault::Unavailable(_) => {
                "see that the server runs and that its address is right; the mirror goes on by itself"
            }
            RedisFault::Denied(_) => "see the password, and what the server's ACL lets this user do",
            RedisFault::Full(_) => {
                "give the server more memory, or a maxmemory-policy that throws out keys that run out"
            }
            RedisFault::ReadOnly(_) => "give the address of the primary server",
            RedisFault::Occupied(_) => {
                "remove the key that another program made, or give another database: redis://HOST/1"
            }
            RedisFault::Address(_) => "give the address of a Redis on this machine, or its socket",
            RedisFault::Engine(_) => "see the server's log at this moment",
        }
    }

    /// Whether somebody has to do something first.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        !matches!(self, RedisFault::Unavailable(_) | RedisFault::Full(_))
    }
}

impl From<RedisError> for RedisFault {
    fn from(error: RedisError) -> Self {
        let said = error.to_string();
        if error.is_io_error() || error.is_timeout() || error.is_connection_dropped() {
            return Self::Unavailable(said);
        }
        match (error.kind(), error.code().unwrap_or_default()) {
            (ErrorKind::AuthenticationFailed, _) | (_, "NOAUTH" | "WRONGPASS" | "NOPERM") => {
                Self::Denied(said)
            }
            (_, "OOM") => Self::Full(said),
            (ErrorKind::Server(ServerErrorKind::ReadOnly), _) | (_, "READONLY") => Self::ReadOnly(said),
            (ErrorKind::Server(ServerErrorKind::BusyLoading | ServerErrorKind::TryAgain), _)
            | (_, "LOADING") => Self::Unavailable(said),
            (_, "WRONGTYPE") => Self::Occupied(said),
            (_, "EXECABORT") if said.contains("OOM") => Self::Full(said),
            (_, _) => Self::Engine(said),
        }
    }
}

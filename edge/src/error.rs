//! Everything that can go wrong with a verb: one enum, each with a stable code, a mend and an exit code.

mod mend;

use crate::command::{EXIT_FAILED, EXIT_NOT_ALLOWED, EXIT_USAGE, Report};
use crate::database::DatabaseError;
use crate::exchange::DeviceError;
use crate::transfer::TransferError;
use crate::uplink::UplinkError;
use crate::words::rfc3339;
use brink_environment::Refusal;
use brink_license::exchange::ExchangeError;
use brink_license::keyset::TrustError;
use brink_license::usage::{Denial, QuantityError};
use brink_license::{IdError, UnixSeconds};
use brink_signing::KeyFault;
use brink_store::StoreError;
use brink_store::gate::OpenError;
use brink_store::journal::UsageError;
use std::borrow::Cow;
use std::path::PathBuf;

/// Why a verb did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EdgeError {
    /// The arguments contradict each other or miss something.
    #[error("{0}")]
    Usage(String),
    /// A camera or feature that cannot exist.
    #[error("{0}")]
    Id(#[from] IdError),
    /// A quantity that cannot be.
    #[error("--quantity: {0}")]
    Quantity(#[from] QuantityError),
    /// Usage cannot be recorded or looked at, or its quota does not allow it.
    #[error("{}", said(.0))]
    Journal(#[from] UsageError),
    /// `--at` before the guarded time.
    #[error("--at {} lies before the guarded time {}: a check looks forward only", shown(*at), shown(*now))]
    LooksBack {
        /// What was asked for.
        at: UnixSeconds,
        /// What time it is at least.
        now: UnixSeconds,
    },
    /// The device directory.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The device itself: its key, its requests, what it was answered.
    #[error("{0}")]
    Device(#[from] DeviceError),
    /// The way to the issuer, and its refusals.
    #[error("{0}")]
    Uplink(#[from] UplinkError),
    /// A trust file outside of the device directory.
    #[error("{}: {problem}", path.display())]
    Trust {
        /// Which.
        path: PathBuf,
        /// Why.
        problem: TrustError,
    },
    /// A file that is no document of ours.
    #[error("{}: {problem}", path.display())]
    NotADocument {
        /// Which.
        path: PathBuf,
        /// Why.
        problem: ExchangeError,
    },
    /// The machine does not tell its boot or time.
    #[error("cannot read this machine's clocks: {0}")]
    Clock(std::io::Error),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers: {0}")]
    Random(String),
    /// No issuer is known to send to.
    #[error("this device was activated by file and knows no issuer to call")]
    NoIssuerUrl,
    /// The device has a licence already.
    #[error("this device is activated already, as {device}")]
    AlreadyActivated {
        /// Its name.
        device: String,
    },
    /// The request that is pending is of another kind.
    #[error("the request that waits for an answer is an {pending}, not an {asked}")]
    OtherPending {
        /// What waits.
        pending: &'static str,
        /// What the verb is for.
        asked: &'static str,
    },
    /// An answer to nothing.
    #[error("no request waits for an answer: either it was taken up already, or nothing was asked")]
    NothingPending,
    /// The request that an answer came for is no longer the one that waits.
    #[error("the request was answered by another way in the meantime")]
    Overtaken,
    /// The agent runs, and this user may not ask it.
    #[error("the agent answers on {}, and this user may not ask it", socket.display())]
    AgentForbidden {
        /// Its socket.
        socket: PathBuf,
    },
    /// The agent runs, and hosts may not ask it for this.
    #[error("the agent does not let hosts {what}: that is for root and the agent's user")]
    NotForHosts {
        /// What.
        what: &'static str,
        /// The id of the agent's user.
        agent: u32,
    },
    /// The agent went away in the middle.
    #[error("the agent on {} took the command and did not answer: {reason}", socket.display())]
    AgentLost {
        /// Its socket.
        socket: PathBuf,
        /// What was seen.
        reason: String,
    },
    /// The agent is ending.
    #[error("the agent is ending")]
    AgentEnding,
    /// The agent is of another version, or somebody sent it something else.
    #[error("the agent does not understand the command: {0}")]
    NotUnderstood(String),
    /// Too many ask at once.
    #[error("the agent has its hands full")]
    AgentBusy,
    /// An agent runs already.
    #[error("an agent runs already and answers on {}", socket.display())]
    AgentRuns {
        /// Its socket.
        socket: PathBuf,
    },
    /// The socket cannot be made.
    #[error("cannot listen on {}: {reason}", socket.display())]
    Socket {
        /// Where.
        socket: PathBuf,
        /// What the system said.
        reason: std::io::Error,
    },
    /// A file with a token or a key.
    #[error("{}: {problem}", path.display())]
    SecretFile {
        /// Which.
        path: PathBuf,
        /// Why it is not used.
        problem: String,
    },
    /// A thread or a signal cannot be had.
    #[error("cannot {doing}: {reason}")]
    System {
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        reason: std::io::Error,
    },
    /// The device's PostgreSQL, for other programs to read.
    #[error("{0}")]
    Database(#[from] DatabaseError),
    /// The move of the old files to it.
    #[error("{0}")]
    Transfer(#[from] TransferError),
    /// The variables of the environment, every error at once.
    #[error("{0}")]
    Environment(#[from] Refusal),
    /// The agent's own words about what went wrong with it.
    #[error("{}", report.message)]
    Reported {
        /// As the agent said.
        report: Report,
        /// As the agent said.
        exit_code: u8,
    },
}

impl From<OpenError> for EdgeError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Boot(reason) => EdgeError::Clock(reason),
            OpenError::Thread(reason) => EdgeError::System { doing: "start a gate's thread", reason },
            OpenError::TooMany => {
                EdgeError::System { doing: "open a gate", reason: std::io::ErrorKind::QuotaExceeded.into() }
            }
        }
    }
}

fn shown(moment: UnixSeconds) -> String {
    rfc3339(moment).unwrap_or_else(|| moment.to_string())
}

/// A denial says when to ask again.
fn said(error: &UsageError) -> String {
    if let UsageError::Denied(Denial { resets_at: Some(at), .. }) = error {
        return format!("{error}; the count begins again at {}", shown(*at));
    }
    error.to_string()
}

impl EdgeError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Cow<'static, str> {
        let code = match self {
            EdgeError::Usage(_) => "USAGE",
            EdgeError::Id(error) => error.code().as_str(),
            EdgeError::Quantity(error) => error.code().as_str(),
            EdgeError::Journal(error) => error.code(),
            EdgeError::LooksBack { .. } => "LOOKS_BACK",
            EdgeError::Store(error) => error.code(),
            EdgeError::Device(error) => error.code(),
            EdgeError::Uplink(error) => return Cow::Owned(error.code().to_owned()),
            EdgeError::Trust { problem, .. } => problem.code().as_str(),
            EdgeError::NotADocument { problem, .. } => problem.code().as_str(),
            EdgeError::Clock(_) => "CLOCK_UNREADABLE",
            EdgeError::Random(_) => "NO_RANDOM",
            EdgeError::NoIssuerUrl => "NO_ISSUER_URL",
            EdgeError::AlreadyActivated { .. } => "ALREADY_ACTIVATED",
            EdgeError::OtherPending { .. } => "OTHER_PENDING",
            EdgeError::NothingPending => "NOTHING_PENDING",
            EdgeError::Overtaken => "OVERTAKEN",
            EdgeError::AgentForbidden { .. } => "AGENT_FORBIDDEN",
            EdgeError::NotForHosts { .. } => "NOT_FOR_HOSTS",
            EdgeError::AgentLost { .. } => "AGENT_LOST",
            EdgeError::AgentEnding => "AGENT_ENDING",
            EdgeError::NotUnderstood(_) => "NOT_UNDERSTOOD",
            EdgeError::AgentBusy => "AGENT_BUSY",
            EdgeError::AgentRuns { .. } => "AGENT_RUNS",
            EdgeError::Socket { .. } => "SOCKET",
            EdgeError::SecretFile { .. } => "SECRET_FILE",
            EdgeError::System { .. } => "SYSTEM",
            EdgeError::Database(error) => error.code(),
            EdgeError::Transfer(error) => error.code(),
            EdgeError::Environment(_) => "ENVIRONMENT",
            EdgeError::Reported { report, .. } => return Cow::Owned(report.code.clone()),
        };
        Cow::Borrowed(code)
    }

    /// Whether another verb or an agent has the lock.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        matches!(
            self,
            EdgeError::Store(StoreError::Locked { .. })
                | EdgeError::Device(DeviceError::Store(StoreError::Locked { .. }))
        )
    }

    /// Whether what the device was made of is lost or damaged, so that only a new one can take its place. Another trust,
    /// another user's files or a newer program's have better mends.
    #[must_use]
    pub fn is_mended_by_starting_over(&self) -> bool {
        match self {
            EdgeError::Store(error) | EdgeError::Device(DeviceError::Store(error)) => matches!(
                error,
                StoreError::StateLost { .. } | StoreError::KeyLost { .. } | StoreError::StateDamaged { .. }
            ),
            EdgeError::Device(DeviceError::Key(error)) => matches!(
                error.fault(),
                KeyFault::Damaged { .. }
                    | KeyFault::NotPkcs8
                    | KeyFault::TooLarge { .. }
                    | KeyFault::Mismatch
            ),
            EdgeError::Usage(_)
            | EdgeError::Id(_)
            | EdgeError::Quantity(_)
            | EdgeError::Journal(_)
            | EdgeError::LooksBack { .. }
            | EdgeError::Device(_)
            | EdgeError::Uplink(_)
            | EdgeError::Trust { .. }
            | EdgeError::NotADocument { .. }
            | EdgeError::Clock(_)
            | EdgeError::Random(_)
            | EdgeError::NoIssuerUrl
            | EdgeError::AlreadyActivated { .. }
            | EdgeError::OtherPending { .. }
            | EdgeError::NothingPending
            | EdgeError::Overtaken
            | EdgeError::AgentForbidden { .. }
            | EdgeError::NotForHosts { .. }
            | EdgeError::AgentLost { .. }
            | EdgeError::AgentEnding
            | EdgeError::NotUnderstood(_)
            | EdgeError::AgentBusy
            | EdgeError::AgentRuns { .. }
            | EdgeError::Socket { .. }
            | EdgeError::SecretFile { .. }
            | EdgeError::System { .. }
            | EdgeError::Database(_)
            | EdgeError::Transfer(_)
            | EdgeError::Environment(_)
            | EdgeError::Reported { .. } => false,
        }
    }

    /// 2 for wrong usage, 3 for "not allowed", 1 for everything else.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            EdgeError::Database(DatabaseError::Url(_))
            | EdgeError::Usage(_)
            | EdgeError::Id(_)
            | EdgeError::Quantity(_)
            | EdgeError::LooksBack { .. }
            | EdgeError::Environment(_)
            | EdgeError::SecretFile { .. }
            | EdgeError::Uplink(UplinkError::BadUrl { .. }) => EXIT_USAGE,
            EdgeError::Device(DeviceError::Seat(_)) | EdgeError::Journal(UsageError::Denied(_)) => {
                EXIT_NOT_ALLOWED
            }
            EdgeError::Reported { exit_code, .. } => (*exit_code).clamp(EXIT_FAILED, EXIT_NOT_ALLOWED),
            EdgeError::Store(_)
            | EdgeError::Journal(_)
            | EdgeError::Device(_)
            | EdgeError::Uplink(_)
            | EdgeError::Trust { .. }
            | EdgeError::NotADocument { .. }
            | EdgeError::Clock(_)
            | EdgeError::Random(_)
            | EdgeError::NoIssuerUrl
            | EdgeError::AlreadyActivated { .. }
            | EdgeError::OtherPending { .. }
            | EdgeError::NothingPending
            | EdgeError::Overtaken
            | EdgeError::AgentForbidden { .. }
            | EdgeError::NotForHosts { .. }
            | EdgeError::AgentLost { .. }
            | EdgeError::AgentEnding
            | EdgeError::NotUnderstood(_)
            | EdgeError::AgentBusy
            | EdgeError::AgentRuns { .. }
            | EdgeError::Socket { .. }
            | EdgeError::Database(_)
            | EdgeError::Transfer(_)
            | EdgeError::System { .. } => EXIT_FAILED,
        }
    }
}

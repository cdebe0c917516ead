//! The stable code of what the command line refuses, for programs that read `--json`.

use super::error::CliError;
use crate::audit::SealError;
use crate::http::ServeError;
use crate::{OpenError, codes};

impl CliError {
    /// The stable code.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Usage(_) => "USAGE",
            Self::Environment(_) | Self::EnvironmentShown(_) => "ENVIRONMENT",
            Self::File { .. } => "FILE",
            Self::Output(_) => "OUTPUT",
            Self::Refused { refusal, .. } => refusal.code(),
            Self::Access(error) => codes::of_access(error),
            Self::Admin(error) => codes::of_admin(error),
            Self::Books(error) => error.code(),
            Self::Invoice(error) => error.code(),
            Self::Export(error) => error.code(),
            Self::Stripe(error) => error.code(),
            Self::SomeFailed { .. } => "SOME_FAILED",
            Self::Founding(error) => codes::of_founding(error),
            Self::Place(error) => error.code(),
            Self::Open(OpenError::Storage(error)) | Self::Storage(error) => error.code(),
            Self::Open(OpenError::Keys(error)) => codes::of_keys(error),
            Self::Keys(error) => error.code(),
            Self::Keyring(error) => codes::of_keyring(error),
            Self::Catalog(error) | Self::CatalogFile { error, .. } => codes::of_catalog(error),
            Self::Quote { error, .. } => error.code.as_str(),
            Self::Mint(error) => codes::of_mint(error),
            Self::Issue(error) => codes::of_issue(error),
            Self::Serve(ServeError::Listen { .. }) => "LISTEN",
            Self::Backup(error) => error.code(),
            Self::Seal(SealError::NoKey) => "NO_AUDIT_KEY",
            Self::Seal(SealError::NotReady(refusal)) => refusal.code(),
            Self::SigningKeys(error) => codes::of_keys(error),
            Self::Unsound(_) => "AUDIT_UNSOUND",
            Self::Serve(ServeError::Tls(error)) => error.code(),
        }
    }
}

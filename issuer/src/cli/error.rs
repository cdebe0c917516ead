//! Refusals on the command line, and the one table from each to its exit code.

use crate::OpenError;
use crate::access::AccessError;
use crate::admin::AdminError;
use crate::audit::SealError;
use crate::backup::BackupError;
use crate::billing::quote::QuoteError;
use crate::catalog::CatalogError;
use crate::founding::FoundingError;
use crate::http::ServeError;
use crate::invoicing::InvoiceError;
use crate::invoicing::export::ExportError;
use crate::invoicing::stripe::StripeError;
use crate::keyring::KeyringError;
use crate::keys::KeysError;
use crate::minting::MintError;
use crate::notices::IssueError;
use crate::place::PlaceError;
use crate::refusal::Refusal;
use crate::reports::BooksError;
use crate::rotation::RotationError;
use crate::storage::StorageError;
use brink_environment::Refusal as EnvironmentRefusal;
use brink_signing::KeyFileError;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// As asked.
    Done = 0,
    /// Something failed.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// Understood, and not allowed.
    NotAllowed = 3,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// Why a verb ended without doing what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    #[error("{0}")]
    Usage(String),
    #[error("{}: {error}", path.display())]
    File { path: PathBuf, error: io::Error },
    #[error("stdout: {0}")]
    Output(#[from] io::Error),
    #[error("{}: code {}: {refusal}", path.display(), refusal.code())]
    Refused { path: PathBuf, refusal: Refusal },
    #[error("{}: {error}", path.display())]
    Quote { path: PathBuf, error: QuoteError },
    #[error("{}: {error}", path.display())]
    CatalogFile { path: PathBuf, error: CatalogError },
    #[error(transparent)]
    Environment(#[from] EnvironmentRefusal),
    #[error("{0}")]
    EnvironmentShown(String),
    #[error(transparent)]
    Access(#[from] AccessError),
    #[error(transparent)]
    Admin(#[from] AdminError),
    #[error(transparent)]
    Books(#[from] BooksError),
    #[error(transparent)]
    Invoice(#[from] InvoiceError),
    #[error(transparent)]
    Export(#[from] ExportError),
    #[error(transparent)]
    Stripe(#[from] StripeError),
    #[error("{failed} of {of} {what}, named above; mend what each names and run it again")]
    SomeFailed { failed: usize, of: usize, what: &'static str },
    #[error(transparent)]
    Founding(#[from] FoundingError),
    #[error(transparent)]
    Place(#[from] PlaceError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Keys(#[from] KeyFileError),
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error(transparent)]
    Issue(#[from] IssueError),
    #[error(transparent)]
    Mint(#[from] MintError),
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error(transparent)]
    Backup(#[from] BackupError),
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error(transparent)]
    SigningKeys(#[from] KeysError),
    #[error(
        "{0} things in the audit are not as they were written, named above; keep this database as it is and compare it with a backup"
    )]
    Unsound(u64),
}

impl CliError {
    /// What went wrong with a file that was being written, by the file's name.
    pub(crate) fn of_file(path: &Path, error: BooksError) -> Self {
        if let BooksError::Write(error) = error {
            return Self::File { path: path.to_owned(), error };
        }
        Self::Books(error)
    }

    pub(crate) fn usage(problem: impl Into<String>) -> Self {
        Self::Usage(problem.into())
    }

    /// What was wrong, and what helps.
    pub(crate) fn told(&self) -> (String, Option<String>) {
        let typed = |mend: &str| (self.to_string(), Some(mend.to_owned()));
        match self {
            Self::Admin(error) => match error.mend() {
                Some(mend) => (error.to_string(), Some(mend)),
                None => cut(&error.to_string()),
            },
            Self::Invoice(error) => match error.mend() {
                Some(mend) => (error.to_string(), Some(mend)),
                None => cut(&error.to_string()),
            },
            Self::Stripe(error) => typed(error.mend()),
            Self::Catalog(error) | Self::CatalogFile { error, .. } => typed(&error.mend()),
            Self::Quote { error, .. } => typed(&error.mend),
            Self::Environment(_) | Self::EnvironmentShown(_) => {
                typed("mend them all; brink-issuer config show has every variable with its source")
            }
            Self::File { .. } => typed("check the path and its permissions"),
            // Whoever reads it has gone.
            Self::Output(_) => (self.to_string(), None),
            Self::Refused { path, refusal } => {
                let (message, mend) = cut(&refusal.to_string());
                // What cannot be read names no device to be helped.
                let file = || "take the file that brink-edge wrote with --export".to_owned();
                let mend = mend.or_else(|| matches!(refusal, Refusal::Malformed(_)).then(file));
                (format!("{}: code {}: {message}", path.display(), refusal.code()), mend)
            }
            Self::Usage(problem) => match cut(problem) {
                (message, None) => (message, Some("see --help".to_owned())),
                split => split,
            },
            Self::Access(_)
            | Self::Founding(_)
            | Self::Place(_)
            | Self::Books(_)
            | Self::Open(_)
            | Self::Keys(_)
            | Self::Storage(_)
            | Self::Mint(_)
            | Self::Issue(_)
            | Self::Keyring(_)
            | Self::Seal(_)
            | Self::SigningKeys(_)
            | Self::Unsound(_)
            | Self::Backup(_)
            | Self::SomeFailed { .. }
            | Self::Export(_)
            | Self::Serve(_) => cut(&self.to_string()),
        }
    }

    /// The table.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) | Self::Environment(_) | Self::EnvironmentShown(_) => Exit::Usage,
            Self::Refused { refusal, .. } if refusal.is_failure() => Exit::Failed,
            Self::Refused { .. } | Self::Unsound(_) | Self::Quote { .. } => Exit::NotAllowed,
            // One code, one exit: whether one catalogue is bad or several contradict each other.
            Self::Catalog(_) | Self::CatalogFile { .. } => Exit::NotAllowed,
            Self::Invoice(error) if error.is_failure() => Exit::Failed,
            Self::Invoice(error) if error.is_of_state() => Exit::NotAllowed,
            Self::Invoice(InvoiceError::Profile { .. }) => Exit::NotAllowed,
            Self::Invoice(_) => Exit::Usage,
            Self::Books(error) if error.is_of_state() => Exit::NotAllowed,
            Self::Books(error) if !error.is_failure() => Exit::Usage,
            Self::Founding(error) if error.is_usage() => Exit::Usage,
            Self::Place(error) if error.is_usage() => Exit::Usage,
            Self::Open(OpenError::Keys(KeysError::PassphraseMissing(_))) => Exit::Usage,
            Self::Issue(IssueError::NotReady(refusal)) if !refusal.is_failure() => Exit::NotAllowed,
            Self::Issue(error) if error.is_of_state() => Exit::NotAllowed,
            Self::Issue(IssueError::Extension(_)) => Exit::Usage,
            Self::Backup(error) if error.is_of_state() => Exit::NotAllowed,
            Self::Access(AccessError::Storage(_) | AccessError::Random(_) | AccessError::Unknown(_)) => {
                Exit::Failed
            }
            Self::Access(error) if error.is_of_state() || error.is_of_rights() => Exit::NotAllowed,
            Self::Access(_) => Exit::Usage,
            Self::Admin(error) => admin_exit(error),
            Self::Keyring(error) => keyring_exit(error),
            Self::File { .. }
            | Self::Books(_)
            | Self::Output(_)
            | Self::Founding(_)
            | Self::Place(_)
            | Self::Open(_)
            | Self::Keys(_)
            | Self::Storage(_)
            | Self::Mint(_)
            | Self::Issue(_)
            | Self::Seal(_)
            | Self::SigningKeys(_)
            | Self::SomeFailed { .. }
            | Self::Export(_)
            | Self::Stripe(_)
            | Self::Backup(_)
            | Self::Serve(_) => Exit::Failed,
        }
    }
}

/// Errors that a log and a device's answer show too, which have one line for them, end with their mend: it follows the
/// last semicolon.
fn cut(text: &str) -> (String, Option<String>) {
    match text.rsplit_once("; ") {
        Some((message, mend)) => (message.to_owned(), Some(mend.to_owned())),
        None => (text.to_owned(), None),
    }
}

fn keyring_exit(error: &KeyringError) -> Exit {
    match error {
        KeyringError::Rotation(RotationError::UnknownKey(_)) => Exit::Failed,
        KeyringError::Rotation(error) if !error.is_of_state() => Exit::Usage,
        KeyringError::Rotation(_)
        | KeyringError::Different
        | KeyringError::TooFew { .. }
        | KeyringError::NotNext(..)
        | KeyringError::TooLate { .. } => Exit::NotAllowed,
        KeyringError::RootsElsewhere(_)
        | KeyringError::NotDevelopment(_)
        | KeyringError::Root(_)
        | KeyringError::Keys(KeysError::PassphraseMissing(_)) => Exit::Usage,
        KeyringError::Keys(_)
        | KeyringError::Storage(_)
        | KeyringError::NotAManifest { .. }
        | KeyringError::Sign(_)
        | KeyringError::KeyFile(_)
        | KeyringError::Io { .. } => Exit::Failed,
    }
}

fn admin_exit(error: &AdminError) -> Exit {
    let of_state = |of_state| if of_state { Exit::NotAllowed } else { Exit::Usage };
    match error {
        AdminError::Timeline(error) => of_state(error.is_of_state()),
        AdminError::Assignment(error) => of_state(error.is_of_state()),
        AdminError::Retirement(error) => of_state(error.is_of_state()),
        AdminError::Reactivation(error) => of_state(error.is_of_state()),
        AdminError::Standing(error) => of_state(error.is_of_state()),
        AdminError::Stale => Exit::NotAllowed,
        AdminError::TenantName
        | AdminError::NothingToChange
        | AdminError::Zone(_)
        | AdminError::Currency(_)
        | AdminError::CodeUntil { .. }
        | AdminError::CodeBounds { .. } => Exit::Usage,
        AdminError::Storage(_) | AdminError::Random(_) => Exit::Failed,
    }
}

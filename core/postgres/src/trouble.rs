//! What it means when the driver fails and no server has said why.

use std::error::Error as _;
use std::io;
use tokio_postgres::Error;

/// Why there was no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unanswered {
    /// The connection is gone, or never was: trying again may help.
    Away,
    /// The server is not believed, or does not believe us: trying again changes nothing.
    Denied,
    /// Anything else: values that do not fit their columns.
    Otherwise,
}

impl Unanswered {
    /// Of an error without a code of the server.
    #[must_use]
    pub fn of(error: &Error) -> Self {
        let io = error.source().and_then(|source| source.downcast_ref::<io::Error>());
        // Certificates are refused by the TLS below, whose words name the reason.
        if io.is_some_and(|io| io.kind() == io::ErrorKind::InvalidData) {
            return Self::Denied;
        }
        let text = error.to_string();
        if error.is_closed() || io.is_some() || text.contains("connecting to server") {
            return Self::Away;
        }
        let denies = ["TLS", "authentication", "configuration"];
        if denies.iter().any(|word| text.contains(word)) { Self::Denied } else { Self::Otherwise }
    }
}

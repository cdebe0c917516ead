//! Where a PostgreSQL is, how its server proves who it is, and what it means when nobody answers. Knows of no table; the issuer and the device connect by it.

mod trouble;
mod url;

pub use trouble::Unanswered;
pub use url::{CONNECT_MAX, DatabaseUrl, TlsError, UrlError};

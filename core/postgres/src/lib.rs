//! Where a PostgreSQL is, and how its server proves who it is. Knows of no table; the issuer and the device connect by it.

mod url;

pub use url::{CONNECT_MAX, DatabaseUrl, TlsError, UrlError};

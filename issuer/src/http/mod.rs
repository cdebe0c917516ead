//! HTTP: parses, calls the use case, maps. Rules live elsewhere.

mod admin;
mod device;
mod peer;
mod problem;
mod room;
mod router;
mod serve;

pub use admin::{ROOT as ADMIN_ROOT, admin_router, document as admin_document, guide_tables};
pub use room::{WORK_BYTES_MAX, request_bytes_max};
pub use router::router;
pub use serve::{ServeError, Server};

//! HTTP: parses, calls the use case, maps. Rules live elsewhere.

mod device;
mod problem;
mod room;
mod router;
mod serve;

pub use room::{WORK_BYTES_MAX, request_bytes_max};
pub use router::router;
pub use serve::{ServeError, Server};

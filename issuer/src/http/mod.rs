//! HTTP: parses, calls the use case, maps. Rules live elsewhere.

mod device;
mod problem;
mod router;
mod serve;

pub use router::router;
pub use serve::{ServeError, Server};

//! HTTP: parses, calls the use case, maps. Rules live elsewhere.

mod admin;
mod device;
mod legacy;
mod observe;
mod ops;
mod peer;
mod problem;
mod readiness;
mod room;
mod router;
mod serve;
mod tls;

pub use admin::{ROOT as ADMIN_ROOT, admin_router, document as admin_document, guide_tables};
pub use observe::observed;
pub use ops::{LIVE_PATH, METRICS_PATH, READY_PATH, ops_router};
pub use readiness::{PROBE_TIMEOUT, Readiness};
pub use room::{WORK_BYTES_MAX, request_bytes_max};
pub use router::router;
pub use serve::{ServeError, Server};
pub use tls::{Tls, TlsError, TlsFiles};

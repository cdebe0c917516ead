//! A fleet: many devices with real keys, real requests and real chains of usage, against one or more issuers over HTTP.
//!
//! ```text
//! run        phases of a whole run: activate, run, drain
//!   life     one device's turns and what happens to its traffic (faults)
//!     device   what it holds; requests planned and answers judged by the agent's own code
//!     journal  its usage, made again from a seed whenever it is needed, so that ten thousand fit in one process
//!     uplink   a connection for each request, to the issuer whose turn it is
//! tally      counts, latencies, errors, and what must not be (wrong)
//! ledger     what was recorded, held against `brink-issuer usage report`
//! ```
//!
//! Every answer is verified from the pinned roots on, as on a device. A receipt that acknowledges too much, too little or
//! something else, an answer that does not verify, two answers to one request, a copy that is answered: each makes the
//! run fail.

pub mod clock;
pub mod codes;
pub mod device;
pub mod faults;
pub mod journal;
pub mod key;
pub mod ledger;
pub mod life;
pub mod options;
pub mod progress;
pub mod report;
pub mod run;
pub mod tally;
pub mod uplink;
pub mod wrong;

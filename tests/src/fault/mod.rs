//! Faults, and one judge for all of them: the real programs are killed, starved and lied to, and afterwards nothing that
//! was acknowledged is lost, nothing older is in force, nothing has panicked, and the state has a name.
//!
//! ```text
//! Bench      device directories in every state, answers as files, made once by the real issuer
//! Job        one verb on one of these directories, and what is in force before and after it
//! judge      what holds after every fault
//! strace     a process killed, or refused by its kernel, at a numbered system call
//! Disk       a file system of our own: small, read-only, or cut off from its power
//! programme  every fault with its rounds; a Tally of each
//! ```

mod agent;
mod at_rest;
mod bench;
mod closed;
mod damage;
mod disk;
mod full;
mod job;
mod judge;
mod need;
mod power;
mod programme;
mod random;
mod refused;
mod seen;
mod served;
mod steps;
mod strace;
mod tally;

pub use bench::Bench;
use job::Job;
pub use programme::{Fault, PROGRAMME, fault};
pub use random::Random;
pub use tally::{Tally, table};

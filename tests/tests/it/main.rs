//! One binary for every test that crosses crates: linking once is most of the time such tests cost.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the functions beside the tests belong to the tests"
)]

mod activation;
mod books;
mod capi;
mod claims;
mod clock;
mod clock_cases;
mod components;
mod conformance;
mod crash;
mod dev_up;
mod fleet;
mod flows;
mod gate;
mod gate_handles;
mod gate_memory;
mod gate_seats;
mod hot_path;
mod legacy;
mod meter;
mod probes;
mod rating;
mod settlement;
mod tidy;
mod transfer;
mod vectors;

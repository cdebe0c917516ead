//! The move of the old SQLite files to PostgreSQL, without losing a row and without copying one twice.
//!
//! Owns reading those files and comparing both ends; called by `brink-edge transfer` alone. It sees no licence, no key and
//! nothing of the device directory.
//!
//! ```text
//! source (files, safe copies) -> tables + cell + json (what PostgreSQL can hold) -> read (chunks) -> load (COPY, checkpoints)
//!                             -> configuration (cameras, components, zones)                                    |
//!                             -> verify (both ways, row by row) <--------------------------------------- PostgreSQL
//! ```

mod cell;
mod configuration;
mod error;
mod json;
mod rejects;
mod source;
mod tables;

pub use error::TransferError;

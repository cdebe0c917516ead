//! The cloud side of Brink: catalogue, tenants, subscriptions, minting, activation and exchange.
//!
//! The rules are pure (`subscription`, `assignment`, `retirement`, `seats`, `desired`), storage is a port whose methods are whole
//! transactions, `minting` is the only caller of the license key, and [`Issuer::answer`] is the one use case of
//! devices, for HTTP and for files. What leaves was recorded before.

pub mod access;
mod activation;
pub mod admin;
pub mod amount;
mod answer;
pub mod assignment;
pub mod audit;
pub mod backup;
pub mod billing;
pub mod calendar;
pub mod catalog;
pub mod cli;
pub mod clock;
pub mod clock_reset;
pub mod code;
mod codes;
pub mod config;
pub mod currency;
pub mod desired;
pub mod editing;
pub mod environment;
mod exchange;
pub mod extension;
mod failures;
pub mod fleet;
pub mod founding;
pub mod http;
mod in_force;
pub mod invoicing;
pub mod issuance;
mod issuer;
pub mod keyring;
pub mod keys;
pub mod legacy;
mod metrics;
pub mod minting;
pub mod notices;
mod objects;
pub mod place;
pub mod plot;
pub mod price;
pub mod quotas;
mod reaction;
pub mod reactivation;
mod refusal;
pub mod reports;
mod request;
mod restored;
pub mod retirement;
pub mod rotation;
mod seat_reports;
pub mod seats;
pub mod secret;
pub mod shown;
pub mod shown_keys;
pub mod sold;
pub mod standing;
pub mod storage;
pub mod subscription;
mod suspicion;
pub mod timeline;
pub mod trials;
pub mod upkeep;
pub mod usage;

pub use issuer::{Issuer, OpenError};
pub use metrics::Metrics;
pub use refusal::Refusal;

#[cfg(test)]
mod testkit;
#[cfg(test)]
mod tests;

//! Flows through the whole issuer in one process, with real keys on the real database.

mod activation;
mod audit;
mod clock_reset;
mod clones;
mod exchange;
mod extension;
mod hostile;
mod http;
mod keys;
mod ledger;
mod licence;
mod ops;
mod quotas;
mod reactivated;
mod reports;
mod restored;
mod retired;
mod revocations;
mod rotation;
mod seams;
mod seat_reports;
mod seats;
mod standing;
mod suspended;
mod tls;
mod usage;

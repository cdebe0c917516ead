//! Flows through the whole issuer in one process, with real keys on the real database.

mod activation;
mod clock_reset;
mod exchange;
mod extension;
mod hostile;
mod http;
mod keys;
mod ledger;
mod licence;
mod restored;
mod retired;
mod rotation;
mod seats;
mod standing;
mod suspended;

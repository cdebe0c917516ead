//! The worked examples, the properties, and what is refused.

pub(crate) mod examples;
mod properties;
mod refused;
mod rules;

use super::quote::{Quote, QuoteError, quote};
use crate::catalog::{Catalog, Versions};

pub(crate) fn rated(text: &str) -> Result<Quote, QuoteError> {
    quote(text.as_bytes(), &Versions::new(vec![Catalog::embedded().unwrap()]).unwrap())
}

pub(crate) fn document(text: &str) -> serde_json::Value {
    rated(text).unwrap_or_else(|error| panic!("{error}: {text}")).document()
}

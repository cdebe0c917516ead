//! What the issuer tells Prometheus. Names, units and labels stand in docs/OPERATING.md, and a test compares.
//!
//! Every label has few values that we chose: a route's template and never its path, codes of our own, and no id of a
//! tenant or a device. What is counted was committed before.

mod exchanges;
mod host;
mod http;
mod tally;
mod trials;

pub(crate) use exchanges::ExchangeMetrics;
pub(crate) use host::{HostMetrics, Scraped};
pub(crate) use http::{HttpMetrics, Place};
pub(crate) use tally::Tally;
pub(crate) use trials::TrialMetrics;

use prometheus_client::encoding::prometheus_text::{CONTENT_TYPE, encode};
use prometheus_client::registry::Registry;
use std::sync::Arc;

/// What every name of ours begins with: the agent on a device has `brink_`.
const PREFIX: &str = "brink_issuer";
/// What [`Metrics::text`] gives.
pub(crate) const MEDIA_TYPE: &str = CONTENT_TYPE;

/// All of them. A copy counts in the same place.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Arc<Registry>,
    pub(crate) http: HttpMetrics,
    pub(crate) exchanges: ExchangeMetrics,
    pub(crate) host: HostMetrics,
    pub(crate) trials: TrialMetrics,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::default();
        let host = HostMetrics::register(&mut registry);
        let ours = registry.sub_registry_with_prefix(PREFIX);
        let (http, exchanges) = (HttpMetrics::register(ours), ExchangeMetrics::register(ours));
        let trials = TrialMetrics::register(ours);
        Self { registry: Arc::new(registry), http, exchanges, host, trials }
    }
}

impl Metrics {
    /// The page, as Prometheus reads it.
    pub(crate) fn text(&self) -> Result<String, std::fmt::Error> {
        let mut page = String::new();
        encode(&mut page, &self.registry)?;
        Ok(page)
    }
}

#[cfg(test)]
mod tests;

//! How long the agent waits for the issuer.

use super::Agent;
use std::time::Duration;

impl Agent {
    /// Gives a request less time than [`crate::uplink::NETWORK_TIMEOUT`].
    pub const fn limit_network(&mut self, timeout: Duration) {
        self.writer.limit_network(timeout);
    }
}

//! The way to the issuer that requests take.

use super::Writer;
use crate::uplink::{HttpsUplink, IssuerUrl, UplinkError};
use std::time::Duration;

impl Writer {
    /// Gives a request less time than [`crate::uplink::NETWORK_TIMEOUT`].
    pub const fn limit_network(&mut self, timeout: Duration) {
        self.network_timeout = Some(timeout);
    }

    pub(super) fn uplink(&self, url: IssuerUrl, ca_pem: Option<&str>) -> Result<HttpsUplink, UplinkError> {
        let uplink = HttpsUplink::new(url, ca_pem)?;
        Ok(match self.network_timeout {
            Some(timeout) => uplink.within(timeout),
            None => uplink,
        })
    }
}

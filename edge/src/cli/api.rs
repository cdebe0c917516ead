//! The options of `brink-edge run` that are the local API's.

use crate::api::{Billing, Options, Origin};
use crate::uplink::IssuerUrl;
use clap::Args;
use std::net::SocketAddr;
use std::path::PathBuf;

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Local API")]
pub(super) struct ApiArguments {
    /// Answer programs on this machine over HTTP on this address of its loopback; port 0 for a free one
    #[arg(long, value_name = "ADDR", requires = "api_token_file")]
    api_listen: Option<SocketAddr>,
    /// The file with the token that callers of --api-listen show; readable by its owner, or its group, alone
    #[arg(long, value_name = "FILE")]
    api_token_file: Option<PathBuf>,
    /// Answer them on this socket, which the group brink may use without a token
    #[arg(long, value_name = "PATH")]
    api_socket: Option<PathBuf>,
    /// Let pages of this one origin ask, as browsers name it, for example http://localhost:5173
    #[arg(long, value_name = "ORIGIN", requires = "api_listen")]
    cors_origin: Option<Origin>,
    /// Pass /api/v1/billing/ on to this billing server, up to and with its /api/v1
    #[arg(long, value_name = "URL", requires = "billing_key_file")]
    billing_url: Option<IssuerUrl>,
    /// The file with the key that it knows this site by; no page gets to see it
    #[arg(long, value_name = "FILE", requires = "billing_url")]
    billing_key_file: Option<PathBuf>,
}

impl ApiArguments {
    /// As they were given.
    pub(super) fn options(&self) -> Options {
        let billing = self.billing_url.clone().zip(self.billing_key_file.clone());
        Options {
            listen: self.api_listen,
            token_file: self.api_token_file.clone(),
            socket: self.api_socket.clone(),
            cors_origin: self.cors_origin.clone(),
            billing: billing.map(|(url, key_file)| Billing { url, key_file }),
        }
    }
}

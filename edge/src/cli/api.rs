//! The options of `brink-edge run` that are the local API's.

use crate::api::{Billing, BillingKey, Options, Origin};
use crate::command::Secret;
use crate::environment::Environment;
use crate::error::EdgeError;
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
    #[arg(long, value_name = "ORIGIN", requires = "api_token_file")]
    cors_origin: Option<Origin>,
    /// Pass /api/v1/billing/ on to this billing server, up to and with its /api/v1
    #[arg(long, value_name = "URL", requires = "billing_key_file")]
    billing_url: Option<IssuerUrl>,
    /// The file with the key that it knows this site by; no page gets to see it
    #[arg(long, value_name = "FILE", requires = "billing_url")]
    billing_key_file: Option<PathBuf>,
}

impl ApiArguments {
    /// As they were given; what no flag says the environment may say.
    pub(super) fn options(&self, environment: &Environment) -> Result<Options, EdgeError> {
        // A port is no wish to listen: without a token nobody is answered there.
        let port = environment.api.port.set().filter(|_| self.api_token_file.is_some());
        let of_port = port.map(|port| SocketAddr::from(([127, 0, 0, 1], *port)));
        Ok(Options {
            listen: self.api_listen.or(of_port),
            token_file: self.api_token_file.clone(),
            socket: self.api_socket.clone(),
            cors_origin: self.cors_origin.clone(),
            billing: self.billing(environment)?,
        })
    }

    /// A billing server is one with a key.
    fn billing(&self, environment: &Environment) -> Result<Option<Billing>, EdgeError> {
        let given = self.billing_url.clone().zip(self.billing_key_file.clone().map(BillingKey::File));
        let heartbeats = environment.heartbeats();
        if let Some((url, key)) = given {
            return Ok(Some(Billing { url, key, heartbeats }));
        }
        let Environment { billing, .. } = environment;
        let said = billing.service_url.set().zip(billing.api_key.set().filter(|key| !key.is_empty()));
        let Some((address, key)) = said else { return Ok(None) };
        let url = IssuerUrl::parse(address.as_str()).map_err(EdgeError::from)?;
        let key = BillingKey::Given(Secret::new(key.reveal()));
        Ok(Some(Billing { url, key, heartbeats }))
    }
}
